package operator

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/handoff"
	"github.com/rdslink/rdslink/internal/inspect"
	"github.com/rdslink/rdslink/internal/registry"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

const (
	acme     = "222233334444"
	stranger = "999999999999"
)

// well is an exposure that was finished, and was looked at a minute ago.
func well() registry.Exposure {
	return registry.Exposure{
		ID: "orders", DatabaseIdentifier: "orders", Consumer: "acme", Accounts: []string{acme}, Claim: execution("setup", "1"),
		Requested: &registry.Request{By: "olga", At: noon, First: noon.Add(-time.Hour)},
		Made:      registry.Made{ServiceID: "vpce-svc-1", LoadBalancerARN: "arn:balancer", ScheduleName: "orders"},
		Life:      registry.Life{Looked: noon.Add(-time.Minute), Good: noon.Add(-time.Minute), State: "settled"},
	}
}

func execution(machine, name string) string {
	return "arn:aws:states:eu-central-1:111122223333:execution:" + machine + ":" + name
}

func connections(states ...string) (all []connection.Connection) {
	for i, state := range states {
		all = append(all, connection.Connection{ServiceID: "vpce-svc-1", VPCEndpointID: "vpce-" + strconv.Itoa(i+1), Owner: acme, State: state, Created: noon})
	}
	return all
}

func TestStates(t *testing.T) {
	unfinished := func(e *registry.Exposure) { e.ScheduleName, e.Life = "", registry.Life{} }
	awaiting := func(e *registry.Exposure) { unfinished(e); e.Awaiting = "yes" }
	told := func(key string, tale registry.Tale) *registry.Watch {
		return &registry.Watch{Told: map[string]registry.Tale{key: tale}}
	}
	for name, row := range map[string]struct {
		change     func(*registry.Exposure)
		found      []connection.Connection
		status     string
		state, why string
		usd        float64
	}{
		"somebody is connected":             {nil, connections("available"), "SUCCEEDED", Live, "", 16.58},
		"in some zones only":                {nil, connections("partial"), "SUCCEEDED", Live, "", 16.58},
		"nobody is":                         {nil, nil, "SUCCEEDED", Idle, "", 16.58},
		"whose connection is over":          {nil, connections("deleted"), "SUCCEEDED", Idle, "", 16.58},
		"an execution works on it again":    {nil, connections("available"), "RUNNING", Live, "", 16.58},
		"and waits, as nobody is connected": {func(e *registry.Exposure) { e.Awaiting = "yes" }, nil, "RUNNING", Waiting, "for the consumer to ask", 16.58},
		"the watch has told": {func(e *registry.Exposure) {
			e.Watch = told("unserved", registry.Tale{What: "not served", Detail: "listener: gone"})
		}, connections("available"), "SUCCEEDED", CutOff, "not served: listener: gone", 16.58},
		"an earlier version's watch has": {func(e *registry.Exposure) { e.Watch = told("unserved", registry.Tale{What: "not served"}) }, connections("available"), "SUCCEEDED", CutOff, "not served", 16.58},
		"the way is cut":                 {func(e *registry.Exposure) { e.Life.State, e.Life.Bad, e.Life.Detail = "cut", noon, "refused" }, connections("available"), "SUCCEEDED", CutOff, "refused", 16.58},
		"it moves": {func(e *registry.Exposure) {
			e.Life.State, e.Life.Bad, e.Life.Detail = "moving", noon, "DNS and RDS differ"
		}, connections("available"), "SUCCEEDED", Unsettled, "DNS and RDS differ", 16.58},
		"the database is stopped": {func(e *registry.Exposure) { e.Life.State = "stopped" }, connections("available"), "SUCCEEDED", Stopped, "the database is stopped", 16.58},
		"nobody has looked for a day": {func(e *registry.Exposure) { e.Life.Looked = noon.Add(-24 * time.Hour) }, connections("available"), "SUCCEEDED", Unwatched,
			"the last look was at 2026-01-01 12:00:00Z", 16.58},
		"with much patience that is no sign": {func(e *registry.Exposure) { e.Life.Looked = noon.Add(-time.Hour) }, connections("available"), "SUCCEEDED", Live, "", 16.58},
		"but what the watch has told is": {func(e *registry.Exposure) { e.Watch = told("unseen", registry.Tale{What: "not looked at"}) }, connections("available"), "SUCCEEDED", Unwatched,
			"the last look was at 2026-01-02 11:59:00Z", 16.58},
		"nobody ever has":               {func(e *registry.Exposure) { e.Life = registry.Life{} }, connections("available"), "SUCCEEDED", Unwatched, "no look is recorded", 16.58},
		"an execution makes it":         {unfinished, nil, "RUNNING", Making, "", 16.43},
		"before it has a load balancer": {func(e *registry.Exposure) { unfinished(e); e.LoadBalancerARN = "" }, nil, "RUNNING", Making, "", 0},
		"one is about to go on":         {unfinished, nil, "PENDING_REDRIVE", Making, "", 16.43},
		"one waits":                     {awaiting, nil, "RUNNING", Waiting, "for the consumer to ask", 16.43},
		"one waits for a decision":      {awaiting, connections("rejected", "pendingAcceptance"), "RUNNING", Waiting, "for a decision about vpce-2", 16.43},
		"the one that waited has ended": {awaiting, nil, "ABORTED", HalfMade, "its execution is aborted", 16.43},
		"a removal takes it away":       {func(e *registry.Exposure) { e.Removing = "r" }, connections("available"), "RUNNING", Leaving, "", 16.58},
		"a removal has failed":          {func(e *registry.Exposure) { e.Removing = "r" }, nil, "FAILED", Leaving, "its removal is failed: remove it again", 16.58},
		"a removal waits": {func(e *registry.Exposure) {
			e.Claim = "arn:aws:states:eu-central-1:111122223333:execution:rdslink-remove:1"
		}, connections("available"), "RUNNING", Live, "a removal waits until its connections may end", 16.58},
		"one failed":                     {unfinished, nil, "FAILED", HalfMade, "its execution is failed", 16.43},
		"one is forgotten":               {unfinished, nil, forgotten, HalfMade, "Step Functions has forgotten its execution", 16.43},
		"one that cannot be asked after": {unfinished, nil, "", HalfMade, "whether its execution runs is not known", 16.43},
		"it waits, and cannot be asked":  {awaiting, nil, "", Waiting, "for the consumer to ask", 16.43},
		"an item that does not decode": {func(e *registry.Exposure) {
			*e = registry.Exposure{ID: "orders", Unreadable: errors.New("decode exposure: it names no database")}
		}, nil, "",
			Unreadable, "decode exposure: it names no database", 0},
	} {
		t.Run(name, func(t *testing.T) {
			e := well()
			if row.change != nil {
				row.change(&e)
			}
			o := overview(e, row.found, true, row.status, noon)
			if o.State != row.state || o.Why != row.why || o.MonthlyUSD != row.usd {
				t.Errorf("it is %s (%s) for $%.2f, want %s (%s) for $%.2f", o.State, o.Why, o.MonthlyUSD, row.state, row.why, row.usd)
			}
			if o.Exposure != "orders" || o.Connections == nil || o.ChangedByHand == nil {
				t.Errorf("%+v", o)
			}
		})
	}
}

