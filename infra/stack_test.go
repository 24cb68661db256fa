package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

func TestMain(m *testing.M) {
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

// synthesis is a stack and its template.
type synthesis struct {
	*resources
	stack    awscdk.Stack
	template assertions.Template
	json     template
}

// synthesized is the stack with every option set that does not take the place of something.
var synthesized = sync.OnceValue(func() synthesis {
	return synthesisOf(options{
		approvers: []string{"arn:aws:iam::111122223333:role/approver"},
		tags:      map[string]string{"CostCenter": "4711"},
		operators: "operators@example.com",
	})
})

// synthesisOf is the stack with these options. Template tests need no built functions, only their folders.
func synthesisOf(o options) (s synthesis) {
	dir, err := os.MkdirTemp("", "rdslink-functions")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for _, f := range append(slices.Clone(functions), function{folder: "resolver"}) {
		folder := filepath.Join(dir, f.folder)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			panic(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "bootstrap"), []byte(f.folder), 0o755); err != nil {
			panic(err)
		}
	}
	o.architecture, o.functions = "arm64", dir
	app := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false)})
	s.resources = newStack(app, o)
	s.stack = s.resources.stack
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(nil), nil)
	s.template = assertions.Template_FromStack(s.stack, nil)
	text, err := json.Marshal(s.template.ToJSON())
	if err != nil {
		panic(err)
	}
	if err := json.Unmarshal(text, &s.json); err != nil {
		panic(err)
	}
	return s
}

// A log group that AWS makes by itself keeps everything for ever, and is left behind: every function, CDK's own among them,
// and every state machine writes to one that the stack makes.
func TestNoLogIsKeptForEver(t *testing.T) {
	s := synthesized()
	groups := s.json.ofType("AWS::Logs::LogGroup")
	for id, group := range groups {
		if group.Properties["RetentionInDays"] != 90.0 || group.DeletionPolicy != "Delete" {
			t.Errorf("%s keeps %v days and is kept as %q", id, group.Properties["RetentionInDays"], group.DeletionPolicy)
		}
	}
	made := func(id, reference any) {
		of, _ := reference.(map[string]any)
		name, _ := of["Ref"].(string)
		if _, found := groups[name]; !found {
			t.Errorf("%s logs to %v, which is no log group of the stack", id, reference)
		}
	}
	for id, f := range s.json.ofType("AWS::Lambda::Function") {
		logging, _ := f.Properties["LoggingConfig"].(map[string]any)
		made(id, logging["LogGroup"])
	}
	for id, m := range s.json.ofType("AWS::StepFunctions::StateMachine") {
		for _, to := range m.Properties["LoggingConfiguration"].(map[string]any)["Destinations"].([]any) {
			arn := to.(map[string]any)["CloudWatchLogsLogGroup"].(map[string]any)["LogGroupArn"].(map[string]any)["Fn::GetAtt"].([]any)
			made(id, map[string]any{"Ref": arn[0]})
		}
	}
	names := map[any]bool{}
	for _, group := range groups {
		names[group.Properties["LogGroupName"]] = true
	}
	if log := s.options.name.ResolverLog(); !names[log] {
		t.Errorf("nothing makes %s, where step 2's resolvers log", log)
	}
}

func TestEveryFolderIsAFunctionOfTheStack(t *testing.T) {
	folders, err := os.ReadDir("../functions")
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, f := range folders {
		got = append(got, f.Name())
	}
	for _, f := range functions {
		want = append(want, f.folder)
	}
	want = append(want, "resolver") // made by step 2 in the databases' VPCs
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("folders are\n%v, functions are\n%v", got, want)
	}
}

func TestNoFindings(t *testing.T) {
	s := synthesized()
	for _, m := range *assertions.Annotations_FromStack(s.stack).FindError(jsii.String("*"), assertions.Match_StringLikeRegexp(jsii.String("AwsSolutions-.*"))) {
		t.Errorf("%s: %v", *m.Id, m.Entry.Data) //nolint:staticcheck // FindError returns nothing else yet
	}
}

// Only one function may answer for a waiting step, and only that one may accept a connection.
func TestOnlyTheDecisionFunctionDecides(t *testing.T) {
	for id, policy := range synthesized().json.ofType("AWS::IAM::Policy") {
		text, err := json.Marshal(policy.Properties["PolicyDocument"])
		if err != nil {
			t.Fatal(err)
		}
		decides := strings.Contains(string(text), "states:SendTask") || strings.Contains(string(text), "AcceptVpcEndpointConnections")
		if decides != strings.HasPrefix(id, "decisionrole") {
			t.Errorf("%s: may decide: %v", id, decides)
		}
	}
}

