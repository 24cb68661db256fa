package model_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

func TestABurstIsThrottledUntilTheBucketFillsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &model.World{Speed: 10}
		served := func(context.Context, func(any) error) (any, error) { return nil, nil }
		ops := w.Limited(wire.Operations{"DescribeTags": served, "DescribeListeners": served}, model.Limit{Burst: 4, Rate: 2})
		// let says how many calls in a row an account may make.
		let := func(account, operation string) (n int) {
			ctx := wire.WithCaller(t.Context(), wire.Caller{Account: account})
			for range 10 {
				_, err := ops[operation](ctx, nil)
				if err == nil {
					n++
				} else if e, ok := errors.AsType[*wire.Error](err); !ok || e.Code != "Throttling" || e.Message != "Rate exceeded" {
					t.Fatal(err)
				}
			}
			return n
		}
		for _, step := range []struct {
			wait               time.Duration
			account, operation string
			want               int
		}{
			{0, "111122223333", "DescribeTags", 4},
			{0, "111122223333", "DescribeListeners", 0}, // the same bucket
			{0, "444455556666", "DescribeListeners", 4}, // another account's
			{50 * time.Millisecond, "111122223333", "DescribeTags", 1},
			{time.Hour, "111122223333", "DescribeTags", 4},
		} {
			time.Sleep(step.wait)
			if got := let(step.account, step.operation); got != step.want {
				t.Errorf("after %s more, %s may call %s %d times, want %d", step.wait, step.account, step.operation, got, step.want)
			}
		}
	})
}
