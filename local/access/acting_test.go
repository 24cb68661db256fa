package access

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/local/front"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

type object = map[string]any

// fakeTags has the tags of everything that exists.
type fakeTags map[string]map[string]string

func (f fakeTags) Tags(_, resource string) (map[string]string, bool) {
	tags, ok := f[resource]
	return tags, ok
}

func (fakeTags) AssociatedSubnet(_, association string) (string, bool) {
	return "subnet-1", association == "aclassoc-1"
}

func (fakeTags) NotificationService(_, id string) (string, bool) {
	return "vpce-svc-1", id == "vpce-nfn-1"
}

const role = "arn:aws:iam::111122223333:role/app-step"

func asking(action string, parameters object) *question {
	service, operation, _ := strings.Cut(action, ":")
	tags := fakeTags{"sg-1": {"app:managed": "true"}, "vpce-svc-1": {"app:managed": "true"}}
	return &question{
		Access: &Access{world: &model.World{Region: "eu-central-1"}, network: tags, balancers: tags, done: map[string]bool{}},
		Call: front.Call{Service: service, Action: operation, Parameters: parameters, Caller: wire.Caller{
			Account: "111122223333", ARN: "arn:aws:sts::111122223333:assumed-role/app-step/app-step", Role: role,
		}},
	}
}

func tagged1(kind string) []any {
	return []any{object{"ResourceType": kind, "Tags": []any{object{"Key": "app:managed", "Value": "true"}}}}
}

