package message

import (
	"testing"
	"testing/fstest"
)

func TestWrite(t *testing.T) {
	set := Parse(fstest.MapFS{
		"messages/hello.txt":  {Data: []byte("hello: {{.}}\n\nDear {{.}},\n\n{{template \"close\"}}\n")},
		"messages/shared.txt": {Data: []byte(`{{define "close"}}Yours{{end}}`)},
	})
	subject, body := set.Write("hello", "ann")
	if subject != "hello: ann" || body != "Dear ann,\n\nYours" {
		t.Errorf("subject %q, body %q", subject, body)
	}
}

func TestAMessageThatAsksForWhatIsNotThereIsNotSent(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it was written")
		}
	}()
	Parse(fstest.MapFS{"messages/hello.txt": {Data: []byte("{{.Name}}")}}).Write("hello", struct{}{})
}
