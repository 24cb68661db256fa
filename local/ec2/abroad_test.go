package ec2

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/wire"
)

// abroad is the EC2 of us-east-1, in which the consumer has a VPC with a subnet in each zone.
func (c *cloud) abroad() (there *Service, vpc string, subnets []string) {
	c.t.Helper()
	c.underLock(func() bool { there = c.in("us-east-1"); return true })
	vpc = *must(c, consumer, there.createVPC, ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}).Vpc.VpcId
	for i, z := range must(c, consumer, there.describeAvailabilityZones, ec2.DescribeAvailabilityZonesInput{}).AvailabilityZones {
		in := ec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: aws.String("10.0." + string(rune('1'+i)) + ".0/24"), AvailabilityZone: z.ZoneName}
		subnets = append(subnets, *must(c, consumer, there.createSubnet, in).Subnet.SubnetId)
	}
	return there, vpc, subnets
}

// fromAbroad is a consumer's request for an endpoint to a service of eu-central-1.
func fromAbroad(svc *types.ServiceConfiguration, vpc string, subnets []string) ec2.CreateVpcEndpointInput {
	return ec2.CreateVpcEndpointInput{VpcId: &vpc, VpcEndpointType: types.VpcEndpointTypeInterface, ServiceName: svc.ServiceName,
		ServiceRegion: aws.String("eu-central-1"), SubnetIds: subnets}
}

// supporting is a service that consumers of a Region may use.
func (c *cloud) supporting(region string) *types.ServiceConfiguration {
	c.t.Helper()
	svc := c.service()
	must(c, provider, c.modifyEndpointService, ec2.ModifyVpcEndpointServiceConfigurationInput{ServiceId: svc.ServiceId, AddSupportedRegions: []string{region}})
	return svc
}

func TestEndpointsOfAnotherRegionAreRefused(t *testing.T) {
	const share = "vpc/latest/privatelink/privatelink-share-your-services.html"
	create := func(supported string, change func(*cloud, *ec2.CreateVpcEndpointInput)) func(*cloud) error {
		return func(c *cloud) error {
			svc := c.supporting(supported)
			there, vpc, subnets := c.abroad()
			in := fromAbroad(svc, vpc, subnets)
			change(c, &in)
			return try(c, consumer, there.createEndpoint, in)
		}
	}
	checkRefusals(t, map[string]refusal{
		"the service's Region is not named": {source: "API_CreateVpcEndpoint.html", code: "InvalidServiceName", words: "does not exist",
			do: create("us-east-1", func(_ *cloud, in *ec2.CreateVpcEndpointInput) { in.ServiceRegion = nil })},
		"another Region is named": {source: "API_CreateVpcEndpoint.html", code: "InvalidServiceName", words: "does not exist",
			do: create("us-east-1", func(_ *cloud, in *ec2.CreateVpcEndpointInput) { in.ServiceRegion = aws.String("us-east-1") })},
		"the service does not support the Region": {source: share, code: "InvalidServiceName", words: "does not exist",
			do: create("us-west-2", func(*cloud, *ec2.CreateVpcEndpointInput) {})},
		"the network is in the service's Region": {source: "API_CreateVpcEndpoint.html", code: "InvalidVpcID.NotFound",
			do: create("us-east-1", func(c *cloud, in *ec2.CreateVpcEndpointInput) { in.VpcId = &c.consumerVPC })},
		"the account is not allowed": {source: share, code: "InvalidServiceName", words: "does not exist",
			do: create("us-east-1", func(c *cloud, in *ec2.CreateVpcEndpointInput) {
				remove := ec2.ModifyVpcEndpointServicePermissionsInput{ServiceId: &c.services[0].ID, RemoveAllowedPrincipals: []string{"arn:aws:iam::" + consumer + ":root"}}
				must(c, provider, c.modifyPermissions, remove)
			})},
	})
}

