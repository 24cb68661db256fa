package iam

const (
	resources     = "IAM/latest/UserGuide/reference_policies_elements_resource.html"
	identifiers   = "IAM/latest/UserGuide/reference_identifiers.html"
	notResource   = "IAM/latest/UserGuide/reference_policies_elements_notresource.html"
	actions       = "IAM/latest/UserGuide/reference_policies_elements_action.html"
	notAction     = "IAM/latest/UserGuide/reference_policies_elements_notaction.html"
	notPrincipal  = "IAM/latest/UserGuide/reference_policies_elements_notprincipal.html"
	variablesPage = "IAM/latest/UserGuide/reference_policies_variables.html"

	noTeam = `{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}, {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*",
		"Condition": {"StringNotEquals": {"s3:ExistingObjectTag/Team": "${aws:PrincipalTag/Team}"}}}`
	audit = `{"Effect": "Deny", "NotPrincipal": {"AWS": [
			"arn:aws:sts::111122223333:assumed-role/examplerole/examplerolesessionname",
			"arn:aws:iam::111122223333:role/examplerole", "arn:aws:iam::111122223333:root"]},
		"Action": "s3:*", "Resource": ["arn:aws:s3:::amzn-s3-demo-bucket", "arn:aws:s3:::amzn-s3-demo-bucket/*"]}`
	alarms    = `{"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish", "Resource": "*"}`
	getObject = `{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}`
)

// gets asks for an object that one statement allows.
func gets(page, says, resource, on string, context Context, refused string) row {
	return row{page: page, says: says, action: "s3:GetObject", on: on, context: context, refused: refused,
		identity: `{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "` + resource + `"}`}
}

