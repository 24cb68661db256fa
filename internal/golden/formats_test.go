package golden

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// complaints are what a test would have failed with.
type complaints struct {
	testing.TB
	said []string
}

func (c *complaints) Helper() {}

func (c *complaints) Errorf(format string, args ...any) {
	c.said = append(c.said, fmt.Sprintf(format, args...))
}

type thing struct {
	Name  string            `json:"name"`
	Inner []inner           `json:"inner"`
	Tags  map[string]string `json:"tags,omitempty"`
}

type inner struct {
	Port int `json:"port"`
	Open bool
}

func TestFormatsOnlyGrow(t *testing.T) {
	const whole = `{"name":"a","inner":[{"port":1,"Open":false}],"tags":{"stage":"test"}}`
	for name, row := range map[string]struct {
		versions []string
		says     string // of the one complaint
		update   bool
		added    string
	}{
		"all is there":                       {versions: []string{whole}},
		"an earlier version has less":        {versions: []string{`{"name":"a"}`, whole}},
		"of two versions the tenth is later": {versions: []string{whole, whole, whole, whole, whole, whole, whole, whole, whole, `{"name":"a"}`}, says: `no example of {"inner"`},
		"a field is gone":                    {versions: []string{`{"name":"a","former":1}`, whole}, says: "former"},
		"a field is another":                 {versions: []string{`{"name":"a","inner":{}}`, whole}, says: "not understood"},
		"a field is new":                     {versions: []string{`{"name":"a","inner":[{"port":1,"Open":true}]}`}, says: `no example of {"tags":{"*":"x"}}`},
		"a field of an inner one is new":     {versions: []string{`{"name":"a","inner":[{"port":1}],"tags":{"a":"b"}}`}, says: `no example of {"inner":[{"Open":true}]}`},
		"a version is added":                 {versions: []string{`{"name":"a","inner":[{"port":1,"Open":true}]}`}, update: true, added: `{"inner":[{"Open":true,"port":1}],"name":"a","tags":{"*":"x"}}`},
		"nothing is added":                   {versions: []string{whole}, update: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for i, text := range row.versions {
				folder := filepath.Join(formats, fmt.Sprint(i+1))
				if err := os.MkdirAll(folder, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(folder, "thing.json"), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			before := *update
			*update = row.update
			defer func() { *update = before }()
			c := &complaints{TB: t}
			read, write := JSON[thing]()

			Formats(c, "thing", read, write)

			if said := strings.Join(c.said, "\n"); (said == "") != (row.says == "") || !strings.Contains(said, row.says) {
				t.Errorf("it says %q, want %q", said, row.says)
			}
			added, err := os.ReadFile(filepath.Join(formats, fmt.Sprint(len(row.versions)+1), "thing.json"))
			if (err == nil) != (row.added != "") || err == nil && compact(t, added) != row.added {
				t.Errorf("added: %s, %v, want %s", added, err, row.added)
			}
			for i, text := range row.versions {
				if now, err := os.ReadFile(filepath.Join(formats, fmt.Sprint(i+1), "thing.json")); err != nil || string(now) != text {
					t.Errorf("version %d is now %s (%v)", i+1, now, err)
				}
			}
		})
	}
}

// What is read and not written again is lost.
func TestAValueThatIsLostIsNoticed(t *testing.T) {
	t.Chdir(t.TempDir())
	folder := filepath.Join(formats, "1")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "port.json"), []byte(`{"port":5432,"Open":true}`), 0o644); err != nil {
		t.Fatal(err)
	}
	c := &complaints{TB: t}
	_, write := JSON[inner]()
	Formats(c, "port", func([]byte) (inner, error) { return inner{Open: true}, nil }, write)
	if len(c.said) != 1 || !strings.Contains(c.said[0], ".port is lost") {
		t.Errorf("it says %q", c.said)
	}
}

func compact(t *testing.T, text []byte) string {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	short, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(short)
}
