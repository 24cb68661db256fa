package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/targets"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	os.Exit(m.Run())
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const (
	orders = "arn:aws:rds:eu-central-1:111122223333:db:orders"

	ledger   = "arn:aws:rds:eu-central-1:111122223333:cluster:ledger"
	member   = "arn:aws:rds:eu-central-1:111122223333:db:ledger-3"
	snapshot = "arn:aws:rds:eu-central-1:111122223333:snapshot:orders"
	upgrade  = "arn:aws:rds:eu-central-1:111122223333:deployment:bgd-hdqs3ik6vrwgutsn" // of orders
	partly   = "arn:aws:rds:eu-central-1:111122223333:deployment:bgd-0000000000000000" // of orders, and of a database that cannot be read
	unread   = "arn:aws:rds:eu-central-1:111122223333:db:unread"

	// Events as in docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-cloud-watch-events.html.
	failover = `{"version":"0","id":"844e2571-85d4-695f-b930-0153b71dcb42","detail-type":"RDS DB Instance Event","source":"aws.rds",
		"account":"111122223333","time":"2026-03-01T12:00:00Z","region":"eu-central-1","resources":["` + orders + `"],
		"detail":{"EventCategories":["failover"],"SourceType":"DB_INSTANCE","SourceArn":"` + orders + `","Date":"2026-03-01T12:00:00.293Z",
		"Message":"Multi-AZ instance failover completed.","SourceIdentifier":"orders","EventID":"RDS-EVENT-0049"}}`
)

// table is a registry in memory.
type table []registry.Exposure

func (t table) Get(_ context.Context, id string) (registry.Exposure, error) {
	for _, e := range t {
		if e.ID == id {
			return e, nil
		}
	}
	return registry.Exposure{}, registry.ErrNotFound
}

func (t table) ByDatabase(_ context.Context, databaseARN string) ([]registry.Exposure, error) {
	if databaseARN == "" || databaseARN == unread {
		return nil, errors.New("empty key")
	}
	return slices.DeleteFunc(slices.Clone(t), func(e registry.Exposure) bool { return e.DatabaseARN != databaseARN }), nil
}

// meant is what the events' sources of these tests speak for.
func meant(_ context.Context, source string) ([]string, error) {
	switch source {
	case member:
		return []string{ledger}, nil
	case upgrade:
		return []string{orders, orders + "-old1", "arn:aws:rds:eu-central-1:111122223333:db:archive"}, nil
	case partly:
		return []string{unread, orders}, nil
	case snapshot:
		return nil, outcome.BadInput("no event of a move")
	}
	return nil, nil
}

func exposure(id, databaseARN string) registry.Exposure {
	return registry.Exposure{ID: id, DatabaseARN: databaseARN, Made: registry.Made{
		Binding: &registry.Binding{Exposure: id, TargetGroupARN: "arn:tg"}}}
}

