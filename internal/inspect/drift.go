package inspect

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/drift"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolver"
	"github.com/rdslink/rdslink/internal/securitygroup"
	"github.com/rdslink/rdslink/internal/wanted"
)

// drift is what is not as the steps left it and breaks no hop.
func (s *subject) drift() []Finding {
	var all []Finding
	for _, look := range []func() []Finding{
		s.serviceDrift, s.nameDrift, s.notificationDrift, s.balancerDrift, s.listenerDrift, s.targetGroupDrift, s.balancerGroupDrift, s.aclDrift,
		s.leftRules, s.flowLogDrift, s.resolverDrift, s.scheduleDrift, s.tagDrift,
	} {
		all = append(all, look()...)
	}
	return all
}

// found is a finding that starting again puts right.
func (s *subject) found(key, format string, args ...any) Finding {
	return Finding{Key: key, Detail: fmt.Sprintf(format, args...), Remedy: s.again()}
}

func (s *subject) serviceDrift() (all []Finding) {
	if s.ServiceID == "" || s.services.err != nil || s.serviceGone() {
		return nil
	}
	service := s.service()
	if !aws.ToBool(service.AcceptanceRequired) {
		all = append(all, s.found("acceptance", "endpoint service %s requires no acceptance: "+
			"whoever its principals let in connects without a word",
			s.ServiceID))
	}
	if more := drift.Without(service.NetworkLoadBalancerArns, []string{s.LoadBalancerARN}); len(more) > 0 &&
		slices.Contains(service.NetworkLoadBalancerArns, s.LoadBalancerARN) {
		all = append(all, Finding{"other load balancers", fmt.Sprintf("endpoint service %s is in front of %s, too", s.ServiceID, words(more, "")),
			fmt.Sprintf("aws ec2 modify-vpc-endpoint-service-configuration --service-id %s --remove-network-load-balancer-arns %s",
				s.ServiceID, strings.Join(more, " "))})
	}
	if home, err := arn.Parse(s.LoadBalancerARN); err == nil {
		var listed []string
		for _, r := range service.SupportedRegions {
			if state := aws.ToString(r.ServiceState); !strings.EqualFold(state, "Closed") && !strings.EqualFold(state, "Deleting") {
				listed = append(listed, aws.ToString(r.Region))
			}
		}
		missing := drift.Without(s.SupportedRegions, append(listed, home.Region))
		surplus := drift.Without(listed, append(s.SupportedRegions, home.Region))
		if len(missing)+len(surplus) > 0 {
			all = append(all, s.found("regions", "endpoint service %s supports %s, and should support %s", s.ServiceID,
				words(listed, "no other region"),
				words(s.SupportedRegions, "no other region")))
		}
	}
	if s.principals.err == nil && (len(s.Principals) > 0 || connection.AllowsNobody(s.Exposure)) {
		if more := drift.Without(s.principals.value, s.Principals); len(more) > 0 {
			all = append(all, s.found("principals", "%s may ask %s for a connection, too", words(more, ""), s.ServiceID))
		}
	}
	return all
}

// nameDrift: by its private DNS name nobody connects who does not yet, or nobody at all.
func (s *subject) nameDrift() []Finding {
	if s.ServiceID == "" || s.services.err != nil || s.serviceGone() || s.PrivateName == nil || s.PrivateName.Name == "" {
		return nil
	}
	service, want := s.service(), s.PrivateName.Name
	if has := aws.ToString(service.PrivateDnsName); has != want {
		return []Finding{s.found("private DNS name", "endpoint service %s has %s, and should have %s", s.ServiceID,
			cmp.Or(has, "no private DNS name"), want)}
	}
	s.note(s.proven.err)
	if name := s.PrivateName; name.ZoneID != "" && s.proven.err == nil && !s.proven.value {
		return []Finding{s.found("private DNS name", "the TXT record %s in hosted zone %s is gone, or is another: when AWS looks for it again, "+
			"it denies new requests%s", name.Record, name.ZoneID, nameState(service))}
	}
	if p := service.PrivateDnsNameConfiguration; p != nil && strings.EqualFold(string(p.State), string(ec2types.DnsNameStateVerified)) {
		return nil
	}
	return []Finding{s.found("private DNS name", "endpoint service %s is not to be asked, as AWS denies new requests until its name "+
		"is verified; who is connected stays%s", s.ServiceID, nameState(service))}
}

