package targets

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/metric"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolve"
)

// Deps are the services that a sync talks to.
type Deps struct {
	ELB      ELB
	RDS      database.TopologyAPI
	EC2      ec2.DescribeNetworkInterfacesAPIClient
	Lambda   resolve.Invoker
	Registry Registry
	name     deployment.Name
	pulses   *pulses
	clock    func() time.Time // time.Now, where it is nil
}

// New is a sync with AWS's own services. What it remembers of exposures lives as long as it does.
func New(config aws.Config, table *registry.Table) Deps {
	return Deps{
		ELB:      elb.NewFromConfig(config),
		RDS:      rds.NewFromConfig(config),
		EC2:      ec2.NewFromConfig(config),
		Lambda:   lambda.NewFromConfig(config, func(o *lambda.Options) { o.Retryer = retry.NewStandard(unlessFull) }),
		Registry: table.Living(),
		name:     deployment.Own(),
		pulses:   newPulses(),
	}
}

// unlessFull asks again as the SDK does, except where an account runs as many functions as it may: whoever waits for room
// takes the room of another. The tick is missed, and the next one comes in a minute.
func unlessFull(o *retry.StandardOptions) {
	full := retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
		if _, full := errors.AsType[*lambdatypes.TooManyRequestsException](err); full {
			return aws.FalseTernary
		}
		return aws.UnknownTernary
	})
	o.Retryables = slices.Insert(slices.Clone(o.Retryables), 0, retry.IsErrorRetryable(full))
}

// ELB is what changes a target group and tells of it.
type ELB interface {
	DescribeTargetHealth(context.Context, *elb.DescribeTargetHealthInput, ...func(*elb.Options)) (*elb.DescribeTargetHealthOutput, error)
	RegisterTargets(context.Context, *elb.RegisterTargetsInput, ...func(*elb.Options)) (*elb.RegisterTargetsOutput, error)
	DeregisterTargets(context.Context, *elb.DeregisterTargetsInput, ...func(*elb.Options)) (*elb.DeregisterTargetsOutput, error)
}

// Registry keeps the lease, the memory, and the signs of life.
type Registry interface {
	Get(ctx context.Context, id string) (registry.Exposure, error)
	Lease(ctx context.Context, id, holder string, d time.Duration) (leased registry.Exposure, ok bool, err error)
	Release(ctx context.Context, id, holder string) error
	SaveSync(ctx context.Context, id string, fence int64, state json.RawMessage) error
	RecordLife(ctx context.Context, id string, ended time.Time, seen registry.Life) error
}

func (d Deps) now() time.Time {
	if d.clock == nil {
		return time.Now()
	}
	return d.clock()
}

// Sync does one tick. A steady one describes the targets, invokes the resolver,
// and does nothing else; what is not steady is studied, and a change is made
// under the lease, after studying again. Where it is due, as asked says, the
// resolver goes through the load balancer too, and the registry is told.
//
// The report is filled in with an error too, as far as it is known.
func (d Deps) Sync(ctx context.Context, b registry.Binding, asked Asked) (Report, error) {
	begun, before := d.now(), d.pulses.get(b.Exposure)
	full := asked.Full || before.trouble || before.due(b.Exposure, begun)
	report, err := d.tick(ctx, b, full)
	_, broken := errors.AsType[*registryError](err)
	if !broken && asked.Record && !report.State.Good() && d.pulses.get(b.Exposure).read.Before(begun) {
		_, unread := d.recall(ctx, b) // since when it is not good
		broken, err = unread != nil, errors.Join(err, unread)
	}
	d.warn(ctx, b, report)
	d.live(ctx, b, asked, &report, full, !broken)
	return report, err
}

// warn tells of a registered target whose certificate names another server,
// whoever registered it: step 3, step 10 or the sync.
func (d Deps) warn(ctx context.Context, b registry.Binding, report Report) {
	if report.Misnamed != "" {
		slog.WarnContext(ctx, "certificate names another server", "exposure", b.Exposure, "detail", report.Misnamed,
			metric.Misnamed.Value(d.name, 1, d.now()))
	}
}

