package confirm

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	servicequotastypes "github.com/aws/aws-sdk-go-v2/service/servicequotas/types"
)

// verdicts is how a row comes to each of its verdicts: the account is as it was assumed, but for what is changed; nil: as it
// was assumed.
type verdicts struct {
	confirmed    func(*fake)
	contradicted func(*fake)
	notSeen      func(*fake)
	says         string // the row, where it is contradicted
}

func noExecutions(f *fake)                { f.executions = nil }
func noConnections(f *fake)               { f.connections = nil }
func unbound(f *fake)                     { f.binding = nil }
func forgets(function string) func(*fake) { return func(f *fake) { f.forget(function) } }
func fails(step int, cause string) func(*fake) {
	return func(f *fake) { f.executions = append(f.executions, stopped(step, "FAILED", "Failed", cause)) }
}
func stepFails(function, message string) func(*fake) {
	return func(f *fake) { f.logged(function, time.Now(), "step failed", "error", "Failed", "message", message) }
}

var each = map[int]verdicts{
	1: {nil, stepFails("create-endpoint-service", "create endpoint service for load balancer arn: InvalidState"), forgets("create-endpoint-service"), "InvalidState"},
	4: {nil, stepFails("create-load-balancer", "create listener of arn: it is provisioning"), forgets("create-load-balancer"), "it is provisioning"},
	5: {nil, func(f *fake) { f.connections[""] = nil }, noConnections, endpointID},
	6: {nil, func(f *fake) { f.connection("halfway", time.Now()) }, noConnections, "halfway"},
	7: {nil, func(f *fake) {
		f.logged("observer", time.Now(), "put event", "detailType", "ConnectionDeleted", "detail", map[string]any{"vpcEndpointId": endpointID})
	}, noConnections, endpointID},
	10: {nil, func(f *fake) { f.connection("Expired", time.Now().Add(-5*24*time.Hour)) }, func(f *fake) { f.connection("pendingAcceptance", time.Now()) }, "5 days"},
	11: {nil, forgets("observer"), func(f *fake) { noConnections(f); f.forget("observer") }, endpointID},
	12: {nil, func(f *fake) { f.quotas[0].QuotaName = aws.String("Endpoint services per Region") }, func(f *fake) { f.quotas = nil }, "Endpoint services per Region"},
	14: {nil, func(f *fake) { f.interfaces = nil }, func(f *fake) { f.balancers[0].State.Code = elbtypes.LoadBalancerStateEnumProvisioning }, "0 network interfaces"},
	15: {nil, func(f *fake) { f.rules[0].CidrIpv4 = aws.String("10.0.1.8/32") }, func(f *fake) { f.rules = nil }, "10.0.1.7"},
	16: {nil, func(f *fake) { f.sums["SecurityGroupBlockedFlowCount_Inbound_TCP"] = 3 }, func(f *fake) { f.sums = nil }, "3 flows"},
	17: {nil, stepFails("create-target-group", "create target group x: HealthCheckTimeoutSeconds"), func(f *fake) { f.groups = nil }, "HealthCheckTimeoutSeconds"},
	18: {nil, func(f *fake) { f.limits[0].Name = aws.String("nlbs") }, noExposuresDenied, "nlbs"},
	20: {nil, func(f *fake) {
		f.logged("ip-sync", time.Now().Add(-50*time.Minute), "register target", "exposure", id, "target", address+":5432")
	}, func(f *fake) { f.forget("ip-sync"); f.forget("create-target-group") }, "again"},
	21: {nil, func(f *fake) {
		f.forget("ip-sync")
		f.logged("ip-sync", time.Now().Add(-time.Hour), "register target", "exposure", id, "target", "10.0.1.1:5432")
		f.logged("ip-sync", time.Now().Add(-50*time.Minute), "synced", "exposure", id, "address", "10.0.1.1", "SyncAge", 0.0)
	}, forgets("ip-sync"), "10m"},
	22: {nil, func(f *fake) { f.instances[0].VpcSecurityGroups = nil }, unbound, "carries none"},
	23: {nil, func(f *fake) { f.names[host] = []string{address, "10.0.2.20"} }, func(f *fake) { f.names = nil }, "10.0.2.20"},
	24: {nil, func(f *fake) { f.names[host] = []string{"10.9.9.9"} }, func(f *fake) { f.names[host] = []string{"52.1.1.1"} }, "10.9.9.9"},
	26: {nil, func(f *fake) {
		f.forget("ip-sync")
		f.logged("ip-sync", time.Now().Add(-time.Hour), "register target", "exposure", id, "target", "10.0.1.1:5432")
	}, func(f *fake) {
		f.forget("ip-sync")
		f.logged("ip-sync", time.Now(), "register target", "exposure", id, "target", "10.0.1.1:5432")
	}, "no event"},
	28: {nil, stepFails("resolve-private-ip", "create function x: The zone is odd"), forgets("resolve-private-ip"), "The zone is odd"},
	29: {nil, func(f *fake) { f.logs = nil }, func(f *fake) { f.binding.ResolverFunction = "" }, "is empty"},
	31: {nil, func(f *fake) { f.executions[1].Steps[0].Failures = []string{"ENILimitReachedException"} }, func(f *fake) { f.executions[2].Steps[1].Failures = nil }, "ENILimitReachedException"},
	32: {nil, func(f *fake) { f.values = 0 }, func(f *fake) { f.values = 0; f.forget("ip-sync") }, "no such metric"},
	33: {nil, func(f *fake) { f.executions[0].LastResource = ":" }, func(f *fake) { f.executions[0].Last = "TaskScheduled" }, "waits"},
	34: {nil, func(f *fake) { f.executions[2].Status = "TIMED_OUT" }, func(f *fake) { f.executions = f.executions[:2] }, "TIMED_OUT"},
	35: {nil, fails(1, "User: x is not authorized to perform: kms:Decrypt"), noExecutions, "kms:Decrypt"},
	37: {nil, stepFails("update-the-rds-security-group", "tag: InvalidSecurityGroupRuleId.NotFound"), forgets("update-the-rds-security-group"), "InvalidSecurityGroupRuleId.NotFound"},
	39: {nil, func(f *fake) { f.quota.QuotaName = aws.String("VPCs per Region") }, func(f *fake) { f.quota = nil }, "VPCs per Region"},
	41: {nil, fails(3, "not authorized to perform: elasticloadbalancing:AddTags"), noExecutions, "AddTags"},
	46: {func(f *fake) { f.ofMySQL(7) }, func(f *fake) { f.ofMySQL(0) }, nil, "none of them"},
	49: {(*fake).ofProxy, func(f *fake) { f.ofProxy(); f.targets[0].TargetHealth.State = elbtypes.TargetHealthStateEnumUnhealthy }, nil, "unhealthy"},
	50: {nil, func(f *fake) { f.clusters[0].GlobalClusterIdentifier = nil }, func(f *fake) { f.global = nil }, "does not show it"},
	53: {nil, fails(7, "UnauthorizedOperation"), func(f *fake) { f.variables = nil }, "UnauthorizedOperation"},
	56: {nil, fails(8, "not authorized to perform: kms:GenerateDataKey"), noExecutions, "kms:GenerateDataKey"},
	58: {nil, fails(7, "not authorized to perform: ec2:AuthorizeSecurityGroupIngress"), noExecutions, "AuthorizeSecurityGroupIngress"},
	59: {(*fake).ofProxy, fails(1, "not authorized to perform: rds:DescribeDBProxies"), nil, "DescribeDBProxies"},
	67: {nil, fails(4, "not authorized to perform: ec2:SeeSomethingNew"), noExecutions, "ec2:SeeSomethingNew"},
	61: {nil, fails(2, "not authorized to perform: lambda:TagResource"), forgets("resolve-private-ip"), "TagResource"},
	66: {func(f *fake) {
		f.logged("ip-sync", time.Now(), "database moves", "exposure", id, "event", "RDS-EVENT-0251")
		f.logged("ip-sync", time.Now(), "register target", "exposure", id, "target", address+":5432")
	}, func(f *fake) {
		f.logged("ip-sync", time.Now(), "certificate names another server", "exposure", id, "detail", "it is valid for orders-green")
	}, nil, "orders-green"},
}

