package inspect

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/drift"
	"github.com/rdslink/rdslink/internal/ingress"
)

// principalsHop: a principal that may no longer ask keeps the connections that it has.
func (s *subject) principalsHop() Hop {
	switch {
	case s.ServiceID != "" && connection.AllowsNobody(s.Exposure):
		return unknown("nobody may ask yet: the vendor tells whom to allow once it has the service name; then start again with its principals")
	case s.ServiceID == "" || len(s.Principals) == 0:
		return unknown(notMade)
	case s.principals.err != nil:
		return s.unread(s.principals.err)
	}
	if gone := drift.Without(s.Principals, s.principals.value); len(gone) > 0 {
		return broken(s.again(), "%s may not ask %s for a connection any more; connections that are there go on", words(gone, ""), s.ServiceID)
	}
	return passes("%s", words(s.Principals, ""))
}

func (s *subject) connectionsHop() Hop {
	switch {
	case s.ServiceID == "":
		return unknown(notMade)
	case s.services.err == nil && s.serviceGone():
		return unknown("there is no endpoint service")
	case s.view.connections.err != nil:
		return s.unread(s.view.connections.err)
	}
	all := s.view.connections.value[s.ServiceID]
	var seen []string
	connected, pending, refused := false, false, false
	for _, c := range all {
		seen = append(seen, fmt.Sprintf("%s of %s is %s", c.VPCEndpointID, c.Owner, c.State))
		connected = connected || c.Connected()
		pending = pending || c.State == connection.PendingAcceptance
		refused = refused || c.Refused()
	}
	detail := words(seen, "nobody has made an endpoint")
	switch {
	case connected:
		return passes("%s", detail)
	case pending && s.Awaiting == "":
		return broken("decide: make approve EXPOSURE="+s.Entrance()+" or make reject", "%s", detail)
	case refused && !pending:
		return broken("have the consumer make a new endpoint for "+s.ServiceName+", and "+s.again(), "%s", detail)
	}
	return unknown("%s", detail)
}

func (s *subject) service() ec2types.ServiceConfiguration { return s.services.value[s.ServiceID] }

func is(service ec2types.ServiceConfiguration, state ec2types.ServiceState) bool {
	return strings.EqualFold(string(service.ServiceState), string(state))
}

func (s *subject) serviceGone() bool {
	found, there := s.services.value[s.ServiceID]
	return !there || is(found, ec2types.ServiceStateDeleted) || is(found, ec2types.ServiceStateDeleting)
}

func (s *subject) serviceHop() Hop {
	switch {
	case s.ServiceID == "":
		return unknown(notMade)
	case s.services.err != nil:
		return s.unread(s.services.err)
	case s.serviceGone():
		return broken(s.again()+"; its name will be another, and the consumer has to make a new endpoint",
			"endpoint service %s does not exist any more", s.ServiceID)
	}
	found := s.service()
	switch {
	case is(found, ec2types.ServiceStatePending):
		return unknown("%s is %s", s.ServiceID, found.ServiceState)
	case !is(found, ec2types.ServiceStateAvailable):
		return broken("see the service in the console (VPC, Endpoint services); tear the exposure down if it stays so, and start again",
			"%s is %s", s.ServiceID, found.ServiceState)
	case !slices.Contains(found.NetworkLoadBalancerArns, s.LoadBalancerARN):
		return broken(fmt.Sprintf("aws ec2 modify-vpc-endpoint-service-configuration --service-id %s --add-network-load-balancer-arns %s",
			s.ServiceID, s.LoadBalancerARN), "%s is in front of %s", s.ServiceID, words(found.NetworkLoadBalancerArns, "nothing"))
	}
	return passes("%s is %s%s", s.ServiceName, found.ServiceState, nameState(found))
}

// nameState is what an endpoint service's private DNS name is, if it has one.
func nameState(service ec2types.ServiceConfiguration) string {
	if service.PrivateDnsName == nil {
		return ""
	}
	state := "in no state yet"
	if p := service.PrivateDnsNameConfiguration; p != nil {
		state = string(p.State)
	}
	return fmt.Sprintf("; its private DNS name %s is %s", *service.PrivateDnsName, state)
}

