package main

import (
	"maps"
	"slices"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/registry"
)

// Why a pattern is no narrower.
const (
	atRunTime  = "Known only when an execution starts, and an unknown name is answered with the nearest ones; it is only looked at."
	tagged     = "AWS chooses the id. What is made must carry our tag, and what is changed must have it."
	named      = "Names are the exposures'. What is made must carry our tag, and what is changed must have it."
	bothGroups = "Known only when an execution starts: the database's own, which need not carry our tag, and load balancers', which must."
	proofs     = "Whose domain it is shows when an execution starts. Records are the TXT ones alone whose names AWS draws by lot."
	aQuota     = "AWS's pages disagree whether a quota is a resource. One is read, and quotas are no secret."
	perVPC     = "One resolver per VPC, made by step 2 under this prefix."
	perRun     = "Executions of this state machine only; their names are new each time."
)

const balancing = "elasticloadbalancing.amazonaws.com"

// permissions are the whole of what each function may do, beside writing its own log.
func permissions(r *resources) map[string]grants {
	var (
		creates, changes, tagsWith = r.creates, r.changes, r.tagsWith

		table     = r.arn("dynamodb", "table/"+*r.table.TableName())
		key       = at(*r.key.KeyArn())
		databases = r.wide("rds", "db:*", atRunTime)
		clusters  = r.wide("rds", "cluster:*", atRunTime)
		proxies   = r.wide("rds", "db-proxy:*", atRunTime)
		switched  = r.wide("rds", "deployment:*", "Made when somebody updates a database, with a new id each time; it is only looked at.")
		services  = r.wide("ec2", "vpc-endpoint-service/*", tagged)
		groups    = r.wide("ec2", "security-group/*", tagged)
		rules     = r.wide("ec2", "security-group-rule/*", tagged)
		vpcs      = r.wide("ec2", "vpc/*", "Known only when an execution starts; the group that is made in it must carry our tag.")
		targets   = r.wide("elasticloadbalancing", "targetgroup/*/*", named)
		balancers = r.wide("elasticloadbalancing", "loadbalancer/net/*/*", named)
		listeners = r.wide("elasticloadbalancing", "listener/net/*/*/*", named)
		resolvers = r.wide("lambda", "function:"+r.options.name.Resolver("*"), perVPC)
		runs      = r.runs()
		setUps    = r.wide("states", "execution:"+r.options.name.StateMachine()+":*", perRun)
		quotas    = wide("*", aQuota)
		zones     = r.zones()
		schedules = r.wide("scheduler", "schedule/"+r.options.name.ScheduleGroup()+"/*", "One schedule per exposure, in our own group.")

		code = *r.resolverCode.Bucket().ArnForObjects(r.resolverCode.S3ObjectKey())
		// The registry's key, through DynamoDB alone.
		decrypt  = allows("kms", key, "Decrypt").only("kms:ViaService", r.via("dynamodb"))
		items    = slices.Concat(allows("dynamodb", at(table), "GetItem", "UpdateItem"), decrypt)
		held     = slices.Concat(allows("dynamodb", at(table), "GetItem"), decrypt)
		newItems = allows("dynamodb", at(table), "PutItem")
		allItems = allows("dynamodb", at(table), "Scan")
		itemsBy  = func(index registry.Index) grants { return allows("dynamodb", at(table+"/index/"+index.Name), "Query") }
		topology = allows("rds", slices.Concat(databases, clusters, proxies),
			"DescribeDBInstances", "DescribeDBClusters", "DescribeDBProxies")
		resolve = allows("lambda", resolvers, "InvokeFunction")
		tell    = allows("sns", at(*r.operators.TopicArn()), "Publish")
		share   = slices.Concat(allows("sns", at(*r.handoff.TopicArn()), "Publish"),
			allows("kms", key, "Decrypt", "GenerateDataKey").only("kms:ViaService", r.via("sns")))
		// Reading a resolver comes before knowing whether it is ours; its tags come with it.
		upgrade = slices.Concat(
			allows("lambda", resolvers, "GetFunction", "ListTags"),
			changes("lambda", resolvers, "UpdateFunctionCode", "TagResource"),
			allows("s3", at(code), "GetObject"),
			// The key of a bucket that was bootstrapped with one of the account's: through S3 alone, and for this one
			// object. S3 names the bucket instead where that has data keys of its own:
			// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html#bucket-key-changes
			allows("kms", r.wide("kms", "key/*", "Only cdk bootstrap knows the key of its bucket, if there is one. S3 decrypts one object with it."),
				"Decrypt").only("kms:ViaService", r.via("s3")).
				like("kms:EncryptionContext:aws:s3:arn", code, *r.resolverCode.Bucket().BucketArn()),
		)
		// Whoever makes an account's first load balancer or target group makes the role of ELB's service with it:
		// docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-service-linked-roles.html#create-service-linked-role
		linked = allows("iam", at(r.globalARN("iam", "role/aws-service-role/"+balancing+"/AWSServiceRoleForElasticLoadBalancing")),
			"CreateServiceLinkedRole").only("iam:AWSServiceName", balancing)
		// Not on the pages of the calls that ask for it: github.com/kubernetes-sigs/aws-load-balancer-controller/pull/3921
		groupsOfVPC = allows("ec2", wide("*", "AWS asks for it with the caller's permissions, and its refusals name no VPC. It only looks."),
			"GetSecurityGroupsForVpc")
		// Its rules are tagged as they are made, by these calls.
		ownGroup = func(authorizing ...string) grants {
			return slices.Concat(
				creates("ec2", groups, "CreateSecurityGroup"),
				allows("ec2", vpcs, "CreateSecurityGroup"),
				changes("ec2", groups, append(authorizing, "RevokeSecurityGroupEgress", "RevokeSecurityGroupIngress")...),
				creates("ec2", rules, authorizing...),
				tagsWith("ec2", slices.Concat(groups, rules), append(authorizing, "CreateSecurityGroup")...),
				r.retags("ec2", slices.Concat(groups, rules)),
			)
		}
		// What the load balancer's API asks of its caller besides:
		// docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-permissions.html
		sync = slices.Concat(resolve, topology,
			reads("ec2", "DescribeNetworkInterfaces"),
			reads("elasticloadbalancing", "DescribeTargetHealth"),
			reads("ec2", "DescribeInstances", "DescribeInternetGateways", "DescribeSubnets", "DescribeVpcs"),
			changes("elasticloadbalancing", targets, "RegisterTargets", "DeregisterTargets"),
		)
		// What proves that a private DNS name is of a domain of ours: one record, below a label that begins so.
		record = func(actions ...string) grants {
			return slices.Concat(allows("route53", zones, "ListResourceRecordSets"),
				allows("route53", zones, "ChangeResourceRecordSets").all("route53:ChangeResourceRecordSetsRecordTypes", "TXT").
					all("route53:ChangeResourceRecordSetsActions", actions...).
					allLike("route53:ChangeResourceRecordSetsNormalizedRecordNames", "_*"))
		}
		// All that carries an exposure's name and tags (internal/belongings).
		belongings = slices.Concat(
			reads("ec2", "DescribeVpcEndpointServiceConfigurations", "DescribeVpcEndpointConnections",
				"DescribeVpcEndpointConnectionNotifications", "DescribeSecurityGroups", "DescribeSecurityGroupRules", "DescribeFlowLogs"),
			reads("elasticloadbalancing", "DescribeLoadBalancers", "DescribeTargetGroups", "DescribeTags"),
			allows("scheduler", schedules, "GetSchedule"),
		)
		unsubscribe = slices.Concat(
			allows("sns", at(*r.handoff.TopicArn()), "ListSubscriptionsByTopic"),
			allows("sns", wide("*", "AWS's pages disagree on which resource these are judged. One is read, and ended only if a set-up made it."),
				"GetSubscriptionAttributes", "Unsubscribe"),
		)
	)
	return map[string]grants{
		"gather-rds-details": slices.Concat(items, newItems, allItems, allows("dynamodb", at(table), "DeleteItem"), topology,
			allows("rds", r.wide("rds", "subgrp:*", atRunTime), "DescribeDBSubnetGroups"),
			allows("rds", wide(r.globalARN("rds", "global-cluster:*"), atRunTime), "DescribeGlobalClusters"),
			allows("rds", r.wide("rds", "pg:*", atRunTime), "DescribeDBParameters"),
			allows("rds", r.wide("rds", "cluster-pg:*", atRunTime), "DescribeDBClusterParameters"),
			reads("ec2", "DescribeSubnets", "DescribeVpcs", "DescribeDhcpOptions", "DescribeAvailabilityZones", "DescribeRegions",
				"DescribeSecurityGroups", "DescribeSecurityGroupRules", "DescribeManagedPrefixLists",
				"DescribeVpcEndpointServiceConfigurations", "DescribeVpcEndpointConnections"),
			allows("ec2", r.wide("ec2", "vpc/*", "Known only when an execution starts; it is only looked at."), "DescribeVpcAttribute"),
			reads("elasticloadbalancing", "DescribeAccountLimits", "DescribeLoadBalancers", "DescribeListeners"),
			allows("servicequotas", quotas, "GetServiceQuota"),
			allows("states", runs, "DescribeExecution"),
			allows("states", setUps, "StopExecution"),
		),
		"resolve-private-ip": slices.Concat(items, newItems, resolve, ownGroup("AuthorizeSecurityGroupEgress"), upgrade, groupsOfVPC,
			reads("ec2", "DescribeSecurityGroups", "DescribeSecurityGroupRules", "DescribeSubnets", "DescribeVpcs"),
			creates("lambda", resolvers, "CreateFunction", "TagResource"),
			changes("lambda", resolvers, "UpdateFunctionConfiguration"),
			passes(r.resolverRole, "lambda.amazonaws.com"),
		),
		"create-target-group": slices.Concat(items, sync, linked,
			reads("elasticloadbalancing", "DescribeTargetGroups", "DescribeTargetGroupAttributes", "DescribeTags"),
			creates("elasticloadbalancing", targets, "CreateTargetGroup"),
			tagsWith("elasticloadbalancing", targets, "CreateTargetGroup"),
			changes("elasticloadbalancing", targets, "ModifyTargetGroup", "ModifyTargetGroupAttributes"),
			r.retags("elasticloadbalancing", targets),
		),
		"create-load-balancer": slices.Concat(items, ownGroup("AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress"),
			reads("elasticloadbalancing", "DescribeLoadBalancers", "DescribeLoadBalancerAttributes", "DescribeListeners", "DescribeTags"),
			reads("ec2", "DescribeAccountAttributes", "DescribeAddresses", "DescribeInternetGateways", "DescribeSecurityGroups",
				"DescribeSecurityGroupRules", "DescribeSubnets", "DescribeVpcs"),
			groupsOfVPC, linked,
			creates("elasticloadbalancing", balancers, "CreateLoadBalancer").only("elasticloadbalancing:Scheme", "internal"),
			creates("elasticloadbalancing", balancers, "CreateListener").only(tagOnResource, r.options.name.Managed()),
			tagsWith("elasticloadbalancing", slices.Concat(balancers, listeners), "CreateLoadBalancer", "CreateListener"),
			changes("elasticloadbalancing", balancers, "ModifyLoadBalancerAttributes", "SetSecurityGroups", "SetSubnets"),
			changes("elasticloadbalancing", listeners, "ModifyListener"),
			r.retags("elasticloadbalancing", slices.Concat(balancers, listeners)),
			r.recordsFlows(),
		),
		"create-endpoint-service": slices.Concat(items,
			reads("elasticloadbalancing", "DescribeLoadBalancers"),
			reads("ec2", "DescribeSubnets", "DescribeVpcEndpointServiceConfigurations", "DescribeVpcEndpointConnectionNotifications"),
			creates("ec2", services, "CreateVpcEndpointServiceConfiguration"),
			tagsWith("ec2", services, "CreateVpcEndpointServiceConfiguration"),
			r.retags("ec2", services),
			changes("ec2", services, "ModifyVpcEndpointServiceConfiguration", "StartVpcEndpointServicePrivateDnsVerification",
				"CreateVpcEndpointConnectionNotification", "ModifyVpcEndpointConnectionNotification"),
			reads("route53", "ListHostedZonesByName"), record("UPSERT", "DELETE"), tell,
			allows("vpce", wide("*", "AWS's pages disagree whether it has a resource, and it has no condition key for tags; "+
				"the call that it goes with must carry ours, or act on what does."), "AllowMultiRegion"),
		),
		"allow-principals": slices.Concat(items,
			reads("ec2", "DescribeVpcEndpointConnections"),
			changes("ec2", services, "DescribeVpcEndpointServicePermissions", "ModifyVpcEndpointServicePermissions",
				"RejectVpcEndpointConnections"),
		),
		"update-the-rds-security-group": slices.Concat(items,
			reads("ec2", "DescribeSecurityGroupRules", "DescribeSubnets", "DescribeNetworkInterfaces"),
			r.options.onDatabaseGroups(allows("ec2", r.wide("ec2", "security-group/*",
				"The database's own groups are known only when an execution starts, and need not carry our tag."),
				"AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress")),
			creates("ec2", rules, "AuthorizeSecurityGroupIngress"),
			tagsWith("ec2", rules, "AuthorizeSecurityGroupIngress"),
			changes("ec2", rules, "CreateTags", "DeleteTags"),
		),
		"share-the-service-name": slices.Concat(items, allItems, share, tell, unsubscribe,
			allows("sns", at(*r.handoff.TopicArn()), "Subscribe").only("sns:Protocol", "email"),
		),
		"accept-the-connection": slices.Concat(items,
			allows("lambda", at(r.functionARN("observer")), "InvokeFunction"),
		),
		"install-ip-sync": slices.Concat(items, sync,
			reads("ec2", "DescribeVpcEndpointConnections"),
			allows("scheduler", schedules, "GetSchedule", "CreateSchedule", "UpdateSchedule"),
			passes(r.scheduleRole, "scheduler.amazonaws.com"),
			// Where the path is not there, the step says which hop is broken.
			inspectGrants(r, "DescribeTargetHealth", "DescribeNetworkInterfaces", "DescribeSubnets", "DescribeVpcEndpointConnections",
				"GetSchedule", "DescribeDBInstances", "DescribeDBClusters", "DescribeDBProxies"),
		),
		"remove-claim-the-exposure": slices.Concat(items, newItems, allItems, belongings,
			allows("states", runs, "DescribeExecution", "GetExecutionHistory"),
			allows("states", setUps, "StopExecution"),
		),
		"remove-ask-about-the-connections": slices.Concat(items, tell,
			reads("ec2", "DescribeVpcEndpointServiceConfigurations", "DescribeVpcEndpointConnections"),
			allows("lambda", at(r.functionARN("decision")), "InvokeFunction"),
		),
		"remove-take-the-access-away": slices.Concat(items,
			reads("ec2", "DescribeVpcEndpointServiceConfigurations", "DescribeVpcEndpointConnections",
				"DescribeVpcEndpointConnectionNotifications"),
			changes("ec2", services, "DescribeVpcEndpointServicePermissions", "ModifyVpcEndpointServicePermissions",
				"RejectVpcEndpointConnections", "DeleteVpcEndpointConnectionNotifications", "DeleteVpcEndpointServiceConfigurations"),
			allows("scheduler", schedules, "GetSchedule", "DeleteSchedule"),
			record("DELETE"),
		),
		"remove-delete-the-load-balancer": slices.Concat(held,
			reads("ec2", "DescribeFlowLogs"),
			changes("ec2", r.flowLogs(), "DeleteFlowLogs"),
			reads("elasticloadbalancing", "DescribeLoadBalancers", "DescribeLoadBalancerAttributes", "DescribeListeners",
				"DescribeTargetGroups", "DescribeTags"),
			changes("elasticloadbalancing", balancers, "ModifyLoadBalancerAttributes", "DeleteLoadBalancer"),
			changes("elasticloadbalancing", listeners, "DeleteListener"),
			changes("elasticloadbalancing", targets, "DeleteTargetGroup"),
		),
		"remove-close-the-security-groups": slices.Concat(held, allItems,
			reads("ec2", "DescribeSecurityGroupRules", "DescribeSecurityGroups", "DescribeNetworkInterfaces"),
			r.options.onDatabaseGroups(allows("ec2", r.wide("ec2", "security-group/*", bothGroups), "RevokeSecurityGroupIngress")),
			changes("ec2", r.wide("ec2", "security-group/*", bothGroups), "RevokeSecurityGroupIngress"),
			changes("ec2", rules, "CreateTags", "DeleteTags"),
			changes("ec2", groups, "DeleteSecurityGroup", "RevokeSecurityGroupEgress"),
		),
		"remove-retire-the-resolver": slices.Concat(items, allItems, belongings, allows("dynamodb", at(table), "DeleteItem"),
			reads("ec2", "DescribeNetworkInterfaces"),
			changes("ec2", groups, "DeleteSecurityGroup"),
			allows("lambda", resolvers, "GetFunction", "ListTags"),
			changes("lambda", resolvers, "DeleteFunction"),
			allows("logs", r.wide("logs", "log-group:"+deployment.Log(r.options.name.Resolver("*")),
				"Resolvers of earlier versions have logs of their own, under this prefix."), "DeleteLogGroup"),
		),
		"remove-forget-the-exposure": slices.Concat(held, allItems, allows("dynamodb", at(table), "DeleteItem"), unsubscribe),
		"ip-sync": slices.Concat(items, sync, itemsBy(registry.DatabaseIndex),
			allows("rds", switched, "DescribeBlueGreenDeployments"),
		),
		"observer": slices.Concat(items, itemsBy(registry.AwaitingIndex), itemsBy(registry.ServiceIndex), allItems,
			tell,
			reads("ec2", "DescribeVpcEndpointConnections"),
			putsOn(r.bus, bus.Reports...),
			allows("lambda", at(r.functionARN("ip-sync")), "InvokeFunction"),
			allows("states", runs, "DescribeExecution"),
		),
		"decision": slices.Concat(items, itemsBy(registry.ServiceIndex), tell,
			reads("ec2", "DescribeVpcEndpointConnections"),
			changes("ec2", services, "AcceptVpcEndpointConnections", "RejectVpcEndpointConnections"),
			allows("states", wide("*", "IAM knows no resource for them: who has this permission and a token may answer."),
				"SendTaskSuccess", "SendTaskFailure"),
			allows("states", setUps, "GetExecutionHistory"),
		),
		"watch": slices.Concat(items, allItems, tell, r.readsDeadLetters(), inspectGrants(r, "GetSchedule"),
			reads("scheduler", "ListSchedules"),
			allows("scheduler", schedules, "GetSchedule"),
			allows("states", runs, "DescribeExecution"),
			allows("lambda", slices.Concat(at(r.functionARN("ip-sync")), at(r.functionARN("observer")), at(r.functionARN("decision"))),
				"InvokeFunction"),
		),
		"on-stack-change": slices.Concat(allItems, decrypt, upgrade, tell),
	}
}

