// Command rdslink starts executions of a deployed rdslink, follows them, accepts or rejects connections, and holds what is
// assumed of AWS against an account. It prepares a deployment, and ends it. It works with the credentials and the region of
// its environment, on AWS and on the local cloud alike.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/rdslink/rdslink/internal/outcome"
)

// What an end means, for scripts. make has codes of its own.
const (
	exitDone = iota
	exitFailed
	exitWrongUse
	exitWaiting // nothing failed, and it goes on without us
)

func main() {
	os.Exit(newTool(os.Args[0], os.Stdin, os.Stdout, os.Stderr).run(context.Background(), os.Args[1:]))
}

// run runs the command that args name, and says how it ended.
func (t *tool) run(ctx context.Context, args []string) int {
	root := t.newRoot()
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	fmt.Fprintln(t.err, "rdslink:", outcome.Discreet(err.Error()))
	_, waits := errors.AsType[waitingError](err)
	_, wrong := errors.AsType[usageError](err)
	switch {
	case waits:
		return exitWaiting
	case wrong || !t.running: // before a command runs, only its arguments are read
		fmt.Fprintf(t.err, "%s --help says how it is used\n", t.called(command))
		return exitWrongUse
	}
	return exitFailed
}

// usageError is an error of whoever typed the command.
type usageError struct{ error }

// waitingError is not a failure: what was begun goes on.
type waitingError struct{ error }
