package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"

	"github.com/rdslink/rdslink/internal/handoff"
)

// options are what whoever deploys may say, as CDK context.
type options struct {
	// handoff is the document that rdslink handoff --output json printed.
	handoff handoff.Document
	// vpc is where the clients are.
	vpc string
	// clients are the security groups (sg-…) and IPv4 blocks that may connect. Empty: the VPC's blocks.
	clients []string
	// subnets are where the endpoint's interfaces go. Empty: one in each zone that VPC and service have.
	subnets []string
	// host is a name of one's own for the database, beside its own.
	host string
	// operators is an e-mail address that hears of the alarms. Empty: nobody does.
	operators string
	// trusted are the ARNs of who may take the endpoint's role. Empty: whom IAM lets in the account.
	trusted []string
}

var (
	vpcID     = regexp.MustCompile(`^vpc-[0-9a-f]{8,17}$`)
	subnetID  = regexp.MustCompile(`^subnet-[0-9a-f]{8,17}$`)
	groupID   = regexp.MustCompile(`^sg-[0-9a-f]{8,17}$`)
	mail      = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)
	principal = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:(root|(role|user)/[\x21-\x7e]+)$`)
	// hostName is a name of at least two labels, as a private hosted zone takes it.
	hostName = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])$`)
)

// contextOptions reads the options from node's context, and says of each what cannot be right whatever the account has.
func contextOptions(node constructs.Node) (o options, err error) {
	var file, clients, subnets, trusted string
	err = errors.Join(
		readText(node, "handoff", &file),
		readText(node, "vpc", &o.vpc),
		readText(node, "clients", &clients),
		readText(node, "subnets", &subnets),
		readText(node, "host", &o.host),
		readText(node, "operators", &o.operators),
		readText(node, "trusted", &trusted),
	)
	if err != nil {
		return options{}, err
	}
	o.clients, o.subnets, o.trusted = items(clients), items(subnets), items(trusted)
	o.handoff, err = readHandoff(file)
	return o, errors.Join(err, o.check())
}

// readText reads a context value that is a string.
func readText(node constructs.Node, name string, into *string) error {
	value := node.TryGetContext(&name)
	if value == nil {
		return nil
	}
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("context %s: %v is not a string", name, value)
	}
	*into = strings.TrimSpace(text)
	return nil
}

// items are those of a list with commas.
func items(text string) (all []string) {
	for _, item := range strings.Split(text, ",") {
		if item = strings.TrimSpace(item); item != "" && !slices.Contains(all, item) {
			all = append(all, item)
		}
	}
	return all
}

func readHandoff(file string) (handoff.Document, error) {
	const remedy = "give the file that rdslink handoff EXPOSURE --output json was printed to, HANDOFF=handoff.json"
	if file == "" {
		return handoff.Document{}, fmt.Errorf("context handoff: it is missing: %s", remedy)
	}
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return handoff.Document{}, fmt.Errorf("context handoff: there is no file %q: %s", file, remedy)
	case err != nil:
		return handoff.Document{}, fmt.Errorf("context handoff: %q cannot be read (%w): %s", file, err, remedy)
	}
	d, err := handoff.Read(text)
	if err != nil {
		return handoff.Document{}, fmt.Errorf("context handoff: %s: %w", file, err)
	}
	return d, nil
}

func (o options) check() error {
	errs := []error{o.checkVPC(), o.checkHost()}
	for _, c := range o.clients {
		errs = append(errs, checkClient(c))
	}
	for _, s := range o.subnets {
		if !subnetID.MatchString(s) {
			errs = append(errs, fmt.Errorf("context subnets: %q is not the id of a subnet: give ids with commas, subnets=subnet-…,subnet-…", s))
		}
	}
	if o.operators != "" && !mail.MatchString(o.operators) {
		errs = append(errs, fmt.Errorf("context operators: %q is not an e-mail address: give one, such as dba@example.com", o.operators))
	}
	return errors.Join(append(errs, checkTrusted(o.trusted))...)
}

func checkTrusted(arns []string) error {
	var errs []error
	for _, arn := range arns {
		if !principal.MatchString(arn) {
			errs = append(errs, fmt.Errorf("context trusted: %q is not the ARN of a role, a user or an account's root: "+
				"give one, such as arn:aws:iam::555566667777:role/dba", arn))
		}
	}
	return errors.Join(errs...)
}

func (o options) checkVPC() error {
	switch {
	case o.vpc == "":
		return errors.New("context vpc: it is missing: give the id of the VPC that the clients are in, VPC=vpc-…")
	case !vpcID.MatchString(o.vpc):
		return fmt.Errorf("context vpc: %q is not the id of a VPC: give one, VPC=vpc-…", o.vpc)
	}
	return nil
}

func checkClient(c string) error {
	if groupID.MatchString(c) {
		return nil
	}
	block, err := netip.ParsePrefix(c)
	switch {
	case err != nil:
		return fmt.Errorf("context clients: %q is neither the id of a security group nor a block of addresses: "+
			"give ids and blocks with commas, CLIENTS=sg-…,10.0.0.0/16", c)
	case !block.Addr().Is4():
		return fmt.Errorf("context clients: %s is a block of IPv6, and the endpoint has IPv4 addresses: give the clients' IPv4 block", c)
	case block.Masked() != block:
		return fmt.Errorf("context clients: %s has bits beyond its length: give %s", c, block.Masked())
	case block.Bits() == 0:
		return fmt.Errorf("context clients: %s is everybody: give the block or the security group that the clients are in", c)
	}
	return nil
}

func (o options) checkHost() error {
	if o.host == "" {
		return nil
	}
	named := func(as func(database string) bool) bool {
		return slices.ContainsFunc(databasesOf(o.handoff), func(d database) bool { return as(d.Host) })
	}
	switch {
	case len(o.host) > 255 || !hostName.MatchString(o.host):
		return fmt.Errorf("context host: %q is not a domain name of at least two labels, in lower case: "+
			"give one, such as orders.db.internal", o.host)
	case named(func(database string) bool { return database == o.host }):
		return fmt.Errorf("context host: %s is the database's own name, which the stack makes anyway: leave it out", o.host)
	case strings.HasSuffix("."+o.host, ".amazonaws.com"), named(func(database string) bool { return strings.HasSuffix(database, "."+o.host) }):
		return fmt.Errorf("context host: a private zone %s would hide AWS's own names in the VPC: give a name of your own, "+
			"such as orders.db.internal", o.host)
	}
	return nil
}
