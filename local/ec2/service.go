// Package ec2 models the part of Amazon EC2 that networking is made of: VPCs, subnets, security groups, network interfaces,
// and AWS PrivateLink. What it answers is backed by a real network: addresses exist, security groups are the kernel's rules,
// and an available endpoint carries connections.
//
// The world's lock guards all of it. Operations must be served through World.Locked, and every method of Service is called
// with the lock held, except where its comment says otherwise.
package ec2

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/wire"
)

// namespaces is where VPCs and subnets become real.
type namespaces interface {
	CreateVPC(vpc string, base netip.Prefix) error
	DeleteVPC(vpc string)
	SetDNS(vpc string, servers []netip.Addr) error
	PublishSubnet(vpc, subnet string) error
	WithdrawSubnet(subnet string)
}

// addresses is where network interfaces, security groups and endpoints become real.
type addresses interface {
	AddAddress(vpc string, a netip.Addr) error
	RemoveAddress(vpc string, a netip.Addr)
	SetFirewall(vpc string, f network.Firewall) error
	SetBoundaries(vpc string, boundaries []network.Boundary) error
	Answer(vpc string, at netip.AddrPort, ask network.Ask) (io.Closer, error)
}

// Service is Amazon EC2 of one region, for all accounts.
type Service struct {
	world         *model.World
	region        string
	home          *Service // that of the world's Region, which is all but the consumers' side of PrivateLink
	abroad        map[string]*Service
	namespaces    namespaces
	addresses     addresses
	loadBalancers LoadBalancers
	records       *Records
	hostedZones   HostedZones

	// ValidateTopic answers for SNS whether account may have its connection notifications sent to a topic; nil accepts every
	// one.
	ValidateTopic func(account, topicARN string) error

	vpcs           table[*vpc]
	options        table[*dhcpOptions]
	subnets        table[*Subnet]
	securityGroups table[*SecurityGroup]
	networkACLs    table[*networkACL]
	interfaces     table[*Interface]
	prefixLists    table[*prefixList]
	services       table[*endpointService]
	endpoints      table[*endpoint]
	notifications  table[*notification]
	flowLogs       table[*flowLog]
	issued         map[clientToken]issue
	accounts       map[string]bool // those that have, or had, their default VPC
	bounded        map[string]bool // VPCs whose network ACLs the kernel knows
}

// New makes an EC2 whose VPCs live in n. SetLoadBalancers must be called before endpoint services are made.
func New(w *model.World, n *network.Network) *Service { return newService(w, n, n) }

func newService(w *model.World, n namespaces, a addresses) *Service {
	s := &Service{world: w, region: w.Region, namespaces: n, addresses: a, records: newRecords(), abroad: map[string]*Service{}}
	s.home = s
	return s.born()
}

func (s *Service) born() *Service {
	s.issued, s.accounts, s.bounded = map[clientToken]issue{}, map[string]bool{}, map[string]bool{}
	s.prefixLists = listsOfAWS(s.region)
	return s
}

// Records are the names that the DNS servers of the VPCs know. The lock is not needed.
func (s *Service) Records() *Records { return s.records }

// Operations are EC2's operations, by their AWS name, each in the Region that it is called in.
func (s *Service) Operations() wire.Operations { return s.withRegions(s.operations()) }

