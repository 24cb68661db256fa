package iam

import "strings"

const (
	operators      = "IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"
	severalKeys    = "IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html"
	setOperators   = "IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html"
	multivalued    = "IAM/latest/UserGuide/reference_policies_condition_examples-multi-valued-context-keys.html"
	singleValued   = "IAM/latest/UserGuide/reference_policies_condition_examples-single-valued-context-keys.html"
	globalContexts = "IAM/latest/UserGuide/reference_policies_condition-keys.html"

	noAllow  = "because no identity-based policy allows"
	explicit = "with an explicit deny in an identity-based policy"
	userBob  = "arn:aws:iam::111122223333:user/bob"
)

// accessKeys is the statement of most examples of operators.
func accessKeys(condition string) string {
	return `{"Effect": "Allow", "Action": "iam:*AccessKey*", "Resource": "arn:aws:iam::111122223333:user/*", "Condition": ` + condition + `}`
}

// accessKey asks for what accessKeys allows.
func accessKey(page, says, condition string, context Context, refused string) row {
	return row{page: page, says: says, action: "iam:CreateAccessKey", on: userBob, identity: accessKeys(condition), context: context, refused: refused}
}

// tagged asks to tag a role that all but a Deny allows.
func tagged(page, says, condition string, keys []string, refused string) row {
	return row{page: page, says: says, action: "iam:TagRole", on: target, context: Context{"aws:TagKeys": keys}, refused: refused,
		identity: `{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}, {"Sid": "DenyRestrictedTags", "Effect": "Deny",
			"Action": ["iam:Tag*", "iam:UnTag*"], "Resource": ["*"], "Condition": ` + condition + `}`}
}

