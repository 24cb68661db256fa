package main

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/rdslink/rdslink/internal/deployment"
)

// A function of the stack: its folder below functions/, what it is for, and what its work needs from Lambda.
type function struct {
	folder      string
	description string
	timeout     float64 // seconds
	// watcher functions are invoked asynchronously: Lambda queues and retries.
	watcher *watcher
}

// A watcher's queue. Events that it gives up on go to a dead-letter queue, unless the next tick makes up for them.
type watcher struct {
	retries    float64
	maxAge     float64 // seconds
	deadLetter bool
}

// patient keeps an event for an hour: what observer and decision miss, nobody else does at once.
var patient = &watcher{retries: 2, maxAge: 3600, deadLetter: true}

var functions = []function{
	{folder: "01-gather-rds-details", description: "Step 1: discover the database, validate all input, claim the exposure", timeout: 60},
	{folder: "02-resolve-private-ip", description: "Step 2: ensure the VPC's resolver, resolve the private address", timeout: 60},
	{folder: "03-create-target-group", description: "Step 3: target group, first registration", timeout: 60},
	{folder: "04-create-load-balancer", description: "Step 4: internal network load balancer, cross-zone, listener", timeout: 60},
	{folder: "05-create-endpoint-service", description: "Step 5: VPC endpoint service, acceptance required", timeout: 60},
	{folder: "06-allow-principals", description: "Step 6: exactly the allowed principals", timeout: 60},
	{folder: "07-update-the-rds-security-group", description: "Step 7: let the load balancer reach the database", timeout: 60},
	{folder: "08-share-the-service-name", description: "Step 8: the hand-off message", timeout: 60},
	{folder: "09-accept-the-connection", description: "Step 9: keep the task token until the connection is available", timeout: 60},
	{folder: "10-install-ip-sync", description: "Step 10: the schedule, the first sync, the proof", timeout: 60},
	{folder: "remove-01-claim-the-exposure", description: "Removal, step 1: stop the set-up, claim the exposure", timeout: 60},
	{folder: "remove-02-ask-about-the-connections", description: "Removal, step 2: wait until connections may end", timeout: 60},
	{folder: "remove-03-take-the-access-away", description: "Removal, step 3: schedule, access and endpoint service", timeout: 60},
	{folder: "remove-04-delete-the-load-balancer", description: "Removal, step 4: load balancer and target group", timeout: 60},
	{folder: "remove-05-close-the-security-groups", description: "Removal, step 5: rules, and the load balancer's group", timeout: 60},
	{folder: "remove-06-retire-the-resolver", description: "Removal, step 6: the resolver with the VPC's last exposure", timeout: 60},
	{folder: "remove-07-forget-the-exposure", description: "Removal, step 7: subscriptions and the registry's item", timeout: 60},
	// A tick that was missed is worth nothing a minute later. The timeout leaves room for following a failover.
	{folder: "ip-sync", description: "Follows the database's address", timeout: 420, watcher: &watcher{retries: 0, maxAge: 60}},
	{folder: "observer", description: "Sees what became of connections and says so on the bus", timeout: 120, watcher: patient},
	{folder: "decision", description: "Accepts or rejects connections, completes the waiting step", timeout: 60, watcher: patient},
	// The next sweep comes in a minute. What this one could not judge by then, that one does.
	{folder: "watch", description: "Judges every exposure each minute, and tells the operators", timeout: 50,
		watcher: &watcher{retries: 0, maxAge: 60}},
	// CloudFormation waits for the answer, so there is nothing to keep.
	{folder: "on-stack-change", description: "Upgrades the resolvers, refuses to delete a stack that exposures need", timeout: 300,
		watcher: &watcher{retries: 2, maxAge: 900}},
}

// number is what the folder of a step has in front of its name.
var number = regexp.MustCompile(`\d+-`)

// name is the folder without its number.
func (f function) name() string { return number.ReplaceAllString(f.folder, "") }

// removes tells the steps of a removal.
func (f function) removes() bool { return strings.HasPrefix(f.folder, "remove-") }