// zonesHop wants every zone that the load balancer had, and the service in each of them but those that PrivateLink never
// enabled.
func (s *subject) zonesHop() Hop {
	balancer, found := s.balancer()
	switch {
	case s.ServiceID == "" || s.LoadBalancerARN == "":
		return unknown(notMade)
	case s.balancers.err != nil:
		return s.unread(s.balancers.err)
	case s.services.err != nil:
		return s.unread(s.services.err)
	case s.subnets.err != nil:
		return s.unread(s.subnets.err)
	case !found:
		return unknown("there is no load balancer")
	case s.serviceGone():
		return unknown("there is no endpoint service")
	}
	var present, served, outside []string
	for _, z := range balancer.AvailabilityZones {
		id := aws.ToString(z.SubnetId)
		present = append(present, id)
		switch {
		case slices.Contains(s.service().AvailabilityZones, aws.ToString(z.ZoneName)):
			served = append(served, aws.ToString(z.ZoneName))
		case !slices.Contains(s.ZoneIDsWithoutService, aws.ToString(s.subnets.value[id].AvailabilityZoneId)):
			outside = append(outside, aws.ToString(z.ZoneName))
		}
	}
	if lost := drift.Without(s.LoadBalancerSubnetIDs, present); len(lost) > 0 {
		return broken(s.again(), "the load balancer is not in %s any more: what consumers have in that zone leads nowhere", words(lost, ""))
	}
	if len(outside) > 0 && s.ScheduleName == "" {
		return unknown("endpoint service %s is not in %s of the load balancer yet", s.ServiceID, words(outside, ""))
	}
	if len(outside) > 0 {
		return broken(s.again(), "endpoint service %s is not in %s, where the load balancer is", s.ServiceID, words(outside, ""))
	}
	return passes("%s", words(served, "none"))
}

// enforcementHop: with enforcement on, the inbound rules are held against the consumer's own addresses, which nobody here
// knows.
func (s *subject) enforcementHop() Hop {
	balancer, found := s.balancer()
	switch {
	case s.LoadBalancerARN == "":
		return unknown(notMade)
	case s.balancers.err != nil:
		return s.unread(s.balancers.err)
	case !found:
		return unknown("there is no load balancer")
	}
	off := string(elbtypes.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnumOff)
	if on := aws.ToString(balancer.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic); on != off {
		return broken(s.again(), "the load balancer's inbound rules are enforced on PrivateLink traffic (%s), and admit no consumer", on)
	}
	return passes("off: PrivateLink traffic needs no inbound rule")
}

func (s *subject) balancerHop() Hop {
	balancer, found := s.balancer()
	switch {
	case s.LoadBalancerARN == "":
		return unknown(notMade)
	case s.balancers.err != nil:
		return s.unread(s.balancers.err)
	case !found:
		return broken("tear the exposure down (docs/removing.md), and "+s.again(), "load balancer %s does not exist any more", s.LoadBalancerARN)
	case balancer.State == nil:
		return unknown("%s tells no state", s.LoadBalancerARN)
	}
	switch code := balancer.State.Code; code {
	case elbtypes.LoadBalancerStateEnumActive, elbtypes.LoadBalancerStateEnumActiveImpaired:
		return passes("%s", code)
	case elbtypes.LoadBalancerStateEnumProvisioning:
		return unknown("%s", code)
	default:
		return broken("tear the exposure down (docs/removing.md), and "+s.again(), "it is %s: %s", code, aws.ToString(balancer.State.Reason))
	}
}

func forwards(l elbtypes.Listener, targetGroupARN string) bool {
	return len(l.DefaultActions) == 1 && aws.ToString(l.DefaultActions[0].TargetGroupArn) == targetGroupARN
}

