package main

import (
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdslink/rdslink/internal/drift"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/securitygroup"
	"github.com/rdslink/rdslink/internal/wanted"
)

// changing is a load balancer of which everything changes that a plan is made from, or that people can change by hand.
type changing struct {
	*cloud
	t    *testing.T
	seed uint64
	in   Input
	tags map[string]string // the deployment's
}

// Whatever changes, after each start the load balancer has every zone and subnet that it ever had, one listener of ours on
// the port, which forwards to the target group, and a group that admits the resolver alone; others' listeners are as they
// were.
func TestWhateverChangesNoZoneIsLostAndTheListenerServes(t *testing.T) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	ended := map[string]int{}
	for seed := range uint64(1500) {
		random := rand.New(rand.NewPCG(seed, 4)) //nolint:gosec // repeatable
		c := &changing{cloud: newCloud(), t: t, seed: seed, in: input()}
		c.start()
		for range 5 {
			c.change(random)
			ended[c.start()]++
		}
		if t.Failed() {
			return
		}
	}
	for _, word := range []string{"", "BadInput", "Conflict"} {
		if ended[word] == 0 {
			t.Errorf("no start ended with %q: %v", word, ended)
		}
	}
}

func (c *changing) change(random *rand.Rand) {
	pick := random.IntN
	switch pick(14) {
	case 0, 1, 2: // the subnet group, the vendor's zones
		all := []string{"subnet-a", "subnet-b", "subnet-c", "subnet-d", "subnet-a2", "subnet-b2"}
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		var chosen, zones []string // one in each zone
		for _, id := range all[:1+pick(len(all))] {
			if zone := *zoneOf(id); !slices.Contains(zones, zone) {
				chosen, zones = append(chosen, id), append(zones, zone)
			}
		}
		c.in.SubnetIDs, c.in.DatabaseZoneSubnetIDs, c.in.VendorZoneSubnetIDs = chosen, chosen[:pick(len(chosen)+1)], nil
	case 3:
		c.closed = []string{"a", "b", "c", "d"}[:pick(4)]
		random.Shuffle(len(c.closed), func(i, j int) { c.closed[i], c.closed[j] = c.closed[j], c.closed[i] })
	case 4:
		c.in.ListenerPort = int32(5432 + pick(3))
	case 5:
		c.in.Port = int32(5432 + pick(3))
	case 6:
		c.in.VPCCIDRs = [][]string{{"10.0.0.0/16"}, {"10.0.0.0/16", "10.1.0.0/16"}, {"10.1.0.0/16"}}[pick(3)]
	case 7:
		c.in.ResolverSecurityGroupID = []string{"", "sg-resolver", "sg-resolver2"}[pick(3)]
	case 8:
		c.tags = map[string]string{"cost-center": fmt.Sprint(pick(9))}
	case 9: // by hand, from here
		c.listener = nil
	case 10:
		if c.listener != nil {
			moved := *c.listener
			moved.Port, moved.DefaultActions = aws.Int32(int32(5432+pick(3))), forwardTo([]string{"other", targetGroup}[pick(2)])
			if c.stranger == nil || *c.stranger.Port != *moved.Port {
				c.listener = &moved
			}
		}
	case 11:
		c.stranger = nil
		if port := int32(5432 + pick(4)); pick(3) > 0 && (c.listener == nil || *c.listener.Port != port) {
			c.strange(port)
		}
	case 12:
		c.AddIngress("sg-1", int32(pick(9000)+1), []string{"", "sg-x"}[pick(2)], nil)
		c.Rules = slices.Delete(c.Rules, 0, 1) // and one of ours goes, whichever
	case 13:
		c.balancer.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic = aws.String("on")
		c.balancer.SecurityGroups = append(slices.Clone(c.balancer.SecurityGroups), "sg-x")
		c.attributes["load_balancing.cross_zone.enabled"] = "false"
	}
}

