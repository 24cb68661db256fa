package inspect

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rdslink/rdslink/internal/lockout"
	"github.com/rdslink/rdslink/internal/resolve"
)

// proofHop is what came of going to the database through each node, as a consumer does, when that was last tried. Where it
// failed and AWS describes nothing that is broken, nobody can tell on which side of the node it is.
func (s *subject) proofHop(first Hop, anyBroken bool) Hop {
	switch {
	case s.ScheduleName == "" && len(s.Life.Path) == 0:
		return unknown(notMade)
	case s.ResolverFunction == "":
		return unknown("not proven: the exposure has no resolver in the VPC that could go through the nodes")
	case len(s.Life.Path) == 0 && (s.Binding == nil || s.Binding.ListenerPort == 0):
		return unknown("not proven: an earlier version made the exposure; %s", s.again())
	case len(s.Life.Path) == 0:
		return unknown("not proven yet")
	}
	var served, not []string
	for _, p := range s.Life.Path {
		if p.Result == resolve.Served {
			served = append(served, p.Node)
			continue
		}
		not = append(not, strings.TrimSuffix(fmt.Sprintf("%s: %s, %s", p.Node, p.Result, p.Detail), ", "))
	}
	proven := "never"
	if !s.Life.Proven.IsZero() {
		proven = "at " + clock(s.Life.Proven)
	}
	switch {
	case len(not) == 0:
		return passes("the database answered through each of %s at %s", words(served, ""), proven[len("at "):])
	case anyBroken:
		return broken("mend the hop above: "+first.Name, "no proof through %s; last through every node %s", strings.Join(not, "; "), proven)
	}
	way := s.resolverHop()
	if way.State == Broken {
		return broken("mend the resolver's way above; consumers may be served all the same",
			"no proof through %s; last through every node %s; the resolver does not reach the nodes, see above", strings.Join(not, "; "), proven)
	}
	if l, is := s.lockedOut(); is {
		return broken(l.Undo, "no proof through %s; last through every node %s: %s; it locks out %s", strings.Join(not, "; "), proven, l.Says,
			l.Whom)
	}
	return broken("see what AWS does not describe here: the database's own list of hosts, its limits, firewalls in the VPC's routes "+
		"(docs/database.md)",
		"no proof through %s; last through every node %s. All that AWS describes of the way lets it through: the failure may lie between "+
			"resolver and node, or between node and database", strings.Join(not, "; "), proven)
}

// lockedOut is what the server holds against a node, by the code of its refusal.
func (s *subject) lockedOut() (lockout.Lockout, bool) {
	for _, p := range s.Life.Path {
		if s.Binding == nil || p.Result == resolve.Served {
			continue
		}
		if l, is := lockout.Explain(s.Binding.Engine, p.Code); is {
			return l, true
		}
	}
	return lockout.Lockout{}, false
}

// resolverHop is the way of the proof: the resolver to the nodes, and to the database. Broken, the proof is missing; what
// consumers use is another way.
func (s *subject) resolverHop() Hop {
	facts := s.resolvers[s.VPCID]
	switch {
	case s.Binding == nil:
		return unknown(notMade)
	case s.ResolverFunction == "" || facts == nil:
		return unknown("the exposure has no resolver in the VPC")
	case facts.function.err != nil:
		return s.unread(facts.function.err)
	case facts.function.value == nil:
		return s.noProof("function %s does not exist any more", s.ResolverFunction)
	case facts.config() == nil || len(facts.subnets()) == 0:
		return s.noProof("function %s is in no VPC", s.ResolverFunction)
	case facts.function.value.State != lambdatypes.StateActive && facts.function.value.State != lambdatypes.StateInactive:
		return s.noProof("function %s is %s: %s", s.ResolverFunction, facts.function.value.State, aws.ToString(facts.function.value.StateReason))
	case s.rules.err != nil:
		return s.unread(s.rules.err)
	}
	shut, err := s.shutToResolver(facts)
	switch {
	case err != nil:
		return s.unread(err)
	case len(shut) > 0:
		return s.noProof("%s", summary(shut))
	case s.listenerPort() == 0:
		return passes("%s reaches the database; whether it reaches the nodes is not known: no listener port is recorded", s.ResolverFunction)
	}
	return passes("%s reaches the nodes on port %d, and the database", s.ResolverFunction, s.listenerPort())
}

