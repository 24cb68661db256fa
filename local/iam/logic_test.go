package iam

const (
	logic        = "IAM/latest/UserGuide/reference_policies_evaluation-logic.html"
	denyAllow    = "IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html"
	basics       = "IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html"
	crossAccount = "IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html"
	boundaries   = "IAM/latest/UserGuide/access_policies_boundaries.html"
	keyPolicy    = "kms/latest/developerguide/key-policy-default.html"
	trustPolicy  = "IAM/latest/UserGuide/id_roles_create_for-user.html"

	report = "arn:aws:s3:::amzn-s3-demo-bucket/report.txt"
	queue  = "arn:aws:sqs:us-east-2:111122223333:queue1"
	key    = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	target = "arn:aws:iam::111122223333:role/target"

	allowReceive = `{"Effect": "Allow", "Action": "sqs:ReceiveMessage", "Resource": "*"}`
	shirley      = `{"Effect": "Allow", "Action": ["s3:*", "cloudwatch:*", "ec2:*"], "Resource": "*"}`
	enableIAM    = `{"Sid": "Enable IAM User Permissions", "Effect": "Allow",
		"Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}`
)

// receive is a queue policy's Allow for one principal.
func receive(principal string) string {
	return `{"Effect": "Allow", "Principal": ` + principal + `, "Action": "sqs:ReceiveMessage", "Resource": "` + queue + `"}`
}

// assume is a trust policy's Allow for one principal.
func assume(principal string) string {
	return `{"Effect": "Allow", "Principal": ` + principal + `, "Action": "sts:AssumeRole"}`
}

