package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/rdslink/rdslink/local/front/identity"
	"github.com/rdslink/rdslink/local/permissions"
)

// prove holds the policies of an app's roles against what they needed on a cloud.
func prove(args []string) error {
	flags := flag.NewFlagSet("local permissions", flag.ExitOnError)
	file := flags.String("rules", "", "which roles are the app's, and what about them has a reason (JSON)")
	kept := flags.String("record", "", "what the roles may do and needed (JSON): made with --from, read without")
	from := flags.String("from", "", "the endpoint of the cloud on which the app ran")
	account := flags.String("account", "111122223333", "where the app's roles are")
	region := flags.String("region", "eu-central-1", "of that cloud")
	partial := flags.Bool("partial", false, "the app did not do all that it does: only look for what was refused")
	table := flags.Bool("table", false, "print what each role may do and how often it was needed")
	_ = flags.Parse(args) // exits on an error
	rules, err := permissions.ReadRules(*file)
	if err != nil {
		return err
	}
	var record permissions.Record
	if *from == "" {
		record, err = permissions.Read(*kept)
	} else {
		record, err = collect(*from, *region, *account, rules)
	}
	if err != nil {
		return err
	}
	if refused := record.Refused(); len(refused) > 0 {
		return fmt.Errorf("called without permission:\n%s", strings.Join(refused, "\n"))
	}
	if *partial {
		return nil
	}
	if *from != "" {
		if err := record.Write(*kept); err != nil {
			return err
		}
	}
	if *table {
		if err := permissions.Print(os.Stdout, record, rules); err != nil {
			return err
		}
	}
	if err := permissions.Prove(record, rules); err != nil {
		return err
	}
	fmt.Println("\nNothing is missing, nothing is unused without a reason, and every change is noticed.")
	return nil
}

// collect asks a cloud for its log of calls and for the roles.
func collect(endpoint, region, account string, rules *permissions.Rules) (permissions.Record, error) {
	answer, err := http.Get(endpoint + "/_local/calls")
	if err != nil {
		return permissions.Record{}, fmt.Errorf("get the log of calls: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	log, err := io.ReadAll(answer.Body)
	if err != nil {
		return permissions.Record{}, fmt.Errorf("get the log of calls: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return permissions.Record{}, fmt.Errorf("get the log of calls: %s: %s", answer.Status, log)
	}
	return permissions.Collect(context.Background(), identity.Config(endpoint, region, identity.Root(account)), log, rules)
}
