package access

import (
	"fmt"
	"strings"

	"github.com/rdslink/rdslink/local/iam"
)

// kinds are EC2's resource types by the prefixes of their ids.
var kinds = map[string]string{
	"vpce-svc": "vpc-endpoint-service",
	"vpce":     "vpc-endpoint",
	"vpc":      "vpc",
	"subnet":   "subnet",
	"sg":       "security-group",
	"sgr":      "security-group-rule",
	"acl":      "network-acl",
	"eni":      "network-interface",
	"fl":       "vpc-flow-log",
}

var ec2Acting = map[string]func(*question) ([]need, error){
	"ec2:CreateSecurityGroup":           rules(made("security-group"), existing("VpcId")),
	"ec2:DeleteSecurityGroup":           rules(existing("GroupId")),
	"ec2:AuthorizeSecurityGroupIngress": rules(existing("GroupId"), ruleMade),
	"ec2:AuthorizeSecurityGroupEgress":  rules(existing("GroupId"), ruleMade),
	"ec2:RevokeSecurityGroupIngress":    rules(existing("GroupId")),
	"ec2:RevokeSecurityGroupEgress":     rules(existing("GroupId")),
	"ec2:ModifySecurityGroupRules":      rules(existing("GroupId"), rulesModified),
	"ec2:CreateTags":                    retag,
	"ec2:CreateNetworkAcl":              rules(made("network-acl"), existing("VpcId")),
	"ec2:CreateNetworkAclEntry":         rules(existing("NetworkAclId")),
	"ec2:ReplaceNetworkAclEntry":        rules(existing("NetworkAclId")),
	"ec2:DeleteNetworkAclEntry":         rules(existing("NetworkAclId")),
	"ec2:ReplaceNetworkAclAssociation":  rules(existing("NetworkAclId"), associated),
	"ec2:DeleteNetworkAcl":              rules(existing("NetworkAclId")),
	"ec2:DescribeVpcAttribute":          rules(existing("VpcId")),
	"ec2:DeleteTags":                    retag,

	"ec2:CreateVpcEndpointServiceConfiguration":    rules(made("vpc-endpoint-service")),
	"ec2:ModifyVpcEndpointServiceConfiguration":    rules(existing("ServiceId")),
	"ec2:DeleteVpcEndpointServiceConfigurations":   rules(existing("ServiceIds")),
	"ec2:ModifyVpcEndpointServicePermissions":      rules(existing("ServiceId")),
	"ec2:DescribeVpcEndpointServicePermissions":    rules(existing("ServiceId")),
	"ec2:AcceptVpcEndpointConnections":             rules(existing("ServiceId")),
	"ec2:RejectVpcEndpointConnections":             rules(existing("ServiceId")),
	"ec2:CreateVpcEndpointConnectionNotification":  rules(existing("ServiceId")),
	"ec2:ModifyVpcEndpointConnectionNotification":  notified("ConnectionNotificationId"),
	"ec2:DeleteVpcEndpointConnectionNotifications": notified("ConnectionNotificationIds"),

	"ec2:CreateVpcEndpoint":  rules(endpointMade, existing("VpcId"), existing("SubnetIds"), existing("SecurityGroupIds")),
	"ec2:ModifyVpcEndpoint":  rules(existing("VpcEndpointId")),
	"ec2:DeleteVpcEndpoints": rules(existing("VpcEndpointIds")),

	"ec2:StartVpcEndpointServicePrivateDnsVerification": rules(existing("ServiceId")),

	"ec2:CreateFlowLogs": rules(made("vpc-flow-log"), existing("ResourceIds")),
	"ec2:DeleteFlowLogs": rules(existing("FlowLogIds")),

	"ec2:CreateNetworkInterface": rules(made("network-interface"), existing("SubnetId"), existing("Groups")),
	"ec2:DeleteNetworkInterface": rules(existing("NetworkInterfaceId")),
}

// rules joins what several rules find.
func rules(several ...func(*question) ([]need, error)) func(*question) ([]need, error) {
	return func(q *question) ([]need, error) {
		var found []need
		for _, rule := range several {
			more, err := rule(q)
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		}
		return found, nil
	}
}

// existing are the resources whose ids a parameter has, with their tags. What does not exist has none: a policy that asks
// for tags refuses it, before the service could say that it is not there.
func existing(parameter string) func(*question) ([]need, error) {
	return func(q *question) ([]need, error) {
		var found []need
		for _, id := range q.texts(parameter) {
			n, err := q.identified(id)
			if err != nil {
				return nil, err
			}
			found = append(found, n)
		}
		return found, nil
	}
}

