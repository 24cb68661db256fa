package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

// ClaimRemoval makes the execution the one that may work on the exposure, as Claim does, and leaves all else as it is. It
// remembers whom it took the exposure from: what that one made last may show only later. An exposure that is not in the
// registry any more gets an item for as long as its removal takes: of two removals at once, one has it.
func (t *Table) ClaimRemoval(
	ctx context.Context, seed Exposure, execution string, running func(ctx context.Context, executionARN string) (bool, error),
) (Exposure, error) {
	current, err := t.Get(ctx, seed.ID)
	switch {
	case errors.Is(err, ErrNotFound):
		return t.found(ctx, seed, execution, running)
	case err != nil || current.Claim == execution:
		return current, err
	}
	if err := free(ctx, current, execution, running); err != nil {
		return Exposure{}, err
	}
	change := expression.Set(expression.Name("claim"), expression.Value(execution)).
		Remove(expression.Name("token")).Remove(expression.Name("awaiting")).Remove(expression.Name("removal"))
	if current.Claim != "" {
		change = change.Set(expression.Name("superseded"), expression.Value(current.Claim))
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

// Remove marks the exposure as one that is taken away: nobody watches it or needs a resolver for it from here on.
func (t *Table) Remove(ctx context.Context, id, execution string) error {
	change := expression.Set(expression.Name("removing"), expression.Value(execution)).
		Remove(expression.Name("removal")).Remove(expression.Name("token")).Remove(expression.Name("awaiting"))
	_, ok, err := t.update(ctx, id, change, claimedBy(execution))
	if err != nil {
		return fmt.Errorf("mark exposure %s as removed: %w", id, err)
	}
	if !ok {
		return claimLost(id, execution, "another execution")
	}
	return nil
}

// StoreRemoval keeps the token of a removal that waits for people. Only the claim's holder may, and never an attempt that a
// later one has overtaken.
func (t *Table) StoreRemoval(ctx context.Context, id, execution string, token Token) error {
	token.Execution = execution
	_, ok, err := t.update(ctx, id, expression.Set(expression.Name("removal"), expression.Value(token)),
		claimedBy(execution).And(notNewerThan("removal", token)))
	if err != nil {
		return fmt.Errorf("store removal's token of exposure %s: %w", id, err)
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
	return outcome.Conflict("store removal's token of exposure %s: a later attempt of execution %s waits already: leave it to that",
		id, execution)
}

// ClearRemoval forgets the token value once it is used. A newer one stays.
func (t *Table) ClearRemoval(ctx context.Context, id, value string) error {
	_, _, err := t.update(ctx, id, expression.Remove(expression.Name("removal")),
		expression.Name("removal.value").Equal(expression.Value(value)))
	if err != nil {
		return fmt.Errorf("clear removal's token of exposure %s: %w", id, err)
	}
	return nil
}

// Forget deletes all that the registry knows of the exposure, as long as the execution holds the claim. One that is gone was
// forgotten before. Its life goes first, so that who dies after it still finds the exposure, and once more when the exposure
// is gone: a look that was under way has recorded a first sign of it while the exposure was there.
func (t *Table) Forget(ctx context.Context, id, execution string) error {
	err := t.Held(ctx, id, execution)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if err := t.remove(ctx, lifePrefix+id, nil); err != nil {
		return fmt.Errorf("forget life of exposure %s: %w", id, err)
	}
	held := claimedBy(execution).Or(expression.Name("id").AttributeNotExists())
	err = t.remove(ctx, id, &held)
	if _, lost := errors.AsType[*types.ConditionalCheckFailedException](err); lost {
		return claimLost(id, execution, "another execution")
	}
	if err != nil {
		return fmt.Errorf("forget exposure %s: %w", id, err)
	}
	if err := t.remove(ctx, lifePrefix+id, nil); err != nil {
		return fmt.Errorf("forget life of exposure %s: %w", id, err)
	}
	return nil
}

// remove deletes an item, if condition holds.
func (t *Table) remove(ctx context.Context, id string, condition *expression.ConditionBuilder) error {
	in := &dynamodb.DeleteItemInput{TableName: &t.name, Key: key(id)}
	if condition != nil {
		expr, err := expression.NewBuilder().WithCondition(*condition).Build()
		if err != nil {
			return err
		}
		in.ConditionExpression = expr.Condition()
		in.ExpressionAttributeNames, in.ExpressionAttributeValues = expr.Names(), expr.Values()
	}
	_, err := t.client.DeleteItem(ctx, in)
	return err
}

// retirement is how long who may delete a resolver has for it: an invocation's time, and some of the clocks' difference.
const retirement = 90 * time.Second

// Retire gives the execution the right to delete a VPC's resolver, for as long as Retiring says so to others. ok is false
// while someone else has it.
func (t *Table) Retire(ctx context.Context, vpcID, execution string) (ok bool, err error) {
	now := t.now()
	lease := expression.Name("retiring")
	_, ok, err = t.change(ctx, resolverID(vpcID),
		expression.Set(lease, expression.Value(Lease{Holder: execution, Until: now.Add(retirement).UnixMilli()})),
		expression.Or(lease.AttributeNotExists(), expression.Name("retiring.until").LessThan(expression.Value(now.UnixMilli())),
			expression.Name("retiring.holder").Equal(expression.Value(execution))))
	if err != nil {
		return false, fmt.Errorf("retire resolver of %s: %w", vpcID, err)
	}
	return ok, nil
}

// Keep ends a retirement, after which the resolver is there as before.
func (t *Table) Keep(ctx context.Context, vpcID, execution string) error {
	_, _, err := t.update(ctx, resolverID(vpcID), expression.Remove(expression.Name("retiring")),
		expression.Name("retiring.holder").Equal(expression.Value(execution)))
	if err != nil {
		return fmt.Errorf("keep resolver of %s: %w", vpcID, err)
	}
	return nil
}

// ForgetResolver deletes the record of a resolver that the execution has deleted.
func (t *Table) ForgetResolver(ctx context.Context, vpcID, execution string) error {
	held := expression.Name("retiring.holder").Equal(expression.Value(execution)).Or(expression.Name("id").AttributeNotExists())
	err := t.remove(ctx, resolverID(vpcID), &held)
	if _, lost := errors.AsType[*types.ConditionalCheckFailedException](err); lost {
		return outcome.NotReady("forget resolver of %s: another execution works on it", vpcID)
	}
	if err != nil {
		return fmt.Errorf("forget resolver of %s: %w", vpcID, err)
	}
	return nil
}

// retiring is an error while somebody deletes the resolver whose record it is.
func (t *Table) retiring(vpcID string, found item) error {
	if found["retiring"] == nil {
		return nil
	}
	var lease Lease
	if err := attributevalue.Unmarshal(found["retiring"], &lease); err != nil {
		return fmt.Errorf("decode retirement of the resolver of %s: %w", vpcID, err)
	}
	if lease.Until > t.now().UnixMilli() {
		return outcome.NotReady("the resolver of %s is being removed by execution %s: the next attempt makes another", vpcID, lease.Holder)
	}
	return nil
}