// zones are hosted zones, whose ARNs have no account.
func (r *resources) zones() places {
	return wide("arn:"+*r.stack.Partition()+":route53:::hostedzone/*", proofs)
}

// readsDeadLetters allows reading what functions gave up on, and deleting what is replayed or needless.
func (r *resources) readsDeadLetters() grants {
	var queues places
	for _, name := range slices.Sorted(maps.Keys(r.deadLetters)) {
		queues = append(queues, at(*r.deadLetters[name].QueueArn())...)
	}
	return allows("sqs", queues, "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility")
}

func (r *resources) flowLogs() places { return r.wide("ec2", "vpc-flow-log/*", tagged) }

// recordsFlows is making the flow logs of a load balancer's nodes, and deleting what is not wanted any more. Nothing is
// recorded where there is no role to write it in.
func (r *resources) recordsFlows() grants {
	may := slices.Concat(
		reads("ec2", "DescribeFlowLogs"),
		r.changes("ec2", r.flowLogs(), "DeleteFlowLogs"),
	)
	if r.flowLogRole == nil {
		return may
	}
	return slices.Concat(may,
		reads("ec2", "DescribeNetworkInterfaces"),
		r.creates("ec2", r.flowLogs(), "CreateFlowLogs"),
		allows("ec2", r.wide("ec2", "network-interface/*", "ELB makes the nodes' interfaces, and they carry no tag."), "CreateFlowLogs"),
		r.tagsWith("ec2", r.flowLogs(), "CreateFlowLogs"),
		passes(r.flowLogRole, flowLogs),
	)
}
