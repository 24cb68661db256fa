package registry

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"

	"github.com/rdslink/rdslink/internal/outcome"
)

// StoreToken keeps the token that completes the waiting step. Only the claim's holder may, and never an attempt that a later
// one has overtaken: a slow first attempt would bury the token that the state machine now waits for.
func (t *Table) StoreToken(ctx context.Context, id, execution string, token Token) error {
	token.Execution = execution
	change := expression.
		Set(expression.Name("token"), expression.Value(token)).
		Set(expression.Name("awaiting"), expression.Value(awaitingYes))
	_, ok, err := t.update(ctx, id, change, claimedBy(execution).And(notNewerThan("token", token)))
	if err != nil {
		return fmt.Errorf("store token of exposure %s: %w", id, err)
	}
	if ok {
		return nil
	}
	current, err := t.Get(ctx, id)
	if err != nil {
		return err
	}
	if current.Claim != execution {
		return claimLost(id, execution, current.Claim)
	}
	return outcome.Conflict("store token of exposure %s: a later attempt of execution %s waits already: leave it to that one", id, execution)
}

func notNewerThan(attribute string, token Token) expression.ConditionBuilder {
	redrives, retries := expression.Name(attribute+".redriveCount"), expression.Name(attribute+".retryCount")
	return expression.Or(
		expression.Name(attribute).AttributeNotExists(),
		expression.Name(attribute+".execution").NotEqual(expression.Value(token.Execution)),
		redrives.LessThan(expression.Value(token.RedriveCount)),
		redrives.Equal(expression.Value(token.RedriveCount)).And(retries.LessThanEqual(expression.Value(token.RetryCount))),
	)
}

// ClearToken forgets the token value once it is used. A newer one stays.
func (t *Table) ClearToken(ctx context.Context, id, value string) error {
	change := expression.Remove(expression.Name("token")).Remove(expression.Name("awaiting"))
	_, _, err := t.update(ctx, id, change, expression.Name("token.value").Equal(expression.Value(value)))
	if err != nil {
		return fmt.Errorf("clear token of exposure %s: %w", id, err)
	}
	return nil
}

// RecordReminder keeps the day of the wait that people were reminded of. A newer token begins a wait of its own.
func (t *Table) RecordReminder(ctx context.Context, id, token string, day int) error {
	change := expression.Set(expression.Name("token.reminded"), expression.Value(day))
	_, _, err := t.update(ctx, id, change, expression.Name("token.value").Equal(expression.Value(token)))
	if err != nil {
		return fmt.Errorf("record reminder about exposure %s: %w", id, err)
	}
	return nil
}

// RecordConnections keeps what was seen of the given endpoints; others stay as they are.
func (t *Table) RecordConnections(ctx context.Context, id string, seen map[string]Connection) error {
	if len(seen) == 0 {
		return nil
	}
	var change expression.UpdateBuilder
	for _, endpoint := range slices.Sorted(maps.Keys(seen)) {
		change = change.Set(expression.Name("connections."+endpoint), expression.Value(seen[endpoint]))
	}
	_, ok, err := t.update(ctx, id, change, expression.Name("connections").AttributeExists())
	if err != nil {
		return fmt.Errorf("record connections of exposure %s: %w", id, err)
	}
	if !ok {
		return fmt.Errorf("record connections of exposure %s: %w", id, ErrNotFound)
	}
	return nil
}

// ClaimNews makes the caller the one that tells of a connection, until the time that after says in Telling, and reports
// whether nobody was faster: requests come in bursts, and many look at once.
func (t *Table) ClaimNews(ctx context.Context, id, endpoint string, before, after Connection) (bool, error) {
	of := "connections." + endpoint
	unchanged := expression.Name(of).AttributeNotExists()
	if !before.Seen.IsZero() {
		unchanged = expression.Name(of + ".state").Equal(expression.Value(before.State)).
			And(expression.Name(of + ".seen").Equal(expression.Value(before.Seen)))
		if before.Telling != 0 {
			unchanged = unchanged.And(expression.Name(of + ".telling").Equal(expression.Value(before.Telling)))
		} else {
			unchanged = unchanged.And(expression.Name(of + ".telling").AttributeNotExists())
		}
	}
	_, ok, err := t.update(ctx, id, expression.Set(expression.Name(of), expression.Value(after)), unchanged)
	if err != nil {
		return false, fmt.Errorf("claim news of endpoint %s of exposure %s: %w", endpoint, id, err)
	}
	return ok, nil
}