func TestHandle(t *testing.T) {
	settled := targets.Report{State: targets.Settled}
	for name, test := range map[string]struct {
		in      string
		report  targets.Report
		err     error
		refused error    // what the registry says to writes
		want    []string // what was run
		age     string   // of the metric, empty for none
		class   string   // of the error
		says    string   // the log
	}{
		"a schedule's tick":          {in: `{"exposure":"a","targetGroupArn":"arn:tg","addedLater":1}`, report: settled, want: []string{"tick a"}, age: "0"},
		"somebody wants to know":     {in: `{"exposure":"b"}`, report: settled, want: []string{"sync b"}, age: "0"},
		"a full look":                {in: `{"exposure":"b","full":true}`, report: settled, want: []string{"full sync b"}, age: "0"},
		"no target group yet":        {in: `{"exposure":"young"}`},
		"unknown exposure":           {in: `{"exposure":"z"}`, class: "Failed"},
		"an RDS event":               {in: failover, want: []string{"mark a", "mark b"}},
		"of a cluster's member":      {in: strings.ReplaceAll(failover, orders, member), want: []string{"mark d"}},
		"of a blue/green deployment": {in: strings.ReplaceAll(failover, orders, upgrade), want: []string{"mark a", "mark b"}},
		"of a blue/green deployment, one of whose databases cannot be read": {in: strings.ReplaceAll(failover, orders, partly),
			want: []string{"mark a", "mark b"}, class: "Failed"},
		"an RDS event, and the registry takes nothing": {in: failover, report: settled, refused: errors.New("no table"),
			want: []string{"look a", "look b"}, age: "0", class: "Failed"},
		"of what is no database":     {in: strings.ReplaceAll(failover, orders, snapshot), class: "BadInput"},
		"of a database not exposed":  {in: strings.ReplaceAll(failover, "db:orders", "db:payroll")},
		"an RDS event about nothing": {in: `{"source":"aws.rds","detail":{"EventID":"RDS-EVENT-0049"}}`, class: "BadInput"},
		"something else":             {in: `{"hello":"world"}`, class: "BadInput"},
		"failing for two minutes: told, no error of the function": {in: `{"exposure":"a"}`,
			report: targets.Report{State: targets.Failing, Since: noon.Add(-2 * time.Minute)}, err: errors.New("no answer"),
			want: []string{"sync a"}, age: "120", says: `"msg":"sync failed","exposure":"a","state":"failing","error":"no answer"`},
		"the observer's tick for several":      {in: `{"exposures":["b","d","young"]}`, report: settled, want: []string{"sync b", "sync d"}, age: "0"},
		"full looks at several":                {in: `{"exposures":["b","d"],"full":true}`, report: settled, want: []string{"full sync b", "full sync d"}, age: "0"},
		"one of several is unknown":            {in: `{"exposures":["z","b"]}`, report: settled, want: []string{"sync b"}, age: "0", class: "Failed"},
		"failing, and nobody knows since when": {in: `{"exposure":"a"}`, report: targets.Report{State: targets.Failing}, err: errors.New("no table"), want: []string{"sync a"}, class: "Failed"},
		"throttled skips the tick": {in: `{"exposure":"a"}`, report: targets.Report{State: targets.Missed, Since: noon.Add(-time.Minute), Detail: "slow down"}, err: outcome.Throttled("describe"),
			want: []string{"sync a"}, age: "60", says: `"msg":"sync skipped","exposure":"a","detail":"slow down"`},
		"someone else is at it": {in: `{"exposure":"a"}`, report: targets.Report{State: targets.Busy, Since: noon.Add(-10 * time.Second)}, want: []string{"sync a"}, age: "10"},
		"stopped is no failure": {in: `{"exposure":"a"}`, report: targets.Report{State: targets.Stopped}, want: []string{"sync a"}, age: "0"},
		"settling has an age":   {in: `{"exposure":"a"}`, report: targets.Report{State: targets.Settling, Since: noon.Add(-30 * time.Second)}, want: []string{"sync a"}, age: "30"},
		"a path that is cut has an age": {in: `{"exposure":"a"}`, report: targets.Report{State: targets.Cut, Since: noon.Add(-time.Minute), Detail: "node 10.0.1.7: refused"},
			want: []string{"sync a"}, age: "60", says: "node 10.0.1.7: refused"},
	} {
		t.Run(name, func(t *testing.T) {
			log := captured(t)
			ran := &runs{report: test.report, err: test.err}
			s, registry := ran.function(exposure("d", ledger), exposure("a", orders), exposure("b", orders), exposure("c", "arn:other"),
				registry.Exposure{ID: "young", DatabaseARN: orders})
			registry.refused = test.refused
			var in input
			if err := json.Unmarshal([]byte(test.in), &in); err != nil {
				t.Fatal(err)
			}
			err := s.handle(t.Context(), in)
			if got := outcome.Name(err); got != test.class {
				t.Errorf("error %v is %q, want %q", err, got, test.class)
			}
			if got := ran.did(registry); !slices.Equal(got, test.want) {
				t.Errorf("ran %v, want %v", got, test.want)
			}
			checkMetrics(t, log.String(), test.age)
			if !strings.Contains(log.String(), test.says) {
				t.Errorf("the log is\n%s\nwant %s", log, test.says)
			}
		})
	}
}