func (q *question) identified(id string) (need, error) {
	prefix := id[:max(strings.LastIndex(id, "-"), 0)]
	kind := kinds[prefix]
	if kind == "" {
		return need{}, fmt.Errorf("%s: %q is the id of no kind of resource that is modelled", q.Action, id)
	}
	q.world.Lock()
	defer q.world.Unlock()
	tags, there := q.network.Tags(q.Caller.Account, id)
	return need{resource: q.arn("ec2", kind+"/"+id), tags: tags, gone: !there}, nil
}

// made is a resource that the call makes: its id is not known yet. Tags that it is born with need the permission to tag,
// too, with the creating action as ec2:CreateAction:
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
func made(kind string) func(*question) ([]need, error) {
	return func(q *question) ([]need, error) {
		tags := q.born(kind)
		keys := requested(tags)
		if kind == "vpc-endpoint-service" {
			keys["ec2:VpceMultiRegion"] = []string{fmt.Sprint(len(q.texts("SupportedRegions")) > 0)}
		}
		found := []need{{resource: q.arn("ec2", kind+"/*"), keys: keys}}
		if len(tags) > 0 {
			found = append(found, need{
				action: "ec2:CreateTags", resource: q.arn("ec2", kind+"/*"),
				keys:    with(requested(tags), iam.Context{"ec2:CreateAction": {q.Action}}),
				implied: "docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html",
			})
		}
		return found, nil
	}
}

// born are the tags that a request gives to a new resource of a kind.
func (q *question) born(kind string) map[string]string {
	for _, item := range q.list("TagSpecifications") {
		specification, _ := item.(map[string]any)
		if specification["ResourceType"] == kind {
			tags, _ := specification["Tags"].([]any)
			return tagList(tags)
		}
	}
	return nil
}

// ruleMade: the reference lists the rule as optional for Authorize…; it is asked for when the request tags it.
func ruleMade(q *question) ([]need, error) {
	if len(q.born("security-group-rule")) == 0 {
		return nil, nil
	}
	return made("security-group-rule")(q)
}

// rulesModified are the rules that a request gives other contents.
func rulesModified(q *question) ([]need, error) {
	var found []need
	for _, item := range q.list("SecurityGroupRules") {
		update, _ := item.(map[string]any)
		id, _ := update["SecurityGroupRuleId"].(string)
		n, err := q.identified(id)
		if err != nil {
			return nil, err
		}
		found = append(found, n)
	}
	return found, nil
}

// endpointMade is a consumer's endpoint, of which policies may say to which service it leads.
func endpointMade(q *question) ([]need, error) {
	found, err := made("vpc-endpoint")(q)
	for i := range found {
		found[i].keys["ec2:VpceServiceName"] = []string{q.text("ServiceName")}
		if of := q.text("ServiceRegion"); of != "" {
			found[i].keys["ec2:VpceServiceRegion"] = []string{of}
		}
	}
	return found, err
}

// retag is CreateTags or DeleteTags of what exists already: there is no ec2:CreateAction.
func retag(q *question) ([]need, error) {
	found, err := existing("Resources")(q)
	for i := range found {
		found[i].keys = with(requested(tagList(q.list("Tags"))), iam.Context{"ec2:CreateAction": nil})
	}
	return found, err
}

// notified are the endpoint services of connection notifications.
func notified(parameter string) func(*question) ([]need, error) {
	return func(q *question) ([]need, error) {
		var found []need
		for _, id := range q.texts(parameter) {
			q.world.Lock()
			service, ok := q.network.NotificationService(q.Caller.Account, id)
			q.world.Unlock()
			n := need{resource: q.arn("ec2", "vpc-endpoint-service/*"), gone: !ok}
			if ok {
				var err error
				if n, err = q.identified(service); err != nil {
					return nil, err
				}
			}
			found = append(found, n)
		}
		return found, nil
	}
}

// associated is the subnet whose network ACL is replaced.
func associated(q *question) ([]need, error) {
	q.world.Lock()
	subnet, ok := q.network.AssociatedSubnet(q.Caller.Account, q.text("AssociationId"))
	q.world.Unlock()
	if !ok {
		return []need{{resource: q.arn("ec2", "subnet/*")}}, nil
	}
	n, err := q.identified(subnet)
	return []need{n}, err
}

