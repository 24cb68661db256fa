package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/test/stage"
)

func TestALongNameInCapitalsASecondaryCIDRAndAFullGroupAreNoObstacle(t *testing.T) {
	s := begin(t)
	vpc := s.vpc(stage.Customer)
	home := vpc
	home.Subnets = s.moreSubnets(vpc, "10.1.0.0/16", "10.1.1.0/24", "10.1.2.0/24", "10.1.101.0/24")
	roomy, err := s.network().CreateSecurityGroup(s.ctx, &ec2.CreateSecurityGroupInput{GroupName: new("roomy"), Description: new("roomy"), VpcId: &vpc.ID})
	s.check(err)
	// RDS's longest identifier.
	identifier := "orders-production-central-europe-main-instance-of-all-shops" + "-001"
	database, err := cloud.NewDatabase(s.ctx, home, identifier, multiAZ, *roomy.GroupId)
	s.check(err)
	s.check(cloud.Fill(s.ctx, database))
	s.fill(database.SecurityGroup)

	execution := s.starts(fmt.Sprintf(`{"database": %q, "vendor": "pushmetrics"}`, strings.ToUpper(identifier)))
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.decides(bus.Accept, endpoint)
	output := execution.succeeds()
	s.readsOrders(s.client(endpoint, handoff))

	if targets := s.targets(output); len(targets) != 1 || !strings.HasPrefix(targets[0], "10.1.") {
		t.Errorf("the targets are %v, and the database is in the secondary block", targets)
	}
	if group := output.Resources.DatabaseSecurityGroupID; group != *roomy.GroupId {
		t.Errorf("the rules are in %s and not in the group with room, %s", group, *roomy.GroupId)
	}
	zones := map[string]bool{}
	for _, node := range s.nodes(vpc, output) {
		zones[node[:strings.LastIndex(node, ".")]] = true
	}
	if len(zones) != 2 {
		t.Errorf("the load balancer has nodes in %v, and the subnet group has two zones", zones)
	}
	if len(identifier) != 63 || len(output.Exposure) > 32 {
		t.Errorf("%s has %d characters, and its exposure is %s", identifier, len(identifier), output.Exposure)
	}
}

func TestAFullGroupIsRefusedByItsQuota(t *testing.T) {
	s := begin(t)
	database, err := cloud.NewDatabase(s.ctx, s.vpc(stage.Customer), "orders-full", singleAZ)
	s.check(err)
	s.fill(database.SecurityGroup)
	s.exposes(database).fails("BadInput", database.SecurityGroup, "the limit is 60", "raise the quota")
}

// moreSubnets gives a VPC a further block and subnets in it: in its first zone, its second, and its first again.
func (s story) moreSubnets(vpc stage.VPC, block string, cidrs ...string) []types.Subnet {
	s.Helper()
	_, err := s.network().AssociateVpcCidrBlock(s.ctx, &ec2.AssociateVpcCidrBlockInput{VpcId: &vpc.ID, CidrBlock: &block})
	s.check(err)
	var subnets []types.Subnet
	for n, cidr := range cidrs {
		made, err := s.network().CreateSubnet(s.ctx, &ec2.CreateSubnetInput{
			VpcId: &vpc.ID, CidrBlock: &cidr, AvailabilityZone: vpc.Subnets[n%2].AvailabilityZone,
		})
		s.check(err)
		subnets = append(subnets, *made.Subnet)
	}
	return subnets
}

// fill takes all the room for rules in a security group, with rules about something else: one of them counts as the many
// entries that its prefix list can have.
func (s story) fill(group string) {
	s.Helper()
	const most, inList = 60, 40
	list, err := s.network().CreateManagedPrefixList(s.ctx, &ec2.CreateManagedPrefixListInput{
		PrefixListName: new("offices"), AddressFamily: new("IPv4"), MaxEntries: new(int32(inList)),
	})
	s.check(err)
	var ranges []types.IpRange
	for n := range most - inList - 1 { // it has one already
		ranges = append(ranges, types.IpRange{CidrIp: new(fmt.Sprintf("192.168.%d.0/24", n))})
	}
	_, err = s.network().AuthorizeSecurityGroupIngress(s.ctx, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &group, IpPermissions: []types.IpPermission{{IpProtocol: new("tcp"), FromPort: new(int32(22)), ToPort: new(int32(22)), IpRanges: ranges,
			PrefixListIds: []types.PrefixListId{{PrefixListId: list.PrefixList.PrefixListId}}}},
	})
	s.check(err)
}
