package elb_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"golang.org/x/sys/unix"

	"github.com/rdslink/rdslink/local/ec2"
)

// path is a load balancer before a database, a client in its VPC, and a consumer's endpoint before both, with a client.
type path struct {
	cloud
	vpc, consumerVPC                            string
	subnet                                      string
	lb, group                                   string
	balancerGroup, databaseGroup, endpointGroup string
	clientGroup                                 string
	node, endpoint                              netip.AddrPort
	database, client, consumer                  *ec2.Interface
}

func newPath(t *testing.T) *path {
	t.Helper()
	p := &path{cloud: newCloud(t)}
	p.vpc = *call[awsec2.CreateVpcOutput](p.cloud, "CreateVpc", awsec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}).Vpc.VpcId
	p.consumerVPC = *call[awsec2.CreateVpcOutput](p.cloud, "CreateVpc", awsec2.CreateVpcInput{CidrBlock: aws.String("10.7.0.0/16")}).Vpc.VpcId
	p.subnet = p.cloud.subnet(p.vpc, "eu-central-1a", "10.0.1.0/24")
	databases := p.cloud.subnet(p.vpc, "eu-central-1a", "10.0.2.0/24")
	clients := p.cloud.subnet(p.vpc, "eu-central-1c", "10.0.3.0/24")
	consumers := p.cloud.subnet(p.consumerVPC, "eu-central-1a", "10.7.1.0/24")
	p.balancerGroup, p.databaseGroup = p.securityGroup(p.vpc, "balancer"), p.securityGroup(p.vpc, "database")
	p.endpointGroup, p.clientGroup = p.securityGroup(p.consumerVPC, "endpoint"), p.securityGroup(p.vpc, "client")
	p.allow(p.databaseGroup, "10.0.1.0/24")
	p.allow(p.balancerGroup, "10.0.3.0/24")
	p.allow(p.endpointGroup, "10.7.1.0/24")

	p.database, p.client, p.consumer = p.attach(databases, p.databaseGroup), p.attach(clients, p.clientGroup), p.attach(consumers, p.endpointGroup)
	lb, group := p.balance(p.vpc, p.database.Address, []string{p.subnet}, p.balancerGroup)
	p.lb, p.group = *lb.LoadBalancerArn, group
	p.awaitHealth(group, types.TargetHealthStateEnumUnhealthy) // nobody listens yet, and the load balancer fails open
	call[elb.SetSecurityGroupsOutput](p.cloud, "SetSecurityGroups", elb.SetSecurityGroupsInput{
		LoadBalancerArn: &p.lb, SecurityGroups: []string{p.balancerGroup},
		EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: types.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnumOff,
	})
	call[elb.ModifyLoadBalancerAttributesOutput](p.cloud, "ModifyLoadBalancerAttributes", elb.ModifyLoadBalancerAttributesInput{
		LoadBalancerArn: &p.lb, Attributes: []types.LoadBalancerAttribute{{Key: aws.String("load_balancing.cross_zone.enabled"), Value: aws.String("true")}},
	})
	p.node = p.interfaceAt("ELB net/*")
	p.connect(consumers)
	return p
}

