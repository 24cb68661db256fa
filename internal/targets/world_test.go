package targets

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolve"
)

// world is the truth that a sync sees only in part: who has which address, what
// DNS says, what is registered, and what was registered a moment ago.
type world struct {
	now time.Time

	bound   registry.Binding
	exists  bool
	hidden  bool // RDS does not find the database, though it exists
	status  string
	primary string   // where it is; a proxy is at
	several []string // several addresses instead
	writers []writer // who wrote in a cluster since when

	answered []past           // by DNS
	owners   map[string]owner // free addresses are missing
	misnames map[string]bool  // the addresses whose certificate names another server, whoever has them
	dns      func() resolve.Answer

	listener bool
	cut      map[string]string // what comes of a node's listener that does not lead to the database
	pathless bool              // the resolver is of a version that goes through no listener
	targets  map[target]*registered
	history  []snapshot

	sync   json.RawMessage
	life   registry.Life
	holder string
	until  time.Time
	fence  int64
}

// owner is who has an address.
type owner string

const (
	ours      owner = "database"  // one of the database's hosts
	neighbour owner = "neighbour" // another database, with the same security group
	stranger  owner = "stranger"
)

type registered struct {
	state elbtypes.TargetHealthStateEnum
	since time.Time
}

type past struct {
	at      time.Time
	lookups [][]string
	probes  []resolve.Probe
}

type writer struct {
	since   time.Time
	address string
}

// snapshot is what a describe shows that lags until the next one's time.
type snapshot struct {
	at     time.Time
	states map[target]elbtypes.TargetHealthStateEnum
}

// newWorld has an available database on blue, a load balancer, and no target.
func newWorld() *world {
	w := &world{
		bound: binding, now: noon, exists: true, status: "available", primary: blue, listener: true,
		owners:   map[string]owner{blue: ours, green: ours},
		misnames: map[string]bool{},
		targets:  map[target]*registered{},
	}
	w.dns = func() resolve.Answer { return answers(w.primary) }
	w.record()
	return w
}

// newCluster is a world whose database is an Aurora cluster, with a member on each of its addresses.
func newCluster() *world {
	w := newWorld()
	w.bound.DatabaseKind, w.bound.DatabaseARN = database.Cluster, "arn:aws:rds:eu-central-1:111122223333:cluster:orders"
	return w
}

// newProxy is a world whose database is a proxy with two addresses.
func newProxy() *world {
	w := newWorld()
	w.bound.DatabaseKind, w.bound.DatabaseARN = database.Proxy, "arn:aws:rds:eu-central-1:111122223333:db-proxy:prx-0a1b"
	w.primary, w.several = "", []string{blue, green}
	w.dns = func() resolve.Answer { return answers(w.several...) }
	return w
}

// memberHost is the name of the cluster's instance on an address.
func memberHost(address string) string {
	return "member-" + address + ".abc.eu-central-1.rds.amazonaws.com"
}

// writerAsOf is who wrote lag ago, as a describe that lags has it.
func (w *world) writerAsOf(lag time.Duration) string {
	if len(w.writers) == 0 || w.writers[len(w.writers)-1].address != w.primary {
		w.writers = append(w.writers, writer{w.now, w.primary})
	}
	for _, past := range slices.Backward(w.writers) {
		if !past.since.After(w.now.Add(-lag)) {
			return past.address
		}
	}
	return w.writers[0].address
}

// members are the addresses of the database's hosts.
func (w *world) members() []string {
	var all []string
	for _, address := range slices.Sorted(maps.Keys(w.owners)) {
		if w.owners[address] == ours {
			all = append(all, address)
		}
	}
	return all
}

// answers is what two lookups give that both find addresses.
func answers(addresses ...string) resolve.Answer {
	return resolve.Answer{Lookups: [][]string{addresses, addresses}}
}

func (w *world) record() {
	states := map[target]elbtypes.TargetHealthStateEnum{}
	for t, r := range w.targets {
		states[t] = r.state
	}
	w.history = append(w.history, snapshot{w.now, states})
}

// asOf is what was registered lag ago.
func (w *world) asOf(lag time.Duration) map[target]elbtypes.TargetHealthStateEnum {
	for _, s := range slices.Backward(w.history) {
		if !s.at.After(w.now.Add(-lag)) {
			return s.states
		}
	}
	return w.history[0].states
}

func (w *world) set(t target, state elbtypes.TargetHealthStateEnum) {
	if r := w.targets[t]; r == nil || r.state != state {
		w.targets[t] = &registered{state, w.now}
		w.record()
	}
}

