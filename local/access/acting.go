package access

import (
	"fmt"
	"strings"

	"github.com/rdslink/rdslink/local/iam"
)

// acting says on which resources an action acts, for each action that has resource types in the Service Authorization
// Reference
// (docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html) and
// that somebody calls here.
var acting = map[string]func(*question) ([]need, error){}

func init() {
	for _, rules := range []map[string]func(*question) ([]need, error){ec2Acting, balancerActing, databaseActing, otherActing} {
		for action, rule := range rules {
			acting[action] = rule
		}
	}
}

// one makes a rule for an action that acts on one resource.
func one(arn func(*question) string) func(*question) ([]need, error) {
	return func(q *question) ([]need, error) { return []need{{resource: arn(q)}}, nil }
}

var databaseActing = map[string]func(*question) ([]need, error){
	"rds:DescribeDBInstances":         one(named("db", "DBInstanceIdentifier")),
	"rds:DescribeDBClusters":          one(named("cluster", "DBClusterIdentifier")),
	"rds:DescribeDBSubnetGroups":      one(named("subgrp", "DBSubnetGroupName")),
	"rds:DescribeDBParameters":        one(named("pg", "DBParameterGroupName")),
	"rds:DescribeDBClusterParameters": one(named("cluster-pg", "DBClusterParameterGroupName")),
	"rds:DescribeGlobalClusters": one(func(q *question) string {
		return q.globalARN("rds", "global-cluster:"+orAll(q.text("GlobalClusterIdentifier")))
	}),
	"rds:DescribeDBProxies": one(proxy),

	"rds:DescribeBlueGreenDeployments": one(named("deployment", "BlueGreenDeploymentIdentifier")),
}

// named is a resource of RDS, whose ARN ends in its name; without a name the call is about all of them.
func named(kind, parameter string) func(*question) string {
	return func(q *question) string {
		name := q.text(parameter)
		if strings.HasPrefix(name, "arn:") {
			return name
		}
		return q.arn("rds", kind+":"+orAll(strings.ToLower(name)))
	}
}

// proxy: a proxy's ARN ends in an id and not in its name, so that a policy cannot name the proxy that is asked for.
func proxy(q *question) string { return q.arn("rds", "db-proxy:*") }

// hostedZone is a zone of Route 53, whose ARN has no account.
func hostedZone(parameter string) func(*question) string {
	return func(q *question) string { return "arn:aws:route53:::hostedzone/" + lastPart(q.text(parameter)) }
}

func lastPart(id string) string { return id[strings.LastIndex(id, "/")+1:] }

// changeRecords has what is changed for conditions: names in lower case, without the final dot
// (docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-conditions-route53.html).
func changeRecords(q *question) ([]need, error) {
	keys := map[string][]string{}
	for _, item := range q.list("ChangeBatch", "Changes") {
		change, _ := item.(map[string]any)
		set, _ := change["ResourceRecordSet"].(map[string]any)
		for key, value := range map[string]any{"Actions": change["Action"], "RecordTypes": set["Type"], "NormalizedRecordNames": set["Name"]} {
			text, _ := value.(string)
			if key == "NormalizedRecordNames" {
				text = strings.ToLower(strings.TrimSuffix(text, "."))
			}
			keys[key] = append(keys[key], text)
		}
	}
	n := need{resource: hostedZone("HostedZoneId")(q), keys: iam.Context{}}
	for key, values := range keys {
		n.keys["route53:ChangeResourceRecordSets"+key] = distinct(values)
	}
	return []need{n}, nil
}

func orAll(name string) string {
	if name == "" {
		return "*"
	}
	return name
}

