package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

// Claim makes the execution the one that may work on the exposure, and records what its input says. A holder whose execution
// no longer runs holds nothing; running asks that of Step Functions.
func (t *Table) Claim(ctx context.Context, seed Exposure, execution string, running func(ctx context.Context, executionARN string) (bool, error)) (Exposure, error) {
	current, err := t.Get(ctx, seed.ID)
	if errors.Is(err, ErrNotFound) {
		return t.found(ctx, seed, execution)
	}
	if err != nil {
		return Exposure{}, err
	}
	if err := free(ctx, current, execution, running); err != nil {
		return Exposure{}, err
	}
	return t.take(ctx, current, seed, execution)
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

// found makes the exposure's item.
func (t *Table) found(ctx context.Context, seed Exposure, execution string) (Exposure, error) {
	seed.Claim, seed.Generation, seed.Connections = execution, 1, map[string]Connection{}
	values, err := attributevalue.MarshalMap(seed)
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
		return t.lost(ctx, seed.ID, execution)
	}
	if err != nil {
		return Exposure{}, fmt.Errorf("claim exposure %s: %w", seed.ID, err)
	}
	return seed, nil
}

// take moves the claim from current's holder to the execution, unless someone was faster. The token of an execution that no
// longer runs goes with its claim: nobody waits for it.
func (t *Table) take(ctx context.Context, current, seed Exposure, execution string) (Exposure, error) {
	change, changed, err := difference(current, map[string]any{
		"databaseArn":        seed.DatabaseARN,
		"databaseIdentifier": seed.DatabaseIdentifier,
		"consumer":           seed.Consumer,
		"vendor":             seed.Vendor,
		"accounts":           seed.Accounts,
		"acceptance":         seed.Acceptance,
		"vpcId":              seed.VPCID,
		"claim":              execution,
	})
	if err != nil {
		return Exposure{}, fmt.Errorf("claim exposure %s: %w", seed.ID, err)
	}
	if !changed {
		return current, nil
	}
	if current.Claim != execution {
		change = change.Remove(expression.Name("token")).Remove(expression.Name("awaiting"))
	}
	after, ok, err := t.update(ctx, seed.ID, change, claimedBy(current.Claim))
	if err != nil {
		return Exposure{}, fmt.Errorf("claim exposure %s: %w", seed.ID, err)
	}
	if !ok {
		return t.lost(ctx, seed.ID, execution)
	}
	return decode(after)
}

// lost reads who won a race for the claim. The winner may be this execution: a write whose answer was lost is sent again.
func (t *Table) lost(ctx context.Context, id, execution string) (Exposure, error) {
	winner, err := t.Get(ctx, id)
	if err != nil {
		return Exposure{}, err
	}
	if winner.Claim != execution {
		return Exposure{}, heldBy(id, winner.Claim)
	}
	return winner, nil
}

func heldBy(id, execution string) error {
	return outcome.Conflict("claim exposure %s: execution %s works on it; wait until it ends, or stop it", id, execution)
}

func claimedBy(execution string) expression.ConditionBuilder {
	if execution == "" {
		return expression.Name("claim").AttributeNotExists()
	}
	return expression.Name("claim").Equal(expression.Value(execution))
}

// Work is an exposure, and the execution that works on it.
type Work interface {
	Work() (exposure, execution string)
}

// Holding makes a step that changes nothing unless its execution holds the claim. A redriven execution comes back in its middle,
// when another one may long have taken the exposure over: Record alone would notice that only after the step's changes.
func Holding[I Work, O any](t *Table, run func(context.Context, I) (O, error)) func(context.Context, I) (O, error) {
	return func(ctx context.Context, in I) (out O, err error) {
		id, execution := in.Work()
		current, err := t.Get(ctx, id)
		if err != nil {
			return out, err
		}
		if current.Claim != execution {
			return out, claimLost(id, execution, current.Claim)
		}
		return run(ctx, in)
	}
}

// Record is the one write of a step: it sets attributes of the exposure (a zero value removes one) as long as the execution
// still holds the claim, and writes nothing when nothing changes.
func (t *Table) Record(ctx context.Context, id, execution string, set map[string]any) error {
	for name := range set {
		if !recordable[name] {
			return outcome.Failed("record exposure %s: no attribute %q", id, name)
		}
	}
	current, err := t.Get(ctx, id)
	if err != nil {
		return err
	}
	if current.Claim != execution {
		return claimLost(id, execution, current.Claim)
	}
	change, changed, err := difference(current, set)
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
	return outcome.Conflict("record exposure %s: execution %s lost it to %s", id, execution, holder)
}

// recordable are the attributes that steps set; the others have their own methods, with their own conditions.
var recordable = func() map[string]bool {
	names := map[string]bool{}
	for field := range reflect.TypeFor[Exposure]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("dynamodbav"), ",")
		names[name] = true
	}
	for _, own := range []string{"id", "claim", "connections", "decisions", "token", "awaiting", "lease", "fence", "sync"} {
		delete(names, own)
	}
	return names
}()

// difference is the update that makes current's attributes equal to set, and whether there is any. Zero values are removed
// and not stored: the key of an index must not be empty.
func difference(current Exposure, set map[string]any) (change expression.UpdateBuilder, changed bool, err error) {
	have, err := attributevalue.MarshalMap(current)
	if err != nil {
		return change, false, err
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if empty(set[name]) {
			if _, present := have[name]; present {
				change, changed = change.Remove(expression.Name(name)), true
			}
			continue
		}
		want, err := attributevalue.Marshal(set[name])
		if err != nil {
			return change, false, fmt.Errorf("encode %s: %w", name, err)
		}
		if !reflect.DeepEqual(have[name], want) {
			change, changed = change.Set(expression.Name(name), expression.Value(want)), true
		}
	}
	return change, changed, nil
}

func empty(value any) bool {
	v := reflect.ValueOf(value)
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	default:
		return !v.IsValid() || v.IsZero()
	}
}
