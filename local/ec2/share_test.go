package ec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// A participant sees whose VPC it is in, puts things of its own there, and changes nothing of the owner's.
func TestASharedSubnet(t *testing.T) {
	c := newCloud(t)
	if err := c.Share(c.providerSubnets[0], consumer); err != nil {
		t.Fatal(err)
	}
	seen := must(c, consumer, c.describeVPCs, ec2.DescribeVpcsInput{VpcIds: []string{c.providerVPC}}).Vpcs
	if *seen[0].OwnerId != provider {
		t.Errorf("the VPC belongs to %s", *seen[0].OwnerId)
	}
	subnets := must(c, consumer, c.describeSubnets, ec2.DescribeSubnetsInput{}).Subnets
	if len(subnets) != len(c.consumerSubnets)+1 {
		t.Errorf("%d subnets are seen, want one more than the %d of one's own", len(subnets), len(c.consumerSubnets))
	}
	group := must(c, consumer, c.createSecurityGroup, ec2.CreateSecurityGroupInput{VpcId: &c.providerVPC, GroupName: aws.String("mine"), Description: aws.String("mine")})
	i := c.attach(consumer, c.providerSubnets[0], *group.GroupId)
	if i.Account != consumer || i.VPC != c.providerVPC {
		t.Errorf("the interface is %+v", i)
	}
	for name, err := range map[string]error{
		"the VPC's attributes": try(c, consumer, c.modifyVPCAttribute, ec2.ModifyVpcAttributeInput{VpcId: &c.providerVPC}),
		"a further subnet":     try(c, consumer, c.createSubnet, ec2.CreateSubnetInput{VpcId: &c.providerVPC, CidrBlock: aws.String("10.0.9.0/24")}),
		"the subnet":           try(c, consumer, c.deleteSubnet, ec2.DeleteSubnetInput{SubnetId: &c.providerSubnets[0]}),
		"one not shared":       try(c, consumer, c.deleteSubnet, ec2.DeleteSubnetInput{SubnetId: &c.providerSubnets[1]}),
	} {
		if err == nil {
			t.Errorf("a participant changes %s", name)
		}
	}
}