var otherActing = map[string]func(*question) ([]need, error){
	"dynamodb:GetItem":    getItem,
	"dynamodb:PutItem":    items("Item"),
	"dynamodb:UpdateItem": items("Key"),
	"dynamodb:DeleteItem": items("Key"),
	"dynamodb:Query":      listed,
	"dynamodb:Scan":       listed,

	"lambda:InvokeFunction":              one(function),
	"lambda:GetFunction":                 one(function),
	"lambda:GetFunctionConfiguration":    one(function),
	"lambda:ListTags":                    one(taggedFunction),
	"lambda:TagResource":                 tagFunction,
	"lambda:UpdateFunctionCode":          changeFunction,
	"lambda:UpdateFunctionConfiguration": changeFunction,
	"lambda:DeleteFunction":              changeFunction,
	"lambda:CreateFunction":              createFunction,

	"sns:Publish":                   one(parameter("TopicArn")),
	"sns:Subscribe":                 subscribe,
	"sns:ListSubscriptionsByTopic":  one(parameter("TopicArn")),
	"sns:GetTopicAttributes":        one(parameter("TopicArn")),
	"sns:GetSubscriptionAttributes": read("sns:GetSubscriptionAttributes"),
	"sns:SetSubscriptionAttributes": read("sns:SetSubscriptionAttributes"),
	"sns:Unsubscribe":               read("sns:Unsubscribe"),

	"events:PutEvents":        putEvents,
	"events:DescribeEventBus": one(func(q *question) string { return busARN(q, q.text("Name")) }),
	"kms:Decrypt":             directly,

	"scheduler:GetSchedule":    one(scheduleOf),
	"scheduler:CreateSchedule": one(scheduleOf),
	"scheduler:UpdateSchedule": one(scheduleOf),
	"scheduler:DeleteSchedule": one(scheduleOf),

	"states:StartExecution":       one(parameter("stateMachineArn")),
	"states:ListExecutions":       one(parameter("stateMachineArn")),
	"states:DescribeStateMachine": one(parameter("stateMachineArn")),
	"states:DescribeExecution":    one(parameter("executionArn")),
	"states:GetExecutionHistory":  one(parameter("executionArn")),
	"states:StopExecution":        one(parameter("executionArn")),
	"states:RedriveExecution":     one(parameter("executionArn")),

	"route53:GetHostedZone":            one(hostedZone("Id")),
	"route53:ListResourceRecordSets":   one(hostedZone("HostedZoneId")),
	"route53:GetChange":                one(func(q *question) string { return "arn:aws:route53:::change/" + lastPart(q.text("Id")) }),
	"route53:ChangeResourceRecordSets": changeRecords,

	"cloudwatch:GetMetricData": func(*question) ([]need, error) { // of no dataset, the only resource that it has
		return []need{{resource: "*", everywhere: true}}, nil
	},
	"cloudwatch:GetDashboard": one(func(q *question) string {
		return q.globalARN("cloudwatch", "dashboard/"+q.text("DashboardName"))
	}),
	"cloudformation:DescribeStacks":           one(stack),
	"cloudformation:DescribeStackResources":   one(stack),
	"servicequotas:GetServiceQuota":           read("servicequotas:GetServiceQuota"),
	"logs:DeleteLogGroup":                     one(func(q *question) string { return q.arn("logs", "log-group:"+q.text("logGroupName")) }),
	"logs:DescribeLogGroups":                  everyLogGroup,
	"logs:CreateLogStream":                    one(newStream),
	"logs:PutLogEvents":                       one(logGroup),
	"logs:DescribeLogStreams":                 one(logGroup),
	"logs:FilterLogEvents":                    one(logGroup),
	"logs:GetLogEvents":                       one(logGroup),
	"states:DescribeStateMachineForExecution": one(parameter("executionArn")),
	"sqs:SendMessage":                         one(queue),
	"sqs:ReceiveMessage":                      one(queue),
	"sqs:DeleteMessage":                       one(queue),
	"sqs:ChangeMessageVisibility":             one(queue),
	"sqs:GetQueueUrl":                         one(func(q *question) string { return q.arn("sqs", q.text("QueueName")) }),
	"sts:AssumeRole":                          one(parameter("RoleArn")),
	"sts:GetCallerIdentity":                   nothing,
	"s3:GetObject":                            one(func(q *question) string { return objectARN(q.object()) }),
	"iam:GetRole":                             one(func(q *question) string { return q.globalARN("iam", "role/"+q.text("RoleName")) }),
}

// everyLogGroup: groups are listed by the beginning of their names, and a policy cannot name what is found.
func everyLogGroup(*question) ([]need, error) { return []need{{resource: "*", everywhere: true}}, nil }

// nothing: anybody may ask who they are (docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html).
func nothing(*question) ([]need, error) { return nil, nil }

// parameter is a resource that the request names by its ARN.
func parameter(name string) func(*question) string {
	return func(q *question) string { return q.text(name) }
}

// items is a call about one item of a table. dynamodb:LeadingKeys is its partition key, which is all there is of a key here.
func items(in string) func(*question) ([]need, error) {
	return func(q *question) ([]need, error) {
		keys := iam.Context{"dynamodb:LeadingKeys": nil}
		if id := q.text(in, "id", "S"); id != "" {
			keys["dynamodb:LeadingKeys"] = []string{id}
		}
		return []need{{resource: q.arn("dynamodb", "table/"+q.text("TableName")), keys: keys}}, nil
	}
}

