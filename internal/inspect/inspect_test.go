package inspect

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolve"
)

func (w *world) look(t *testing.T) Report {
	t.Helper()
	reports := w.inspector().Inspect(t.Context(), []registry.Exposure{w.exposure})
	if len(reports) != 1 || reports[0].Exposure != w.exposure.ID {
		t.Fatalf("reports: %+v", reports)
	}
	return reports[0]
}

// said is a report in short: what is broken or not known, and the keys of what drifted.
func said(r Report) []string {
	var all []string
	for _, h := range r.Hops {
		if h.State != Passes {
			all = append(all, string(h.State)+" "+h.Name)
		}
	}
	for _, f := range r.Drift {
		all = append(all, "drift "+f.Key)
	}
	return all
}

func printed(r Report) string {
	var b strings.Builder
	r.Print(&b)
	return b.String()
}

func TestWhatTheStepsLeftPassesAndHasNotDrifted(t *testing.T) {
	for engine, port := range map[string]int32{"postgres": 5432, "mysql": 3306} {
		w := healthy(engine, port)
		if r := w.look(t); len(said(r)) > 0 || r.Err != nil {
			t.Errorf("%s: %v, %v\n%s", engine, said(r), r.Err, printed(r))
		}
	}
}

func TestAServerThatHasBlockedTheNodesIsNamedWithItsRemedy(t *testing.T) {
	w := healthy("mysql", 3306)
	w.exposure.Life.Path = []registry.Passage{
		{Node: "10.0.1.10", Result: resolve.Answered, Code: "1129", Detail: "1129 Host '10.0.1.10' is blocked"}, {Node: "10.0.2.10", Result: resolve.Served},
	}
	r := w.look(t)
	if got := strings.Join(said(r), ","); got != "broken proof" {
		t.Errorf("got %s\n%s", got, printed(r))
	}
	for _, want := range []string{"max_connect_errors connections in a row", "locks out every consumer", "performance_schema.host_cache", "FLUSH HOSTS"} {
		if !strings.Contains(printed(r), want) {
			t.Errorf("%q is missing in\n%s", want, printed(r))
		}
	}
}

func memberships(ids ...string) (all []rdstypes.VpcSecurityGroupMembership) {
	for _, id := range ids {
		all = append(all, rdstypes.VpcSecurityGroupMembership{VpcSecurityGroupId: &id, Status: aws.String("active")})
	}
	return all
}

// moved has the registered address in another subnet's network interface, or in none.
func (w *world) target() *elbtypes.TargetHealthDescription { return &w.health[0] }

// named gives the service a private DNS name in some state, and the domain its record.
func (w *world) named(state ec2types.DnsNameState) {
	w.exposure.PrivateName = &registry.PrivateName{Name: "db.example.com", Verified: true, ZoneID: "Z1", Record: "_a.example.com", Value: "vpce:a"}
	w.zones.Public("Z1", "example.com")
	w.zones.Zones[0].Texts["_a.example.com"] = []string{"vpce:a"}
	w.service.PrivateDnsName, w.service.PrivateDnsNameConfiguration = aws.String("db.example.com"), &ec2types.PrivateDnsNameConfiguration{State: state}
}