// noExposuresDenied: what an account shows without any deployment is not seen only where it may not be read.
func noExposuresDenied(f *fake) {
	f.err = refusal("Elastic Load Balancing v2", "DescribeAccountLimits")
}

func judge(t *testing.T, f *fake, row int) Row {
	t.Helper()
	report, err := Run(t.Context(), f, Rows(page(t)), "")
	if err != nil {
		t.Fatal(err)
	}
	return report.Row(row)
}

func TestEveryCheckHasItsThreeVerdicts(t *testing.T) {
	for _, c := range checks {
		row, ok := each[c.row]
		if !ok {
			t.Errorf("row %d has a check and no test", c.row)
			continue
		}
		for _, want := range []struct {
			verdict string
			change  func(*fake)
			says    string
		}{{Confirmed, row.confirmed, ""}, {Contradicted, row.contradicted, row.says}, {NotSeen, row.notSeen, ""}} {
			f := asAssumed()
			if want.change != nil {
				want.change(f)
			}
			got := judge(t, f, c.row)
			if got.Verdict != want.verdict || got.Because == "" || !strings.Contains(got.Because, want.says) {
				t.Errorf("row %d is %s: %s; want %s that says %q", c.row, got.Verdict, got.Because, want.verdict, want.says)
			}
			if (got.Do != "") != (want.verdict == Contradicted) {
				t.Errorf("row %d is %s, and to do is %q", c.row, got.Verdict, got.Do)
			}
		}
	}
}