func indexed(q *question) string {
	table := "table/" + q.text("TableName")
	if index := q.text("IndexName"); index != "" {
		table += "/index/" + index
	}
	return q.arn("dynamodb", table)
}

// function is what a call names by its name or ARN, maybe with a qualifier.
func function(q *question) string {
	name := q.text("FunctionName")
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	return q.arn("lambda", "function:"+name)
}

func taggedFunction(q *question) string { return q.text("Resource") }

func tagFunction(q *question) ([]need, error) {
	arn := taggedFunction(q)
	tags, there := q.documents.functionTags(q.ctx, arn)
	return []need{{resource: arn, tags: tags, gone: !there, keys: requested(q.pairs("Tags"))}}, nil
}

// changeFunction changes a function that exists, with its tags.
func changeFunction(q *question) ([]need, error) {
	arn := function(q)
	tags, there := q.documents.functionTags(q.ctx, arn)
	return []need{{resource: arn, tags: tags, gone: !there}}, nil
}

// pairs are tags written as one object.
func (q *question) pairs(name string) map[string]string {
	tags := map[string]string{}
	written, _ := q.Parameters[name].(map[string]any)
	for key, value := range written {
		tags[key], _ = value.(string)
	}
	return tags
}

func createFunction(q *question) ([]need, error) {
	keys := requested(q.pairs("Tags"))
	keys["lambda:VpcIds"] = nil
	keys["lambda:SubnetIds"] = q.texts("VpcConfig", "SubnetIds")
	keys["lambda:SecurityGroupIds"] = q.texts("VpcConfig", "SecurityGroupIds")
	return []need{{resource: function(q), keys: keys}}, nil
}

func subscribe(q *question) ([]need, error) {
	return []need{{resource: q.text("TopicArn"), keys: iam.Context{
		"sns:Protocol": {q.text("Protocol")}, "sns:Endpoint": {q.text("Endpoint")},
	}}}, nil
}

// subscribed is the topic of a subscription, whose ARN is the topic's with an id behind it.
func subscribed(q *question) string {
	arn := q.text("SubscriptionArn")
	return arn[:max(strings.LastIndex(arn, ":"), 0)]
}

// putEvents needs each entry's bus for itself.
func putEvents(q *question) ([]need, error) {
	var found []need
	for _, item := range q.list("Entries") {
		entry, _ := item.(map[string]any)
		text := func(name string) string { value, _ := entry[name].(string); return value }
		found = append(found, need{resource: busARN(q, text("EventBusName")), keys: iam.Context{
			"events:source": {text("Source")}, "events:detail-type": {text("DetailType")}, "events:eventBusInvocation": {"false"},
		}})
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("PutEvents has no entries")
	}
	return found, nil
}

// busARN is a bus by its name or ARN; the account has one without being asked.
func busARN(q *question, name string) string {
	switch {
	case name == "":
		return q.arn("events", "event-bus/default")
	case strings.HasPrefix(name, "arn:"):
		return name
	}
	return q.arn("events", "event-bus/"+name)
}

// directly is the use of a key by its caller, and through no service.
func directly(q *question) ([]need, error) {
	return []need{{resource: q.text("KeyId"), keys: iam.Context{"kms:ViaService": nil, "kms:CallerAccount": {q.Caller.Account},
		s3Context: nil}}}, nil
}

func scheduleOf(q *question) string {
	group := q.text("GroupName")
	if group == "" {
		group = "default"
	}
	return q.arn("scheduler", "schedule/"+group+"/"+q.text("Name"))
}

func stack(q *question) string {
	name := q.text("StackName")
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	return q.arn("cloudformation", "stack/"+orAll(name)+"/*")
}

// logGroup is a log group, or the stream in it that is asked for.
func logGroup(q *question) string { return newStream(q) + q.text("logStreamName") }

// newStream is what a stream is made in.
func newStream(q *question) string {
	return q.arn("logs", "log-group:"+q.text("logGroupName")+":log-stream:")
}

// queue is named by its URL: scheme, host, account, name.
func queue(q *question) string {
	parts := strings.Split(q.text("QueueUrl"), "/")
	if len(parts) < 5 {
		return q.arn("sqs", "")
	}
	return "arn:aws:sqs:" + q.world.Region + ":" + parts[3] + ":" + parts[4]
}