var logicRows = []row{
	{page: denyAllow, says: "by default, all requests are denied", action: "sqs:ReceiveMessage", on: queue,
		refused: "because no identity-based policy allows the sqs:ReceiveMessage action"},
	{page: denyAllow, says: "an explicit allow in an identity-based policy overrides this default", identity: allowReceive,
		action: "sqs:ReceiveMessage", on: queue},
	{page: denyAllow, says: "an explicit deny in any policy overrides any allows", action: "sqs:ReceiveMessage", on: queue,
		identity: allowReceive + `, {"Effect": "Deny", "Action": "sqs:*", "Resource": "*"}`,
		refused:  "with an explicit deny in an identity-based policy"},
	{page: denyAllow, says: "the account root user has full access", who: root, action: "sqs:ReceiveMessage", on: queue},
	{page: denyAllow, says: "an explicit deny of the resource holds for the root user", who: root, action: "sqs:ReceiveMessage", on: queue,
		resource: `{"Effect": "Deny", "Principal": "*", "Action": "sqs:ReceiveMessage", "Resource": "*"}`,
		refused:  "with an explicit deny in a resource-based policy"},
	{page: denyAllow, says: "the account root user has no policies and no boundary", who: root, action: "s3:GetObject", on: report,
		identity: `{"Effect": "Deny", "Action": "*", "Resource": "*"}`, boundary: `{"Effect": "Deny", "Action": "*", "Resource": "*"}`},
	{page: "IAM/latest/UserGuide/access_policies_managed-vs-inline.html", says: "AWS's managed policies are in no account", action: "iam:GetPolicy",
		on: "arn:aws:iam::aws:policy/ReadOnlyAccess", identity: `{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}`},
	{page: denyAllow, says: "a resource-based policy that grants to a user needs no identity-based policy", action: "sqs:ReceiveMessage", on: queue,
		resource: receive(`{"AWS": "arn:aws:iam::111122223333:user/bob"}`)},
	{page: denyAllow, says: "nor does a boundary limit it", action: "sqs:ReceiveMessage", on: queue, boundary: shirley,
		resource: receive(`{"AWS": "arn:aws:iam::111122223333:user/bob"}`)},
	{page: denyAllow, says: "a grant to a role ARN needs no identity-based policy", who: session, action: "sqs:ReceiveMessage", on: queue,
		resource: receive(`{"AWS": "arn:aws:iam::111122223333:role/examplerole"}`)},
	{page: denyAllow, says: "a grant to a role ARN is limited by an implicit deny in a permissions boundary", who: session,
		action: "sqs:ReceiveMessage", on: queue, boundary: shirley,
		resource: receive(`{"AWS": "arn:aws:iam::111122223333:role/examplerole"}`),
		refused:  "because no permissions boundary allows the sqs:ReceiveMessage action"},
	{page: denyAllow, says: "a grant to a session ARN is not", who: session, action: "sqs:ReceiveMessage", on: queue, boundary: shirley,
		resource: receive(`{"AWS": "arn:aws:sts::111122223333:assumed-role/examplerole/examplerolesessionname"}`)},
	{page: denyAllow, says: "a grant to another session of the role is none", who: session, action: "sqs:ReceiveMessage", on: queue,
		resource: receive(`{"AWS": "arn:aws:sts::111122223333:assumed-role/examplerole/another"}`), refused: "because no identity-based policy"},
	{page: denyAllow, says: "boundaries do not limit a grant by aws:PrincipalArn with a wildcard in the Principal element", who: session,
		action: "sqs:ReceiveMessage", on: queue, boundary: shirley,
		resource: `{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sqs:ReceiveMessage", "Resource": "*",
			"Condition": {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/examplerole"}}}`,
		context: Context{"aws:PrincipalArn": {"arn:aws:iam::111122223333:role/examplerole"}}},
	{page: denyAllow, says: "... unless the identity-based policies contain an explicit deny", who: session, action: "sqs:ReceiveMessage", on: queue,
		identity: `{"Effect": "Deny", "Action": "sqs:*", "Resource": "*"}`, resource: receive(`"*"`),
		refused: "with an explicit deny in an identity-based policy"},
	{page: "IAM/latest/UserGuide/reference_policies_elements_principal.html", says: "an account as principal delegates authority to the account",
		action: "sqs:ReceiveMessage", on: queue, resource: receive(`{"AWS": "111122223333"}`), refused: "because no identity-based policy"},
	{page: "IAM/latest/UserGuide/reference_policies_elements_principal.html", says: "whose administrator then allows its users",
		action: "sqs:ReceiveMessage", on: queue, resource: receive(`{"AWS": "111122223333"}`), identity: allowReceive},

	{page: basics, says: "the policies' permissions are a union: the identity-based policy does not have the write, the bucket policy does",
		action: "s3:PutObject", on: report,
		identity: `{"Sid": "AllowS3Self", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::amzn-s3-demo-bucket/*"}`,
		resource: `{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:user/bob"}, "Action": ["s3:PutObject"],
			"Resource": "arn:aws:s3:::amzn-s3-demo-bucket/*"}`},

	{page: boundaries, says: "Shirley's boundary alone provides no permissions", action: "s3:GetObject", on: report, boundary: shirley,
		refused: "because no identity-based policy allows the s3:GetObject action"},
	{page: boundaries, says: "Shirley can never create a user, even if she has a policy that allows it", action: "iam:CreateUser",
		on: "arn:aws:iam::111122223333:user/new", boundary: shirley,
		identity: `{"Effect": "Allow", "Action": "iam:CreateUser", "Resource": "*"}`,
		refused:  "because no permissions boundary allows the iam:CreateUser action"},
	{page: boundaries, says: "the entity can do what both allow", action: "s3:GetObject", on: report, boundary: shirley,
		identity: `{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}`},
	{page: boundaries, says: "DenyS3Logs of a boundary denies explicitly", action: "s3:GetObject", on: "arn:aws:s3:::logs/one",
		boundary: shirley + `, {"Sid": "DenyS3Logs", "Effect": "Deny", "Action": "s3:*", "Resource": ["arn:aws:s3:::logs", "arn:aws:s3:::logs/*"]}`,
		identity: `{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}`, refused: "with an explicit deny in a permissions boundary"},
	{page: boundaries, says: "Zhang creates users with the boundary XCompanyBoundaries", action: "iam:CreateUser", on: "arn:aws:iam::111122223333:user/new",
		boundary: `{"Sid": "CreateOrChangeOnlyWithBoundary", "Effect": "Allow", "Action": ["iam:CreateUser", "iam:DeleteUserPolicy",
			"iam:AttachUserPolicy", "iam:DetachUserPolicy", "iam:PutUserPermissionsBoundary"], "Resource": "*",
			"Condition": {"StringEquals": {"iam:PermissionsBoundary": "arn:aws:iam::111122223333:policy/XCompanyBoundaries"}}}`,
		identity: `{"Sid": "IAM", "Effect": "Allow", "Action": "iam:*", "Resource": "*"}`,
		context:  Context{"iam:PermissionsBoundary": {"arn:aws:iam::111122223333:policy/XCompanyBoundaries"}}},
	{page: boundaries, says: "and none without", action: "iam:CreateUser", on: "arn:aws:iam::111122223333:user/new",
		boundary: `{"Effect": "Allow", "Action": "iam:CreateUser", "Resource": "*",
			"Condition": {"StringEquals": {"iam:PermissionsBoundary": "arn:aws:iam::111122223333:policy/XCompanyBoundaries"}}}`,
		identity: `{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}`,
		context:  Context{"iam:PermissionsBoundary": {}}, refused: "because no permissions boundary"},

	{page: crossAccount, says: "across accounts the identity-based policy alone does not allow", who: stranger, identity: allowReceive,
		action: "sqs:ReceiveMessage", on: queue, refused: "because no resource-based policy allows the sqs:ReceiveMessage action"},
	{page: crossAccount, says: "nor the resource-based policy alone", who: stranger, action: "sqs:ReceiveMessage", on: queue,
		resource: receive(`{"AWS": "arn:aws:iam::444455556666:user/carol"}`),
		refused:  "because no identity-based policy allows the sqs:ReceiveMessage action"},
	{page: crossAccount, says: "both must", who: stranger, identity: allowReceive, action: "sqs:ReceiveMessage", on: queue,
		resource: receive(`{"AWS": "arn:aws:iam::444455556666:root"}`)},
	{page: crossAccount, says: "a boundary limits in the trusted account", who: stranger, identity: allowReceive, boundary: shirley,
		action: "sqs:ReceiveMessage", on: queue, resource: receive(`{"AWS": "444455556666"}`), refused: "because no permissions boundary"},
	{page: crossAccount, says: "another account's root needs the resource's policy", who: theirs, action: "sqs:ReceiveMessage", on: queue,
		refused: "because no resource-based policy"},
	{page: crossAccount, says: "and nothing more", who: theirs, action: "sqs:ReceiveMessage", on: queue, resource: receive(`{"AWS": "444455556666"}`)},
	{page: crossAccount, says: "a bucket's account is not in its ARN", who: stranger, action: "s3:GetObject", on: report,
		identity: `{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}`,
		context:  Context{"aws:ResourceAccount": {"111122223333"}}, refused: "because no resource-based policy"},

	{page: keyPolicy, says: "without permission from the key policy, IAM policies that allow permissions have no effect", action: "kms:Decrypt", on: key,
		sole: true, identity: `{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}`,
		resource: `{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/other"}, "Action": "kms:*", "Resource": "*"}`,
		refused:  "because no resource-based policy allows the kms:Decrypt action"},
	{page: keyPolicy, says: "the default key policy enables IAM policies", action: "kms:Decrypt", on: key, sole: true, resource: enableIAM,
		identity: `{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}`},
	{page: keyPolicy, says: "and by itself allows no user", action: "kms:Decrypt", on: key, sole: true, resource: enableIAM,
		refused: "because no identity-based policy allows the kms:Decrypt action"},
	{page: keyPolicy, says: "it gives the account that owns the key full access", who: root, action: "kms:Decrypt", on: key, sole: true, resource: enableIAM},
	{page: keyPolicy, says: "another account's root is not this account's", action: "kms:Decrypt", on: key, sole: true,
		identity: `{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}`,
		resource: `{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444455556666:root"}, "Action": "kms:*", "Resource": "*"}`,
		refused:  "because no resource-based policy allows the kms:Decrypt action"},
	{page: "kms/latest/developerguide/key-policies.html", says: "no principal, the root user among them, has permissions unless they are allowed",
		who: root, action: "kms:Decrypt", on: key, sole: true,
		resource: `{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:user/bob"}, "Action": "kms:*", "Resource": "*"}`,
		refused:  "because no resource-based policy"},
	{page: keyPolicy, says: "a key user that the key policy names needs no IAM policy", action: "kms:Decrypt", on: key, sole: true,
		resource: `{"Sid": "Allow use of the key", "Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::111122223333:user/bob"]},
			"Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"], "Resource": "*"}`},

	{page: trustPolicy, says: "a role's trust policy must allow", action: "sts:AssumeRole", on: target, trust: assume(`{"Service": "ec2.amazonaws.com"}`),
		identity: `{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}`, refused: "because no role trust policy allows the sts:AssumeRole action"},
	{page: trustPolicy, says: "trust in the account leaves it to the user's policies", action: "sts:AssumeRole", on: target,
		trust: assume(`{"AWS": "arn:aws:iam::111122223333:root"}`), refused: "because no identity-based policy allows the sts:AssumeRole action"},
	{page: trustPolicy, says: "which then allow", action: "sts:AssumeRole", on: target, trust: assume(`{"AWS": "111122223333"}`),
		identity: `{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "` + target + `"}`},
	{page: trustPolicy, says: "trust in a user of the account needs no policy of the user", action: "sts:AssumeRole", on: target,
		trust: assume(`{"AWS": "arn:aws:iam::111122223333:user/bob"}`)},
	{page: trustPolicy, says: "across accounts both must allow", who: stranger, action: "sts:AssumeRole", on: target,
		trust: assume(`{"AWS": "arn:aws:iam::444455556666:user/carol"}`), refused: "because no identity-based policy"},
	{page: "IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html", says: "a third party passes the external ID", who: stranger,
		action: "sts:AssumeRole", on: target, identity: `{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}`,
		trust:   `{"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "12345"}}}`,
		context: Context{"sts:ExternalId": {"12345"}}},
	{page: "IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html", says: "or cannot assume the role", who: stranger,
		action: "sts:AssumeRole", on: target, identity: `{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}`,
		trust:   `{"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "12345"}}}`,
		context: Context{"sts:ExternalId": {}}, refused: "because no role trust policy"},
	{page: "IAM/latest/UserGuide/troubleshoot_access-denied.html", says: "with an explicit deny in the role trust policy", action: "sts:AssumeRole", on: target,
		trust:   assume(`{"AWS": "111122223333"}`) + `, {"Effect": "Deny", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"}`,
		refused: "with an explicit deny in the role trust policy"},
	{page: logic, says: "a service has no identity-based policies: the resource's decides", who: served("lambda"), action: "sts:AssumeRole", on: target,
		trust: assume(`{"Service": "lambda.amazonaws.com"}`)},
}