// check is one round of health checks.
func (w *world) check(t target) {
	r := w.targets[t]
	switch {
	case r.state == draining && w.now.Sub(r.since) < 2*time.Minute:
	case r.state == draining:
		delete(w.targets, t)
		w.record()
	case !w.listener:
		w.set(t, unused)
	case w.answersTCP(t.Address) && t.Port == binding.Port:
		w.set(t, healthy)
	default:
		w.set(t, unhealthy)
	}
}

func (w *world) checkAll() {
	for t := range maps.Clone(w.targets) {
		w.check(t)
	}
}

// answersTCP: a standby does not, a reader does, another's server may.
func (w *world) answersTCP(address string) bool {
	serving := address == w.primary || slices.Contains(w.several, address) || roles(w.bound) && w.owners[address] == ours
	return w.owners[address] == neighbour || serving && w.exists && w.status == "available"
}

// counted are the targets that keep the group from being empty.
func (w *world) counted() []target {
	found := []target{}
	for t, r := range w.targets {
		if r.state != draining && r.state != unused {
			found = append(found, t)
		}
	}
	return found
}

// client is an actor's view of the world. before runs ahead of each call's
// effect, and may refuse the call; after may lose its reply.
type client struct {
	*world
	process       *pulses
	before, after func(operation string) error
	lag           func() time.Duration
	visible       func(address string) bool // whether EC2 shows the interface of an address already
	calls         []string                  // every call, in order
	refused       int                       // calls until the registry's last refusal
	changes       []string                  // calls that change targets, in order
	lastAnswer    resolve.Answer
	lastShown     map[target]elbtypes.TargetHealthStateEnum
	holder        string
	changing      func(operation string, t elbtypes.TargetDescription) // judges a change ahead of its effect
}

// newClient sees the world as it is, at once and without a fault.
func newClient(w *world) *client {
	return &client{
		world:    w,
		process:  newPulses(),
		before:   func(string) error { return nil },
		after:    func(string) error { return nil },
		lag:      func() time.Duration { return 0 },
		visible:  func(string) bool { return true },
		changing: func(string, elbtypes.TargetDescription) {},
	}
}

func (c *client) deps() Deps {
	return Deps{ELB: c, RDS: c, EC2: c, Lambda: c, Registry: c, pulses: c.process, clock: func() time.Time { return c.now }}
}

// sync is a tick of the schedule.
func (c *client) sync() (Report, error) {
	return c.deps().Sync(context.Background(), c.bound, Asked{Tick: true, Record: true})
}

// restart is another process, which knows nothing.
func (c *client) restart() { c.process = newPulses() }

func call[T any](c *client, operation string, effect func() (T, error)) (T, error) {
	var none T
	c.calls = append(c.calls, operation)
	if err := c.before(operation); err != nil {
		c.refuses(operation)
		return none, err
	}
	out, err := effect()
	if err != nil {
		return none, err
	}
	if err := c.after(operation); err != nil {
		c.refuses(operation)
		return none, err
	}
	return out, nil
}

func (c *client) refuses(operation string) {
	if slices.Contains([]string{"Get", "Lease", "SaveSync"}, operation) {
		c.refused = len(c.calls)
	}
}

func (c *client) DescribeTargetHealth(context.Context, *elb.DescribeTargetHealthInput, ...func(*elb.Options)) (*elb.DescribeTargetHealthOutput, error) {
	return call(c, "DescribeTargetHealth", func() (*elb.DescribeTargetHealthOutput, error) {
		out := &elb.DescribeTargetHealthOutput{}
		c.lastShown = c.asOf(c.lag())
		for t, state := range c.lastShown {
			out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, elbtypes.TargetHealthDescription{
				Target:          &elbtypes.TargetDescription{Id: &t.Address, Port: aws.Int32(int32(t.Port))},
				HealthCheckPort: aws.String("5432"),
				TargetHealth:    &elbtypes.TargetHealth{State: state},
			})
		}
		return out, nil
	})
}

func (c *client) RegisterTargets(_ context.Context, in *elb.RegisterTargetsInput, _ ...func(*elb.Options)) (*elb.RegisterTargetsOutput, error) {
	return call(c, "RegisterTargets", func() (*elb.RegisterTargetsOutput, error) {
		for _, described := range in.Targets {
			c.changing("register", described)
			t := target{*described.Id, int(aws.ToInt32(described.Port))}
			c.changes = append(c.changes, "register "+t.String())
			if r := c.targets[t]; r != nil && r.state != draining {
				continue
			}
			if c.listener {
				c.set(t, initial)
			} else {
				c.set(t, unused)
			}
		}
		return &elb.RegisterTargetsOutput{}, nil
	})
}