// listenerHop wants one on the port that consumers have been told, that forwards to our target group. Others are drift.
func (s *subject) listenerHop() Hop {
	_, found := s.balancer()
	switch {
	case s.ListenerARN == "":
		return unknown(notMade)
	case s.listeners.err != nil:
		return s.unread(s.listeners.err)
	case s.balancers.err == nil && !found:
		return unknown("there is no load balancer")
	}
	var seen []string
	at := s.listenerPort()
	for _, l := range s.listeners.value {
		seen = append(seen, fmt.Sprintf("%s %d", l.Protocol, aws.ToInt32(l.Port)))
		if at != 0 && aws.ToInt32(l.Port) != at || at == 0 && aws.ToString(l.ListenerArn) != s.ListenerARN {
			continue
		}
		switch {
		case l.Protocol != elbtypes.ProtocolEnumTcp:
			return broken(s.again(), "the listener on port %d is for %s, not for TCP", aws.ToInt32(l.Port), l.Protocol)
		case !forwards(l, s.TargetGroupARN):
			return broken(s.again(), "the listener on port %d does not forward to %s", aws.ToInt32(l.Port), s.TargetGroupARN)
		}
		return passes("TCP %d", aws.ToInt32(l.Port))
	}
	if at == 0 {
		return broken(s.again(), "listener %s does not exist any more; there is %s", s.ListenerARN, words(seen, "none"))
	}
	return broken(s.again(), "there is no listener on port %d, which consumers connect to; there is %s", at, words(seen, "none"))
}

const (
	preserveClientIP = "preserve_client_ip.enabled"
	proxyProtocol    = "proxy_protocol_v2.enabled"
	crossZone        = "load_balancing.cross_zone.enabled"
)

func (s *subject) groupAttribute(key string) string {
	for _, a := range s.groupAttributes.value {
		if aws.ToString(a.Key) == key {
			return aws.ToString(a.Value)
		}
	}
	return ""
}

// crossesZones says whether a node sends to targets in other zones. The target group decides, unless it leaves it to the
// load balancer.
func (s *subject) crossesZones() bool {
	if own := s.groupAttribute(crossZone); own == "true" || own == "false" {
		return own == "true"
	}
	return slices.ContainsFunc(s.balancerAttributes.value, func(a elbtypes.LoadBalancerAttribute) bool {
		return aws.ToString(a.Key) == crossZone && aws.ToString(a.Value) == "true"
	})
}

// staysInZones says whether some nodes reach no target.
func (s *subject) staysInZones() bool {
	balancer, _ := s.balancer()
	return !s.crossesZones() && len(balancer.AvailabilityZones) > 1
}

func (s *subject) targetGroupHop() Hop {
	group, found := s.targetGroups.value[s.TargetGroupARN]
	switch {
	case s.TargetGroupARN == "":
		return unknown(notMade)
	case s.targetGroups.err != nil:
		return s.unread(s.targetGroups.err)
	case !found:
		return broken(s.again(), "target group %s does not exist any more", s.TargetGroupARN)
	case group.Protocol != elbtypes.ProtocolEnumTcp || group.TargetType != elbtypes.TargetTypeEnumIp || aws.ToString(group.VpcId) != s.VPCID:
		return broken("tear the exposure down (docs/removing.md), and "+s.again(), "%s is for %s to %s targets in %s",
			s.TargetGroupARN, group.Protocol, group.TargetType, aws.ToString(group.VpcId))
	case s.groupAttributes.err != nil:
		return s.unread(s.groupAttributes.err)
	case s.balancerAttributes.err != nil:
		return s.unread(s.balancerAttributes.err)
	case s.groupAttribute(preserveClientIP) == "true":
		return broken(s.again(), "%s is true: the database sees the consumer's own address, which its groups do not admit", preserveClientIP)
	case s.groupAttribute(proxyProtocol) == "true":
		return broken(s.again(), "%s is true: the database reads a header that is not its protocol", proxyProtocol)
	}
	if s.staysInZones() {
		return broken(s.again(), "%s is off: a node reaches targets in its own zone only", crossZone)
	}
	if s.blind() {
		return passes("TCP to ip targets; its health check is blind on purpose, and says nothing of the database")
	}
	return passes("TCP to ip targets; health check to %s", aws.ToString(group.HealthCheckPort))
}

