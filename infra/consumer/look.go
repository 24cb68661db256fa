package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cloudformationtypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/handoff"
)

type networkAPI interface {
	DescribeVpcs(context.Context, *ec2.DescribeVpcsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcsOutput, error)
	DescribeVpcAttribute(context.Context, *ec2.DescribeVpcAttributeInput, ...func(*ec2.Options)) (*ec2.DescribeVpcAttributeOutput, error)
	DescribeSubnets(context.Context, *ec2.DescribeSubnetsInput, ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error)
	DescribeSecurityGroups(context.Context, *ec2.DescribeSecurityGroupsInput, ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error)
	DescribeVpcEndpointServices(context.Context, *ec2.DescribeVpcEndpointServicesInput, ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointServicesOutput, error)
	DescribeVpcEndpoints(context.Context, *ec2.DescribeVpcEndpointsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointsOutput, error)
}

type zonesAPI interface {
	ListHostedZonesByVPC(context.Context, *route53.ListHostedZonesByVPCInput, ...func(*route53.Options)) (*route53.ListHostedZonesByVPCOutput, error)
}

type stacksAPI interface {
	DescribeStackResources(context.Context, *cloudformation.DescribeStackResourcesInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStackResourcesOutput, error)
}

// account is where the stack goes.
type account struct {
	id, region string
	network    networkAPI
	zones      zonesAPI
	stacks     stacksAPI
	databases  databasesAPI
}

// enter goes where cdk deploys to: it tells the app, and the app has credentials of its own.
func enter(ctx context.Context) (account, error) {
	settings, err := config.LoadDefaultConfig(ctx, config.WithDefaultRegion(os.Getenv("CDK_DEFAULT_REGION")))
	if err != nil {
		return account{}, fmt.Errorf("load AWS configuration: %w", err)
	}
	who, err := sts.NewFromConfig(settings).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return account{}, fmt.Errorf("get caller identity: %w: set AWS_PROFILE and AWS_REGION", err)
	}
	to := account{
		id: aws.ToString(who.Account), region: settings.Region,
		network: ec2.NewFromConfig(settings), zones: route53.NewFromConfig(settings), stacks: cloudformation.NewFromConfig(settings),
		databases: rds.NewFromConfig(settings),
	}
	if told := os.Getenv("CDK_DEFAULT_ACCOUNT"); told != "" && told != to.id {
		return account{}, fmt.Errorf("cdk deploys to account %s, the environment's credentials are of %s: use AWS_PROFILE instead of --profile",
			told, to.id)
	}
	return to, nil
}

// look finds what the stack needs to know, or what stands in its way.
func (a account) look(ctx context.Context, o options) (plan, error) {
	p := a.plan(o)
	if err := a.checkService(o.handoff); err != nil {
		return plan{}, err
	}
	blocks, err := a.lookAtVPC(ctx, o.vpc)
	if err != nil {
		return plan{}, err
	}
	made, err := a.resources(ctx, p.stackName())
	if err != nil {
		return plan{}, err
	}
	if p.Subnets, err = a.lookForSubnets(ctx, o, made["AWS::EC2::VPCEndpoint"]); err != nil {
		return plan{}, err
	}
	if p.Clients = o.clients; len(p.Clients) == 0 {
		p.Clients = blocks
	}
	return p, errors.Join(p.checkRules(), a.lookAtGroups(ctx, o), a.lookAtNames(ctx, p, made["AWS::Route53::HostedZone"]))
}

// find is the plan of a stack that is there, as far as its name says it.
func (a account) find(ctx context.Context, o options) (plan, error) {
	p := a.plan(o)
	return p, a.findStack(ctx, "vpc", p.stackName(), "the VPC")
}

// findStack is an error where there is no such stack.
func (a account) findStack(ctx context.Context, option, name, other string) error {
	made, err := a.resources(ctx, name)
	if err == nil && made == nil {
		err = fmt.Errorf("context %s: account %s has no stack %s in %s: give the hand-off and %s that it was deployed with",
			option, a.id, name, a.region, other)
	}
	return err
}

func (a account) plan(o options) plan {
	return plan{
		Account: a.id, Region: a.region,
		Exposure: o.handoff.Exposure, ServiceName: o.handoff.ServiceName, Databases: databasesOf(o.handoff),
		VPC: o.vpc, Host: o.host, Operators: o.operators, Trusted: o.trusted,
	}
}