func (s *subject) noProof(format string, args ...any) Hop {
	h := broken(s.again(), format, args...)
	h.Detail += ": the proof is missing; consumers take another way"
	return h
}

// shutToResolver are the reasons for which the resolver does not reach the nodes, the database or the VPC's own DNS servers.
func (s *subject) shutToResolver(facts *resolverFacts) (reasons []string, err error) {
	own, groups := s.rulesOf(facts.groups()), words(facts.groups(), "(none)")
	for _, server := range facts.recorded.value.DNSServers {
		if block, ok := single(server); ok && letsAll(own, true, "udp", 53, block, nil) == shut {
			reasons = append(reasons, fmt.Sprintf("the resolver's group %s does not let out to the DNS server %s", groups, server))
		}
	}
	if _, found := s.balancer(); found && s.listenerPort() != 0 {
		nodes, err := s.zones()
		if err != nil {
			return nil, err
		}
		for _, z := range nodes {
			if lets(own, true, s.listenerPort(), z.block, s.balancerGroups()) == shut {
				reasons = append(reasons, fmt.Sprintf("the resolver's group %s does not let out to the nodes on port %d", groups, s.listenerPort()))
			}
			more, err := s.fromResolver(facts, z.end, s.listenerPort())
			if err != nil {
				return nil, err
			}
			reasons = append(reasons, more...)
		}
		if !s.letsResolverIn(facts, s.balancerGroups(), s.listenerPort()) {
			reasons = append(reasons, fmt.Sprintf("the load balancer's group %s does not admit the resolver's group %s to port %d",
				words(s.balancerGroups(), "(none)"), groups, s.listenerPort()))
		}
	}
	for _, d := range s.destinations() {
		if lets(own, true, s.databasePort(), d.block, d.groups) == shut {
			reasons = append(reasons, fmt.Sprintf("the resolver's group %s does not let out to %s on port %d", groups, name(d.block),
				s.databasePort()))
		}
		more, err := s.fromResolver(facts, d.end, s.databasePort())
		if err != nil {
			return nil, err
		}
		reasons = append(reasons, more...)
	}
	if carried := s.topology.value.SecurityGroupIDs; s.topology.err == nil && len(carried) > 0 &&
		!s.letsResolverIn(facts, carried, s.databasePort()) {
		reasons = append(reasons, fmt.Sprintf("%s does not admit the resolver's group %s to port %d", words(carried, ""), groups,
			s.databasePort()))
	}
	return reasons, nil
}

// letsResolverIn says whether groups admit the resolver, by its group or from all of its subnets.
func (s *subject) letsResolverIn(facts *resolverFacts, groups []string, at int32) bool {
	rules := s.rulesOf(groups)
	for _, e := range s.resolverEnds(facts) {
		if lets(rules, false, at, e.block, facts.groups()) == shut {
			return false
		}
	}
	return true
}

// resolverEnds are the subnets that the function may be in.
func (s *subject) resolverEnds(facts *resolverFacts) []end {
	var all []end
	for _, id := range facts.subnets() {
		if block, ok := s.blockOf(id); ok {
			all = append(all, end{id, block})
		}
	}
	return all
}

// fromResolver are the reasons for which network ACLs do not let the resolver through.
func (s *subject) fromResolver(facts *resolverFacts, to end, at int32) (all []string, err error) {
	for _, e := range s.resolverEnds(facts) {
		reasons, _, err := s.between(e, to, at)
		if err != nil {
			return nil, err
		}
		all = append(all, reasons...)
	}
	return all, nil
}
