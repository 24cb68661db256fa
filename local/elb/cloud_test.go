package elb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/local/ec2"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/network/networktest"
	"github.com/rdslink/rdslink/local/wire"
)

const (
	account = "111122223333"
	vpc     = "vpc-1"
)

// cloud is the rest of the local cloud without a kernel: VPC addresses are ports of this machine.
type cloud struct {
	mu        sync.Mutex
	subnets   map[string]*ec2.Subnet
	groups    map[string]*ec2.SecurityGroup
	attached  map[string]*ec2.Interface
	taken     map[string]int // addresses of a subnet that others have
	records   map[string][]netip.Addr
	inUse     map[string]bool // load balancers that endpoint services use
	changed   []string        // load balancers whose ports changed
	listeners map[netip.AddrPort]net.Listener
	dialled   []netip.Addr        // who connected
	passed    []ec2.Passed        // what flow logs were told of
	blind     map[netip.Addr]bool // nodes whose connections go nowhere
}

func newCloud() *cloud {
	c := &cloud{
		subnets: map[string]*ec2.Subnet{}, groups: map[string]*ec2.SecurityGroup{}, attached: map[string]*ec2.Interface{}, taken: map[string]int{},
		records: map[string][]netip.Addr{}, inUse: map[string]bool{}, listeners: map[netip.AddrPort]net.Listener{}, blind: map[netip.Addr]bool{},
	}
	for i, zone := range []string{"a", "b", "c"} {
		c.addSubnet("subnet-"+zone, vpc, zone, fmt.Sprintf("10.0.%d.0/24", i+1))
	}
	c.addSubnet("subnet-a2", vpc, "a", "10.0.11.0/24")
	c.addSubnet("subnet-full", vpc, "c", "10.0.12.0/28")
	c.taken["subnet-full"] = 4 // of 11
	c.addSubnet("subnet-other", "vpc-2", "b", "10.9.0.0/24")
	c.groups["sg-1"] = &ec2.SecurityGroup{VPC: vpc}
	c.groups["sg-other"] = &ec2.SecurityGroup{VPC: "vpc-2"}
	return c
}

func (c *cloud) addSubnet(id, vpc, zone, cidr string) {
	c.subnets[id] = &ec2.Subnet{ID: id, Account: account, VPC: vpc, Zone: "eu-central-1" + zone, ZoneID: "euc1-" + zone, CIDR: netip.MustParsePrefix(cidr)}
}

func (c *cloud) Attach(_, subnet string, groups []string, description string, address netip.Addr) (*ec2.Interface, error) {
	in := c.subnets[subnet]
	if !address.IsValid() {
		address = in.CIDR.Addr()
		for range 5 + len(c.attached) {
			address = address.Next()
		}
	}
	i := &ec2.Interface{ID: model.ID("eni"), Subnet: subnet, VPC: in.VPC, Zone: in.Zone, Address: address, Groups: groups, Description: description}
	c.attached[i.ID] = i
	return i, nil
}

func (c *cloud) Free(subnet *ec2.Subnet) int {
	free := 1<<(32-subnet.CIDR.Bits()) - 5 - c.taken[subnet.ID]
	for _, i := range c.attached {
		if i.Subnet == subnet.ID {
			free--
		}
	}
	return free
}

func (c *cloud) Detach(id string) { delete(c.attached, id) }

func (c *cloud) SetGroups(id string, groups []string) error {
	c.attached[id].Groups = groups
	return nil
}

func (c *cloud) Subnet(_, id string) (*ec2.Subnet, error) {
	if subnet := c.subnets[id]; subnet != nil {
		return subnet, nil
	}
	return nil, errors.New("no such subnet")
}

func (c *cloud) SubnetAt(vpc string, address netip.Addr) (*ec2.Subnet, bool) {
	for _, subnet := range c.subnets {
		if subnet.VPC == vpc && subnet.CIDR.Contains(address) {
			return subnet, true
		}
	}
	return nil, false
}

func (c *cloud) SecurityGroup(_, id string) (*ec2.SecurityGroup, error) {
	if group := c.groups[id]; group != nil {
		return group, nil
	}
	return nil, errors.New("no such group")
}

