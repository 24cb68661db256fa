package ec2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/network/networktest"
	"github.com/rdslink/rdslink/local/wire"
)

const (
	provider = "111122223333"
	consumer = "444455556667" // its zone names are others than the provider's
	balancer = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/net/orders/0123456789abcdef"
)

// cloud is an EC2 in which a provider and a consumer have a VPC with the same addresses and a subnet in each of two zones.
type cloud struct {
	*Service
	t         *testing.T
	network   *fakeNetwork
	balancers *fakeBalancers
	sent      []model.Notification

	providerVPC, consumerVPC string
	providerSubnets          []string
	consumerSubnets          []string
}

func newCloud(t *testing.T) *cloud {
	n := &fakeNetwork{addresses: map[string][]netip.Addr{}, firewalls: map[string]network.Firewall{}, listeners: map[string]net.Listener{}}
	c := newCloudIn(t, n, n)
	c.network = n
	return c
}

func newCloudIn(t *testing.T, n namespaces, a addresses) *cloud {
	t.Helper()
	w := &model.World{Region: "eu-central-1"}
	c := &cloud{Service: newService(w, n, a), t: t, balancers: &fakeBalancers{byARN: map[string]LoadBalancer{}}}
	w.Notify = func(n model.Notification) { c.sent = append(c.sent, n) }
	c.SetLoadBalancers(c.balancers)
	c.providerVPC, c.providerSubnets = c.makeVPC(provider)
	c.consumerVPC, c.consumerSubnets = c.makeVPC(consumer)
	c.balancers.byARN[balancer] = LoadBalancer{
		ARN: balancer, Account: provider, Type: "network", Scheme: "internal", State: "active", VPC: c.providerVPC,
		Subnets: c.subnetsIn("euc1-az2", "euc1-az3"), Ports: []uint16{5432},
	}
	return c
}

// subnetsIn are the provider's subnets in zones.
func (c *cloud) subnetsIn(zones ...string) []*Subnet {
	return c.Service.subnets.where(func(n *Subnet) bool { return n.VPC == c.providerVPC && slices.Contains(zones, n.ZoneID) })
}

func (c *cloud) makeVPC(account string) (vpc string, subnets []string) {
	c.t.Helper()
	vpc = *must(c, account, c.createVPC, ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}).Vpc.VpcId
	for i, zone := range []string{"euc1-az2", "euc1-az3", "euc1-az1"} {
		in := ec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: aws.String(fmt.Sprintf("10.0.%d.0/24", i+1)), AvailabilityZoneId: aws.String(zone)}
		subnets = append(subnets, *must(c, account, c.createSubnet, in).Subnet.SubnetId)
	}
	return vpc, subnets
}

// ask calls an operation as the root of account.
func ask[I, O any](c *cloud, account string, serve func(context.Context, *I) (*O, error), in I) (*O, error) {
	return askAs(c, wire.Caller{Account: account, ARN: "arn:aws:iam::" + account + ":root"}, serve, in)
}

func askAs[I, O any](c *cloud, caller wire.Caller, serve func(context.Context, *I) (*O, error), in I) (*O, error) {
	c.world.Lock()
	defer c.world.Unlock()
	return serve(wire.WithCaller(context.Background(), caller), &in)
}

func must[I, O any](c *cloud, account string, serve func(context.Context, *I) (*O, error), in I) *O {
	c.t.Helper()
	out, err := ask(c, account, serve, in)
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

// try is ask for its error alone.
func try[I, O any](c *cloud, account string, serve func(context.Context, *I) (*O, error), in I) error {
	_, err := ask(c, account, serve, in)
	return err
}

// eventually polls what the world's clock brings about.
func (c *cloud) eventually(what string, holds func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if c.underLock(holds) {
			return
		}
	}
	c.t.Fatalf("never: %s", what)
}

func (c *cloud) underLock(holds func() bool) bool {
	c.world.Lock()
	defer c.world.Unlock()
	return holds()
}

func (c *cloud) attach(account, subnet string, groups ...string) *Interface {
	c.t.Helper()
	c.world.Lock()
	defer c.world.Unlock()
	i, err := c.Attach(account, subnet, groups, "test", netip.Addr{})
	if err != nil {
		c.t.Fatal(err)
	}
	return i
}

func (c *cloud) group(account, vpc, name string) string {
	c.t.Helper()
	in := ec2.CreateSecurityGroupInput{VpcId: &vpc, GroupName: &name, Description: &name}
	return *must(c, account, c.createSecurityGroup, in).GroupId
}

// service makes an endpoint service that lets the consumer in, and waits until it is available.
func (c *cloud) service() *types.ServiceConfiguration {
	c.t.Helper()
	made := must(c, provider, c.createEndpointService, serviceOf(balancer)).ServiceConfiguration
	allow := ec2.ModifyVpcEndpointServicePermissionsInput{ServiceId: made.ServiceId, AddAllowedPrincipals: []string{"arn:aws:iam::" + consumer + ":root"}}
	must(c, provider, c.modifyPermissions, allow)
	c.eventually("service available", func() bool {
		svc, _ := c.services.find(*made.ServiceId)
		return svc.state == types.ServiceStateAvailable
	})
	return made
}

