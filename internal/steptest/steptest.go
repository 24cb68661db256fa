// Package steptest plays the table of a step against its fake cloud. It adds the row that every step has: a second
// run makes no mutating call.
package steptest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

// Fake is what the clouds of all steps have in common, and embed: the record of an exposure, and what was changed, in order.
type Fake struct {
	Recorded  registry.Made
	Linked    map[string]registry.Made // of the exposures of a link, by their ids
	Others    []registry.Exposure      // that the registry has
	Lost      error                    // of a claim: what Record and Held answer
	Mutations []string
}

// Mutate notes a change.
func (f *Fake) Mutate(format string, args ...any) {
	f.Mutations = append(f.Mutations, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

// Held is the registry's.
func (f *Fake) Held(context.Context, string, string) error { return f.Lost }

// Record is the registry's. As there, what does not differ is not written.
func (f *Fake) Record(_ context.Context, id, _ string, made func(*registry.Made)) error {
	after, linked := f.Linked[id]
	if !linked {
		after = f.Recorded
	}
	before := after
	made(&after)
	if linked {
		f.Linked[id] = after
	} else {
		f.Recorded = after
	}
	if !reflect.DeepEqual(before, after) {
		f.Mutate("Record")
	}
	return f.Lost
}

// Get is the registry's, too.
func (f *Fake) Get(_ context.Context, id string) (registry.Exposure, error) {
	if made, linked := f.Linked[id]; linked {
		return registry.Exposure{ID: id, Made: made}, nil
	}
	return registry.Exposure{ID: id, Made: f.Recorded}, nil
}

// ByLink is the registry's, too.
func (f *Fake) ByLink(ctx context.Context, id string) (registry.Exposure, error) {
	return f.Get(ctx, id)
}

// All is the registry's, but for the exposure itself.
func (f *Fake) All(context.Context) ([]registry.Exposure, error) { return f.Others, nil }

func (f *Fake) fake() *Fake { return f }

// Cloud is what embeds a Fake.
type Cloud interface{ fake() *Fake }

// Step is what the rows of a table have in common.
type Step[C Cloud, I, O any] struct {
	Cloud  func() C // before any run
	In     func() I
	Run    func(C) step.Run[I, O]
	Settle func(C) // what AWS does after a run, where it does anything
	Output func(C, I) O
}

// Row is how a case differs from the usual one, and what comes of it.
type Row[C Cloud, I, O any] struct {
	Again  bool    // after a first run, and after as many as it takes
	Drift  func(C) // before the run
	In     func(*I)
	Want   []string // mutations
	Output *O       // the step's usual one by default
	Err    string   // the error's name
	Says   string   // and a part of what it says
}

const again = "a second run makes no mutating call"

// Play plays the rows, and the one that every step has.
func (s Step[C, I, O]) Play(t *testing.T, rows map[string]Row[C, I, O]) {
	t.Helper()
	if _, taken := rows[again]; taken {
		t.Errorf("%q is a row of every step's, and need not be written", again)
	}
	rows[again] = Row[C, I, O]{Again: true}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) { s.play(t, row) })
	}
}

func (s Step[C, I, O]) play(t *testing.T, row Row[C, I, O]) {
	cloud, in := s.Cloud(), s.In()
	if row.Again {
		s.complete(t, cloud)
	}
	if row.Drift != nil {
		row.Drift(cloud)
	}
	if row.In != nil {
		row.In(&in)
	}

	out, err := s.Run(cloud)(t.Context(), in)

	if got := outcome.Name(err); got != row.Err || err != nil && !strings.Contains(err.Error(), row.Says) {
		t.Fatalf("error %q (%v), want %q with %q", got, err, row.Err, row.Says)
	}
	if got := cloud.fake().Mutations; !slices.Equal(got, row.Want) {
		t.Errorf("mutations\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(row.Want, "\n"))
	}
	if err != nil {
		return
	}
	want := row.Output
	if want == nil {
		want = new(s.Output(cloud, in))
	}
	if !reflect.DeepEqual(out, *want) {
		t.Errorf("output\n%+v\nwant\n%+v", out, *want)
	}
}

// complete runs the step until it is done, and forgets what that changed.
func (s Step[C, I, O]) complete(t *testing.T, cloud C) {
	const patience = 3
	for range patience {
		_, err := s.Run(cloud)(t.Context(), s.In())
		if s.Settle != nil {
			s.Settle(cloud)
		}
		if err == nil {
			cloud.fake().Mutations = nil
			return
		}
		if outcome.Name(err) != outcome.NameNotReady {
			t.Fatalf("first run: %v", err)
		}
	}
	t.Fatalf("not done after %d runs", patience)
}