// What is denied is told with the action, whatever the row, and nothing else is said of it.
func TestWhatIsDeniedIsNotSeen(t *testing.T) {
	f := asAssumed()
	f.err = refusal("CloudWatch Logs", "FilterLogEvents")
	report, err := Run(t.Context(), f, Rows(page(t)), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range report.Rows {
		if row.Verdict != ByHand && (row.Verdict != NotSeen || row.Because != "denied: logs:FilterLogEvents") {
			t.Errorf("row %d is %s: %s", row.Number, row.Verdict, row.Because)
		}
	}
	for _, fact := range report.Gathered {
		if !slices.Equal(fact.Seen, []string{"not seen: denied: logs:FilterLogEvents"}) {
			t.Errorf("%s %v", fact.Question, fact.Seen)
		}
	}
}

func TestWhatFailsOtherwiseIsNotSeen(t *testing.T) {
	f := asAssumed()
	f.err = errors.New("the line is dead")
	if row := judge(t, f, 22); row.Verdict != NotSeen || !strings.Contains(row.Because, "the line is dead") {
		t.Errorf("row 22 is %s: %s", row.Verdict, row.Because)
	}
}

// Where the schedule carries the nodes' addresses, the rules need not.
func TestNodesAreThoseThatTheScheduleGoesThrough(t *testing.T) {
	for verdict, nodes := range map[string][]string{Confirmed: {"10.0.1.7"}, Contradicted: {"10.0.1.8"}} {
		f := asAssumed()
		f.rules, f.binding.Nodes = nil, nodes
		if row := judge(t, f, 15); row.Verdict != verdict {
			t.Errorf("row 15 is %s, not %s: %s", row.Verdict, verdict, row.Because)
		}
	}
}

// An account without rdslink, or before its first execution, says what must happen first.
func TestAnEmptyAccountContradictsNothing(t *testing.T) {
	report, err := Run(t.Context(), &fake{}, Rows(page(t)), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range report.Rows {
		if row.Number == 18 { // an account without any limit is none
			continue
		}
		if row.Verdict != NotSeen && row.Verdict != ByHand || row.Because == "" {
			t.Errorf("row %d is %s: %s", row.Number, row.Verdict, row.Because)
		}
	}
	for _, fact := range report.Gathered {
		if len(fact.Seen) != 1 || !strings.HasPrefix(fact.Seen[0], NotSeen) {
			t.Errorf("%s %v", fact.Question, fact.Seen)
		}
	}
}

func TestOneExposureIsLookedAtAlone(t *testing.T) {
	f := asAssumed()
	other := f.services[0]
	other.ServiceId, other.Tags = aws.String("vpce-svc-other"), []ec2types.Tag{{Key: aws.String("rdslink:exposure"), Value: aws.String("billing")}}
	f.services = append(f.services, other)
	f.connections["vpce-svc-other"] = []ec2types.VpcEndpointConnection{{VpcEndpointId: aws.String("vpce-other")}}
	f.logged("ip-sync", time.Now().Add(-time.Hour), "register target", "exposure", "billing", "target", "10.0.1.1:5432")
	all, err := Run(t.Context(), f, Rows(page(t)), "")
	if err != nil || len(all.Exposures) != 2 || all.Row(5).Verdict != Contradicted || all.Row(26).Verdict != Contradicted {
		t.Errorf("%v %v %v %v", err, all.Exposures, all.Row(5), all.Row(26))
	}
	one, err := Run(t.Context(), f, Rows(page(t)), id)
	if err != nil || !slices.Equal(one.Exposures, []string{id}) || one.Row(5).Verdict != Confirmed || one.Row(26).Verdict != Confirmed {
		t.Errorf("%v %v %v %v", err, one.Exposures, one.Row(5), one.Row(26))
	}
	// Of the executions of one exposure those that are not among the account's newest are looked at, too.
	f.executions, f.older = nil, f.executions[1:2]
	f.logged("resolve-private-ip", time.Now(), "step started", "exposure", id, "execution", f.older[0].ARN)
	if one, err = Run(t.Context(), f, Rows(page(t)), id); err != nil || one.Row(35).Verdict != Confirmed {
		t.Errorf("%v %v", err, one.Row(35))
	}
	if _, err := Run(t.Context(), f, Rows(page(t)), "nobodys"); !errors.Is(err, ErrNoExposure) {
		t.Errorf("an exposure that is not there: %v", err)
	}
}

// Each question is asked once: AWS throttles describes, and an account may have many exposures.
func TestNothingIsAskedTwice(t *testing.T) {
	f := asAssumed()
	judge(t, f, 1)
	for question, times := range f.asked {
		if times > 1 {
			t.Errorf("%s is asked %d times", question, times)
		}
	}
	if len(f.asked) < 30 {
		t.Errorf("only %d questions are counted", len(f.asked))
	}
}

func TestWhatIsGathered(t *testing.T) {
	report, err := Run(t.Context(), asAssumed(), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"orders is in eu-central-1a, its standby in eu-central-1b. Interfaces with its groups: 10.0.1.20 in eu-central-1a",
		id + ": 10.0.1.10:5432, then 10.0.1.20:5432",
		id + " 10.0.1.20:5432: at most 1m38s",
		`[{"Sns":{"Message":"hello"}}]`,
	} {
		if got := report.Gathered[i].Seen; !slices.Equal(got, []string{want}) {
			t.Errorf("%s %q, want %q", report.Gathered[i].Question, got, want)
		}
	}
}

func TestTheReportIsPrinted(t *testing.T) {
	f := asAssumed()
	f.quota = &servicequotastypes.ServiceQuota{QuotaName: aws.String("VPCs per Region")}
	f.names = nil
	report, err := Run(t.Context(), f, Rows(page(t)), "")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	report.Print(&out)
	for _, want := range []string{
		"\nLoad balancing\n", "  ✓ confirmed     14  The interfaces of a load balancer's nodes", "  ✗ contradicted  39  The rules quota has the code",
		`L-0EA8095F is "VPCs per Region"`, "If it is wrong: a raised quota is not seen: step 1 ends in `BadInput` where a group has 60 rules or more. Correct the code",
		"  · not seen      23  ", "  ☞ by hand       42  ", "Gathered\n", "Account 111122223333, eu-central-1: ", " 1 contradicted, ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.String())
		}
	}
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var read Report
	if err := json.Unmarshal(text, &read); err != nil || read.Count(Contradicted) != 1 || read.Row(39).Do == "" {
		t.Errorf("%v: %s", err, text)
	}
}