// TestOnWhat holds on which resources each sort of action acts, and with which keys. Sources are beside the rules.
func TestOnWhat(t *testing.T) {
	for name, row := range map[string]struct {
		action     string
		parameters object
		want       []string // action, resource without its beginning, and keys
	}{
		"a describe acts on everything": {"ec2:DescribeSubnets", nil, []string{"ec2:DescribeSubnets *"}},
		"an action has another name than its operation": {"lambda:Invoke", object{"FunctionName": "f"}, []string{
			"lambda:InvokeFunction lambda:eu-central-1:111122223333:function:f"}},
		"what is made is asked for with its tags, and tagging it": {"ec2:CreateSecurityGroup", object{"VpcId": "vpc-1", "TagSpecifications": tagged1("security-group")}, []string{
			"ec2:CreateSecurityGroup ec2:eu-central-1:111122223333:security-group/* aws:RequestTag/app:managed=true",
			"ec2:CreateTags ec2:eu-central-1:111122223333:security-group/* aws:RequestTag/app:managed=true ec2:CreateAction=CreateSecurityGroup",
			"ec2:CreateSecurityGroup ec2:eu-central-1:111122223333:vpc/vpc-1 gone"}},
		"what exists is asked for with its own tags": {"ec2:RevokeSecurityGroupEgress", object{"GroupId": "sg-1"}, []string{
			"ec2:RevokeSecurityGroupEgress ec2:eu-central-1:111122223333:security-group/sg-1 aws:ResourceTag/app:managed=true"}},
		"what does not exist has none": {"ec2:RevokeSecurityGroupEgress", object{"GroupId": "sg-2"}, []string{
			"ec2:RevokeSecurityGroupEgress ec2:eu-central-1:111122223333:security-group/sg-2 gone"}},
		"an attribute is a VPC's": {"ec2:DescribeVpcAttribute", object{"VpcId": "vpc-1"}, []string{"ec2:DescribeVpcAttribute ec2:eu-central-1:111122223333:vpc/vpc-1 gone"}},
		"a rule without tags is not asked for": {"ec2:AuthorizeSecurityGroupIngress", object{"GroupId": "sg-1"}, []string{
			"ec2:AuthorizeSecurityGroupIngress ec2:eu-central-1:111122223333:security-group/sg-1 aws:ResourceTag/app:managed=true"}},
		"a notification is its service's": {"ec2:ModifyVpcEndpointConnectionNotification", object{"ConnectionNotificationId": "vpce-nfn-1"}, []string{
			"ec2:ModifyVpcEndpointConnectionNotification ec2:eu-central-1:111122223333:vpc-endpoint-service/vpce-svc-1 aws:ResourceTag/app:managed=true"}},
		"a notification that is gone is no service's": {"ec2:DeleteVpcEndpointConnectionNotifications", object{"ConnectionNotificationIds": []any{"vpce-nfn-2"}}, []string{
			"ec2:DeleteVpcEndpointConnectionNotifications ec2:eu-central-1:111122223333:vpc-endpoint-service/* gone"}},
		"an association of a network ACL is the ACL's and a subnet's": {"ec2:ReplaceNetworkAclAssociation", object{"NetworkAclId": "acl-1", "AssociationId": "aclassoc-1"}, []string{
			"ec2:ReplaceNetworkAclAssociation ec2:eu-central-1:111122223333:network-acl/acl-1 gone", "ec2:ReplaceNetworkAclAssociation ec2:eu-central-1:111122223333:subnet/subnet-1 gone"}},
		"an association that does not exist is of any subnet": {"ec2:ReplaceNetworkAclAssociation", object{"NetworkAclId": "acl-1", "AssociationId": "aclassoc-2"}, []string{
			"ec2:ReplaceNetworkAclAssociation ec2:eu-central-1:111122223333:network-acl/acl-1 gone", "ec2:ReplaceNetworkAclAssociation ec2:eu-central-1:111122223333:subnet/*"}},
		"a rule that is modified is its group's and itself": {"ec2:ModifySecurityGroupRules", object{"GroupId": "sg-1", "SecurityGroupRules": []any{object{"SecurityGroupRuleId": "sgr-2"}}}, []string{
			"ec2:ModifySecurityGroupRules ec2:eu-central-1:111122223333:security-group/sg-1 aws:ResourceTag/app:managed=true",
			"ec2:ModifySecurityGroupRules ec2:eu-central-1:111122223333:security-group-rule/sgr-2 gone"}},
		"a load balancer is internet-facing unless it says otherwise": {"elasticloadbalancing:CreateLoadBalancer", object{"Name": "n", "Type": "network"}, []string{
			"elasticloadbalancing:CreateLoadBalancer elasticloadbalancing:eu-central-1:111122223333:loadbalancer/net/n/* elasticloadbalancing:Scheme=internet-facing"}},
		"a listener is tagged as what it will be": {"elasticloadbalancing:CreateListener", object{
			"LoadBalancerArn": "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/net/n/1", "Tags": []any{object{"Key": "k", "Value": "v"}}}, []string{
			"elasticloadbalancing:CreateListener elasticloadbalancing:eu-central-1:111122223333:loadbalancer/net/n/1 gone aws:RequestTag/k=v",
			"elasticloadbalancing:AddTags elasticloadbalancing:eu-central-1:111122223333:listener/net/n/1/* aws:RequestTag/k=v elasticloadbalancing:CreateAction=CreateListener"}},
		"what exists is tagged without a call that makes it": {"elasticloadbalancing:AddTags", object{
			"ResourceArns": []any{"arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/net/n/1"}, "Tags": []any{object{"Key": "k", "Value": "v"}}}, []string{
			"elasticloadbalancing:AddTags elasticloadbalancing:eu-central-1:111122223333:loadbalancer/net/n/1 gone aws:RequestTag/k=v"}},
		"a blue/green deployment": {"rds:DescribeBlueGreenDeployments", object{"BlueGreenDeploymentIdentifier": "bgd-1"},
			[]string{"rds:DescribeBlueGreenDeployments rds:eu-central-1:111122223333:deployment:bgd-1"}},
		"without a name all are asked for": {"rds:DescribeDBInstances", nil, []string{"rds:DescribeDBInstances rds:eu-central-1:111122223333:db:*"}},
		"RDS's names have no capitals":     {"rds:DescribeDBInstances", object{"DBInstanceIdentifier": "Orders"}, []string{"rds:DescribeDBInstances rds:eu-central-1:111122223333:db:orders"}},
		"a query of an index is the index's": {"dynamodb:Query", object{"TableName": "t", "IndexName": "i"},
			[]string{"dynamodb:Query dynamodb:eu-central-1:111122223333:table/t/index/i dynamodb:Select=[ALL_PROJECTED_ATTRIBUTES]"}},
		"an item without a projection is asked for whole": {"dynamodb:GetItem", object{"TableName": "t", "Key": object{"id": object{"S": "1"}}}, []string{
			"dynamodb:GetItem dynamodb:eu-central-1:111122223333:table/t dynamodb:Attributes=[id] dynamodb:Select=[ALL_ATTRIBUTES]"}},
		"an item's attributes are asked for by name": {"dynamodb:GetItem", object{"TableName": "t", "Key": object{"id": object{"S": "1"}},
			"ProjectionExpression": "#0, plain.token[0]", "ExpressionAttributeNames": object{"#0": "size"}}, []string{
			"dynamodb:GetItem dynamodb:eu-central-1:111122223333:table/t dynamodb:Attributes=[id plain size] dynamodb:Select=[SPECIFIC_ATTRIBUTES]"}},
		"a query asks for what its conditions name, and selects": {"dynamodb:Query", object{"TableName": "t", "KeyConditionExpression": "id = :id AND begins_with(#0, :x)",
			"ExpressionAttributeNames": object{"#0": "at"}, "Select": "COUNT"}, []string{
			"dynamodb:Query dynamodb:eu-central-1:111122223333:table/t dynamodb:Attributes=[at id] dynamodb:Select=[COUNT]"}},
		"a scan asks for what it projects": {"dynamodb:Scan", object{"TableName": "t", "ProjectionExpression": "#0, life", "ExpressionAttributeNames": object{"#0": "id"}}, []string{
			"dynamodb:Scan dynamodb:eu-central-1:111122223333:table/t dynamodb:Attributes=[id life] dynamodb:Select=[SPECIFIC_ATTRIBUTES]"}},
		"and for all where it projects nothing": {"dynamodb:Scan", object{"TableName": "t", "FilterExpression": "attribute_exists(id)"}, []string{
			"dynamodb:Scan dynamodb:eu-central-1:111122223333:table/t dynamodb:Attributes=[id] dynamodb:Select=[ALL_ATTRIBUTES]"}},
		"a subscription may be its topic's, one of all, or nothing that a policy names": {"sns:GetSubscriptionAttributes", object{"SubscriptionArn": "arn:aws:sns:eu-central-1:111122223333:t:1"},
			[]string{"sns:GetSubscriptionAttributes sns:eu-central-1:111122223333:t", "sns:GetSubscriptionAttributes sns:eu-central-1:111122223333:t:1",
				"sns:GetSubscriptionAttributes sns:eu-central-1:111122223333:*", "sns:GetSubscriptionAttributes *"}},
		"a quota may be a resource": {"servicequotas:GetServiceQuota", object{"ServiceCode": "vpc", "QuotaCode": "L-1"},
			[]string{"servicequotas:GetServiceQuota servicequotas:eu-central-1:111122223333:vpc/L-1", "servicequotas:GetServiceQuota *"}},
		"every event is asked for": {"events:PutEvents", object{"Entries": []any{object{"DetailType": "A"}, object{"EventBusName": "b", "DetailType": "B"}}},
			[]string{"events:PutEvents events:eu-central-1:111122223333:event-bus/default events:detail-type=A", "events:PutEvents events:eu-central-1:111122223333:event-bus/b events:detail-type=B"}},
		"a bus by its name":                   {"events:DescribeEventBus", object{"Name": "b"}, []string{"events:DescribeEventBus events:eu-central-1:111122223333:event-bus/b"}},
		"the bus that each account has":       {"events:DescribeEventBus", object{}, []string{"events:DescribeEventBus events:eu-central-1:111122223333:event-bus/default"}},
		"who one is, nobody needs to be told": {"sts:GetCallerIdentity", nil, nil},
		"an account in a queue's address":     {"sqs:SendMessage", object{"QueueUrl": "http://host/999988887777/q"}, []string{"sqs:SendMessage sqs:eu-central-1:999988887777:q"}},
		"letters are given back one by one, as far as IAM knows": {"sqs:ChangeMessageVisibilityBatch", object{"QueueUrl": "http://host/111122223333/q"},
			[]string{"sqs:ChangeMessageVisibility sqs:eu-central-1:111122223333:q"}},
		"a schedule without a group": {"scheduler:GetSchedule", object{"Name": "s"}, []string{"scheduler:GetSchedule scheduler:eu-central-1:111122223333:schedule/default/s"}},
		"a log's stream": {"logs:GetLogEvents", object{"logGroupName": "/g", "logStreamName": "s"},
			[]string{"logs:GetLogEvents logs:eu-central-1:111122223333:log-group:/g:log-stream:s"}},
		"DeleteTags is no part of a creation": {"ec2:DeleteTags", object{"Resources": []any{"sg-1"}},
			[]string{"ec2:DeleteTags ec2:eu-central-1:111122223333:security-group/sg-1 aws:ResourceTag/app:managed=true"}},
		"of a proxy, all are asked for": {"rds:DescribeDBProxies", object{"DBProxyName": "p"}, []string{"rds:DescribeDBProxies rds:eu-central-1:111122223333:db-proxy:*"}},
		"an endpoint leads to a service by name": {"ec2:CreateVpcEndpoint", object{"ServiceName": "com.amazonaws.vpce.x"},
			[]string{"ec2:CreateVpcEndpoint ec2:eu-central-1:111122223333:vpc-endpoint/* ec2:VpceServiceName=com.amazonaws.vpce.x"}},
		"and to one of a Region": {"ec2:CreateVpcEndpoint", object{"ServiceName": "com.amazonaws.vpce.x", "ServiceRegion": "us-east-1"},
			[]string{"ec2:CreateVpcEndpoint ec2:eu-central-1:111122223333:vpc-endpoint/* ec2:VpceServiceName=com.amazonaws.vpce.x ec2:VpceServiceRegion=us-east-1"}},
		"a key that somebody uses without a service": {"kms:Decrypt", object{"KeyId": "arn:aws:kms:eu-central-1:111122223333:key/1"}, []string{"kms:Decrypt kms:eu-central-1:111122223333:key/1"}},
	} {
		t.Run(name, func(t *testing.T) {
			q := asking(row.action, row.parameters)
			found, err := q.own(q.operation())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, n := range found {
				got = append(got, describe(q, n))
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("needs\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(row.want, "\n"))
			}
		})
	}
}

// describe writes a need with the keys that the rows speak of.
func describe(q *question, n need) string {
	if n.action == "" {
		n.action = q.operation()
	}
	text := n.action + " " + strings.TrimPrefix(n.resource, "arn:aws:")
	for tag, value := range n.tags {
		text += " aws:ResourceTag/" + tag + "=" + value
	}
	if n.gone {
		text += " gone"
	}
	var keys []string
	for key, values := range n.keys {
		shown := strings.HasPrefix(key, "aws:RequestTag/") || strings.HasSuffix(key, "CreateAction") || slices.Contains([]string{
			"elasticloadbalancing:Scheme", "events:detail-type", "ec2:VpceServiceName", "ec2:VpceServiceRegion",
		}, key)
		if shown && len(values) > 0 {
			keys = append(keys, fmt.Sprint(" ", key, "=", values[0]))
		}
		if (key == "dynamodb:Attributes" || key == "dynamodb:Select") && len(values) > 0 {
			keys = append(keys, fmt.Sprint(" ", key, "=", values))
		}
	}
	slices.Sort(keys)
	return text + strings.Join(keys, "")
}

// Nothing that is not modelled passes, for a role. Its account's root may do what no policy denies.
func TestWhatIsNotModelledIsRefused(t *testing.T) {
	for action, want := range map[string]string{
		"ec2:RunInstances":    "no rule says on which resources",
		"ec2:MakeMeASandwich": "is not an action of the Service Authorization Reference",
	} {
		q := asking(action, nil)
		if _, err := q.own(q.operation()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", action, err)
		}
		q.Caller.Role = ""
		if found, err := q.own(q.operation()); err != nil || found != nil {
			t.Errorf("%s by root: %v %v", action, found, err)
		}
	}
	if _, err := asking("ec2:DeleteTags", object{"Resources": []any{"i-1"}}).own("ec2:DeleteTags"); err == nil {
		t.Error("a kind of resource that is not modelled passes")
	}
}

// A load balancer needs EC2's describes of its maker, and the first one that is made the service-linked role.
func TestBesides(t *testing.T) {
	q := asking("elasticloadbalancing:CreateLoadBalancer", object{"Name": "n"})
	groups := asking("elasticloadbalancing:CreateTargetGroup", object{"Name": "n"})
	has := func(needs []need, action string) bool {
		return slices.ContainsFunc(needs, func(n need) bool { return n.action == action && n.implied != "" })
	}
	first, afterRefusal := q.besides(q.operation()), q.besides(q.operation())
	if !has(first, "ec2:DescribeSubnets") || !has(first, "iam:CreateServiceLinkedRole") || !has(afterRefusal, "iam:CreateServiceLinkedRole") {
		t.Errorf("first %+v, and after it was refused %+v", first, afterRefusal)
	}
	q.succeeded()
	if second := q.besides(q.operation()); !has(second, "ec2:DescribeSubnets") || has(second, "iam:CreateServiceLinkedRole") {
		t.Errorf("after the first %+v", second)
	}
	if needs := groups.besides(groups.operation()); !has(needs, "iam:CreateServiceLinkedRole") || !has(needs, "ec2:DescribeInternetGateways") {
		t.Errorf("a first target group needs %+v", needs)
	}
	if has(first, "ec2:GetSecurityGroupsForVpc") {
		t.Error("a load balancer without security groups needs to see none")
	}
	for _, action := range []string{"elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:SetSecurityGroups"} {
		grouped := asking(action, object{"SecurityGroups": []any{"sg-1"}})
		if needs := grouped.besides(action); !has(needs, "ec2:GetSecurityGroupsForVpc") {
			t.Errorf("%s: %+v", action, needs)
		}
	}
	pass := asking("scheduler:CreateSchedule", object{"Name": "s", "Target": object{"RoleArn": role}})
	if n := pass.besides(pass.operation()); len(n) != 1 || n[0].action != "iam:PassRole" || n[0].keys["iam:PassedToService"][0] != "scheduler.amazonaws.com" {
		t.Errorf("%+v", n)
	}
	across := asking("ec2:CreateVpcEndpoint", object{"ServiceName": "com.amazonaws.vpce.x", "ServiceRegion": "eu-central-1"})
	if across.Caller.Region = "us-east-1"; len(across.besides(across.operation())) != 2 || across.arn("ec2", "vpc/vpc-1") != "arn:aws:ec2:us-east-1:111122223333:vpc/vpc-1" {
		t.Errorf("who accesses a service of another Region needs %+v", across.besides(across.operation()))
	}
	if across.Caller.Region = "eu-central-1"; len(across.besides(across.operation())) != 0 {
		t.Errorf("who does so in its own Region needs %+v", across.besides(across.operation()))
	}
	regions := asking("ec2:ModifyVpcEndpointServiceConfiguration", object{"ServiceId": "vpce-svc-1", "AddSupportedRegions": []any{"us-east-1"}})
	if n := regions.besides(regions.operation()); len(n) != 2 || n[0].action != "vpce:AllowMultiRegion" || n[0].everywhere || !n[1].everywhere {
		t.Errorf("%+v", n)
	}
}
