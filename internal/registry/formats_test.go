package registry

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/rdslink/rdslink/internal/golden"
)

// The table outlives every version: what an earlier one wrote, this one reads.
func TestItemsOfEarlierVersionsAreUnderstood(t *testing.T) {
	hold(t, "exposure", decode, attributes)
	hold(t, "life", func(i item) (Life, error) {
		return lifeOf(t.Context(), i), nil
	}, func(l Life) (item, error) {
		life, err := attributevalue.Marshal(l)
		return item{lifeAttribute: life}, err
	})
	hold(t, "resolver", func(i item) (Resolver, error) {
		r, found, err := tableOf(t, i).Resolver(t.Context(), text(i["vpcId"]))
		if err == nil && !found {
			err = ErrNotFound
		}
		return r, err
	}, func(r Resolver) (item, error) {
		items := &fakeTable{t: t, items: map[string]item{}}
		err := New(items, "registry").PutResolver(t.Context(), r)
		return items.items[resolverID(r.VPCID)], err
	})
	hold(t, "following", func(i item) (followed, error) {
		marks, err := tableOf(t, i).Marks(t.Context())
		return followed{marks}, err
	}, func(f followed) (item, error) {
		items := &fakeTable{t: t, items: map[string]item{}}
		err := New(items, "registry").AddMarks(t.Context(), f.Marks)
		return items.items[Following], err
	})
	hold(t, "watch", func(i item) (Watch, error) {
		_, own, err := tableOf(t, i).Survey(t.Context())
		return own, err
	}, func(w Watch) (item, error) {
		watch, err := attributevalue.Marshal(w)
		return item{"id": key(everybody)["id"], "watch": watch}, err
	})
}

// followed is what the item Following has beside a lease.
type followed struct{ Marks []Mark }

// hold holds an item's format. Its kind is what the files are called.
func hold[T any](t *testing.T, kind string, read func(item) (T, error), write func(T) (item, error)) {
	t.Helper()
	golden.Formats(t, kind, func(text []byte) (value T, err error) {
		var fields map[string]attribute
		if err := json.Unmarshal(text, &fields); err != nil {
			return value, err
		}
		i := item{}
		for name, field := range fields {
			i[name] = field.value
		}
		return read(i)
	}, func(value T) ([]byte, error) {
		i, err := write(value)
		if err != nil {
			return nil, err
		}
		fields := map[string]attribute{}
		for name, value := range i {
			fields[name] = attribute{value}
		}
		return json.Marshal(fields)
	})
}

// tableOf is a registry with one item.
func tableOf(t *testing.T, i item) *Table {
	return New(&fakeTable{t: t, items: map[string]item{text(i["id"]): i}}, "registry")
}

// attribute is a value as DynamoDB's JSON has it, such as {"S": "text"}; JSON in bytes is written out.
type attribute struct{ value types.AttributeValue }

func (a attribute) MarshalJSON() ([]byte, error) {
	kind, value := "", any(nil)
	switch v := a.value.(type) {
	case *types.AttributeValueMemberS:
		kind, value = "S", v.Value
	case *types.AttributeValueMemberN:
		kind, value = "N", v.Value
	case *types.AttributeValueMemberBOOL:
		kind, value = "BOOL", v.Value
	case *types.AttributeValueMemberNULL:
		kind, value = "NULL", v.Value
	case *types.AttributeValueMemberSS:
		kind, value = "SS", v.Value
	case *types.AttributeValueMemberB:
		kind, value = "B", json.RawMessage(v.Value)
	case *types.AttributeValueMemberL:
		list := []attribute{}
		for _, member := range v.Value {
			list = append(list, attribute{member})
		}
		kind, value = "L", list
	case *types.AttributeValueMemberM:
		fields := map[string]attribute{}
		for name, member := range v.Value {
			fields[name] = attribute{member}
		}
		kind, value = "M", fields
	default:
		return nil, fmt.Errorf("%T is not written by the registry", v)
	}
	return json.Marshal(map[string]any{kind: value})
}

func (a *attribute) UnmarshalJSON(text []byte) error {
	var v struct {
		S, N       *string
		BOOL, NULL *bool
		SS         []string
		B          json.RawMessage
		L          []attribute
		M          map[string]attribute
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	switch {
	case v.S != nil:
		a.value = &types.AttributeValueMemberS{Value: *v.S}
	case v.N != nil:
		a.value = &types.AttributeValueMemberN{Value: *v.N}
	case v.BOOL != nil:
		a.value = &types.AttributeValueMemberBOOL{Value: *v.BOOL}
	case v.NULL != nil:
		a.value = &types.AttributeValueMemberNULL{Value: *v.NULL}
	case v.SS != nil:
		a.value = &types.AttributeValueMemberSS{Value: v.SS}
	case v.B != nil:
		a.value = &types.AttributeValueMemberB{Value: v.B}
	case v.L != nil:
		list := &types.AttributeValueMemberL{}
		for _, member := range v.L {
			list.Value = append(list.Value, member.value)
		}
		a.value = list
	default:
		fields := &types.AttributeValueMemberM{Value: item{}}
		for name, member := range v.M {
			fields.Value[name] = member.value
		}
		a.value = fields
	}
	return nil
}