// notificationDrift: without it, operators hear of connections a minute later.
func (s *subject) notificationDrift() (all []Finding) {
	if s.ServiceID == "" || s.ConnectionsTopicARN == "" || s.serviceGone() {
		return nil
	}
	if s.notifications.err != nil {
		s.note(s.notifications.err)
		return nil
	}
	for _, n := range s.notifications.value[s.ServiceID] {
		if aws.ToString(n.ConnectionNotificationArn) != s.ConnectionsTopicARN {
			continue
		}
		if n.ConnectionNotificationState == ec2types.ConnectionNotificationStateDisabled {
			return append(all, s.found("notification", "connection notification %s is disabled", aws.ToString(n.ConnectionNotificationId)))
		}
		if events := slices.Sorted(slices.Values(n.ConnectionEvents)); !slices.Equal(events, wanted.ConnectionEvents) {
			return append(all, s.found("notification", "connection notification %s tells of %s, not of %s", aws.ToString(n.ConnectionNotificationId),
				words(events, "nothing"), words(wanted.ConnectionEvents, "")))
		}
		return all
	}
	return append(all, s.found("notification", "endpoint service %s has no connection notification to %s", s.ServiceID, s.ConnectionsTopicARN))
}

// flowLogDrift: nobody is cut off where nothing is recorded, and nobody notices either.
func (s *subject) flowLogDrift() (all []Finding) {
	if s.flowLogs.err != nil {
		s.note(s.flowLogs.err)
		return nil
	}
	for _, id := range s.FlowLogIDs {
		l, there := s.flowLogs.value[id]
		switch {
		case !there:
			all = append(all, s.found("flow log", "flow log %s is gone: what goes through its node is not recorded", id))
		case aws.ToString(l.DeliverLogsStatus) == "FAILED":
			all = append(all, Finding{"flow log", fmt.Sprintf("flow log %s cannot be written to %s: %s", id, aws.ToString(l.LogGroupName),
				aws.ToString(l.DeliverLogsErrorMessage)), "let its role " + aws.ToString(l.DeliverLogsPermissionArn) + " write there"})
		}
	}
	return all
}

func (s *subject) balancerDrift() (all []Finding) {
	balancer, there := s.balancer()
	if !there {
		return nil
	}
	if s.balancerAttributes.err != nil {
		s.note(s.balancerAttributes.err)
	} else {
		for _, a := range drift.Attributes(wanted.LoadBalancerAttributes, s.balancerAttributes.value) {
			key := aws.ToString(a.Key)
			if key == crossZone && s.staysInZones() {
				continue // a broken hop
			}
			all = append(all, s.found(key, "%s of the load balancer is not %s", key, aws.ToString(a.Value)))
		}
	}
	if s.LoadBalancerSecurityGroupID != "" && !slices.Equal(balancer.SecurityGroups, []string{s.LoadBalancerSecurityGroupID}) {
		all = append(all, s.found("load balancer's groups", "the load balancer carries %s, not %s alone",
			words(balancer.SecurityGroups, "no security group"),
			s.LoadBalancerSecurityGroupID))
	}
	return all
}

// listenerDrift are listeners beside the one that consumers use. Without that one, another may be it, moved.
func (s *subject) listenerDrift() (all []Finding) {
	if s.listenerHop().State != Passes {
		return nil
	}
	at := s.listenerPort()
	for _, l := range s.listeners.value {
		if slices.ContainsFunc(s.Beside, func(w registry.Way) bool { return w.ListenerPort == aws.ToInt32(l.Port) }) {
			continue
		}
		if at != 0 && aws.ToInt32(l.Port) != at || at == 0 && aws.ToString(l.ListenerArn) != s.ListenerARN {
			all = append(all, Finding{"listener " + aws.ToString(l.ListenerArn), fmt.Sprintf("the load balancer has another listener: %s %d",
				l.Protocol, aws.ToInt32(l.Port)), "aws elbv2 delete-listener --listener-arn " + aws.ToString(l.ListenerArn)})
		}
	}
	return all
}

