package main

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/drift"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
)

// changing is a VPC's resolver of which everything changes that a plan is made from, or that people can change by hand. Its
// exposures take turns.
type changing struct {
	*cloud
	t    *testing.T
	seed uint64
	in   Input
	tags map[string]string // the deployment's
	home []string          // where it was made
	open map[string]bool   // what some start has needed: a port to a block
}

// Whatever changes, after each start the resolver lies where it was made, carries its own group alone, which lets nobody in,
// and reaches what any start before needed: other exposures of the VPC have the same one.
func TestWhateverChangesTheResolverReachesWhatItReached(t *testing.T) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // repeatable
		c := &changing{cloud: newCloud(), t: t, seed: seed, in: input(), open: map[string]bool{}}
		c.start()
		for range 6 {
			c.change(random)
			c.start()
		}
		if t.Failed() {
			return
		}
	}
}

func (c *changing) change(random *rand.Rand) {
	pick := random.IntN
	switch pick(11) {
	case 0:
		c.in.Port = int32(5432 + pick(4))
	case 1:
		c.in.ListenerPort = int32(6432 + pick(4))
	case 2:
		c.in.VPCCIDRs = [][]string{{"10.0.0.0/16"}, {"10.0.0.0/16", "10.1.0.0/16"}}[pick(2)]
	case 3:
		c.in.DNSServers = [][]string{nil, {"192.168.7.53"}, {"10.0.3.53", "192.168.7.54"}}[pick(3)]
	case 4:
		c.in.ResolverSubnetIDs = [][]string{{"subnet-a", "subnet-b"}, {"subnet-c"}, {"subnet-b", "subnet-d"}}[pick(3)]
	case 5:
		c.tags = map[string]string{"cost-center": fmt.Sprint(pick(9))}
	case 6: // by hand, from here
		c.function.VpcConfig.SubnetIds = []string{"subnet-x", "subnet-a"}[:1+pick(2)]
	case 7:
		c.function.VpcConfig.SecurityGroupIds = [][]string{{"sg-x"}, {"sg-1", "sg-x"}}[pick(2)]
	case 8:
		c.AddIngress("sg-1", int32(pick(9000)+1), []string{"", "sg-x"}[pick(2)], nil)
	case 9:
		c.function.MemorySize, c.function.Timeout = aws.Int32(int32(128<<pick(3))), aws.Int32(int32(10+pick(30)))
	case 10:
		at := pick(len(c.Rules))
		delete(c.open, passage(c.Rules[at])) // another exposure's is made again when that one is started
		c.Rules = slices.Delete(c.Rules, at, at+1)
	}
}

func passage(rule ec2types.SecurityGroupRule) string {
	return fmt.Sprint(aws.ToString(rule.IpProtocol), aws.ToInt32(rule.FromPort), aws.ToString(rule.CidrIpv4))
}

// start lets the step run as often as the state machine does, and judges what is there then.
func (c *changing) start() {
	c.t.Helper()
	s := c.step()
	s.owner.Tags = c.tags
	_, err := s.run(c.t.Context(), c.in)
	for range 3 {
		if outcome.Name(err) == outcome.NameNotReady {
			c.connect()
			_, err = s.run(c.t.Context(), c.in)
		}
	}
	if err != nil {
		c.t.Errorf("seed %d: %v", c.seed, err)
		return
	}
	if c.home == nil {
		c.home = slices.Clone(c.function.VpcConfig.SubnetIds)
	}
	if v := c.function.VpcConfig; !slices.Equal(v.SubnetIds, c.home) || !slices.Equal(v.SecurityGroupIds, []string{"sg-1"}) {
		c.t.Errorf("seed %d: it was made in %v, and is in %v with %v", c.seed, c.home, v.SubnetIds, v.SecurityGroupIds)
	}
	for _, cidr := range c.in.VPCCIDRs {
		for _, port := range []int32{c.in.Port, c.in.ListenerPort} {
			c.open[fmt.Sprint("tcp", port, cidr)] = true
		}
	}
	var opens []string
	for _, rule := range c.Rules {
		if !*rule.IsEgress {
			c.t.Errorf("seed %d: its group lets in to %d", c.seed, *rule.FromPort)
		}
		if !owned.Carries(owned.FromEC2(rule.Tags), c.tags) {
			c.t.Errorf("seed %d: a rule is tagged %v, not %v", c.seed, owned.FromEC2(rule.Tags), c.tags)
		}
		opens = append(opens, passage(rule))
	}
	var needed []string
	for one := range c.open {
		needed = append(needed, one)
	}
	if lost := drift.Without(needed, opens); len(lost) > 0 {
		c.t.Errorf("seed %d: it does not reach %v any more", c.seed, lost)
	}
	c.Mutations = nil
	if _, err := s.run(c.t.Context(), c.in); err != nil || len(c.Mutations) > 0 {
		c.t.Errorf("seed %d: a second run makes %v, %v", c.seed, c.Mutations, err)
	}
}
