package ec2

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
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
	vpcs := mustServe[ec2.DescribeVpcsOutput](c, "DescribeVpcs", ec2.DescribeVpcsInput{Filters: isDefault("is-default")}).Vpcs
	if len(vpcs) != 1 || *vpcs[0].CidrBlock != "172.31.0.0/16" || !*vpcs[0].IsDefault {
		t.Fatalf("default VPCs: %v", vpcs)
	}
	vpc := vpcs[0].VpcId
	var subnets []string
	for _, n := range mustServe[ec2.DescribeSubnetsOutput](c, "DescribeSubnets", ec2.DescribeSubnetsInput{Filters: isDefault("default-for-az")}).Subnets {
		if *n.VpcId != *vpc || !*n.DefaultForAz {
			t.Errorf("subnet %+v", n)
		}
		subnets = append(subnets, *n.AvailabilityZone+" "+*n.CidrBlock)
	}
	slices.Sort(subnets)
	if want := []string{"eu-central-1a 172.31.0.0/20", "eu-central-1b 172.31.16.0/20", "eu-central-1c 172.31.32.0/20"}; !slices.Equal(subnets, want) {
		t.Errorf("subnets %v", subnets)
	}
	in := ec2.DescribeSecurityGroupsInput{GroupNames: []string{"default"}}
	if groups := mustServe[ec2.DescribeSecurityGroupsOutput](c, "DescribeSecurityGroups", in).SecurityGroups; len(groups) != 1 || *groups[0].VpcId != *vpc {
		t.Errorf("groups named default: %v", groups)
	}
	for _, a := range mustServe[ec2.DescribeAccountAttributesOutput](c, "DescribeAccountAttributes", ec2.DescribeAccountAttributesInput{}).AccountAttributes {
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
	in := ec2.CreateSecurityGroupInput{GroupName: aws.String("database"), Description: aws.String("-")}
	group := mustServe[ec2.CreateSecurityGroupOutput](c, "CreateSecurityGroup", in).GroupId
	named := mustServe[ec2.DescribeSecurityGroupsOutput](c, "DescribeSecurityGroups", ec2.DescribeSecurityGroupsInput{GroupNames: []string{"database"}}).SecurityGroups
	vpc, _ := c.defaultVPC(provider)
	if len(named) != 1 || *named[0].GroupId != *group || *named[0].VpcId != vpc.ID {
		t.Errorf("it is %+v", named)
	}

	mustServe[ec2.DeleteSecurityGroupOutput](c, "DeleteSecurityGroup", ec2.DeleteSecurityGroupInput{GroupId: group})
	subnets, err := c.DefaultSubnets(provider)
	if err != nil || len(subnets) != 3 {
		t.Fatalf("default subnets: %v, %v", subnets, err)
	}
	for _, n := range subnets {
		mustServe[ec2.DeleteSubnetOutput](c, "DeleteSubnet", ec2.DeleteSubnetInput{SubnetId: &n.ID})
	}
	mustServe[ec2.DeleteVpcOutput](c, "DeleteVpc", ec2.DeleteVpcInput{VpcId: &vpc.ID})
	_, err = serve[ec2.CreateSecurityGroupOutput](c, "CreateSecurityGroup", in)
	if refused, _ := errors.AsType[*wire.Error](err); refused == nil || refused.Code != "VPCIdNotSpecified" || refused.Message != "No default VPC for this user" {
		t.Errorf("without a default VPC: %v", err)
	}
	_, err = serve[ec2.DescribeSecurityGroupsOutput](c, "DescribeSecurityGroups", ec2.DescribeSecurityGroupsInput{GroupNames: []string{"default"}})
	if refused, _ := errors.AsType[*wire.Error](err); refused == nil || refused.Code != "InvalidGroup.NotFound" {
		t.Errorf("a group's name without a default VPC: %v", err)
	}
}