func (s *subject) targetGroupDrift() (all []Finding) {
	group, there := s.targetGroups.value[s.TargetGroupARN]
	if !there || s.Binding == nil {
		return nil
	}
	kind, engine := s.Binding.DatabaseKind, s.Binding.Engine
	for _, d := range []wanted.Difference{
		{What: "protocol", Is: string(group.HealthCheckProtocol), Want: string(elbtypes.ProtocolEnumTcp)},
		{What: "port", Is: aws.ToString(group.HealthCheckPort), Want: wanted.CheckPort(kind, engine)},
		{What: "interval", Is: fmt.Sprint(aws.ToInt32(group.HealthCheckIntervalSeconds)), Want: fmt.Sprint(wanted.CheckInterval)},
		{What: "healthy threshold", Is: fmt.Sprint(aws.ToInt32(group.HealthyThresholdCount)), Want: fmt.Sprint(wanted.CheckThreshold)},
		{What: "unhealthy threshold", Is: fmt.Sprint(aws.ToInt32(group.UnhealthyThresholdCount)), Want: fmt.Sprint(wanted.CheckThreshold)},
	} {
		if d.Is == d.Want {
			continue
		}
		danger := ""
		if s.blind() && d.What == "port" {
			danger = ": such checks break off in the handshake, and the server blocks the nodes for them"
		}
		all = append(all, s.found("health check "+d.What, "the %s of the health check is %s, not %s%s", d.What, d.Is, d.Want, danger))
	}
	if s.groupAttributes.err != nil {
		s.note(s.groupAttributes.err)
		return all
	}
	for _, a := range drift.Attributes(wanted.TargetGroupAttributes(kind, engine), s.groupAttributes.value) {
		key := aws.ToString(a.Key)
		is := s.groupAttribute(key)
		if is == "true" && (key == preserveClientIP || key == proxyProtocol) || is == "false" && key == crossZone && s.staysInZones() {
			continue // a broken hop
		}
		all = append(all, s.found(key, "%s of the target group is %s, not %s", key, quote(s.groupAttribute(key)), aws.ToString(a.Value)))
	}
	return all
}

// balancerGroupDrift: what the load balancer's own group lets out beside the database, or in beside the resolver.
func (s *subject) balancerGroupDrift() (all []Finding) {
	if s.LoadBalancerSecurityGroupID == "" || s.Binding == nil || s.rules.err != nil {
		return nil
	}
	if _, there := s.balancer(); !there {
		return nil
	}
	group := s.balancerGroup()
	rules := s.rules.value[s.LoadBalancerSecurityGroupID]
	all = append(all, s.egressDrift("load balancer's group", s.LoadBalancerSecurityGroupID, group, rules, s.egressHop().State == Broken)...)
	var resolvers []string
	if r := s.resolvers[s.VPCID]; r != nil && s.ResolverFunction != "" {
		resolvers = append(r.groups(), r.recorded.value.SecurityGroupID)
	}
	for _, rule := range rules {
		if aws.ToBool(rule.IsEgress) {
			continue
		}
		ours := rule.ReferencedGroupInfo != nil && slices.Contains(resolvers, aws.ToString(rule.ReferencedGroupInfo.GroupId)) &&
			aws.ToString(rule.IpProtocol) == "tcp" && aws.ToInt32(rule.FromPort) == aws.ToInt32(rule.ToPort) &&
			slices.ContainsFunc(s.ways(), func(w registry.Way) bool { return w.ListenerPort == aws.ToInt32(rule.FromPort) })
		if !ours {
			all = append(all, s.found("inbound rule "+aws.ToString(rule.SecurityGroupRuleId), "the load balancer's group %s admits %s by rule %s, "+
				"which is not ours", s.LoadBalancerSecurityGroupID, what(rule), aws.ToString(rule.SecurityGroupRuleId)))
		}
	}
	return all
}

