package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/execution"
	"github.com/rdslink/rdslink/internal/registry"
)

// Input is one of: a notification from SNS, a sweep, or a service to look at at once.
type Input struct {
	Records   json.RawMessage `json:"Records"`
	Sweep     string          `json:"sweep"`
	ServiceID string          `json:"serviceId"`
}

// The sweeps: what an execution waits for every minute, and everything now and then, because a notification can be lost and
// nothing at all signals that a connection became available.
const (
	sweepAwaited = "awaited"
	sweepAll     = "all"
)

type registryAPI interface {
	Get(ctx context.Context, id string) (registry.Exposure, error)
	All(ctx context.Context) ([]registry.Exposure, error)
	On(ctx context.Context, link string) ([]registry.Exposure, error)
	ByService(ctx context.Context, serviceID string) (registry.Exposure, bool, error)
	ClaimNews(ctx context.Context, id, endpoint string, before, after registry.Connection) (bool, error)
	RecordConnections(ctx context.Context, id string, seen map[string]registry.Connection) error
}

type waitingAPI interface {
	Awaiting(ctx context.Context) ([]registry.Exposure, error)
	ClearToken(ctx context.Context, id, value string) error
	RecordReminder(ctx context.Context, id, token string, day int) error
}

type functionAPI interface {
	Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

type observer struct {
	name        deployment.Name
	registry    registryAPI
	waiting     waitingAPI
	connections connection.API
	events      eventAPI
	functions   functionAPI
	executions  execution.API
	topic       topicAPI
	operators   arn.ARN // of their topic
	sync        string
	now         func() time.Time
}

func (o observer) handle(ctx context.Context, in Input) error {
	switch {
	case in.ServiceID != "":
		return o.lookAtOne(ctx, in.ServiceID)
	case in.Sweep == sweepAwaited:
		return o.lookAtAwaited(ctx)
	case in.Sweep == sweepAll:
		return o.lookAtAll(ctx)
	case in.Records != nil:
		// AWS does not document the body of a connection notification. It is logged for whoever wants to know, and taken
		// for no more than "something changed".
		slog.InfoContext(ctx, "connection notification", "records", in.Records)
		return o.lookAtAll(ctx)
	}
	return fmt.Errorf("observe: neither a notification, nor a service, nor a sweep that is known (%q)", in.Sweep)
}

func (o observer) lookAtOne(ctx context.Context, serviceID string) error {
	indexed, known, err := o.registry.ByService(ctx, serviceID)
	if err != nil {
		return err
	}
	if !known {
		// The index is behind the table for a moment; Lambda's queue asks again.
		return fmt.Errorf("observe endpoint service %s: %w", serviceID, registry.ErrNotFound)
	}
	exposure, err := o.registry.Get(ctx, indexed.ID)
	if err != nil {
		return err
	}
	at := o.now()
	found, err := connection.To(ctx, o.connections, serviceID)
	if err != nil {
		return err
	}
	return o.look(ctx, exposure, found, at, true)
}

// lookAtAwaited also has the waiting exposures' targets synced: their schedules do not exist yet, and the database may move
// in the weeks that a person takes.
func (o observer) lookAtAwaited(ctx context.Context) error {
	exposures, err := o.awaited(ctx)
	if len(exposures) == 0 {
		return err
	}
	errs := []error{err, o.lookAt(ctx, exposures, true)}
	var ids []string
	for _, exposure := range exposures {
		errs = append(errs, o.remind(ctx, exposure))
		synced, err := o.synced(ctx, exposure)
		ids, errs = append(ids, synced...), append(errs, err)
	}
	return errors.Join(append(errs, o.startSync(ctx, ids))...)
}

// synced are the exposures whose targets are meant: of a link those that are on it.
func (o observer) synced(ctx context.Context, exposure registry.Exposure) (ids []string, err error) {
	if !exposure.IsLink() {
		return []string{exposure.ID}, nil
	}
	on, err := o.registry.On(ctx, exposure.ID)
	for _, one := range on {
		ids = append(ids, one.ID)
	}
	return ids, err
}

// awaited are the exposures whose wait lasts. Nobody is told when a wait ends without a connection, so the token of one that
// must have ended is forgotten here. One that cannot be forgotten hinders no other.
func (o observer) awaited(ctx context.Context) ([]registry.Exposure, error) {
	exposures, err := o.waiting.Awaiting(ctx)
	if err != nil {
		return nil, err
	}
	var lasting []registry.Exposure
	var errs []error
	for _, exposure := range exposures {
		if exposure.Token == nil {
			continue // the index is behind the table for a moment
		}
		if exposure.Token.Deadline.After(o.now()) {
			lasting = append(lasting, exposure)
			continue
		}
		slog.InfoContext(ctx, "forget overdue token", "exposure", exposure.ID, "deadline", exposure.Token.Deadline)
		if err := o.waiting.ClearToken(ctx, exposure.ID, exposure.Token.Value); err != nil {
			errs = append(errs, err)
		}
	}
	return lasting, errors.Join(errs...)
}

func (o observer) lookAtAll(ctx context.Context) error {
	exposures, err := o.registry.All(ctx)
	if err != nil || len(exposures) == 0 {
		return err
	}
	return o.lookAt(ctx, exposures, false)
}

// lookAt looks at every exposure, even when one of them cannot be told about. What executions wait for is said again by the
// sweep of every minute, and not for every notification: every acceptance brings one, and twenty exposures that repeat each
// other's events with each of them drown in events.
func (o observer) lookAt(ctx context.Context, exposures []registry.Exposure, again bool) error {
	at := o.now()
	all, err := connection.All(ctx, o.connections)
	if err != nil {
		return err
	}
	byService := map[string][]connection.Connection{}
	for _, c := range all {
		byService[c.ServiceID] = append(byService[c.ServiceID], c)
	}
	var errs []error
	for _, exposure := range exposures {
		if exposure.ServiceID != "" {
			errs = append(errs, o.look(ctx, exposure, byService[exposure.ServiceID], at, again))
		}
	}
	return errors.Join(errs...)
}

// look holds what was found at a time against what is recorded. It announces before it records: what is recorded and never
// said is lost. Requests come in bursts, each with a notification: what another observer is about to say is left to it.
func (o observer) look(ctx context.Context, exposure registry.Exposure, found []connection.Connection, at time.Time, again bool) error {
	if tell, seen := compareFor(exposure, found, at, again); len(tell) == 0 && len(seen) == 0 {
		return nil
	}
	exposure, err := o.registry.Get(ctx, exposure.ID)
	if errors.Is(err, registry.ErrNotFound) {
		return nil
	}
	if err != nil || exposure.Removing != "" { // its removal ends connections, and says so itself
		return err
	}
	tell, seen := compareFor(exposure, found, at, again)
	if tell, err = o.claim(ctx, exposure, tell, seen); err != nil {
		return err
	}
	if err := o.announce(ctx, exposure, tell); err != nil {
		return err
	}
	if err := o.tellOperators(ctx, exposure, tell); err != nil {
		return err
	}
	return o.registry.RecordConnections(ctx, exposure.ID, seen)
}

// claim leaves of the news, and of what is seen, what nobody else is about to tell.
func (o observer) claim(ctx context.Context, exposure registry.Exposure, tell []news, seen map[string]registry.Connection) ([]news, error) {
	var ours []news
	for _, n := range tell {
		if !n.repeated {
			claimed := seen[n.VPCEndpointID]
			claimed.Telling = o.now().Add(patience).UnixMilli()
			won, err := o.registry.ClaimNews(ctx, exposure.ID, n.VPCEndpointID, n.before, claimed)
			if err != nil {
				return nil, err
			}
			if !won {
				delete(seen, n.VPCEndpointID)
				continue
			}
		}
		ours = append(ours, n)
	}
	return ours, nil
}

func compareFor(
	exposure registry.Exposure, found []connection.Connection, at time.Time, again bool,
) (tell []news, seen map[string]registry.Connection) {
	tell, seen = compare(exposure, found, at)
	if !again {
		tell = slices.DeleteFunc(tell, func(n news) bool { return n.repeated })
	}
	return tell, seen
}

// startSync has the sync look at all of them in one invocation, which bounds how many it looks at at once: an invocation for
// each would take all that a small account may run, and leave nothing to the resolvers that they need.
func (o observer) startSync(ctx context.Context, exposures []string) error {
	if len(exposures) == 0 {
		return nil
	}
	payload, err := json.Marshal(map[string][]string{"exposures": exposures})
	if err != nil {
		return fmt.Errorf("encode exposures: %w", err)
	}
	_, err = o.functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: &o.sync, InvocationType: types.InvocationTypeEvent, Payload: payload})
	if err != nil {
		return fmt.Errorf("invoke %s for %d exposures: %w", o.sync, len(exposures), err)
	}
	return nil
}
