package registry

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func watching(t *testing.T) (*Table, *fakeTable) {
	fake := &fakeTable{t: t, items: map[string]item{}}
	return New(fake, "registry"), fake
}

func put(f *fakeTable, id string, more item) {
	i := key(id)
	for name, value := range more {
		i[name] = value
	}
	f.items[id] = i
}

func TestOfTwoThatTellAtOnceOneDoes(t *testing.T) {
	table, fake := watching(t)
	put(fake, "orders", item{"databaseArn": &types.AttributeValueMemberS{Value: "arn"}})
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, id := range []string{"orders", ""} {
		first := Watch{Telling: noon}
		if ok, err := table.WriteWatch(t.Context(), id, Watch{}, first); !ok || err != nil {
			t.Fatalf("%q: the first: %v, %v", id, ok, err)
		}
		if ok, err := table.WriteWatch(t.Context(), id, Watch{}, first); ok || err != nil {
			t.Errorf("%q: another tells, too: %v, %v", id, ok, err)
		}
		first.Version = 1
		after := Watch{Told: map[string]Tale{"unserved": {At: noon, What: "not served"}}, Noticed: map[string]time.Time{"unseen": noon}}
		if ok, err := table.WriteWatch(t.Context(), id, first, after); !ok || err != nil {
			t.Errorf("%q: the first cannot record that it told: %v, %v", id, ok, err)
		}
		if ok, _ := table.WriteWatch(t.Context(), id, first, after); ok {
			t.Errorf("%q: it is recorded twice", id)
		}
	}
	exposures, own, err := table.Survey(t.Context())
	if err != nil || len(exposures) != 1 || exposures[0].Watch == nil {
		t.Fatalf("survey: %v, %v", exposures, err)
	}
	for _, w := range []Watch{own, *exposures[0].Watch} {
		if w.Version != 2 || !w.Telling.IsZero() || !w.Told["unserved"].At.Equal(noon) || !w.Noticed["unseen"].Equal(noon) {
			t.Errorf("read %+v", w)
		}
	}
}

func TestWhatIsToldOfAnExposureThatIsGoneMakesNoItem(t *testing.T) {
	table, fake := watching(t)
	if ok, err := table.WriteWatch(t.Context(), "orders", Watch{}, Watch{}); ok || err != nil || len(fake.items) != 0 {
		t.Errorf("%v, %v, items %v", ok, err, fake.items)
	}
}

// The survey gives up on no exposure for the sake of an item that is none.
func TestSurvey(t *testing.T) {
	table, fake := watching(t)
	number := &types.AttributeValueMemberN{Value: "7"}
	put(fake, "a-broken", item{"databaseArn": &types.AttributeValueMemberS{Value: "arn"}, "decisions": number})
	put(fake, "b-good", item{"databaseArn": &types.AttributeValueMemberS{Value: "arn"}})
	put(fake, "c-lost", nil)
	put(fake, "vpc/vpc-1", item{"vpcId": &types.AttributeValueMemberS{Value: "vpc-1"}})
	put(fake, "watch", item{"watch": number}) // told anew, rather than never
	if err := table.AddMarks(t.Context(), []Mark{{"b-good", time.UnixMilli(1_000_000)}}); err != nil {
		t.Fatal(err)
	}
	exposures, own, err := table.Survey(t.Context())
	if err != nil || own.Version != 0 {
		t.Fatal(own, err)
	}
	var ids []string
	for _, e := range exposures {
		ids = append(ids, e.ID)
		if unreadable := e.Unreadable != nil; unreadable != (e.ID != "b-good") {
			t.Errorf("%s is unreadable: %v", e.ID, e.Unreadable)
		}
	}
	if want := []string{"a-broken", "b-good", "c-lost"}; !slices.Equal(ids, want) {
		t.Errorf("exposures are %q, want %q", ids, want)
	}
}
