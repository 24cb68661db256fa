package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/regioninfo"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/nearest"
)

// options are what a deployer may say, as CDK context (cdk deploy -c name=value, or cdk.json).
type options struct {
	// name tells the stack from others of its account and region.
	name deployment.Name
	// approvers are the ARNs of the roles that may put ConnectionDecision events. Empty: whoever IAM
	// lets put events on the bus.
	approvers []string
	// tags are added to everything, also to what the steps create: service control policies may demand them.
	tags map[string]string
	// operators is an e-mail address that hears of pending connections, failures and alarms. Empty:
	// subscribe to the topic yourself.
	operators string
	// permissionsBoundary is the ARN of a managed policy that every role of the stack gets.
	permissionsBoundary string
	// key is the ARN of a KMS key for registry and topics. Empty: the stack makes one.
	key string
	// roles are the ARNs of existing roles, by the name of the function they are for. The stack makes the others.
	roles map[string]string
	// tagged restricts step 7 to security groups that carry rdslink:ingress=allowed.
	tagged bool
	// patience is how long an exposure may be without service, or unwatched, before the operators are told.
	patience time.Duration
	// architecture is Lambda's: arm64 or x86_64. The functions must have been built for it.
	architecture string
	// functions is the directory that holds one directory per function with its bootstrap binary.
	functions string
}

// The forms of ARNs that the options take. The first group is the partition, the second the account.
var (
	roleARN   = regexp.MustCompile(`^arn:(aws[a-z-]*):iam::(\d{12}):role/[\x21-\x7e]+$`)
	policyARN = regexp.MustCompile(`^arn:(aws[a-z-]*):iam::(\d{12}|aws):policy/[\x21-\x7e]+$`)
	keyARN    = regexp.MustCompile(`^arn:(aws[a-z-]*):kms:([a-z0-9-]+):(\d{12}):key/[A-Za-z0-9-]+$`)
)

// target is where the stack will be deployed, as far as cdk knows it: it asks AWS before it runs the app, and says nothing
// when there are no credentials.
type target struct{ account, region string }

func destination() target {
	return target{os.Getenv("CDK_DEFAULT_ACCOUNT"), os.Getenv("CDK_DEFAULT_REGION")}
}

// contextOptions reads the options from node's context, for a stack at to.
func contextOptions(node constructs.Node, to target) (options, error) {
	o := options{architecture: architecture(), functions: "build/functions"}
	var groups, name, patience string
	if err := errors.Join(
		readText(node, "name", &name),
		read(node, "approvers", &o.approvers),
		read(node, "tags", &o.tags),
		read(node, "roles", &o.roles),
		readText(node, "operators", &o.operators),
		readText(node, "permissionsBoundary", &o.permissionsBoundary),
		readText(node, "key", &o.key),
		readText(node, "databaseGroups", &groups),
		readText(node, "patience", &patience),
	); err != nil {
		return options{}, err
	}
	o.tagged = groups == "tagged"
	return o, errors.Join(o.call(name), checkGroups(groups), o.wait(patience), o.check(to))
}

// said are the options as they have to be given again at the next deployment, by name. The stack's own name is not among
// them: another is another stack.
func (o options) said() map[string]any {
	all := map[string]any{}
	say := func(name string, value any, said bool) {
		if said {
			all[name] = value
		}
	}
	say("approvers", o.approvers, len(o.approvers) > 0)
	say("tags", o.tags, len(o.tags) > 0)
	say("roles", o.roles, len(o.roles) > 0)
	say("operators", o.operators, o.operators != "")
	say("permissionsBoundary", o.permissionsBoundary, o.permissionsBoundary != "")
	say("key", o.key, o.key != "")
	say("databaseGroups", deployment.OnlyTagged, o.tagged)
	say("patience", o.patience.String(), o.impatient())
	return all
}

func (o *options) call(text string) (err error) {
	if o.name, err = deployment.Parse(text); err != nil {
		return fmt.Errorf("context name: %w", err)
	}
	return nil
}

func (o *options) wait(text string) (err error) {
	if o.patience, err = deployment.ParsePatience(text); err != nil {
		return fmt.Errorf("context %w", err)
	}
	return nil
}

// impatient: another patience was asked for than the usual one. Tests may leave it out.
func (o options) impatient() bool { return o.patience != 0 && o.patience != deployment.DefaultPatience }

func checkGroups(groups string) error {
	if !slices.Contains([]string{"", "any", "tagged"}, groups) {
		return fmt.Errorf("context databaseGroups: %q is neither any nor tagged", groups)
	}
	return nil
}