// DeregisterTargets takes what matches address and port, and is silent about
// the rest, as ELB is.
func (c *client) DeregisterTargets(_ context.Context, in *elb.DeregisterTargetsInput, _ ...func(*elb.Options)) (*elb.DeregisterTargetsOutput, error) {
	return call(c, "DeregisterTargets", func() (*elb.DeregisterTargetsOutput, error) {
		for _, described := range in.Targets {
			c.changing("deregister", described)
			t := target{*described.Id, int(aws.ToInt32(described.Port))}
			c.changes = append(c.changes, "deregister "+t.String())
			if c.targets[t] != nil {
				c.set(t, draining)
			}
		}
		return &elb.DeregisterTargetsOutput{}, nil
	})
}

func (c *client) DescribeDBInstances(_ context.Context, in *rds.DescribeDBInstancesInput, _ ...func(*rds.Options)) (*rds.DescribeDBInstancesOutput, error) {
	return call(c, "DescribeDBInstances", func() (*rds.DescribeDBInstancesOutput, error) {
		if in.DBInstanceIdentifier == nil {
			return &rds.DescribeDBInstancesOutput{DBInstances: c.clusterInstances()}, nil
		}
		if !c.exists || c.hidden {
			return nil, &rdstypes.DBInstanceNotFoundFault{}
		}
		return &rds.DescribeDBInstancesOutput{DBInstances: []rdstypes.DBInstance{c.instance("orders", c.bound.Host)}}, nil
	})
}

func (c *client) instance(identifier, host string) rdstypes.DBInstance {
	return rdstypes.DBInstance{
		DBInstanceIdentifier: &identifier,
		DBInstanceStatus:     &c.status,
		Endpoint:             &rdstypes.Endpoint{Address: &host, Port: aws.Int32(5432)},
		VpcSecurityGroups:    []rdstypes.VpcSecurityGroupMembership{{VpcSecurityGroupId: aws.String(group), Status: aws.String("active")}},
	}
}

func (c *client) clusterInstances() []rdstypes.DBInstance {
	var all []rdstypes.DBInstance
	for _, address := range c.members() {
		all = append(all, c.instance("member-"+address, memberHost(address)))
	}
	return all
}

func (c *client) DescribeDBClusters(context.Context, *rds.DescribeDBClustersInput, ...func(*rds.Options)) (*rds.DescribeDBClustersOutput, error) {
	return call(c, "DescribeDBClusters", func() (*rds.DescribeDBClustersOutput, error) {
		if !c.exists || c.hidden {
			return nil, &rdstypes.DBClusterNotFoundFault{}
		}
		cluster := rdstypes.DBCluster{
			DBClusterIdentifier: aws.String("orders"), Status: &c.status, Endpoint: &c.bound.Host, Port: aws.Int32(5432),
			VpcSecurityGroups: c.instance("", "").VpcSecurityGroups,
		}
		writes := c.writerAsOf(c.lag())
		for _, address := range c.members() {
			cluster.DBClusterMembers = append(cluster.DBClusterMembers,
				rdstypes.DBClusterMember{DBInstanceIdentifier: aws.String("member-" + address), IsClusterWriter: aws.Bool(address == writes)})
		}
		return &rds.DescribeDBClustersOutput{DBClusters: []rdstypes.DBCluster{cluster}}, nil
	})
}

func (c *client) DescribeDBProxies(context.Context, *rds.DescribeDBProxiesInput, ...func(*rds.Options)) (*rds.DescribeDBProxiesOutput, error) {
	return call(c, "DescribeDBProxies", func() (*rds.DescribeDBProxiesOutput, error) {
		if !c.exists || c.hidden {
			return &rds.DescribeDBProxiesOutput{}, nil
		}
		return &rds.DescribeDBProxiesOutput{DBProxies: []rdstypes.DBProxy{{
			DBProxyName: aws.String("orders"), DBProxyArn: &c.bound.DatabaseARN, Status: rdstypes.DBProxyStatus(c.status), Endpoint: &c.bound.Host,
			EngineFamily: aws.String("POSTGRESQL"), VpcSecurityGroupIds: []string{group},
		}}}, nil
	})
}

func (c *client) DescribeNetworkInterfaces(_ context.Context, in *ec2.DescribeNetworkInterfacesInput, _ ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error) {
	return call(c, "DescribeNetworkInterfaces", func() (*ec2.DescribeNetworkInterfacesOutput, error) {
		groups := map[owner]string{ours: group, neighbour: group, stranger: "sg-other"}
		out := &ec2.DescribeNetworkInterfacesOutput{}
		for _, address := range in.Filters[1].Values {
			if owner, taken := c.owners[address]; taken && c.visible(address) {
				out.NetworkInterfaces = append(out.NetworkInterfaces, ec2types.NetworkInterface{
					Groups:             []ec2types.GroupIdentifier{{GroupId: aws.String(groups[owner])}},
					PrivateIpAddresses: []ec2types.NetworkInterfacePrivateIpAddress{{PrivateIpAddress: &address}},
				})
			}
		}
		return out, nil
	})
}

