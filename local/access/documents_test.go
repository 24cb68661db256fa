package access

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdslink/rdslink/local/front/identity"
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

func TestALogGroupThatCannotBeReadIsThere(t *testing.T) {
	const group = "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/lambda/f"
	for answer, want := range map[string]bool{
		`{"tags":{}}`: false,
		`{"__type":"ResourceNotFoundException","message":"The specified resource does not exist: ` + group + `"}`: true,
		`{"__type":"InvalidParameterException","message":"dictionary changed size during iteration"}`:             false,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
			if strings.Contains(answer, "__type") {
				w.WriteHeader(http.StatusBadRequest)
			}
			_, _ = w.Write([]byte(answer))
		}))
		d := newDocuments(func(account string) aws.Config {
			return identity.Config(server.URL, "eu-central-1", identity.Root(account))
		})
		if got := d.lacks(t.Context(), group); got != want {
			t.Errorf("%s: lacks %v", answer, got)
		}
		server.Close()
	}
}
