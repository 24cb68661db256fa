package manual

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/rdslink/rdslink/test/stage"
)

// refusal is a call that AWS refuses once the ten steps are done, and where AWS or the field says so.
type refusal struct {
	source, code string
	words        string // part of the message
	try          func(context.Context) error
}

// tryWhatAWSRefuses holds what an SDK client reads of a refusal, after every layer between it and the model.
func (p *procedure) tryWhatAWSRefuses(t *testing.T) {
	for _, rows := range []map[string]refusal{p.endpointServiceRefusals(), p.endpointRefusals(t), p.securityGroupRefusals(), p.loadBalancingRefusals(), p.databaseRefusals()} {
		for sentence, row := range rows {
			t.Run(sentence, func(t *testing.T) {
				err := row.try(t.Context())
				if refused, ok := errors.AsType[smithy.APIError](err); !ok || refused.ErrorCode() != row.code || !strings.Contains(refused.ErrorMessage(), row.words) {
					t.Errorf("got %v, want %s: …%s… as %s says", err, row.code, row.words, row.source)
				}
			})
		}
	}
}

// refused is a call's error alone.
func refused[T any](_ T, err error) error { return err }

// item is the first item of a bulk call that did not succeed. The call itself must have: it answers 200.
func item(items []ec2types.UnsuccessfulItem, err error) error {
	if err != nil || len(items) == 0 {
		return errors.Join(errors.New("no item in an answer with status 200"), err)
	}
	return &smithy.GenericAPIError{Code: aws.ToString(items[0].Error.Code), Message: aws.ToString(items[0].Error.Message)}
}

// unvalidated lets the SDK send what its own validation would stop.
func unvalidated(s *middleware.Stack) error {
	_, err := s.Initialize.Remove("OperationInputValidation")
	return err
}

func (p *procedure) endpointServiceRefusals() map[string]refusal {
	client := ec2.NewFromConfig(p.customer.cloud.Config(stage.Customer))
	return map[string]refusal{
		"one endpoint service per load balancer": {
			source: "vpc/latest/privatelink/create-endpoint-service.html", code: "InvalidParameter", words: "already associated with another VPC Endpoint Service Configuration",
			try: func(ctx context.Context) error {
				return refused(client.CreateVpcEndpointServiceConfiguration(ctx, &ec2.CreateVpcEndpointServiceConfigurationInput{NetworkLoadBalancerArns: []string{p.loadBalancer}}))
			},
		},
		"a service with connections stays": {
			source: "vpc/latest/privatelink/delete-endpoint-service.html", code: "ExistingVpcEndpointConnections",
			try: func(ctx context.Context) error {
				out, err := client.DeleteVpcEndpointServiceConfigurations(ctx, &ec2.DeleteVpcEndpointServiceConfigurationsInput{ServiceIds: []string{p.service}})
				return item(out.Unsuccessful, err)
			},
		},
		"a role's session is no principal": {
			source: "hashicorp/terraform-provider-aws#16657", code: "InvalidPrincipal", words: "Invalid Principal: 'arn:aws:sts::",
			try: func(ctx context.Context) error {
				return refused(client.ModifyVpcEndpointServicePermissions(ctx, &ec2.ModifyVpcEndpointServicePermissionsInput{
					ServiceId: &p.service, AddAllowedPrincipals: []string{"arn:aws:sts::133737826969:assumed-role/agent/session"},
				}))
			},
		},
		"a filter that does not exist": {
			source: "AWSEC2/latest/APIReference/errors-overview.html", code: "InvalidParameterValue", words: "The filter 'colour' is invalid",
			try: func(ctx context.Context) error {
				return refused(client.DescribeVpcEndpointConnections(ctx, &ec2.DescribeVpcEndpointConnectionsInput{
					Filters: []ec2types.Filter{{Name: aws.String("colour"), Values: []string{"red"}}},
				}))
			},
		},
	}
}

