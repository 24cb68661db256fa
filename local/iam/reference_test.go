package iam

import (
	"strings"
	"testing"
)

func TestReference(t *testing.T) {
	services := map[string]bool{}
	for name, a := range reference() {
		prefix, _, _ := strings.Cut(name, ":")
		services[prefix] = true
		for _, r := range a.Resources {
			if !strings.HasPrefix(r.ARN, "arn:") {
				t.Errorf("%s is for %s, of which the ARN is %q", name, r.Name, r.ARN)
			}
		}
	}
	if len(services) != 23 || len(reference()) < 2000 {
		t.Errorf("%d services have %d actions", len(services), len(reference()))
	}
}

func TestLookup(t *testing.T) {
	for asked, want := range map[string]string{
		"EC2:CREATETAGS":   "ec2:CreateTags",
		"ec2:describevpcs": "ec2:DescribeVpcs",
		"ec2:DescribeVPC":  "",
		"ec2:*":            "",
		"":                 "",
	} {
		if a, ok := Lookup(asked); a.Name != want || ok != (want != "") {
			t.Errorf("Lookup(%q) = %q, %t", asked, a.Name, ok)
		}
	}
}

func TestKeys(t *testing.T) {
	for action, keys := range map[string]string{
		"ec2:CreateTags":        "ec2:CreateAction ec2:Region aws:RequestTag/a aws:TagKeys ec2:ResourceTag/a",
		"ec2:CreateVpcEndpoint": "ec2:VpceServiceName ec2:VpceServiceOwner ec2:SubnetID ec2:Region",
		"ec2:DescribeVpcs":      "ec2:Region",
		"elasticloadbalancing:CreateLoadBalancer": "elasticloadbalancing:Scheme elasticloadbalancing:Subnet elasticloadbalancing:SecurityGroup " +
			"aws:RequestTag/a elasticloadbalancing:ResourceTag/a",
		"elasticloadbalancing:CreateListener": "elasticloadbalancing:ListenerProtocol",
		"elasticloadbalancing:AddTags":        "elasticloadbalancing:CreateAction",
		"iam:PassRole":                        "iam:PassedToService iam:AssociatedResourceArn iam:ResourceTag/a",
		"iam:CreateServiceLinkedRole":         "iam:AWSServiceName",
		"sns:Subscribe":                       "sns:Protocol sns:Endpoint",
		"lambda:CreateFunction":               "lambda:VpcIds lambda:SubnetIds lambda:SecurityGroupIds aws:RequestTag/a",
		"lambda:CreateEventSourceMapping":     "lambda:FunctionArn",
		"lambda:AddPermission":                "lambda:Principal lambda:FunctionUrlAuthType",
		"dynamodb:GetItem":                    "dynamodb:LeadingKeys dynamodb:Attributes dynamodb:Select",
		"events:PutEvents":                    "events:detail-type events:source events:eventBusInvocation",
		"kms:Decrypt":                         "kms:ViaService kms:CallerAccount kms:EncryptionContext:a kms:EncryptionContextKeys kms:ResourceAliases",
		"kms:CreateGrant":                     "kms:GrantIsForAWSResource kms:GranteePrincipal kms:GrantOperations",
		"states:StartExecution":               "states:StateMachineQualifier",
		"scheduler:CreateScheduleGroup":       "aws:RequestTag/a aws:TagKeys",
		"sts:AssumeRole":                      "sts:ExternalId sts:RoleSessionName",
		"servicequotas:GetServiceQuota":       "servicequotas:service",
		"cloudwatch:PutMetricData":            "cloudwatch:namespace",
		"s3:GetObject":                        "s3:ExistingObjectTag/a",
		"sns:Publish":                         "aws:SourceOwner",
		"sts:AssumeRoleWithSAML":              "saml:aud saml:anything",
		"sts:AssumeRoleWithWebIdentity":       "token.actions.a.ghe.com:ref",
	} {
		a, ok := Lookup(action)
		if !ok {
			t.Errorf("no %s", action)
		}
		for _, key := range strings.Fields(keys) {
			if !a.hasKey(key) {
				t.Errorf("%s has no key %s", action, key)
			}
		}
	}
	for action, key := range map[string]string{
		"ec2:DescribeVpcs":              "ec2:CreateAction",
		"ec2:CreateTags":                "aws:ResourceTag/",
		"sts:AssumeRoleWithWebIdentity": "token.actions.a.ghe.com:reference",
	} {
		if a, _ := Lookup(action); a.hasKey(key) {
			t.Errorf("%s has the key %s", action, key)
		}
	}
}

