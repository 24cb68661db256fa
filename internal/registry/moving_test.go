package registry

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func TestMarks(t *testing.T) {
	registry, fake := table(t)
	ctx := t.Context()
	holds := func(want ...Mark) {
		t.Helper()
		got, err := registry.Marks(ctx)
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(got, func(a, b Mark) int { return a.Since.Compare(b.Since) })
		if !slices.EqualFunc(got, want, func(a, b Mark) bool { return a.Exposure == b.Exposure && a.Since.Equal(b.Since) }) {
			t.Errorf("marked are %v, want %v", got, want)
		}
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	begun := time.UnixMilli(1_000_000)
	first, again, other := Mark{"orders", begun}, Mark{"orders", begun.Add(time.Second)}, Mark{"billing", begun.Add(2 * time.Second)}
	holds()
	check(registry.RemoveMarks(ctx, []Mark{first})) // nobody ever marked anything

	if _, held, err := registry.Lease(ctx, Following, "a", time.Minute); held || err != nil {
		t.Error("held for nothing", err)
	}
	check(registry.AddMarks(ctx, []Mark{first, first}))
	if _, held, err := registry.Lease(ctx, Following, "a", time.Minute); !held || err != nil {
		t.Error("not held", err)
	}
	if _, held, err := registry.Lease(ctx, Following, "b", time.Minute); held || err != nil {
		t.Error("held twice", err)
	}
	read, err := registry.Marks(ctx)
	check(err)
	check(registry.AddMarks(ctx, []Mark{again, other}))
	holds(first, again, other)
	check(registry.RemoveMarks(ctx, read))
	holds(again, other) // they came after the follower had read

	if over, err := registry.ReleaseUnmarked(ctx, "a"); over || err != nil {
		t.Errorf("released with marks: %v", err)
	}
	check(registry.RemoveMarks(ctx, []Mark{again, other}))
	holds()
	if over, err := registry.ReleaseUnmarked(ctx, "b"); over || err != nil {
		t.Errorf("another released it: %v", err)
	}
	if over, err := registry.ReleaseUnmarked(ctx, "a"); !over || err != nil {
		t.Errorf("not released: %v", err)
	}
	if _, held, err := registry.Lease(ctx, Following, "b", time.Minute); !held || err != nil {
		t.Error("not held", err)
	}
	if all, err := registry.All(ctx); err != nil || len(all) != 1 {
		t.Errorf("%d exposures, %v", len(all), err)
	}

	fake.items[Following]["moving"] = &types.AttributeValueMemberSS{Value: []string{"orders"}}
	if marks, err := registry.Marks(ctx); err == nil {
		t.Errorf("read %v", marks)
	}
}
