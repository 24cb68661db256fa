package iam

const (
	ec2Tagging  = "AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html"
	ec2Examples = "AWSEC2/latest/UserGuide/ExamplePolicies_EC2.html"
	elbTagging  = "elasticloadbalancing/latest/userguide/tagging-resources-during-creation.html"
	passRole    = "IAM/latest/UserGuide/id_roles_use_passrole.html"
	iamKeys     = "IAM/latest/UserGuide/reference_policies_iam-condition-keys.html"
	lambdaBased = "lambda/latest/dg/permissions-function-services.html"
	snsUseCases = "sns/latest/dg/sns-access-policy-use-cases.html"
	deputy      = "IAM/latest/UserGuide/confused-deputy.html"
	kmsKeys     = "kms/latest/developerguide/conditions-kms.html"

	volume   = "arn:aws:ec2:us-east-1:111122223333:volume/vol-1"
	group    = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/tg/1"
	function = "arn:aws:lambda:us-east-2:111122223333:function:my-function"
	topic    = "arn:aws:sns:us-east-2:111122223333:MyTopic"

	tagNewVolumes = `{"Effect": "Allow", "Action": ["ec2:CreateVolume"], "Resource": "*"}, {"Effect": "Allow", "Action": ["ec2:CreateTags"],
		"Resource": "arn:aws:ec2:us-east-1:111122223333:*/*", "Condition": {"StringEquals": {"ec2:CreateAction": "CreateVolume"}}}`
	tagNewGroups = `{"Effect": "Allow", "Action": ["elasticloadbalancing:CreateTargetGroup"], "Resource": "*"},
		{"Effect": "Allow", "Action": ["elasticloadbalancing:AddTags"], "Resource": "*",
		"Condition": {"StringEquals": {"elasticloadbalancing:CreateAction": "CreateTargetGroup"}}}`
	onlyTagged = `{"Effect": "Allow", "Action": "ec2:CreateVolume", "Resource": "*",
		"Condition": {"StringEquals": {"aws:RequestTag/costcenter": "115"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["costcenter", "stack"]}}}`
	passToEC2 = `{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*", "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"},
		"ArnLike": {"iam:AssociatedResourceARN": ["arn:aws:ec2:us-east-1:111122223333:instance/*"]}}}`
	linked = `{"Effect": "Allow", "Action": "iam:CreateServiceLinkedRole", "Resource": "*",
		"Condition": {"StringLike": {"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}}}`
	fromBucket = `{"Sid": "s3-account", "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "lambda:InvokeFunction",
		"Resource": "` + function + `", "Condition": {"StringEquals": {"AWS:SourceAccount": "111122223333"},
		"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::amzn-s3-demo-bucket"}}}`
	subscribe = `{"Sid": "Statement1", "Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": ["sns:Subscribe"], "Resource": "` + topic + `",
		"Condition": {"StringEquals": {"sns:Protocol": "https"}}}`
	defaultTopic = `{"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [{"Sid": "__default_statement_ID", "Effect": "Allow",
		"Principal": {"AWS": "*"}, "Action": ["SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission", "SNS:RemovePermission",
		"SNS:DeleteTopic", "SNS:Subscribe", "SNS:ListSubscriptionsByTopic", "SNS:Publish"], "Resource": "` + topic + `",
		"Condition": {"StringEquals": {"AWS:SourceOwner": "111122223333"}}}]}`
	alarmsPublish = `{"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish", "Resource": "` + topic + `",
		"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:us-east-2:111122223333:alarm:*"}, "StringEquals": {"aws:SourceAccount": "111122223333"}}}`
	viaService = `{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:user/bob"}, "Action": ["kms:Encrypt", "kms:Decrypt", "kms:CreateGrant"],
		"Resource": "*", "Condition": {"StringEquals": {"kms:ViaService": ["ec2.us-west-2.amazonaws.com", "rds.us-west-2.amazonaws.com"]}}}`
	encrypted = `{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:user/bob"}, "Action": "kms:GenerateDataKey", "Resource": "*",
		"Condition": {"StringEquals": {"kms:EncryptionContext:AppName": "ExampleApp"}}}`
	noSuchStop = `{"Effect": "Allow", "Action": ["ec2:StartInstances", "ec2:StopInstances"], "Resource": "arn:aws:ec2:*:*:instance/*",
		"Condition": {"StringEquals": {"aws:ResourceTag/Owner": "${aws:username}"}}}`
	rdsWrite = `{"Sid": "AllowStart", "Effect": "Allow", "Action": ["rds:StartDBInstance"], "Resource": "arn:aws:rds:*:111122223333:db:*",
		"Condition": {"StringEquals": {"rds:db-tag/stage": ["development", "test"]}}}`
)

