package main

import (
	"context"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/belongings/belongingstest"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

const (
	setUp = "arn:aws:states:eu-central-1:111122223333:execution:rdslink-setup:made"
	own   = "arn:aws:states:eu-central-1:111122223333:execution:rdslink-remove:this"
	other = "arn:aws:states:eu-central-1:111122223333:execution:rdslink-remove:other"
)

var now = time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)

// world is the account, the registry, and the executions with what they did last.
type world struct {
	*belongingstest.Cloud
	exposures  map[string]registry.Exposure
	executions map[string]*sfn.DescribeExecutionOutput
	last       types.HistoryEventType
}

func (w *world) Get(_ context.Context, id string) (registry.Exposure, error) {
	if e, known := w.exposures[id]; known {
		return e, nil
	}
	return registry.Exposure{}, registry.ErrNotFound
}

func (w *world) All(context.Context) (all []registry.Exposure, err error) {
	for _, e := range w.exposures {
		all = append(all, e)
	}
	return all, nil
}

func (w *world) On(_ context.Context, link string) (all []registry.Exposure, err error) {
	for _, e := range w.exposures {
		if e.OnLink() && e.Link == link {
			all = append(all, e)
		}
	}
	return all, nil
}

func (w *world) ClaimRemoval(
	ctx context.Context, seed registry.Exposure, execution string, running func(context.Context, string) (bool, error),
) (registry.Exposure, error) {
	e, known := w.exposures[seed.ID]
	if !known {
		e = seed
	}
	if runs, err := running(ctx, e.Claim); err != nil || runs && e.Claim != execution {
		return registry.Exposure{}, outcome.Conflict("held by %s: %v", e.Claim, err)
	}
	if e.Claim != execution {
		e.Superseded = e.Claim
		w.Mutate("claim")
	}
	e.Claim = execution
	w.exposures[seed.ID] = e
	return e, nil
}

func (w *world) DescribeExecution(_ context.Context, in *sfn.DescribeExecutionInput, _ ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error) {
	if e := w.executions[*in.ExecutionArn]; e != nil {
		return e, nil
	}
	return nil, &types.ExecutionDoesNotExist{}
}

func (w *world) StopExecution(_ context.Context, in *sfn.StopExecutionInput, _ ...func(*sfn.Options)) (*sfn.StopExecutionOutput, error) {
	w.Mutate("stop %s: %s", *in.ExecutionArn, *in.Error)
	w.executions[*in.ExecutionArn] = &sfn.DescribeExecutionOutput{Status: types.ExecutionStatusAborted, StopDate: &now}
	return &sfn.StopExecutionOutput{}, nil
}

func (w *world) GetExecutionHistory(context.Context, *sfn.GetExecutionHistoryInput, ...func(*sfn.Options)) (*sfn.GetExecutionHistoryOutput, error) {
	return &sfn.GetExecutionHistoryOutput{Events: []types.HistoryEvent{{Type: types.HistoryEventTypeExecutionAborted}, {Type: w.last}}}, nil
}

func newWorld() *world {
	return &world{
		Cloud: belongingstest.Whole(),
		exposures: map[string]registry.Exposure{belongingstest.Exposure: {
			ID: belongingstest.Exposure, DatabaseARN: belongingstest.Database, DatabaseIdentifier: "orders", Vendor: "pushmetrics",
			Consumer: "pushmetrics", VPCID: belongingstest.VPC, Claim: setUp,
		}},
		executions: map[string]*sfn.DescribeExecutionOutput{setUp: {Status: types.ExecutionStatusSucceeded, StopDate: new(now.Add(-time.Hour))}},
	}
}

