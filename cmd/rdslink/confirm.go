package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdslink/rdslink/docs"
	"github.com/rdslink/rdslink/internal/confirm"
	"github.com/rdslink/rdslink/internal/deployment"
)

// confirmAssumptions holds docs/assumptions.md against the account. A row that is contradicted is an error, for scripts.
func confirmAssumptions(ctx context.Context, settings aws.Config, name deployment.Name, flags *flag.FlagSet, args []string) error {
	output := flags.String("output", "text", "text or json")
	if err := flags.Parse(args); err != nil {
		return err
	}
	exposure := flags.Arg(0)
	if exposure != "" {
		if err := flags.Parse(flags.Args()[1:]); err != nil {
			return err
		}
	}
	if flags.NArg() > 0 || *output != "text" && *output != "json" {
		return fmt.Errorf("confirm takes one exposure at most, and --output text or json\n%s", usage)
	}
	report, err := confirm.Run(ctx, confirm.New(settings, name, nil), confirm.Rows(docs.Assumptions), exposure)
	if err != nil {
		return fmt.Errorf("confirm assumptions: %w", err)
	}
	if *output == "json" {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(report); err != nil {
			return fmt.Errorf("encode report: %w", err)
		}
	} else {
		report.Print(os.Stdout)
	}
	if n := report.Count(confirm.Contradicted); n > 0 {
		return fmt.Errorf("%d assumptions are contradicted: see what to do above", n)
	}
	return nil
}
