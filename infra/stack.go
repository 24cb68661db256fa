package main

import (
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/installation"
	"github.com/rdslink/rdslink/internal/registry"
)

// resources is what the functions share.
type resources struct {
	stack   awscdk.Stack
	options options

	key          awskms.IKey
	table        awsdynamodb.Table
	bus          awsevents.EventBus
	connections  awssns.Topic
	handoff      awssns.Topic
	operators    awssns.Topic
	resolverCode awss3assets.Asset
	resolverLog  awslogs.LogGroup
	resolverRole awsiam.IRole
	scheduleRole awsiam.IRole
	flowLog      awslogs.LogGroup
	flowLogRole  awsiam.IRole            // none where the deployer brought all roles but it
	roles        map[string]awsiam.IRole // by the name of the function they are for

	deadLetters map[string]awssqs.Queue // by the name of the function that gives up
	functions   map[string]awslambda.Function
	setup       awsstepfunctions.StateMachine
	removal     awsstepfunctions.StateMachine
}

// arn is the ARN of a resource in the stack's own account and region.
func (r *resources) arn(service, resource string) string {
	return "arn:" + *r.stack.Partition() + ":" + service + ":" + *r.stack.Region() + ":" + *r.stack.Account() + ":" + resource
}

// globalARN is the ARN of a resource that has no region.
func (r *resources) globalARN(service, resource string) string {
	return "arn:" + *r.stack.Partition() + ":" + service + "::" + *r.stack.Account() + ":" + resource
}

// functionARN is known before the function is made: names are fixed, because schedules and resolvers outlive deployments.
func (r *resources) functionARN(name string) string {
	return r.arn("lambda", "function:"+r.options.name.Function(name))
}

// newStack builds the whole app: the registry, the topics, the bus, a function per step and per watcher, the state machine,
// the rules and schedules between them, the alarms and the dashboard.
func newStack(scope constructs.Construct, o options) *resources {
	stack := awscdk.NewStack(scope, ptr(o.name.Stack()), &awscdk.StackProps{
		Description: ptr("rdslink: private access to RDS databases over AWS PrivateLink"),
		// A deletion that on-stack-change refuses would leave a stack in DELETE_FAILED, which takes no update any more.
		TerminationProtection: jsii.Bool(true),
	})
	stack.AddMetadata(ptr(installation.OptionsKey), o.said())
	for _, name := range slices.Sorted(maps.Keys(o.tags)) {
		awscdk.Tags_Of(stack).Add(ptr(name), ptr(o.tags[name]), nil)
	}
	r := &resources{stack: stack, options: o, roles: map[string]awsiam.IRole{}}
	if o.permissionsBoundary != "" {
		boundary := awsiam.ManagedPolicy_FromManagedPolicyArn(stack, ptr("Boundary"), &o.permissionsBoundary)
		awsiam.PermissionsBoundary_Of(stack).Apply(boundary)
	}
	r.key = newKey(stack, o)
	r.table = newTable(stack, r.key)
	r.connections = newTopic(stack, "Connections", "VPC endpoint connection notifications", r.key)
	r.handoff = newTopic(stack, "HandOff", o.name.Stack()+": messages for the vendor", r.key)
	// Without the key: the operators have to hear of it when nobody may use that any more.
	r.operators = newTopic(stack, "Operators", o.name.Stack()+": messages for the operators", nil)
	r.bus = awsevents.NewEventBus(stack, ptr("Bus"), &awsevents.EventBusProps{EventBusName: ptr(r.options.name.Bus())})
	r.resolverCode = awss3assets.NewAsset(stack, ptr("ResolverCode"), &awss3assets.AssetProps{Path: ptr(o.functions + "/resolver")})
	r.resolverLog = newLogGroup(stack, "ResolverLog", o.name.ResolverLog())
	r.resolverRole = newResolverRole(r)
	r.scheduleRole = newScheduleRole(r)
	newFlowLogs(r)
	group := awsscheduler.NewCfnScheduleGroup(stack, ptr("Schedules"), &awsscheduler.CfnScheduleGroupProps{
		Name: ptr(r.options.name.ScheduleGroup()),
	})

	r.functions = newFunctions(r)
	newMachines(r)
	connectEvents(r)
	newSweeps(r, group)
	newAlarms(r)
	newDashboard(r)
	newPeoplesPolicies(r)
	onStackChange(r)
	suppressFindings(r)

	output(stack, "StateMachineArn", *r.setup.StateMachineArn(), "Start an execution of this to put a database behind a private link")
	output(stack, "RemovalStateMachineArn", *r.removal.StateMachineArn(), "Start an execution of this to take an exposure away")
	output(stack, "EventBusName", *r.bus.EventBusName(), "Put ConnectionDecision events here to accept or reject a connection")
	output(stack, "HandOffTopicArn", *r.handoff.TopicArn(), "Subscribe whoever passes the service name on to the vendor")
	output(stack, deployment.RegistryTableOutput, *r.table.TableName(), "The exposures, as `make show` reads them")
	output(stack, deployment.PatienceOutput, r.options.patience.String(), "How long an exposure may be without service, or unwatched")
	output(stack, "OperatorsTopicArn", *r.operators.TopicArn(), "Subscribe whoever approves connections and repairs failures")
	return r
}

