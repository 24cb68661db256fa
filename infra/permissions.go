package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/deployment"
)

// A grant is one statement of a function's policy: these actions, on these resources, under these conditions.
type grant struct {
	actions    []string
	resources  []string
	conditions map[string]any
}

func (g grant) statement() awsiam.PolicyStatement {
	props := &awsiam.PolicyStatementProps{Actions: list(g.actions...), Resources: list(g.resources...)}
	if g.conditions != nil {
		props.Conditions = &g.conditions
	}
	return awsiam.NewPolicyStatement(props)
}

// Everything that the steps make carries the tag rdslink:managed. What they create must say so, and what they change must
// have it.
var (
	createsOurs = map[string]any{"StringEquals": map[string]any{"aws:RequestTag/rdslink:managed": "true"}}
	changesOurs = map[string]any{"StringEquals": map[string]any{"aws:ResourceTag/rdslink:managed": "true"}}
)

// anywhere is for actions without resource-level permissions, by the Service Authorization Reference.
var anywhere = []string{"*"}

// permissions are the whole of what each function may do, beside writing its own log.
func permissions(r *resources) map[string][]grant {
	var (
		table     = r.arn("dynamodb", "table/"+*r.table.TableName())
		vpces     = r.arn("ec2", "vpc-endpoint-service/*")
		groups    = r.arn("ec2", "security-group/*")
		rules     = r.arn("ec2", "security-group-rule/*")
		vpcs      = r.arn("ec2", "vpc/*")
		targets   = r.arn("elasticloadbalancing", "targetgroup/*/*")
		balancers = r.arn("elasticloadbalancing", "loadbalancer/net/*/*")
		listeners = r.arn("elasticloadbalancing", "listener/net/*/*/*")
		resolvers = r.arn("lambda", "function:"+deployment.Resolver("*"))
		schedules = r.arn("scheduler", "schedule/"+deployment.ScheduleGroup+"/*")

		// The registry's key, through DynamoDB alone.
		decrypt  = grant{actions: []string{"kms:Decrypt"}, resources: []string{*r.key.KeyArn()}, conditions: through(r, "dynamodb")}
		registry = []grant{
			{actions: []string{"dynamodb:GetItem", "dynamodb:UpdateItem"}, resources: []string{table}},
			decrypt,
		}
		registryItems = grant{actions: []string{"dynamodb:PutItem"}, resources: []string{table}}
		index         = func(names ...string) grant {
			g := grant{actions: []string{"dynamodb:Query"}}
			for _, name := range names {
				g.resources = append(g.resources, table+"/index/"+name)
			}
			return g
		}
		scan = grant{actions: []string{"dynamodb:Scan"}, resources: []string{table}}
		// Reading a resolver comes before knowing whether it is ours; its tags come with it.
		seeResolvers    = grant{actions: []string{"lambda:GetFunction", "lambda:ListTags"}, resources: []string{resolvers}}
		changeResolvers = grant{actions: []string{"lambda:UpdateFunctionCode", "lambda:TagResource"}, resources: []string{resolvers}, conditions: changesOurs}
		resolverCode    = grant{actions: []string{"s3:GetObject"}, resources: []string{*r.resolverCode.Bucket().ArnForObjects(r.resolverCode.S3ObjectKey())}}
		resolve         = grant{actions: []string{"lambda:InvokeFunction"}, resources: []string{resolvers}}
		topology        = grant{actions: []string{"rds:DescribeDBInstances", "rds:DescribeDBClusters", "rds:DescribeDBProxies"},
			resources: []string{r.arn("rds", "db:*"), r.arn("rds", "cluster:*"), r.arn("rds", "db-proxy:*")}}
		// What the load balancer's API asks of its caller besides: docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-permissions.html
		sync = []grant{
			resolve,
			topology,
			{actions: []string{"ec2:DescribeNetworkInterfaces", "elasticloadbalancing:DescribeTargetHealth"}, resources: anywhere},
			{actions: []string{"ec2:DescribeInstances", "ec2:DescribeInternetGateways", "ec2:DescribeSubnets", "ec2:DescribeVpcs"}, resources: anywhere},
			{actions: []string{"elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"}, resources: []string{targets}, conditions: changesOurs},
		}
		publish = func(topic string) grant {
			return grant{actions: []string{"sns:Publish"}, resources: []string{topic}}
		}
		encrypt = grant{actions: []string{"kms:Decrypt", "kms:GenerateDataKey"}, resources: []string{*r.key.KeyArn()}, conditions: through(r, "sns")}
	)
	return map[string][]grant{
		"gather-rds-details": with(registry,
			registryItems,
			topology,
			grant{actions: []string{"rds:DescribeDBSubnetGroups"}, resources: []string{r.arn("rds", "subgrp:*")}},
			grant{actions: []string{"rds:DescribeGlobalClusters"}, resources: []string{r.globalARN("rds", "global-cluster:*")}},
			grant{actions: []string{"ec2:DescribeSubnets", "ec2:DescribeVpcs", "ec2:DescribeAvailabilityZones", "ec2:DescribeSecurityGroups", "ec2:DescribeSecurityGroupRules", "elasticloadbalancing:DescribeAccountLimits", "elasticloadbalancing:DescribeLoadBalancers"}, resources: anywhere},
			grant{actions: []string{"servicequotas:GetServiceQuota"}, resources: []string{r.arn("servicequotas", "vpc/*")}},
			grant{actions: []string{"states:DescribeExecution"}, resources: []string{r.arn("states", "execution:"+deployment.StateMachine+":*")}},
		),
		"resolve-private-ip": with(registry, registryItems, resolve,
			grant{actions: []string{"ec2:DescribeSecurityGroups", "ec2:DescribeSecurityGroupRules", "ec2:DescribeSubnets", "ec2:DescribeVpcs"}, resources: anywhere},
			grant{actions: []string{"ec2:CreateSecurityGroup"}, resources: []string{groups}, conditions: createsOurs},
			grant{actions: []string{"ec2:CreateSecurityGroup"}, resources: []string{vpcs}},
			grant{actions: []string{"ec2:AuthorizeSecurityGroupEgress", "ec2:RevokeSecurityGroupEgress"}, resources: []string{groups}, conditions: changesOurs},
			grant{actions: []string{"ec2:AuthorizeSecurityGroupEgress"}, resources: []string{rules}, conditions: createsOurs},
			grant{actions: []string{"ec2:CreateTags"}, resources: []string{groups, rules}, conditions: tagsAtBirth("ec2:CreateAction", "CreateSecurityGroup", "AuthorizeSecurityGroupEgress")},
			seeResolvers, changeResolvers,
			grant{actions: []string{"lambda:CreateFunction", "lambda:TagResource"}, resources: []string{resolvers}, conditions: createsOurs},
			grant{actions: []string{"iam:PassRole"}, resources: []string{*r.resolverRole.RoleArn()}, conditions: passedTo("lambda.amazonaws.com")},
			resolverCode,
		),
		"create-target-group": with(registry, append(sync,
			grant{actions: []string{"elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetGroupAttributes", "elasticloadbalancing:DescribeTags"}, resources: anywhere},
			grant{actions: []string{"elasticloadbalancing:CreateTargetGroup"}, resources: []string{targets}, conditions: createsOurs},
			grant{actions: []string{"elasticloadbalancing:AddTags"}, resources: []string{targets}, conditions: tagsAtBirth("elasticloadbalancing:CreateAction", "CreateTargetGroup")},
			grant{actions: []string{"elasticloadbalancing:ModifyTargetGroup", "elasticloadbalancing:ModifyTargetGroupAttributes"}, resources: []string{targets}, conditions: changesOurs},
		)...),
		"create-load-balancer": with(registry,
			grant{actions: []string{"elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancerAttributes", "elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeTags"}, resources: anywhere},
			grant{actions: []string{"ec2:DescribeAccountAttributes", "ec2:DescribeAddresses", "ec2:DescribeInternetGateways", "ec2:DescribeSecurityGroups", "ec2:DescribeSecurityGroupRules", "ec2:DescribeSubnets", "ec2:DescribeVpcs"}, resources: anywhere},
			// The page does not list it: github.com/kubernetes-sigs/aws-load-balancer-controller/pull/3921. ELB's refusals name no VPC.
			grant{actions: []string{"ec2:GetSecurityGroupsForVpc"}, resources: anywhere},
			grant{actions: []string{"ec2:CreateSecurityGroup"}, resources: []string{groups}, conditions: createsOurs},
			grant{actions: []string{"ec2:CreateSecurityGroup"}, resources: []string{vpcs}},
			grant{actions: []string{"ec2:AuthorizeSecurityGroupEgress", "ec2:RevokeSecurityGroupEgress"}, resources: []string{groups}, conditions: changesOurs},
			grant{actions: []string{"ec2:AuthorizeSecurityGroupEgress"}, resources: []string{rules}, conditions: createsOurs},
			grant{actions: []string{"ec2:CreateTags"}, resources: []string{groups, rules}, conditions: tagsAtBirth("ec2:CreateAction", "CreateSecurityGroup", "AuthorizeSecurityGroupEgress")},
			grant{actions: []string{"elasticloadbalancing:CreateLoadBalancer"}, resources: []string{balancers}, conditions: map[string]any{"StringEquals": map[string]any{"aws:RequestTag/rdslink:managed": "true", "elasticloadbalancing:Scheme": "internal"}}},
			grant{actions: []string{"elasticloadbalancing:CreateListener"}, resources: []string{balancers}, conditions: map[string]any{"StringEquals": map[string]any{
				"aws:ResourceTag/rdslink:managed": "true", "aws:RequestTag/rdslink:managed": "true",
			}}},
			grant{actions: []string{"elasticloadbalancing:AddTags"}, resources: []string{balancers, listeners}, conditions: tagsAtBirth("elasticloadbalancing:CreateAction", "CreateLoadBalancer", "CreateListener")},
			grant{actions: []string{"elasticloadbalancing:ModifyLoadBalancerAttributes", "elasticloadbalancing:SetSecurityGroups", "elasticloadbalancing:SetSubnets"}, resources: []string{balancers}, conditions: changesOurs},
			grant{actions: []string{"elasticloadbalancing:ModifyListener"}, resources: []string{listeners}, conditions: changesOurs},
			grant{actions: []string{"iam:CreateServiceLinkedRole"}, resources: []string{r.globalARN("iam", "role/aws-service-role/elasticloadbalancing.amazonaws.com/AWSServiceRoleForElasticLoadBalancing")}, conditions: map[string]any{"StringEquals": map[string]any{"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}}},
		),
		"create-endpoint-service": with(registry,
			grant{actions: []string{"elasticloadbalancing:DescribeLoadBalancers", "ec2:DescribeVpcEndpointServiceConfigurations", "ec2:DescribeVpcEndpointConnectionNotifications"}, resources: anywhere},
			grant{actions: []string{"ec2:CreateVpcEndpointServiceConfiguration"}, resources: []string{vpces}, conditions: createsOurs},
			grant{actions: []string{"ec2:CreateTags"}, resources: []string{vpces}, conditions: tagsAtBirth("ec2:CreateAction", "CreateVpcEndpointServiceConfiguration")},
			grant{actions: []string{"ec2:ModifyVpcEndpointServiceConfiguration", "ec2:CreateVpcEndpointConnectionNotification", "ec2:ModifyVpcEndpointConnectionNotification"}, resources: []string{vpces}, conditions: changesOurs},
			grant{actions: []string{"vpce:AllowMultiRegion"}, resources: []string{vpces}},
		),
		"allow-principals": with(registry,
			grant{actions: []string{"ec2:DescribeVpcEndpointServicePermissions", "ec2:ModifyVpcEndpointServicePermissions"}, resources: []string{vpces}, conditions: changesOurs},
		),
		"update-the-rds-security-group": with(registry,
			grant{actions: []string{"ec2:DescribeSecurityGroupRules", "ec2:DescribeSubnets", "ec2:DescribeNetworkInterfaces"}, resources: anywhere},
			grant{actions: []string{"ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"}, resources: []string{groups}, conditions: r.options.databaseGroups()},
			grant{actions: []string{"ec2:AuthorizeSecurityGroupIngress"}, resources: []string{rules}, conditions: createsOurs},
			grant{actions: []string{"ec2:CreateTags"}, resources: []string{rules}, conditions: tagsAtBirth("ec2:CreateAction", "AuthorizeSecurityGroupIngress")},
			grant{actions: []string{"ec2:CreateTags", "ec2:DeleteTags"}, resources: []string{rules}, conditions: changesOurs},
		),
		"share-the-service-name": with(registry, publish(*r.handoff.TopicArn()), encrypt,
			grant{actions: []string{"sns:ListSubscriptionsByTopic", "sns:GetSubscriptionAttributes", "sns:SetSubscriptionAttributes"}, resources: []string{*r.handoff.TopicArn()}},
			grant{actions: []string{"sns:Subscribe"}, resources: []string{*r.handoff.TopicArn()}, conditions: map[string]any{"StringEquals": map[string]any{"sns:Protocol": "email"}}},
		),
		"accept-the-connection": with(registry,
			grant{actions: []string{"lambda:InvokeFunction"}, resources: []string{r.functionARN("observer")}},
		),
		"install-ip-sync": with(registry, append(sync,
			grant{actions: []string{"ec2:DescribeVpcEndpointConnections"}, resources: anywhere},
			grant{actions: []string{"scheduler:GetSchedule", "scheduler:CreateSchedule", "scheduler:UpdateSchedule"}, resources: []string{schedules}},
			grant{actions: []string{"iam:PassRole"}, resources: []string{*r.scheduleRole.RoleArn()}, conditions: passedTo("scheduler.amazonaws.com")},
		)...),
		"ip-sync": with(registry, append(sync, index("database"))...),
		"observer": with(registry, index("awaiting", "service"), scan, publish(*r.operators.TopicArn()), encrypt,
			grant{actions: []string{"ec2:DescribeVpcEndpointConnections"}, resources: anywhere},
			grant{actions: []string{"events:PutEvents"}, resources: []string{*r.bus.EventBusArn()}, conditions: map[string]any{"StringEquals": map[string]any{"events:detail-type": bus.Reports, "events:source": bus.Source}}},
			grant{actions: []string{"lambda:InvokeFunction"}, resources: []string{r.functionARN("ip-sync")}},
			grant{actions: []string{"states:DescribeExecution"}, resources: []string{r.arn("states", "execution:"+deployment.StateMachine+":*")}},
		),
		"decision": with(registry, index("service"), publish(*r.operators.TopicArn()), encrypt,
			grant{actions: []string{"ec2:DescribeVpcEndpointConnections"}, resources: anywhere},
			grant{actions: []string{"ec2:AcceptVpcEndpointConnections", "ec2:RejectVpcEndpointConnections"}, resources: []string{vpces}, conditions: changesOurs},
			// The Service Authorization Reference lists no resource type for SendTask*.
			grant{actions: []string{"states:SendTaskSuccess", "states:SendTaskFailure"}, resources: anywhere},
			grant{actions: []string{"states:GetExecutionHistory"}, resources: []string{r.arn("states", "execution:"+deployment.StateMachine+":*")}},
		),
		"on-stack-change": {
			scan, decrypt, seeResolvers, changeResolvers, resolverCode,
		},
	}
}

// with joins grants that several functions share with a function's own.
func with(shared []grant, own ...grant) []grant {
	return append(append([]grant(nil), shared...), own...)
}

// tagsAtBirth allows tagging only as a part of the creating actions, and only what is ours.
func tagsAtBirth(key string, creating ...string) map[string]any {
	return map[string]any{"StringEquals": map[string]any{key: creating, "aws:RequestTag/rdslink:managed": "true"}}
}

// through allows the use of a key by a service on the role's behalf, and by the role's own calls not.
func through(r *resources, service string) map[string]any {
	return map[string]any{"StringEquals": map[string]any{"kms:ViaService": service + "." + *r.stack.Region() + ".amazonaws.com"}}
}

// passedTo allows handing a role to one service only.
func passedTo(service string) map[string]any {
	return map[string]any{"StringEquals": map[string]any{"iam:PassedToService": service}}
}