// check finds what AWS would refuse, or quietly misunderstand, long after synthesis.
func (o options) check(to target) error {
	if err := to.supported(); err != nil {
		return err
	}
	errs := []error{o.checkBoundary(to), o.checkKey(to), o.checkRoles(to)}
	for _, role := range o.approvers {
		parts := roleARN.FindStringSubmatch(role)
		if parts == nil {
			errs = append(errs, fmt.Errorf("context approvers: %q is not the ARN of a role", role))
			continue
		}
		// Accounts of one's own may approve, too, of the same partition: another one's are not known here.
		errs = append(errs, to.check("approvers", role, parts[1], ""))
	}
	return errors.Join(errs...)
}

func (o options) checkBoundary(to target) error {
	if o.permissionsBoundary == "" {
		return nil
	}
	parts := policyARN.FindStringSubmatch(o.permissionsBoundary)
	if parts == nil {
		return fmt.Errorf("context permissionsBoundary: %q is not the ARN of a managed policy, such as arn:aws:iam::111122223333:policy/boundary",
			o.permissionsBoundary)
	}
	// Policies of AWS's own belong to every account.
	return to.check("permissionsBoundary", o.permissionsBoundary, parts[1], strings.TrimSuffix(parts[2], "aws"))
}

func (o options) checkKey(to target) error {
	if o.key == "" {
		return nil
	}
	parts := keyARN.FindStringSubmatch(o.key)
	if parts == nil {
		// Policies name a key by its own ARN: an alias may be moved to another key.
		return fmt.Errorf("context key: %q is not the ARN of a KMS key, such as "+
			"arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab; an alias will not do", o.key)
	}
	if to.region != "" && parts[2] != to.region {
		return fmt.Errorf("context key: %s is in region %s, and the stack goes to %s: DynamoDB takes keys of its own region only",
			o.key, parts[2], to.region)
	}
	return to.check("key", o.key, parts[1], parts[3])
}

func (o options) checkRoles(to target) error {
	var errs []error
	names := roleNames()
	holders := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(o.roles)) {
		arn := o.roles[name]
		parts := roleARN.FindStringSubmatch(arn)
		switch other := holders[arn]; {
		case !slices.Contains(names, name):
			errs = append(errs, fmt.Errorf("context roles: the stack has no role %q%s", name, didYouMean(name, names)))
		case parts == nil:
			errs = append(errs, fmt.Errorf("context roles: %s: %q is not the ARN of a role, such as arn:aws:iam::111122223333:role/%s",
				name, arn, name))
		case other != "":
			errs = append(errs,
				fmt.Errorf("context roles: %s and %s have the same role %s: each needs its own, or one could do what only the other may",
					other, name, arn))
		default:
			errs = append(errs, to.check("roles: "+name, arn, parts[1], parts[2]))
		}
		holders[arn] = name
	}
	return errors.Join(errs...)
}

// check compares an ARN's partition and account with the target's; an empty one fits everywhere.
func (to target) check(option, arn, partition, account string) error {
	if to.account != "" && account != "" && account != to.account {
		return fmt.Errorf("context %s: %s belongs to account %s, and the stack goes to %s", option, arn, account, to.account)
	}
	if to.region == "" {
		return nil
	}
	if home := to.partition(); home != partition {
		return fmt.Errorf("context %s: %s is of partition %s, and %s is in %s", option, arn, partition, to.region, home)
	}
	return nil
}

// partition is the one of the target's region. A region that is younger than this version of the CDK is in aws.
func (to target) partition() string {
	if known := regioninfo.RegionInfo_Get(&to.region).Partition(); known != nil {
		return *known
	}
	return "aws"
}

// supported is an error for the partitions that rdslink does not know: consoles, certificates, names of services and of
// endpoint services are others there. cdk.json names the same two.
func (to target) supported() error {
	if to.region == "" || slices.Contains([]string{"aws", "aws-us-gov"}, to.partition()) {
		return nil
	}
	return fmt.Errorf("region %s is in the partition %s, and rdslink runs in aws and aws-us-gov only: "+
		"deploy to a region of one of these (AWS_REGION)", to.region, to.partition())
}

func didYouMean(name string, names []string) string {
	if near := nearest.To(name, names); len(near) > 0 {
		return "; did you mean " + near[0] + "?"
	}
	return "; its roles are " + strings.Join(names, ", ")
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
	*into = text
	return nil
}

// read decodes the context value name, given as JSON text on the command line or as JSON in cdk.json.
func read(node constructs.Node, name string, into any) error {
	value := node.TryGetContext(ptr(name))
	if value == nil {
		return nil
	}
	text, ok := value.(string)
	if !ok {
		b, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("context %s: %w", name, err)
		}
		text = string(b)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("context %s: %q: %w", name, text, err)
	}
	return nil
}

// architecture is what the Makefile built the functions for (ARCH, as Go names it), else this machine's.
func architecture() string {
	if cmp.Or(os.Getenv("ARCH"), runtime.GOARCH) == "arm64" {
		return "arm64"
	}
	return "x86_64"
}
