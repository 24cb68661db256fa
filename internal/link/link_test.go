package link

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/rdslink/rdslink/internal/outcome"
)

// What fails of one hinders no other, and what only a person mends is told before what passes.
func TestEach(t *testing.T) {
	notReady, throttled, refused := outcome.NotReady("later"), outcome.Throttled("slower"), outcome.BadInput("no")
	for name, row := range map[string]struct {
		errs []error
		want error
	}{
		"all well":              {[]error{nil, nil, nil}, nil},
		"one is not ready":      {[]error{nil, notReady, nil}, notReady},
		"the first of two":      {[]error{throttled, notReady, nil}, throttled},
		"a person comes first":  {[]error{notReady, nil, refused}, refused},
		"an error without name": {[]error{notReady, errors.New("broken"), nil}, errors.New("broken")},
		"one alone":             {[]error{refused}, refused},
	} {
		t.Run(name, func(t *testing.T) {
			var done, now, most atomic.Int32
			results, err := Each(t.Context(), 2, row.errs, func(_ context.Context, err error) (int32, error) {
				most.Store(max(most.Load(), now.Add(1)))
				defer now.Add(-1)
				done.Add(1)
				return 7, err
			})
			if int(done.Load()) != len(row.errs) || most.Load() > 2 {
				t.Errorf("%d of %d were done, %d at once", done.Load(), len(row.errs), most.Load())
			}
			if (err == nil) != (row.want == nil) || err != nil && err.Error() != row.want.Error() {
				t.Errorf("%v, want %v", err, row.want)
			}
			if err == nil && !slices.Equal(results, []int32{7, 7, 7}) {
				t.Errorf("results %v", results)
			}
		})
	}
}