// newFunctions makes every function with its own role and its own log.
func newFunctions(r *resources) map[string]awslambda.Function {
	r.deadLetters = newDeadLetterQueues(r)
	may := permissions(r)
	made := make(map[string]awslambda.Function, len(functions))
	for _, f := range functions {
		made[f.name()] = newFunction(r, f, may[f.name()])
	}
	return made
}

func newFunction(r *resources, f function, may grants) awslambda.Function {
	name := r.options.name.Function(f.name())
	logs := newLogGroup(r.stack, f.name()+"-log", deployment.Log(name))
	role := newRole(r, f.name(), f.name()+"-role", &awsiam.RoleProps{
		AssumedBy:   awsiam.NewServicePrincipal(ptr("lambda.amazonaws.com"), nil),
		Description: ptr(f.description),
	})
	// For a role of whose account it is not sure, CDK would make a resource policy of each log, and a region has ten of
	// those.
	if _, given := r.options.roles[f.name()]; !given {
		logs.GrantWrite(role)
	}
	for _, statement := range may.statements() {
		role.AddToPrincipalPolicy(statement)
	}
	admitToKey(r, f.name(), may)
	props := &awslambda.FunctionProps{
		FunctionName: &name,
		Description:  &f.description,
		Runtime:      awslambda.Runtime_PROVIDED_AL2023(),
		Architecture: lambdaArchitecture(r.options.architecture),
		Handler:      ptr("bootstrap"),
		Code:         awslambda.Code_FromAsset(ptr(r.options.functions+"/"+f.folder), nil),
		MemorySize:   jsii.Number(256),
		Timeout:      awscdk.Duration_Seconds(&f.timeout),
		Role:         role,
		LogGroup:     logs,
		Environment:  environment(r),
	}
	if w := f.watcher; w != nil {
		props.RetryAttempts = &w.retries
		props.MaxEventAge = awscdk.Duration_Seconds(&w.maxAge)
		if w.deadLetter {
			props.DeadLetterQueue = r.deadLetters[f.name()]
		}
	}
	return awslambda.NewFunction(r.stack, ptr(f.name()), props)
}