// start lets the step run as often as the state machine does, and judges what is there then. It tells how it ended.
func (c *changing) start() string {
	var had []string
	if c.balancer != nil {
		had = c.subnets()
	}
	stranger := c.stranger
	s := c.step()
	s.owner.Tags = c.tags
	out, err := s.run(c.t.Context(), c.in)
	for range 3 {
		if outcome.Name(err) == outcome.NameNotReady {
			out, err = s.run(c.t.Context(), c.in)
		}
	}
	word := outcome.Name(err)
	if lost := drift.Without(had, c.subnets()); len(lost) > 0 {
		c.t.Errorf("seed %d: the load balancer has lost %v (%v)", c.seed, lost, err)
	}
	if c.stranger != stranger {
		c.t.Errorf("seed %d: somebody else's listener is changed", c.seed)
	}
	switch {
	case word == "Conflict" && stranger != nil && *stranger.Port == c.in.ListenerPort, word == "BadInput" && len(c.closed) > 0:
		return word // refused with what is in the way
	case word == "Failed" && slices.ContainsFunc(had, c.shut):
		return word // ELB refuses a zone in which it has the load balancer: in its words
	case err != nil:
		c.t.Errorf("seed %d: %v", c.seed, err)
		return word
	}
	c.judge(out)
	c.Mutations = nil
	if _, err := s.run(c.t.Context(), c.in); err != nil || len(c.Mutations) > 0 {
		c.t.Errorf("seed %d: a second run makes %v, %v", c.seed, c.Mutations, err)
	}
	return word
}

func (c *changing) shut(subnet string) bool {
	return slices.Contains(c.closed, strings.TrimPrefix(*zoneOf(subnet), "eu-central-1"))
}

func (c *changing) judge(out Output) {
	right := map[string]bool{
		"the listener":        c.listener != nil && c.in.serves(*c.listener) && out.ListenerARN == *c.listener.ListenerArn,
		"what step 7 opens":   slices.Equal(out.SubnetIDs, c.subnets()),
		"enforcement":         aws.ToString(c.balancer.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic) == "off",
		"the group":           slices.Equal(c.balancer.SecurityGroups, []string{out.SecurityGroupID}),
		"cross-zone":          c.attributes["load_balancing.cross_zone.enabled"] == "true",
		"deletion protection": c.attributes["deletion_protection.enabled"] == "true",
		"the recorded port":   c.Recorded.ListenerPort == c.in.ListenerPort,
	}
	want := wanted.Balancer{VPCCIDRs: c.in.VPCCIDRs, Ways: []registry.Way{{ListenerPort: c.in.ListenerPort, Port: c.in.Port}}, ResolverGroup: c.in.ResolverSecurityGroupID}.Group()
	in := 0
	for _, rule := range c.Rules {
		egress := slices.ContainsFunc(want.Egress, func(e securitygroup.Egress) bool { return e.Is(rule) })
		ingress := slices.ContainsFunc(want.Ingress, func(i securitygroup.Ingress) bool { return i.Is(rule) })
		if !aws.ToBool(rule.IsEgress) {
			in++
		}
		right["rule "+*rule.SecurityGroupRuleId] = aws.ToBool(rule.IsEgress) && egress || !aws.ToBool(rule.IsEgress) && ingress
		right["tags of rule "+*rule.SecurityGroupRuleId] = owned.Carries(owned.FromEC2(rule.Tags), c.tags)
	}
	right["every way in"], right["every way out"] = in == len(want.Ingress), len(c.Rules)-in == len(want.Egress)
	for what, tags := range map[string]map[string]string{
		"load balancer": owned.FromELB(c.cloud.tags), "listener": owned.FromELB(c.listenerTags), "group": owned.FromEC2(c.Groups[0].Tags),
	} {
		right["tags of the "+what] = owned.Carries(tags, owned.Owner{Tags: c.tags}.ExposureTags(exposure, database))
	}
	for _, what := range slices.Sorted(maps.Keys(right)) {
		if !right[what] {
			c.t.Errorf("seed %d: %s is not right", c.seed, what)
		}
	}
}