var conditionRows = []row{
	accessKey(operators, "StringEquals: the principal is tagged iamuser-admin", `{"StringEquals": {"aws:PrincipalTag/job-category": "iamuser-admin"}}`,
		Context{"aws:PrincipalTag/job-category": {"iamuser-admin"}}, ""),
	accessKey(operators, "StringEquals is case-sensitive", `{"StringEquals": {"aws:PrincipalTag/job-category": "iamuser-admin"}}`,
		Context{"aws:PrincipalTag/job-category": {"IAMUser-Admin"}}, noAllow),
	accessKey(operators, "StringEquals: a user without the tag is implicitly denied", `{"StringEquals": {"aws:PrincipalTag/job-category": "iamuser-admin"}}`,
		Context{"aws:PrincipalTag/": {}}, noAllow),
	accessKey(operators, "StringEquals knows no wildcards", `{"StringEquals": {"aws:PrincipalTag/job-category": "iamuser-*"}}`,
		Context{"aws:PrincipalTag/job-category": {"iamuser-admin"}}, noAllow),
	accessKey(operators, "StringEqualsIgnoreCase ignores case", `{"StringEqualsIgnoreCase": {"aws:PrincipalTag/job-category": "iamuser-admin"}}`,
		Context{"aws:PrincipalTag/job-category": {"IAMUser-Admin"}}, ""),
	accessKey(operators, "StringNotEqualsIgnoreCase", `{"StringNotEqualsIgnoreCase": {"aws:PrincipalTag/job-category": "iamuser-admin"}}`,
		Context{"aws:PrincipalTag/job-category": {"IAMUser-Admin"}}, noAllow),
	accessKey(operators, "StringNotEquals: the key is not matched, and is not present", `{"StringNotEquals": {"aws:PrincipalTag/job-category": "guest"}}`,
		Context{"aws:PrincipalTag/": {}}, ""),
	accessKey(operators, "StringLike has * and ? anywhere", `{"StringLike": {"aws:PrincipalTag/job-category": "iam*-?dmin"}}`,
		Context{"aws:PrincipalTag/job-category": {"iamuser-admin"}}, ""),
	accessKey(operators, "StringNotLike", `{"StringNotLike": {"aws:PrincipalTag/job-category": "iamuser-*"}}`,
		Context{"aws:PrincipalTag/job-category": {"iamuser-admin"}}, noAllow),
	{page: operators, says: "StringLike: the user may list one of three prefixes, which may be empty", action: "s3:ListBucket", on: "arn:aws:s3:::amzn-s3-demo-bucket",
		identity: homeDirectory, context: Context{"s3:prefix": {""}, "aws:username": {"bob"}}},
	{page: operators, says: "StringLike: of which one has the user's name", action: "s3:ListBucket", on: "arn:aws:s3:::amzn-s3-demo-bucket",
		identity: homeDirectory, context: Context{"s3:prefix": {"home/bob/"}, "aws:username": {"bob"}}},
	{page: operators, says: "StringLike: and not another's", action: "s3:ListBucket", on: "arn:aws:s3:::amzn-s3-demo-bucket",
		identity: homeDirectory, context: Context{"s3:prefix": {"home/eve/"}, "aws:username": {"bob"}}, refused: noAllow},
	{page: operators, says: "NumericLessThanEquals: up to 10 objects at a time", action: "s3:ListBucket", on: "arn:aws:s3:::example_bucket",
		identity: upTo10, context: Context{"s3:max-keys": {"10"}}},
	{page: "IAM/latest/UserGuide/reference_policies_grammar.html", says: "a number may be written without quotes", action: "s3:ListBucket",
		on: "arn:aws:s3:::example_bucket", identity: strings.ReplaceAll(upTo10, `"10"`, "10"), context: Context{"s3:max-keys": {"11"}}, refused: noAllow},
	{page: "IAM/latest/UserGuide/reference_policies_grammar.html", says: "and so may a boolean", action: "s3:GetObject", on: report,
		identity: strings.ReplaceAll(overSSL, `"false"`, "false"), context: Context{"aws:SecureTransport": {"false"}}, refused: explicit},
	{page: operators, says: "NumericLessThanEquals: and not 100", action: "s3:ListBucket", on: "arn:aws:s3:::example_bucket",
		identity: upTo10, context: Context{"s3:max-keys": {"100"}}, refused: noAllow},
	{page: operators, says: "NumericLessThanEquals: if the key is not present, the values do not match", action: "s3:ListBucket", on: "arn:aws:s3:::example_bucket",
		identity: upTo10, context: Context{"s3:max-keys": {}}, refused: noAllow},
	accessKey(operators, "NumericNotEquals: true if the key is not present", `{"NumericNotEquals": {"aws:MultiFactorAuthAge": "1"}}`,
		Context{"aws:MultiFactorAuthAge": {}}, ""),
	accessKey(operators, "DateGreaterThan: credentials issued in 2020", `{"DateGreaterThan": {"aws:TokenIssueTime": "2020-01-01T00:00:01Z"}}`,
		Context{"aws:TokenIssueTime": {"2020-06-01T12:00:00Z"}}, ""),
	accessKey(operators, "DateGreaterThan: or before", `{"DateGreaterThan": {"aws:TokenIssueTime": "2020-01-01T00:00:01Z"}}`,
		Context{"aws:TokenIssueTime": {"2019-06-01T12:00:00Z"}}, noAllow),
	accessKey(operators, "DateGreaterThan: the key is not present with access keys", `{"DateGreaterThan": {"aws:TokenIssueTime": "2020-01-01T00:00:01Z"}}`,
		Context{"aws:TokenIssueTime": {}}, noAllow),
	accessKey(operators, "DateLessThan: epoch time is a date as well", `{"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}`,
		Context{"aws:CurrentTime": {"1577836799"}}, ""),
	{page: operators, says: "Bool: all S3 actions on a bucket are denied if the request is not over SSL", action: "s3:GetObject", on: report,
		identity: overSSL, context: Context{"aws:SecureTransport": {"false"}}, refused: explicit},
	{page: operators, says: "Bool: and not denied over SSL", action: "s3:GetObject", on: report, identity: overSSL, context: Context{"aws:SecureTransport": {"true"}}},
	accessKey(operators, "BinaryEquals compares with base64", `{"BinaryEquals": {"aws:PrincipalTag/key": "QmluYXJ5VmFsdWVJbkJhc2U2NA=="}}`,
		Context{"aws:PrincipalTag/key": {"QmluYXJ5VmFsdWVJbkJhc2U2NA=="}}, ""),
	accessKey(operators, "IpAddress: from the range", `{"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}`, Context{"aws:SourceIp": {"203.0.113.255"}}, ""),
	accessKey(operators, "IpAddress: from outside", `{"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}`, Context{"aws:SourceIp": {"203.0.114.0"}}, noAllow),
	accessKey(operators, "IpAddress: not present through a VPC endpoint", `{"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}`, Context{"aws:SourceIp": {}}, noAllow),
	accessKey(operators, "IpAddress: IPv4 and IPv6 mixed", `{"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "2001:DB8:1234:5678::/64"]}}`,
		Context{"aws:SourceIp": {"2001:db8:1234:5678::1"}}, ""),
	accessKey(operators, "IpAddress: without a prefix it is one address", `{"IpAddress": {"aws:SourceIp": "203.0.113.7"}}`, Context{"aws:SourceIp": {"203.0.113.8"}}, noAllow),
	accessKey(operators, "NotIpAddress: all but the range", `{"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}`, Context{"aws:SourceIp": {"198.51.100.1"}}, ""),
	{page: operators, says: "ArnEquals: Amazon SNS may send messages of the topic to the queue", who: served("sns"), action: "sqs:SendMessage", on: queue,
		resource: fromTopic, context: Context{"aws:SourceArn": {"arn:aws:sns:us-east-2:123456789012:MyTopic"}}},
	{page: operators, says: "ArnEquals: and none of another", who: served("sns"), action: "sqs:SendMessage", on: queue, resource: fromTopic,
		context: Context{"aws:SourceArn": {"arn:aws:sns:us-east-2:123456789012:Another"}}, refused: "because no resource-based policy"},
	accessKey(operators, "ArnLike: each of the six components is checked separately", `{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/admin"}}`,
		Context{"aws:PrincipalArn": {"arn:aws:iam::111122223333:user/x:role/admin"}}, noAllow),
	accessKey(operators, "ArnNotLike: true if the key is not present", `{"ArnNotLike": {"aws:SourceArn": "arn:aws:s3:::*"}}`, Context{"aws:SourceArn": {}}, ""),
	accessKey(operators, "IfExists: if the key is not present, the condition is true", `{"StringLikeIfExists": {"aws:PrincipalTag/team": "a*"}}`,
		Context{"aws:PrincipalTag/": {}}, ""),
	accessKey(operators, "IfExists: if it is present, it is compared", `{"StringLikeIfExists": {"aws:PrincipalTag/team": "a*"}}`,
		Context{"aws:PrincipalTag/team": {"blue"}}, noAllow),
	accessKey(operators, "Null: true for a user who signs without temporary credentials", `{"Null": {"aws:TokenIssueTime": "true"}}`, Context{"aws:TokenIssueTime": {}}, ""),
	accessKey(operators, "Null: false means that the key exists", `{"Null": {"aws:TokenIssueTime": "false"}}`, Context{"aws:TokenIssueTime": {}}, noAllow),

	accessKey(severalKeys, "values of one key are an OR", `{"StringEquals": {"aws:PrincipalTag/department": ["finance", "hr", "legal"]}}`,
		Context{"aws:PrincipalTag/department": {"hr"}}, ""),
	accessKey(severalKeys, "values of a negated operator are a NOR", `{"StringNotEquals": {"aws:PrincipalTag/department": ["finance", "hr", "legal"]}}`,
		Context{"aws:PrincipalTag/department": {"hr"}}, noAllow),
	accessKey(severalKeys, "keys of one operator are an AND", `{"StringEquals": {"aws:PrincipalTag/department": "hr", "aws:PrincipalTag/role": "audit"}}`,
		Context{"aws:PrincipalTag/department": {"hr"}, "aws:PrincipalTag/role": {"guest"}}, noAllow),
	accessKey(severalKeys, "operators are an AND", `{"StringEquals": {"aws:PrincipalTag/department": "hr"}, "IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}`,
		Context{"aws:PrincipalTag/department": {"hr"}, "aws:SourceIp": {"192.0.2.1"}}, noAllow),
	accessKey(globalContexts, "names of tag keys have no case", `{"StringEquals": {"aws:PrincipalTag/TagKey1": "v"}}`, Context{"AWS:principaltag/tagkey1": {"v"}}, ""),
	accessKey(singleValued, "a condition with several single-valued keys", `{"StringLike": {"aws:PrincipalTag/department": ["finance*", "hr*"],
		"aws:PrincipalTag/role": ["audit", "security"]}}`, Context{"aws:PrincipalTag/department": {"hrTrainee"}, "aws:PrincipalTag/role": {"security"}}, ""),

	tagged(multivalued, "ForAllValues:StringNotLike: every key has the prefix", `{"ForAllValues:StringNotLike": {"aws:TagKeys": "key1*"}}`,
		[]string{"key1:hr", "key1:personnel"}, ""),
	tagged(multivalued, "ForAllValues:StringNotLike: no key has it", `{"ForAllValues:StringNotLike": {"aws:TagKeys": "key1*"}}`, []string{"key2:audit"}, explicit),
	tagged(multivalued, "ForAllValues:StringNotLike: the last has it", `{"ForAllValues:StringNotLike": {"aws:TagKeys": "key1*"}}`, []string{"key2:audit", "key1:hr"}, ""),
	tagged(multivalued, "ForAllValues:StringNotLike: the first has it", `{"ForAllValues:StringNotLike": {"aws:TagKeys": "key1*"}}`, []string{"key1:hr", "key2:audit"}, ""),
	tagged(multivalued, "ForAllValues:StringNotLike: there is no key", `{"ForAllValues:StringNotLike": {"aws:TagKeys": "key1*"}}`, nil, explicit),
	tagged(multivalued, "ForAllValues with Null false: there is no key", `{"ForAllValues:StringNotLike": {"aws:TagKeys": "key1*"}, "Null": {"aws:TagKeys": "false"}}`, nil, ""),
	tagged(multivalued, "ForAllValues:StringNotLike: of two values", `{"ForAllValues:StringNotLike": {"aws:TagKeys": ["key1*", "key2*"]}}`, []string{"key2:audit"}, ""),
	tagged(multivalued, "ForAnyValue: one key matches", `{"ForAnyValue:StringEquals": {"aws:TagKeys": "webserver"}}`, []string{"environment", "webserver"}, explicit),
	tagged(multivalued, "ForAnyValue: the first key matches", `{"ForAnyValue:StringEquals": {"aws:TagKeys": "webserver"}}`, []string{"webserver", "environment"}, explicit),
	tagged(multivalued, "ForAnyValue: none matches", `{"ForAnyValue:StringEquals": {"aws:TagKeys": "webserver"}}`, []string{"environment", "test"}, ""),
	tagged(multivalued, "ForAnyValue: there is no key", `{"ForAnyValue:StringEquals": {"aws:TagKeys": "webserver"}}`, nil, ""),
	tagged(multivalued, "ForAnyValue: of two values", `{"ForAnyValue:StringEquals": {"aws:TagKeys": ["environment", "webserver"]}}`, []string{"test", "environment"}, explicit),
	tagged(setOperators, "ForAllValues is true for an empty string", `{"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}`, []string{""}, explicit),
	tagged(setOperators, "ForAnyValue is false for an empty string", `{"ForAnyValue:StringNotEquals": {"aws:TagKeys": "a"}}`, []string{""}, ""),
	{page: "amazondynamodb/latest/developerguide/specifying-conditions.html", says: "ForAllValues: a user gets the items whose partition key is the user's ID",
		action: "dynamodb:GetItem", on: "arn:aws:dynamodb:us-west-2:111122223333:table/GameScores", identity: ownItems,
		context: Context{"dynamodb:LeadingKeys": {"bob"}, "aws:username": {"bob"}}},
	{page: "amazondynamodb/latest/developerguide/specifying-conditions.html", says: "ForAllValues: and no other",
		action: "dynamodb:BatchGetItem", on: "arn:aws:dynamodb:us-west-2:111122223333:table/GameScores", identity: ownItems,
		context: Context{"dynamodb:LeadingKeys": {"bob", "eve"}, "aws:username": {"bob"}}, refused: noAllow},
}

const (
	homeDirectory = `{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::amzn-s3-demo-bucket",
		"Condition": {"StringLike": {"s3:prefix": ["", "home/", "home/${aws:username}/"]}}}`
	upTo10 = `{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::example_bucket",
		"Condition": {"NumericLessThanEquals": {"s3:max-keys": "10"}}}`
	overSSL = `{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}, {"Sid": "BooleanExample", "Effect": "Deny", "Action": "s3:*",
		"Resource": ["arn:aws:s3:::amzn-s3-demo-bucket", "arn:aws:s3:::amzn-s3-demo-bucket/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}`
	fromTopic = `{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "SQS:SendMessage", "Resource": "` + queue + `",
		"Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:sns:us-east-2:123456789012:MyTopic"}}}`
	ownItems = `{"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"],
		"Resource": ["arn:aws:dynamodb:us-west-2:111122223333:table/GameScores"],
		"Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:username}"]}}}`
)
