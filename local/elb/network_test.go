package elb_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/local/ec2"
	localelb "github.com/rdslink/rdslink/local/elb"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/network/networktest"
	"github.com/rdslink/rdslink/local/postgres"
	"github.com/rdslink/rdslink/local/postgres/postgrestest"
	"github.com/rdslink/rdslink/local/wire"
)

func TestMain(m *testing.M) { networktest.TestMain(m) }

const account = "111122223333"

// cloud is a real VPC, with security groups in the kernel.
type cloud struct {
	t       *testing.T
	world   *model.World
	network *network.Network
	vpcs    *ec2.Service
	elb     *localelb.Service
	ops     wire.Operations
}

func newCloud(t *testing.T) cloud {
	t.Helper()
	w := &model.World{Region: "eu-central-1", Speed: 1000}
	n := networktest.New(t)
	vpcs := ec2.New(w, n)
	balancers := localelb.New(w, n, vpcs)
	vpcs.SetLoadBalancers(balancers)
	ops := wire.Operations{}
	for _, service := range []wire.Operations{w.Locked(vpcs.Operations()), w.Locked(balancers.Operations())} {
		for name, op := range service {
			ops[name] = op
		}
	}
	return cloud{t, w, n, vpcs, balancers, ops}
}

// call makes an API call of the account.
func call[O, I any](c cloud, operation string, in I) *O {
	c.t.Helper()
	ctx := wire.WithCaller(context.Background(), wire.Caller{Account: account})
	out, err := c.ops[operation](ctx, func(into any) error {
		*into.(*I) = in
		return nil
	})
	if err != nil {
		c.t.Fatal(operation, err)
	}
	return out.(*O)
}

func (c cloud) subnet(vpc, zone, cidr string) string {
	c.t.Helper()
	out := call[awsec2.CreateSubnetOutput](c, "CreateSubnet", awsec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: &cidr, AvailabilityZone: &zone})
	return *out.Subnet.SubnetId
}

func (c cloud) securityGroup(vpc, name string) string {
	c.t.Helper()
	out := call[awsec2.CreateSecurityGroupOutput](c, "CreateSecurityGroup", awsec2.CreateSecurityGroupInput{VpcId: &vpc, GroupName: &name, Description: &name})
	return *out.GroupId
}

func (c cloud) attach(subnet string, groups ...string) *ec2.Interface {
	c.t.Helper()
	c.world.Lock()
	defer c.world.Unlock()
	nic, err := c.vpcs.Attach(account, subnet, groups, "database", netip.Addr{})
	if err != nil {
		c.t.Fatal(err)
	}
	return nic
}

// database attaches an address and answers every connection there with the address that it sees.
func (c cloud) database(subnet, group string) netip.Addr {
	c.t.Helper()
	nic := c.attach(subnet, group)
	l, err := c.network.Listen(nic.VPC, netip.AddrPortFrom(nic.Address, 5432))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, netip.MustParseAddrPort(conn.RemoteAddr().String()).Addr().String())
			_ = conn.Close()
		}
	}()
	return nic.Address
}

func (c cloud) awaitHealth(group string, want types.TargetHealthStateEnum) {
	c.t.Helper()
	c.await(string(want), func() bool {
		out := call[elb.DescribeTargetHealthOutput](c, "DescribeTargetHealth", elb.DescribeTargetHealthInput{TargetGroupArn: &group})
		return out.TargetHealthDescriptions[0].TargetHealth.State == want
	})
}

func (c cloud) await(what string, so func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if so() {
			return
		}
	}
	c.t.Fatalf("never: %s", what)
}

// balance makes a load balancer that forwards to an address.
func (c cloud) balance(vpc string, to netip.Addr, subnets []string, groups ...string) (lb types.LoadBalancer, group string) {
	c.t.Helper()
	lb = call[elb.CreateLoadBalancerOutput](c, "CreateLoadBalancer", elb.CreateLoadBalancerInput{
		Name: aws.String("orders"), Type: types.LoadBalancerTypeEnumNetwork, Scheme: types.LoadBalancerSchemeEnumInternal,
		Subnets: subnets, SecurityGroups: groups,
	}).LoadBalancers[0]
	group = *call[elb.CreateTargetGroupOutput](c, "CreateTargetGroup", elb.CreateTargetGroupInput{
		Name: aws.String("orders"), VpcId: &vpc, Protocol: types.ProtocolEnumTcp, Port: aws.Int32(5432), TargetType: types.TargetTypeEnumIp,
	}).TargetGroups[0].TargetGroupArn
	call[elb.CreateListenerOutput](c, "CreateListener", elb.CreateListenerInput{
		LoadBalancerArn: lb.LoadBalancerArn, Protocol: types.ProtocolEnumTcp, Port: aws.Int32(5432),
		DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: &group}},
	})
	call[elb.RegisterTargetsOutput](c, "RegisterTargets", elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: []types.TargetDescription{{Id: aws.String(to.String())}}})
	return lb, group
}

