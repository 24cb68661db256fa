package registry

import (
	"reflect"
	"testing"
	"time"
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
		for kind, older := range map[string]bool{"": false, ", of an item without a life": true} {
			if older && !reflect.DeepEqual(row.before, Life{}) {
				continue
			}
			t.Run(name+kind, func(t *testing.T) {
				registry, fake := table(t)
				fake.items[seed.ID]["life"], _ = row.before.MarshalDynamoDBAttributeValue()
				if older {
					delete(fake.items[seed.ID], "life")
				}
				if err := registry.RecordLife(t.Context(), seed.ID, noon, row.seen); err != nil {
					t.Fatal(err)
				}
				if got := get(t, registry).Life; !reflect.DeepEqual(got, row.want) {
					t.Errorf("got\n%+v, want\n%+v", got, row.want)
				}
				if fake.writes > 1 {
					t.Errorf("%d writes", fake.writes)
				}
			})
		}
	}
}

// An exposure that is gone by now gets no item back.
func TestNoLifeIsRecordedOfAStranger(t *testing.T) {
	registry, fake := table(t)
	if err := registry.RecordLife(t.Context(), "nobody", noon, Life{Looked: noon, State: "settled"}); err != nil || fake.items["nobody"] != nil {
		t.Errorf("error %v, item %v", err, fake.items["nobody"])
	}
}