func (c *cloud) CIDRs(id string) []netip.Prefix {
	if id != vpc {
		return nil
	}
	return []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}
}

// Admits lets only 172.31.0.9 in.
func (c *cloud) Admits(_ []string, from netip.Addr, _ uint16) bool {
	return from == netip.MustParseAddr("172.31.0.9")
}

func (c *cloud) ServiceOf(arn string) (string, bool) { return "vpce-svc-1", c.inUse[arn] }
func (c *cloud) PortsChanged(arn string)             { c.changed = append(c.changed, arn) }

func (c *cloud) Set(name string, _ map[string][]netip.Addr, outside []netip.Addr, _ uint32) {
	c.records[name] = outside
}
func (c *cloud) Delete(name string) { delete(c.records, name) }

func (c *cloud) Listen(_ string, at netip.AddrPort) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listeners[at] = l
	return l, nil
}

func (c *cloud) Answer(vpc string, at netip.AddrPort, ask network.Ask) (io.Closer, error) {
	l, err := c.Listen(vpc, at)
	if err == nil {
		go networktest.Answer(l, ask)
	}
	return l, err
}

func (c *cloud) Dial(ctx context.Context, _ string, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	c.mu.Lock()
	l, blind := c.listeners[to], c.blind[from]
	c.dialled = append(c.dialled, from)
	c.mu.Unlock()
	if blind {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if l == nil {
		return nil, errors.New("connection refused")
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
}

func (c *cloud) Pass(interfaceID string, p ec2.Passed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed = append(c.passed, p)
}

func (c *cloud) Withdraw(conn net.Conn) { networktest.Reset(conn) }

func (c *cloud) setBlind(node netip.Addr, blind bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blind[node] = blind
}

// database listens at an address and greets with it.
func (c *cloud) database(t *testing.T, address string) {
	t.Helper()
	l, err := c.Listen(vpc, netip.MustParseAddrPort(address+":5432"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.WriteString(conn, address)
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			}()
		}
	}()
}

// kill makes the database at 10.0.1.10 stop listening.
func (c *cloud) kill() {
	at := netip.MustParseAddrPort("10.0.1.10:5432")
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.listeners[at].Close()
	delete(c.listeners, at)
}

// bed is a service in a cloud, with the calls that tests make often. Its clock is fast, and nothing is delayed.
type bed struct {
	*Service
	*cloud
	t   *testing.T
	ctx context.Context
}

func newBed(t *testing.T) *bed {
	c := newCloud()
	w := &model.World{Region: "eu-central-1", Speed: 1000}
	s := &Service{
		world: w, interfaces: c, vpcs: c, services: c, names: c, sockets: c,
		loadBalancers: map[string]*loadBalancer{}, targetGroups: map[string]*targetGroup{}, listeners: map[string]*listener{},
	}
	b := &bed{s, c, t, wire.WithCaller(context.Background(), wire.Caller{Account: account})}
	t.Cleanup(func() {
		w.Lock()
		defer w.Unlock()
		for _, lb := range s.loadBalancers {
			lb.flows.reset()
		}
		for _, l := range s.listeners {
			l.close()
		}
		clear(s.targetGroups)
		clear(s.listeners)
		clear(s.loadBalancers)
	})
	return b
}

// locked makes a call as the front does, under the world's lock.
func locked[O any](b *bed, call func() (O, error)) (O, error) {
	b.world.Lock()
	defer b.world.Unlock()
	return call()
}

// must makes a call that must succeed.
func must[I, O any](b *bed, call func(context.Context, *I) (*O, error), in I) *O {
	b.t.Helper()
	out, err := locked(b, func() (*O, error) { return call(b.ctx, &in) })
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// loadBalancerInput is an internal load balancer in zones a and b.
func loadBalancerInput() elb.CreateLoadBalancerInput {
	return elb.CreateLoadBalancerInput{
		Name: aws.String("orders"), Type: types.LoadBalancerTypeEnumNetwork, Scheme: types.LoadBalancerSchemeEnumInternal,
		Subnets: []string{"subnet-a", "subnet-b"}, SecurityGroups: []string{"sg-1"},
	}
}

func targetGroupInput() elb.CreateTargetGroupInput {
	return elb.CreateTargetGroupInput{
		Name: aws.String("orders"), VpcId: aws.String(vpc), Protocol: types.ProtocolEnumTcp, Port: aws.Int32(5432), TargetType: types.TargetTypeEnumIp,
	}
}

func (b *bed) makeLoadBalancer() string {
	b.t.Helper()
	arn := *must(b, b.createLoadBalancer, loadBalancerInput()).LoadBalancers[0].LoadBalancerArn
	b.eventually("the load balancer is active", func() bool {
		return must(b, b.describeLoadBalancers, elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{arn}}).LoadBalancers[0].State.Code == types.LoadBalancerStateEnumActive
	})
	return arn
}

func (b *bed) makeTargetGroup() string {
	b.t.Helper()
	return *must(b, b.createTargetGroup, targetGroupInput()).TargetGroups[0].TargetGroupArn
}

func listenerInput(lb, group string) elb.CreateListenerInput {
	return elb.CreateListenerInput{
		LoadBalancerArn: &lb, Protocol: types.ProtocolEnumTcp, Port: aws.Int32(5432),
		DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: &group}},
	}
}