var serviceRows = []row{
	{page: ec2Tagging, says: "a new volume is tagged as it is created", action: "ec2:CreateTags", on: volume, identity: tagNewVolumes,
		context: Context{"ec2:CreateAction": {"CreateVolume"}}},
	{page: ec2Tagging, says: "users cannot call ec2:CreateTags directly", action: "ec2:CreateTags", on: volume, identity: tagNewVolumes,
		context: Context{"ec2:CreateAction": {}}, refused: "because no identity-based policy allows the ec2:CreateTags action"},
	{page: ec2Tagging, says: "nor with another action", action: "ec2:CreateTags", on: "arn:aws:ec2:us-east-1:111122223333:instance/i-1", identity: tagNewVolumes,
		context: Context{"ec2:CreateAction": {"RunInstances"}}, refused: noAllow},
	{page: ec2Examples, says: "a volume with the required tag and one of the allowed keys", action: "ec2:CreateVolume", on: volume, identity: onlyTagged,
		context: Context{"aws:RequestTag/costcenter": {"115"}, "aws:TagKeys": {"costcenter", "stack"}}},
	{page: ec2Examples, says: "a volume with another key", action: "ec2:CreateVolume", on: volume, identity: onlyTagged,
		context: Context{"aws:RequestTag/costcenter": {"115"}, "aws:TagKeys": {"costcenter", "Purpose"}}, refused: noAllow},
	{page: ec2Examples, says: "a volume without tags", action: "ec2:CreateVolume", on: volume, identity: onlyTagged,
		context: Context{"aws:RequestTag/": {}, "aws:TagKeys": {}}, refused: noAllow},
	{page: "IAM/latest/UserGuide/reference_policies_examples_ec2_tag-owner.html", says: "owners start their instances", action: "ec2:StartInstances",
		on: "arn:aws:ec2:us-east-1:111122223333:instance/i-1", identity: noSuchStop, context: Context{"aws:ResourceTag/Owner": {"bob"}, "aws:username": {"bob"}}},
	{page: "IAM/latest/UserGuide/reference_policies_examples_ec2_tag-owner.html", says: "and no others", action: "ec2:StopInstances",
		on: "arn:aws:ec2:us-east-1:111122223333:instance/i-1", identity: noSuchStop,
		context: Context{"aws:ResourceTag/Owner": {"eve"}, "aws:username": {"bob"}}, refused: noAllow},
	{page: elbTagging, says: "a new target group is tagged as it is created", action: "elasticloadbalancing:AddTags", on: group, identity: tagNewGroups,
		context: Context{"elasticloadbalancing:CreateAction": {"CreateTargetGroup"}}},
	{page: elbTagging, says: "users are not permitted to tag existing resources", action: "elasticloadbalancing:AddTags", on: group, identity: tagNewGroups,
		context: Context{"elasticloadbalancing:CreateAction": {}}, refused: "because no identity-based policy allows the elasticloadbalancing:AddTags action"},
	{page: "AmazonRDS/latest/UserGuide/UsingWithRDS.IAM.ResourceTags.html", says: "databases of a stage", action: "rds:StartDBInstance",
		on: "arn:aws:rds:us-east-1:111122223333:db:one", identity: rdsWrite, context: Context{"rds:db-tag/stage": {"test"}}},
	{page: "AmazonRDS/latest/UserGuide/UsingWithRDS.IAM.ResourceTags.html", says: "and not of production", action: "rds:StartDBInstance",
		on: "arn:aws:rds:us-east-1:111122223333:db:one", identity: rdsWrite, context: Context{"rds:db-tag/stage": {"production"}}, refused: noAllow},

	{page: iamKeys, says: "a role is passed to EC2 for an instance", action: "iam:PassRole", on: target, identity: passToEC2,
		context: Context{"iam:PassedToService": {"ec2.amazonaws.com"}, "iam:AssociatedResourceArn": {"arn:aws:ec2:us-east-1:111122223333:instance/i-1"}}},
	{page: iamKeys, says: "and not to another service", action: "iam:PassRole", on: target, identity: passToEC2,
		context: Context{"iam:PassedToService": {"lambda.amazonaws.com"}, "iam:AssociatedResourceArn": {function}}, refused: noAllow},
	{page: passRole, says: "roles whose name begins with the prefix may be passed", action: "iam:PassRole", on: "arn:aws:iam::111122223333:role/EC2-roles-for-XYZ-one",
		identity: `{"Effect": "Allow", "Action": ["iam:GetRole", "iam:PassRole"], "Resource": "arn:aws:iam::111122223333:role/EC2-roles-for-XYZ-*"}`},
	{page: passRole, says: "and no others", action: "iam:PassRole", on: target,
		identity: `{"Effect": "Allow", "Action": ["iam:GetRole", "iam:PassRole"], "Resource": "arn:aws:iam::111122223333:role/EC2-roles-for-XYZ-*"}`,
		refused:  "because no identity-based policy allows the iam:PassRole action"},
	{page: iamKeys, says: "a service-linked role for one service", action: "iam:CreateServiceLinkedRole", identity: linked,
		on:      "arn:aws:iam::111122223333:role/aws-service-role/elasticloadbalancing.amazonaws.com/AWSServiceRoleForElasticLoadBalancing",
		context: Context{"iam:AWSServiceName": {"elasticloadbalancing.amazonaws.com"}}},

	{page: lambdaBased, says: "Amazon SNS may invoke my-function", who: served("sns"), action: "lambda:InvokeFunction", on: function,
		resource: `{"Sid": "sns", "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "lambda:InvokeFunction", "Resource": "` + function + `"}`},
	{page: lambdaBased, says: "Amazon S3 may not", who: served("s3"), action: "lambda:InvokeFunction", on: function,
		resource: `{"Sid": "sns", "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "lambda:InvokeFunction", "Resource": "` + function + `"}`,
		refused:  "because no resource-based policy allows the lambda:InvokeFunction action"},
	{page: lambdaBased, says: "the bucket's account is checked too", who: served("s3"), action: "lambda:InvokeFunction", on: function, resource: fromBucket,
		context: Context{"aws:SourceAccount": {"111122223333"}, "aws:SourceArn": {"arn:aws:s3:::amzn-s3-demo-bucket"}}},
	{page: lambdaBased, says: "a bucket that now belongs to another", who: served("s3"), action: "lambda:InvokeFunction", on: function, resource: fromBucket,
		context: Context{"aws:SourceAccount": {"444455556666"}, "aws:SourceArn": {"arn:aws:s3:::amzn-s3-demo-bucket"}}, refused: "because no resource-based policy"},
	{page: snsUseCases, says: "subscriptions to HTTPS", who: theirs, action: "sns:Subscribe", on: topic, resource: subscribe, context: Context{"sns:Protocol": {"https"}}},
	{page: snsUseCases, says: "and to nothing else", who: theirs, action: "sns:Subscribe", on: topic, resource: subscribe, context: Context{"sns:Protocol": {"email"}},
		refused: "because no resource-based policy allows the sns:Subscribe action"},
	{page: snsUseCases, says: "a new topic lets its owner's account publish", action: "sns:Publish", on: topic, resource: defaultTopic,
		context: Context{"aws:SourceOwner": {"111122223333"}}},
	{page: snsUseCases, says: "and no other", who: stranger, action: "sns:Publish", on: topic, resource: defaultTopic, identity: `{"Effect": "Allow", "Action": "sns:*", "Resource": "*"}`,
		context: Context{"aws:SourceOwner": {"444455556666"}}, refused: "because no resource-based policy"},
	{page: snsUseCases, says: "alarms of the account publish", who: served("cloudwatch"), action: "sns:Publish", on: topic, resource: alarmsPublish,
		context: Context{"aws:SourceArn": {"arn:aws:cloudwatch:us-east-2:111122223333:alarm:one"}, "aws:SourceAccount": {"111122223333"}}},
	{page: deputy, says: "alarms of another account do not", who: served("cloudwatch"), action: "sns:Publish", on: topic, resource: alarmsPublish,
		context: Context{"aws:SourceArn": {"arn:aws:cloudwatch:us-east-2:444455556666:alarm:one"}, "aws:SourceAccount": {"444455556666"}},
		refused: "because no resource-based policy"},

	{page: kmsKeys, says: "kms:ViaService: through RDS", action: "kms:Decrypt", on: key, sole: true, resource: viaService,
		context: Context{"kms:ViaService": {"rds.us-west-2.amazonaws.com"}}},
	{page: kmsKeys, says: "kms:ViaService: not directly", action: "kms:Decrypt", on: key, sole: true, resource: viaService,
		context: Context{"kms:ViaService": {}}, refused: "because no resource-based policy allows the kms:Decrypt action"},
	{page: kmsKeys, says: "kms:EncryptionContext with the pair", action: "kms:GenerateDataKey", on: key, sole: true, resource: encrypted,
		context: Context{"kms:EncryptionContext:AppName": {"ExampleApp"}}},
	{page: kmsKeys, says: "kms:EncryptionContext without", action: "kms:GenerateDataKey", on: key, sole: true, resource: encrypted,
		context: Context{"kms:EncryptionContext:": {}}, refused: "because no resource-based policy"},
	{page: "scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html", says: "EventBridge Scheduler assumes the role for a schedule of the account",
		who: served("scheduler"), action: "sts:AssumeRole", on: target, context: Context{"aws:SourceAccount": {"111122223333"}},
		trust: `{"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole",
			"Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}}}`},
	{page: "step-functions/latest/dg/procedure-create-iam-role.html", says: "Step Functions assumes the role", who: served("states"), action: "sts:AssumeRole", on: target,
		trust: assume(`{"Service": "states.amazonaws.com"}`)},
}
