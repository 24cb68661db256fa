package message

import (
	"testing"
	"testing/fstest"
)

func TestWrite(t *testing.T) {
	set := Read(fstest.MapFS{
		"messages/hello.txt": {Data: []byte("hello: {{Name}}\n\nDear {{Name}},\n\n{{close}}\n")},
		"messages/close.txt": {Data: []byte("Yours, ${{Sum}}\n")},
	})
	subject, body := set.Write("hello", Facts{"Name": "{{ann}}", "close": set.Text("close", Facts{"Sum": "1.20"})})
	if subject != "hello: {{ann}}" || body != "Dear {{ann}},\n\nYours, $1.20" {
		t.Errorf("subject %q, body %q", subject, body)
	}
}

func TestAMessageThatAsksForWhatIsNotThereIsNotSent(t *testing.T) {
	set := Read(fstest.MapFS{"messages/hello.txt": {Data: []byte("{{Name}}")}})
	for name, facts := range map[string]Facts{"hello": {"name": "ann"}, "goodbye": {}} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it was written")
				}
			}()
			set.Write(name, facts)
		})
	}
}
