package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/operator"
)

// tool is what the commands share: how it was called, whom it talks to, and the flags that all of them have.
type tool struct {
	program string
	in      io.Reader
	out     io.Writer // what was asked for
	err     io.Writer // what is said about it
	running bool      // the arguments are right, the command has begun

	stack  string
	output string
	yes    bool

	question func(text string) (bool, error) // asks a person
}

func newTool(program string, in io.Reader, out, err io.Writer) *tool {
	return &tool{program: program, in: in, out: out, err: err, question: atTerminal}
}

const (
	asText = "text"
	asJSON = "json"

	forExposures   = "exposures"
	forDeployments = "deployments"
)

func (t *tool) newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "rdslink",
		Short: "RDS databases behind AWS PrivateLink, by a deployed rdslink",
		Long: `rdslink starts executions of a deployed rdslink, follows them, decides about connections, and shows what became of them.
It works with the credentials and the region of its environment (AWS_PROFILE, AWS_REGION).

It ends with 0 when all is done, with 1 when something failed (an execution, too), with 2 when it was used in a wrong way,
and with 3 when it stopped waiting for something that goes on.`,

		SuggestionsMinimumDistance: 2,

		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          takes(),
		RunE:          func(root *cobra.Command, _ []string) error { return root.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if err := t.check(); err != nil {
				return err
			}
			t.running = true
			return nil
		},
	}
	root.SetFlagErrorFunc(wrongFlag)
	root.SetIn(t.in)
	root.SetOut(t.out)
	root.SetErr(t.err)
	flags := root.PersistentFlags()
	flags.StringVar(&t.stack, "stack", os.Getenv(deployment.Named), "which of several stacks: its option name; or "+deployment.Named)
	flags.StringVarP(&t.output, "output", "o", asText, "how to print the result: text or json")
	flags.BoolVarP(&t.yes, "yes", "y", os.Getenv("YES") == "1", "do it without asking; or YES=1")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{asText, asJSON}, cobra.ShellCompDirectiveNoFileComp))
	root.AddGroup(&cobra.Group{ID: forExposures, Title: "Exposures:"}, &cobra.Group{ID: forDeployments, Title: "The deployment:"})
	for group, commands := range map[string][]*cobra.Command{
		forExposures: {t.startCommand(), t.followCommand(), t.approveCommand(), t.rejectCommand(), t.listCommand(), t.showCommand(),
			t.handoffCommand(), t.vendorsCommand(), t.removeCommand(), t.endCommand()},
		forDeployments: {t.preflightCommand(), t.confirmCommand(), t.replayCommand(), t.restoreCommand(), t.destroyCommand()},
		"":             {t.versionCommand()},
	} {
		for _, command := range commands {
			command.GroupID = group
			root.AddCommand(command)
		}
	}
	return root
}

// wrongFlag words in people's words what pflag says in Go's.
func wrongFlag(_ *cobra.Command, err error) error {
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	kinds := map[string]string{"int": "a whole number", "duration": "a duration, such as 90s or 2h", "bool": "true or false"}
	flag := invalid.GetFlag()
	return fmt.Errorf("--%s must be %s, got %q", flag.Name, kinds[flag.Value.Type()], invalid.GetValue())
}

// check judges the flags that all commands have.
func (t *tool) check() error {
	if !slices.Contains([]string{asText, asJSON}, t.output) {
		return fmt.Errorf("--output must be text or json, got %q", t.output)
	}
	_, err := deployment.Parse(t.stack)
	return err
}

// takes accepts an argument for each name, of which those in brackets may be left out.
func takes(names ...string) cobra.PositionalArgs {
	return func(command *cobra.Command, args []string) error {
		if len(args) > len(names) && command.HasSubCommands() {
			return fmt.Errorf("there is no command %q%s", args[0], meant(command.SuggestionsFor(args[0])))
		}
		if len(args) > len(names) {
			return fmt.Errorf("one argument too many, %q: %s", args[len(names)], command.UseLine())
		}
		for i, name := range names {
			if missing := i >= len(args) || args[i] == ""; missing && !strings.HasPrefix(name, "[") {
				return fmt.Errorf("%s is missing: %s", name, command.UseLine())
			}
		}
		return nil
	}
}

func meant(near []string) string {
	if len(near) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(near, " or ") + "?"
}

// called is how a command is called again, by whoever called this one.
func (t *tool) called(command *cobra.Command) string {
	return t.program + strings.TrimPrefix(command.CommandPath(), command.Root().Name())
}

// name is the deployment that is meant.
func (t *tool) name() deployment.Name { return deployment.Name(t.stack) }

// settings are those of the environment.
func (t *tool) settings(ctx context.Context) (aws.Config, error) {
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return settings, fmt.Errorf("load AWS configuration: %w", err)
	}
	if settings.Region == "" {
		return settings, errors.New("no region: set AWS_REGION to the database's region")
	}
	return settings, nil
}

func (t *tool) operator(ctx context.Context) (*operator.Operator, error) {
	settings, err := t.settings(ctx)
	if err != nil {
		return nil, err
	}
	return operator.New(settings, t.name()), nil
}

// print prints a result: for people as text says, for programs all of it.
func (t *tool) print(result any, text func(io.Writer)) error {
	if t.output == asJSON {
		return t.printJSON(result)
	}
	text(t.out)
	return nil
}

// printJSON prints what programs read.
func (t *tool) printJSON(value any) error {
	encoder := json.NewEncoder(t.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	return nil
}
