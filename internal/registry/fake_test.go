package registry

import (
	"context"
	"maps"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// fakeTable is a DynamoDB table that evaluates the expressions it is given, as far as the registry uses them, so that the
// tests hold what conditions mean and not how they are spelled. It answers scans and queries one item a page.
type fakeTable struct {
	t       *testing.T
	items   map[string]item
	updates int // asked for
	writes  int
	before  func() // runs once, before the next write: someone else is faster
}

func (f *fakeTable) GetItem(_ context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{Item: projected(f.items[text(in.Key["id"])], in.ProjectionExpression, in.ExpressionAttributeNames)}, nil
}

// projected is what an expression asks for of an item: all of it, where there is none.
func projected(i item, expression *string, names map[string]string) item {
	found := maps.Clone(i)
	if expression == nil {
		return found
	}
	var asked []string
	for _, name := range strings.Split(*expression, ", ") {
		asked = append(asked, names[name])
	}
	maps.DeleteFunc(found, func(name string, _ types.AttributeValue) bool { return !slices.Contains(asked, name) })
	return found
}

func (f *fakeTable) PutItem(_ context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	f.race()
	id := text(in.Item["id"])
	e := evaluation{t: f.t, item: f.items[id], names: in.ExpressionAttributeNames}
	if in.ConditionExpression != nil && !e.holds(*in.ConditionExpression) {
		return nil, &types.ConditionalCheckFailedException{}
	}
	f.writes++
	f.items[id] = in.Item
	return &dynamodb.PutItemOutput{}, nil
}

func (f *fakeTable) UpdateItem(_ context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	f.race()
	id := text(in.Key["id"])
	e := evaluation{t: f.t, item: f.items[id], names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues}
	f.updates++
	if in.ConditionExpression != nil && !e.holds(*in.ConditionExpression) {
		lost := &types.ConditionalCheckFailedException{}
		if in.ReturnValuesOnConditionCheckFailure == types.ReturnValuesOnConditionCheckFailureAllOld {
			lost.Item = f.items[id]
		}
		return nil, lost
	}
	f.writes++
	f.items[id] = e.updated(*in.UpdateExpression)
	f.items[id]["id"] = in.Key["id"]
	return &dynamodb.UpdateItemOutput{Attributes: f.items[id]}, nil
}

func (f *fakeTable) DeleteItem(_ context.Context, in *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	f.race()
	id := text(in.Key["id"])
	e := evaluation{t: f.t, item: f.items[id], names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues}
	if in.ConditionExpression != nil && !e.holds(*in.ConditionExpression) {
		return nil, &types.ConditionalCheckFailedException{}
	}
	f.writes++
	delete(f.items, id)
	return &dynamodb.DeleteItemOutput{}, nil
}

func (f *fakeTable) Query(_ context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	items, last := f.page(in.ExclusiveStartKey, func(i item) bool {
		e := evaluation{t: f.t, item: i, names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues}
		return e.holds(*in.KeyConditionExpression)
	})
	return &dynamodb.QueryOutput{Items: items, LastEvaluatedKey: last}, nil
}

func (f *fakeTable) Scan(_ context.Context, in *dynamodb.ScanInput, _ ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	items, last := f.page(in.ExclusiveStartKey, func(i item) bool {
		e := evaluation{t: f.t, item: i, names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues}
		return in.FilterExpression == nil || e.holds(*in.FilterExpression)
	})
	for n, i := range items {
		items[n] = projected(i, in.ProjectionExpression, in.ExpressionAttributeNames)
	}
	return &dynamodb.ScanOutput{Items: items, LastEvaluatedKey: last}, nil
}

// page looks at one item after start. As in DynamoDB, a page can be empty and still not be the last.
func (f *fakeTable) page(start item, matches func(item) bool) (items []item, last item) {
	for _, id := range slices.Sorted(maps.Keys(f.items)) {
		if start != nil && id <= text(start["id"]) {
			continue
		}
		if matches(f.items[id]) {
			items = append(items, f.items[id])
		}
		return items, key(id)
	}
	return nil, nil
}

func (f *fakeTable) race() {
	if before := f.before; before != nil {
		f.before = nil
		before()
	}
}

// evaluation reads an expression against an item.
type evaluation struct {
	t      *testing.T
	item   item
	names  map[string]string
	values map[string]types.AttributeValue
	tokens []string
}

var token = regexp.MustCompile(`[#:][0-9]+(\[[0-9]+\])?(\.#[0-9]+)*|[a-zA-Z_]+|<>|<=|[=<(),]`)

func (e *evaluation) next() string {
	if len(e.tokens) == 0 {
		return ""
	}
	first := e.tokens[0]
	e.tokens = e.tokens[1:]
	return first
}

func (e *evaluation) peek() string {
	if len(e.tokens) == 0 {
		return ""
	}
	return e.tokens[0]
}

func (e *evaluation) holds(condition string) bool {
	e.tokens = token.FindAllString(condition, -1)
	return e.either()
}

func (e *evaluation) either() bool {
	result := e.both()
	for e.peek() == "OR" {
		e.next()
		right := e.both()
		result = result || right
	}
	return result
}

func (e *evaluation) both() bool {
	result := e.one()
	for e.peek() == "AND" {
		e.next()
		right := e.one()
		result = result && right
	}
	return result
}

func (e *evaluation) one() bool {
	switch e.peek() {
	case "(":
		e.next()
		result := e.either()
		e.next()
		return result
	case "attribute_exists":
		return e.argument() != nil
	case "attribute_not_exists":
		return e.argument() == nil
	}
	left, operator, right := e.operand(), e.next(), e.operand()
	return compare(left, operator, right)
}

// argument reads NAME(operand).
func (e *evaluation) argument() types.AttributeValue {
	e.next()
	e.next()
	value := e.operand()
	e.next()
	return value
}

// compare is false where an attribute is missing, except that a missing one differs from everything.
func compare(left types.AttributeValue, operator string, right types.AttributeValue) bool {
	equal := reflect.DeepEqual(left, right)
	switch operator {
	case "=":
		return equal
	case "<>":
		return !equal
	}
	a, ok := left.(*types.AttributeValueMemberN)
	if !ok {
		return false
	}
	order := number(a).Cmp(number(right.(*types.AttributeValueMemberN)))
	return order < 0 || operator == "<=" && order == 0
}

func number(n *types.AttributeValueMemberN) *big.Int {
	i, _ := new(big.Int).SetString(n.Value, 10)
	return i
}

func (e *evaluation) operand() types.AttributeValue {
	switch word := e.next(); {
	case word == "size":
		e.next()
		list, _ := e.operand().(*types.AttributeValueMemberL)
		e.next()
		if list == nil {
			return nil
		}
		return &types.AttributeValueMemberN{Value: strconv.Itoa(len(list.Value))}
	case word == "list_append":
		e.next()
		left, _, right := e.operand(), e.next(), e.operand()
		e.next()
		return &types.AttributeValueMemberL{Value: slices.Concat(
			left.(*types.AttributeValueMemberL).Value, right.(*types.AttributeValueMemberL).Value)}
	case word == "if_not_exists":
		e.next()
		value, _, absent := e.operand(), e.next(), e.operand()
		e.next()
		if value == nil {
			return absent
		}
		return value
	case strings.HasPrefix(word, ":"):
		return e.values[word]
	default:
		parent, name := e.parent(word)
		return parent[name]
	}
}

// parent finds the map that holds the last name of a path.
func (e *evaluation) parent(path string) (item, string) {
	within := e.item
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		inner, ok := e.within(within, name).(*types.AttributeValueMemberM)
		if !ok {
			return nil, ""
		}
		within = inner.Value
	}
	return within, e.names[names[len(names)-1]]
}