// Each thing that an exposure consists of is taken away or changed, one at a time: that is one broken hop, or one finding,
// and nothing else. What breaks is named with a remedy.
func TestWhateverIsTakenAwayIsNamed(t *testing.T) {
	deny := func(subnet string, e ec2types.NetworkAclEntry) func(*world) {
		return func(w *world) {
			i := slices.IndexFunc(w.acls, func(a ec2types.NetworkAcl) bool { return *a.NetworkAclId == subnet })
			w.acls[i].Entries = append(w.acls[i].Entries, e)
		}
	}
	tag := func(of func(w *world) *[]ec2types.Tag) func(*world) {
		return func(w *world) {
			tags := of(w)
			*tags = slices.DeleteFunc(*tags, func(t ec2types.Tag) bool { return *t.Key == "CostCenter" })
		}
	}
	elbTag := func(arn string) func(*world) {
		return func(w *world) { w.elbTags[arn] = maps.Clone(w.elbTags[arn]); delete(w.elbTags[arn], "CostCenter") }
	}
	unproven := func(w *world) { // the proof fails, too
		w.exposure.Life.Path = []registry.Passage{{Node: "10.0.1.10", Result: resolve.Blocked, Detail: "no answer in 3 s"}, {Node: "10.0.2.10", Result: resolve.Served}}
	}
	all := func(changes ...func(*world)) func(*world) {
		return func(w *world) {
			for _, change := range changes {
				change(w)
			}
		}
	}
	const none = ec2types.RuleActionDeny
	for name, row := range map[string]struct {
		change func(*world)
		want   string // of the report in short, joined by commas
		says   string // somewhere in what is printed
	}{
		// The hops, in their order.
		"a principal may not ask any more":       {func(w *world) { w.principals = nil }, "broken principals", "arn:aws:iam::222233334444:root may not ask vpce-svc-1"},
		"the connection was rejected":            {func(w *world) { w.connections[0].VpcEndpointState = "rejected" }, "broken connections", "vpce-1 of 222233334444 is rejected"},
		"the connection waits, and no execution": {func(w *world) { w.connections[0].VpcEndpointState = "pendingAcceptance" }, "broken connections", "make approve EXPOSURE=" + id},
		"the consumer took its endpoint away":    {func(w *world) { w.connections = nil }, "unknown connections", "nobody has made an endpoint"},
		"the private DNS name is gone": {func(w *world) { w.exposure.PrivateName = &registry.PrivateName{Name: "db.example.com"} },
			"drift private DNS name", "has no private DNS name, and should have db.example.com"},
		"the private DNS name is not verified any more": {func(w *world) { w.named("failed") }, "drift private DNS name", "its private DNS name db.example.com is failed"},
		"the record of the private DNS name is gone": {func(w *world) { w.named("verified"); clear(w.zones.Zones[0].Texts) }, "drift private DNS name",
			"the TXT record _a.example.com in hosted zone Z1 is gone"},
		"the zone of the private DNS name is gone": {func(w *world) { w.named("verified"); w.zones.Zones = nil }, "drift private DNS name", "hosted zone Z1 is gone"},
		"the private DNS name is verified":         {func(w *world) { w.named("Verified") }, "", "its private DNS name db.example.com is Verified"},
		"the endpoint service is gone":             {func(w *world) { w.service = nil }, "unknown connections,broken endpoint service,unknown zones", "its name will be another"},
		"the endpoint service failed":              {func(w *world) { w.service.ServiceState = ec2types.ServiceStateFailed }, "broken endpoint service", "vpce-svc-1 is Failed"},
		"another load balancer behind the service": {func(w *world) { w.service.NetworkLoadBalancerArns = []string{"arn:other"} }, "broken endpoint service",
			"--add-network-load-balancer-arns " + balancerARN},
		"the service left a zone":                 {func(w *world) { w.service.AvailabilityZones = []string{"a"} }, "broken zones", "vpce-svc-1 is not in b"},
		"the load balancer left a zone":           {func(w *world) { w.balancer.AvailabilityZones = w.balancer.AvailabilityZones[:1] }, "broken zones", "not in subnet-b any more"},
		"inbound rules are enforced":              {func(w *world) { w.balancer.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic = aws.String("on") }, "broken inbound enforcement", "(on)"},
		"the load balancer failed":                {func(w *world) { w.balancer.State.Code = elbtypes.LoadBalancerStateEnumFailed }, "broken load balancer", "it is failed"},
		"the listener was deleted":                {func(w *world) { w.listeners = nil }, "broken listener", "no listener on port 6000, which consumers connect to; there is none"},
		"the listener is on another port":         {func(w *world) { *w.listeners[0].Port = 6001 }, "broken listener", "there is TCP 6001"},
		"the listener forwards elsewhere":         {func(w *world) { w.listeners[0] = listener(listenerARN, 6000, "arn:other") }, "broken listener", "does not forward to " + groupARN},
		"the listener is for TLS":                 {func(w *world) { w.listeners[0].Protocol = elbtypes.ProtocolEnumTls }, "broken listener", "is for TLS"},
		"the target group is gone":                {func(w *world) { w.group = nil }, "broken target group,unknown targets,unknown health check", groupARN + " does not exist any more"},
		"client addresses are preserved":          {func(w *world) { w.groupAttrs[preserveClientIP] = "true" }, "broken target group", "preserve_client_ip.enabled is true"},
		"the proxy protocol is on":                {func(w *world) { w.groupAttrs[proxyProtocol] = "true" }, "broken target group", "proxy_protocol_v2.enabled is true"},
		"nodes stay in their zones":               {func(w *world) { w.balancerAttrs[crossZone] = "false" }, "broken target group", "load_balancing.cross_zone.enabled is off"},
		"nodes stay in their zones, by the group": {func(w *world) { w.groupAttrs[crossZone] = "false" }, "broken target group", "load_balancing.cross_zone.enabled is off"},
		"no target": {func(w *world) { w.health = nil }, "broken targets,unknown network ACLs,unknown health check", "no target is registered"},
		"the target is being taken away": {func(w *world) { w.target().TargetHealth.State = elbtypes.TargetHealthStateEnumDraining }, "broken targets,unknown network ACLs,unknown health check",
			"no target is registered"},
		"a target that is nobody's": {func(w *world) { *w.target().Target.Id = "10.0.3.6" }, "broken targets,unknown network ACLs,unknown health check",
			"10.0.3.6:5432 is nobody's address in the VPC"},
		"a target that is another's": {func(w *world) { w.interfaces[2].Groups[0].GroupId = aws.String("sg-web") }, "broken targets,unknown health check",
			"carries none of the database's security groups"},
		"a target on another port":                 {func(w *world) { *w.target().Target.Port = 5433 }, "broken targets,unknown health check", "is not on the database's port 5432"},
		"a target in no zone of the load balancer": {func(w *world) { w.target().TargetHealth.State = elbtypes.TargetHealthStateEnumUnused }, "broken targets,unknown health check", "is unused"},
		"a target that the check does not reach": {func(w *world) {
			w.target().TargetHealth = &elbtypes.TargetHealth{State: elbtypes.TargetHealthStateEnumUnhealthy, Description: aws.String("Health checks failed")}
		}, "broken health check", "10.0.3.5 is unhealthy Health checks failed"},
		"a target that is not checked yet":  {func(w *world) { w.target().TargetHealth.State = elbtypes.TargetHealthStateEnumInitial }, "unknown health check", "is initial"},
		"egress to the database is revoked": {func(w *world) { w.drop("sgr-lb-out") }, "broken load balancer's group", "sg-lb does not let out to 10.0.3.5 on port 5432"},
		"the load balancer carries another group": {func(w *world) { w.balancer.SecurityGroups = []string{"sg-other"} }, "broken load balancer's group,broken resolver's way,drift load balancer's groups",
			"does not let out"},
		"an ACL keeps the way out shut": {deny("acl-lb", entry(true, 90, none, "10.0.3.0/24", 5432, 5432)), "broken network ACLs",
			"acl-lb of subnet subnet-a lets no TCP out to 10.0.3.5 on port 5432, which entry 90 denies"},
		"an ACL keeps the way in shut": {deny("acl-db", entry(false, 90, none, "10.0.1.10/32", 0, 0)), "broken network ACLs",
			"acl-db of subnet subnet-db lets no TCP in from 10.0.1.10 on port 5432, which entry 90 denies"},
		"an ACL keeps the answers in":  {deny("acl-db", entry(true, 90, none, "10.0.2.10/32", 1024, 65535)), "broken network ACLs", "back out to 10.0.2.10 on ports 1024-65535"},
		"an ACL keeps the answers out": {deny("acl-lb", entry(false, 90, none, "10.0.3.5/32", 1024, 32767)), "broken network ACLs", "back in from 10.0.3.5 on ports 1024-32767"},
		"a zone has no rule any more":  {func(w *world) { w.drop("sgr-b") }, "broken database's groups", "sg-db admits nothing to port 5432 from the load balancer's 10.0.2.10 in b (subnet-b)"},
		"the database carries another group": {func(w *world) {
			w.instance.VpcSecurityGroups = memberships("sg-new")
			w.interfaces[2].Groups[0].GroupId = aws.String("sg-new")
		}, "broken database's groups,broken resolver's way,drift rules in sg-db", "the rules were made in sg-db, which the database does not carry any more"},
		"the database is stopped":                   {func(w *world) { *w.instance.DBInstanceStatus = "stopped" }, "broken database", "start it"},
		"the database is full":                      {func(w *world) { *w.instance.DBInstanceStatus = "storage-full" }, "broken database", "it is storage-full"},
		"the database is gone":                      {func(w *world) { w.instance = nil }, "unknown database's groups,broken database", "does not exist any more"},
		"the database's port changed":               {func(w *world) { *w.instance.Endpoint.Port = 5433 }, "broken database", "it listens on port 5433, not on 5432"},
		"the database was renamed":                  {func(w *world) { w.instance.Endpoint.Address = aws.String("other.rds.amazonaws.com") }, "broken database", "its endpoint is other.rds.amazonaws.com"},
		"the database is in a status of the future": {func(w *world) { *w.instance.DBInstanceStatus = "hibernating" }, "unknown database", "hibernating"},
		"nothing but the proof fails":               {unproven, "broken proof", "the failure may lie between resolver and node, or between node and database"},
		"a hop and the proof fail":                  {all(unproven, func(w *world) { w.drop("sgr-b") }), "broken database's groups,broken proof", "mend the hop above: database's groups"},
		"the resolver is not let in":                {all(unproven, func(w *world) { w.drop("sgr-lb-in") }), "broken resolver's way,broken proof", "the proof is missing; consumers take another way"},
		"the resolver is not let out to nodes":      {func(w *world) { w.drop("sgr-nodes") }, "broken resolver's way", "sg-resolver does not let out to the nodes on port 6000"},
		"the resolver is not let out to databases": {func(w *world) {
			w.rules = slices.DeleteFunc(w.rules, func(r ec2types.SecurityGroupRule) bool { return *r.GroupId == "sg-resolver" && *r.FromPort == 5432 })
		}, "broken resolver's way", "sg-resolver does not let out to 10.0.3.5 on port 5432"},
		"the database does not let the resolver in": {func(w *world) { w.drop("sgr-r") }, "broken resolver's way", "sg-db does not admit the resolver's group sg-resolver to port 5432"},
		"an ACL keeps the resolver from the nodes": {deny("acl-r", entry(true, 90, none, "10.0.1.0/24", 6000, 6000)), "broken resolver's way",
			"acl-r of subnet subnet-r lets no TCP out to 10.0.1.10 on port 6000"},
		"an ACL keeps the resolver out of the zone": {deny("acl-lb", entry(false, 90, none, "10.0.4.0/24", 0, 0)), "broken resolver's way",
			"acl-lb of subnet subnet-a lets no TCP in from 10.0.4.0/24 on port 6000"},
		"the resolver is gone":                      {func(w *world) { w.function = nil }, "broken resolver's way", "function rdslink-resolver-vpc-1 does not exist any more"},
		"the resolver failed":                       {func(w *world) { w.function.State = lambdatypes.StateFailed }, "broken resolver's way", "is Failed"},
		"DNS servers of the VPC's own are shut off": {func(w *world) { w.resolver.DNSServers = []string{"192.168.7.53"} }, "broken resolver's way", "does not let out to the DNS server 192.168.7.53"},
		"the schedule is gone":                      {func(w *world) { w.schedule = nil }, "broken sync", "nobody follows the database"},
		"the schedule is disabled":                  {func(w *world) { w.schedule.State = schedulertypes.ScheduleStateDisabled }, "broken sync", `State is "DISABLED"`},
		"the schedule is slower":                    {func(w *world) { w.schedule.ScheduleExpression = aws.String("rate(1 hour)") }, "broken sync", "rate(1 hour)"},
		"the schedule ends":                         {func(w *world) { w.schedule.EndDate = aws.Time(noon) }, "broken sync", "EndDate is"},
		"the schedule invokes another function":     {func(w *world) { w.schedule.Target.Arn = aws.String("arn:other") }, "broken sync", "arn:other"},
		"the schedule has another role":             {func(w *world) { w.schedule.Target.RoleArn = aws.String("arn:other") }, "broken sync", "Target.RoleArn"},
		"the schedule has another binding":          {func(w *world) { w.schedule.Target.Input = aws.String("{}") }, "broken sync", "Target.Input"},
		"the schedule does not tick":                {func(w *world) { w.exposure.Life.Ticked = noon.Add(-time.Hour) }, "broken sync", "the last tick that is recorded was at 2026-03-01 11:00:00Z"},
		"looks are not good": {func(w *world) {
			w.exposure.Life.Bad, w.exposure.Life.Detail = noon.Add(-time.Minute), "DNS does not answer"
		}, "broken sync", "DNS does not answer"},

		// What cuts nobody off yet.
		"acceptance is not required": {func(w *world) { w.service.AcceptanceRequired = aws.Bool(false) }, "drift acceptance", "requires no acceptance"},
		"a second load balancer": {func(w *world) {
			w.service.NetworkLoadBalancerArns = append(w.service.NetworkLoadBalancerArns, "arn:other")
		}, "drift other load balancers", "--remove-network-load-balancer-arns arn:other"},
		"a region is missing":  {func(w *world) { w.service.SupportedRegions = nil }, "drift regions", "should support us-east-1"},
		"a region is too many": {func(w *world) { w.exposure.SupportedRegions = nil }, "drift regions", "supports us-east-1"},
		"nobody may ask yet": {func(w *world) { w.exposure.Vendor, w.exposure.Principals, w.principals = "materialize", nil, nil },
			"unknown principals", "nobody may ask yet"},
		"nobody may ask yet, and one may": {func(w *world) { w.exposure.Vendor, w.exposure.Principals = "materialize", nil },
			"unknown principals,drift principals", "may ask vpce-svc-1 for a connection, too"},
		"a principal is too many": {func(w *world) { w.principals = append(w.principals, "*") }, "drift principals", "* may ask vpce-svc-1"},
		"a flow log that is gone": {func(w *world) { w.flowLogs = nil }, "drift flow log", "flow log fl-1 is gone: what goes through its node is not recorded"},
		"a flow log that cannot be written": {func(w *world) {
			w.flowLogs[0].DeliverLogsStatus, w.flowLogs[0].DeliverLogsErrorMessage = aws.String("FAILED"), aws.String("Access error")
		}, "drift flow log", "flow log fl-1 cannot be written to flows: Access error"},
		"no notification":                 {func(w *world) { w.notifications = nil }, "drift notification", "has no connection notification to " + topicARN},
		"a notification to another topic": {func(w *world) { w.notifications[0].ConnectionNotificationArn = aws.String("arn:other") }, "drift notification", "has no connection notification to " + topicARN},
		"a notification of fewer events":  {func(w *world) { w.notifications[0].ConnectionEvents = []string{"Connect"} }, "drift notification", "tells of Connect"},
		"a notification that is disabled": {func(w *world) {
			w.notifications[0].ConnectionNotificationState = ec2types.ConnectionNotificationStateDisabled
		}, "drift notification", "is disabled"},
		"deletion protection":       {func(w *world) { w.balancerAttrs["deletion_protection.enabled"] = "false" }, "drift deletion_protection.enabled", "is not true"},
		"cross-zone, with one zone": {func(w *world) { w.balancerAttrs[crossZone] = "false"; w.oneZone() }, "drift " + crossZone, "is not true"},
		"a second listener": {func(w *world) { w.listeners = append(w.listeners, listener("arn:second", 7000, groupARN)) }, "drift listener arn:second",
			"aws elbv2 delete-listener --listener-arn arn:second"},
		"a second group":        {func(w *world) { w.balancer.SecurityGroups = []string{"sg-lb", "sg-x"} }, "drift load balancer's groups", "not sg-lb alone"},
		"health check protocol": {func(w *world) { w.group.HealthCheckProtocol = elbtypes.ProtocolEnumHttp }, "drift health check protocol", "HTTP"},
		"health check port":     {func(w *world) { w.group.HealthCheckPort = aws.String("22") }, "drift health check port", "is 22, not traffic-port"},
		"health check interval": {func(w *world) { w.group.HealthCheckIntervalSeconds = aws.Int32(30) }, "drift health check interval", "is 30, not 10"},
		"healthy threshold":     {func(w *world) { w.group.HealthyThresholdCount = aws.Int32(5) }, "drift health check healthy threshold", "is 5, not 2"},
		"unhealthy threshold":   {func(w *world) { w.group.UnhealthyThresholdCount = aws.Int32(5) }, "drift health check unhealthy threshold", "is 5, not 2"},
		"an inbound rule that is not ours": {func(w *world) { w.rules = append(w.rules, rule("sgr-x", "sg-lb", false, 6000, "0.0.0.0/0", "", nil)) }, "drift inbound rule sgr-x",
			"admits 0.0.0.0/0 for tcp port 6000 by rule sgr-x"},
		"an outbound rule that is not ours": {func(w *world) { w.rules = append(w.rules, rule("sgr-x", "sg-lb", true, 443, "0.0.0.0/0", "", nil)) }, "drift outbound rule sgr-x",
			"revoke-security-group-egress --group-id sg-lb"},
		"egress to another block of the VPC": {func(w *world) {
			w.exposure.Binding.VPCCIDRs = append(w.exposure.Binding.VPCCIDRs, "10.1.0.0/16")
			w.rebind()
		}, "drift load balancer's group out to tcp 5432 10.1.0.0/16", "does not let out to 10.1.0.0/16"},
		"a rule lets the resolver's group in": {func(w *world) {
			w.rules = append(w.rules, rule("sgr-x", "sg-resolver", false, 22, "0.0.0.0/0", "", nil))
		}, "drift inbound rule sgr-x", "should admit nobody"},
		"a few ports for answers are shut": {deny("acl-lb", entry(false, 90, none, "0.0.0.0/0", 3389, 3389)), "drift network ACL ports", "a connection now and then fails"},
		"rules in a group of the past": {func(w *world) {
			w.rules = append(w.rules, rule("sgr-x", "sg-old", false, 5432, "10.0.1.0/24", "", owner.RuleTags(id)))
		}, "drift rules in sg-old", "sg-old still has sgr-x"},
		"the resolver in another subnet": {func(w *world) { w.function.VpcConfig.SubnetIds = []string{"subnet-a"} }, "drift resolver's subnets", "not subnet-r"},
		"the resolver in another group":  {func(w *world) { w.function.VpcConfig.SecurityGroupIds = []string{"sg-resolver", "sg-x"} }, "drift resolver's groups", "not sg-resolver"},
		"the resolver with another role": {func(w *world) { w.function.Role = aws.String("arn:admin") }, "drift resolver's role", "arn:admin, not arn:resolver"},
		"the resolver's log":             {func(w *world) { w.function.LoggingConfig = nil }, "drift resolver's log group", "not /aws/lambda/rdslink-resolver"},
		"the resolver's timeout":         {func(w *world) { w.function.Timeout = aws.Int32(3) }, "drift resolver's timeout", "3, not 30"},
		"the resolver's memory":          {func(w *world) { w.function.MemorySize = aws.Int32(64) }, "drift resolver's memory", "64, not 128"},
		"retries of a stale tick":        {func(w *world) { w.schedule.Target.RetryPolicy.MaximumRetryAttempts = aws.Int32(9) }, "drift schedule Target.RetryPolicy.MaximumRetryAttempts", "is \"9\", not 0"},
		"old ticks": {func(w *world) { w.schedule.Target.RetryPolicy.MaximumEventAgeInSeconds = aws.Int32(86400) }, "drift schedule Target.RetryPolicy.MaximumEventAgeInSeconds",
			"86400"},
		"a flexible window": {func(w *world) { w.schedule.FlexibleTimeWindow.Mode = schedulertypes.FlexibleTimeWindowModeFlexible }, "drift schedule FlexibleTimeWindow.Mode", "FLEXIBLE"},

		// Tags.
		"a tag of the load balancer":        {elbTag(balancerARN), "drift tags of " + balancerARN, "does not carry CostCenter=4711"},
		"a tag of the target group":         {elbTag(groupARN), "drift tags of " + groupARN, "does not carry CostCenter=4711"},
		"a tag of the listener":             {elbTag(listenerARN), "drift tags of " + listenerARN, "does not carry CostCenter=4711"},
		"a tag of the service":              {tag(func(w *world) *[]ec2types.Tag { return &w.service.Tags }), "drift tags of vpce-svc-1", "does not carry CostCenter=4711"},
		"a tag of the group":                {tag(func(w *world) *[]ec2types.Tag { return &w.groups[0].Tags }), "drift tags of sg-lb", "does not carry CostCenter=4711"},
		"a tag of the resolver's group":     {tag(func(w *world) *[]ec2types.Tag { return &w.groups[1].Tags }), "drift tags of sg-resolver", "does not carry CostCenter=4711"},
		"a tag of the resolver":             {func(w *world) { delete(w.functionTags, "CostCenter") }, "drift tags of function rdslink-resolver-vpc-1", "does not carry CostCenter=4711"},
		"the tag that says that it is ours": {func(w *world) { delete(w.functionTags, "rdslink:managed") }, "drift tags of function rdslink-resolver-vpc-1", "put them back: aws lambda tag-resource"},
	} {
		t.Run(name, func(t *testing.T) {
			w := healthy("postgres", 5432)
			row.change(w)
			r := w.look(t)
			if got := strings.Join(said(r), ","); got != row.want || r.Err != nil {
				t.Errorf("%s (%v)\nwant %s\n%s", got, r.Err, row.want, printed(r))
			}
			if !strings.Contains(printed(r), row.says) {
				t.Errorf("it does not say %q:\n%s", row.says, printed(r))
			}
			for _, h := range r.Hops {
				if (h.State == Broken) != (h.Remedy != "") {
					t.Errorf("%s is %s, with the remedy %q", h.Name, h.State, h.Remedy)
				}
			}
			for _, f := range r.Drift {
				if f.Key == "" || f.Detail == "" || f.Remedy == "" {
					t.Errorf("%+v is not whole", f)
				}
			}
		})
	}
	// Every attribute that the steps want, by itself.
	for _, engine := range []string{"postgres", "mysql"} {
		for key := range healthy(engine, 5432).groupAttrs {
			t.Run(engine+" "+key, func(t *testing.T) {
				w := healthy(engine, 5432)
				w.groupAttrs[key] = map[string]string{"true": "false", "false": "true", "0": "300", "use_load_balancer_configuration": "false"}[w.groupAttrs[key]]
				if r := w.look(t); len(said(r)) != 1 {
					t.Errorf("%v", said(r))
				}
			})
		}
	}
}