// Settled is how long a decision may take to show in the connection's state: nobody follows one for longer.
const Settled = time.Minute

// Self is who decides where no person does.
const Self = "rdslink"

// AddDecision appends to the exposure's decisions what somebody said at the time said. One that is there already, because
// its event is delivered twice or several events lead us to it, is not added again. A decision to the contrary that was made
// just before, or after it was said, comes first: it is returned, and nothing is added. One that failed is none.
func (t *Table) AddDecision(ctx context.Context, id string, decision Decision, said time.Time) (contrary *Decision, err error) {
	for {
		current, err := t.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		if contrary := decision.contrary(current.Decisions, said); contrary != nil {
			return contrary, nil
		}
		at := slices.IndexFunc(current.Decisions, decision.sameAs)
		switch {
		case at >= 0 && !current.Decisions[at].Failed:
			return nil, nil
		case at >= 0:
			return nil, t.setFailed(ctx, id, current.Decisions, at, false)
		}
		if ok, err := t.appendDecision(ctx, id, decision, len(current.Decisions)); ok || err != nil {
			return nil, err
		}
	}
}

// FailDecision marks a decision that could not be carried out, so that it stands in nobody's way.
func (t *Table) FailDecision(ctx context.Context, id string, decision Decision) error {
	current, err := t.Get(ctx, id)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(current.Decisions, decision.sameAs)
	if at < 0 {
		return nil
	}
	return t.setFailed(ctx, id, current.Decisions, at, true)
}

// setFailed marks one of the known decisions, or takes its mark away. They are only ever appended to: each keeps its place.
func (t *Table) setFailed(ctx context.Context, id string, known []Decision, at int, failed bool) error {
	decision := fmt.Sprintf("decisions[%d]", at)
	change := expression.Set(expression.Name(decision+".failed"), expression.Value(failed))
	_, _, err := t.update(ctx, id, change, expression.Name(decision+".endpointId").Equal(expression.Value(known[at].EndpointID)))
	if err != nil {
		return fmt.Errorf("mark decision about endpoint %s of exposure %s: %w", known[at].EndpointID, id, err)
	}
	return nil
}

// appendDecision makes a decision the next one after those that are known, and reports whether they still are all.
func (t *Table) appendDecision(ctx context.Context, id string, decision Decision, known int) (bool, error) {
	decisions := expression.Name("decisions")
	change := expression.Set(decisions, expression.ListAppend(
		expression.IfNotExists(decisions, expression.Value([]Decision{})), expression.Value([]Decision{decision})))
	unchanged := decisions.AttributeNotExists()
	if known > 0 {
		unchanged = decisions.Size().Equal(expression.Value(known))
	}
	_, ok, err := t.update(ctx, id, change, unchanged)
	if err != nil {
		return false, fmt.Errorf("add decision to exposure %s: %w", id, err)
	}
	return ok, nil
}

// contrary is the one of the past decisions that the decision gives way to.
func (d Decision) contrary(past []Decision, said time.Time) *Decision {
	for _, p := range past {
		if p.EndpointID == d.EndpointID && p.Action != d.Action && !p.Failed && said.Sub(p.Time) < Settled {
			return &p
		}
	}
	return nil
}

func (d Decision) sameAs(other Decision) bool {
	sameEvent := d.EventID != "" && d.EventID == other.EventID
	ours := d.By == Self && other.By == Self
	return (sameEvent || ours) && d.EndpointID == other.EndpointID && d.Action == other.Action
}