// A link is paid for once, and judged by its own connections: nobody looks at it, but at what is on it.
func TestALinkAndWhatIsOnIt(t *testing.T) {
	link := registry.Exposure{ID: "link", Link: "link", Consumer: "acme", Accounts: []string{acme}, Claim: execution("setup", "1"),
		Made: registry.Made{ServiceID: "vpce-svc-1", LoadBalancerARN: "arn:balancer"}}
	for status, want := range map[string]string{"RUNNING": Making, "FAILED": HalfMade} {
		if o := overview(link, nil, true, status, noon); o.State != want || o.MonthlyUSD != 16.43 {
			t.Errorf("%s: %s for $%.2f", status, o.State, o.MonthlyUSD)
		}
	}
	link.IPSyncFunctionARN = "arn:ip-sync" // finished
	if o := overview(link, nil, true, "SUCCEEDED", noon); o.State != Idle || o.Link != "link" {
		t.Errorf("%+v", o)
	}
	if o := overview(link, connections("available"), true, "SUCCEEDED", noon); o.State != Live {
		t.Errorf("%+v", o)
	}
	one := well()
	one.Link, one.ServiceID, one.LoadBalancerARN, one.ListenerPort = "link", "", "", 5433
	if o := overview(one.By(link, nil), connections("available"), true, "SUCCEEDED", noon); o.State != Live || o.MonthlyUSD != 0.15 ||
		o.Link != "link" || len(o.Connections) != 1 || o.ListenerPort != 5433 {
		t.Errorf("%+v", o)
	}
}

