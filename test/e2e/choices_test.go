package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/test/stage"
)

const partner = "444455556666"

func TestAConsumerThatIsNoVendorConnectsOnAPortOfItsOwn(t *testing.T) {
	s := begin(t)
	database := s.database("orders-partner", singleAZ)
	execution := s.starts(fmt.Sprintf(`{"database": %q, "name": "acme", "principals": [%q], "listenerPort": 15432}`, database.Identifier, partner))
	handoff := s.handoff(database)
	if handoff.Port != 15432 {
		s.Errorf("the hand-off says port %d", handoff.Port)
	}
	endpoint := s.connects(s.vpc(partner), handoff)
	s.decides(bus.Accept, endpoint)
	execution.succeeds()
	s.readsOrders(s.client(endpoint, handoff))
}

func TestWithAddressesAndWithoutAResolverNothingElseIsLetInOrMade(t *testing.T) {
	s := begin(t)
	database := s.database("orders-tight", multiAZ)
	execution := s.starts(fmt.Sprintf(`{"database": %q, "vendor": "pushmetrics", "ingress": "addresses", "resolver": "none"}`, database.Identifier))
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.decides(bus.Accept, endpoint)
	output := execution.succeeds()
	s.readsOrders(s.client(endpoint, handoff))

	if output.Resources.ResolverFunction != "" {
		s.Errorf("there is a resolver: %s", output.Resources.ResolverFunction)
	}
	if output.Connection.Path != "not proven" {
		s.Errorf("without a resolver the path is %q", output.Connection.Path)
	}
	if got, want := s.admitted(database), s.nodes(database.VPC, output); !slices.Equal(got, want) {
		s.Errorf("the database's group admits %v, and the load balancer's nodes are %v", got, want)
	}
}

// admitted are the blocks from which the database's security group lets in, sorted.
func (s story) admitted(database stage.Database) []string {
	s.Helper()
	out, err := s.network().DescribeSecurityGroupRules(s.ctx, &ec2.DescribeSecurityGroupRulesInput{
		Filters: []types.Filter{{Name: new("group-id"), Values: []string{database.SecurityGroup}}},
	})
	s.check(err)
	var blocks []string
	for _, rule := range out.SecurityGroupRules {
		if !*rule.IsEgress && rule.CidrIpv4 != nil {
			blocks = append(blocks, *rule.CidrIpv4)
		}
	}
	slices.Sort(blocks)
	return blocks
}

// nodes are the addresses of the load balancer's nodes as blocks, sorted.
func (s story) nodes(vpc stage.VPC, output output) []string {
	s.Helper()
	out, err := s.network().DescribeNetworkInterfaces(s.ctx, &ec2.DescribeNetworkInterfacesInput{
		Filters: []types.Filter{{Name: new("vpc-id"), Values: []string{vpc.ID}}},
	})
	s.check(err)
	_, balancer, _ := strings.Cut(output.Resources.LoadBalancerARN, ":loadbalancer/")
	var blocks []string
	for _, i := range out.NetworkInterfaces {
		if *i.Description == "ELB "+balancer {
			blocks = append(blocks, *i.PrivateIpAddress+"/32")
		}
	}
	slices.Sort(blocks)
	return blocks
}

// Of the VPC's three zones ELB takes the third for no load balancer, and PrivateLink never enables the second. The database
// and its standby are in the other two. Later, the service answers 503 for a while, though it is available.
func TestZonesThatAWSDoesNotServeAreLeftOutAndToldToWhoeverNeedsToKnow(t *testing.T) {
	s := begin(t)
	database := s.database("orders-zone", multiAZ)
	served, unserved, closed := database.VPC.Subnets[0], database.VPC.Subnets[1], database.VPC.Subnets[2]
	s.check(cloud.Disturb(s.ctx, stage.Fault{Action: "elasticloadbalancing:Zone", Resource: *closed.SubnetId, Kind: "refuse"}))
	s.check(cloud.Disturb(s.ctx, stage.Fault{Action: "vpce:Zone", Resource: *unserved.SubnetId, Kind: "refuse"}))
	execution := s.starts(fmt.Sprintf(`{"database": %q, "vendor": "pushmetrics", "ingress": "addresses"}`, database.Identifier))
	handoff := s.handoff(database)
	if want := []string{*served.AvailabilityZoneId}; !slices.Equal(handoff.ZoneIDs, want) {
		s.Errorf("the hand-off says the zones %v, want %v", handoff.ZoneIDs, want)
	}
	execution.waits()
	s.hears(news, "orders-zone-", *closed.AvailabilityZoneId+": ELB takes", *unserved.AvailabilityZoneId+": PrivateLink")

	s.check(cloud.Disturb(s.ctx, stage.Fault{Action: "CreateVpcEndpoint", Resource: handoff.ServiceName, Kind: "refuse",
		Code: "Unavailable", Message: "The service is unavailable", Status: 503, Count: 4})) // more than the SDK tries
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.decides(bus.Accept, endpoint)
	output := execution.succeeds()
	s.readsOrders(s.client(endpoint, handoff))

	without := output.AvailabilityZoneIDsLeftOut
	if !slices.Equal(without.LoadBalancer, []string{*closed.AvailabilityZoneId}) || !slices.Equal(without.EndpointService, []string{*unserved.AvailabilityZoneId}) {
		s.Errorf("the output says %+v", without)
	}
	if nodes := s.nodes(database.VPC, output); len(nodes) != 2 {
		s.Errorf("the load balancer has the nodes %v", nodes)
	}
	asked := s.calls(0, func(c call) bool {
		return c.Action == "ModifyVpcEndpointServiceConfiguration" && c.about(output.ServiceID)
	})
	if len(asked) != 1 {
		s.Errorf("the zone was asked for %d times", len(asked))
	}
}