var elementRows = []row{
	gets(resources, "all items in a bucket", "arn:aws:s3:::amzn-s3-demo-bucket/*", report, nil, ""),
	gets(resources, "a * expands to everything in a segment, slashes too", "arn:aws:s3:::amzn-s3-demo-bucket/*/test/*",
		"arn:aws:s3:::amzn-s3-demo-bucket/1/2/test/3/object.jpg", nil, ""),
	gets(resources, "which the object must have", "arn:aws:s3:::amzn-s3-demo-bucket/*/test/*", "arn:aws:s3:::amzn-s3-demo-bucket/1-test/object.jpg", nil, noAllow),
	gets(resources, "a ? is any single character", "arn:aws:s3:::amzn-s3-demo-bucket/???/*", "arn:aws:s3:::amzn-s3-demo-bucket/abc/o", nil, ""),
	gets(resources, "and one", "arn:aws:s3:::amzn-s3-demo-bucket/???/*", "arn:aws:s3:::amzn-s3-demo-bucket/ab/o", nil, noAllow),
	{page: resources, says: "a * at the end of a segment can match beyond colons", action: "lambda:InvokeFunction",
		on:       "arn:aws:lambda:us-east-1:111122223333:function:my-function:1",
		identity: `{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "arn:aws:lambda:*:111122223333:function:my-*"}`},
	{page: resources, says: "a * elsewhere stays in its segment", action: "lambda:InvokeFunction",
		on:       "arn:aws:lambda:us-east-1:111122223333:function:my-function:live",
		identity: `{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "arn:aws:lambda:*:111122223333:function:my-*live"}`, refused: noAllow},
	{page: resources, says: "a * at the end of any segment can", action: "lambda:InvokeFunction", on: function,
		identity: `{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "arn:aws:lambda:us-east-2:*:my-function"}`},
	gets(identifiers, "a short ARN has a wildcard for each missing field", "arn:aws:s3", report, nil, ""),
	gets(identifiers, "of its service alone", "arn:aws:sqs", report, nil, noAllow),
	gets(identifiers, "and of its account", "arn:aws:s3:us-east-1", report, nil, noAllow),
	{page: identifiers, says: "a boundary's too", action: "s3:GetObject", on: report, identity: getObject,
		boundary: `{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:"}`},
	gets(resources, "a ? at the end stays in its segment", "arn:aws:s3:::amzn-s3-demo-bucket/a?", "arn:aws:s3:::amzn-s3-demo-bucket/a:", nil, noAllow),
	gets(resources, "a ? stays in its segment", "arn:aws:s3:::amzn-s3-demo-bucket/a?c", "arn:aws:s3:::amzn-s3-demo-bucket/a:c", nil, noAllow),
	{page: resources, says: "the IAM user name is case-sensitive", action: "iam:GetUser", on: userBob,
		identity: `{"Effect": "Allow", "Action": "iam:GetUser", "Resource": "arn:aws:iam::111122223333:user/Bob"}`, refused: noAllow},
	{page: resources, says: "an action without resource-level permissions needs *", action: "ec2:DescribeVpcs",
		identity: `{"Effect": "Allow", "Action": "ec2:DescribeVpcs", "Resource": "arn:aws:ec2:us-east-1:111122223333:vpc/*"}`, refused: noAllow},
	{page: resources, says: "and has it", action: "ec2:DescribeVpcs", identity: `{"Effect": "Allow", "Action": "ec2:DescribeVpcs", "Resource": "*"}`},
	{page: notResource, says: "all but the HR bucket is denied: the bucket", action: "s3:GetObject", on: "arn:aws:s3:::HRBucket/payroll",
		identity: getObject + `, {"Effect": "Deny", "Action": "s3:*", "NotResource": ["arn:aws:s3:::HRBucket/Payroll", "arn:aws:s3:::HRBucket/*"]}`},
	{page: notResource, says: "all but the HR bucket is denied: another bucket", action: "s3:GetObject", on: report,
		identity: getObject + `, {"Effect": "Deny", "Action": "s3:*", "NotResource": ["arn:aws:s3:::HRBucket/Payroll", "arn:aws:s3:::HRBucket/*"]}`, refused: explicit},
	{page: actions, says: "names of actions are case-insensitive", action: "iam:ListAccessKeys", on: userBob,
		identity: `{"Effect": "Allow", "Action": "IAM:listaccesskeys", "Resource": "*"}`},
	{page: actions, says: "iam:*AccessKey* is create, delete, list and update", action: "iam:UpdateAccessKey", on: userBob,
		identity: `{"Effect": "Allow", "Action": "iam:*AccessKey*", "Resource": "*"}`},
	{page: notAction, says: "all S3 actions but DeleteBucket", action: "s3:PutObject", on: report,
		identity: `{"Effect": "Allow", "NotAction": "s3:DeleteBucket", "Resource": "arn:aws:s3:::*"}`},
	{page: notAction, says: "which is not allowed", action: "s3:DeleteBucket", on: "arn:aws:s3:::amzn-s3-demo-bucket",
		identity: `{"Effect": "Allow", "NotAction": "s3:DeleteBucket", "Resource": "arn:aws:s3:::*"}`, refused: noAllow},
	{page: notAction, says: "access to everything but IAM is denied without MFA", action: "s3:GetObject", on: report,
		identity: getObject + `, {"Sid": "DenyAllUsersNotUsingMFA", "Effect": "Deny", "NotAction": "iam:*", "Resource": "*",
			"Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}}`,
		context: Context{"aws:MultiFactorAuthPresent": {}}, refused: explicit},

	{page: notPrincipal, says: "a session that is named with its role and account is not denied", who: session, action: "s3:GetObject", on: report,
		identity: getObject, resource: audit},
	{page: notPrincipal, says: "anybody else is", action: "s3:GetObject", on: report, identity: getObject, resource: audit, refused: "with an explicit deny in a resource-based policy"},
	{page: notPrincipal, says: "a user who is named without the account is denied", action: "s3:GetObject", on: report, identity: getObject,
		resource: `{"Effect": "Deny", "NotPrincipal": {"AWS": "arn:aws:iam::111122223333:user/bob"}, "Action": "s3:*", "Resource": "*"}`,
		refused:  "with an explicit deny in a resource-based policy"},
	{page: notPrincipal, says: "a session that is named without its role is denied", who: session, action: "s3:GetObject", on: report, identity: getObject,
		resource: `{"Effect": "Deny", "NotPrincipal": {"AWS": ["arn:aws:sts::111122223333:assumed-role/examplerole/examplerolesessionname", "111122223333"]},
			"Action": "s3:*", "Resource": "*"}`, refused: "with an explicit deny in a resource-based policy"},
	{page: notPrincipal, says: "a service that is named is not denied", who: served("cloudwatch"), action: "sns:Publish", on: topic,
		resource: alarms + `, {"Effect": "Deny", "NotPrincipal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:*", "Resource": "*"}`},
	{page: notPrincipal, says: "a service that is not named is", who: served("cloudwatch"), action: "sns:Publish", on: topic,
		resource: alarms + `, {"Effect": "Deny", "NotPrincipal": {"Service": "events.amazonaws.com"}, "Action": "sns:*", "Resource": "*"}`,
		refused:  "with an explicit deny in a resource-based policy"},
	{page: notPrincipal, says: "a principal that has a permissions boundary is always denied", who: session, action: "s3:GetObject", on: report,
		identity: getObject, boundary: getObject, resource: audit, refused: "with an explicit deny in a resource-based policy"},

	gets(variablesPage, "the user's own folder", "arn:aws:s3:::amzn-s3-demo-bucket/${aws:username}/*", "arn:aws:s3:::amzn-s3-demo-bucket/bob/o",
		Context{"aws:username": {"bob"}}, ""),
	gets(variablesPage, "and no other's", "arn:aws:s3:::amzn-s3-demo-bucket/${aws:username}/*", "arn:aws:s3:::amzn-s3-demo-bucket/eve/o",
		Context{"aws:username": {"bob"}}, noAllow),
	gets(variablesPage, "a tag in a resource", "arn:aws:s3:::amzn-s3-demo-bucket/${aws:PrincipalTag/department}/*", "arn:aws:s3:::amzn-s3-demo-bucket/Human Resources/o",
		Context{"aws:PrincipalTag/department": {"Human Resources"}}, ""),
	gets(variablesPage, "a variable without a value matches no resource", "arn:aws:s3:::amzn-s3-demo-bucket/${aws:username}*", report, Context{"aws:username": {}}, noAllow),
	gets(variablesPage, "a default value", "arn:aws:s3:::amzn-s3-demo-bucket-${aws:PrincipalTag/team, 'company-wide'}/*", "arn:aws:s3:::amzn-s3-demo-bucket-company-wide/o",
		Context{"aws:PrincipalTag/": {}}, ""),
	gets(variablesPage, "${*} is the character", "arn:aws:s3:::amzn-s3-demo-bucket/${*}", report, nil, noAllow),
	gets(variablesPage, "which an object may have", "arn:aws:s3:::amzn-s3-demo-bucket/${*}${?}${$}", "arn:aws:s3:::amzn-s3-demo-bucket/*?$", nil, ""),
	{page: variablesPage, says: "before version 2012-10-17 a variable is literal", action: "s3:GetObject", on: "arn:aws:s3:::amzn-s3-demo-bucket/bob/o",
		identity: `{"Version": "2008-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::amzn-s3-demo-bucket/${aws:username}/*"}}`,
		context:  Context{"aws:username": {"bob"}}, refused: noAllow},
	{page: variablesPage, says: "in a condition too", action: "s3:GetObject", on: report,
		identity: `{"Version": "2008-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*",
			"Condition": {"StringEquals": {"aws:username": "${aws:username}"}}}}`, context: Context{"aws:username": {"bob"}}, refused: noAllow},
	{page: variablesPage, says: "access is explicitly denied when aws:PrincipalTag/Team is not set", action: "s3:GetObject", on: report, identity: noTeam,
		context: Context{"aws:PrincipalTag/": {}, "s3:ExistingObjectTag/Team": {"blue"}}, refused: explicit},
	{page: variablesPage, says: "or has no value", action: "s3:GetObject", on: report, identity: noTeam,
		context: Context{"aws:PrincipalTag/Team": {""}, "s3:ExistingObjectTag/Team": {""}}, refused: explicit},
	{page: variablesPage, says: "and not when the tags are equal", action: "s3:GetObject", on: report, identity: noTeam,
		context: Context{"aws:PrincipalTag/Team": {"blue"}, "s3:ExistingObjectTag/Team": {"blue"}}},
}