// connect makes the endpoint service, and the consumer's endpoint to it.
func (p *path) connect(subnet string) {
	p.t.Helper()
	service := call[awsec2.CreateVpcEndpointServiceConfigurationOutput](p.cloud, "CreateVpcEndpointServiceConfiguration",
		awsec2.CreateVpcEndpointServiceConfigurationInput{NetworkLoadBalancerArns: []string{p.lb}, AcceptanceRequired: aws.Bool(false)},
	).ServiceConfiguration
	var endpoint *ec2types.VpcEndpoint
	p.await("an endpoint service", func() bool {
		out := call[awsec2.DescribeVpcEndpointServiceConfigurationsOutput](p.cloud, "DescribeVpcEndpointServiceConfigurations",
			awsec2.DescribeVpcEndpointServiceConfigurationsInput{ServiceIds: []string{*service.ServiceId}})
		return out.ServiceConfigurations[0].ServiceState == ec2types.ServiceStateAvailable
	})
	call[awsec2.ModifyVpcEndpointServicePermissionsOutput](p.cloud, "ModifyVpcEndpointServicePermissions",
		awsec2.ModifyVpcEndpointServicePermissionsInput{ServiceId: service.ServiceId, AddAllowedPrincipals: []string{"*"}})
	endpoint = call[awsec2.CreateVpcEndpointOutput](p.cloud, "CreateVpcEndpoint", awsec2.CreateVpcEndpointInput{
		VpcEndpointType: ec2types.VpcEndpointTypeInterface, VpcId: &p.consumerVPC, ServiceName: service.ServiceName,
		SubnetIds: []string{subnet}, SecurityGroupIds: []string{p.endpointGroup},
	}).VpcEndpoint
	p.await("an endpoint", func() bool {
		out := call[awsec2.DescribeVpcEndpointsOutput](p.cloud, "DescribeVpcEndpoints", awsec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{*endpoint.VpcEndpointId}})
		return out.VpcEndpoints[0].State == "available"
	})
	p.endpoint = p.interfaceAt("VPC Endpoint Interface *")
}

func (p *path) interfaceAt(description string) netip.AddrPort {
	p.t.Helper()
	found := call[awsec2.DescribeNetworkInterfacesOutput](p.cloud, "DescribeNetworkInterfaces", awsec2.DescribeNetworkInterfacesInput{
		Filters: []ec2types.Filter{{Name: aws.String("description"), Values: []string{description}}},
	}).NetworkInterfaces
	return netip.AddrPortFrom(netip.MustParseAddr(*found[0].PrivateIpAddress), 5432)
}

func port5432(cidr string) []ec2types.IpPermission {
	return []ec2types.IpPermission{{
		IpProtocol: aws.String("tcp"), FromPort: aws.Int32(5432), ToPort: aws.Int32(5432), IpRanges: []ec2types.IpRange{{CidrIp: &cidr}},
	}}
}

func (p *path) allow(group, cidr string) {
	p.t.Helper()
	call[awsec2.AuthorizeSecurityGroupIngressOutput](p.cloud, "AuthorizeSecurityGroupIngress",
		awsec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: port5432(cidr)})
}

func (p *path) revoke(group, cidr string) {
	p.t.Helper()
	call[awsec2.RevokeSecurityGroupIngressOutput](p.cloud, "RevokeSecurityGroupIngress",
		awsec2.RevokeSecurityGroupIngressInput{GroupId: &group, IpPermissions: port5432(cidr)})
}

// What a connection meets.
const (
	served   = "served"
	refused  = "refused"
	timedOut = "timed out"
)

func (p *path) inside(want string) string { return p.try(want, p.vpc, p.client.Address, p.node) }

func (p *path) throughEndpoint(want string) string {
	return p.try(want, p.consumerVPC, p.consumer.Address, p.endpoint)
}

func (p *path) try(want, vpc string, from netip.Addr, to netip.AddrPort) string {
	p.t.Helper()
	// A good connection takes milliseconds on a machine that is not busy.
	patience := 20 * time.Second
	if want == timedOut {
		patience = 700 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	conn, err := p.network.Dial(ctx, vpc, from, to)

	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		return refused
	case timedOutBy(err):
		return timedOut
	case err != nil:
		return err.Error()
	}
	defer conn.Close()
	if _, err := io.ReadAll(conn); err != nil {
		return "opened, then " + err.Error()
	}
	return served
}

func (p *path) listen() net.Listener {
	p.t.Helper()
	l, err := p.network.Listen(p.vpc, netip.AddrPortFrom(p.database.Address, 5432))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	return l
}