func TestKernelDecidesWhomTheNodesReach(t *testing.T) {
	c := newCloud(t)
	vpc := *call[awsec2.CreateVpcOutput](c, "CreateVpc", awsec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}).Vpc.VpcId
	a, b := c.subnet(vpc, "eu-central-1a", "10.0.1.0/24"), c.subnet(vpc, "eu-central-1b", "10.0.2.0/24")
	balancerGroup, databaseGroup := c.securityGroup(vpc, "balancer"), c.securityGroup(vpc, "database")
	address := c.database(a, databaseGroup)

	lb, group := c.balance(vpc, address, []string{a, b}, balancerGroup)
	c.awaitHealth(group, types.TargetHealthStateEnumUnhealthy)

	call[awsec2.AuthorizeSecurityGroupIngressOutput](c, "AuthorizeSecurityGroupIngress", awsec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &databaseGroup, IpPermissions: []ec2types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(5432), ToPort: aws.Int32(5432),
			IpRanges: []ec2types.IpRange{{CidrIp: aws.String("10.0.1.0/24")}, {CidrIp: aws.String("10.0.2.0/24")}},
		}},
	})
	c.awaitHealth(group, types.TargetHealthStateEnumHealthy)

	call[elb.SetSecurityGroupsOutput](c, "SetSecurityGroups", elb.SetSecurityGroupsInput{
		LoadBalancerArn: lb.LoadBalancerArn, SecurityGroups: []string{balancerGroup},
		EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: types.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnumOff,
	})
	nodes, _, _ := c.vpcs.Records().Lookup("", *lb.DNSName)
	if seen := netip.MustParseAddr(c.throughPrivateLink(*lb.LoadBalancerArn)); !slices.Contains(nodes, seen) {
		t.Errorf("the database sees %s; the nodes are %v", seen, nodes)
	}
}

// throughPrivateLink is what a client hears that comes through PrivateLink to the zone of the first subnet.
func (c cloud) throughPrivateLink(lb string) string {
	c.t.Helper()
	c.world.Lock()
	told, _ := c.elb.LoadBalancer(lb)
	c.world.Unlock()
	client, server := net.Pipe()
	far, err := c.elb.Through(c.t.Context(), lb, told.Subnets[0].ZoneID, 5432, netip.MustParseAddrPort("172.31.0.9:40000"))
	if err != nil {
		c.t.Fatal(err)
	}
	go far.Carry(server)
	heard, err := io.ReadAll(client)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(heard)
}

// What a person finds in the log of a database behind a load balancer (bitnami/charts#29490): a check that ended with a FIN
// would leave nothing there.
func TestAHealthCheckEndsWithAResetThatPostgreSQLLogs(t *testing.T) {
	c := newCloud(t)
	vpc := *call[awsec2.CreateVpcOutput](c, "CreateVpc", awsec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}).Vpc.VpcId
	subnet := c.subnet(vpc, "eu-central-1a", "10.0.1.0/24")
	at := c.attach(subnet).Address
	installation, dir := postgrestest.Install(t, c.network)
	server, err := installation.Create(postgres.Config{Name: "orders", DNSNames: []string{"orders"}, User: "app", Password: "correct-horse"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Delete() })
	if err := server.Start(t.Context(), vpc, netip.AddrPortFrom(at, 5432)); err != nil {
		t.Fatal(err)
	}
	_, group := c.balance(vpc, at, []string{subnet})
	c.awaitHealth(group, types.TargetHealthStateEnumHealthy)
	c.await("a check in the server's log", func() bool {
		log, err := os.ReadFile(filepath.Join(dir, "servers", "orders", "log"))
		return err == nil && strings.Contains(string(log), "LOG:  could not receive data from client: Connection reset by peer")
	})
}
