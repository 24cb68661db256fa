// Package deployment is the names by which the parts of a deployed rdslink find each other: the CDK app makes things under
// them, and functions, tools and people look for them there.
package deployment

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// A Name tells a deployment from the others of its account and region. Everything that it calls something by, and every tag
// that says "ours", derives from it, so that no deployment finds, or may touch, what is another's.
type Name string

// Unnamed is the deployment that has no name: most are alone.
const Unnamed Name = ""

// nameLength leaves room for the longest name of a function (Lambda: 64 characters, IAM roles: 64).
const nameLength = 16

var name = regexp.MustCompile(fmt.Sprintf(`^[a-z][a-z0-9-]{0,%d}$`, nameLength-1))

// Parse reads a name; nothing is Unnamed. What tags call the unnamed deployment can be no other's name.
func Parse(text string) (Name, error) {
	switch {
	case text == "":
		return Unnamed, nil
	case text == Unnamed.Managed():
		return "", fmt.Errorf("name %q is what tags say of the deployment without a name: choose another", text)
	case !name.MatchString(text):
		return "", fmt.Errorf("name %q: it has at most %d lower-case letters, digits and hyphens, and starts with a letter", text, nameLength)
	}
	return Name(text), nil
}

// Own is the name of the deployment that a function is part of.
func Own() Name { return Name(os.Getenv(Named)) }

// Stack is the name of the CloudFormation stack, which takes no underscores.
func (n Name) Stack() string {
	if n == Unnamed {
		return "rdslink"
	}
	return "rdslink-" + string(n)
}

// Bus is the name of the event bus.
func (n Name) Bus() string { return n.Stack() }

// ScheduleGroup is the name of the schedules' group.
func (n Name) ScheduleGroup() string { return n.Stack() }

// Metrics is the namespace of the metrics.
func (n Name) Metrics() string { return n.Stack() }

// Dashboard is the name of the dashboard.
func (n Name) Dashboard() string { return n.Stack() }

// Of is the name of what a deployment has several of. Names have no underscore: so one deployment's pattern, such as the
// resolvers', fits nothing of another's, and install-ip-sync is not the ip-sync of one that is called install.
func (n Name) Of(what string) string {
	if n == Unnamed {
		return "rdslink-" + what
	}
	return "rdslink_" + string(n) + "_" + what
}

// StateMachine is the name of the state machine of the ten steps.
func (n Name) StateMachine() string { return n.Of("setup") }

// RemovalMachine is the name of the state machine that takes an exposure away.
func (n Name) RemovalMachine() string { return n.Of(removal) }

const removal = "remove"

// IsRemoval says whether an execution is one of a removal, of whichever deployment.
func IsRemoval(executionARN string) bool {
	const machine = 6 // arn:partition:states:region:account:execution:machine:name
	parts := strings.Split(executionARN, ":")
	return len(parts) > machine && strings.HasSuffix(parts[machine], removal)
}

// Function is the name on AWS of the function in functions/NN-name or functions/remove-NN-name, which is remove-name.
func (n Name) Function(name string) string { return n.Of(name) }

// Resolver is the name of a VPC's resolver.
func (n Name) Resolver(vpcID string) string { return n.Of("resolver-" + vpcID) }

// Statement is the id of a statement of the bus's policy: CloudFormation knows it by that alone in an account and region
// (github.com/aws/aws-cdk/issues/29627).
func (n Name) Statement(id string) string {
	if n == Unnamed {
		return id
	}
	return id + "-" + string(n)
}

// Registry is the logical id of the registry's table. CloudFormation names the table after the stack and it.
const Registry = "Registry"

// RegistryTableOutput is the stack's output that says it.
const RegistryTableOutput = "RegistryTableName"

// PatienceOutput is the stack's output that says the option patience.
const PatienceOutput = "Patience"

// Key describes the key that a stack makes for registry and topics. Nothing else tells it from other keys.
func Key(stack string) string { return stack + ": registry and topics" }

// Managed is the value of the tag that says that something is the deployment's.
func (n Name) Managed() string {
	if n == Unnamed {
		return "true"
	}
	return string(n)
}

// Log is the log group of a function, or of all resolvers: the stack makes it, so that what is in it expires, and nothing
// stays behind.
func Log(function string) string { return "/aws/lambda/" + function }

// ResolverLog is the log group that all resolvers write to.
func (n Name) ResolverLog() string { return Log(n.Of("resolver")) }

// FlowLog is the log group that flow logs are written to.
func (n Name) FlowLog() string { return "/" + n.Stack() + "/flow-logs" }

// Manager is the deployment whose Managed value a tag has, by the name of its stack; empty if it has none.
func Manager(tag string) string {
	name, err := Parse(tag)
	switch {
	case tag == Unnamed.Managed():
		return Unnamed.Stack()
	case tag == "" || err != nil:
		return ""
	}
	return name.Stack()
}

// The environment variables of the functions, for what CloudFormation or the deployer names.
const (
	RegistryTable        = "REGISTRY_TABLE"
	ConnectionsTopicARN  = "CONNECTIONS_TOPIC_ARN"
	HandoffTopicARN      = "HANDOFF_TOPIC_ARN"
	OperatorsTopicARN    = "OPERATORS_TOPIC_ARN"
	ResolverRoleARN      = "RESOLVER_ROLE_ARN"
	ResolverCodeBucket   = "RESOLVER_CODE_BUCKET"
	ResolverCodeKey      = "RESOLVER_CODE_KEY"
	ResolverArchitecture = "RESOLVER_ARCHITECTURE"
	ScheduleRoleARN      = "SCHEDULE_ROLE_ARN"
	FlowLogGroup         = "FLOW_LOG_GROUP"    // where flow logs go, and
	FlowLogRoleARN       = "FLOW_LOG_ROLE_ARN" // in which role EC2 writes them; nothing where the deployer brought none
	IPSyncFunctionARN    = "IP_SYNC_FUNCTION_ARN"
	DeadLetters          = "DEAD_LETTERS"     // a JSON object of queues' URLs, by the folder of the function that gave up, without its number
	DatabaseGroups       = "DATABASE_GROUPS"  // OnlyTagged, or nothing
	Tags                 = "RDSLINK_TAGS"     // a JSON object of strings, or nothing
	Named                = "RDSLINK_NAME"     // the deployment's Name, or nothing; of cmd/rdslink, too
	Patient              = "RDSLINK_PATIENCE" // a duration, or nothing
)

// OnlyTagged in DatabaseGroups has step 7 change only security groups that carry a tag for it.
const OnlyTagged = "tagged"
