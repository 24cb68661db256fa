package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Watch is what the operators were told, and what was noticed and is not told yet, each by what it is about. An exposure has
// one, and the table one for what belongs to no exposure that can be read.
type Watch struct {
	Version int                  `dynamodbav:"version"` // counts the writes
	Noticed map[string]time.Time `dynamodbav:"noticed,omitempty"`
	Told    map[string]Tale      `dynamodbav:"told,omitempty"`
	Telling time.Time            `dynamodbav:"telling"` // until when somebody tells; zero when nobody does
}

// Keys of what is told that others than the watch go by. Those of Drift have what has changed behind them.
const (
	Unserved   = "unserved"   // consumers do not reach the database
	Unseen     = "unseen"     // nobody has looked
	Unadmitted = "unadmitted" // who is not connected yet would not be let in
	Drift      = "drift"      // not as the steps left it, and nobody is cut off
)

// IsDrift says of a key whether it is of something that is not as the steps left it.
func IsDrift(key string) bool { return key == Unadmitted || strings.HasPrefix(key, Drift+"/") }

// A Tale is what was told when.
type Tale struct {
	At     time.Time `dynamodbav:"at"`
	What   string    `dynamodbav:"what"`
	Detail string    `dynamodbav:"detail,omitempty"` // absent in what earlier versions told
}

// Clone shares nothing with w.
func (w Watch) Clone() Watch {
	w.Noticed, w.Told = maps.Clone(w.Noticed), maps.Clone(w.Told)
	return w
}

// everybody is the id of the item with the table's own Watch. No exposure and no resolver has it.
const everybody = "watch"

// Survey reads every item, page by page, and gives up on none for another's sake: the exposures, and the table's own Watch.
// An item that should be an exposure and is none, because it does not decode or has lost what makes it one, is Unreadable.
// Where only some attributes may be read, it reads those. An exposure of a link has what the link owns of it.
func (t *Table) Survey(ctx context.Context) (exposures []Exposure, own Watch, err error) {
	lives := map[string]Life{}
	in := &dynamodb.ScanInput{TableName: &t.name}
	if in.ProjectionExpression, in.ExpressionAttributeNames, err = t.projection(); err != nil {
		return nil, own, fmt.Errorf("scan %s: %w", t.name, err)
	}
	pages := dynamodb.NewScanPaginator(t.client, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, own, fmt.Errorf("scan %s: %w", t.name, err)
		}
		for _, i := range page.Items {
			id := text(i["id"])
			if of, is := strings.CutPrefix(id, lifePrefix); is {
				lives[of] = lifeOf(ctx, i)
				continue
			}
			if strings.HasPrefix(id, resolverPrefix) || id == Following {
				continue
			}
			e, err := decode(i)
			switch {
			case id == everybody && err == nil && e.Watch != nil:
				own = *e.Watch
			case id == everybody: // told anew, rather than never
			case err != nil:
				exposures = append(exposures, Exposure{ID: id, Unreadable: err})
			case e.DatabaseARN == "" && e.Link == "":
				exposures = append(exposures, Exposure{ID: id, Unreadable: errors.New("decode exposure: it names no database")})
			default:
				exposures = append(exposures, e)
			}
		}
	}
	for i := range exposures {
		exposures[i].Life = lives[exposures[i].ID]
	}
	onLinks(exposures)
	slices.SortFunc(exposures, func(a, b Exposure) int { return strings.Compare(a.ID, b.ID) })
	return exposures, own, nil
}

func text(value types.AttributeValue) string {
	s, _ := value.(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}

// WriteWatch makes after the Watch of an exposure, or of the table (no id), if it still is before. It reports whether it
// was: of two that tell at once, one does.
func (t *Table) WriteWatch(ctx context.Context, id string, before, after Watch) (ok bool, err error) {
	what := "watch of exposure " + id
	if id == "" {
		id, what = everybody, "watch of "+t.name
	}
	after.Version = before.Version + 1
	unchanged := expression.Name("watch.version").Equal(expression.Value(before.Version))
	if before.Version == 0 {
		unchanged = expression.Name("watch").AttributeNotExists()
	}
	if id != everybody { // an item that is gone is not made anew
		unchanged = expression.Name("id").AttributeExists().And(unchanged)
	}
	value, err := attributevalue.Marshal(after)
	if err != nil {
		return false, fmt.Errorf("encode %s: %w", what, err)
	}
	expr, err := expression.NewBuilder().WithUpdate(expression.Set(expression.Name("watch"), expression.Value(value))).
		WithCondition(unchanged).Build()
	if err != nil {
		return false, fmt.Errorf("write %s: %w", what, err)
	}
	_, err = t.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                 &t.name,
		Key:                       key(id),
		UpdateExpression:          expr.Update(),
		ConditionExpression:       expr.Condition(),
		ExpressionAttributeNames:  expr.Names(),
		ExpressionAttributeValues: expr.Values(),
	})
	if _, lost := errors.AsType[*types.ConditionalCheckFailedException](err); lost {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("write %s: %w", what, err)
	}
	return true, nil
}