func output(stack awscdk.Stack, id, value, description string) {
	awscdk.NewCfnOutput(stack, &id, &awscdk.CfnOutputProps{Value: &value, Description: &description})
}

// newKey makes the customer-managed key of registry and topics, unless there is one already. It stays when the stack goes,
// or the registry's data would be lost with it. The policy of a key that was there is its owner's: nothing that is added
// to it here has an effect.
func newKey(stack awscdk.Stack, o options) awskms.IKey {
	if o.key != "" {
		return awskms.Key_FromKeyArn(stack, ptr("Key"), &o.key)
	}
	return awskms.NewKey(stack, ptr("Key"), &awskms.KeyProps{
		Description:       ptr(deployment.Key(o.name.Stack())),
		EnableKeyRotation: jsii.Bool(true),
		RemovalPolicy:     awscdk.RemovalPolicy_RETAIN,
	})
}

// newTable makes the registry.
func newTable(stack awscdk.Stack, key awskms.IKey) awsdynamodb.Table {
	table := awsdynamodb.NewTable(stack, ptr(deployment.Registry), &awsdynamodb.TableProps{
		PartitionKey:                     &awsdynamodb.Attribute{Name: ptr("id"), Type: awsdynamodb.AttributeType_STRING},
		BillingMode:                      awsdynamodb.BillingMode_PAY_PER_REQUEST,
		Encryption:                       awsdynamodb.TableEncryption_CUSTOMER_MANAGED,
		EncryptionKey:                    key,
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: jsii.Bool(true)},
		DeletionProtection:               jsii.Bool(true),
		RemovalPolicy:                    awscdk.RemovalPolicy_RETAIN,
	})
	for _, index := range []registry.Index{registry.DatabaseIndex, registry.ServiceIndex, registry.AwaitingIndex} {
		table.AddGlobalSecondaryIndex(&awsdynamodb.GlobalSecondaryIndexProps{
			IndexName:    &index.Name,
			PartitionKey: &awsdynamodb.Attribute{Name: &index.Key, Type: awsdynamodb.AttributeType_STRING},
		})
	}
	return table
}

func newTopic(stack awscdk.Stack, id, displayName string, key awskms.IKey) awssns.Topic {
	props := &awssns.TopicProps{DisplayName: &displayName, EnforceSSL: jsii.Bool(true)}
	if key != nil {
		props.MasterKey = key
	}
	return awssns.NewTopic(stack, &id, props)
}

func ptr(s string) *string { return &s }

func list(items ...string) *[]*string { return jsii.Strings(items...) }