func TestRun(t *testing.T) {
	byID := `{"exposure": "` + belongingstest.Exposure + `"}`
	running := func(w *world) {
		w.executions[setUp] = &sfn.DescribeExecutionOutput{Status: types.ExecutionStatusRunning}
	}
	for name, row := range map[string]struct {
		input string
		drift func(*world)
		err   string
		says  string
		want  []string
		ask   bool
		until string
	}{
		"one that serves is claimed, and its connections are asked about": {want: []string{"claim"}, ask: true},
		"what people need not be asked about":                             {input: `{"exposure": "` + belongingstest.Exposure + `", "connections": "end"}`, want: []string{"claim"}},
		"by the set-up's own input":                                       {input: `{"database": "orders", "vendor": "pushmetrics", "notify": []}`, want: []string{"claim"}, ask: true},
		"by the database's ARN":                                           {input: `{"database": "` + belongingstest.Database + `", "vendor": "pushmetrics"}`, want: []string{"claim"}, ask: true},
		"a second attempt changes nothing":                                {drift: func(w *world) { w.claimedBy(own) }, ask: true},
		"a redriven one asks nobody again about what is being taken away": {drift: func(w *world) { w.claimedBy(own); w.removing() }},
		"a set-up that waits is stopped, and nothing of it is at work": {drift: func(w *world) { running(w); w.last = types.HistoryEventTypeTaskSubmitted },
			want: []string{"stop " + setUp + ": Removed", "claim"}, ask: true},
		"a set-up that works is stopped, and may be at work for a while": {drift: func(w *world) { running(w); w.last = types.HistoryEventTypeTaskStarted },
			want: []string{"stop " + setUp + ": Removed", "claim"}, ask: true, until: "2026-11-29T08:01:16Z"},
		"and so it may where the answer was lost":                  {drift: func(w *world) { running(w); w.stopped(); w.claimedBy(own) }, ask: true, until: "2026-11-29T08:01:16Z"},
		"another removal has it":                                   {drift: func(w *world) { w.held(other) }, err: "Conflict", says: other},
		"one that the registry does not know is found by its tags": {drift: func(w *world) { w.exposures = map[string]registry.Exposure{} }, want: []string{"claim"}, ask: true},
		"one of which nothing is left": {drift: func(w *world) { w.exposures = nil; w.Cloud = &belongingstest.Cloud{} },
			err: "BadInput", says: "nothing is left of exposure"},
		"one of which only the registry knows": {drift: func(w *world) { w.Cloud = &belongingstest.Cloud{} }, want: []string{"claim"}},
		"an input of which nothing is left": {input: `{"database": "users", "vendor": "pushmetrics"}`, drift: func(w *world) { w.Cloud = &belongingstest.Cloud{} },
			err: "BadInput", says: `users for "pushmetrics"`},
		"by an address of it, in capitals": {input: `{"database": "postgres://olga@ORDERS.abc123.eu-central-1.rds.amazonaws.com:5432/shop", "vendor": "pushmetrics"}`,
			want: []string{"claim"}, ask: true},
		"an id that is none":                {input: `{"exposure": "postgres://olga:hunter2@host/db"}`, err: "BadInput", says: "is no exposure's id"},
		"an address that is no database's":  {input: `{"database": "postgres://olga:hunter2@host/db", "vendor": "pushmetrics"}`, err: "BadInput", says: "give the identifier"},
		"an input that says nothing":        {input: `{}`, err: "BadInput", says: "what is to be removed?"},
		"an input that says two things":     {input: `{"exposure": "a", "database": "b"}`, err: "BadInput", says: "both given"},
		"an input with a slip":              {input: `{"exposur": "a"}`, err: "BadInput", says: "did you mean exposure?"},
		"an input with a word that is none": {input: `{"exposure": "a", "connections": "cut"}`, err: "BadInput", says: `connections must be "wait" or "end"`},
		"an input that is no object":        {input: `"a"`, err: "BadInput", says: "the input is no object"},
		"one whose set-up's history Step Functions has forgotten is as any one": {drift: func(w *world) { w.executions = nil }, want: []string{"claim"}, ask: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			if row.drift != nil {
				row.drift(w)
			}
			if row.input == "" {
				row.input = byID
			}
			s := claimTheExposure{w.Found(), w, w, func() time.Time { return now.Add(time.Second) }}
			out, err := s.run(t.Context(), Input{own, json.RawMessage(row.input)})
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("what may be a password is repeated: %v", err)
			}
			if outcome.Name(err) != row.err || err != nil && !strings.Contains(err.Error(), row.says) {
				t.Fatalf("%v, want %s with %q", err, row.err, row.says)
			}
			if !slices.Equal(w.Mutations, row.want) {
				t.Errorf("mutations %v, want %v", w.Mutations, row.want)
			}
			if row.until == "" {
				row.until = "2026-11-29T08:00:01Z" // it is that now
			}
			if err == nil && (out.Exposure != belongingstest.Exposure || out.VPCID != belongingstest.VPC || out.Ask != row.ask || out.WorkingUntil != row.until) {
				t.Errorf("output %+v", out)
			}
		})
	}
}

func (w *world) change(by func(*registry.Exposure)) {
	e := w.exposures[belongingstest.Exposure]
	by(&e)
	w.exposures[belongingstest.Exposure] = e
}

func (w *world) claimedBy(execution string) {
	w.change(func(e *registry.Exposure) { e.Claim, e.Superseded = execution, e.Claim })
}

func (w *world) removing() { w.change(func(e *registry.Exposure) { e.Removing = own }) }

func (w *world) held(by string) {
	w.change(func(e *registry.Exposure) { e.Claim = by })
	w.executions[by] = &sfn.DescribeExecutionOutput{Status: types.ExecutionStatusRunning}
}

func (w *world) stopped() {
	w.executions[setUp] = &sfn.DescribeExecutionOutput{Status: types.ExecutionStatusAborted, StopDate: &now}
	w.last = types.HistoryEventTypeLambdaFunctionStarted
}