// checkService: an endpoint of another region is another thing, which the service must allow and the sender pays for.
func (a account) checkService(d handoff.Document) error {
	databases := databasesOf(d)
	early := slices.IndexFunc(databases, func(one database) bool { return one.Host == "" || one.Port == 0 })
	switch {
	case d.ServiceName == "":
		return fmt.Errorf("context handoff: exposure %s has no endpoint service yet: "+
			"print it again when its execution waits in step 9", d.Exposure)
	case early >= 0:
		return fmt.Errorf("context handoff: exposure %s has no listener yet: "+
			"print it again when its execution waits in step 9, or has succeeded", databases[early].Exposure)
	case d.Region != a.region:
		return fmt.Errorf("context handoff: the service is in %s, and the stack goes to %s: deploy it there, AWS_REGION=%s",
			d.Region, a.region, d.Region)
	}
	return nil
}

// lookAtVPC returns the VPC's blocks.
func (a account) lookAtVPC(ctx context.Context, id string) (blocks []string, err error) {
	out, err := a.network.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
	if err != nil {
		return nil, fmt.Errorf("describe VPCs: %w", err)
	}
	var others []string
	for _, v := range out.Vpcs {
		if aws.ToString(v.VpcId) != id {
			others = append(others, aws.ToString(v.VpcId))
			continue
		}
		for _, b := range v.CidrBlockAssociationSet {
			if b.CidrBlockState == nil || b.CidrBlockState.State == types.VpcCidrBlockStateCodeAssociated {
				blocks = append(blocks, aws.ToString(b.CidrBlock))
			}
		}
	}
	if blocks == nil {
		return nil, fmt.Errorf("context vpc: account %s has no %s in %s, it has %s: give the VPC that the clients are in",
			a.id, id, a.region, listed(others))
	}
	return blocks, lookAtDNS(ctx, a.network, id)
}

// lookAtDNS: without both a VPC does not see its private hosted zones
// (docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-considerations.html, "Amazon VPC settings").
func lookAtDNS(ctx context.Context, network networkAPI, id string) error {
	var off, flags []string
	for _, a := range []struct {
		attribute types.VpcAttributeName
		flag      string
		of        func(*ec2.DescribeVpcAttributeOutput) *types.AttributeBooleanValue
	}{
		{types.VpcAttributeNameEnableDnsSupport, "--enable-dns-support",
			func(out *ec2.DescribeVpcAttributeOutput) *types.AttributeBooleanValue { return out.EnableDnsSupport }},
		{types.VpcAttributeNameEnableDnsHostnames, "--enable-dns-hostnames",
			func(out *ec2.DescribeVpcAttributeOutput) *types.AttributeBooleanValue { return out.EnableDnsHostnames }},
	} {
		out, err := network.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: &id, Attribute: a.attribute})
		if err != nil {
			return fmt.Errorf("describe %s of %s: %w", a.attribute, id, err)
		}
		if value := a.of(out); value == nil || !aws.ToBool(value.Value) {
			off, flags = append(off, string(a.attribute)), append(flags, a.flag)
		}
	}
	if off == nil {
		return nil
	}
	return fmt.Errorf("context vpc: %s has %s off, so no client would find the database's name: "+
		"switch it on, aws ec2 modify-vpc-attribute --vpc-id %s %s (one call each)",
		id, strings.Join(off, " and "), id, strings.Join(flags, ", "))
}

// resources are what the stack has, by type; nil where there is no such stack, or nothing is left of it.
func (a account) resources(ctx context.Context, stack string) (map[string][]string, error) {
	out, err := a.stacks.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: &stack})
	// CloudFormation has no code of its own for a stack that is not there.
	if refused, ok := errors.AsType[smithy.APIError](err); ok && strings.Contains(refused.ErrorMessage(), "does not exist") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("describe stack %s: %w", stack, err)
	}
	var made map[string][]string
	for _, r := range out.StackResources {
		if r.ResourceStatus == cloudformationtypes.ResourceStatusDeleteComplete {
			continue
		}
		if made == nil {
			made = map[string][]string{}
		}
		made[aws.ToString(r.ResourceType)] = append(made[aws.ToString(r.ResourceType)], aws.ToString(r.PhysicalResourceId))
	}
	return made, nil
}

func (a account) lookForSubnets(ctx context.Context, o options, endpoints []string) ([]string, error) {
	names, err := a.serviceZones(ctx, o.handoff)
	if err != nil {
		return nil, err
	}
	var found []types.Subnet
	pages := ec2.NewDescribeSubnetsPaginator(a.network, &ec2.DescribeSubnetsInput{
		Filters: []types.Filter{{Name: aws.String("vpc-id"), Values: []string{o.vpc}}}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describe subnets of %s: %w", o.vpc, err)
		}
		found = append(found, page.Subnets...)
	}
	// A zone that the service has left since the hand-off is none of its any more. EC2 names those that it has.
	zones := slices.DeleteFunc(slices.Clone(o.handoff.AvailabilityZoneIDs), func(id string) bool {
		return slices.ContainsFunc(found, func(s types.Subnet) bool {
			return aws.ToString(s.AvailabilityZoneId) == id && !slices.Contains(names, aws.ToString(s.AvailabilityZone))
		})
	})
	if len(o.subnets) > 0 {
		return checkSubnets(o, zones, found)
	}
	held, err := a.endpointSubnets(ctx, endpoints)
	if err != nil {
		return nil, err
	}
	return chooseSubnets(o, zones, found, held)
}