// A network load balancer passes a client's SYN to the target and the target's answer back
// (elasticloadbalancing/latest/network/network-load-balancers.html: "The load balancer … forwards the request without
// modifying the headers"): until the target has answered, the client has no connection.
func TestNodesAndEndpointsAnswerOnlyAsTheirTarget(t *testing.T) {
	p := newPath(t)
	expect := func(when, inside, throughEndpoint string) {
		t.Helper()
		if got := p.inside(inside); got != inside {
			t.Errorf("%s, a client in the VPC is %s, want %s", when, got, inside)
		}
		if got := p.throughEndpoint(throughEndpoint); got != throughEndpoint {
			t.Errorf("%s, a consumer is %s, want %s", when, got, throughEndpoint)
		}
	}
	expect("while nobody listens", refused, refused)
	l := p.listen()
	expect("while the target listens", served, served)

	p.revoke(p.databaseGroup, "10.0.1.0/24")
	expect("while the target's group admits no node", timedOut, timedOut)
	p.allow(p.databaseGroup, "10.0.1.0/24")
	expect("when it does again", served, served)

	p.revoke(p.balancerGroup, "10.0.3.0/24")
	expect("while the load balancer's group admits nobody, and is not enforced on PrivateLink", timedOut, served)
	p.enforce(types.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnumOn)
	expect("while it is enforced", timedOut, timedOut)
	p.allow(p.balancerGroup, "10.7.1.0/24")
	expect("while it admits consumers alone", timedOut, served)
	p.enforce(types.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnumOff)
	p.allow(p.balancerGroup, "10.0.3.0/24")

	p.revoke(p.endpointGroup, "10.7.1.0/24")
	expect("while the endpoint's group admits nobody", served, timedOut)
	p.allow(p.endpointGroup, "10.7.1.0/24")
	_ = l.Close()
	expect("after the target stopped", refused, refused)
}

func (p *path) enforce(on types.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnum) {
	p.t.Helper()
	call[elb.SetSecurityGroupsOutput](p.cloud, "SetSecurityGroups", elb.SetSecurityGroupsInput{
		LoadBalancerArn: &p.lb, SecurityGroups: []string{p.balancerGroup}, EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: on,
	})
}

