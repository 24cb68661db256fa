package iam

import (
	"strings"
	"testing"
)

// unjudged are requests about which there is no decision.
var unjudged = []struct {
	row
	because string
}{
	{row{says: "an action that does not exist", action: "sqs:SendMessages", on: queue}, "the reference has no such action"},
	{row{says: "a resource of another type", action: "sqs:SendMessage", on: topic}, "of none of the action's types"},
	{row{says: "a bucket for an object", action: "s3:GetObject", on: "arn:aws:s3:::amzn-s3-demo-bucket"}, "of none of the action's types"},
	{row{says: "an index for a table", action: "dynamodb:GetItem", on: "arn:aws:dynamodb:us-west-2:111122223333:table/t/index/i"}, "of none of the action's types"},
	{row{says: "a resource for an action without", action: "ec2:DescribeVpcs", on: "arn:aws:ec2:us-east-1:111122223333:vpc/vpc-1"}, "of none of the action's types"},
	{row{says: "none for an action with", action: "sqs:SendMessage"}, "asked for a resource of a type"},
	{row{says: "nobody", who: Principal{Account: "111122223333"}, action: "ec2:DescribeVpcs"}, "no session, user or root"},
	{row{says: "a role itself", who: Principal{Account: session.Account, ARN: session.Role}, action: "ec2:DescribeVpcs"}, "no session, user or root"},
	{row{says: "somebody of another account", who: Principal{Account: "444455556666", ARN: bob.ARN}, action: "ec2:DescribeVpcs"}, "is not account"},
	{row{says: "a session without a role", who: Principal{Account: session.Account, ARN: session.ARN}, action: "ec2:DescribeVpcs"}, "does not go with the role"},
	{row{says: "a session of another account's role", who: Principal{Account: session.Account, ARN: session.ARN, Role: "arn:aws:iam::444455556666:role/examplerole"},
		action: "ec2:DescribeVpcs"}, "does not go with the role"},
	{row{says: "a service that is a user", who: Principal{Account: bob.Account, ARN: bob.ARN, Service: "sns.amazonaws.com"}, action: "ec2:DescribeVpcs"}, "a service and an account's"},
	{row{says: "a key twice", action: "ec2:DescribeVpcs", context: Context{"aws:userid": {"a"}, "aws:UserID": {"b"}}}, "aws:userid is given twice"},
	{row{says: "a key that is not modelled", action: "iam:CreateAccessKey", on: userBob, identity: accessKeys(`{"Bool": {"aws:SecureTransport": "true"}}`)},
		"identity statement 1: condition key aws:securetransport is not modelled"},
	{row{says: "a key that is not modelled, after one that is not met", action: "iam:CreateAccessKey", on: userBob, context: Context{"aws:SourceIp": {"192.0.2.1"}},
		identity: accessKeys(`{"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}, "StringLike": {"aws:userid": "*"}}`)}, "aws:userid is not modelled"},
	{row{says: "IfExists of a key that is not modelled", action: "iam:CreateAccessKey", on: userBob, identity: accessKeys(`{"BoolIfExists": {"aws:SecureTransport": "true"}}`)},
		"aws:securetransport is not modelled"},
	{row{says: "a family that is not modelled", action: "iam:CreateAccessKey", on: userBob, context: Context{"aws:RequestTag/": {}},
		identity: accessKeys(`{"StringEquals": {"aws:ResourceTag/a": "b"}}`)}, "aws:resourcetag/a is not modelled"},
	{row{says: "a Deny's key that is not modelled", who: root, action: "sqs:SendMessage", on: queue, resource: `{"Effect": "Deny", "Principal": "*", "Action": "sqs:*",
		"Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}`}, "resource statement 1: condition key aws:securetransport is not modelled"},
	{row{says: "a variable that is not modelled", action: "s3:GetObject", on: report,
		identity: `{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${aws:username}/*"}`}, "aws:username is not modelled"},
	{row{says: "a variable of several values", action: "s3:GetObject", on: report, context: Context{"aws:username": {"a", "b"}},
		identity: `{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${aws:username}/*"}`}, "has several values"},
	{row{says: "several values for an operator of one", action: "iam:TagRole", on: target, context: Context{"aws:username": {"a", "b"}},
		identity: `{"Effect": "Allow", "Action": "iam:*", "Resource": "*", "Condition": {"StringEquals": {"aws:username": "a"}}}`}, "has several values"},
	{row{says: "a value that is not of the operator's type", action: "iam:CreateAccessKey", on: userBob, context: Context{"aws:CurrentTime": {"noon"}},
		identity: accessKeys(`{"DateLessThan": {"aws:CurrentTime": "2020-01-01"}}`)}, `"noon" is not a date`},
}

func TestUnjudged(t *testing.T) {
	for _, r := range unjudged {
		t.Run(r.says, func(t *testing.T) {
			p, err := r.policies()
			if err != nil {
				t.Fatal(err)
			}
			d, err := Evaluate(r.request(), p)
			if err == nil || d.Allowed || !strings.Contains(err.Error(), r.because) {
				t.Errorf("%v, %v", d, err)
			}
		})
	}
}

// A policy that could not be read is nil.
func TestMisplacedPolicies(t *testing.T) {
	identity, err := Parse(Identity, "identity", wrapped(plain))
	if err != nil {
		t.Fatal(err)
	}
	attached, err := Parse(Resource, "attached", wrapped(receive(`"*"`)))
	if err != nil {
		t.Fatal(err)
	}
	r := row{action: "sqs:SendMessage", on: queue}.request()
	for says, p := range map[string]Policies{
		"unreadable":  {Identity: []*Policy{identity, nil}},
		"as identity": {Identity: []*Policy{attached}},
		"as boundary": {Identity: []*Policy{identity}, Boundary: identity},
		"as resource": {Resource: identity},
	} {
		if d, err := Evaluate(r, p); err == nil || d.Allowed {
			t.Errorf("%s: %v, %v", says, d, err)
		}
	}
}

// A key of a service that the reference does not know for the action is absent from its requests.
func TestKeyOfAnotherAction(t *testing.T) {
	r := row{action: "ec2:CreateVpc", on: "arn:aws:ec2:us-east-1:111122223333:vpc/vpc-1",
		identity: `{"Effect": "Allow", "Action": ["ec2:CreateTags", "ec2:CreateVpc"], "Resource": "*", "Condition": {"StringEquals": {"ec2:CreateAction": "CreateVpc"}}}`}
	p, err := r.policies()
	if err != nil {
		t.Fatal(err)
	}
	if d, err := Evaluate(r.request(), p); err != nil || d.Allowed {
		t.Errorf("%v, %v", d, err)
	}
	if _, err := Evaluate(row{action: "ec2:CreateTags", on: r.on}.request(), p); err == nil {
		t.Error("ec2:CreateTags has the key")
	}
}

func TestDecisionNamesStatements(t *testing.T) {
	r := row{action: "sqs:SendMessage", on: queue, identity: plain + `, {"Effect": "Allow", "Action": "sqs:ReceiveMessage", "Resource": "*"}`,
		resource: `{"Sid": "all", "Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}`, boundary: plain}
	p, err := r.policies()
	if err != nil {
		t.Fatal(err)
	}
	d, err := Evaluate(r.request(), p)
	if err != nil || len(d.Allows) != 2 || d.Allows[0].String() != "identity statement 1" || d.Allows[1].String() != "resource statement 1 (all)" {
		t.Errorf("%v, %v", d, err)
	}
}
