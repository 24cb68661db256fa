package access

import (
	"testing"
	"testing/synctest"
	"time"
)

// A policy that somebody has just changed is read anew when a request is refused. What was being read meanwhile, from before
// the change, must not be taken for it.
func TestWhatWasUnderWayWhenAllWasForgottenIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDocuments(nil)
		ask := func(during func(), text string) string {
			got, err := d.remembered("the policy", func() (string, error) {
				time.Sleep(time.Second)
				during()
				return text, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		forget := func() { d.forget(time.Now()) }
		nothing := func() {}
		if got := ask(forget, "old"); got != "old" {
			t.Errorf("the one who read got %q", got)
		}
		if got := ask(nothing, "new"); got != "new" {
			t.Errorf("after that: %q, want what is there now", got)
		}
		if got := ask(nothing, "newer"); got != "new" {
			t.Errorf("it was read again within %v: %q", fresh, got)
		}
		time.Sleep(fresh)
		if got := ask(nothing, "newest"); got != "newest" {
			t.Errorf("after %v: %q", fresh, got)
		}
	})
}