func (s *Service) operations() wire.Operations {
	return s.withDefaultVPC(wire.Operations{
		"DescribeAvailabilityZones": op(s.describeAvailabilityZones),
		"DescribeRegions":           op(s.describeRegions),
		"DescribeAccountAttributes": op(s.describeAccountAttributes),
		"DescribeInternetGateways":  op(s.describeInternetGateways),
		"DescribeAddresses":         op(s.describeAddresses),

		"CreateVpc":             op(s.createVPC),
		"DescribeVpcs":          op(s.describeVPCs),
		"DeleteVpc":             op(s.deleteVPC),
		"AssociateVpcCidrBlock": op(s.associateVPCCIDRBlock),
		"ModifyVpcAttribute":    op(s.modifyVPCAttribute),
		"DescribeVpcAttribute":  op(s.describeVPCAttribute),
		"CreateDhcpOptions":     op(s.createDHCPOptions),
		"DescribeDhcpOptions":   op(s.describeDHCPOptions),
		"AssociateDhcpOptions":  op(s.associateDHCPOptions),

		"CreateSubnet":    op(s.createSubnet),
		"DescribeSubnets": op(s.describeSubnets),
		"DeleteSubnet":    op(s.deleteSubnet),

		"CreateSecurityGroup":           op(s.createSecurityGroup),
		"DescribeSecurityGroups":        op(s.describeSecurityGroups),
		"DescribeSecurityGroupRules":    op(s.describeSecurityGroupRules),
		"AuthorizeSecurityGroupIngress": op(s.authorizeIngress),
		"AuthorizeSecurityGroupEgress":  op(s.authorizeEgress),
		"ModifySecurityGroupRules":      op(s.modifyRules),
		"RevokeSecurityGroupIngress":    op(s.revokeIngress),
		"RevokeSecurityGroupEgress":     op(s.revokeEgress),
		"DeleteSecurityGroup":           op(s.deleteSecurityGroup),

		"CreateNetworkAcl":             op(s.createNetworkACL),
		"DescribeNetworkAcls":          op(s.describeNetworkACLs),
		"DeleteNetworkAcl":             op(s.deleteNetworkACL),
		"CreateNetworkAclEntry":        op(s.createNetworkACLEntry),
		"ReplaceNetworkAclEntry":       op(s.replaceNetworkACLEntry),
		"DeleteNetworkAclEntry":        op(s.deleteNetworkACLEntry),
		"ReplaceNetworkAclAssociation": op(s.replaceNetworkACLAssociation),

		"CreateManagedPrefixList":    op(s.createPrefixList),
		"DescribeManagedPrefixLists": op(s.describePrefixLists),

		"DescribeNetworkInterfaces": op(s.describeNetworkInterfaces),

		"CreateFlowLogs":   op(s.createFlowLogs),
		"DescribeFlowLogs": op(s.describeFlowLogs),
		"DeleteFlowLogs":   op(s.deleteFlowLogs),

		"CreateTags":   op(s.createTags),
		"DeleteTags":   op(s.deleteTags),
		"DescribeTags": op(s.describeTags),

		"CreateVpcEndpointServiceConfiguration":    op(s.createEndpointService),
		"DescribeVpcEndpointServiceConfigurations": op(s.describeEndpointServiceConfigurations),
		"ModifyVpcEndpointServiceConfiguration":    op(s.modifyEndpointService),
		"DeleteVpcEndpointServiceConfigurations":   op(s.deleteEndpointServices),
		"ModifyVpcEndpointServicePermissions":      op(s.modifyPermissions),

		"StartVpcEndpointServicePrivateDnsVerification": op(s.startVerification),

		"DescribeVpcEndpointServicePermissions": op(s.describePermissions),
		"DescribeVpcEndpointConnections":        op(s.describeConnections),
		"AcceptVpcEndpointConnections":          op(s.acceptConnections),
		"RejectVpcEndpointConnections":          op(s.rejectConnections),

		"DescribeVpcEndpointServices": op(s.describeEndpointServices),

		"CreateVpcEndpoint":    op(s.createEndpoint),
		"DescribeVpcEndpoints": op(s.describeEndpoints),
		"ModifyVpcEndpoint":    op(s.modifyEndpoint),
		"DeleteVpcEndpoints":   op(s.deleteEndpoints),

		"CreateVpcEndpointConnectionNotification":    op(s.createNotification),
		"DescribeVpcEndpointConnectionNotifications": op(s.describeNotifications),
		"ModifyVpcEndpointConnectionNotification":    op(s.modifyNotification),
		"DeleteVpcEndpointConnectionNotifications":   op(s.deleteNotifications),
	})
}

// op makes an operation that a dry run stops short of any effect. Whether the caller may is decided before it gets here.
func op[I, O any](serve func(context.Context, *I) (*O, error)) wire.Operation {
	return wire.Op(func(ctx context.Context, in *I) (*O, error) {
		// Not every operation has the flag: ModifyVpcAttribute does not.
		if flag := reflect.ValueOf(in).Elem().FieldByName("DryRun"); flag.IsValid() && aws.ToBool(flag.Interface().(*bool)) {
			return nil, &wire.Error{Code: "DryRunOperation", Message: "Request would have succeeded, but DryRun flag is set.",
				Status: http.StatusPreconditionFailed}
		}
		return serve(ctx, in)
	})
}

// arn names an EC2 resource, for example vpc-endpoint-service/vpce-svc-….
func (s *Service) arn(account, resource string) string {
	return "arn:aws:ec2:" + s.region + ":" + account + ":" + resource
}
