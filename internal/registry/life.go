package registry

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Life is how an exposure is, as the sync saw it. A good exposure leaves a sign of it each look period
// (deployment.LookPeriod), best effort; what is not good is recorded whenever it is seen. Times are kept in milliseconds.
type Life struct {
	Looked time.Time // when the last recorded look ended, whoever asked for it
	Ticked time.Time // when a tick of the schedule was last recorded, also one that could not look
	Good   time.Time // the last good look that is known
	Bad    time.Time // since when looks are bad, zero while good
	State  string    // targets.State of the last recorded look
	Detail string    // of a bad look: what is known
	Path   []Passage // by node, of the last full look
	Proven time.Time // when the path was last proven through every node
}

// A Passage is what came of going to the database through a node of the load balancer.
type Passage struct {
	Node   string `dynamodbav:"node" json:"node"`     // its address
	Result string `dynamodbav:"result" json:"result"` // of package resolve: only Served is an answer of the database itself
	Detail string `dynamodbav:"detail,omitempty" json:"detail,omitempty"`
	Code   string `dynamodbav:"code,omitempty" json:"code,omitempty"` // of a server's refusal
}

// stored is a Life as it is kept: an attribute for what is known.
type stored struct {
	Looked int64     `dynamodbav:"looked,omitempty"`
	Ticked int64     `dynamodbav:"ticked,omitempty"`
	Good   int64     `dynamodbav:"good,omitempty"`
	Bad    int64     `dynamodbav:"bad,omitempty"`
	State  string    `dynamodbav:"state,omitempty"`
	Detail string    `dynamodbav:"detail,omitempty"`
	Path   []Passage `dynamodbav:"path,omitempty"`
	Proven int64     `dynamodbav:"proven,omitempty"`
}

// MarshalDynamoDBAttributeValue keeps what is known.
func (l Life) MarshalDynamoDBAttributeValue() (types.AttributeValue, error) {
	return attributevalue.Marshal(stored{
		millis(l.Looked), millis(l.Ticked), millis(l.Good), millis(l.Bad), l.State, l.Detail, l.Path, millis(l.Proven),
	})
}

// UnmarshalDynamoDBAttributeValue is the reverse of MarshalDynamoDBAttributeValue.
func (l *Life) UnmarshalDynamoDBAttributeValue(value types.AttributeValue) error {
	var s stored
	if err := attributevalue.Unmarshal(value, &s); err != nil {
		return fmt.Errorf("decode life: %w", err)
	}
	*l = Life{instant(s.Looked), instant(s.Ticked), instant(s.Good), instant(s.Bad), s.State, s.Detail, s.Path, instant(s.Proven)}
	return nil
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func instant(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis)
}

// lifePrefix is what the ids of lives begin with. A life is an item of its own: what an exposure's item has is written to
// the table's indexes, too, and a write costs by the item's size. It would cost eighteen times as much there.
const (
	lifePrefix    = "life/"
	lifeAttribute = "life"
)

// Living is the table, whose Get reads an exposure's life, too: with one call more.
type Living struct{ *Table }

// Living is for who goes by lives.
func (t *Table) Living() Living { return Living{t} }

// Get reads an exposure and its life, as they are after every write so far.
func (l Living) Get(ctx context.Context, id string) (Exposure, error) {
	exposure, err := l.Table.Get(ctx, id)
	if err != nil {
		return exposure, err
	}
	found, err := l.item(ctx, lifePrefix+id)
	if err != nil {
		return exposure, fmt.Errorf("get life of exposure %s: %w", id, err)
	}
	exposure.Life = lifeOf(ctx, found)
	return exposure, nil
}

// lifeOf is the life that an item has. One that does not decode is as good as none: nobody has looked, as far as is known.
func lifeOf(ctx context.Context, found item) (life Life) {
	if found[lifeAttribute] == nil {
		return Life{}
	}
	if err := life.UnmarshalDynamoDBAttributeValue(found[lifeAttribute]); err != nil {
		slog.WarnContext(ctx, "life is not readable", "item", text(found["id"]), "error", err.Error())
		return Life{}
	}
	return life
}

// RecordLife records what a look found, unless a later one has been recorded. What seen does not know stays as it is: zero
// times, no State, no Path. Bad and Detail are of the look itself, and go with a State that has none.
func (t *Table) RecordLife(ctx context.Context, id string, ended time.Time, seen Life) error {
	life := expression.Name(lifeAttribute)
	latest := life.AttributeExists().And(expression.Name("life.looked").AttributeNotExists().
		Or(expression.Name("life.looked").LessThanEqual(expression.Value(millis(ended)))))
	before, ok, err := t.change(ctx, lifePrefix+id, seen.change(), latest)
	if err == nil && !ok && before[lifeAttribute] == nil { // not overtaken: the first one, or the last look at what is removed
		if exposure, lookErr := t.item(ctx, id); lookErr == nil && exposure == nil {
			return nil
		}
		_, _, err = t.change(ctx, lifePrefix+id, expression.Set(life, expression.Value(seen)), life.AttributeNotExists())
	}
	if err != nil {
		return fmt.Errorf("record life of exposure %s: %w", id, err)
	}
	return nil
}

func (l Life) change() (change expression.UpdateBuilder) {
	set := func(name string, value any, known bool) {
		if known {
			change = change.Set(expression.Name("life."+name), expression.Value(value))
		}
	}
	set("looked", millis(l.Looked), !l.Looked.IsZero())
	set("ticked", millis(l.Ticked), !l.Ticked.IsZero())
	set("good", millis(l.Good), !l.Good.IsZero())
	set("proven", millis(l.Proven), !l.Proven.IsZero())
	set("path", l.Path, len(l.Path) > 0)
	if l.State == "" {
		return change
	}
	set("state", l.State, true)
	for name, value := range map[string]any{"bad": millis(l.Bad), "detail": l.Detail} {
		if value == int64(0) || value == "" {
			change = change.Remove(expression.Name("life." + name))
		} else {
			set(name, value, true)
		}
	}
	return change
}