// within reads one name of a path, which may point into a list: #0[1].
func (e *evaluation) within(item item, name string) types.AttributeValue {
	name, index, listed := strings.Cut(strings.TrimSuffix(name, "]"), "[")
	if !listed {
		return item[e.names[name]]
	}
	list, _ := item[e.names[name]].(*types.AttributeValueMemberL)
	if at, err := strconv.Atoi(index); err == nil && list != nil && at < len(list.Value) {
		return list.Value[at]
	}
	return nil
}

func (e *evaluation) updated(update string) item {
	e.item = copied(e.item)
	e.tokens = token.FindAllString(update, -1)
	clause := ""
	for len(e.tokens) > 0 {
		switch word := e.next(); word {
		case "SET", "ADD", "REMOVE", "DELETE":
			clause = word
		case ",":
		default:
			e.change(clause, word)
		}
	}
	return e.item
}

func (e *evaluation) change(clause, path string) {
	parent, name := e.parent(path)
	switch clause {
	case "SET":
		e.next()
		parent[name] = e.operand()
	case "REMOVE":
		delete(parent, name)
	case "ADD", "DELETE":
		operand := e.operand()
		if set, ok := operand.(*types.AttributeValueMemberSS); ok {
			have, _ := parent[name].(*types.AttributeValueMemberSS)
			if have == nil {
				have = &types.AttributeValueMemberSS{}
			}
			e.changeSet(clause, parent, name, have.Value, set.Value)
			return
		}
		sum := number(operand.(*types.AttributeValueMemberN))
		if have, ok := parent[name].(*types.AttributeValueMemberN); ok {
			sum.Add(sum, number(have))
		}
		parent[name] = &types.AttributeValueMemberN{Value: sum.String()}
	default:
		e.t.Fatalf("update clause %q", clause)
	}
}

// changeSet adds to a set of strings or takes from it. A set without members is none: the attribute goes with the last one.
func (e *evaluation) changeSet(clause string, parent item, name string, have, given []string) {
	if slices.Sort(given); len(given) == 0 || len(slices.Compact(slices.Clone(given))) < len(given) {
		e.t.Errorf("DynamoDB refuses the set %q", given)
	}
	after := slices.DeleteFunc(slices.Clone(have), func(member string) bool { return slices.Contains(given, member) })
	if clause == "ADD" {
		after = append(after, given...)
	}
	delete(parent, name)
	if len(after) > 0 {
		parent[name] = &types.AttributeValueMemberSS{Value: after}
	}
}

func copied(from item) item {
	to := item{}
	for name, value := range from {
		to[name] = copiedValue(value)
	}
	return to
}

func copiedValue(value types.AttributeValue) types.AttributeValue {
	switch v := value.(type) {
	case *types.AttributeValueMemberM:
		return &types.AttributeValueMemberM{Value: copied(v.Value)}
	case *types.AttributeValueMemberL:
		list := make([]types.AttributeValue, len(v.Value))
		for i, member := range v.Value {
			list[i] = copiedValue(member)
		}
		return &types.AttributeValueMemberL{Value: list}
	}
	return value
}
