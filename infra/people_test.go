package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// statements of the people's policy whose name begins so.
func peoplesPolicy(t *testing.T, name string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for _, policy := range synthesized().json.ofType("AWS::IAM::ManagedPolicy") {
		if text, _ := json.Marshal(policy.Properties["ManagedPolicyName"]); strings.Contains(string(text), name) {
			for _, s := range policy.Properties["PolicyDocument"].(map[string]any)["Statement"].([]any) {
				found = append(found, s.(map[string]any))
			}
		}
	}
	if found == nil {
		t.Fatalf("no policy %s", name)
	}
	return found
}

// allowing are the statements that allow an action.
func allowing(statements []map[string]any, action string) []map[string]any {
	return slices.DeleteFunc(slices.Clone(statements), func(s map[string]any) bool { return !slices.Contains(actions(s), action) })
}

func TestOperatorsStartAndDoNotApprove(t *testing.T) {
	policy := peoplesPolicy(t, "rdslink-operator")
	for action, resource := range map[string]string{
		"states:StartExecution": ":stateMachine:rdslink-setup", "states:DescribeExecution": ":execution:rdslink-setup:*", "states:GetExecutionHistory": ":execution:rdslink-setup:*",
		"states:RedriveExecution": ":execution:rdslink-setup:*", "states:StopExecution": ":execution:rdslink-setup:*",
		"lambda:InvokeFunction": ":function:rdslink-watch",
	} {
		allowed := allowing(policy, action)
		if len(allowed) != 1 {
			t.Errorf("%s is allowed by %d statements", action, len(allowed))
			continue
		}
		if text, _ := json.Marshal(allowed[0]["Resource"]); !strings.Contains(string(text), resource) {
			t.Errorf("%s is allowed on %s", action, text)
		}
	}
	for _, s := range policy {
		for _, action := range actions(s) {
			service, verb, _ := strings.Cut(action, ":")
			reads := action == "kms:Decrypt" || slices.ContainsFunc([]string{"Describe", "Filter", "Get", "List", "Scan"}, func(word string) bool {
				return strings.HasPrefix(verb, word)
			})
			if !reads && action != "lambda:InvokeFunction" && (service != "states" || strings.HasPrefix(verb, "SendTask")) {
				t.Errorf("operators may %s", action)
			}
		}
	}
}

// Operators read exposures, one or all of them, by attributes that are named: the token of a waiting step is none of them.
func TestOperatorsReadExposuresWithoutTheirTokens(t *testing.T) {
	policy := peoplesPolicy(t, "rdslink-operator")
	for _, s := range policy {
		for _, action := range actions(s) {
			if strings.HasPrefix(action, "dynamodb:") && action != "dynamodb:GetItem" && action != "dynamodb:Scan" {
				t.Errorf("operators may %s", action)
			}
		}
	}
	reading := allowing(policy, "dynamodb:GetItem")
	if all := allowing(policy, "dynamodb:Scan"); len(reading) != 1 || len(all) != 1 || !slices.Equal(actions(reading[0]), actions(all[0])) {
		t.Errorf("%d statements allow to read an item, %d all of them", len(reading), len(all))
	}
	text, _ := json.Marshal(reading)
	for part, want := range map[string]bool{
		`"StringEquals":{"dynamodb:Select":"SPECIFIC_ATTRIBUTES"}`: true, `"ForAllValues:StringEquals":{"dynamodb:Attributes":[`: true, `"token"`: false,
	} {
		if strings.Contains(string(text), part) != want {
			t.Errorf("%s says %s: %v", text, part, !want)
		}
	}
	key, _ := json.Marshal(allowing(policy, "kms:Decrypt"))
	if !strings.Contains(string(key), `"StringEquals":{"kms:ViaService":`) || !strings.Contains(string(key), "dynamodb") {
		t.Errorf("%s does not say that DynamoDB alone uses the key", key)
	}
}

func TestApproversDecideAndDoNothingElse(t *testing.T) {
	var all []string
	for _, s := range peoplesPolicy(t, "rdslink-approver") {
		all = append(all, actions(s)...)
	}
	slices.Sort(all)
	if want := []string{"ec2:DescribeVpcEndpointConnections", "events:DescribeEventBus", "events:PutEvents"}; !slices.Equal(all, want) {
		t.Errorf("approvers may %v, want %v", all, want)
	}
	put := allowing(peoplesPolicy(t, "rdslink-approver"), "events:PutEvents")[0]
	text, _ := json.Marshal(put)
	for _, part := range []string{
		`"ForAllValues:StringEquals":{"events:detail-type":["ConnectionDecision","RemovalDecision"],"events:source":"rdslink"}`,
		`"Null":{"events:detail-type":"false","events:source":"false"}`, `"Fn::GetAtt":["Bus`,
	} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%s does not say %s", text, part)
		}
	}
}
