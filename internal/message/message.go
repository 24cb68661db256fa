// Package message writes what people are told from text files: a subject, an empty line, the body, with
// text/template's actions for the facts.
package message

import (
	"fmt"
	"io/fs"
	"strings"
	"text/template"
)

// Set is the messages of a function, each by the name of its file without the extension.
type Set struct{ templates *template.Template }

// Parse reads the messages in files; only the initialization of a package calls it, and it panics
// when a file does not parse.
func Parse(files fs.FS) Set {
	return Set{template.Must(template.New("").ParseFS(files, "*/*.txt"))}
}

// Write writes a message. It panics when the message asks for what the facts do not hold, which no fact can change: a test
// that writes the message once has shown that it never does.
func (s Set) Write(name string, facts any) (subject, body string) {
	var text strings.Builder
	if err := s.templates.ExecuteTemplate(&text, name+".txt", facts); err != nil {
		panic(fmt.Sprintf("write message %s: %v", name, err))
	}
	subject, body, _ = strings.Cut(strings.TrimSuffix(text.String(), "\n"), "\n\n")
	return subject, body
}