// oneZone takes the second zone away, whoever knows of it.
func (w *world) oneZone() {
	w.balancer.AvailabilityZones = w.balancer.AvailabilityZones[:1]
	w.service.AvailabilityZones = w.service.AvailabilityZones[:1]
	w.exposure.LoadBalancerSubnetIDs = w.exposure.LoadBalancerSubnetIDs[:1]
}

// rebind has the schedule carry the binding as it is now, and the resolver's group let out to all of the VPC.
func (w *world) rebind() {
	s := subject{Exposure: w.exposure}
	w.schedule.Target.Input = aws.String(s.bindingText(""))
	for _, r := range slices.Clone(w.rules) {
		if *r.GroupId == "sg-resolver" && *r.IsEgress && r.CidrIpv4 != nil {
			r.CidrIpv4 = aws.String("10.1.0.0/16")
			w.rules = append(w.rules, r)
		}
	}
}

// A health check that is blind on purpose is not judged by; what is registered is.
func TestABlindHealthCheckIsNotJudgedBy(t *testing.T) {
	w := healthy("mysql", 3306)
	w.health[0].TargetHealth.State = elbtypes.TargetHealthStateEnumUnused
	if got := strings.Join(said(w.look(t)), ","); got != "broken targets" {
		t.Errorf("unused: %s", got)
	}
	w = healthy("mysql", 3306)
	w.group.HealthCheckPort = aws.String("traffic-port")
	r := w.look(t)
	if got := strings.Join(said(r), ","); got != "drift health check port" || !strings.Contains(printed(r), "the server blocks the nodes") {
		t.Errorf("%s\n%s", got, printed(r))
	}
}

