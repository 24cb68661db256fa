package ec2

import (
	"errors"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/wire"
)

// idFields are the inputs that hold ids, with what AWS answers when one is malformed (errors-overview.html).
var idFields = map[string]string{
	"VpcId": "InvalidVpcID.Malformed", "VpcIds": "InvalidVpcID.Malformed",
	"SubnetId": "InvalidSubnetID.Malformed", "SubnetIds": "InvalidSubnetID.Malformed",
	"GroupId": "InvalidGroupId.Malformed", "GroupIds": "InvalidGroupId.Malformed", "SecurityGroupIds": "InvalidGroupId.Malformed",
	"SecurityGroupRuleIds": "InvalidSecurityGroupRuleId.Malformed",
	"NetworkInterfaceIds":  "InvalidNetworkInterfaceId.Malformed",
	"NetworkAclId":         "InvalidNetworkAclId.Malformed", "NetworkAclIds": "InvalidNetworkAclId.Malformed",
	"VpcEndpointId": "InvalidVpcEndpointId.Malformed", "VpcEndpointIds": "InvalidVpcEndpointId.Malformed",
	"ServiceId": "InvalidVpcEndpointServiceId.Malformed", "ServiceIds": "InvalidVpcEndpointServiceId.Malformed",
	"Resources": "InvalidID",
}

// The bulk requests of errors-overview.html: ids that do not fit are items of the answer.
var bulk = map[string]bool{
	"AcceptVpcEndpointConnections.VpcEndpointIds": true, "RejectVpcEndpointConnections.VpcEndpointIds": true,
	"DeleteVpcEndpoints.VpcEndpointIds": true, "DeleteVpcEndpointServiceConfigurations.ServiceIds": true,
}

func TestAMalformedIDIsRefusedByEveryOperation(t *testing.T) {
	c := newCloud(t)
	group := c.group(consumer, c.consumerVPC, "database")
	svc := c.service()
	asked := map[string]int{}
	for operation, serve := range c.Operations() {
		for field, code := range idFields {
			for _, id := range []string{"orders", "sgr-xyz", "vpc-0123456789abcdef", "subnet-0123456789ABCDEF0", "sg-0123456789abcdef0, sg-0123456789abcdef1", "eni-", "vpce-orders-1", "vpce-svc-orders_1"} {
				if bulk[operation+"."+field] {
					continue
				}
				ctx := wire.WithCaller(t.Context(), wire.Caller{Account: consumer})
				var takes bool
				c.world.Lock()
				_, err := serve(ctx, func(in any) error {
					surround(in, c, group, svc)
					if takes = fill(in, field, id); !takes {
						return errors.New("it has no such field")
					}
					return nil
				})
				c.world.Unlock()
				if !takes {
					continue
				}
				asked[field]++
				if refused, _ := errors.AsType[*wire.Error](err); refused == nil || refused.Code != code {
					t.Errorf("%s answers %v to %s %s, want %s", operation, err, field, id, code)
				}
			}
		}
	}
	for field := range idFields {
		if asked[field] == 0 {
			t.Errorf("no operation takes %s", field)
		}
	}
}

// surround gives an input what an operation looks at before the id in question.
func surround(in any, c *cloud, group string, svc *types.ServiceConfiguration) {
	switch in := in.(type) {
	case *ec2.CreateVpcEndpointInput:
		*in = c.endpointTo(svc)
	case *ec2.RevokeSecurityGroupIngressInput:
		in.GroupId = &group
	case *ec2.RevokeSecurityGroupEgressInput:
		in.GroupId = &group
	}
}

// fill sets a field of an operation's input, if it has it.
func fill(in any, field, id string) bool {
	f := reflect.ValueOf(in).Elem().FieldByName(field)
	switch {
	case !f.IsValid():
		return false
	case f.Kind() == reflect.Slice:
		f.Set(reflect.ValueOf([]string{id}))
	default:
		f.Set(reflect.ValueOf(&id))
	}
	return true
}

func TestIDRefusals(t *testing.T) {
	rules := func(filter, id string) func(*cloud) error {
		return func(c *cloud) error {
			in := ec2.DescribeSecurityGroupRulesInput{Filters: []types.Filter{{Name: &filter, Values: []string{id}}}}
			return try(c, provider, c.describeSecurityGroupRules, in)
		}
	}
	tag := func(id string) func(*cloud) error {
		return func(c *cloud) error {
			return try(c, provider, c.createTags, ec2.CreateTagsInput{Resources: []string{id}, Tags: []types.Tag{{Key: aws.String("k")}}})
		}
	}
	checkRefusals(t, map[string]refusal{
		"the words for most kinds": {
			source: "aws/aws-cdk#20800", code: "InvalidGroupId.Malformed", words: `Invalid id: "orders" (expecting "sg-...")`,
			do: func(c *cloud) error {
				return try(c, provider, c.describeSecurityGroups, ec2.DescribeSecurityGroupsInput{GroupIds: []string{"orders"}})
			},
		},
		"the words for endpoints": {
			source: "terraform-aws-modules/terraform-aws-vpc#312", code: "InvalidVpcEndpointId.Malformed",
			words: "Invalid Id: '' (expecting 'vpce-...; the Id may only contain lowercase alphanumeric characters and a single dash')",
			do: func(c *cloud) error {
				return try(c, provider, c.describeEndpoints, ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{""}})
			},
		},
		"the form of all ids comes before any lookup": {
			source: errorCodes, code: "InvalidVpcID.Malformed",
			do: func(c *cloud) error {
				return try(c, provider, c.describeVPCs, ec2.DescribeVpcsInput{VpcIds: []string{"vpc-00000000000000000", "orders"}})
			},
		},
		"the group of the rules that are looked for": {
			source: "moto, test_invalid_security_group_id_in_rules_search", code: "InvalidGroupId.Malformed", words: "The security group ID 'foobar' is malformed",
			do: rules("group-id", "foobar"),
		},
		"a tag on what cannot be":    {source: errorCodes, code: "InvalidID", do: tag("orders")},
		"a tag on what is not there": {source: errorCodes, code: "InvalidGroup.NotFound", do: tag("sg-00000000000000000")},
	})
	c := newCloud(t)
	if err := rules("group-id", "sg-005216b55886f0fdc")(c); err != nil {
		t.Errorf("the rules of a group that is not there are none, but %v", err)
	}
}