// serviceZones are the service's, by the names that they have in this account.
func (a account) serviceZones(ctx context.Context, d handoff.Document) ([]string, error) {
	out, err := a.network.DescribeVpcEndpointServices(ctx, &ec2.DescribeVpcEndpointServicesInput{ServiceNames: []string{d.ServiceName}})
	refused, is := errors.AsType[smithy.APIError](err)
	if is && refused.ErrorCode() == "InvalidServiceName" || err == nil && len(out.ServiceDetails) == 0 {
		return nil, fmt.Errorf("context handoff: the service %s is gone, or does not let account %s in: ask the owner of exposure %s "+
			"(rdslink show %s), and take the hand-off that is printed now", d.ServiceName, a.id, d.Exposure, d.Exposure)
	}
	if err != nil {
		return nil, fmt.Errorf("describe endpoint service %s: %w", d.ServiceName, err)
	}
	return out.ServiceDetails[0].AvailabilityZones, nil
}

// endpointSubnets are where the stack's endpoint is.
func (a account) endpointSubnets(ctx context.Context, endpoints []string) (held []string, err error) {
	if len(endpoints) == 0 {
		return nil, nil
	}
	out, err := a.network.DescribeVpcEndpoints(ctx, &ec2.DescribeVpcEndpointsInput{
		Filters: []types.Filter{{Name: aws.String("vpc-endpoint-id"), Values: endpoints}}})
	if err != nil {
		return nil, fmt.Errorf("describe endpoint %s: %w", strings.Join(endpoints, ", "), err)
	}
	for _, e := range out.VpcEndpoints {
		held = append(held, e.SubnetIds...)
	}
	return held, nil
}

// lookAtGroups: a rule takes a group of its own VPC, or of one that is peered with it and then never through an endpoint.
func (a account) lookAtGroups(ctx context.Context, o options) error {
	groups := slices.DeleteFunc(slices.Clone(o.clients), func(c string) bool { return !groupID.MatchString(c) })
	if len(groups) == 0 {
		return nil
	}
	out, err := a.network.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{
		Filters: []types.Filter{{Name: aws.String("group-id"), Values: groups}}})
	if err != nil {
		return fmt.Errorf("describe security groups %s: %w", listed(groups), err)
	}
	var errs []error
	for _, id := range groups {
		i := slices.IndexFunc(out.SecurityGroups, func(g types.SecurityGroup) bool { return aws.ToString(g.GroupId) == id })
		switch {
		case i < 0:
			errs = append(errs, fmt.Errorf("context clients: account %s has no security group %s in %s: give the one that the clients have",
				a.id, id, a.region))
		case aws.ToString(out.SecurityGroups[i].VpcId) != o.vpc:
			errs = append(errs, fmt.Errorf("context clients: %s is a group of %s, and the endpoint goes to %s: give a group of that VPC, "+
				"or the clients' block", id, aws.ToString(out.SecurityGroups[i].VpcId), o.vpc))
		}
	}
	return errors.Join(errs...)
}

// lookAtNames: a VPC has one private zone of a name.
func (a account) lookAtNames(ctx context.Context, p plan, own []string) error {
	fields := map[string]string{p.Host: "host"}
	for _, d := range p.Databases {
		fields[d.Host] = "vpc"
	}
	in := &route53.ListHostedZonesByVPCInput{VPCId: &p.VPC, VPCRegion: route53types.VPCRegion(a.region)}
	var errs []error
	for {
		out, err := a.zones.ListHostedZonesByVPC(ctx, in)
		if err != nil {
			return fmt.Errorf("list the private zones of %s: %w", p.VPC, err)
		}
		for _, z := range out.HostedZoneSummaries {
			id, name := strings.TrimPrefix(aws.ToString(z.HostedZoneId), "/hostedzone/"), strings.TrimSuffix(aws.ToString(z.Name), ".")
			if field := fields[name]; field != "" && !slices.Contains(own, id) {
				errs = append(errs, fmt.Errorf("context %s: %s has the private zone %s of the name %s already, and takes no second one: "+
					"take that away from the VPC, or the stack that has made it (make destroy-consumer)", field, p.VPC, id, name))
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return errors.Join(errs...)
		}
	}
}
