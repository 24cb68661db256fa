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