// The item says which record is the exposure's: of a link the link's own.
func TestTheRecordOfAPrivateNameIsFoundByTheItem(t *testing.T) {
	record := belongings.Thing{Kind: belongings.TXTRecord, ID: "_abc.example.com"}
	for name, row := range map[string]struct {
		change func(*registry.Exposure)
		is     bool
	}{
		"ours":                          {func(e *registry.Exposure) { e.PrivateName = &registry.PrivateName{ZoneID: "Z1", Record: record.ID} }, true},
		"a person's":                    {func(e *registry.Exposure) { e.PrivateName = &registry.PrivateName{Told: "vpce:abc"} }, false},
		"of an exposure without a name": {func(*registry.Exposure) {}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.change(row.change)
			input := json.RawMessage(`{"exposure": "` + belongingstest.Exposure + `"}`)
			out, err := claimTheExposure{w.Found(), w, w, time.Now}.run(t.Context(), Input{own, input})
			if err != nil || slices.Contains(out.Found, record) != row.is {
				t.Errorf("%v, found %v", err, out.Found)
			}
			if at := slices.Index(out.Found, record); row.is && out.Found[at-1].Kind != belongings.Service {
				t.Errorf("it comes after %s", out.Found[at-1])
			}
		})
	}
}

// A consumer that the registry does not know is found by the id that its set-up must have given.
func TestAnUnrecordedExposureIsFoundByWhatItsIDMustBe(t *testing.T) {
	for _, database := range []string{"orders", belongingstest.Database} {
		w := newWorld()
		w.exposures = map[string]registry.Exposure{}
		s := claimTheExposure{w.Found(), w, w, time.Now}
		id, err := s.exposure(t.Context(), request{Database: database, Vendor: "pushmetrics"}, own)
		want := owned.Owner{}.ID(belongingstest.Database, writer, "orders", owned.Consumer{Vendor: "pushmetrics"})
		if err != nil || id != want {
			t.Errorf("%s: %s, %v, want %s", database, id, err, want)
		}
	}
}

// A link is removed with all that is on it; one of its exposures by itself.
func TestALinkIsClaimedWithItsExposures(t *testing.T) {
	const link, other = "link-pushmetrics-00000000", "ledger-pushmetrics-00000000"
	world := func() *world {
		w := newWorld()
		w.change(func(e *registry.Exposure) { e.Link = link })
		w.exposures[link] = registry.Exposure{ID: link, Link: link, Vendor: "pushmetrics", Consumer: "pushmetrics", VPCID: belongingstest.VPC, Claim: setUp}
		w.exposures[other] = registry.Exposure{ID: other, Link: link, Claim: setUp, DatabaseARN: "arn:aws:rds:eu-central-1:111122223333:db:ledger",
			DatabaseIdentifier: "ledger", Vendor: "pushmetrics", Consumer: "pushmetrics"}
		return w
	}
	members := []string{other, belongingstest.Exposure}
	for name, row := range map[string]struct {
		input, exposure, link, err, says string
		members                          []string
		claims                           int
	}{
		"by its id":                     {input: `{"exposure": "` + link + `"}`, exposure: link, members: members, claims: 3},
		"by its set-up's input":         {input: `{"databases": [{"database": "ledger"}, {"database": "gone"}], "vendor": "pushmetrics"}`, exposure: link, members: members, claims: 3},
		"one exposure by its id":        {input: `{"exposure": "` + belongingstest.Exposure + `"}`, exposure: belongingstest.Exposure, link: link, members: []string{}, claims: 1},
		"of databases that are on none": {input: `{"databases": [{"database": "gone"}], "vendor": "pushmetrics"}`, err: "BadInput", says: "the registry knows no link"},
		"of another consumer":           {input: `{"databases": [{"database": "ledger"}], "name": "other"}`, err: "BadInput", says: "the registry knows no link"},
		"and a database beside":         {input: `{"database": "ledger", "databases": [{"database": "ledger"}], "name": "x"}`, err: "BadInput", says: "both given"},
	} {
		t.Run(name, func(t *testing.T) {
			w := world()
			out, err := claimTheExposure{w.Found(), w, w, time.Now}.run(t.Context(), Input{own, json.RawMessage(row.input)})
			if outcome.Name(err) != row.err || err != nil && !strings.Contains(err.Error(), row.says) {
				t.Fatalf("%v, want %s with %q", err, row.err, row.says)
			}
			if err == nil && (out.Exposure != row.exposure || out.Link != row.link || !slices.Equal(out.Members, row.members) ||
				len(w.Mutations) != row.claims) {
				t.Errorf("output %+v, changes %q", out, w.Mutations)
			}
		})
	}
}

// What a set-up takes, a removal takes, too.
func TestTheSetUpsFieldsAreKnown(t *testing.T) {
	source, err := os.ReadFile("../01-gather-rds-details/request.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?s)requestFields = \[\]string\{(.*?)\}`).FindStringSubmatch(string(source))
	var fields []string
	for _, m := range regexp.MustCompile(`"(\w+)"`).FindAllStringSubmatch(declared[1], -1) {
		fields = append(fields, m[1])
	}
	if !slices.Equal(fields, ofSetUp) {
		t.Errorf("a set-up takes %v, a removal knows %v", fields, ofSetUp)
	}
}