// newLogGroup makes a log group that forgets and goes with the stack. One that AWS makes for a log does neither.
func newLogGroup(stack awscdk.Stack, id, name string) awslogs.LogGroup {
	return awslogs.NewLogGroup(stack, &id, &awslogs.LogGroupProps{
		LogGroupName:  &name,
		Retention:     awslogs.RetentionDays_THREE_MONTHS,
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
}

// newDeadLetterQueues makes the queues of what functions give up on, by the functions' names.
func newDeadLetterQueues(r *resources) map[string]awssqs.Queue {
	queues := map[string]awssqs.Queue{}
	for _, f := range functions {
		if f.watcher != nil && f.watcher.deadLetter {
			queues[f.name()] = awssqs.NewQueue(r.stack, ptr(f.name()+"-dead-letters"), &awssqs.QueueProps{
				Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
				EnforceSSL:      jsii.Bool(true),
				RetentionPeriod: awscdk.Duration_Days(jsii.Number(14)),
			})
		}
	}
	return queues
}

func lambdaArchitecture(name string) awslambda.Architecture {
	if name == "arm64" {
		return awslambda.Architecture_ARM_64()
	}
	return awslambda.Architecture_X86_64()
}

// environment is the same for all functions: where the shared things are. It holds nothing secret.
func environment(r *resources) *map[string]*string {
	variables := map[string]*string{
		deployment.RegistryTable:        r.table.TableName(),
		deployment.ConnectionsTopicARN:  r.connections.TopicArn(),
		deployment.HandoffTopicARN:      r.handoff.TopicArn(),
		deployment.OperatorsTopicARN:    r.operators.TopicArn(),
		deployment.ResolverRoleARN:      r.resolverRole.RoleArn(),
		deployment.ResolverCodeBucket:   r.resolverCode.S3BucketName(),
		deployment.ResolverCodeKey:      r.resolverCode.S3ObjectKey(),
		deployment.ResolverArchitecture: ptr(r.options.architecture),
		deployment.ScheduleRoleARN:      r.scheduleRole.RoleArn(),
		deployment.IPSyncFunctionARN:    ptr(r.functionARN("ip-sync")),
	}
	if r.flowLogRole != nil {
		variables[deployment.FlowLogGroup], variables[deployment.FlowLogRoleARN] = r.flowLog.LogGroupName(), r.flowLogRole.RoleArn()
	}
	urls := map[string]string{}
	for name, queue := range r.deadLetters {
		urls[name] = *queue.QueueUrl()
	}
	letters, _ := json.Marshal(urls) // a map of strings always marshals
	variables[deployment.DeadLetters] = ptr(string(letters))
	if r.options.name != deployment.Unnamed {
		variables[deployment.Named] = ptr(string(r.options.name))
	}
	if r.options.tagged {
		variables[deployment.DatabaseGroups] = ptr(deployment.OnlyTagged)
	}
	if r.options.impatient() {
		variables[deployment.Patient] = ptr(r.options.patience.String())
	}
	if len(r.options.tags) > 0 {
		tags, _ := json.Marshal(maps.Clone(r.options.tags)) // a map of strings always marshals
		variables[deployment.Tags] = ptr(string(tags))
	}
	return &variables
}

// newResolverRole makes the role of the resolvers, which step 2 creates in the databases' VPCs. It stays when the stack
// goes: Lambda needs it to remove the network interfaces, up to 45 minutes after the function. Lambda acts on the interfaces
// with it, the resolver's code may not:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-best-practice
func newResolverRole(r *resources) awsiam.IRole {
	interfaces, logs := resolverGrants(r)
	statements := append(interfaces.statements(), awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Effect:    awsiam.Effect_DENY,
		Actions:   list(interfaces[0].actions...),
		Resources: list("*"),
		Conditions: &map[string]any{"ArnLike": map[string]any{
			"lambda:SourceFunctionArn": r.arn("lambda", "function:"+r.options.name.Resolver("*")),
		}},
	}))
	statements = append(statements, logs.statements()...)
	role := newRole(r, resolverName, "ResolverRole", &awsiam.RoleProps{
		AssumedBy:   awsiam.NewServicePrincipal(ptr("lambda.amazonaws.com"), nil),
		Description: ptr("The resolvers in the databases' VPCs"),
		// Inline, so that the permissions stay with the role.
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"resolver": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements}),
		},
	})
	if _, given := r.options.roles[resolverName]; !given {
		role.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN)
	}
	return role
}

// resolverGrants are, as AWS documents the role of a function in a VPC, what Lambda may do with the resolvers' network
// interfaces, and their logs.
func resolverGrants(r *resources) (interfaces, logs grants) {
	const documented = "As AWS documents the role of a function in a VPC, for all interfaces and regions. " +
		"The Deny keeps the function's own code from it: " +
		"docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-best-practice"
	interfaces = allows("ec2", wide("*", documented), "CreateNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets",
		"DeleteNetworkInterface", "AssignPrivateIpAddresses", "UnassignPrivateIpAddresses")
	logs = allows("logs", at(*r.resolverLog.LogGroupArn()), "CreateLogStream", "PutLogEvents")
	return interfaces, logs
}

// newScheduleRole makes the role with which EventBridge Scheduler ticks.
func newScheduleRole(r *resources) awsiam.IRole {
	role := newRole(r, schedulesName, "ScheduleRole", &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(ptr("scheduler.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": *r.stack.Account()}},
		}),
		Description: ptr("The schedules of ip-sync, observer and watch"),
	})
	ticks := allows("lambda", slices.Concat(at(r.functionARN("ip-sync")), at(r.functionARN("observer")), at(r.functionARN("watch"))),
		"InvokeFunction")
	role.AddToPrincipalPolicy(ticks.statements()[0])
	return role
}
