package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

// Claim makes the execution the one that may work on the exposure, and records what its input says. A holder whose execution
// no longer runs holds nothing; running asks that of Step Functions.
func (t *Table) Claim(
	ctx context.Context, seed Exposure, execution string, running func(ctx context.Context, executionARN string) (bool, error),
) (Exposure, error) {
	current, err := t.Get(ctx, seed.ID)
	if errors.Is(err, ErrNotFound) {
		return t.foundAlive(ctx, seed, execution, running)
	}
	if err != nil {
		return Exposure{}, err
	}
	if err := free(ctx, current, execution, running); err != nil {
		return Exposure{}, err
	}
	return t.take(ctx, current, seed, execution, running)
}

// free reports, as an error, a holder other than the execution that still runs.
func free(ctx context.Context, current Exposure, execution string, running func(context.Context, string) (bool, error)) error {
	if current.Claim == "" || current.Claim == execution {
		return nil
	}
	runs, err := running(ctx, current.Claim)
	if err != nil {
		return fmt.Errorf("ask whether execution %s runs: %w", current.Claim, err)
	}
	if runs {
		return heldBy(current.ID, current.Claim)
	}
	return nil
}

// foundAlive makes the exposure's item, and takes it back if its execution was stopped before it was there: whoever removes
// the exposure after the stop finds none, and none may come then. Should Step Functions only be late to know the execution,
// it tries again.
func (t *Table) foundAlive(
	ctx context.Context, seed Exposure, execution string, running func(context.Context, string) (bool, error),
) (Exposure, error) {
	made, err := t.found(ctx, seed, execution, running)
	if err != nil {
		return Exposure{}, err
	}
	runs, err := running(ctx, execution)
	if err != nil {
		return Exposure{}, fmt.Errorf("ask whether execution %s runs: %w", execution, err)
	}
	if runs {
		return made, nil
	}
	mine := claimedBy(execution)
	err = t.remove(ctx, seed.ID, &mine)
	if _, lost := errors.AsType[*types.ConditionalCheckFailedException](err); lost {
		return Exposure{}, claimLost(seed.ID, execution, "another execution")
	}
	if err != nil {
		return Exposure{}, fmt.Errorf("take back the claim of exposure %s: %w", seed.ID, err)
	}
	return Exposure{}, outcome.NotReady("claim exposure %s: execution %s does not run", seed.ID, execution)
}

// found makes the exposure's item.
func (t *Table) found(
	ctx context.Context, seed Exposure, execution string, running func(context.Context, string) (bool, error),
) (Exposure, error) {
	seed.Claim, seed.Generation, seed.Connections = execution, 1, map[string]Connection{}
	seed.Requested = t.requested(seed, t.now())
	values, err := attributes(seed)
	if err != nil {
		return Exposure{}, fmt.Errorf("encode exposure %s: %w", seed.ID, err)
	}
	expr, err := expression.NewBuilder().WithCondition(expression.Name("id").AttributeNotExists()).Build()
	if err != nil {
		return Exposure{}, fmt.Errorf("claim exposure %s: %w", seed.ID, err)
	}
	_, err = t.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:                &t.name,
		Item:                     values,
		ConditionExpression:      expr.Condition(),
		ExpressionAttributeNames: expr.Names(),
	})
	if _, lost := errors.AsType[*types.ConditionalCheckFailedException](err); lost {
		return t.lost(ctx, seed.ID, execution, running)
	}
	if err != nil {
		return Exposure{}, fmt.Errorf("claim exposure %s: %w", seed.ID, err)
	}
	return seed, nil
}

// take moves the claim from current's holder to the execution, unless someone was faster. The token of an execution that no
// longer runs goes with its claim: nobody waits for it.
func (t *Table) take(
	ctx context.Context, current, seed Exposure, execution string, running func(context.Context, string) (bool, error),
) (Exposure, error) {
	taken := current
	taken.DatabaseARN, taken.DatabaseIdentifier, taken.VPCID = seed.DatabaseARN, seed.DatabaseIdentifier, seed.VPCID
	taken.Consumer, taken.Vendor, taken.Accounts, taken.Acceptance = seed.Consumer, seed.Vendor, seed.Accounts, seed.Acceptance
	taken.Link = seed.Link
	taken.Claim, taken.Removing, taken.Superseded = execution, "", ""
	if current.Claim != execution {
		taken.Requested = t.requested(seed, firstAsked(current))
	}
	change, changed, err := difference(current, taken)
	if err != nil {
		return Exposure{}, fmt.Errorf("claim exposure %s: %w", seed.ID, err)
	}
	if !changed {
		return current, nil
	}
	if current.Claim != execution {
		change = change.Remove(expression.Name("token")).Remove(expression.Name("awaiting")).Remove(expression.Name("removal"))
	}
	after, ok, err := t.update(ctx, seed.ID, change, claimedBy(current.Claim))
	if err != nil {
		return Exposure{}, fmt.Errorf("claim exposure %s: %w", seed.ID, err)
	}
	if !ok {
		return t.lost(ctx, seed.ID, execution, running)
	}
	return decode(after)
}