var balancerActing = map[string]func(*question) ([]need, error){
	"elasticloadbalancing:CreateLoadBalancer": createLoadBalancer,
	"elasticloadbalancing:CreateTargetGroup": func(q *question) ([]need, error) {
		return q.bornTagged(q.arn("elasticloadbalancing", "targetgroup/"+q.text("Name")+"/*"), nil), nil
	},
	"elasticloadbalancing:CreateListener": createListener,

	"elasticloadbalancing:ModifyLoadBalancerAttributes": balanced("LoadBalancerArn"),
	"elasticloadbalancing:SetSecurityGroups":            balanced("LoadBalancerArn"),
	"elasticloadbalancing:SetSubnets":                   balanced("LoadBalancerArn"),
	"elasticloadbalancing:DeleteLoadBalancer":           balanced("LoadBalancerArn"),
	"elasticloadbalancing:ModifyListener":               balanced("ListenerArn"),
	"elasticloadbalancing:DeleteListener":               balanced("ListenerArn"),
	"elasticloadbalancing:ModifyTargetGroup":            balanced("TargetGroupArn"),
	"elasticloadbalancing:ModifyTargetGroupAttributes":  balanced("TargetGroupArn"),
	"elasticloadbalancing:RegisterTargets":              balanced("TargetGroupArn"),
	"elasticloadbalancing:DeregisterTargets":            balanced("TargetGroupArn"),
	"elasticloadbalancing:DeleteTargetGroup":            balanced("TargetGroupArn"),
	"elasticloadbalancing:AddTags":                      retagBalanced,
}

// retagBalanced is AddTags on what exists already: there is no elasticloadbalancing:CreateAction.
func retagBalanced(q *question) ([]need, error) {
	found, err := balanced("ResourceArns")(q)
	for i := range found {
		found[i].keys = with(requested(tagList(q.list("Tags"))), iam.Context{"elasticloadbalancing:CreateAction": nil})
	}
	return found, err
}

// balanced is what exists of a load balancer, with its tags.
func balanced(parameter string) func(*question) ([]need, error) {
	return func(q *question) ([]need, error) {
		q.world.Lock()
		defer q.world.Unlock()
		var found []need
		for _, arn := range q.texts(parameter) {
			tags, there := q.balancers.Tags(q.Caller.Account, arn)
			found = append(found, need{resource: arn, tags: tags, gone: !there})
		}
		return found, nil
	}
}

// bornTagged is a resource that the call makes, and the permission to tag it, with elasticloadbalancing:CreateAction:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/tag-resources-during-creation.html
func (q *question) bornTagged(arn string, keys iam.Context) []need {
	tags := tagList(q.list("Tags"))
	found := []need{{resource: arn, keys: with(requested(tags), keys)}}
	if len(tags) > 0 {
		found = append(found, q.tagging(arn, tags))
	}
	return found
}

func (q *question) tagging(arn string, tags map[string]string) need {
	return need{
		action: "elasticloadbalancing:AddTags", resource: arn,
		keys:    with(requested(tags), iam.Context{"elasticloadbalancing:CreateAction": {q.Action}}),
		implied: "docs.aws.amazon.com/elasticloadbalancing/latest/userguide/tag-resources-during-creation.html",
	}
}

func createLoadBalancer(q *question) ([]need, error) {
	kind := map[string]string{"network": "net", "gateway": "gwy"}[q.text("Type")]
	if kind == "" {
		kind = "app"
	}
	scheme := q.text("Scheme")
	if scheme == "" {
		scheme = "internet-facing"
	}
	return q.bornTagged(q.arn("elasticloadbalancing", "loadbalancer/"+kind+"/"+q.text("Name")+"/*"), iam.Context{
		"elasticloadbalancing:Scheme":        {scheme},
		"elasticloadbalancing:Subnet":        distinct(q.texts("Subnets")),
		"elasticloadbalancing:SecurityGroup": distinct(q.texts("SecurityGroups")),
	}), nil
}

func createListener(q *question) ([]need, error) {
	found, err := balanced("LoadBalancerArn")(q)
	if err != nil || len(found) == 0 {
		return found, err
	}
	tags := tagList(q.list("Tags"))
	found[0].keys = with(requested(tags), iam.Context{"elasticloadbalancing:ListenerProtocol": {q.text("Protocol")}})
	if len(tags) > 0 {
		arn := strings.Replace(found[0].resource, ":loadbalancer/", ":listener/", 1) + "/*"
		found = append(found, q.tagging(arn, tags))
	}
	return found, nil
}