func (d Deps) tick(ctx context.Context, b registry.Binding, full bool) (Report, error) {
	o, err := d.look(ctx, b, identityDue(b.Exposure, d.now()), full)
	if err == nil && quiet(b, o) {
		return steady(b, o), nil
	}
	m, registryErr := d.recall(ctx, b)
	switch {
	case registryErr != nil:
		return d.protect(ctx, b, errors.Join(err, registryErr))
	case err == nil && (len(m.Misnamed) > 0 || o.misled()): // only its certificate ends the wait early, or says whose it is
		o, err = d.study(ctx, b, full)
	case err == nil:
		o, err = d.deepen(ctx, b, o)
	}
	p, next := judge(b, o, m, err)
	if p.empty() && next.equal(m) {
		return p.report, p.err
	}
	report, err := d.underLease(ctx, b, func(h *hold) (Report, error) { return h.pass(ctx, full) })
	if _, broken := errors.AsType[*registryError](err); broken {
		return d.protect(ctx, b, err)
	}
	return report, err
}

// protect registers, while the registry does not answer, what DNS, RDS and EC2
// confirm. Nothing is taken away: without the lease and without what is
// remembered, nobody knows whether something would be left. Whoever registers
// the same at the same time does no harm.
func (d Deps) protect(ctx context.Context, b registry.Binding, cause error) (Report, error) {
	failing := Report{State: Failing, Detail: cause.Error()}
	until := d.now().Add(leaseTime - leaseMargin)
	ctx, cancel := context.WithTimeout(ctx, leaseTime-leaseMargin)
	defer cancel()
	o, err := d.study(ctx, b, false)
	if err != nil {
		return failing, errors.Join(cause, fmt.Errorf("sync %s: %w", b.Exposure, err))
	}
	p, _ := decide(b, o, memory{})
	failing.Address = p.report.Address
	for _, t := range p.register {
		if d.now().After(until) {
			return failing, cause
		}
		if err := d.register(ctx, b, t); err != nil {
			return failing, errors.Join(cause, fmt.Errorf("sync %s: %w", b.Exposure, err))
		}
		failing.changed = true
	}
	return failing, cause
}

func steady(b registry.Binding, o observation) Report {
	wanted, _ := o.wanted(b) // quiet has seen that there is no error
	report := Report{State: Settled, Address: addressesOf(wanted), Registered: true}
	report.walk(b, o)
	return report
}

func judge(b registry.Binding, o observation, m memory, err error) (plan, memory) {
	if err != nil {
		return failed(b, m, err)
	}
	return decide(b, o, m)
}

func (d Deps) recall(ctx context.Context, b registry.Binding) (memory, error) {
	exposure, err := d.Registry.Get(ctx, b.Exposure)
	if err != nil {
		return memory{}, &registryError{err}
	}
	d.pulses.change(b.Exposure, func(p *pulse) { p.life, p.read = exposure.Life, d.now() })
	return parseMemory(exposure.Sync)
}

// registryError is the error of a registry that does not answer, or not as it should.
type registryError struct{ error }

func (e *registryError) Unwrap() error { return e.error }

const (
	leaseTime = time.Minute
	// leaseMargin is how long before the lease's end the last call must have
	// ended: ELB has no compare-and-swap, so a call that arrives late is one
	// that the next holder knows nothing of.
	leaseMargin = 20 * time.Second
)

// hold is a lease on an exposure's targets.
type hold struct {
	Deps
	binding registry.Binding
	holder  string
	fence   int64
	until   time.Time
	memory  memory
}

var errLeaseLost = outcome.NotReady("the lease was lost: another sync is at it")