// chain makes a load balancer with a listener and a target group.
func (b *bed) chain() (lb, group string) {
	b.t.Helper()
	lb, group = b.makeLoadBalancer(), b.makeTargetGroup()
	must(b, b.createListener, listenerInput(lb, group))
	return lb, group
}

func targets(addresses ...string) []types.TargetDescription {
	var all []types.TargetDescription
	for _, a := range addresses {
		all = append(all, types.TargetDescription{Id: aws.String(a), Port: aws.Int32(5432)})
	}
	return all
}

func (b *bed) registerAddresses(group string, addresses ...string) {
	b.t.Helper()
	must(b, b.registerTargets, elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: targets(addresses...)})
}

func (b *bed) deregisterAddresses(group string, addresses ...string) {
	b.t.Helper()
	must(b, b.deregisterTargets, elb.DeregisterTargetsInput{TargetGroupArn: &group, Targets: targets(addresses...)})
}

// health tells the state and reason of an address, "" when it is not listed.
func (b *bed) health(group, address string) (types.TargetHealthStateEnum, types.TargetHealthReasonEnum) {
	b.t.Helper()
	all := must(b, b.describeTargetHealth, elb.DescribeTargetHealthInput{TargetGroupArn: &group}).TargetHealthDescriptions
	i := slices.IndexFunc(all, func(d types.TargetHealthDescription) bool { return *d.Target.Id == address })
	if i < 0 {
		return "", ""
	}
	return all[i].TargetHealth.State, all[i].TargetHealth.Reason
}

func (b *bed) awaitHealth(group, address string, want types.TargetHealthStateEnum) {
	b.t.Helper()
	b.eventually(fmt.Sprintf("%s is %q", address, want), func() bool {
		state, _ := b.health(group, address)
		return state == want
	})
}

func (b *bed) eventually(what string, is func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if is() {
			return
		}
	}
	b.t.Fatalf("never: %s", what)
}

// connect comes through PrivateLink to a zone, and gives the client's side.
func (b *bed) connect(lb, zoneID string, from string) net.Conn {
	b.t.Helper()
	client, server := pair(b.t)
	go func() {
		far, err := b.Through(context.Background(), lb, zoneID, 5432, netip.AddrPortFrom(netip.MustParseAddr(from), 40000))
		if err != nil {
			networktest.Reset(server)
			return
		}
		far.Carry(server)
	}()
	return client
}

// greeting is what the database says to a new connection through a zone, or the error of a connection that was reset.
func (b *bed) greeting(lb, zoneID string) (string, error) {
	b.t.Helper()
	client := b.connect(lb, zoneID, "172.31.0.9")
	defer client.Close()
	buffer := make([]byte, 64)
	n, err := client.Read(buffer)
	return string(buffer[:n]), err
}

// pair is two ends of one TCP connection.
func pair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client, server
}
