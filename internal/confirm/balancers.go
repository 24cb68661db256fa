package confirm

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/outcome"
)

func balancerIsChanged(ctx context.Context, v *view, f *findings) error {
	lines, err := v.log(ctx, "create-load-balancer", "created load balancer", "created listener", "step failed")
	made := map[string]time.Time{}
	for _, l := range lines {
		switch message := l.Text("message"); {
		case l.Text("msg") == "created load balancer":
			made[nameOf(l.Text("loadBalancerArn"))] = l.At
		case l.Text("msg") == "created listener":
			if at, ok := made[nameOf(l.Text("listenerArn"))]; ok {
				f.confirm("%s had its listener %s after it was made", nameOf(l.Text("listenerArn")), l.At.Sub(at).Round(time.Second))
			}
		case l.Text("error") != outcome.NameFailed:
		case slices.ContainsFunc([]string{"create listener", "modify load balancer attributes", "set security groups"},
			func(verb string) bool { return strings.HasPrefix(message, verb) }):
			f.contradict("Redrive the execution two minutes later.", "step 4: %s", message)
		}
	}
	f.miss("no load balancer was made in the last 30 days of step 4's log: start an execution")
	return err
}

// nameOf is the name in the ARN of a load balancer or of a listener.
func nameOf(arn string) string {
	parts := strings.Split(arn, "/")
	if len(parts) < 3 {
		return ""
	}
	return parts[2]
}

// nodes are the network interfaces of an exposure's load balancer.
func (v *view) nodes(ctx context.Context, e exposure) ([]ec2types.NetworkInterface, error) {
	return v.interfaces(ctx, "description", "ELB net/"+e.id+"/*")
}

func nodesAreDescribed(ctx context.Context, v *view, f *findings) error {
	exposures, err := v.exposures(ctx)
	for _, e := range exposures {
		balancer, found, err := v.balancer(ctx, e)
		if err != nil {
			return err
		}
		if !found || balancer.State.Code != elbtypes.LoadBalancerStateEnumActive {
			f.miss("wait until the load balancer %s is active", e.id)
			continue
		}
		nodes, err := v.nodes(ctx, e)
		if err != nil {
			return err
		}
		if len(nodes) < len(balancer.AvailabilityZones) {
			f.contradict("Leave `ingress` at its default, and correct internal/ingress/ingress.go.",
				"%d network interfaces have the description of %s, which is in %d zones", len(nodes), e.id, len(balancer.AvailabilityZones))
			continue
		}
		f.confirm("%s: %d interfaces in %d zones", e.id, len(nodes), len(balancer.AvailabilityZones))
	}
	return err
}

func nodesKeepAddresses(ctx context.Context, v *view, f *findings) error {
	const week = 7
	exposures, err := v.exposures(ctx)
	for _, e := range exposures {
		balancer, found, err := v.balancer(ctx, e)
		if err != nil {
			return err
		}
		if !found {
			f.miss("%s has no load balancer any more: start again with the same input", e.id)
			continue
		}
		nodes, err := v.nodes(ctx, e)
		if err != nil {
			return err
		}
		known, err := v.knownNodes(ctx, e)
		if err != nil {
			return err
		}
		moved := slices.IndexFunc(nodes, func(n ec2types.NetworkInterface) bool {
			return !slices.Contains(known, aws.ToString(n.PrivateIpAddress))
		})
		switch age := ago(aws.ToTime(balancer.CreatedTime)); {
		case len(known) == 0:
			f.miss("%s has neither a schedule with its nodes nor rules for them: start again with the same input, and ask again after a week", e.id)
		case moved >= 0:
			f.contradict("Start again with the same input, and leave `ingress` at its default.", "%s: the nodes were %s, and one has %s", e.id,
				strings.Join(known, ", "), aws.ToString(nodes[moved].PrivateIpAddress))
		case age < week:
			f.miss("%s is %d days old: ask again after a week", e.id, age)
		default:
			f.confirm("%s has had the same addresses for %d days", e.id, age)
		}
	}
	return err
}

