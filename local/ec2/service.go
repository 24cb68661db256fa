// Package ec2 models the part of Amazon EC2 that networking is made of: VPCs, subnets, security groups, network interfaces,
// and AWS PrivateLink. What it answers is backed by a real network: addresses exist, security groups are the kernel's rules,
// and an available endpoint carries connections.
//
// The world's lock guards all of it. Operations must be served through World.Locked, and every method of Service is called
// with the lock held, except where its comment says otherwise.
package ec2

import (
	"net"
	"net/netip"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/wire"
)

// namespaces is where VPCs and subnets become real.
type namespaces interface {
	CreateVPC(vpc string, base netip.Prefix) error
	DeleteVPC(vpc string)
	PublishSubnet(vpc, subnet string) error
	WithdrawSubnet(subnet string)
}

// addresses is where network interfaces, security groups and endpoints become real.
type addresses interface {
	AddAddress(vpc string, a netip.Addr) error
	RemoveAddress(vpc string, a netip.Addr)
	SetFirewall(vpc string, f network.Firewall) error
	Listen(vpc string, at netip.AddrPort) (net.Listener, error)
}

// Service is Amazon EC2 of one region, for all accounts.
type Service struct {
	world         *model.World
	namespaces    namespaces
	addresses     addresses
	loadBalancers LoadBalancers
	records       *Records

	// ValidateTopic answers for SNS whether account may have its connection notifications sent to a topic; nil accepts every one.
	ValidateTopic func(account, topicARN string) error

	vpcs           table[*vpc]
	subnets        table[*Subnet]
	securityGroups table[*SecurityGroup]
	interfaces     table[*Interface]
	services       table[*endpointService]
	endpoints      table[*endpoint]
	notifications  table[*notification]
	issued         map[clientToken]issue
}

// New makes an EC2 whose VPCs live in n. SetLoadBalancers must be called before endpoint services are made.
func New(w *model.World, n *network.Network) *Service { return newService(w, n, n) }

func newService(w *model.World, n namespaces, a addresses) *Service {
	return &Service{world: w, namespaces: n, addresses: a, records: newRecords(), issued: map[clientToken]issue{}}
}

// Records are the names that the DNS servers of the VPCs know. The lock is not needed.
func (s *Service) Records() *Records { return s.records }

// Operations are EC2's operations, by their AWS name.
func (s *Service) Operations() wire.Operations {
	return wire.Operations{
		"DescribeAvailabilityZones": wire.Op(s.describeAvailabilityZones),
		"DescribeAccountAttributes": wire.Op(s.describeAccountAttributes),
		"DescribeInternetGateways":  wire.Op(s.describeInternetGateways),
		"DescribeAddresses":         wire.Op(s.describeAddresses),

		"CreateVpc":             wire.Op(s.createVPC),
		"DescribeVpcs":          wire.Op(s.describeVPCs),
		"DeleteVpc":             wire.Op(s.deleteVPC),
		"AssociateVpcCidrBlock": wire.Op(s.associateVPCCIDRBlock),
		"DescribeVpcAttribute":  wire.Op(s.describeVPCAttribute),
		"ModifyVpcAttribute":    wire.Op(s.modifyVPCAttribute),

		"CreateSubnet":    wire.Op(s.createSubnet),
		"DescribeSubnets": wire.Op(s.describeSubnets),
		"DeleteSubnet":    wire.Op(s.deleteSubnet),

		"CreateSecurityGroup":           wire.Op(s.createSecurityGroup),
		"DescribeSecurityGroups":        wire.Op(s.describeSecurityGroups),
		"DescribeSecurityGroupRules":    wire.Op(s.describeSecurityGroupRules),
		"AuthorizeSecurityGroupIngress": wire.Op(s.authorizeIngress),
		"AuthorizeSecurityGroupEgress":  wire.Op(s.authorizeEgress),
		"RevokeSecurityGroupIngress":    wire.Op(s.revokeIngress),
		"RevokeSecurityGroupEgress":     wire.Op(s.revokeEgress),
		"DeleteSecurityGroup":           wire.Op(s.deleteSecurityGroup),

		"DescribeNetworkInterfaces": wire.Op(s.describeNetworkInterfaces),

		"CreateTags":   wire.Op(s.createTags),
		"DeleteTags":   wire.Op(s.deleteTags),
		"DescribeTags": wire.Op(s.describeTags),

		"CreateVpcEndpointServiceConfiguration":    wire.Op(s.createEndpointService),
		"DescribeVpcEndpointServiceConfigurations": wire.Op(s.describeEndpointServiceConfigurations),
		"DescribeVpcEndpointServices":              wire.Op(s.describeEndpointServices),
		"ModifyVpcEndpointServiceConfiguration":    wire.Op(s.modifyEndpointService),
		"DeleteVpcEndpointServiceConfigurations":   wire.Op(s.deleteEndpointServices),
		"ModifyVpcEndpointServicePermissions":      wire.Op(s.modifyPermissions),
		"DescribeVpcEndpointServicePermissions":    wire.Op(s.describePermissions),
		"DescribeVpcEndpointConnections":           wire.Op(s.describeConnections),
		"AcceptVpcEndpointConnections":             wire.Op(s.acceptConnections),
		"RejectVpcEndpointConnections":             wire.Op(s.rejectConnections),

		"CreateVpcEndpoint":    wire.Op(s.createEndpoint),
		"DescribeVpcEndpoints": wire.Op(s.describeEndpoints),
		"DeleteVpcEndpoints":   wire.Op(s.deleteEndpoints),

		"CreateVpcEndpointConnectionNotification":    wire.Op(s.createNotification),
		"DescribeVpcEndpointConnectionNotifications": wire.Op(s.describeNotifications),
		"DeleteVpcEndpointConnectionNotifications":   wire.Op(s.deleteNotifications),
	}
}

// arn names an EC2 resource, for example vpc-endpoint-service/vpce-svc-….
func (s *Service) arn(account, resource string) string {
	return "arn:aws:ec2:" + s.world.Region + ":" + account + ":" + resource
}
