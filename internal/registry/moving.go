package registry

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

// Following is the id of the lease that whoever follows the databases that move has: one for the whole stack. The same item
// has the marks of what moves, so that no mark falls between a follower that ends and the next.
const Following = "following"

// Mark says that an exposure's database may move, and since when.
type Mark struct {
	Exposure string
	Since    time.Time // to the millisecond
}

func (m Mark) String() string { return strconv.FormatInt(m.Since.UnixMilli(), 10) + " " + m.Exposure }

func parseMark(text string) (Mark, error) {
	since, exposure, _ := strings.Cut(text, " ")
	millis, err := strconv.ParseInt(since, 10, 64)
	if err != nil || exposure == "" {
		return Mark{}, fmt.Errorf("decode mark %q: %w", text, outcome.BadInput("not a time and an exposure"))
	}
	return Mark{exposure, time.UnixMilli(millis)}, nil
}

// AddMarks marks what moves. What is marked already gets another mark.
func (t *Table) AddMarks(ctx context.Context, marks []Mark) error {
	expr, err := expression.NewBuilder().WithUpdate(expression.Add(expression.Name("moving"), expression.Value(stringSet(marks)))).Build()
	if err == nil {
		_, err = t.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName:                 &t.name,
			Key:                       key(Following),
			UpdateExpression:          expr.Update(),
			ExpressionAttributeNames:  expr.Names(),
			ExpressionAttributeValues: expr.Values(),
		})
	}
	if err != nil {
		return fmt.Errorf("mark %d exposures as moving: %w", len(marks), err)
	}
	return nil
}

// Marks are all marks.
func (t *Table) Marks(ctx context.Context) ([]Mark, error) {
	found, err := t.item(ctx, Following)
	if err != nil {
		return nil, fmt.Errorf("get marks: %w", err)
	}
	var kept struct {
		Moving []string `dynamodbav:"moving"`
	}
	if err := attributevalue.UnmarshalMap(found, &kept); err != nil {
		return nil, fmt.Errorf("decode marks: %w", err)
	}
	marks := make([]Mark, len(kept.Moving))
	for i, text := range kept.Moving {
		if marks[i], err = parseMark(text); err != nil {
			return nil, err
		}
	}
	return marks, nil
}

// RemoveMarks takes marks away. One that was made since they were read stays.
func (t *Table) RemoveMarks(ctx context.Context, marks []Mark) error {
	_, _, err := t.update(ctx, Following, expression.Delete(expression.Name("moving"), expression.Value(stringSet(marks))),
		expression.Name("moving").AttributeExists())
	if err != nil {
		return fmt.Errorf("unmark %d exposures: %w", len(marks), err)
	}
	return nil
}

// ReleaseUnmarked ends holder's lease of Following, unless something is marked. ok is false if it is, or if the lease is
// someone else's.
func (t *Table) ReleaseUnmarked(ctx context.Context, holder string) (ok bool, err error) {
	_, ok, err = t.update(ctx, Following, expression.Remove(expression.Name("lease")),
		expression.Name("lease.holder").Equal(expression.Value(holder)).And(expression.Name("moving").AttributeNotExists()))
	if err != nil {
		return false, fmt.Errorf("release %s: %w", Following, err)
	}
	return ok, nil
}

// stringSet is refused by DynamoDB with a member twice, and with none.
func stringSet(marks []Mark) types.AttributeValue {
	set := &types.AttributeValueMemberSS{}
	for _, m := range marks {
		set.Value = append(set.Value, m.String())
	}
	slices.Sort(set.Value)
	set.Value = slices.Compact(set.Value)
	return set
}
