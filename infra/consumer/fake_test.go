package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cloudformationtypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/jsii-runtime-go"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/handoff"
)

func TestMain(m *testing.M) {
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

const (
	serviceName  = "com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0"
	databaseHost = "orders-prod.c0ffee123456.eu-central-1.rds.amazonaws.com"
	clusterHost  = "ledger-prod.cluster-c0ffee123456.eu-central-1.rds.amazonaws.com"
	theVPC       = "vpc-0123456789abcdef0"
	theGroup     = "sg-0123456789abcdef0"
)

// fakeAccount is an account with a VPC of three zones, whose names are not those of the service's account.
type fakeAccount struct {
	region      string
	support     bool
	hostnames   bool
	subnets     []types.Subnet
	service     []string // the zones' names in this account; nil: there is none for it
	groups      map[string]string
	zones       map[string]string // private ones of the VPC: name by id
	stack       map[string][]string
	endpointsAt []string // the subnets of the stack's endpoint
}

func newFake() *fakeAccount {
	return &fakeAccount{
		region: "eu-central-1", support: true, hostnames: true,
		subnets: []types.Subnet{
			subnet("subnet-0000000000000000a", "eu-central-1a", "euc1-az3", 8), subnet("subnet-0000000000000000b", "eu-central-1b", "euc1-az1", 8),
			subnet("subnet-0000000000000000c", "eu-central-1c", "euc1-az2", 8), subnet("subnet-0000000000000000d", "eu-central-1c", "euc1-az2", 8),
		},
		service: []string{"eu-central-1b", "eu-central-1c"},
		groups:  map[string]string{theGroup: theVPC, "sg-0123456789abcdef1": "vpc-0123456789abcdef1"},
		zones:   map[string]string{"Z00000000000000000001": "other.internal."},
	}
}

func subnet(id, zone, zoneID string, free int32) types.Subnet {
	return types.Subnet{SubnetId: &id, AvailabilityZone: &zone, AvailabilityZoneId: &zoneID, AvailableIpAddressCount: &free}
}

func (f *fakeAccount) account() account {
	return account{id: "555566667777", region: f.region, network: f, zones: f, stacks: f}
}

func (f *fakeAccount) DescribeVpcs(context.Context, *ec2.DescribeVpcsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcsOutput, error) {
	vpc := func(id string, blocks ...string) (v types.Vpc) {
		v.VpcId = &id
		for _, b := range blocks {
			v.CidrBlockAssociationSet = append(v.CidrBlockAssociationSet, types.VpcCidrBlockAssociation{CidrBlock: aws.String(b)})
		}
		return v
	}
	// The provider's VPC has these addresses, too: an endpoint does not mind.
	return &ec2.DescribeVpcsOutput{Vpcs: []types.Vpc{vpc("vpc-0123456789abcdef1", "10.9.0.0/16"), vpc(theVPC, "10.0.0.0/16", "100.64.0.0/20")}}, nil
}

func (f *fakeAccount) DescribeVpcAttribute(_ context.Context, in *ec2.DescribeVpcAttributeInput, _ ...func(*ec2.Options)) (*ec2.DescribeVpcAttributeOutput, error) {
	out := &ec2.DescribeVpcAttributeOutput{VpcId: in.VpcId}
	if in.Attribute == types.VpcAttributeNameEnableDnsSupport {
		out.EnableDnsSupport = &types.AttributeBooleanValue{Value: &f.support}
	} else {
		out.EnableDnsHostnames = &types.AttributeBooleanValue{Value: &f.hostnames}
	}
	return out, nil
}

func (f *fakeAccount) DescribeSubnets(context.Context, *ec2.DescribeSubnetsInput, ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error) {
	return &ec2.DescribeSubnetsOutput{Subnets: slices.Clone(f.subnets)}, nil
}

func (f *fakeAccount) DescribeSecurityGroups(_ context.Context, in *ec2.DescribeSecurityGroupsInput, _ ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error) {
	out := &ec2.DescribeSecurityGroupsOutput{}
	for id, vpc := range f.groups {
		if slices.Contains(in.Filters[0].Values, id) {
			out.SecurityGroups = append(out.SecurityGroups, types.SecurityGroup{GroupId: &id, VpcId: &vpc})
		}
	}
	return out, nil
}

func (f *fakeAccount) DescribeVpcEndpointServices(_ context.Context, in *ec2.DescribeVpcEndpointServicesInput, _ ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointServicesOutput, error) {
	if f.service == nil || in.ServiceNames[0] != serviceName {
		return nil, &smithy.GenericAPIError{Code: "InvalidServiceName", Message: "The Vpc Endpoint Service '" + in.ServiceNames[0] + "' does not exist"}
	}
	return &ec2.DescribeVpcEndpointServicesOutput{ServiceDetails: []types.ServiceDetail{{AvailabilityZones: f.service}}}, nil
}

func (f *fakeAccount) DescribeVpcEndpoints(context.Context, *ec2.DescribeVpcEndpointsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointsOutput, error) {
	return &ec2.DescribeVpcEndpointsOutput{VpcEndpoints: []types.VpcEndpoint{{SubnetIds: f.endpointsAt}}}, nil
}

// ListHostedZonesByVPC answers a zone a page.
func (f *fakeAccount) ListHostedZonesByVPC(_ context.Context, in *route53.ListHostedZonesByVPCInput, _ ...func(*route53.Options)) (*route53.ListHostedZonesByVPCOutput, error) {
	out := &route53.ListHostedZonesByVPCOutput{}
	for id, name := range f.zones {
		if id > aws.ToString(in.NextToken) && (len(out.HostedZoneSummaries) == 0 || id < *out.HostedZoneSummaries[0].HostedZoneId) {
			out.HostedZoneSummaries = []route53types.HostedZoneSummary{{HostedZoneId: &id, Name: &name}}
			out.NextToken = &id
		}
	}
	return out, nil
}

func (f *fakeAccount) DescribeStackResources(
	_ context.Context, in *cloudformation.DescribeStackResourcesInput, _ ...func(*cloudformation.Options),
) (*cloudformation.DescribeStackResourcesOutput, error) {
	if f.stack == nil {
		return nil, &smithy.GenericAPIError{Code: "ValidationError", Message: "Stack with id " + *in.StackName + " does not exist"}
	}
	out := &cloudformation.DescribeStackResourcesOutput{}
	for kind, ids := range f.stack {
		for _, id := range ids {
			out.StackResources = append(out.StackResources, cloudformationtypes.StackResource{ResourceType: &kind, PhysicalResourceId: &id})
		}
	}
	return out, nil
}

// printed is a hand-off as it is printed to a file.
func printed(t *testing.T, change func(*handoff.Facts)) string {
	t.Helper()
	facts := handoff.Facts{
		ServiceName: serviceName, ServiceID: "vpce-svc-0123456789abcdef0", Region: "eu-central-1", AvailabilityZoneIDs: []string{"euc1-az1", "euc1-az2"},
		SupportedRegions: []string{}, Port: 5432, TLSServerName: databaseHost,
	}
	change(&facts)
	return saved(t, document("orders-prod-acme-17ac466a", facts))
}

// printedLink is that of a link, of which nothing of a single database is told but in the list.
func printedLink(t *testing.T, change func([]handoff.Linked) []handoff.Linked) string {
	t.Helper()
	return saved(t, document("link-acme-5d0c91e2", handoff.Facts{
		ServiceName: serviceName, ServiceID: "vpce-svc-0123456789abcdef0", Region: "eu-central-1",
		AvailabilityZoneIDs: []string{"euc1-az1", "euc1-az2"}, SupportedRegions: []string{},
	}).Of(change([]handoff.Linked{
		{Exposure: "orders-prod-acme-6f2e8a01", DatabaseIdentifier: "orders-prod", Port: 5432, TLSServerName: databaseHost},
		{Exposure: "ledger-prod-acme-9b3d7c44", DatabaseIdentifier: "ledger-prod", Port: 5433, TLSServerName: clusterHost},
	})))
}

func unchanged(all []handoff.Linked) []handoff.Linked { return all }

func document(exposure string, facts handoff.Facts) handoff.Document {
	return handoff.NewDocument(exposure, "acme", facts, handoff.ZonesLeftOut{}, handoff.Connection{}, handoff.Heed{}, handoff.Resources{})
}

func saved(t *testing.T, d handoff.Document) string {
	t.Helper()
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return written(t, string(text))
}

// written is the name of a file of that text in the test's folder.
func written(t *testing.T, text string) string {
	t.Helper()
	if err := os.WriteFile("handoff.json", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return "handoff.json"
}

// inFolder lets the rest of a test write files, and messages name them shortly.
func inFolder(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	if _, err := os.Stat(filepath.Join(".", "handoff.json")); err == nil {
		t.Fatal("the folder is not empty")
	}
}

// asked are the options that a person typed.
func asked(typed map[string]any) (options, error) {
	app := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false), Context: &typed})
	return contextOptions(app.Node())
}

// planOf is what comes of what a person typed.
func (f *fakeAccount) planOf(t *testing.T, typed map[string]any) (plan, error) {
	t.Helper()
	o, err := asked(typed)
	if err != nil {
		return plan{}, err
	}
	return f.account().look(t.Context(), o)
}
