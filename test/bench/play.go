package main

import (
	"context"
	"strings"
	"time"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/operator"
	"github.com/rdslink/rdslink/test/stage"
)

const input = `{"database": "orders-prod", "vendor": "pushmetrics"}`

// again is how often the same input is executed a second time, for what a warm function takes.
const again = 3

// setUp plays one whole set-up for a new database, steps 1 to 10 with the vendor and an approver.
func (b *bench) setUp(ctx context.Context) (err error) {
	vpc, err := b.cloud.NewVPC(ctx, stage.Customer)
	if err != nil {
		return err
	}
	if b.database, err = b.cloud.NewDatabase(ctx, vpc, "orders-prod", true); err != nil {
		return err
	}
	mail, err := b.cloud.NewMailbox(ctx, "bench-hand-off", "HandOffTopicArn")
	if err != nil {
		return err
	}
	news, err := b.cloud.NewMailbox(ctx, "bench-operators", "OperatorsTopicArn")
	if err != nil {
		return err
	}
	b.first.calls, err = b.callsDuring(ctx, func() error {
		return b.first.execute(ctx, b.operator, func() error { return b.connect(ctx, mail, news) })
	})
	return err
}

// connect is what people do while step 9 waits: the vendor makes an endpoint, an approver accepts it.
func (b *bench) connect(ctx context.Context, mail, news *stage.Mailbox) error {
	message, err := mail.Next(ctx, "Service name")
	if err != nil {
		return err
	}
	handoff, err := stage.ReadHandoff(message)
	if err != nil {
		return err
	}
	vpc, err := b.cloud.NewVPC(ctx, stage.PushMetrics)
	if err != nil {
		return err
	}
	endpoint, err := b.cloud.NewEndpoint(ctx, vpc, handoff)
	if err != nil {
		return err
	}
	if message, err = news.Next(ctx, "asks to connect to", endpoint.ID); err != nil {
		return err
	}
	if b.exposure, err = stage.ReadRequest(message); err != nil {
		return err
	}
	return b.operator.Decide(ctx, bus.Decision{Exposure: b.exposure, VPCEndpointID: endpoint.ID, Decision: bus.Accept, By: "bench"})
}

// repeat executes the same input again: everything exists, the functions are warm.
func (b *bench) repeat(ctx context.Context) error {
	for range again {
		var e execution
		calls, err := b.callsDuring(ctx, func() error {
			return e.execute(ctx, b.operator, func() error { return nil })
		})
		if err != nil {
			return err
		}
		e.calls = calls
		b.later = append(b.later, e)
	}
	return nil
}

// execution is an execution that succeeded, and all calls while it ran.
type execution struct {
	name  string
	calls calls
}

// execute starts an execution and follows it to its end; people act once it waits for them.
func (e *execution) execute(ctx context.Context, o *operator.Operator, act func() error) error {
	arn, err := o.Start(ctx, input)
	if err != nil {
		return err
	}
	e.name = arn[strings.LastIndex(arn, ":")+1:]
	p, err := o.Follow(ctx, arn, 100*time.Millisecond, func(p operator.Progress) bool { return p.Waiting() != nil })
	if err != nil {
		return err
	}
	if !p.Done() {
		if err := act(); err != nil {
			return err
		}
		if p, err = o.Follow(ctx, arn, 100*time.Millisecond, func(operator.Progress) bool { return false }); err != nil {
			return err
		}
	}
	return p.Err()
}