// targetsHop judges what is registered. A target whose address is nobody's or another's is not the database.
func (s *subject) targetsHop() Hop {
	if h, no := s.noTargets(); no {
		return h
	}
	all := s.targetsNow()
	if len(all) == 0 {
		return broken("the sync registers it at its next tick, if schedule and database are well; or "+s.again(), "no target is registered")
	}
	var seen, foreign, unused []string
	for _, t := range all {
		text := fmt.Sprintf("%s:%d", aws.ToString(t.Target.Id), aws.ToInt32(t.Target.Port))
		seen = append(seen, text)
		if why := s.foreign(t); why != "" {
			foreign = append(foreign, text+" "+why)
		} else if t.TargetHealth.State == elbtypes.TargetHealthStateEnumUnused {
			unused = append(unused, strings.TrimSpace(text+" is unused "+reason(t.TargetHealth)))
		}
	}
	switch {
	case len(foreign) > 0:
		return broken("the sync takes it away and registers the database's own at its next tick, if schedule and database are well; or "+
			s.again(), "%s", words(foreign, ""))
	case len(unused) == len(all):
		return broken(s.again(), "%s", words(unused, ""))
	}
	return passes("%s", words(seen, ""))
}

// noTargets is the hop where targets cannot be judged.
func (s *subject) noTargets() (Hop, bool) {
	_, found := s.targetGroups.value[s.TargetGroupARN]
	switch {
	case s.TargetGroupARN == "" || s.Binding == nil:
		return unknown(notMade), true
	case s.health.err != nil:
		return s.unread(s.health.err), true
	case s.targetGroups.err == nil && !found:
		return unknown("there is no target group"), true
	case s.interfaces.err != nil:
		return s.unread(s.interfaces.err), true
	}
	return Hop{}, false
}

// healthHop is what the load balancer finds at the database's own addresses. A check that is blind on purpose finds nothing.
func (s *subject) healthHop() Hop {
	if h, no := s.noTargets(); no {
		return h
	}
	if s.blind() {
		return passes("blind on purpose, as the server blocks hosts whose connections break off; the proof tells instead")
	}
	var seen []string
	serving, failing := false, false
	for _, t := range s.targetsNow() {
		state := t.TargetHealth.State
		if s.foreign(t) != "" || state == elbtypes.TargetHealthStateEnumUnused {
			continue
		}
		serving = serving || state == elbtypes.TargetHealthStateEnumHealthy
		failing = failing || state == elbtypes.TargetHealthStateEnumUnhealthy
		seen = append(seen, strings.TrimSpace(fmt.Sprintf("%s is %s %s", aws.ToString(t.Target.Id), state, reason(t.TargetHealth))))
	}
	switch {
	case len(seen) == 0:
		return unknown("no address of the database's own is registered")
	case serving:
		return passes("%s", words(seen, ""))
	case failing:
		return broken("mend what is broken above; if nothing is, see the database's own firewall and its limits", "%s", words(seen, ""))
	}
	return unknown("%s", words(seen, ""))
}

func reason(h *elbtypes.TargetHealth) string {
	if aws.ToString(h.Description) == "" {
		return string(h.Reason)
	}
	return aws.ToString(h.Description)
}

// foreign is why a target is not the database's, or nothing.
func (s *subject) foreign(t elbtypes.TargetHealthDescription) string {
	if aws.ToInt32(t.Target.Port) != s.databasePort() {
		return fmt.Sprintf("is not on the database's port %d", s.databasePort())
	}
	i := s.interfaceOf(t)
	if i == nil {
		return "is nobody's address in the VPC"
	}
	carried := s.topology.value.SecurityGroupIDs
	if s.topology.err == nil && len(carried) > 0 && len(drift.Without(carried, interfaceGroups(i))) == len(carried) {
		return "carries none of the database's security groups"
	}
	return ""
}

