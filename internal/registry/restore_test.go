package registry

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// restored is a registry's table, beside another that is scanned in its place.
type restored struct {
	*fakeTable
	from    *fakeTable
	refused error // of the second write
	puts    int
}

func (r *restored) Scan(ctx context.Context, in *dynamodb.ScanInput, options ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	if *in.TableName != "restored" {
		return r.fakeTable.Scan(ctx, in, options...)
	}
	return r.from.Scan(ctx, in, options...)
}

func (r *restored) PutItem(ctx context.Context, in *dynamodb.PutItemInput, options ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	if r.puts++; r.puts == 2 && r.refused != nil {
		return nil, r.refused
	}
	return r.fakeTable.PutItem(ctx, in, options...)
}

func TestWhatTheTableHasLostIsPutBack(t *testing.T) {
	named := func(id, name, value string) item {
		return item{"id": &types.AttributeValueMemberS{Value: id}, name: &types.AttributeValueMemberS{Value: value}}
	}
	whole := named("orders-acme", "databaseArn", "arn:orders")
	whole["binding"] = &types.AttributeValueMemberB{Value: []byte("{\x00\xff")}
	there := named("orders-kept", "databaseArn", "arn:newer")
	seen := named(lifePrefix+"orders-kept", "detail", "newer")
	r := &restored{
		fakeTable: &fakeTable{t: t, items: map[string]item{
			"orders-kept": there, "orders-torn": named("orders-torn", "consumer", "acme"), lifePrefix + "orders-kept": seen,
		}},
		from: &fakeTable{t: t, items: map[string]item{
			"orders-acme": whole, "orders-kept": named("orders-kept", "databaseArn", "arn:older"), "orders-torn": named("orders-torn", "databaseArn", "arn:torn"),
			lifePrefix + "orders-kept": named(lifePrefix+"orders-kept", "detail", "older"), lifePrefix + "orders-acme": named(lifePrefix+"orders-acme", "detail", "older"),
		}},
	}
	table := New(r, "registry")
	back, kept, err := table.PutBack(t.Context(), "restored")
	if err != nil || !slices.Equal(back, []string{"orders-acme", "orders-torn"}) || !slices.Equal(kept, []string{"orders-kept"}) {
		t.Errorf("back are %v, kept %v: %v", back, kept, err)
	}
	want := map[string]item{
		"orders-acme": whole, "orders-kept": there, "orders-torn": named("orders-torn", "databaseArn", "arn:torn"),
		lifePrefix + "orders-kept": seen, lifePrefix + "orders-acme": named(lifePrefix+"orders-acme", "detail", "older"),
	}
	if !reflect.DeepEqual(r.items, want) {
		t.Errorf("the table has\n%v\nand not\n%v", r.items, want)
	}
	writes := r.writes
	if back, kept, err := table.PutBack(t.Context(), "restored"); err != nil || len(back) != 0 || len(kept) != 3 || r.writes != writes {
		t.Errorf("the second time %v are back, %v kept, and %d are written: %v", back, kept, r.writes-writes, err)
	}
}

func TestWhatCannotBePutBackIsAnError(t *testing.T) {
	refused := errors.New("the key is disabled")
	r := &restored{fakeTable: &fakeTable{t: t, items: map[string]item{}}, refused: refused, from: &fakeTable{t: t, items: map[string]item{}}}
	for _, id := range []string{"a", "b"} {
		r.from.items[id] = item{"id": &types.AttributeValueMemberS{Value: id}, "databaseArn": &types.AttributeValueMemberS{Value: "arn:" + id}}
	}
	back, _, err := New(r, "registry").PutBack(t.Context(), "restored")
	if !errors.Is(err, refused) || !slices.Equal(back, []string{"a"}) {
		t.Errorf("%v, and back are %v", err, back)
	}
}