// underLease runs work, unless someone else does it already. The holder is new
// each time: a retried invocation may overlap the one that it replaces.
func (d Deps) underLease(ctx context.Context, b registry.Binding, work func(*hold) (Report, error)) (Report, error) {
	h := &hold{Deps: d, binding: b, holder: rand.Text()}
	asked := h.now()
	leased, ok, err := h.Registry.Lease(ctx, b.Exposure, h.holder, leaseTime)
	switch {
	case err != nil:
		return Report{State: Failing}, &registryError{err}
	case !ok:
		return Report{State: Busy, Detail: "someone else holds the lease"}, nil
	}
	defer h.release(ctx)
	h.fence, h.until = leased.Fence, asked.Add(leaseTime)
	if h.memory, err = parseMemory(leased.Sync); err != nil {
		return Report{State: Failing}, err
	}
	return work(h)
}

// release outlives a cancelled context: a lease that stays blocks everybody for
// a minute.
func (h *hold) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := h.Registry.Release(ctx, h.binding.Exposure, h.holder); err != nil {
		slog.WarnContext(ctx, "lease not released", "exposure", h.binding.Exposure, "error", err.Error())
	}
}

// left is how long calls may still be made.
func (h *hold) left() time.Duration { return h.until.Sub(h.now()) - leaseMargin }

// pass studies, decides and acts once.
func (h *hold) pass(ctx context.Context, full bool) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, h.left())
	defer cancel()
	o, err := h.study(ctx, h.binding, full)
	p, next := judge(h.binding, o, h.memory, err)
	p.report.changed = !p.empty()
	if err := h.act(ctx, p, next); err != nil {
		p.report.State, p.report.Registered = Failing, false
		return p.report, errors.Join(p.err, fmt.Errorf("sync %s: %w", h.binding.Exposure, err))
	}
	return p.report, p.err
}

// act remembers, registers, deregisters, in this order, and stops at the first
// error. What is remembered first is what makes the rest safe for whoever comes
// next, should this process die in the middle.
func (h *hold) act(ctx context.Context, p plan, next memory) error {
	if err := h.remember(ctx, next); err != nil {
		return err
	}
	for _, t := range p.register {
		if err := h.register(ctx, t); err != nil {
			return err
		}
	}
	for _, r := range p.deregister {
		if err := h.deregister(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (h *hold) remember(ctx context.Context, next memory) error {
	if next.equal(h.memory) {
		return nil
	}
	state, err := next.encode()
	if err != nil {
		return err
	}
	err = h.Registry.SaveSync(ctx, h.binding.Exposure, h.fence, state)
	if outcome.Name(err) == outcome.NameNotReady {
		return err // somebody else is at it by now
	}
	if err != nil {
		return &registryError{err}
	}
	h.memory = next
	return nil
}

func (h *hold) register(ctx context.Context, t target) error {
	if h.left() <= 0 {
		return errLeaseLost
	}
	return h.Deps.register(ctx, h.binding, t)
}

func (d Deps) register(ctx context.Context, b registry.Binding, t target) error {
	slog.InfoContext(ctx, "register target", "exposure", b.Exposure, "target", t.String())
	_, err := d.ELB.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: &b.TargetGroupARN, Targets: t.descriptions()})
	if err != nil {
		return fmt.Errorf("register target %s: %w", t, err)
	}
	return nil
}

func (h *hold) deregister(ctx context.Context, r removal) error {
	if h.left() <= 0 {
		return errLeaseLost
	}
	slog.InfoContext(ctx, "deregister target", "exposure", h.binding.Exposure, "target", r.String(), "reason", r.reason)
	_, err := h.ELB.DeregisterTargets(ctx, &elb.DeregisterTargetsInput{TargetGroupArn: &h.binding.TargetGroupARN, Targets: r.descriptions()})
	if err != nil {
		return fmt.Errorf("deregister target %s: %w", r, err)
	}
	return nil
}

func (t target) descriptions() []elbtypes.TargetDescription {
	return []elbtypes.TargetDescription{{Id: &t.Address, Port: aws.Int32(int32(t.Port))}}
}
