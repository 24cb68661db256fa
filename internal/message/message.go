// Package message writes what people are told from text files, in which {{Name}} stands for a fact. A message is a subject,
// an empty line and a body. It does without text/template, which calls methods by their names: the linker then keeps every
// method of every client in the program, and the observer has 12 MB instead of 5.
package message

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// Facts are what the texts may ask for. The value of one can be another text of the set.
type Facts map[string]string

// Set is the texts of a function, each by the name of its file without the extension.
type Set map[string]string

// Read reads the texts in a folder of files; only the initialization of a package calls it. It panics when there is none.
func Read(files fs.FS) Set {
	names, err := fs.Glob(files, "*/*.txt")
	if err != nil || len(names) == 0 {
		panic(fmt.Sprintf("find texts: %d, %v", len(names), err))
	}
	set := Set{}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			panic(err)
		}
		set[strings.TrimSuffix(path.Base(name), ".txt")] = strings.TrimSuffix(string(text), "\n")
	}
	return set
}

var fact = regexp.MustCompile(`\{\{\w*\}\}`)

// Text is a text with the facts in their places. It panics when there is no such text, or when it asks for what the facts do
// not hold, which no value can change: a test that writes each text once has shown that it never does.
func (s Set) Text(name string, facts Facts) string {
	text, found := s[name]
	if !found {
		panic("write text " + name + ": there is none")
	}
	return fact.ReplaceAllStringFunc(text, func(placeholder string) string {
		value, given := facts[strings.Trim(placeholder, "{}")]
		if !given {
			panic("write text " + name + ": no fact for " + placeholder)
		}
		return value
	})
}

// Write writes a message. It panics as Text does.
func (s Set) Write(name string, facts Facts) (subject, body string) {
	subject, body, _ = strings.Cut(s.Text(name, facts), "\n\n")
	return subject, body
}
