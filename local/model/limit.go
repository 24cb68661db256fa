package model

import (
	"context"
	"time"

	"github.com/rdslink/rdslink/local/wire"
)

// Limit is how fast an account may call some operations: so many at once, and then so many a second. It is a token bucket,
// as AWS describes its own (docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html).
type Limit struct{ Burst, Rate float64 }

// bucket is what an account has left of a limit.
type bucket struct {
	tokens float64
	at     time.Time
}

// Limited makes the operations of ops share a limit. Rates, too, are as much faster as the world is. The operations must run
// under the world's lock.
func (w *World) Limited(ops wire.Operations, l Limit) wire.Operations {
	buckets := map[string]*bucket{} // by account
	limited := make(wire.Operations, len(ops))
	for name, op := range ops {
		limited[name] = func(ctx context.Context, decode func(any) error) (any, error) {
			account := wire.CallerOf(ctx).Account
			if buckets[account] == nil {
				buckets[account] = &bucket{l.Burst, time.Now()}
			}
			if !w.take(buckets[account], l) {
				return nil, wire.Errorf("Throttling", "Rate exceeded")
			}
			return op(ctx, decode)
		}
	}
	return limited
}

// take refills the bucket for the time that has passed and takes a token if there is one.
func (w *World) take(b *bucket, l Limit) bool {
	now := time.Now()
	passed := float64(now.Sub(b.at)) / float64(w.Scale(time.Second))
	b.tokens, b.at = min(l.Burst, b.tokens+l.Rate*passed), now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
