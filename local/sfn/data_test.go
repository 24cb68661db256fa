package sfn

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const document = `{"a":{"b":[1,{"c":"x"}],"d-e":2},"text":"t","n":1.50,"null":null,"list":["a","b"]}`

func TestPaths(t *testing.T) {
	tests := map[string]string{ // path to its value, or to what its error says
		`$`:                    `"text":"t"`,
		`$.a.d-e`:              `2`,
		`$.n`:                  `1.50`,
		`$.null`:               `null`,
		`$$.Execution.Id`:      `"run"`,
		`$$.Execution.Input.a`: `1`,
		`$.a.x`:                `No results for path: $['a']['x']`,
		`$.x.y.z`:              `Missing property in path $['x']`,
		`$.text.y`:             `No results for path: $['text']['y']`,
		`$.a.b.c`:              `No results for path: $['a']['b']['c']`,
	}
	input, _ := decode([]byte(document))
	in := scope{input, map[string]any{"Execution": map[string]any{"Id": "run", "Input": map[string]any{"a": 1}}}}
	for text, want := range tests {
		t.Run(text, func(t *testing.T) {
			p, err := ParsePath(text)
			if err != nil {
				t.Fatal(err)
			}
			v, err := p.find(in)
			got := encode(v)
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, want) {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// What is put at a path is found there, and the state's input stays as it was.
func TestPutThenFind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z]{1,2}`)
		p, err := ParsePath("$" + strings.Join(rapid.SliceOfN(rapid.Map(name, func(n string) string { return "." + n }), 0, 4).Draw(t, "path"), ""))
		if err != nil {
			t.Fatal(err)
		}
		into := rapid.MapOf(name, rapid.Map(rapid.MapOf(name, rapid.String()), func(m map[string]string) any {
			below := map[string]any{}
			for k, v := range m {
				below[k] = v
			}
			return below
		})).Draw(t, "input")
		before := encode(into)
		output, err := p.put(any(into), "value")
		if encode(into) != before {
			t.Fatalf("put at %s changed the input", p.text)
		}
		if err != nil {
			return // a string is in the way
		}
		if found, err := p.find(scope{input: output}); err != nil || found != "value" {
			t.Fatalf("%s in %s: %v, %v", p.text, encode(output), found, err)
		}
	})
}

// A retry's delay grows up to its maximum; jitter only shortens it.
func TestRetryDelay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Retrier{
			Interval:    time.Duration(rapid.IntRange(1, 100).Draw(t, "interval")) * time.Second,
			BackoffRate: rapid.Float64Range(1, 10).Draw(t, "rate"),
			MaxDelay:    time.Duration(rapid.IntRange(101, 1000).Draw(t, "max")) * time.Second,
		}
		n := rapid.IntRange(1, 10000).Draw(t, "n")
		this, next := r.delay(n), r.delay(n+1)
		r.Jitter = true
		jittered := r.delay(n)
		if this < r.Interval || next < this || next > r.MaxDelay || jittered < 0 || jittered > this {
			t.Fatalf("delays %v, %v, jittered %v", this, next, jittered)
		}
	})
}

// Any text is a path or an error.
func FuzzParsePath(f *testing.F) {
	f.Add("$.a['b'][0]")
	f.Add("$$.Execution.Input.a")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePath(text)
		if err == nil {
			_, _ = p.find(scope{}) // must not panic
		}
	})
}
