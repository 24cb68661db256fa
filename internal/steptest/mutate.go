package steptest

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// Canary stands wherever a secret does: nothing that a function says has it in it.
const Canary = "canary"

// Secrets are what people paste where no password belongs.
var Secrets = []string{
	"postgres://me:" + Canary + "@orders-prod.c0ffee.eu-central-1.rds.amazonaws.com/db",
	"jdbc:sqlserver://db;user=sa;password={" + Canary + ";};encrypt=true",
	"host=db user=me password='" + Canary + " x'",
	"aws_secret_access_key=" + Canary,
	"eyJhbGciOiJIUzI1NiJ9." + Canary + ".x",
	"-----BEGIN PRIVATE KEY-----\n" + Canary,
	`{"username":"me","password":"` + Canary + `"}`,
}

// awkward are values that somebody meets sooner or later in place of any other, and numbers that no Go type holds.
var awkward = []any{
	nil, true, false, "", " ", "0", "-1", "null", "vpc/", "..", "*", "\x00", "\u202e", "日本", "🐘", "%s%d%!v", "${VALUE}", "a\nb",
	"orders-prod", "arn:aws:rds:eu-central-1:111122223333:db:orders-prod", "arn:", "::::::", "10.0.1.5", "2001:db8::5", "10.0.0.0/8",
	json.Number("0"), json.Number("-1"), json.Number("1.5"), json.Number("65536"), json.Number("2147483648"),
	json.Number("9223372036854775807"),
	json.Number("-9223372036854775808"), json.Number("9223372036854775808"), json.Number("99999999999999999999"), json.Number("1e400"),
	[]any{}, []any{nil}, []any{[]any{}}, []any{"a", json.Number("7")}, map[string]any{}, map[string]any{"": nil}, map[string]any{"x": []any{}},
}

// A mutator makes inputs that nobody has thought of, of such as are right.
type mutator struct {
	*rand.Rand
	bases []any    // that are JSON
	texts [][]byte // all
	names []string // of their fields
}

func newMutator(random *rand.Rand, seeds [][]byte) *mutator {
	m := &mutator{Rand: random, texts: seeds}
	for _, text := range seeds {
		if base, ok := decoded(text); ok {
			m.bases = append(m.bases, base)
			walk(base, func(at place) {
				if at.name != "" && !slices.Contains(m.names, at.name) {
					m.names = append(m.names, at.name)
				}
			})
		}
	}
	return m
}

func decoded(text []byte) (value any, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return value, decoder.Decode(&value) == nil && !decoder.More()
}

// next is another input.
func (m *mutator) next() []byte {
	if len(m.bases) == 0 || m.IntN(20) == 0 {
		return m.garbled(m.texts[m.IntN(len(m.texts))])
	}
	value := copied(m.bases[m.IntN(len(m.bases))])
	for range 1 + m.IntN(3) {
		value = m.changed(value)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return m.garbled(m.texts[m.IntN(len(m.texts))])
	}
	switch m.IntN(16) {
	case 0:
		if !bytes.Contains(text, []byte(Canary)) { // what is left of a secret may look like none
			return m.garbled(text)
		}
	case 1:
		return m.doubled(text)
	}
	return text
}

// A place is where a value stands: in an object under a name, in a list, or alone.
type place struct {
	name string
	get  func() any
	set  func(any)
	drop func() // nil where it stands alone
}

// walk visits the value and all that is in it.
func walk(value any, visit func(place)) {
	switch v := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			visit(place{name, func() any { return v[name] }, func(to any) { v[name] = to }, func() { delete(v, name) }})
			walk(v[name], visit)
		}
	case []any:
		for i := range v {
			visit(place{"", func() any { return v[i] }, func(to any) { v[i] = to }, func() { v[i] = nil }})
			walk(v[i], visit)
		}
	}
}

func copied(value any) any {
	switch v := value.(type) {
	case map[string]any:
		to := make(map[string]any, len(v))
		for name, inner := range v {
			to[name] = copied(inner)
		}
		return to
	case []any:
		to := make([]any, len(v))
		for i, inner := range v {
			to[i] = copied(inner)
		}
		return to
	}
	return value
}