// Every kind of event that the rule lets in marks the exposures of the database that it is about, and no others.
func TestEveryEventOfAMoveMarks(t *testing.T) {
	sources := map[string][]string{
		"db": {orders, member}, "cluster": {ledger}, "deployment": {upgrade},
	}
	follows := map[string][]string{
		orders: {"mark a", "mark b"}, member: {"mark d"}, ledger: {"mark d"}, upgrade: {"mark a", "mark b"},
	}
	for _, event := range database.Moves {
		if len(sources[event.About]) == 0 {
			t.Errorf("%s is about a %s, which nobody looks for", event.ID, event.About)
		}
		for _, source := range sources[event.About] {
			ran := &runs{report: targets.Report{State: targets.Settled}}
			s, registry := ran.function(exposure("a", orders), exposure("b", orders), exposure("c", "arn:other"), exposure("d", ledger))
			var in input
			if err := json.Unmarshal([]byte(strings.NewReplacer(orders, source, "RDS-EVENT-0049", event.ID).Replace(failover)), &in); err != nil {
				t.Fatal(err)
			}
			err := s.handle(t.Context(), in)
			if got := ran.did(registry); err != nil || !slices.Equal(got, follows[source]) {
				t.Errorf("%s about %s ran %v, %v; want %v", event.ID, source, got, err, follows[source])
			}
		}
	}
}

func captured(t *testing.T) *bytes.Buffer {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return &log
}

// checkMetrics wants the age in every line that is a metric's value, and one such line, or none at all.
func checkMetrics(t *testing.T, log, age string) {
	t.Helper()
	values := 0
	for line := range strings.Lines(log) {
		if !strings.Contains(line, `"_aws":`) {
			continue
		}
		values++
		if !strings.Contains(line, `"SyncAge":`+age+`,"_aws":`) {
			t.Errorf("got %s, want age %q", line, age)
		}
	}
	if (values > 0) != (age != "") {
		t.Errorf("%d values in %q, want age %q", values, log, age)
	}
}

// runs records what was run, and answers all of it alike.
type runs struct {
	report targets.Report
	err    error
	lock   sync.Mutex
	names  []string
}

func (r *runs) sync(_ context.Context, b registry.Binding, asked targets.Asked) (targets.Report, error) {
	ran := "sync"
	switch {
	case asked.Tick:
		ran = "tick"
	case asked.Full:
		ran = "full sync"
	}
	if !asked.Record {
		ran += " unrecorded"
	}
	r.note(ran + " " + b.Exposure)
	return r.report, r.err
}

func (r *runs) look(_ context.Context, b registry.Binding, full bool) (targets.Report, error) {
	ran := "look"
	if full {
		ran = "full look"
	}
	r.note(ran + " " + b.Exposure)
	return r.report, r.err
}

func (r *runs) note(name string) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.names = append(r.names, name)
}

// function is an ip-sync of a stack in which somebody follows already, so that events do no more than mark.
func (r *runs) function(exposures ...registry.Exposure) (ipSync, *book) {
	b := &book{table: exposures, holder: "another", until: noon.Add(time.Hour), clock: func() time.Time { return noon }}
	return ipSync{meant: meant, registry: b, sync: r.sync, look: r.look, now: b.clock}, b
}

// did are what was run and marked.
func (r *runs) did(b *book) []string {
	for _, mark := range b.marks {
		r.names = append(r.names, "mark "+mark.Exposure)
	}
	slices.Sort(r.names)
	return r.names
}