// A rule by anybody that admits counts: by its block, its ports or its protocol.
func TestARuleByAnybodyCounts(t *testing.T) {
	admits := func(change func(*ec2types.SecurityGroupRule)) ec2types.SecurityGroupRule {
		r := rule("sgr-x", "sg-db", false, 5432, "10.0.2.0/24", "", nil)
		change(&r)
		return r
	}
	for name, row := range map[string]struct {
		rule ec2types.SecurityGroupRule
		want string
	}{
		"the node alone": {admits(func(r *ec2types.SecurityGroupRule) { r.CidrIpv4 = aws.String("10.0.2.10/32") }), ""},
		"everything in the VPC": {admits(func(r *ec2types.SecurityGroupRule) {
			r.CidrIpv4, r.IpProtocol = aws.String("10.0.0.0/8"), aws.String("-1")
		}), ""},
		"more ports":       {admits(func(r *ec2types.SecurityGroupRule) { r.FromPort, r.ToPort = aws.Int32(1024), aws.Int32(6000) }), ""},
		"another port":     {admits(func(r *ec2types.SecurityGroupRule) { r.FromPort, r.ToPort = aws.Int32(5433), aws.Int32(5433) }), "broken database's groups"},
		"another protocol": {admits(func(r *ec2types.SecurityGroupRule) { r.IpProtocol = aws.String("udp") }), "broken database's groups"},
		"another address":  {admits(func(r *ec2types.SecurityGroupRule) { r.CidrIpv4 = aws.String("10.0.2.11/32") }), "broken database's groups"},
		"the load balancer's group": {admits(func(r *ec2types.SecurityGroupRule) {
			r.CidrIpv4, r.ReferencedGroupInfo = nil, &ec2types.ReferencedSecurityGroup{GroupId: aws.String("sg-lb")}
		}), "broken database's groups"},
		"a prefix list": {admits(func(r *ec2types.SecurityGroupRule) { r.CidrIpv4, r.PrefixListId = nil, aws.String("pl-1") }), "unknown database's groups"},
		"out":           {admits(func(r *ec2types.SecurityGroupRule) { r.IsEgress = aws.Bool(true) }), "broken database's groups"},
	} {
		t.Run(name, func(t *testing.T) {
			w := healthy("postgres", 5432)
			w.drop("sgr-b")
			w.rules = append(w.rules, row.rule)
			if got := strings.Join(said(w.look(t)), ","); got != row.want {
				t.Errorf("%q, want %q", got, row.want)
			}
		})
	}
}