func (s *subject) balancerGroup() securitygroup.Group {
	return wanted.Balancer{
		Owner: s.Owner, Exposure: s.Entrance(), DatabaseARN: s.databaseOfEntrance(), VPCID: s.VPCID, VPCCIDRs: s.Binding.VPCCIDRs, Ways: s.ways(),
	}.Group()
}

// ways are how connections go through the load balancer: the exposure's own and, on a link, those of others.
func (s *subject) ways() []registry.Way {
	return append([]registry.Way{{ListenerPort: s.listenerPort(), Port: s.databasePort()}}, s.Beside...)
}

// databaseOfEntrance is the database that the load balancer and the endpoint service are tagged with: a link's with none.
func (s *subject) databaseOfEntrance() string {
	if s.OnLink() {
		return ""
	}
	return s.DatabaseARN
}

// egressDrift are the ways out that a group of ours should have and does not, and those that it has and should not.
func (s *subject) egressDrift(whose, id string, group securitygroup.Group, rules []ec2types.SecurityGroupRule,
	missingBreaks bool) (all []Finding) {
	for _, e := range group.Egress {
		if !slices.ContainsFunc(rules, e.Is) && !missingBreaks {
			all = append(all, s.found(fmt.Sprintf("%s out to %s %d %s", whose, e.Protocol, e.Port, e.CIDR),
				"the %s %s does not let out to %s on %s port %d", whose, id, e.CIDR, e.Protocol, e.Port))
		}
	}
	for _, rule := range rules {
		if aws.ToBool(rule.IsEgress) && !slices.ContainsFunc(group.Egress, func(e securitygroup.Egress) bool { return e.Is(rule) }) &&
			!group.Shared() {
			all = append(all, Finding{"outbound rule " + aws.ToString(rule.SecurityGroupRuleId),
				fmt.Sprintf("the %s %s lets out to %s by rule %s", whose, id,
					what(rule), aws.ToString(rule.SecurityGroupRuleId)), fmt.Sprintf("aws ec2 revoke-security-group-egress --group-id %s "+
					"--security-group-rule-ids %s", id, aws.ToString(rule.SecurityGroupRuleId))})
		}
	}
	return all
}

// what a rule lets through, for people.
func what(rule ec2types.SecurityGroupRule) string {
	peer := aws.ToString(rule.CidrIpv4) + aws.ToString(rule.CidrIpv6) + aws.ToString(rule.PrefixListId)
	if rule.ReferencedGroupInfo != nil {
		peer = aws.ToString(rule.ReferencedGroupInfo.GroupId)
	}
	if aws.ToString(rule.IpProtocol) == "-1" {
		return peer + " for everything"
	}
	return fmt.Sprintf("%s for %s %s", peer, aws.ToString(rule.IpProtocol), ports{aws.ToInt32(rule.FromPort), aws.ToInt32(rule.ToPort)})
}

// aclDrift are network ACLs that let most answers through: few connections fail.
func (s *subject) aclDrift() (all []Finding) {
	zones, err := s.zones()
	if err != nil || s.acls.err != nil || s.Binding == nil {
		return nil
	}
	var some []string
	for _, z := range zones {
		for _, d := range s.destinations() {
			if _, few, err := s.between(z.end, d.end, s.databasePort()); err == nil {
				some = append(some, few...)
			}
		}
	}
	if len(some) == 0 {
		return nil
	}
	return []Finding{{"network ACL ports", "a connection now and then fails: " + summary(some),
		fmt.Sprintf("let answers through to all ports from %d to %d inside the VPC", ephemeral.first, ephemeral.last)}}
}

// leftRules are the exposure's rules in groups that the database does not carry any more: whatever else carries them stays
// open to the load balancer.
func (s *subject) leftRules() (all []Finding) {
	if s.tagged.err != nil {
		s.note(s.tagged.err)
		return nil
	}
	if s.topology.err != nil || !s.topology.value.Exists {
		return nil
	}
	left := map[string][]string{}
	for _, rule := range s.tagged.value {
		tags := owned.FromEC2(rule.Tags)
		if _, ours := tags[owned.RuleTag(s.ID)]; !ours || !s.Owner.Manages(tags) {
			continue
		}
		if group := aws.ToString(rule.GroupId); !slices.Contains(s.topology.value.SecurityGroupIDs, group) {
			left[group] = append(left[group], aws.ToString(rule.SecurityGroupRuleId))
		}
	}
	for _, group := range slices.Sorted(maps.Keys(left)) {
		all = append(all, s.found("rules in "+group, "%s still has %s for the exposure, and the database does not carry it any more", group,
			words(left[group], "")))
	}
	return all
}