// changed is the value with one thing about it that is not as it was.
func (m *mutator) changed(root any) any {
	places := []place{{get: func() any { return root }, set: func(to any) { root = to }}}
	if m.IntN(20) > 0 { // seldom all of it
		places = nil
		walk(root, func(at place) { places = append(places, at) })
	}
	if len(places) == 0 {
		return m.value()
	}
	at := places[m.IntN(len(places))]
	if text, is := at.get().(string); is && strings.Contains(text, Canary) {
		return root // what is left of a secret may look like none
	}
	switch m.IntN(12) {
	case 0:
		if at.drop != nil {
			at.drop()
		}
	case 1:
		at.set(nil)
	case 2, 3:
		at.set(m.value())
	case 4:
		at.set(Secrets[m.IntN(len(Secrets))])
	case 5: // what belongs elsewhere; a token does nowhere else
		other := places[m.IntN(len(places))].get()
		if text, is := other.(string); !is || !strings.Contains(text, Canary) {
			at.set(copied(other))
		}
	case 6:
		if in, is := at.get().(map[string]any); is {
			in[m.name()] = m.value()
		} else if in, is := root.(map[string]any); is {
			in[m.name()] = m.value()
		}
	case 7: // encoded once more, or once less
		if text, is := at.get().(string); is {
			if inner, ok := decoded([]byte(text)); ok {
				at.set(inner)
				break
			}
		}
		if text, err := json.Marshal(at.get()); err == nil {
			at.set(string(text))
		}
	case 8:
		at.set([]any{at.get()})
	case 9:
		at.set(m.more(at.get()))
	case 10:
		at.set(m.bent(at.get()))
	case 11: // in other letters
		if in, is := root.(map[string]any); is && at.name != "" {
			if value, there := in[at.name]; there {
				in[strings.ToUpper(at.name)] = value
			}
		}
	}
	return root
}

func (m *mutator) value() any { return copied(awkward[m.IntN(len(awkward))]) }

// name is one that is known, one that is not, or one with a secret in it.
func (m *mutator) name() string {
	switch m.IntN(4) {
	case 0:
		return Secrets[m.IntN(len(Secrets))]
	case 1:
		return "unknown"
	default:
		if len(m.names) == 0 {
			return ""
		}
		return m.names[m.IntN(len(m.names))]
	}
}

// more is much more of the same.
func (m *mutator) more(value any) any {
	switch v := value.(type) {
	case string:
		const longest = 1 << 16
		return strings.Repeat(v+"x", min(1+m.IntN(1<<m.IntN(13)), longest/(len(v)+1)))
	case []any:
		if len(v) == 0 {
			return []any{m.value()}
		}
		var list []any
		for range 1 << m.IntN(8) {
			list = append(list, copied(v[m.IntN(len(v))]))
		}
		return list
	}
	nested := value
	for range 1 << m.IntN(10) {
		nested = []any{nested}
	}
	return nested
}

// bent is nearly what the value is.
func (m *mutator) bent(value any) any {
	switch v := value.(type) {
	case string:
		if v == "" {
			return "x"
		}
		at := m.IntN(len(v))
		switch m.IntN(4) {
		case 0:
			return v[:at]
		case 1:
			return v[:at] + "\u200b" + v[at:]
		case 2:
			return strings.ToUpper(v)
		default:
			return v[:at] + string(rune(m.IntN(128))) + v[at+1:]
		}
	case json.Number:
		return json.Number(string(v) + "0")
	case bool:
		return !v
	case []any:
		if len(v) > 0 {
			return v[:m.IntN(len(v))]
		}
	}
	return m.value()
}

// garbled is what is JSON no more, or only by chance.
func (m *mutator) garbled(text []byte) []byte {
	text = slices.Clone(text)
	for range 1 + m.IntN(4) {
		at := m.IntN(len(text) + 1)
		switch m.IntN(5) {
		case 0:
			text = text[:at]
		case 1:
			text = slices.Insert(text, at, byte(m.IntN(256)))
		case 2:
			text = slices.Insert(text, at, []byte(`{}[]",:\0-e`)[m.IntN(11)])
		case 3:
			text = append(text, text[at:]...)
		case 4:
			if at < len(text) {
				text[at] = byte(m.IntN(256))
			}
		}
	}
	return text
}

// doubled has a field twice.
func (m *mutator) doubled(text []byte) []byte {
	rest, is := bytes.CutPrefix(text, []byte("{"))
	if !is || len(rest) < 2 {
		return text
	}
	field, err := json.Marshal(map[string]any{m.name(): m.value()})
	if err != nil {
		return text
	}
	return append(append(field[:len(field)-1:len(field)-1], ','), rest...)
}