// What may not be read is not known, and says so; the rest is told.
func TestWhatCannotBeReadIsNotKnown(t *testing.T) {
	w := healthy("postgres", 5432)
	w.named("verified")
	w.look(t)
	for _, call := range slices.Compact(slices.Sorted(slices.Values(w.calls))) {
		t.Run(call, func(t *testing.T) {
			w := healthy("postgres", 5432)
			w.named("verified")
			w.refused = call
			r := w.look(t)
			if r.Err == nil {
				t.Errorf("no error: %v", said(r))
			}
			for _, s := range said(r) {
				if !strings.HasPrefix(s, "unknown ") {
					t.Errorf("%s, though %s was refused", s, call)
				}
			}
		})
	}
}

// A record of an earlier version lacks much: that is not known, and nothing is broken for it.
func TestARecordOfAnEarlierVersionBreaksNothing(t *testing.T) {
	w := healthy("postgres", 5432)
	e := &w.exposure
	e.ListenerPort, e.LoadBalancerSubnetIDs, e.SupportedRegions, e.Ingress, e.ConnectionsTopicARN, e.ScheduleRoleARN, e.IPSyncFunctionARN = 0, nil, nil, "", "", "", ""
	e.Binding.ListenerPort, e.Binding.Nodes, e.Life = 0, nil, registry.Life{}
	e.FlowLogIDs = nil
	w.service.SupportedRegions, w.notifications, w.resolver.RoleARN = nil, nil, ""
	w.drop("sgr-lb-in")
	w.drop("sgr-nodes")
	w.rebind()
	w.rules = slices.DeleteFunc(w.rules, func(r ec2types.SecurityGroupRule) bool {
		return *r.GroupId == "sg-resolver" && aws.ToString(r.CidrIpv4) == "10.1.0.0/16"
	})
	if got := strings.Join(said(w.look(t)), ","); got != "unknown proof,unknown sync" {
		t.Errorf("%s\n%s", got, printed(w.look(t)))
	}
}

