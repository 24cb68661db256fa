package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"

	"github.com/rdslink/rdslink/internal/outcome"
)

// Lease gives holder the exclusive right to change the exposure's targets for d. It returns the exposure as the lease found
// it, with a fencing number that grows with every lease given, and without its life. ok is false while someone else's lease
// lasts.
func (t *Table) Lease(ctx context.Context, id, holder string, d time.Duration) (leased Exposure, ok bool, err error) {
	now := t.now()
	lease := Lease{Holder: holder, Until: now.Add(d).UnixMilli()}
	change := expression.
		Set(expression.Name("lease"), expression.Value(lease)).
		Add(expression.Name("fence"), expression.Value(1))
	condition := expression.Or(
		expression.Name("lease").AttributeNotExists(),
		expression.Name("lease.until").LessThan(expression.Value(now.UnixMilli())),
		expression.Name("lease.holder").Equal(expression.Value(holder)),
	)
	after, ok, err := t.update(ctx, id, change, condition)
	if err != nil {
		return Exposure{}, false, fmt.Errorf("lease exposure %s: %w", id, err)
	}
	if !ok {
		return Exposure{}, false, nil
	}
	leased, err = decode(after)
	return leased, err == nil, err
}

// Release ends holder's lease early. A lease that someone else has by now stays.
func (t *Table) Release(ctx context.Context, id, holder string) error {
	_, _, err := t.update(ctx, id, expression.Remove(expression.Name("lease")),
		expression.Name("lease.holder").Equal(expression.Value(holder)))
	if err != nil {
		return fmt.Errorf("release exposure %s: %w", id, err)
	}
	return nil
}

// SaveSync keeps the sync's memory, unless a later lease was given since the one of fence.
func (t *Table) SaveSync(ctx context.Context, id string, fence int64, state json.RawMessage) error {
	_, ok, err := t.update(ctx, id, expression.Set(expression.Name("sync"), expression.Value(state)),
		expression.Name("fence").Equal(expression.Value(fence)))
	if err != nil {
		return fmt.Errorf("save sync of exposure %s: %w", id, err)
	}
	if !ok {
		return outcome.NotReady("save sync of exposure %s: lease %d was overtaken: another sync is at it", id, fence)
	}
	return nil
}
