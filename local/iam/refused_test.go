package iam

import (
	"fmt"
	"strings"
	"testing"
)

const plain = `{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}`

// refused are documents that cannot be attached, or not judged.
var refused = []struct {
	says     string
	kind     Kind
	document string // or statements
	because  string
}{
	{"what is not JSON", Identity, `{"Statement": [}`, "invalid character"},
	{"two documents", Identity, wrapped(plain) + wrapped(plain), "invalid character"},
	{"an array", Identity, `["Statement"]`, "not a JSON object"},
	{"text beyond Latin-1", Identity, `{"Version": "2012-10-17", "Statement": [{"Sid": "日"}]}`, "Latin-1"},
	{"text that is not UTF-8", Resource, "{\"Id\": \"\xff\", \"Statement\": []}", "UTF-8"},
	{"an element twice", Identity, `{"Version": "2012-10-17", "Version": "2012-10-17", "Statement": []}`, `"Version" is there twice`},
	{"an operator twice", Identity, `{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {
		"Bool": {"aws:SecureTransport": "true"}, "Bool": {"aws:ViaAWSService": "true"}}}`, `"Bool" is there twice`},
	{"a key twice, in two cases", Identity, `{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {
		"IpAddress": {"aws:SourceIp": "192.0.2.1", "aws:sourceip": "192.0.2.2"}}}`, "has the key aws:sourceip twice"},
	{"another version", Identity, `{"Version": "2012-10-18", "Statement": [` + plain + `]}`, `no version "2012-10-18"`},
	{"a version that is a number", Identity, `{"Version": 2012, "Statement": [` + plain + `]}`, "Version is not a string"},
	{"an unknown element", Identity, `{"Versions": "2012-10-17", "Statement": []}`, `element "Versions"`},
	{"an element in another case", Identity, `{"version": "2012-10-17", "Statement": []}`, `element "version"`},
	{"an Id of an identity", Identity, `{"Id": "a", "Statement": [` + plain + `]}`, `element "Id"`},
	{"no statement", Identity, `{"Version": "2012-10-17"}`, "no Statement"},
	{"an empty list of statements", Identity, `{"Version": "2012-10-17", "Statement": []}`, "no Statement"},
	{"a statement that is text", Identity, `{"Statement": "Allow"}`, "statement 1: it is not a JSON object"},
	{"an unknown element of a statement", Identity, `{"Effect": "Allow", "Actions": "s3:*", "Resource": "*"}`, `statement 1: it has an element "Actions"`},
	{"an element of a statement in another case", Identity, plain + `, {"effect": "Allow", "Action": "s3:*", "Resource": "*"}`, `statement 2: it has an element "effect"`},
	{"no effect", Identity, `{"Sid": "One", "Action": "s3:*", "Resource": "*"}`, `statement 1 (One): its Effect is ""`},
	{"an effect in another case", Identity, `{"Effect": "allow", "Action": "s3:*", "Resource": "*"}`, `its Effect is "allow"`},
	{"an unknown effect", Identity, `{"Effect": "Permit", "Action": "s3:*", "Resource": "*"}`, `its Effect is "Permit"`},
	{"a Sid twice", Identity, `{"Sid": "A", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}, {"Sid": "A", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}`,
		"statement 2 (A): another statement has its Sid"},
	{"a Sid with a space", Identity, `{"Sid": "A B", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}`, "its Sid has other characters"},
	{"no action", Identity, `{"Effect": "Allow", "Resource": "*"}`, "exactly one of Action and NotAction"},
	{"Action and NotAction", Identity, `{"Effect": "Allow", "Action": "s3:*", "NotAction": "s3:*", "Resource": "*"}`, "exactly one of Action and NotAction"},
	{"an empty list of actions", Identity, `{"Effect": "Allow", "Action": [], "Resource": "*"}`, "Action is empty"},
	{"an action that is a number", Identity, `{"Effect": "Allow", "Action": 1, "Resource": "*"}`, "Action is not a string"},
	{"an action without a service", Identity, `{"Effect": "Allow", "Action": "GetObject", "Resource": "*"}`, `"GetObject" is not an action`},
	{"a wildcard for a service", Identity, `{"Effect": "Allow", "Action": "s*:GetObject", "Resource": "*"}`, "is not an action"},
	{"an action that does not exist", Identity, `{"Effect": "Allow", "Action": "ec2:CreateTag", "Resource": "*"}`, "no action ec2:CreateTag"},
	{"a pattern of none", Identity, `{"Effect": "Allow", "Action": "ec2:Fetch*", "Resource": "*"}`, "no action ec2:Fetch*"},
	{"a NotAction that does not exist", Identity, `{"Effect": "Deny", "NotAction": "ec2:CreateTag", "Resource": "*"}`, "no action ec2:CreateTag"},
	{"a service that the reference leaves out", Identity, `{"Effect": "Allow", "Action": "autoscaling:*", "Resource": "*"}`, "no action autoscaling:*"},
	{"no resource", Identity, `{"Effect": "Allow", "Action": "s3:*"}`, "exactly one of Resource and NotResource"},
	{"Resource and NotResource", Identity, `{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "NotResource": "*"}`, "exactly one of Resource and NotResource"},
	{"a resource that is no ARN", Identity, `{"Effect": "Allow", "Action": "s3:*", "Resource": "bucket/*"}`, "neither an ARN nor *"},
	{"an ARN without a service", Identity, `{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws"}`, "neither an ARN nor *"},
	{"a short ARN in a resource's policy", Resource, `{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:*"}`, "neither an ARN nor *"},
	{"a variable for an account", Identity, `{"Effect": "Allow", "Action": "sqs:*", "Resource": "arn:aws:sqs:us-east-1:${aws:PrincipalAccount}:q"}`,
		"policy variable before its fifth colon"},
	{"a variable in a short ARN", Identity, `{"Effect": "Deny", "Action": "sqs:*", "NotResource": "arn:aws:sqs:${aws:username}"}`,
		"policy variable before its fifth colon"},
	{"a character that stands for itself before the resource", Identity, `{"Effect": "Allow", "Action": "sqs:*", "Resource": "arn:aws:sqs:${*}:111122223333:q"}`,
		"policy variable before its fifth colon"},
	{"a space in a variable", Identity, `{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${ aws:username}"}`, "policy variable ${ aws:username}"},
	{"a variable for an action", Identity, `{"Effect": "Allow", "Action": "s3:${aws:username}", "Resource": "*"}`, "is not an action"},
	{"a variable in a principal", Resource, receive(`{"AWS": "arn:aws:iam::111122223333:role/${aws:username}"}`), "is of no known form"},
	{"a variable in a condition key", Identity, accessKeys(`{"StringEquals": {"aws:PrincipalTag/${aws:username}": "a"}}`), "condition key aws:PrincipalTag/${aws:username}"},
	{"a variable of a Null", Identity, accessKeys(`{"Null": {"aws:userid": "${aws:userid}"}}`), "is neither true nor false"},
	{"a wildcard for the service of an ARN", Identity, `{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s*:::bucket"}`, "wildcard for its service"},
	{"an unknown variable", Identity, `{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${aws:CurrentTime}"}`, "policy variable ${aws:CurrentTime}"},
	{"a variable that is not closed", Identity, `{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${aws:username"}`, "is not closed"},
	{"a tag variable without a key", Identity, `{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${aws:PrincipalTag/}"}`, "policy variable ${aws:PrincipalTag/}"},
	{"a default without quotes", Identity, `{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${aws:username, all}"}`, "single quotes"},
	{"a principal of an identity", Identity, `{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}`, "identity-based policy has no Principal"},
	{"a principal of a boundary", Boundary, `{"Effect": "Allow", "NotPrincipal": {"AWS": "111122223333"}, "Action": "s3:*", "Resource": "*"}`, "permissions boundary has no Principal"},
	{"no principal of a resource", Resource, plain, "exactly one of Principal and NotPrincipal"},
	{"no resource of a resource", Resource, `{"Effect": "Allow", "Principal": "*", "Action": "sqs:*"}`, "exactly one of Resource and NotResource"},
	{"a principal that is text", Resource, receive(`"111122223333"`), "neither * nor a JSON object"},
	{"no principals", Resource, receive(`{}`), "neither * nor a JSON object"},
	{"an unknown kind of principal", Resource, receive(`{"Role": "arn:aws:iam::111122223333:role/r"}`), `no kind "Role"`},
	{"a kind of principal in another case", Resource, receive(`{"aws": "111122223333"}`), `no kind "aws"`},
	{"an account of eleven digits", Resource, receive(`{"AWS": "11112222333"}`), "is of no known form"},
	{"a group", Resource, receive(`{"AWS": "arn:aws:iam::111122223333:group/g"}`), "is of no known form"},
	{"a part of a principal", Resource, receive(`{"AWS": "arn:aws:iam::111122223333:role/*"}`), "is of no known form"},
	{"any session of a role", Resource, receive(`{"AWS": "arn:aws:sts::111122223333:assumed-role/r/*"}`), "is of no known form"},
	{"the ID of a role that was deleted", Resource, receive(`{"AWS": "AROADBQP57FF2AEXAMPLE"}`), "is of no known form"},
	{"any service", Resource, receive(`{"Service": "*"}`), "is of no known form"},
	{"a service's short name", Resource, receive(`{"Service": "sns"}`), "is of no known form"},
	{"NotPrincipal with Allow", Resource, `{"Effect": "Allow", "NotPrincipal": {"AWS": "111122223333"}, "Action": "sqs:*", "Resource": "*"}`, "must be used with Deny"},
	{"NotPrincipal of everyone", Resource, `{"Effect": "Deny", "NotPrincipal": "*", "Action": "sqs:*", "Resource": "*"}`, "NotPrincipal is nobody"},
	{"a Deny for who cannot be recognized", Resource, `{"Effect": "Deny", "Principal": {"CanonicalUser": "` + strings.Repeat("0a", 32) + `"}, "Action": "s3:*", "Resource": "*"}`,
		"cannot be judged"},
	{"a federated principal of a resource", Resource, receive(`{"Federated": "cognito-identity.amazonaws.com"}`), "cannot be judged"},
	{"a CanonicalUser of a trust policy", Trust, assume(`{"CanonicalUser": "` + strings.Repeat("0a", 32) + `"}`), "has no CanonicalUser"},
	{"a Sid with a space of a trust policy", Trust, `{"Sid": "A B", "Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}`, "its Sid has other characters"},
	{"a boundary beyond Latin-1", Boundary, `{"Version": "2012-10-17", "Statement": [{"Sid": "日"}]}`, "Latin-1"},
	{"a resource of a trust policy", Trust, `{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole", "Resource": "*"}`, "has no Resource"},
	{"a trust policy about another service", Trust, `{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}`, "cannot speak of s3:GetObject"},
	{"a trust policy about all of STS", Trust, `{"Effect": "Allow", "Principal": "*", "Action": "sts:*"}`, "cannot speak of sts:*"},
	{"NotAction of a trust policy", Trust, `{"Effect": "Allow", "Principal": "*", "NotAction": "sts:AssumeRole"}`, "has no NotAction"},
	{"NotPrincipal of a trust policy", Trust, `{"Effect": "Deny", "NotPrincipal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"}`, "has no NotPrincipal"},
	{"a condition that is text", Identity, `{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": "aws:SecureTransport"}`, "its Condition is not a JSON object"},
	{"an operator without keys", Identity, accessKeys(`{"Bool": "true"}`), "condition Bool is not a JSON object"},
	{"an unknown operator", Identity, accessKeys(`{"StringMatches": {"aws:userid": "a"}}`), "no condition operator StringMatches"},
	{"an operator in another case", Identity, accessKeys(`{"stringequals": {"aws:userid": "a"}}`), "no condition operator stringequals"},
	{"an unknown qualifier", Identity, accessKeys(`{"ForEachValue:StringEquals": {"aws:userid": "a"}}`), "no condition operator ForEachValue:StringEquals"},
	{"NullIfExists", Identity, accessKeys(`{"NullIfExists": {"aws:userid": "true"}}`), "no condition operator NullIfExists"},
	{"Null of a set", Identity, accessKeys(`{"ForAnyValue:Null": {"aws:userid": "true"}}`), "no condition operator ForAnyValue:Null"},
	{"an unknown global key", Identity, accessKeys(`{"StringEquals": {"aws:UserName2": "a"}}`), "condition key aws:UserName2 is neither global"},
	{"another action's key", Identity, `{"Effect": "Allow", "Action": "ec2:CreateVpc", "Resource": "*", "Condition": {"StringEquals": {"ec2:CreateAction": "CreateVpc"}}}`,
		"condition key ec2:CreateAction is neither global"},
	{"a tag without a key", Identity, accessKeys(`{"StringEquals": {"aws:PrincipalTag/": "a"}}`), "condition key aws:PrincipalTag/ is neither global"},
	{"no values", Identity, accessKeys(`{"StringEquals": {"aws:userid": []}}`), "aws:userid is empty"},
	{"a value that is nothing", Identity, accessKeys(`{"StringEquals": {"aws:userid": null}}`), "aws:userid is not a string"},
	{"a number that is none", Identity, accessKeys(`{"NumericEquals": {"aws:MultiFactorAuthAge": "1e3"}}`), `"1e3" is not a number`},
	{"a date that is none", Identity, accessKeys(`{"DateEquals": {"aws:CurrentTime": "today"}}`), `"today" is not a date`},
	{"a boolean that is none", Identity, accessKeys(`{"Bool": {"aws:SecureTransport": "yes"}}`), `"yes" is neither true nor false`},
	{"a Null that is none", Identity, accessKeys(`{"Null": {"aws:userid": "yes"}}`), `"yes" is neither true nor false`},
	{"an address that is none", Identity, accessKeys(`{"IpAddress": {"aws:SourceIp": "203.0.113.0/33"}}`), "is not an IP address or range"},
	{"base64 that is none", Identity, accessKeys(`{"BinaryEquals": {"aws:userid": "?"}}`), `"?" is not base64`},
	{"an ARN that is none", Identity, accessKeys(`{"ArnLike": {"aws:PrincipalArn": "*"}}`), `"*" is not an ARN`},
	{"a variable where there can be none", Identity, accessKeys(`{"NumericEquals": {"aws:MultiFactorAuthAge": "${aws:userid}"}}`), "is not a number"},
	{"an unknown variable in a condition", Identity, accessKeys(`{"StringLike": {"aws:userid": "${aws:SourceIp}"}}`), "policy variable ${aws:SourceIp}"},
}

func TestRefusedDocuments(t *testing.T) {
	for _, r := range refused {
		t.Run(r.says, func(t *testing.T) {
			document := r.document
			if strings.Contains(document, `"Action`) || strings.Contains(document, `"Effect"`) {
				document = wrapped(document)
			}
			p, err := Parse(r.kind, "some/policy", document)
			if err == nil || p != nil {
				t.Fatalf("read: %v", p)
			}
			if !strings.HasPrefix(err.Error(), "read policy some/policy: ") || !strings.Contains(err.Error(), r.because) {
				t.Error(err)
			}
		})
	}
}

func TestStatementString(t *testing.T) {
	p, err := Parse(Identity, "app-sync/DefaultPolicy", wrapped(plain+`, {"Sid": "Tags", "Effect": "Deny", "Action": "*", "Resource": "*"}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(p.Statements[0], ", ", p.Statements[1]); got != "app-sync/DefaultPolicy statement 1, app-sync/DefaultPolicy statement 2 (Tags)" {
		t.Error(got)
	}
}