func (p *procedure) endpointRefusals(t *testing.T) map[string]refusal {
	customer, vendor := ec2.NewFromConfig(p.customer.cloud.Config(stage.Customer)), ec2.NewFromConfig(p.vendor.cloud.Config(stage.PushMetrics))
	stranger := ec2.NewFromConfig(p.vendor.cloud.Config(stage.Stranger))
	vpc, err := p.vendor.cloud.NewVPC(t.Context(), stage.Stranger)
	if err != nil {
		t.Fatal(err)
	}
	accept := func(endpoint string) func(context.Context) error {
		return func(ctx context.Context) error {
			out, err := customer.AcceptVpcEndpointConnections(ctx, &ec2.AcceptVpcEndpointConnectionsInput{ServiceId: &p.service, VpcEndpointIds: []string{endpoint}})
			return item(out.Unsuccessful, err)
		}
	}
	return map[string]refusal{
		"to an account that is not allowed the service does not exist": {
			source: "vpc/latest/privatelink/configure-endpoint-service.html", code: "InvalidServiceName", words: "does not exist",
			try: func(ctx context.Context) error {
				return refused(stranger.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
					VpcEndpointType: ec2types.VpcEndpointTypeInterface, ServiceName: &p.serviceName, VpcId: &vpc.ID, SubnetIds: vpc.SubnetIDs(),
				}))
			},
		},
		"a type of endpoint that does not exist": {
			source: "AWSEC2/latest/APIReference/errors-overview.html", code: "InvalidParameterValue", words: "Bridge",
			try: func(ctx context.Context) error {
				return refused(vendor.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{VpcEndpointType: "Bridge", ServiceName: &p.serviceName, VpcId: &p.vendorVPC.ID}))
			},
		},
		"accepting for no service": {
			source: "AWSEC2/latest/APIReference/errors-overview.html", code: "MissingParameter", words: "ServiceId",
			try: func(ctx context.Context) error {
				return refused(customer.AcceptVpcEndpointConnections(ctx, &ec2.AcceptVpcEndpointConnectionsInput{VpcEndpointIds: []string{p.endpoint}}, ec2.WithAPIOptions(unvalidated)))
			},
		},
		"accepting what is accepted":     {source: "no AWS page has the code", code: "InvalidState", words: "available", try: accept(p.endpoint)},
		"accepting what nobody asks for": {source: "AWSEC2/latest/APIReference/errors-overview.html", code: "InvalidVpcEndpoint.NotFound", try: accept("vpce-00000000000000000")},
		"the vendor cannot accept itself": {
			source: "AWSEC2/latest/APIReference/errors-overview.html", code: "InvalidVpcEndpointServiceId.NotFound",
			try: func(ctx context.Context) error {
				return refused(vendor.AcceptVpcEndpointConnections(ctx, &ec2.AcceptVpcEndpointConnectionsInput{ServiceId: &p.service, VpcEndpointIds: []string{p.endpoint}}))
			},
		},
	}
}

func (p *procedure) securityGroupRefusals() map[string]refusal {
	client := ec2.NewFromConfig(p.customer.cloud.Config(stage.Customer))
	from := func(cidr string) []ec2types.IpPermission {
		return []ec2types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(5432), ToPort: aws.Int32(5432), IpRanges: []ec2types.IpRange{{CidrIp: &cidr}}}}
	}
	return map[string]refusal{
		"a rule exists once": {
			source: "AWSEC2/latest/APIReference/errors-overview.html", code: "InvalidPermission.Duplicate", words: "already exists",
			try: func(ctx context.Context) error {
				return refused(client.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &p.securityGroup, IpPermissions: from(p.cidrs[0])}))
			},
		},
		"a rule that is not there": {
			source: "AWSEC2/latest/APIReference/errors-overview.html", code: "InvalidPermission.NotFound",
			try: func(ctx context.Context) error {
				return refused(client.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: &p.securityGroup, IpPermissions: from("10.9.0.0/16")}))
			},
		},
		"a group that the database carries": {
			source: "AWSEC2/latest/APIReference/errors-overview.html", code: "DependencyViolation",
			try: func(ctx context.Context) error {
				return refused(client.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &p.securityGroup}))
			},
		},
	}
}

