package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/steptest"
)

// Whatever a person types is either a plan or a BadInput that says where to look, and only a plan claims.
func FuzzInput(f *testing.F) {
	handed := [][]byte{[]byte(usual)}
	for _, row := range refusals {
		if len(row.input) < 1000 {
			handed = append(handed, []byte(row.input))
		}
	}
	steptest.Inputs(f, handed, func(t testing.TB, input []byte) {
		_ = answer(t, string(input), string(input)) // it reports what is wrong with the answer
	})
}

// Whatever stands around a secret, and in whichever field, no answer repeats it. Its end can be seen: nobody can tell a
// password from the name of an endpoint that it runs into.
func FuzzSecrets(f *testing.F) {
	fields := slices.Sorted(maps.Keys(trials))
	secrets := slices.DeleteFunc(slices.Sorted(maps.Keys(texts)), func(kind string) bool { return !strings.HasPrefix(kind, "a secret: ") })
	for i := range secrets {
		f.Add(uint8(0), uint8(i), "", "", false)
		f.Add(uint8(i), uint8(i), `{"x":"`, `"}`, true)
		f.Add(uint8(2*i), uint8(i), "connect to ", " as me@example.com, please", false)
	}
	f.Fuzz(func(t *testing.T, field, secret uint8, before, after string, list bool) {
		if strings.Contains(before+after, "canary") {
			return
		}
		name := fields[int(field)%len(fields)]
		value, err := json.Marshal(before + texts[secrets[int(secret)%len(secrets)]]("") + " " + after)
		if err != nil {
			t.Fatal(err)
		}
		typed := string(value)
		if list {
			typed = "[" + typed + "]"
		}
		_ = answer(t, name+": "+typed, trials[name].input(t, name, typed)) // it reports what is wrong with the answer
	})
}

func FuzzHandler(f *testing.F) { steptest.Fuzz[Input](f, function) }
