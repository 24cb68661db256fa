package access

import (
	"net/http"
	"strings"
	"time"

	"github.com/rdslink/rdslink/local/iam"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// dependent are the actions of EC2 that a caller of the load balancers' API needs besides; a policy that is derived from the
// calls alone is denied on AWS.
var dependent = map[string][]string{
	"elasticloadbalancing:CreateLoadBalancer": {
		"ec2:DescribeAccountAttributes", "ec2:DescribeAddresses", "ec2:DescribeInternetGateways", "ec2:DescribeSecurityGroups",
		"ec2:DescribeSubnets", "ec2:DescribeVpcs",
	},
	"elasticloadbalancing:CreateTargetGroup": {"ec2:DescribeInternetGateways", "ec2:DescribeVpcs"},
	"elasticloadbalancing:RegisterTargets": {"ec2:DescribeInstances", "ec2:DescribeInternetGateways",
		"ec2:DescribeSubnets", "ec2:DescribeVpcs"},
	"elasticloadbalancing:SetSubnets": {"ec2:DescribeSubnets"},
}

const dependentSource = "docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-permissions.html"

// implied is what AWS does beside an action with the permissions of its caller or of a role, each with its source.
var implied = map[string]func(*question) []need{
	"dynamodb:GetItem":    tableKey,
	"dynamodb:PutItem":    tableKey,
	"dynamodb:UpdateItem": tableKey,
	"dynamodb:DeleteItem": tableKey,
	"dynamodb:Query":      tableKey,
	"dynamodb:Scan":       tableKey,
	"sns:Publish":         topicKey,

	"lambda:CreateFunction":     launch,
	"lambda:GetFunction":        seeTags,
	"lambda:UpdateFunctionCode": code,
	"lambda:InvokeFunction":     run,
	"s3:GetObject":              func(q *question) []need { return q.objectKey(q.object()) },
	"states:StartExecution":     execute,
	"ec2:CreateFlowLogs":        pass, // vpc/latest/userguide/flow-logs-iam-role.html
	"scheduler:CreateSchedule":  pass,
	"scheduler:UpdateSchedule":  pass,

	"elasticloadbalancing:CreateLoadBalancer":   func(q *question) []need { return append(groupsOfVPC(q), linkRole(q)...) },
	"elasticloadbalancing:SetSecurityGroups":    groupsOfVPC,
	"elasticloadbalancing:CreateTargetGroup":    linkRole,
	"ec2:CreateVpcEndpointServiceConfiguration": multiRegion("SupportedRegions"),
	"ec2:ModifyVpcEndpointServiceConfiguration": multiRegion("AddSupportedRegions"),
	"ec2:CreateVpcEndpoint":                     acrossRegions,
}

// uses is a key that a service uses with its caller's permissions.
func (q *question) uses(keyARN, service, source string, actions ...string) []need {
	if keyARN == "" {
		return nil
	}
	var found []need
	for _, action := range actions {
		found = append(found, need{action: action, resource: keyARN, implied: source, keys: iam.Context{
			"kms:ViaService": {service + "." + q.world.Region + ".amazonaws.com"}, "kms:CallerAccount": {q.Caller.Account},
			s3Context: nil,
		}})
	}
	return found
}

func tableKey(q *question) []need {
	key := q.documents.tableKey(q.ctx, q.Caller.Account, q.text("TableName"))
	return q.uses(key, "dynamodb",
		"docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.howitworks.html#encryption-how-it-works-table-key-caching",
		"kms:Decrypt")
}

func topicKey(q *question) []need {
	key := q.documents.topicKey(q.ctx, q.text("TopicArn"))
	return q.uses(key, "sns", "docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#sns-what-permissions-for-sse",
		"kms:GenerateDataKey", "kms:Decrypt")
}

// code is the object in which a function's code is.
func code(q *question) []need {
	bucket, key := q.text("S3Bucket"), q.text("S3Key")
	if bucket == "" {
		bucket, key = q.text("Code", "S3Bucket"), q.text("Code", "S3Key")
	}
	if bucket == "" {
		return nil
	}
	return append([]need{{
		action: "s3:GetObject", resource: objectARN(bucket, key),
		implied: "docs.aws.amazon.com/lambda/latest/dg/API_FunctionCode.html, " +
			"docs.aws.amazon.com/lambda/latest/dg/permissions-user-function.html",
	}}, q.objectKey(bucket, key)...)
}

// object is the object that a call of S3's is about.
func (q *question) object() (bucket, key string) {
	bucket, key, _ = strings.Cut(strings.TrimPrefix(q.Path, "/"), "/")
	return bucket, key
}

// s3Context is what S3 tells a key when it encrypts and decrypts. Other services tell other things.
const s3Context = "kms:EncryptionContext:aws:s3:arn"

func objectARN(bucket, key string) string { return "arn:aws:s3:::" + bucket + "/" + key }

// objectKey is the key of the bucket that an object is in, if that is a customer's: who reads the object decrypts it through
// S3, which tells the key of which object, or of which bucket where that has data keys of its own.
func (q *question) objectKey(bucket, key string) []need {
	found := q.uses(q.documents.bucketKey(q.ctx, q.Caller.Account, bucket), "s3",
		"docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#require-sse-kms", "kms:Decrypt")
	context := objectARN(bucket, key)
	if q.documents.hasBucketKeys(q.ctx, q.Caller.Account, bucket) {
		context = "arn:aws:s3:::" + bucket // docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html#bucket-key-changes
	}
	for _, n := range found {
		n.keys[s3Context] = []string{context}
	}
	return found
}

// seeTags: a function comes with its tags for those who may list them.
func seeTags(q *question) []need {
	return []need{{action: "lambda:ListTags", resource: function(q),
		implied: "docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html#API_GetFunction_ResponseSyntax"}}
}

const (
	vpcSource  = "docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions"
	passSource = "docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html"
)

// launch is what making a function needs: to pass its role, to read its code, to tag it; in a VPC that its maker may see the
// network and its role may make network interfaces.
func launch(q *question) []need {
	found := append(pass(q), code(q)...)
	if tags := q.pairs("Tags"); len(tags) > 0 {
		found = append(found, need{
			action: "lambda:TagResource", resource: function(q), keys: requested(tags),
			implied: "docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html#fxn-tags-required-permissions",
		})
	}
	subnets := q.texts("VpcConfig", "SubnetIds")
	if len(subnets) == 0 {
		return found
	}
	for _, action := range []string{"ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"} {
		found = append(found, need{action: action, resource: "*", implied: vpcSource})
	}
	// A precaution: it asks EC2 of the groups of a VPC as ELB does, and the change of EC2's was for both.
	found = append(found, q.readings("ec2:GetSecurityGroupsForVpc", groupsSource)...)
	return append(found, q.interfaces(q.text("Role"), subnets, q.texts("VpcConfig", "SecurityGroupIds"))...)
}

// interfaces is what Lambda does with the role of a function in a VPC. Only what the function's own code calls has
// lambda:SourceFunctionArn.
func (q *question) interfaces(role string, subnets, groups []string) []need {
	var found []need
	add := func(action, resource string) {
		found = append(found, need{role: role, action: action, resource: resource, implied: vpcSource,
			keys: iam.Context{"lambda:SourceFunctionArn": nil}})
	}
	all := q.arn("ec2", "network-interface/*")
	add("ec2:DescribeNetworkInterfaces", "*")
	add("ec2:DescribeSubnets", "*")
	add("ec2:CreateNetworkInterface", all)
	for _, subnet := range subnets {
		add("ec2:CreateNetworkInterface", q.arn("ec2", "subnet/"+subnet))
	}
	for _, group := range groups {
		add("ec2:CreateNetworkInterface", q.arn("ec2", "security-group/"+group))
	}
	for _, action := range []string{"ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"} {
		add(action, all)
	}
	return found
}

// handed is a role that a call hands to a service, and for what; all are empty if it hands none.
func (q *question) handed() (role, service, associated string) {
	switch q.Service + ":" + q.Action {
	case "lambda:CreateFunction":
		return q.text("Role"), "lambda.amazonaws.com", function(q)
	case "ec2:CreateFlowLogs":
		return q.text("DeliverLogsPermissionArn"), "vpc-flow-logs.amazonaws.com", q.arn("ec2", "vpc-flow-log/*")
	case "scheduler:CreateSchedule", "scheduler:UpdateSchedule":
		return q.text("Target", "RoleArn"), "scheduler.amazonaws.com", scheduleOf(q)
	}
	return "", "", ""
}

func pass(q *question) []need {
	role, service, associated := q.handed()
	if role == "" {
		return nil
	}
	return []need{{action: "iam:PassRole", resource: role, implied: passSource, keys: iam.Context{
		"iam:PassedToService": {service}, "iam:AssociatedResourceArn": {associated},
	}}}
}

// trust refuses to hand a role to a service that the role does not trust, as Lambda and EventBridge Scheduler word it.
func (q *question) trust() error {
	role, service, associated := q.handed()
	if role == "" {
		return nil
	}
	asked := time.Now()
	trusts, err := q.trusts(role, service, associated)
	if err == nil && !trusts {
		q.documents.forget(asked)
		trusts, err = q.trusts(role, service, associated) // somebody may have made the role just now
	}
	switch {
	case err != nil:
		return unjudged(q.Service, err)
	case trusts:
		return nil
	case q.Service == "lambda":
		return wire.Errorf("InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.")
	case q.Service == "ec2": // in words of ours
		return wire.Errorf("InvalidParameter", "Unable to assume given IAM role: %s", role)
	}
	return &wire.Error{Code: "ValidationException",
		Message: "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.", Status: http.StatusBadRequest}
}

// trusts asks a role's trust policy whether a service may assume it.
func (q *question) trusts(role, service, source string) (bool, error) {
	policies, err := q.documents.of(q.ctx, iam.Principal{Service: service}, "sts:AssumeRole", role)
	if err != nil {
		return false, err
	}
	account := model.AccountOf(role)
	d, err := iam.Evaluate(iam.Request{
		Principal: iam.Principal{Service: service}, Action: "sts:AssumeRole", Resource: role,
		Context: iam.Context{
			"aws:SourceAccount": {account}, "aws:SourceArn": {source}, "aws:PrincipalServiceName": {service},
			"aws:PrincipalIsAWSService": {"true"}, "aws:SecureTransport": {"true"}, "aws:RequestedRegion": {q.world.Region},
		},
	}, policies)
	return d.Allowed, err
}

// run is what Lambda does with a function's role around its first invocation: it assumes the role and writes the log.
func run(q *question) []need {
	arn := function(q)
	if q.isDone(arn) {
		return nil
	}
	role, log := q.documents.function(q.ctx, arn)
	if role == "" {
		return nil // no such function: Lambda will say so
	}
	q.once = arn
	group := "arn:aws:logs:" + q.world.Region + ":" + model.AccountOf(arn) + ":log-group:" + log
	stream := group + ":log-stream:"
	const source = "docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html#monitoring-cloudwatchlogs-prereqs"
	found := []need{
		{role: role, action: "logs:CreateLogStream", resource: stream, implied: source},
		{role: role, action: "logs:PutLogEvents", resource: stream + "stream", implied: source},
	}
	if q.documents.lacks(q.ctx, group) {
		found = append(found, need{role: role, action: "logs:CreateLogGroup", resource: stream, implied: source})
	}
	return found
}

// execute is what Step Functions does with a state machine's role to write the log and the traces of executions.
func execute(q *question) []need {
	machine := q.text("stateMachineArn")
	if q.isDone(machine) {
		return nil
	}
	role, logs, traces := q.documents.machine(q.ctx, machine)
	if role == "" {
		return nil // no such state machine: Step Functions will say so
	}
	q.once = machine
	var found []need
	add := func(source string, actions ...string) {
		for _, action := range actions {
			found = append(found, need{role: role, action: action, resource: "*", implied: source})
		}
	}
	if logs {
		add("docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy",
			"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
			"logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups")
	}
	if traces {
		add("docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html",
			"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets")
	}
	return found
}

// groupsOfVPC: since October 2024 a load balancer's maker must be allowed to see which security groups its VPC has. The page
// with the others does not list it; callers of CreateLoadBalancer with security groups were denied it. For SetSecurityGroups
// it is a precaution: the controller's policy has one permission for both.
func groupsOfVPC(q *question) []need {
	if len(q.texts("SecurityGroups")) == 0 {
		return nil
	}
	return q.readings("ec2:GetSecurityGroupsForVpc", groupsSource)
}

const groupsSource = "github.com/kubernetes-sigs/aws-load-balancer-controller/pull/3921"

// linkRole: an account's first load balancer or target group makes the service-linked role. Older texts of the page with
// the others ask for it with a load balancer only. Here everybody's first of each needs it: whoever comes first in an
// account does.
func linkRole(q *question) []need {
	first := q.operation() + " by " + q.Caller.Account + q.Caller.Role
	if q.isDone(first) {
		return nil
	}
	q.once = first
	return []need{{
		action:   "iam:CreateServiceLinkedRole",
		resource: q.globalARN("iam", "role/aws-service-role/elasticloadbalancing.amazonaws.com/AWSServiceRoleForElasticLoadBalancing"),
		keys:     iam.Context{"iam:AWSServiceName": {"elasticloadbalancing.amazonaws.com"}},
		implied:  "docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-service-linked-roles.html#create-service-linked-role",
	}}
}

// acrossRegions: who accesses a service of another Region needs what its owner does.
func acrossRegions(q *question) []need {
	if of := q.text("ServiceRegion"); of == "" || of == q.Caller.Region {
		return nil
	}
	return multiRegion("ServiceRegion")(q)
}

func multiRegion(parameter string) func(*question) []need {
	return func(q *question) []need {
		if len(q.texts(parameter)) == 0 {
			return nil
		}
		return q.readings("vpce:AllowMultiRegion",
			"docs.aws.amazon.com/vpc/latest/privatelink/privatelink-share-your-services.html#endpoint-service-cross-region")
	}
}