// requested is the request of seed, taken up now.
func (t *Table) requested(seed Exposure, first time.Time) *Request {
	r := Request{At: t.now(), First: first}
	if seed.Requested != nil {
		r.By = seed.Requested.By
	}
	return &r
}

// firstAsked is when the exposure was first asked for, as far as that is recorded.
func firstAsked(e Exposure) time.Time {
	if e.Requested == nil {
		return time.Time{}
	}
	return e.Requested.First
}

// lost reads who won a race for the claim. The winner may be this execution: a write whose answer was lost is sent again.
// One that was stopped may have won it by a step that was under way: then nobody works on the exposure.
func (t *Table) lost(
	ctx context.Context, id, execution string, running func(context.Context, string) (bool, error),
) (Exposure, error) {
	winner, err := t.Get(ctx, id)
	if err != nil || winner.Claim == execution {
		return winner, err
	}
	if err := free(ctx, winner, execution, running); err != nil {
		return Exposure{}, err
	}
	return Exposure{}, outcome.NotReady("claim exposure %s: execution %q, which does not run any more, was faster", id, winner.Claim)
}

func heldBy(id, execution string) error {
	return outcome.Conflict("claim exposure %s: execution %s works on it; wait until it ends, or stop it, then start again", id, execution)
}

func claimedBy(execution string) expression.ConditionBuilder {
	if execution == "" {
		return expression.Name("claim").AttributeNotExists()
	}
	return expression.Name("claim").Equal(expression.Value(execution))
}

// Held reports, as an error, that the execution does not hold the claim. A redriven execution comes back in its middle, when
// another one may long have taken the exposure over: Record alone would notice that only after the step's changes.
func (t *Table) Held(ctx context.Context, id, execution string) error {
	_, err := t.held(ctx, id, execution)
	return err
}

func (t *Table) held(ctx context.Context, id, execution string) (Exposure, error) {
	current, err := t.Get(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return Exposure{}, outcome.Conflict("hold exposure %s: it is %w any more, so somebody has removed it: execution %s has nothing to go on "+
			"with; start again with the same input to have it anew", id, ErrNotFound, execution)
	}
	if err != nil {
		return Exposure{}, err
	}
	if current.Claim != execution {
		return Exposure{}, claimLost(id, execution, current.Claim)
	}
	return current, nil
}

// Record is the one write of a step: it records what the step made as long as the execution still holds the claim, and
// writes nothing when nothing changes.
func (t *Table) Record(ctx context.Context, id, execution string, made func(*Made)) error {
	current, err := t.held(ctx, id, execution)
	if err != nil {
		return err
	}
	after := current
	made(&after.Made)
	change, changed, err := difference(current, after)
	if err != nil {
		return fmt.Errorf("record exposure %s: %w", id, err)
	}
	if !changed {
		return nil
	}
	_, ok, err := t.update(ctx, id, change, claimedBy(execution))
	if err != nil {
		return fmt.Errorf("record exposure %s: %w", id, err)
	}
	if !ok {
		return claimLost(id, execution, "another execution")
	}
	return nil
}

func claimLost(id, execution, holder string) error {
	return outcome.Conflict("hold exposure %s: execution %s lost it to %s and does not get it back: "+
		"wait until that ends, or stop it, then start again with the same input", id, execution, holder)
}

// difference is the update that makes before the same as after, and whether there is any.
func difference(before, after Exposure) (change expression.UpdateBuilder, changed bool, err error) {
	have, err := attributes(before)
	if err != nil {
		return change, false, err
	}
	want, err := attributes(after)
	if err != nil {
		return change, false, err
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if _, stays := want[name]; !stays {
			change, changed = change.Remove(expression.Name(name)), true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !reflect.DeepEqual(have[name], want[name]) {
			change, changed = change.Set(expression.Name(name), expression.Value(want[name])), true
		}
	}
	return change, changed, nil
}

// attributes are an exposure's as they are stored. Of an empty list nothing is, whether it is nil or not.
func attributes(e Exposure) (item, error) {
	values, err := attributevalue.MarshalMap(e)
	maps.DeleteFunc(values, func(_ string, value types.AttributeValue) bool {
		list, isList := value.(*types.AttributeValueMemberL)
		return isList && len(list.Value) == 0
	})
	return values, err
}