func TestTemplateHolds(t *testing.T) {
	type want = map[string]any
	for name, row := range map[string]struct {
		kind  string
		props want
	}{
		"the registry is encrypted with our key, recoverable, and cannot be deleted by accident": {"AWS::DynamoDB::Table", want{
			"BillingMode":                      "PAY_PER_REQUEST",
			"DeletionProtectionEnabled":        true,
			"PointInTimeRecoverySpecification": want{"PointInTimeRecoveryEnabled": true},
			"SSESpecification":                 want{"SSEEnabled": true, "SSEType": "KMS"},
		}},
		"the registry's index of waiting exposures": {"AWS::DynamoDB::Table", want{
			"GlobalSecondaryIndexes": assertions.Match_ArrayWith(&[]any{assertions.Match_ObjectLike(&want{"IndexName": "awaiting"})}),
		}},
		"a tick that was missed is not repeated": {"AWS::Lambda::EventInvokeConfig", want{
			"FunctionName": want{"Ref": assertions.Match_StringLikeRegexp(jsii.String("^ipsync"))}, "MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60,
		}},
		"the observer's events are kept for an hour": {"AWS::Lambda::EventInvokeConfig", want{
			"FunctionName": want{"Ref": assertions.Match_StringLikeRegexp(jsii.String("^observer"))}, "MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600,
		}},
		"the setup's log shows no task token": {"AWS::StepFunctions::StateMachine", want{
			"LoggingConfiguration": assertions.Match_ObjectLike(&want{"IncludeExecutionData": false}),
		}},
		"only the observer reports": {"AWS::Events::EventBusPolicy", want{
			"Statement": assertions.Match_ObjectLike(&want{"Effect": "Deny", "Principal": "*", "Condition": want{
				"ForAnyValue:StringEquals": want{"events:detail-type": []string{"ConnectionPending", "ConnectionAvailable", "ConnectionRejected", "ConnectionDeleted"}},
				"ArnNotEquals":             assertions.Match_AnyValue(),
			}}),
		}},
		"only approvers decide": {"AWS::Events::EventBusPolicy", want{
			"Statement": assertions.Match_ObjectLike(&want{"Effect": "Deny", "Condition": want{
				"ForAnyValue:StringEquals": want{"events:detail-type": []string{"ConnectionDecision", "RemovalDecision"}},
				"ArnNotEquals":             want{"aws:PrincipalArn": []string{"arn:aws:iam::111122223333:role/approver"}},
			}}),
		}},
		"PrivateLink may announce this account's connections": {"AWS::SNS::TopicPolicy", want{
			"PolicyDocument": assertions.Match_ObjectLike(&want{"Statement": assertions.Match_ArrayWith(&[]any{assertions.Match_ObjectLike(&want{
				"Principal": want{"Service": "vpce.amazonaws.com"}, "Action": "sns:Publish", "Condition": assertions.Match_AnyValue(),
			})})}),
		}},
		"RDS events reach the sync": {"AWS::Events::Rule", want{
			"EventPattern": assertions.Match_ObjectLike(&want{"source": []string{"aws.rds"}}),
		}},
		"operators hear of an execution that failed": {"AWS::Events::Rule", want{
			"EventPattern": assertions.Match_ObjectLike(&want{"source": []string{"aws.states"}, "detail": assertions.Match_ObjectLike(&want{"status": []string{"FAILED", "TIMED_OUT", "ABORTED"}})}),
		}},
		"what they hear is JSON, whatever the cause contains": {"AWS::Events::Rule", want{
			"Targets": assertions.Match_ArrayWith(&[]any{assertions.Match_ObjectLike(&want{"InputTransformer": assertions.Match_ObjectLike(&want{
				"InputTemplate": assertions.Match_StringLikeRegexp(jsii.String(`"cause":<[^>"]+>`)),
			})})}),
		}},
		"operators are subscribed": {"AWS::SNS::Subscription", want{"Protocol": "email", "Endpoint": "operators@example.com"}},
		"the deployer's tags are everywhere": {"AWS::Lambda::Function", want{
			"Tags":        assertions.Match_ArrayWith(&[]any{want{"Key": "CostCenter", "Value": "4711"}}),
			"Environment": want{"Variables": assertions.Match_ObjectLike(&want{"RDSLINK_TAGS": `{"CostCenter":"4711"}`})},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			found := synthesized().template.FindResources(&row.kind, map[string]any{"Properties": assertions.Match_ObjectLike(&row.props)})
			if len(*found) == 0 {
				t.Errorf("no %s has %v", row.kind, row.props)
			}
		})
	}
}

// What holds data, or what Lambda needs after the stack is gone, stays.
func TestRetained(t *testing.T) {
	var got []string
	for id, r := range synthesized().json.Resources {
		if r.DeletionPolicy == "Retain" {
			got = append(got, strings.TrimRight(id, "0123456789ABCDEF"))
		}
	}
	slices.Sort(got)
	if want := []string{"Key", "Registry", "ResolverRole"}; !slices.Equal(got, want) {
		t.Errorf("retained are %v, want %v", got, want)
	}
}

// CloudFormation deletes first what asks on-stack-change: when that refuses, everything is still there.
func TestWhatAsksOnStackChangeDependsOnEverything(t *testing.T) {
	stack := synthesized().json
	for asks, r := range stack.ofType("Custom::Exposures") {
		for id := range stack.Resources {
			if id != asks && !slices.Contains(r.DependsOn, id) {
				t.Errorf("%s can be deleted before %s", id, asks)
			}
		}
		return
	}
	t.Error("nothing asks on-stack-change")
}

// A deletion that is refused only then leaves a stack that can still be updated.
func TestTheStackIsProtectedAgainstDeletion(t *testing.T) {
	if protected := synthesized().stack.TerminationProtection(); protected == nil || !*protected {
		t.Error("anybody may delete the stack")
	}
}