// knownNodes are the addresses of an exposure's nodes as they were when it was made: those that the sync goes through, or
// with `"ingress": "addresses"` those that its rules admit.
func (v *view) knownNodes(ctx context.Context, e exposure) (known []string, err error) {
	b, bound, err := v.binding(ctx, e)
	if err != nil {
		return nil, err
	}
	if bound && len(b.Nodes) > 0 {
		return b.Nodes, nil
	}
	rules, err := once(v, "rules of "+e.id, func() ([]ec2types.SecurityGroupRule, error) { return v.Rules(ctx, e.id) })
	for _, rule := range rules {
		if address, one := strings.CutSuffix(aws.ToString(rule.CidrIpv4), "/32"); one {
			known = append(known, address)
		}
	}
	return known, err
}

func nothingIsBlocked(ctx context.Context, v *view, f *findings) error {
	exposures, err := v.exposures(ctx)
	for _, e := range exposures {
		flows, blocked, err := v.flows(ctx, e, "SecurityGroupBlockedFlowCount_Inbound_TCP")
		switch {
		case err != nil:
			return err
		case blocked > 0:
			f.contradict("Find out who was blocked in the VPC's flow logs: only PrivateLink's traffic may pass, and all of it.",
				"%s: %.0f flows were blocked beside %.0f that were not", e.id, blocked, flows)
		case flows == 0:
			f.miss("let the vendor read something through %s, and ask again after some minutes", e.id)
		default:
			f.confirm("%s: %.0f flows, none blocked", e.id, flows)
		}
	}
	return err
}

// flows are the flows of an exposure's load balancer, and those of another metric.
func (v *view) flows(ctx context.Context, e exposure, other string) (all, those float64, err error) {
	sum := func(metric string) (float64, error) {
		return once(v, metric+" of "+e.id, func() (float64, error) { return v.Sum(ctx, e.dimension(), metric) })
	}
	if all, err = sum("NewFlowCount"); err != nil {
		return 0, 0, err
	}
	those, err = sum(other)
	return all, those, err
}

func healthCheckIsTaken(ctx context.Context, v *view, f *findings) error {
	lines, err := v.log(ctx, "create-target-group", "step failed")
	if err != nil {
		return err
	}
	for _, l := range lines {
		if strings.HasPrefix(l.Text("message"), "create target group") && strings.Contains(strings.ToLower(l.Text("message")), "health") {
			f.contradict("Correct the health check in functions/03-create-target-group/step.go.", "step 3: %s", l.Text("message"))
		}
	}
	exposures, err := v.exposures(ctx)
	for _, e := range exposures {
		group, found, err := v.targetGroup(ctx, e)
		switch {
		case err != nil:
			return err
		case !found:
			f.miss("%s has no target group any more: start again with the same input", e.id)
		default:
			f.confirm("%s: %s every %d s, with a timeout of %d s", e.id, group.HealthCheckProtocol,
				aws.ToInt32(group.HealthCheckIntervalSeconds), aws.ToInt32(group.HealthCheckTimeoutSeconds))
		}
	}
	return err
}

func balancersHaveALimit(ctx context.Context, v *view, f *findings) error {
	limits, err := v.Limits(ctx)
	var names []string
	for _, l := range limits {
		names = append(names, aws.ToString(l.Name))
		if aws.ToString(l.Name) == "network-load-balancers" {
			f.confirm("network-load-balancers is %s", aws.ToString(l.Max))
		}
	}
	if err == nil && len(f.confirmed) == 0 {
		f.contradict("Correct the name in functions/01-gather-rds-details/limits.go.", "the limits are %s", strings.Join(names, ", "))
	}
	return err
}

// syncing are the functions that register targets.
var syncing = []string{"create-target-group", "install-ip-sync", "ip-sync"}