// resolverDrift: where and as what the resolver runs.
func (s *subject) resolverDrift() (all []Finding) {
	facts := s.resolvers[s.VPCID]
	if facts == nil || s.ResolverFunction == "" || s.Binding == nil {
		return nil
	}
	s.note(facts.recorded.err)
	s.note(facts.tags.err)
	f, recorded := facts.function.value, facts.recorded.value
	if f == nil || facts.recorded.err != nil || recorded.VPCID == "" {
		return nil
	}
	logGroup := ""
	if f.LoggingConfig != nil {
		logGroup = aws.ToString(f.LoggingConfig.LogGroup)
	}
	want := resolver.Resolver{VPCID: s.VPCID, Owner: s.Owner}
	for _, d := range []wanted.Difference{
		{What: "subnets", Is: words(slices.Sorted(slices.Values(facts.subnets())), ""),
			Want: words(slices.Sorted(slices.Values(recorded.SubnetIDs)), "")},
		{What: "groups", Is: words(facts.groups(), ""), Want: recorded.SecurityGroupID},
		{What: "role", Is: aws.ToString(f.Role), Want: recorded.RoleARN},
		{What: "log group", Is: logGroup, Want: s.Owner.Name.ResolverLog()},
		{What: "timeout", Is: fmt.Sprint(aws.ToInt32(f.Timeout)), Want: fmt.Sprint(resolver.Timeout)},
		{What: "memory", Is: fmt.Sprint(aws.ToInt32(f.MemorySize)), Want: fmt.Sprint(resolver.Memory)},
	} {
		if d.Is != d.Want && d.Want != "" {
			all = append(all, s.found("resolver's "+d.What, "the %s of function %s: %s, not %s", d.What, s.ResolverFunction, d.Is, d.Want))
		}
	}
	if facts.tags.err == nil {
		all = append(all, s.tagsDrift("function "+s.ResolverFunction, facts.tags.value, s.Owner.VPCTags(s.VPCID))...)
	}
	if s.rules.err == nil {
		group := want.Group(s.Binding.VPCCIDRs, recorded.DNSServers, s.databasePort(), s.listenerPort())
		all = append(all, s.egressDrift("resolver's group", recorded.SecurityGroupID, group, s.rules.value[recorded.SecurityGroupID],
			s.resolverHop().State == Broken)...)
		for _, rule := range s.rules.value[recorded.SecurityGroupID] {
			if !aws.ToBool(rule.IsEgress) {
				id := aws.ToString(rule.SecurityGroupRuleId)
				all = append(all, Finding{"inbound rule " + id, fmt.Sprintf("the resolver's group %s admits %s by rule %s, and should admit nobody",
					recorded.SecurityGroupID, what(rule), id),
					fmt.Sprintf("aws ec2 revoke-security-group-ingress --group-id %s --security-group-rule-ids %s",
						recorded.SecurityGroupID, id)})
			}
		}
	}
	return all
}

// scheduleDifferences are how the schedule is not as step 10 makes it. An earlier version recorded neither role nor
// function.
func (s *subject) scheduleDifferences() []wanted.Difference {
	if s.schedule.value == nil {
		return nil
	}
	carried := ""
	if target := s.schedule.value.Target; target != nil {
		carried = aws.ToString(target.Input)
	}
	want := wanted.Schedule{
		Exposure: s.ID, Group: s.Owner.Name.ScheduleGroup(), Role: s.ScheduleRoleARN, Function: s.IPSyncFunctionARN,
		Binding: s.bindingText(carried),
	}
	return slices.DeleteFunc(want.Differences(s.schedule.value), func(d wanted.Difference) bool {
		return d.Want == "" && d.What != "EndDate"
	})
}

