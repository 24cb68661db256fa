package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/rdslink/rdslink/internal/inspect"
	"github.com/rdslink/rdslink/internal/operator"
	"github.com/rdslink/rdslink/internal/registry"
)

// show prints an exposure's hops, as AWS describes them. A broken one is an error, for scripts.
func show(ctx context.Context, o *operator.Operator, flags *flag.FlagSet, args []string) error {
	output := flags.String("output", "text", "text or json")
	if err := flags.Parse(args); err != nil {
		return err
	}
	id := flags.Arg(0)
	if id != "" {
		if err := flags.Parse(flags.Args()[1:]); err != nil {
			return err
		}
	}
	if id == "" || flags.NArg() > 0 || *output != "text" && *output != "json" {
		return fmt.Errorf("show takes an exposure, and --output text or json\n%s", usage)
	}
	exposure, report, err := o.Show(ctx, id)
	if err != nil {
		return fmt.Errorf("show exposure %s: %w", id, err)
	}
	if err := printShown(os.Stdout, *output, exposure, report); err != nil {
		return err
	}
	if hop, broken := report.Broken(); broken {
		return errors.Join(fmt.Errorf("exposure %s: %s is broken", id, hop.Name), report.Err)
	}
	return report.Err
}

func printShown(out io.Writer, output string, exposure registry.Exposure, report inspect.Report) error {
	if output == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(report); err != nil {
			return fmt.Errorf("encode report: %w", err)
		}
		return nil
	}
	_, _ = fmt.Fprintf(out, "%s: %s for %s\n\n", exposure.ID, exposure.DatabaseARN, exposure.Consumer)
	report.Print(out)
	return nil
}