// egressHop wants the load balancer's groups to let out to the database: to its addresses of now or, where none is
// registered, to all of the VPC.
func (s *subject) egressHop() Hop {
	_, found := s.balancer()
	switch {
	case s.LoadBalancerSecurityGroupID == "" || s.Binding == nil:
		return unknown(notMade)
	case s.balancers.err != nil:
		return s.unread(s.balancers.err)
	case s.rules.err != nil:
		return s.unread(s.rules.err)
	case !found:
		return unknown("there is no load balancer")
	}
	groups := s.balancerGroups()
	rules := s.rulesOf(groups)
	to := s.destinations()
	if len(to) == 0 {
		for _, cidr := range s.Binding.VPCCIDRs {
			if block, err := netip.ParsePrefix(cidr); err == nil {
				to = append(to, destination{end: end{block: block}})
			}
		}
	}
	var missing []string
	doubt := false
	for _, d := range to {
		switch lets(rules, true, s.databasePort(), d.block, d.groups) {
		case shut:
			missing = append(missing, name(d.block))
		case maybe:
			doubt = true
		}
	}
	switch {
	case len(missing) > 0:
		return broken(s.again(), "the load balancer's group %s does not let out to %s on port %d", words(groups, "(none)"), words(missing, ""),
			s.databasePort())
	case doubt:
		return unknown("%s lets out to a prefix list, which is not looked into", words(groups, ""))
	}
	return passes("%s lets out to port %d", words(groups, ""), s.databasePort())
}

// aclsHop: every node connects to the database, wherever that is now.
func (s *subject) aclsHop() Hop {
	_, found := s.balancer()
	switch {
	case s.LoadBalancerARN == "" || s.Binding == nil:
		return unknown(notMade)
	case s.balancers.err == nil && !found:
		return unknown("there is no load balancer")
	case s.health.err != nil:
		return s.unread(s.health.err)
	}
	zones, err := s.zones()
	if err != nil {
		return s.unread(err)
	}
	to := s.destinations()
	if len(to) == 0 {
		return unknown("it is not known in which subnet the database is: no address of its own is registered")
	}
	var shut []string
	for _, z := range zones {
		for _, d := range to {
			reasons, _, err := s.between(z.end, d.end, s.databasePort())
			if err != nil {
				return s.unread(err)
			}
			shut = append(shut, reasons...)
		}
	}
	if len(shut) == 0 {
		return passes("those of %d subnets let it through, and the answers", len(zones))
	}
	return broken(fmt.Sprintf("let TCP through there, both ways, and the answers to ports %d-%d (aws ec2 describe-network-acls --filters "+
		"Name=vpc-id,Values=%s)", ephemeral.first, ephemeral.last, s.VPCID), "%s", summary(shut))
}

// summary are the first of some reasons.
func summary(all []string) string {
	slices.Sort(all)
	all = slices.Compact(all)
	const few = 3
	if len(all) > few {
		return fmt.Sprintf("%s; and %d more", strings.Join(all[:few], "; "), len(all)-few)
	}
	return strings.Join(all, "; ")
}

// databaseGroupsHop: each zone of the load balancer needs a rule in one of the groups that the database carries today,
// whoever made it. A rule that names the load balancer's group is none: AWS does not promise that it admits PrivateLink
// traffic while inbound rules are not enforced on that (NLB guide, "Target security groups").
func (s *subject) databaseGroupsHop() Hop {
	_, found := s.balancer()
	switch {
	case s.DatabaseSecurityGroupID == "" || s.Binding == nil:
		return unknown(notMade)
	case s.balancers.err == nil && !found:
		return unknown("there is no load balancer")
	case s.topology.err != nil:
		return s.unread(s.topology.err)
	case !s.topology.value.Exists:
		return unknown("there is no database")
	case s.rules.err != nil:
		return s.unread(s.rules.err)
	}
	zones, err := s.zones()
	if err != nil {
		return s.unread(err)
	}
	groups := s.topology.value.SecurityGroupIDs
	rules := s.rulesOf(groups)
	var out []string
	doubt := false
	for _, z := range zones {
		switch s.admits(rules, z) {
		case shut:
			out = append(out, z.String())
		case maybe:
			doubt = true
		}
	}
	left := ""
	if !slices.Contains(groups, s.DatabaseSecurityGroupID) {
		left = fmt.Sprintf("; the rules were made in %s, which the database does not carry any more", s.DatabaseSecurityGroupID)
	}
	switch {
	case len(out) > 0:
		return broken(s.again(), "%s admits nothing to port %d from the load balancer's %s%s", words(groups, "no group of the database"),
			s.databasePort(), words(out, ""), left)
	case doubt:
		return unknown("%s admits a prefix list, which is not looked into", words(groups, ""))
	}
	return passes("%s admits the load balancer's %d zones to port %d%s", words(groups, ""), len(zones), s.databasePort(), left)
}

