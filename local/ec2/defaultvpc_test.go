package ec2

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/wire"
)

// serve makes a call of the provider as the front does: the first one finds its default VPC.
func serve[O, I any](c *cloud, operation string, in I) (*O, error) {
	c.world.Lock()
	defer c.world.Unlock()
	ctx := wire.WithCaller(c.t.Context(), wire.Caller{Account: provider})
	out, err := c.Operations()[operation](ctx, func(into any) error {
		*into.(*I) = in
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out.(*O), nil
}

func mustServe[O, I any](c *cloud, operation string, in I) *O {
	c.t.Helper()
	out, err := serve[O](c, operation, in)
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

func isDefault(filter string) []types.Filter {
	return []types.Filter{{Name: &filter, Values: []string{"true"}}}
}

func TestAnAccountIsBornWithADefaultVPC(t *testing.T) { // vpc/latest/userguide/default-vpc-components.html
	c := newCloud(t)
	c.world.Delays.Visibility = time.Hour // it was there before
	vpcs := mustServe[sdk.DescribeVpcsOutput](c, "DescribeVpcs", sdk.DescribeVpcsInput{Filters: isDefault("is-default")}).Vpcs
	if len(vpcs) != 1 || *vpcs[0].CidrBlock != "172.31.0.0/16" || !*vpcs[0].IsDefault {
		t.Fatalf("default VPCs: %v", vpcs)
	}
	vpc := vpcs[0].VpcId
	var subnets []string
	for _, n := range mustServe[sdk.DescribeSubnetsOutput](c, "DescribeSubnets", sdk.DescribeSubnetsInput{Filters: isDefault("default-for-az")}).Subnets {
		if *n.VpcId != *vpc || !*n.DefaultForAz {
			t.Errorf("subnet %+v", n)
		}
		subnets = append(subnets, *n.AvailabilityZone+" "+*n.CidrBlock)
	}
	slices.Sort(subnets)
	if want := []string{"eu-central-1a 172.31.0.0/20", "eu-central-1b 172.31.16.0/20", "eu-central-1c 172.31.32.0/20"}; !slices.Equal(subnets, want) {
		t.Errorf("subnets %v", subnets)
	}
	in := sdk.DescribeSecurityGroupsInput{GroupNames: []string{"default"}}
	if groups := mustServe[sdk.DescribeSecurityGroupsOutput](c, "DescribeSecurityGroups", in).SecurityGroups; len(groups) != 1 || *groups[0].VpcId != *vpc {
		t.Errorf("groups named default: %v", groups)
	}
	for _, a := range mustServe[sdk.DescribeAccountAttributesOutput](c, "DescribeAccountAttributes", sdk.DescribeAccountAttributesInput{}).AccountAttributes {
		if *a.AttributeName == "default-vpc" && *a.AttributeValues[0].AttributeValue != *vpc {
			t.Errorf("the account says %v", a.AttributeValues)
		}
	}
	if v, _ := c.defaultVPC(provider); !v.dns.hostnames {
		t.Error("it has no DNS hostnames")
	}
}

func TestWhatNamesNoVPCGoesToTheDefaultOneUntilThatIsDeleted(t *testing.T) {
	c := newCloud(t)
	in := sdk.CreateSecurityGroupInput{GroupName: aws.String("database"), Description: aws.String("-")}
	group := mustServe[sdk.CreateSecurityGroupOutput](c, "CreateSecurityGroup", in).GroupId
	named := mustServe[sdk.DescribeSecurityGroupsOutput](c, "DescribeSecurityGroups", sdk.DescribeSecurityGroupsInput{GroupNames: []string{"database"}}).SecurityGroups
	vpc, _ := c.defaultVPC(provider)
	if len(named) != 1 || *named[0].GroupId != *group || *named[0].VpcId != vpc.ID {
		t.Errorf("it is %+v", named)
	}

	mustServe[sdk.DeleteSecurityGroupOutput](c, "DeleteSecurityGroup", sdk.DeleteSecurityGroupInput{GroupId: group})
	subnets, err := c.DefaultSubnets(provider)
	if err != nil || len(subnets) != 3 {
		t.Fatalf("default subnets: %v, %v", subnets, err)
	}
	for _, n := range subnets {
		mustServe[sdk.DeleteSubnetOutput](c, "DeleteSubnet", sdk.DeleteSubnetInput{SubnetId: &n.ID})
	}
	mustServe[sdk.DeleteVpcOutput](c, "DeleteVpc", sdk.DeleteVpcInput{VpcId: &vpc.ID})
	_, err = serve[sdk.CreateSecurityGroupOutput](c, "CreateSecurityGroup", in)
	if refused, _ := errors.AsType[*wire.Error](err); refused == nil || refused.Code != "VPCIdNotSpecified" || refused.Message != "No default VPC for this user" {
		t.Errorf("without a default VPC: %v", err)
	}
	_, err = serve[sdk.DescribeSecurityGroupsOutput](c, "DescribeSecurityGroups", sdk.DescribeSecurityGroupsInput{GroupNames: []string{"default"}})
	if refused, _ := errors.AsType[*wire.Error](err); refused == nil || refused.Code != "InvalidGroup.NotFound" {
		t.Errorf("a group's name without a default VPC: %v", err)
	}
}
