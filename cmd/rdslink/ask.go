package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func (t *tool) say(text string) { fmt.Fprintln(t.err, "rdslink:", text) }

// ask asks a person. --yes answers where nobody does.
func (t *tool) ask(question string) (bool, error) {
	if t.yes {
		return true, nil
	}
	return t.question(question)
}

// atTerminal asks whoever sits there: cdk keeps the standard input from its app.
func atTerminal(question string) (bool, error) {
	terminal, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return false, errors.New("nobody is there to be asked: set YES=1 if that is meant, or give --yes")
	}
	defer func() { _ = terminal.Close() }() // nothing was buffered
	return prompt(terminal, question)
}

func prompt(terminal io.ReadWriter, question string) (bool, error) {
	fmt.Fprintf(terminal, "rdslink: %s [y/N] ", question)
	answer, err := bufio.NewReader(terminal).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read answer: %w", err)
	}
	return slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(answer))), nil
}