// admits judges a zone by its node's address. Where rules name subnets, or the address is not known, a rule for all of the
// subnet does.
func (s *subject) admits(rules []ec2types.SecurityGroupRule, z zone) verdict {
	best := lets(rules, false, s.databasePort(), z.block, nil)
	if best != open && s.Ingress != ingress.Addresses {
		if block, err := netip.ParsePrefix(aws.ToString(s.subnets.value[z.subnet].CidrBlock)); err == nil {
			best = max(best, lets(rules, false, s.databasePort(), block, nil))
		}
	}
	return best
}

func (s *subject) databaseHop() Hop {
	t := s.topology.value
	switch {
	case s.Binding == nil:
		return unknown(notMade)
	case s.topology.err != nil:
		return s.unread(s.topology.err)
	case !t.Exists:
		return broken("restore it under its name, or remove the exposure (docs/removing.md)", "%s does not exist any more", s.DatabaseARN)
	}
	serves, known := database.Serves(s.Binding.DatabaseKind, t.Status)
	switch {
	case !known:
		return unknown("its status is %s, which this version does not know", t.Status)
	case !serves && database.Stopped(t.Status):
		return broken("start it, if it is to serve", "it is %s", t.Status)
	case !serves:
		return broken("see its events in the RDS console", "it is %s", t.Status)
	case t.Host == "":
		return unknown("it is %s, and has no endpoint", t.Status)
	case !strings.EqualFold(t.Host, s.Binding.Host):
		return broken("rename it back, or expose what has its name now", "its endpoint is %s, not %s as it was exposed", t.Host, s.Binding.Host)
	case t.Port != s.Binding.Port:
		return broken(s.again(), "it listens on port %d, not on %d as it was exposed", t.Port, s.Binding.Port)
	}
	return passes("%s, %s:%d", t.Status, t.Host, t.Port)
}

// syncHop: the schedule, and whether it ticks.
func (s *subject) syncHop() Hop {
	switch {
	case s.ScheduleName == "":
		return unknown(notMade)
	case s.schedule.err != nil:
		return s.unread(s.schedule.err)
	case s.schedule.value == nil:
		return broken(s.again(), "schedule %s does not exist any more: nobody follows the database", s.ScheduleName)
	}
	var wrong []string
	for _, d := range s.scheduleDifferences() {
		if stops(d.What) {
			wrong = append(wrong, fmt.Sprintf("%s is %s", d.What, quote(d.Is)))
		}
	}
	if len(wrong) > 0 {
		return broken(s.again(), "schedule %s does not tick as it should: %s", s.ScheduleName, words(wrong, ""))
	}
	switch ticked := s.Life.Ticked; {
	case ticked.IsZero():
		return unknown("the schedule is enabled; no tick is recorded yet")
	case s.Now().Sub(ticked) > 2*s.Patience:
		return broken("see the log of ip-sync, the role of the schedules, and whether the function is throttled",
			"the schedule is enabled, and the last tick that is recorded was at %s", clock(ticked))
	case !s.Life.Bad.IsZero():
		return broken("mend what is broken above; the sync puts right by itself what is its to put right",
			"its looks are not good since %s: %s", clock(s.Life.Bad), s.Life.Detail)
	default:
		return passes("enabled; the last tick that is recorded was at %s", clock(ticked))
	}
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

func quote(text string) string {
	if text == "" {
		return "not set"
	}
	const long = 60
	if len(text) > long {
		return fmt.Sprintf("%q…", text[:long])
	}
	return fmt.Sprintf("%q", text)
}