func timedOutBy(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// Each hop crosses from one subnet into another, and each crossing asks two network ACLs, in both directions.
func TestNetworkACLsStandOnThePath(t *testing.T) {
	p := newPath(t)
	p.listen()
	if inside, outside := p.inside(served), p.throughEndpoint(served); inside != served || outside != served {
		t.Fatalf("before: %s and %s", inside, outside)
	}
	for _, row := range []struct {
		where                   string
		subnet                  string
		egress                  bool
		peer                    string
		from, to                int32
		inside, throughEndpoint string
	}{
		{"out of the load balancer's subnet", p.subnet, true, "10.0.2.0/24", 5432, 5432, timedOut, timedOut},
		{"into the load balancer's subnet, answers of the database", p.subnet, false, "10.0.2.0/24", 1024, 65535, timedOut, timedOut},
		{"into the database's subnet", p.database.Subnet, false, "10.0.1.0/24", 5432, 5432, timedOut, timedOut},
		{"out of the database's subnet, answers", p.database.Subnet, true, "10.0.1.0/24", 1024, 65535, timedOut, timedOut},
		{"out of the client's subnet", p.client.Subnet, true, "10.0.1.0/24", 5432, 5432, timedOut, served},
		{"into the load balancer's subnet, from the client", p.subnet, false, "10.0.3.0/24", 5432, 5432, timedOut, served},
		{"into the database's subnet, from clients", p.database.Subnet, false, "10.0.3.0/24", 0, 65535, served, served},
		{"from elsewhere", p.subnet, false, "172.16.0.0/12", 0, 65535, served, served},
	} {
		acl := call[awsec2.DescribeNetworkAclsOutput](p.cloud, "DescribeNetworkAcls", awsec2.DescribeNetworkAclsInput{
			Filters: []ec2types.Filter{{Name: aws.String("association.subnet-id"), Values: []string{row.subnet}}},
		}).NetworkAcls[0]
		own := call[awsec2.CreateNetworkAclOutput](p.cloud, "CreateNetworkAcl", awsec2.CreateNetworkAclInput{VpcId: &p.vpc}).NetworkAcl.NetworkAclId
		for _, egress := range []bool{true, false} {
			call[awsec2.CreateNetworkAclEntryOutput](p.cloud, "CreateNetworkAclEntry", awsec2.CreateNetworkAclEntryInput{
				NetworkAclId: own, RuleNumber: aws.Int32(100), Egress: &egress, Protocol: aws.String("-1"), RuleAction: ec2types.RuleActionAllow, CidrBlock: aws.String("0.0.0.0/0"),
			})
		}
		call[awsec2.CreateNetworkAclEntryOutput](p.cloud, "CreateNetworkAclEntry", awsec2.CreateNetworkAclEntryInput{
			NetworkAclId: own, RuleNumber: aws.Int32(90), Egress: &row.egress, Protocol: aws.String("6"), RuleAction: ec2types.RuleActionDeny,
			CidrBlock: &row.peer, PortRange: &ec2types.PortRange{From: &row.from, To: &row.to},
		})
		back := p.associate(acl, row.subnet, own)
		if inside, outside := p.inside(row.inside), p.throughEndpoint(row.throughEndpoint); inside != row.inside || outside != row.throughEndpoint {
			t.Errorf("denied %s: %s and %s, want %s and %s", row.where, inside, outside, row.inside, row.throughEndpoint)
		}
		call[awsec2.ReplaceNetworkAclAssociationOutput](p.cloud, "ReplaceNetworkAclAssociation",
			awsec2.ReplaceNetworkAclAssociationInput{AssociationId: back, NetworkAclId: acl.NetworkAclId})
	}
}

// associate puts a subnet behind another network ACL, and gives the new association.
func (p *path) associate(old ec2types.NetworkAcl, subnet string, acl *string) *string {
	p.t.Helper()
	for _, a := range old.Associations {
		if *a.SubnetId == subnet {
			return call[awsec2.ReplaceNetworkAclAssociationOutput](p.cloud, "ReplaceNetworkAclAssociation",
				awsec2.ReplaceNetworkAclAssociationInput{AssociationId: a.NetworkAclAssociationId, NetworkAclId: acl}).NewAssociationId
		}
	}
	p.t.Fatalf("%s is not behind %s", subnet, *old.NetworkAclId)
	return nil
}

// elasticloadbalancing/latest/network/edit-target-group-attributes.html, "Client IP preservation".
func TestAPreservedClientIsLetInByItsOwnAddress(t *testing.T) {
	p := newPath(t)
	p.listen()
	call[elb.ModifyTargetGroupAttributesOutput](p.cloud, "ModifyTargetGroupAttributes", elb.ModifyTargetGroupAttributesInput{
		TargetGroupArn: &p.group, Attributes: []types.TargetGroupAttribute{{Key: aws.String("preserve_client_ip.enabled"), Value: aws.String("true")}},
	})
	expect := func(when, inside string) {
		t.Helper()
		if got := p.inside(inside); got != inside {
			t.Errorf("%s, a client in the VPC is %s, want %s", when, got, inside)
		}
		if got := p.throughEndpoint(served); got != served { // "Client IP preservation has no effect on AWS PrivateLink traffic"
			t.Errorf("%s, a consumer is %s", when, got)
		}
	}
	expect("while the target's group admits nodes alone", timedOut)
	p.allow(p.databaseGroup, "10.0.3.0/24")
	expect("while it admits the client", served)

	p.allow(p.balancerGroup, "10.0.2.0/24")
	if got := p.try(timedOut, p.vpc, p.database.Address, p.node); got != timedOut {
		t.Errorf("the target itself is %s: it comes back to itself", got)
	}
}