// moves are the sync's lines about targets, the oldest first.
func (v *view) moves(ctx context.Context) (all []Line, err error) {
	for _, function := range syncing {
		lines, err := v.log(ctx, function, "register target", "deregister target")
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
	}
	slices.SortStableFunc(all, func(a, b Line) int { return a.At.Compare(b.At) })
	return all, nil
}

func registrationsShow(ctx context.Context, v *view, f *findings) error {
	const late = 2 * time.Minute
	lines, err := v.moves(ctx)
	since := map[string]time.Time{}
	for _, l := range lines {
		what := l.Text("exposure") + " " + l.Text("target")
		if l.Text("msg") == "deregister target" {
			delete(since, what)
			continue
		}
		if before, again := since[what]; again && l.At.Sub(before) > late {
			f.contradict("Raise `describeLag` in internal/targets/memory.go, unless a person deregistered it.",
				"%s was registered again after %s, and nothing had deregistered it", what, l.At.Sub(before).Round(time.Second))
		}
		since[what] = l.At
		f.confirm("%s was registered once", what)
	}
	f.miss("no target was registered in the last 30 days")
	return err
}

// served says how long after its registration each of the sync's targets served.
func (v *view) served(ctx context.Context) (map[string]time.Duration, error) {
	lines, err := v.log(ctx, "ip-sync", "register target", "synced")
	registered, took := map[string]Line{}, map[string]time.Duration{}
	for _, l := range lines {
		e := l.Text("exposure")
		if l.Text("msg") == "register target" {
			registered[e] = l
			continue
		}
		first, waits := registered[e]
		address, _, _ := strings.Cut(first.Text("target"), ":")
		// A tick that began before the move tells of the address that was.
		if age, ok := l.Number("SyncAge"); ok && age == 0 && waits && strings.Contains(l.Text("address"), address) {
			took[e+" "+first.Text("target")] = l.At.Sub(first.At)
			delete(registered, e)
		}
	}
	return took, err
}

func targetsServe(ctx context.Context, v *view, f *findings) error {
	const stated, tick = 180 * time.Second, time.Minute // the sync may see it a tick later
	took, err := v.served(ctx)
	for _, what := range sorted(took) {
		if took[what] > stated+tick {
			f.contradict("Correct docs/limits.md.", "%s served %s after its registration", what, took[what].Round(time.Second))
			continue
		}
		f.confirm("%s served at most %s after its registration", what, took[what].Round(time.Second))
	}
	f.miss("reboot a test database with failover: `aws rds reboot-db-instance --force-failover --db-instance-identifier …`")
	return err
}

func unhealthyTargetsServe(ctx context.Context, v *view, f *findings) error {
	exposures, err := v.exposures(ctx)
	for _, e := range exposures {
		b, bound, err := v.binding(ctx, e)
		if err != nil {
			return err
		}
		if !bound || !database.BlocksHosts(b.DatabaseKind, b.Engine) {
			continue
		}
		targets, err := v.targets(ctx, e)
		if err != nil {
			return err
		}
		healthy := slices.ContainsFunc(targets, func(t elbtypes.TargetHealthDescription) bool {
			return t.TargetHealth.State == elbtypes.TargetHealthStateEnumHealthy
		})
		all, open, err := v.flows(ctx, e, "UnhealthyRoutingFlowCount")
		switch {
		case err != nil:
			return err
		case open > 0:
			f.confirm("%s: %.0f flows were let through to an unhealthy target", e.id, open)
		case healthy || all == 0:
			f.miss("let the vendor read something through %s while its target is unhealthy", e.id)
		default:
			f.contradict("Let the load balancer check a port that answers: the database's own blocks it after a while.",
				"%s: %.0f flows, none of them to its unhealthy target", e.id, all)
		}
	}
	f.miss("expose a database of MySQL or MariaDB, and let the vendor read something")
	return err
}
