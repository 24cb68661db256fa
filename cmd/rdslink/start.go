package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rdslink/rdslink/internal/vendor"
)

// inputFlags are the fields of the input, which docs/input.md explains. Step 1 judges their values.
var inputFlags = []struct {
	name, field string
	value       func(flags *pflag.FlagSet, name, help string)
	help        string
}{
	{"database", "database", text, "identifier, ARN or host name of a DB instance, a DB cluster or an RDS Proxy"},
	{"vendor", "vendor", text, "for whom: a preset, as rdslink vendors lists them"},
	{"name", "name", text, "who the consumer is, where no vendor says it, or to tell two for one vendor apart"},
	{"principals", "principals", texts, "who may connect, without a vendor or instead of the vendor's: account ids or ARNs"},
	{"vendor-account", "vendorAccount", text, "the account that the vendor's console shows"},
	{"vendor-zone-ids", "vendorAvailabilityZoneIds", texts, "the Availability Zone ids that the vendor's console shows"},
	{"vendor-region", "vendorRegion", text, "the region in which the vendor makes its endpoint, if not the database's"},
	{"endpoint", "endpoint", text, "writer"},
	{"listener-port", "listenerPort", whole, "the port that the consumer connects to; the database's"},
	{"accept", "acceptance.mode", text, "manual, or expected-account"},
	{"max-connections", "acceptance.maxConnections", whole, "how many expected-account accepts"},
	{"timeout-days", "acceptance.timeoutDays", whole, "how long the execution waits for a connection"},
	{"supported-regions", "supportedRegions", texts, "further regions to connect from"},
	{"private-dns-name", "privateDnsName", text, "of the endpoint service, such as db.example.com; none gives it up"},
	{"ingress", "ingress", text, "subnets, or addresses"},
	{"resolver", "resolver", text, "vpc, or none"},
	{"auto-pause", "autoPause", text, "keep, or prevent"},
	{"flow-logs", "flowLogs", yes, "record who talks to the database"},
	{"notify", "notify", texts, "e-mail addresses that hear of this exposure"},
}

func text(flags *pflag.FlagSet, name, help string)  { flags.String(name, "", help) }
func texts(flags *pflag.FlagSet, name, help string) { flags.StringSlice(name, nil, help) }
func yes(flags *pflag.FlagSet, name, help string)   { flags.Bool(name, false, help) }
func whole(flags *pflag.FlagSet, name, help string) { flags.Int(name, 0, help) }

func (t *tool) startCommand() *cobra.Command {
	var input string
	var limit time.Duration
	command := &cobra.Command{
		Use:   "start",
		Short: "start an execution and follow it",
		Long: `start starts an execution and follows it to its end. Its input is a JSON object, or one flag for each of its fields:
docs/input.md explains them. What is wrong with it is told before there is an execution.`,
		Example: `  rdslink start --database orders-prod --vendor pushmetrics
  rdslink start --database orders-prod --name acme --principals 555566667777,444455556666
  rdslink start --input input.json
  jq '.vendor = "fivetran"' input.json | rdslink start --input -`,
		Args: takes(),
		RunE: func(command *cobra.Command, _ []string) (err error) {
			ctx := command.Context()
			if input, err = t.inputOf(command.Flags(), input); err != nil {
				return err
			}
			if err := judge(input); err != nil {
				return usageError{err}
			}
			o, err := t.operator(ctx)
			if err != nil {
				return err
			}
			execution, err := o.Start(ctx, input)
			if err != nil {
				return err
			}
			fmt.Fprintln(t.err, execution)
			return t.follow(ctx, o, execution, limit)
		},
	}
	flags := command.Flags()
	flags.SortFlags = false
	for _, f := range inputFlags {
		f.value(flags, f.name, f.help)
	}
	flags.StringVar(&input, "input", "", "the whole input instead: a file, - for the standard input, or the JSON itself")
	limitFlag(flags, &limit)
	for name, values := range map[string][]string{
		"vendor": vendor.IDs(), "endpoint": {"writer"}, "accept": {"manual", "expected-account"},
		"ingress": {"subnets", "addresses"}, "resolver": {"vpc", "none"}, "auto-pause": {"keep", "prevent"},
	} {
		_ = command.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	return command
}

// inputOf is the input, whole or by its fields.
func (t *tool) inputOf(flags *pflag.FlagSet, whole string) (string, error) {
	fields := map[string]any{}
	var first string
	for _, f := range inputFlags {
		if flag := flags.Lookup(f.name); flag.Changed {
			put(fields, f.field, flag.Value)
			if first == "" {
				first = f.name
			}
		}
	}
	switch {
	case !flags.Changed("input") && first == "":
		return "", usageError{errors.New("which database, and for whom? Give --database and --vendor, or --input " +
			"(make: DATABASE and VENDOR, or INPUT)")}
	case flags.Changed("input") && first != "":
		return "", usageError{fmt.Errorf("--input is the whole input: put what --%s says into it, or leave --input out", first)}
	case flags.Changed("input"):
		return t.readInput(whole)
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return "", fmt.Errorf("encode input: %w", err)
	}
	return string(text), nil
}

// put puts a flag's value where the input has its field.
func put(fields map[string]any, field string, value pflag.Value) {
	if outer, inner, nested := strings.Cut(field, "."); nested {
		if fields[outer] == nil {
			fields[outer] = map[string]any{}
		}
		put(fields[outer].(map[string]any), inner, value)
		return
	}
	switch list, isList := value.(pflag.SliceValue); {
	case isList:
		fields[field] = list.GetSlice()
	case value.Type() == "int", value.Type() == "bool":
		fields[field] = json.RawMessage(value.String())
	default:
		fields[field] = value.String()
	}
}