func TestWhoIsConnected(t *testing.T) {
	e := well()
	e.Connections = map[string]registry.Connection{"vpce-5": {Owner: stranger, State: "available", Seen: noon}, "vpce-4": {Owner: acme, State: "deleted", Seen: noon}}
	found := append(connections("deleted", "available"), connection.Connection{ServiceID: "vpce-svc-2", VPCEndpointID: "vpce-7", Owner: acme, State: "available"})
	for name, row := range map[string]struct {
		told bool
		want Connected
	}{
		"as EC2 says":              {true, Connected{acme, "vpce-2", "available", noon, true}},
		"as the observer has seen": {false, Connected{stranger, "vpce-5", "available", noon, false}},
	} {
		o := overview(e, found, row.told, "SUCCEEDED", noon)
		if !slices.Equal(o.Connections, []Connected{row.want}) || o.ConnectionsSeen == row.told || o.State != Live {
			t.Errorf("%s: %+v (%s)", name, o.Connections, o.State)
		}
	}
	e.ServiceID = ""
	if o := overview(e, []connection.Connection{{Owner: acme, State: "available"}}, true, "", noon); len(o.Connections) > 0 {
		t.Errorf("without a service: %+v", o.Connections)
	}
}

func TestWhatWasChangedByHandIsSaid(t *testing.T) {
	e := well()
	e.Watch = &registry.Watch{Told: map[string]registry.Tale{
		"drift/tags": {What: "tags of the service"}, "unadmitted": {What: "who is not connected yet is not admitted"}, "unticked": {What: "its schedule does not tick"},
	}}
	want := []string{"tags of the service", "who is not connected yet is not admitted"}
	if o := overview(e, connections("available"), true, "SUCCEEDED", noon); !slices.Equal(o.ChangedByHand, want) || o.State != Live {
		t.Errorf("%q, %s", o.ChangedByHand, o.State)
	}
}

