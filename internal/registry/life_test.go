package registry

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

var noon = time.UnixMilli(1_772_366_400_123)

func after(d time.Duration) time.Time { return noon.Add(d) }

// What a look does not know stays; what it found to be over goes; and an older look does not undo a later one.
func TestRecordLife(t *testing.T) {
	path := []Passage{{Node: "10.0.1.7", Result: "served"}, {Node: "10.0.2.7", Result: "answered", Detail: "1129 blocked", Code: "1129"}}
	for name, row := range map[string]struct{ before, seen, want Life }{
		"the first sign": {Life{}, Life{Looked: noon, Ticked: noon, Good: noon, State: "settled", Path: path, Proven: noon},
			Life{Looked: noon, Ticked: noon, Good: noon, State: "settled", Path: path, Proven: noon}},
		"a good look ends what is bad": {Life{Looked: after(-time.Minute), Good: after(-time.Hour), Bad: after(-time.Minute), State: "failing", Detail: "no answer", Path: path},
			Life{Looked: noon, Good: noon, State: "settled"},
			Life{Looked: noon, Good: noon, State: "settled", Path: path}},
		"a bad look knows neither ticks nor path": {Life{Looked: after(-time.Minute), Ticked: after(-time.Minute), Good: after(-time.Minute), State: "settled", Path: path, Proven: after(-time.Minute)},
			Life{Looked: noon, Bad: noon, State: "failing", Detail: "no answer"},
			Life{Looked: noon, Ticked: after(-time.Minute), Good: after(-time.Minute), Bad: noon, State: "failing", Detail: "no answer", Path: path, Proven: after(-time.Minute)}},
		"a tick that another does the work of": {Life{Looked: after(-time.Minute), Bad: after(-time.Minute), State: "failing", Detail: "no answer"},
			Life{Ticked: noon},
			Life{Looked: after(-time.Minute), Ticked: noon, Bad: after(-time.Minute), State: "failing", Detail: "no answer"}},
		"overtaken": {Life{Looked: after(time.Second), Good: after(time.Second), State: "settled"},
			Life{Looked: noon, Bad: noon, State: "failing", Detail: "no answer"},
			Life{Looked: after(time.Second), Good: after(time.Second), State: "settled"}},
	} {
		for kind, older := range map[string]bool{"": false, ", the first": true} {
			if older && !reflect.DeepEqual(row.before, Life{}) {
				continue
			}
			t.Run(name+kind, func(t *testing.T) {
				registry, fake := table(t)
				if !older {
					life, _ := row.before.MarshalDynamoDBAttributeValue()
					fake.items["life/"+seed.ID] = item{"id": &types.AttributeValueMemberS{Value: "life/" + seed.ID}, "life": life}
				}
				if err := registry.RecordLife(t.Context(), seed.ID, noon, row.seen); err != nil {
					t.Fatal(err)
				}
				alive, err := registry.Living().Get(t.Context(), seed.ID)
				if err != nil || !reflect.DeepEqual(alive.Life, row.want) {
					t.Errorf("got\n%+v, %v, want\n%+v", alive.Life, err, row.want)
				}
				all, _, err := registry.Survey(t.Context())
				if err != nil || len(all) != 1 || !reflect.DeepEqual(all[0].Life, row.want) {
					t.Errorf("surveyed\n%+v, %v", all, err)
				}
				if fake.writes > 1 {
					t.Errorf("%d writes", fake.writes)
				}
			})
		}
	}
}

// What looks record is not in the exposure's item, whose every write goes to the table's indexes as well; and what is left
// of one that was removed is no exposure.
func TestALifeIsAnItemOfItsOwn(t *testing.T) {
	registry, fake := table(t)
	before := maps.Clone(fake.items[seed.ID])
	for _, id := range []string{seed.ID, "nobody"} {
		if err := registry.RecordLife(t.Context(), id, noon, Life{Looked: noon, State: "settled"}); err != nil {
			t.Fatal(err)
		}
	}
	// docs/cost.md counts one write unit, of 1 KB, for the sign of a load balancer in six zones.
	path := slices.Repeat([]Passage{{Node: "100.100.100.100", Result: "served"}}, 6)
	sign := Life{Looked: noon, Ticked: noon, Good: noon, State: "settled", Path: path, Proven: noon}
	if err := registry.RecordLife(t.Context(), seed.ID, noon, sign); err != nil {
		t.Fatal(err)
	}
	const longestID = 100
	if n := size(fake.items[lifePrefix+seed.ID]) + longestID; n > 1024 {
		t.Errorf("a sign of life has %d bytes", n)
	}
	if !reflect.DeepEqual(fake.items[seed.ID], before) || fake.items["nobody"] != nil {
		t.Errorf("the exposure's item became %v, the stranger's %v", fake.items[seed.ID], fake.items["nobody"])
	}
	for name, find := range map[string]func() ([]Exposure, error){
		"surveyed": func() ([]Exposure, error) { all, _, err := registry.Survey(t.Context()); return all, err },
		"all":      func() ([]Exposure, error) { return registry.All(t.Context()) },
	} {
		if all, err := find(); err != nil || len(all) != 1 || all[0].ID != seed.ID {
			t.Errorf("%s are %+v, %v", name, all, err)
		}
	}
}

func TestALifeThatDoesNotDecodeIsNone(t *testing.T) {
	registry, fake := table(t)
	fake.items["life/"+seed.ID] = item{"id": &types.AttributeValueMemberS{Value: "life/" + seed.ID}, "life": &types.AttributeValueMemberS{Value: "?"}}
	alive, err := registry.Living().Get(t.Context(), seed.ID)
	if err != nil || !alive.Life.Looked.IsZero() {
		t.Errorf("got %+v, %v", alive.Life, err)
	}
	if all, _, err := registry.Survey(t.Context()); err != nil || len(all) != 1 || all[0].Unreadable != nil {
		t.Errorf("surveyed %+v, %v", all, err)
	}
}

// size is what DynamoDB counts of an item ("DynamoDB item sizes and formats").
func size(i item) (bytes int) {
	for name, value := range i {
		bytes += len(name) + sizeOf(value)
	}
	return bytes
}

func sizeOf(value types.AttributeValue) (bytes int) {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return (len(v.Value)+1)/2 + 1
	case *types.AttributeValueMemberM:
		return 3 + len(v.Value) + size(v.Value)
	case *types.AttributeValueMemberL:
		bytes = 3 + len(v.Value)
		for _, element := range v.Value {
			bytes += sizeOf(element)
		}
	}
	return bytes
}

// A look that a later one has overtaken, as a tick does the last step's, costs one call: the refusal says what is there.
func TestAnOvertakenLookIsNotRecordedAndCostsOneCall(t *testing.T) {
	registry, fake := table(t)
	later := Life{Looked: noon.Add(time.Minute), State: "settled"}
	if err := registry.RecordLife(t.Context(), seed.ID, later.Looked, later); err != nil {
		t.Fatal(err)
	}
	kept, before := fake.items[lifePrefix+seed.ID], fake.updates
	if err := registry.RecordLife(t.Context(), seed.ID, noon, Life{Looked: noon, State: "cut"}); err != nil {
		t.Fatal(err)
	}
	if calls := fake.updates - before; calls != 1 || !reflect.DeepEqual(fake.items[lifePrefix+seed.ID], kept) {
		t.Errorf("%d calls, and kept is %v", calls, fake.items[lifePrefix+seed.ID])
	}
}
