package ec2

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func TestServiceDetailRefusals(t *testing.T) {
	describe := func(account string, in ec2.DescribeVpcEndpointServicesInput) func(*cloud) error {
		return func(c *cloud) error {
			if in.ServiceNames == nil {
				in.ServiceNames = []string{*c.service().ServiceName}
			}
			return try(c, account, c.describeEndpointServices, in)
		}
	}
	checkRefusals(t, map[string]refusal{
		"a service that does not exist": {source: errorCodes, code: "InvalidServiceName",
			do: describe(consumer, ec2.DescribeVpcEndpointServicesInput{ServiceNames: []string{"com.amazonaws.vpce.eu-central-1.vpce-svc-0"}})},
		"a service that lets others in": {source: errorCodes, code: "InvalidServiceName",
			do: describe("999988887777", ec2.DescribeVpcEndpointServicesInput{})},
		"another Region": {source: "not modelled", code: "InvalidParameter", words: "local cloud",
			do: describe(consumer, ec2.DescribeVpcEndpointServicesInput{ServiceRegions: []string{"eu-west-1"}})},
		"an unknown filter": {source: errorCodes, code: "InvalidParameterValue",
			do: describe(consumer, ec2.DescribeVpcEndpointServicesInput{Filters: []types.Filter{{Name: aws.String("owner"), Values: []string{"amazon"}}}})},
		"an endpoint policy": {source: "API_DescribeVpcEndpointServices.html, VpcEndpointPolicySupported", code: "InvalidParameter", words: "does not support endpoint policies",
			do: func(c *cloud) error {
				in := c.endpointTo(c.service())
				in.PolicyDocument = aws.String(fullAccess)
				return try(c, consumer, c.createEndpoint, in)
			}},
	})
}

func TestWhoIsLetInSeesTheService(t *testing.T) {
	c := newCloud(t)
	svc := c.service()
	for _, in := range []ec2.DescribeVpcEndpointServicesInput{
		{}, {ServiceNames: []string{*svc.ServiceName}}, {Filters: []types.Filter{{Name: aws.String("service-name"), Values: []string{*svc.ServiceName}}}},
	} {
		out := must(c, consumer, c.describeEndpointServices, in)
		if len(out.ServiceDetails) != 1 || !slices.Equal(out.ServiceNames, []string{*svc.ServiceName}) {
			t.Fatalf("%v", out.ServiceNames)
		}
		if d := out.ServiceDetails[0]; *d.VpcEndpointPolicySupported || !*d.AcceptanceRequired || !slices.Equal(d.AvailabilityZones, c.zoneNames(consumer, c.services[0].zoneIDs)) ||
			*d.Owner != provider {
			t.Errorf("%+v", d)
		}
	}
	if out := must(c, "999988887777", c.describeEndpointServices, ec2.DescribeVpcEndpointServicesInput{}); len(out.ServiceDetails) > 0 {
		t.Errorf("a stranger sees %v", out.ServiceNames)
	}
}