// An exposure whose execution has not come far has nothing that is broken.
func TestWhatIsNotMadeYetIsNotBroken(t *testing.T) {
	w := healthy("postgres", 5432)
	w.exposure = registry.Exposure{ID: id, DatabaseARN: databaseARN, VPCID: "vpc-1", Claim: "arn:execution"}
	r := w.look(t)
	for _, h := range r.Hops {
		if h.State != Unknown {
			t.Errorf("%s %s: %s", h.State, h.Name, h.Detail)
		}
	}
	if len(r.Drift) > 0 || r.Err != nil {
		t.Errorf("%v, %v", r.Drift, r.Err)
	}
}

// What AWS can be asked for at once is asked for once, however many exposures there are.
func TestOneDescribeServesManyExposures(t *testing.T) {
	count := func(n int) int {
		w := healthy("postgres", 5432)
		var all []registry.Exposure
		for i := range n {
			e := w.exposure
			e.ID = fmt.Sprintf("%s-%d", id, i)
			all = append(all, e)
		}
		w.inspector().Inspect(t.Context(), all)
		return len(w.calls)
	}
	one, ten := count(1), count(10)
	if each := (ten - one) / 9; each > 7 || one > 25 {
		t.Errorf("one exposure takes %d calls, each more %d", one, each)
	}
}