func (c *client) Invoke(_ context.Context, in *lambda.InvokeInput, _ ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	return call(c, "Invoke", func() (*lambda.InvokeOutput, error) {
		var r resolve.Request
		if err := json.Unmarshal(in.Payload, &r); err != nil {
			return nil, err
		}
		answer := c.dns()
		for _, address := range unique(slices.Concat(append(answer.Lookups, r.Probe)...)) {
			answer.Probes = append(answer.Probes, c.probe(address, r.TLS))
		}
		answer.Names = map[string][]string{}
		for _, address := range c.members() {
			if slices.Contains(r.Names, memberHost(address)) {
				answer.Names[memberHost(address)] = []string{address}
			}
		}
		for _, listener := range r.Path {
			if c.pathless {
				break
			}
			answer.Path = append(answer.Path, c.through(listener))
		}
		c.lastAnswer, c.answered = answer, append(c.answered, past{c.now, answer.Lookups, answer.Probes})
		payload, err := json.Marshal(answer)
		return &lambda.InvokeOutput{Payload: payload}, err
	})
}

// through is what comes of going to the database through a listener.
func (w *world) through(listener string) resolve.Probe {
	switch result, cut := w.cut[listener]; {
	case result == "another name":
		return resolve.Probe{Address: listener, Result: resolve.Answered, TLS: resolve.Mismatch, Detail: result}
	case result == "1129":
		return resolve.Probe{Address: listener, Result: resolve.Answered, Code: result, Detail: "1129 Host is blocked"}
	case cut:
		return resolve.Probe{Address: listener, Result: result, Detail: "i/o timeout"}
	}
	if w.misnames[w.primary] {
		return resolve.Probe{Address: listener, Result: resolve.Answered, TLS: resolve.Mismatch, Detail: "another name"}
	}
	return resolve.Probe{Address: listener, Result: resolve.Served}
}

func unique(addresses []string) []string {
	slices.Sort(addresses)
	return slices.Compact(addresses)
}

func (w *world) probe(address string, tls bool) resolve.Probe {
	p := resolve.Probe{Address: address, Result: resolve.Blocked}
	if !w.answersTCP(address) {
		return p
	}
	p.Result = resolve.Open
	if tls && (w.owners[address] == neighbour || w.misnames[address]) {
		p.TLS = resolve.Mismatch
	} else if tls {
		p.TLS = resolve.Match
	}
	return p
}

func (c *client) Get(context.Context, string) (registry.Exposure, error) {
	return call(c, "Get", func() (registry.Exposure, error) {
		return registry.Exposure{Sync: c.world.sync, Life: c.world.life}, nil
	})
}

func (c *client) Lease(_ context.Context, _, holder string, d time.Duration) (registry.Exposure, bool, error) {
	given := false
	leased, err := call(c, "Lease", func() (registry.Exposure, error) {
		if c.world.holder != "" && c.world.holder != holder && c.now.Before(c.until) {
			return registry.Exposure{}, nil
		}
		given = true
		c.world.holder, c.until, c.holder = holder, c.now.Add(d), holder
		c.fence++
		return registry.Exposure{Fence: c.fence, Sync: c.world.sync}, nil
	})
	return leased, given && err == nil, err
}

func (c *client) Release(_ context.Context, _, holder string) error {
	_, err := call(c, "Release", func() (any, error) {
		if c.world.holder == holder {
			c.world.holder = ""
		}
		return nil, nil
	})
	return err
}

func (c *client) SaveSync(_ context.Context, _ string, fence int64, state json.RawMessage) error {
	_, err := call(c, "SaveSync", func() (any, error) {
		if fence != c.fence {
			return nil, outcome.NotReady("overtaken")
		}
		c.world.sync = slices.Clone(state)
		return nil, nil
	})
	return err
}

// RecordLife does what the registry's own does, whose tests hold it.
func (c *client) RecordLife(_ context.Context, _ string, ended time.Time, seen registry.Life) error {
	_, err := call(c, "RecordLife", func() (any, error) {
		l := &c.world.life
		if l.Looked.After(ended) {
			return nil, nil
		}
		for to, from := range map[*time.Time]time.Time{&l.Looked: seen.Looked, &l.Ticked: seen.Ticked, &l.Good: seen.Good, &l.Proven: seen.Proven} {
			if !from.IsZero() {
				*to = from
			}
		}
		if len(seen.Path) > 0 {
			l.Path = seen.Path
		}
		if seen.State != "" {
			l.State, l.Bad, l.Detail = seen.State, seen.Bad, seen.Detail
		}
		return nil, nil
	})
	return err
}