func TestExpand(t *testing.T) {
	for pattern, want := range map[string]string{
		"kms:GenerateDataKey*": "kms:generatedatakey kms:generatedatakeypair kms:generatedatakeypairwithoutplaintext kms:generatedatakeywithoutplaintext",
		"SQS:?endMessage":      "sqs:sendmessage",
		"sqs:SendMessages":     "",
		"s*:SendMessage":       "sqs:sendmessage",
	} {
		if got := strings.Join(Expand(pattern), " "); got != want {
			t.Errorf("Expand(%q) = %s", pattern, got)
		}
	}
	if len(Expand("*")) != len(reference()) {
		t.Error("* does not cover all")
	}
}

func TestResourceType(t *testing.T) {
	for _, r := range []struct{ action, arn, want string }{
		{"ec2:CreateTags", "arn:aws:ec2:us-east-1:111122223333:vpc-endpoint/vpce-1", "vpc-endpoint"},
		{"ec2:CreateTags", "arn:aws:ec2:us-east-1:111122223333:vpc-endpoint-service/vpce-svc-1", "vpc-endpoint-service"},
		{"ec2:CreateTags", "arn:aws:ec2:us-east-1:111122223333:nothing/1", ""},
		{"ec2:RunInstances", "arn:aws:ec2:us-east-1::image/ami-1", "image"},
		{"rds:StartDBInstance", "arn:aws:rds:us-east-1:111122223333:cluster:c", ""},
		{"rds:ModifyDBProxy", "arn:aws:rds:us-east-1:111122223333:db-proxy:prx-1", "proxy"},
		{"elasticloadbalancing:CreateLoadBalancer", "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/n/1", "loadbalancer/net/"},
		{"elasticloadbalancing:AddTags", "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/t/1", "targetgroup"},
		{"elasticloadbalancing:CreateListener", "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/n/1", "loadbalancer/net/"},
		{"elasticloadbalancing:DeleteListener", "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/net/n/1/2", "listener/net"},
		{"lambda:InvokeFunction", "arn:aws:lambda:us-east-1:111122223333:function:f", "function"},
		{"lambda:InvokeFunction", "arn:aws:lambda:us-east-1:111122223333:function:f:1", "function"},
		{"dynamodb:Query", "arn:aws:dynamodb:us-east-1:111122223333:table/t", "table"},
		{"dynamodb:Query", "arn:aws:dynamodb:us-east-1:111122223333:table/t/index/i", "index"},
		{"s3:*", "arn:aws:s3:::b", ""},
		{"s3:ListBucket", "arn:aws:s3:::b", "bucket"},
		{"s3:ListBucket", "arn:aws:s3:::b/o", ""},
		{"s3:GetObject", "arn:aws:s3:::b/o/p", "object"},
		{"dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:111122223333:table/t/index/i", ""},
		{"logs:CreateLogGroup", "arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/f", "log-group"},
		{"logs:CreateLogStream", "arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/f", ""},
		{"logs:PutLogEvents", "arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/f:log-stream:s", "log-stream"},
		{"states:StartExecution", "arn:aws:states:us-east-1:111122223333:stateMachine:m:live", "statemachine"},
		{"events:PutRule", "arn:aws:events:us-east-1:111122223333:rule/r", "rule-on-default-event-bus"},
		{"events:PutRule", "arn:aws:events:us-east-1:111122223333:rule/b/r", "rule-on-custom-event-bus"},
		{"sqs:SendMessage", "arn:aws:sqs:us-east-1:111122223333:q", "queue"},
		{"iam:PassRole", "arn:aws:iam::111122223333:role/path/r", "role"},
		{"ec2:DescribeVpcs", "*", ""},
	} {
		a, _ := Lookup(r.action)
		if got, ok := a.ResourceType(r.arn); got.Name != r.want || ok != (r.want != "") {
			t.Errorf("%s on %s: %q, %t", r.action, r.arn, got.Name, ok)
		}
	}
}

func TestResourceTypeThatSaysMost(t *testing.T) {
	a := Action{Resources: []ResourceType{{Name: "net", ARN: "arn:aws:elb:loadbalancer/net/.*"}, {Name: "any", ARN: "arn:aws:elb:loadbalancer/.*"}}}
	if got, _ := a.ResourceType("arn:aws:elb:loadbalancer/net/a"); got.Name != "net" {
		t.Error(got)
	}
}