func (p *procedure) loadBalancingRefusals() map[string]refusal {
	client := elb.NewFromConfig(p.customer.cloud.Config(stage.Customer))
	group := func(change func(*elb.CreateTargetGroupInput)) func(context.Context) error {
		in := &elb.CreateTargetGroupInput{
			Name: aws.String("rds-pushmetrics-tg"), TargetType: elbtypes.TargetTypeEnumIp, Protocol: elbtypes.ProtocolEnumTcp, Port: aws.Int32(5432), VpcId: &p.vpc,
		}
		change(in)
		return func(ctx context.Context) error {
			return refused(client.CreateTargetGroup(ctx, in, elb.WithAPIOptions(unvalidated)))
		}
	}
	const reference = "elasticloadbalancing/latest/APIReference/"
	return map[string]refusal{
		"a load balancer's name with other settings": {
			source: reference + "API_CreateLoadBalancer.html", code: "DuplicateLoadBalancerName",
			try: func(ctx context.Context) error {
				return refused(client.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{
					Name: aws.String("rds-pushmetrics-nlb"), Type: elbtypes.LoadBalancerTypeEnumNetwork, Scheme: elbtypes.LoadBalancerSchemeEnumInternal, Subnets: p.subnets[:1],
				}))
			},
		},
		"a target group's name with other settings": {
			source: reference + "API_CreateTargetGroup.html", code: "DuplicateTargetGroupName",
			try: group(func(in *elb.CreateTargetGroupInput) { in.Port = aws.Int32(3306) }),
		},
		"a protocol that does not exist": {
			source: reference + "CommonErrors.html", code: "ValidationError", words: "Value 'SMTP' at 'protocol'",
			try: group(func(in *elb.CreateTargetGroupInput) { in.Protocol = "SMTP" }),
		},
		"a target group without a name": {
			source: reference + "CommonErrors.html", code: "ValidationError", words: "Value null at 'name'",
			try: group(func(in *elb.CreateTargetGroupInput) { in.Name = nil }),
		},
		"a load balancer that an endpoint service uses": {
			source: reference + "API_DeleteLoadBalancer.html", code: "ResourceInUse",
			try: func(ctx context.Context) error {
				return refused(client.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &p.loadBalancer}))
			},
		},
		"a target group that a listener uses": {
			source: reference + "API_DeleteTargetGroup.html", code: "ResourceInUse",
			try: func(ctx context.Context) error {
				return refused(client.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: &p.targetGroup}))
			},
		},
		"security groups for a load balancer that was born without": {
			source: "elasticloadbalancing/latest/network/load-balancer-security-groups.html", code: "InvalidConfigurationRequest",
			try: func(ctx context.Context) error {
				return refused(client.SetSecurityGroups(ctx, &elb.SetSecurityGroupsInput{LoadBalancerArn: &p.loadBalancer, SecurityGroups: []string{p.securityGroup}}))
			},
		},
	}
}

func (p *procedure) databaseRefusals() map[string]refusal {
	client := rds.NewFromConfig(p.customer.cloud.Config(stage.Customer))
	return map[string]refusal{
		"a database that does not exist": {
			source: "AmazonRDS/latest/APIReference/API_DescribeDBInstances.html", code: "DBInstanceNotFound", words: "nobody",
			try: func(ctx context.Context) error {
				return refused(client.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String("nobody")}))
			},
		},
		"a filter of databases that does not exist": {
			source: "AmazonRDS/latest/APIReference/API_DescribeDBInstances.html", code: "InvalidParameterValue", words: "colour",
			try: func(ctx context.Context) error {
				return refused(client.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{Filters: []rdstypes.Filter{{Name: aws.String("colour"), Values: []string{"red"}}}}))
			},
		},
	}
}