// What is seen now comes before what was told.
func TestWhatShowSeesCountsBeforeWhatTheWatchHasTold(t *testing.T) {
	e := well()
	e.Watch = &registry.Watch{Told: map[string]registry.Tale{"drift/tags": {What: "tags"}}}
	e.Decisions = []registry.Decision{{EndpointID: "vpce-1", Action: "accept", By: "anton", Reason: "phone", Time: noon}}
	broken := inspect.Hop{Name: inspect.Listener, State: inspect.Broken, Detail: "there is none"}
	for name, row := range map[string]struct {
		report  inspect.Report
		state   string
		changed []string
	}{
		"all is well":           {inspect.Report{}, Live, []string{}},
		"a hop is broken":       {inspect.Report{Hops: []inspect.Hop{broken}}, CutOff, []string{}},
		"one that cuts nobody":  {inspect.Report{Hops: []inspect.Hop{{Name: inspect.Sync, State: inspect.Broken}}}, Live, []string{}},
		"something is changed":  {inspect.Report{Drift: []inspect.Finding{{Key: "acceptance"}}}, Live, []string{"acceptance"}},
		"not all could be read": {inspect.Report{Err: errors.New("denied")}, Live, []string{"tags"}},
	} {
		s := shownOf(e, row.report, overview(e, connections("available"), true, "SUCCEEDED", noon))
		if s.State != row.state || !slices.Equal(s.ChangedByHand, row.changed) || s.RequestedBy != "olga" || s.Decisions[0] != (Decided{"vpce-1", "accept", "anton", "phone", noon}) {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// machines are state machines whose executions are listed two a page, the latest first.
type machines struct {
	executions map[string][]string // by the state machine's name
	pages      int
	err        error
}

func (m *machines) ListExecutions(_ context.Context, in *sfn.ListExecutionsInput, _ ...func(*sfn.Options)) (*sfn.ListExecutionsOutput, error) {
	if m.err != nil {
		return nil, m.err
	}
	m.pages++
	name := (*in.StateMachineArn)[len("arn:aws:states:eu-central-1:111122223333:stateMachine:"):]
	from, _ := strconv.Atoi(aws.ToString(in.NextToken))
	out := &sfn.ListExecutionsOutput{}
	for n, e := range m.executions[name] {
		if n >= from && n < from+2 {
			out.Executions = append(out.Executions, sfntypes.ExecutionListItem{ExecutionArn: aws.String(execution(name, e)), Status: sfntypes.ExecutionStatusFailed})
		}
	}
	if from+2 < len(m.executions[name]) {
		out.NextToken = aws.String(strconv.Itoa(from + 2))
	}
	return out, nil
}

func TestExecutionsAreReadNoFurtherThanNeeded(t *testing.T) {
	all := map[string][]string{"setup": {"7", "6", "5", "4", "3", "2", "1"}, "remove": {"r"}}
	for name, row := range map[string]struct {
		claims []string
		want   map[string]string
		pages  int
	}{
		"none":                  {nil, map[string]string{}, 0},
		"one of the latest":     {[]string{execution("setup", "6")}, map[string]string{execution("setup", "6"): "FAILED"}, 1},
		"an older one":          {[]string{execution("setup", "6"), execution("setup", "4")}, map[string]string{execution("setup", "6"): "FAILED", execution("setup", "4"): "FAILED"}, 2},
		"of two state machines": {[]string{execution("setup", "7"), execution("remove", "r")}, map[string]string{execution("setup", "7"): "FAILED", execution("remove", "r"): "FAILED"}, 2},
		"one that is forgotten": {[]string{execution("setup", "0")}, map[string]string{execution("setup", "0"): forgotten}, 4},
		"what is no execution":  {[]string{"", "somebody"}, map[string]string{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := &machines{executions: all}
			var exposures []registry.Exposure
			for _, claim := range row.claims {
				exposures = append(exposures, registry.Exposure{Claim: claim})
			}
			got, err := statuses(t.Context(), m, exposures)
			if err != nil || len(got) != len(row.want) || m.pages != row.pages {
				t.Errorf("%v, %v after %d pages, want %v after %d", got, err, m.pages, row.want, row.pages)
			}
			for arn, status := range row.want {
				if got[arn] != status {
					t.Errorf("%s is %q, want %q", arn, got[arn], status)
				}
			}
		})
	}
	if got, err := statuses(t.Context(), &machines{err: errors.New("denied")}, []registry.Exposure{well()}); err == nil || len(got) > 0 {
		t.Errorf("what may not be listed: %v, %v", got, err)
	}
}

func TestTheConnectionThatIsHandedOver(t *testing.T) {
	e := well()
	e.Life.Proven = noon
	for name, row := range map[string]struct {
		found []connection.Connection
		want  handoff.Connection
	}{
		"nobody":             {nil, handoff.Connection{Path: handoff.Proven}},
		"a request":          {connections("pendingAcceptance"), handoff.Connection{Path: handoff.Proven}},
		"one on its way":     {connections("pending", "rejected"), handoff.Connection{VPCEndpointID: "vpce-1", State: "pending", Path: handoff.Proven}},
		"one that carries":   {connections("pending", "available", "pending"), handoff.Connection{VPCEndpointID: "vpce-2", State: "available", Path: handoff.Proven}},
		"a stranger is none": {[]connection.Connection{{ServiceID: "vpce-svc-1", VPCEndpointID: "vpce-9", Owner: stranger, State: "available"}}, handoff.Connection{Path: handoff.Proven}},
	} {
		if got := accepted(e, row.found); got != row.want {
			t.Errorf("%s: %+v, want %+v", name, got, row.want)
		}
	}
	e.Life.Proven = time.Time{}
	if got := accepted(e, nil); got.Path != handoff.NotProven {
		t.Errorf("%+v", got)
	}
}

// zones is EC2, which describes a service's zones by their names.
type zones struct{}

func (zones) DescribeVpcEndpointServiceConfigurations(context.Context, *ec2.DescribeVpcEndpointServiceConfigurationsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointServiceConfigurationsOutput, error) {
	return &ec2.DescribeVpcEndpointServiceConfigurationsOutput{ServiceConfigurations: []ec2types.ServiceConfiguration{{AvailabilityZones: []string{"eu-central-1a", "eu-central-1c"}}}}, nil
}

func (zones) DescribeSubnets(context.Context, *ec2.DescribeSubnetsInput, ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error) {
	var all []ec2types.Subnet
	for name, id := range map[string]string{"eu-central-1a": "euc1-az2", "eu-central-1b": "euc1-az3", "eu-central-1c": "euc1-az1"} {
		all = append(all, ec2types.Subnet{AvailabilityZone: &name, AvailabilityZoneId: &id})
	}
	return &ec2.DescribeSubnetsOutput{Subnets: all}, nil
}

func TestZonesThatAnEarlierVersionDidNotRecordAreEC2s(t *testing.T) {
	got, err := serviceZones(t.Context(), zones{}, well())
	if err != nil || !slices.Equal(got, []string{"euc1-az1", "euc1-az2"}) {
		t.Errorf("%v, %v", got, err)
	}
}