func serviceOf(balancers ...string) ec2.CreateVpcEndpointServiceConfigurationInput {
	return ec2.CreateVpcEndpointServiceConfigurationInput{NetworkLoadBalancerArns: balancers, AcceptanceRequired: aws.Bool(true)}
}

// endpointTo is a consumer's request for an endpoint in the service's two zones.
func (c *cloud) endpointTo(svc *types.ServiceConfiguration) ec2.CreateVpcEndpointInput {
	return ec2.CreateVpcEndpointInput{
		VpcId: &c.consumerVPC, VpcEndpointType: types.VpcEndpointTypeInterface, ServiceName: svc.ServiceName, SubnetIds: c.consumerSubnets[:2],
	}
}

func (c *cloud) endpoint(svc *types.ServiceConfiguration) *types.VpcEndpoint {
	c.t.Helper()
	return must(c, consumer, c.createEndpoint, c.endpointTo(svc)).VpcEndpoint
}

func (c *cloud) state(endpoint string) types.State {
	e, ok := c.endpoints.find(endpoint)
	if !ok {
		return ""
	}
	return e.state
}

func (c *cloud) becomes(endpoint *types.VpcEndpoint, state types.State) {
	c.t.Helper()
	c.eventually(string(state), func() bool { return c.state(*endpoint.VpcEndpointId) == state })
}

// connected is a service with an available endpoint.
func (c *cloud) connected() (*types.ServiceConfiguration, *types.VpcEndpoint) {
	c.t.Helper()
	svc := c.service()
	e := c.endpoint(svc)
	must(c, provider, c.acceptConnections, ec2.AcceptVpcEndpointConnectionsInput{ServiceId: svc.ServiceId, VpcEndpointIds: []string{*e.VpcEndpointId}})
	c.becomes(e, available)
	return svc, e
}

// refusal is what AWS refuses, in AWS's words, and where AWS says so.
type refusal struct {
	source string
	do     func(*cloud) error
	code   string
	words  string // part of the message
}

func checkRefusals(t *testing.T, rows map[string]refusal) {
	for sentence, row := range rows {
		t.Run(sentence, func(t *testing.T) {
			err := row.do(newCloud(t))
			if refused, ok := errors.AsType[*wire.Error](err); !ok || refused.Code != row.code || !strings.Contains(refused.Message, row.words) {
				t.Errorf("got %v, want %s: …%s… as %s says", err, row.code, row.words, row.source)
			}
		})
	}
}

// fakeNetwork has VPCs only by name; its listeners are on the loopback, whatever their address.
type fakeNetwork struct {
	addresses map[string][]netip.Addr
	firewalls map[string]network.Firewall
	mu        sync.Mutex
	listeners map[string]net.Listener
}

func (n *fakeNetwork) CreateVPC(string, netip.Prefix) error { return nil }
func (n *fakeNetwork) DeleteVPC(string)                     {}
func (n *fakeNetwork) SetDNS(string, []netip.Addr) error    { return nil }
func (n *fakeNetwork) PublishSubnet(string, string) error   { return nil }
func (n *fakeNetwork) WithdrawSubnet(string)                {}
func (n *fakeNetwork) AddAddress(vpc string, a netip.Addr) error {
	n.addresses[vpc] = append(n.addresses[vpc], a)
	return nil
}

func (n *fakeNetwork) RemoveAddress(vpc string, a netip.Addr) {
	n.addresses[vpc] = slices.DeleteFunc(n.addresses[vpc], func(b netip.Addr) bool { return a == b })
}

func (n *fakeNetwork) SetFirewall(vpc string, f network.Firewall) error {
	n.firewalls[vpc] = f
	return nil
}

func (n *fakeNetwork) SetBoundaries(string, []network.Boundary) error { return nil }

func (n *fakeNetwork) Answer(vpc string, at netip.AddrPort, ask network.Ask) (io.Closer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners[vpc+"/"+at.String()] = l
	if err == nil {
		go networktest.Answer(l, ask)
	}
	return l, err
}

func (n *fakeNetwork) dial(vpc, at string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l, ok := n.listeners[vpc+"/"+at]
	if !ok {
		return nil, fmt.Errorf("nobody ever listened at %s", at)
	}
	return net.Dial("tcp", l.Addr().String())
}

// fakeBalancers greet a connection with where it arrived and keep it until it is cut.
type fakeBalancers struct{ byARN map[string]LoadBalancer }

func (b *fakeBalancers) LoadBalancer(arn string) (LoadBalancer, bool) {
	lb, ok := b.byARN[arn]
	return lb, ok
}

func (b *fakeBalancers) Through(_ context.Context, _, zoneID string, port uint16, client netip.AddrPort) (network.Far, error) {
	return arrival(fmt.Sprintf("%s port %d from %s\n", zoneID, port, client.Addr())), nil
}

type arrival string

func (a arrival) Carry(near net.Conn) {
	_, _ = io.WriteString(near, string(a))
	_, _ = io.Copy(io.Discard, near)
}

func (a arrival) Abandon() {}

// change makes the load balancer another one.
func (b *fakeBalancers) change(to func(*LoadBalancer)) {
	lb := b.byARN[balancer]
	to(&lb)
	b.byARN[balancer] = lb
}