// Its zones are its own, the service's owner accepts it, and each Region lists its own resources.
func TestAnEndpointOfAnotherRegion(t *testing.T) {
	c := newCloud(t)
	svc := c.supporting("us-east-1")
	there, vpc, subnets := c.abroad()
	made := must(c, consumer, there.createEndpoint, fromAbroad(svc, vpc, subnets)).VpcEndpoint
	if *made.ServiceRegion != "eu-central-1" || !strings.HasSuffix(*made.DnsEntries[0].DnsName, ".eu-central-1.vpce.amazonaws.com") {
		t.Errorf("the endpoint is to %s and called %s", *made.ServiceRegion, *made.DnsEntries[0].DnsName)
	}
	connection := must(c, provider, c.describeConnections, ec2.DescribeVpcEndpointConnectionsInput{}).VpcEndpointConnections[0]
	if *connection.VpcEndpointRegion != "us-east-1" || connection.VpcEndpointState != pendingAcceptance {
		t.Errorf("the connection is %s, from %s", connection.VpcEndpointState, *connection.VpcEndpointRegion)
	}
	must(c, provider, c.acceptConnections, ec2.AcceptVpcEndpointConnectionsInput{ServiceId: svc.ServiceId, VpcEndpointIds: []string{*made.VpcEndpointId}})
	c.becomes(made, available)
	c.underLock(func() bool {
		e, _ := c.endpoints.find(*made.VpcEndpointId)
		if len(e.gates) != len(subnets) {
			t.Errorf("it listens at %d places, of %d subnets", len(e.gates), len(subnets))
		}
		return true
	})
	for region, row := range map[string]struct {
		of   *Service
		want int
	}{"eu-central-1": {c.Service, 0}, "us-east-1": {there, 1}} {
		if found := must(c, consumer, row.of.describeEndpoints, ec2.DescribeVpcEndpointsInput{}).VpcEndpoints; len(found) != row.want {
			t.Errorf("%s lists %d endpoints", region, len(found))
		}
		listed := must(c, consumer, row.of.describeVPCs, ec2.DescribeVpcsInput{}).Vpcs
		if has := slices.ContainsFunc(listed, func(v types.Vpc) bool { return *v.VpcId == vpc }); has != (row.want == 1) {
			t.Errorf("%s lists the VPC: %t", region, has)
		}
	}
	if found := c.Of(subnets[0]); found != there {
		t.Error("the subnet is in another Region")
	}
	must(c, consumer, there.deleteEndpoints, ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{*made.VpcEndpointId}})
	c.becomes(made, "")
}

// What is signed for a Region is done there, and nothing is deployed in others.
func TestACallIsOfTheRegionThatItIsSignedFor(t *testing.T) {
	c := newCloud(t)
	ops := c.Operations()
	call := func(operation, region string) (any, error) {
		c.world.Lock()
		defer c.world.Unlock()
		ctx := wire.WithCaller(context.Background(), wire.Caller{Account: consumer, Region: region})
		return ops[operation](ctx, func(any) error { return nil })
	}
	for region, want := range map[string]string{"": "eu-central-1a", "eu-central-1": "eu-central-1a", "us-east-1": "us-east-1a", "eu-west-1": "eu-west-1a"} {
		out, err := call("DescribeAvailabilityZones", region)
		if err != nil {
			t.Fatal(err)
		}
		if zones := out.(*ec2.DescribeAvailabilityZonesOutput).AvailabilityZones; *zones[0].ZoneName != want {
			t.Errorf("in %q the first zone is %s", region, *zones[0].ZoneName)
		}
	}
	for operation, region := range map[string]string{"CreateVpcEndpointServiceConfiguration": "us-east-1", "DescribeVpcs": "sa-east-1"} {
		_, err := call(operation, region)
		if refused, ok := errors.AsType[*wire.Error](err); !ok || refused.Code != "NotImplemented" {
			t.Errorf("%s in %s: %v", operation, region, err)
		}
	}
}