// stops says whether a schedule that differs there does not tick each minute, or not for the exposure.
func stops(what string) bool {
	return !strings.HasPrefix(what, "Target.RetryPolicy") && what != "FlexibleTimeWindow.Mode"
}

func (s *subject) scheduleDrift() (all []Finding) {
	for _, d := range s.scheduleDifferences() {
		if !stops(d.What) {
			all = append(all, s.found("schedule "+d.What, "%s of schedule %s is %s, not %s", d.What, s.ScheduleName, quote(d.Is), d.Want))
		}
	}
	return all
}

// tagDrift: what does not carry our tags is not ours to change; what does not carry the deployment's may be denied by its
// organization.
func (s *subject) tagDrift() (all []Finding) {
	s.note(s.elbTags.err)
	s.note(s.groups.err)
	own, want := s.Owner.ExposureTags(s.ID, s.DatabaseARN), s.Owner.ExposureTags(s.Entrance(), s.databaseOfEntrance())
	if tags, found := s.elbTags.value[s.LoadBalancerARN]; found {
		all = append(all, s.tagsDrift(s.LoadBalancerARN, tags, want)...)
	}
	for _, arn := range []string{s.TargetGroupARN, s.ListenerARN} {
		if tags, found := s.elbTags.value[arn]; found {
			all = append(all, s.tagsDrift(arn, tags, own)...)
		}
	}
	if service, found := s.services.value[s.ServiceID]; found && !s.serviceGone() {
		all = append(all, s.tagsDrift(s.ServiceID, owned.FromEC2(service.Tags), want)...)
	}
	if group, found := s.groups.value[s.LoadBalancerSecurityGroupID]; found {
		all = append(all, s.tagsDrift(s.LoadBalancerSecurityGroupID, owned.FromEC2(group.Tags), want)...)
	}
	if r := s.resolvers[s.VPCID]; r != nil && s.ResolverFunction != "" {
		if group, found := s.groups.value[r.recorded.value.SecurityGroupID]; found {
			all = append(all, s.tagsDrift(aws.ToString(group.GroupId), owned.FromEC2(group.Tags), s.Owner.VPCTags(s.VPCID))...)
		}
	}
	return all
}

func (s *subject) tagsDrift(of string, have, want map[string]string) []Finding {
	var missing []string
	ours := true
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if value, there := have[key]; !there || value != want[key] {
			missing = append(missing, key+"="+want[key])
			ours = ours && !strings.HasPrefix(key, owned.ManagedTag) && key != owned.ExposureTag && key != owned.VPCTag
		}
	}
	if len(missing) == 0 {
		return nil
	}
	f := s.found("tags of "+of, "%s does not carry %s", of, words(missing, ""))
	if !ours {
		// Without them a step may not touch it, and says that it is not ours.
		f.Remedy = "put them back: " + tagCommand(of, missing)
	}
	return []Finding{f}
}

// tagCommand puts tags on something, whatever it is.
func tagCommand(of string, tags []string) string {
	var ec2Style, elbStyle []string
	for _, tag := range tags {
		key, value, _ := strings.Cut(tag, "=")
		ec2Style = append(ec2Style, fmt.Sprintf("Key=%s,Value=%s", key, value))
		elbStyle = append(elbStyle, fmt.Sprintf("%s=%s", key, value))
	}
	switch {
	case strings.HasPrefix(of, "arn:"):
		return fmt.Sprintf("aws elbv2 add-tags --resource-arns %s --tags %s", of, strings.Join(ec2Style, " "))
	case strings.HasPrefix(of, "function "):
		return fmt.Sprintf("aws lambda tag-resource --resource \"$(aws lambda get-function-configuration --function-name %s --query FunctionArn "+
			"--output text)\" --tags %s", strings.TrimPrefix(of, "function "), strings.Join(elbStyle, ","))
	}
	return fmt.Sprintf("aws ec2 create-tags --resources %s --tags %s", of, strings.Join(ec2Style, " "))
}

func (s *subject) blockOf(subnet string) (netip.Prefix, bool) {
	block, err := netip.ParsePrefix(aws.ToString(s.subnets.value[subnet].CidrBlock))
	return block, err == nil
}
