// Command rdslink starts executions of a deployed rdslink, follows them, accepts or rejects connections, and holds what is
// assumed of AWS against an account. It prepares a deployment, and ends it. It works with the credentials and the region of
// its environment, on AWS and on the local cloud alike.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"os/user"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/operator"
)

const usage = `usage:
  rdslink start  --database NAME --vendor NAME   start an execution and follow it
  rdslink start  --input JSON                    the same, with the whole input
  rdslink follow EXECUTION-ARN                   follow an execution
  rdslink approve --exposure ID [--endpoint ID] [--reason TEXT]
  rdslink reject  --exposure ID [--endpoint ID] [--reason TEXT]
  rdslink show EXPOSURE [--output json]          is it served, and what is broken where; it changes nothing
  rdslink replay                                 have what functions gave up on dealt with again
  rdslink confirm [EXPOSURE] [--output json]     hold docs/assumptions.md against this account; it changes nothing
  rdslink preflight ASSEMBLY                     before a deployment: is what its context names there, and what of an earlier one?
  rdslink destroy                                delete the stack after the last exposure
A deployment with a name is meant by --name NAME before the command, or by RDSLINK_NAME`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "rdslink:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	name, args, err := which(args)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return errors.New(usage)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if args[0] == "preflight" {
		if len(args) != 2 {
			return errors.New(usage)
		}
		return beforeDeployment(ctx, args[1])
	}
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("load AWS configuration: %w", err)
	}
	if settings.Region == "" {
		return errors.New("no region: set AWS_REGION to the database's region")
	}
	o := operator.New(settings, name)
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	switch args[0] {
	case "start":
		return start(ctx, o, flags, args[1:])
	case "follow":
		if len(args) != 2 {
			return errors.New(usage)
		}
		return follow(ctx, o, args[1])
	case "approve":
		return decide(ctx, o, flags, args[1:], bus.Accept)
	case "reject":
		return decide(ctx, o, flags, args[1:], bus.Reject)
	case "replay":
		if len(args) != 1 {
			return errors.New(usage)
		}
		return replay(ctx, o)
	case "show":
		return show(ctx, o, flags, args[1:])
	case "confirm":
		return confirmAssumptions(ctx, settings, name, flags, args[1:])
	case "destroy":
		return destroy(ctx, settings, name)
	}
	return fmt.Errorf("unknown command %q\n%s", args[0], usage)
}

// which reads whose deployment is meant, and leaves the command.
func which(args []string) (deployment.Name, []string, error) {
	flags := flag.NewFlagSet("rdslink", flag.ContinueOnError)
	text := flags.String("name", os.Getenv(deployment.Named), "the deployment's name")
	if err := flags.Parse(args); err != nil {
		return "", nil, err
	}
	name, err := deployment.Parse(*text)
	return name, flags.Args(), err
}

func start(ctx context.Context, o *operator.Operator, flags *flag.FlagSet, args []string) error {
	database := flags.String("database", "", "the database's identifier or ARN")
	vendor := flags.String("vendor", "", "the vendor's preset")
	input := flags.String("input", "", "the whole input, JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *input == "" {
		// Step 1 judges the values, the same here as from the console.
		text, err := json.Marshal(map[string]string{"database": *database, "vendor": *vendor})
		if err != nil {
			return fmt.Errorf("encode input: %w", err)
		}
		*input = string(text)
	}
	execution, err := o.Start(ctx, *input)
	if err != nil {
		return err
	}
	fmt.Println(execution)
	return follow(ctx, o, execution)
}

func follow(ctx context.Context, o *operator.Operator, execution string) error {
	view := operator.NewView(os.Stdout)
	p, err := o.Follow(ctx, execution, time.Second, func(p operator.Progress) bool {
		view.Show(p)
		return false
	})
	if errors.Is(err, context.Canceled) {
		fmt.Printf("\nThe execution goes on. To follow it again: rdslink follow %s\n", execution)
		return nil
	}
	if err != nil {
		return err
	}
	if p.Error != "" {
		return fmt.Errorf("%s: %s", p.Error, p.Cause)
	}
	fmt.Println(p.Output)
	return nil
}

func decide(ctx context.Context, o *operator.Operator, flags *flag.FlagSet, args []string, decision string) error {
	d := bus.Decision{Decision: decision}
	flags.StringVar(&d.Exposure, "exposure", "", "the exposure")
	flags.StringVar(&d.VPCEndpointID, "endpoint", "", "the VPC endpoint; the only pending one if not given")
	flags.StringVar(&d.Reason, "reason", "", "kept with the decision")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if d.Exposure == "" {
		return errors.New("which exposure? --exposure ID, as the message about the pending connection says")
	}
	if u, err := user.Current(); err == nil {
		d.By = u.Username
	}
	if err := o.Decide(ctx, d); err != nil {
		return err
	}
	fmt.Printf("%s of %s is on its way; the operators' topic says what became of it\n", decision, d.Exposure)
	return nil
}
