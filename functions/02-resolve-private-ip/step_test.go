package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolve"
	"github.com/rdslink/rdslink/internal/securitygroup/securitygrouptest"
	"github.com/rdslink/rdslink/internal/upgrade"
)

func TestRun(t *testing.T) {
	group := []string{
		"CreateSecurityGroup rdslink-resolver-vpc-1",
		"AuthorizeSecurityGroupEgress sg-1 udp 53-53 10.0.0.0/16",
		"AuthorizeSecurityGroupEgress sg-1 tcp 53-53 10.0.0.0/16",
		"AuthorizeSecurityGroupEgress sg-1 tcp 1433-1433 10.0.0.0/16",
		"AuthorizeSecurityGroupEgress sg-1 tcp 1521-1521 10.0.0.0/16",
		"AuthorizeSecurityGroupEgress sg-1 tcp 3306-3306 10.0.0.0/16",
		"AuthorizeSecurityGroupEgress sg-1 tcp 5432-5432 10.0.0.0/16",
		"RevokeSecurityGroupEgress sg-1 -1 -1--1 0.0.0.0/0",
	}
	const (
		create = "CreateFunction rdslink-resolver-vpc-1 code-1.zip "
		put    = "PutResolver vpc-1"
		record = "Record rdslink-resolver-vpc-1"
	)
	for name, row := range map[string]struct {
		again  bool         // after a first run, and after Lambda connected the function
		drift  func(*cloud) // before the run
		in     func(*Input)
		want   []string
		output *Output // inside's by default
		err    string
	}{
		"the first run makes the resolver and waits for it": {
			want: slices.Concat(group, []string{create + "subnet-a subnet-b", put}), err: "NotReady",
		},
		"the second run asks it": {again: true, want: []string{record}},
		"a run after that changes nothing": {
			again: true, drift: func(c *cloud) { c.recorded = "rdslink-resolver-vpc-1" },
		},
		"a function in the making is waited for": {
			again: true, drift: func(c *cloud) { c.function.State = types.StatePending }, err: "NotReady",
		},
		"a function that failed is told": {
			again: true, drift: func(c *cloud) { c.function.State = types.StateFailed }, err: "Failed",
		},
		"a function that fell asleep is woken by asking": {
			again: true, drift: func(c *cloud) { c.function.State = types.StateInactive }, want: []string{record}, err: "NotReady",
		},
		"a function of someone else is a conflict": {
			again: true, drift: func(c *cloud) { c.functionTags = nil }, err: "Conflict",
		},
		"a function that someone took out of the VPC is a conflict": {
			again: true, drift: func(c *cloud) { c.function.VpcConfig = nil }, err: "Conflict",
		},
		"a function whose tags may not be read is told": {
			again: true, drift: func(c *cloud) { c.tagsError = &types.TagsError{} }, err: "Failed",
		},
		"an AZ that Lambda refuses is left out": {
			drift: func(c *cloud) { c.refused = "subnet-a" },
			in:    func(in *Input) { in.ResolverSubnetIDs = []string{"subnet-a", "subnet-b", "subnet-c"} },
			want:  slices.Concat(group, []string{create + "subnet-a subnet-b", create + "subnet-a subnet-c", create + "subnet-b subnet-c", put}),
			err:   "NotReady",
		},
		"one AZ is better than none": {
			drift: func(c *cloud) { c.refused = "subnet-a" },
			want:  slices.Concat(group, []string{create + "subnet-a subnet-b", create + "subnet-a", create + "subnet-b", put}),
			err:   "NotReady",
		},
		"a role that is not known everywhere yet is waited for": {
			drift: func(c *cloud) { c.refused = "subnet" },
			want:  slices.Concat(group, []string{create + "subnet-a subnet-b", create + "subnet-a", create + "subnet-b"}),
			err:   "NotReady",
		},
		"another exposure's run that makes it, too, is waited for": {
			drift: func(c *cloud) { c.createError = &types.ResourceConflictException{} },
			want:  slices.Concat(group, []string{create + "subnet-a subnet-b"}), err: "NotReady",
		},
		"a refusal by IAM is told": {
			drift: func(c *cloud) { c.createError = errors.New("not allowed") },
			want:  slices.Concat(group, []string{create + "subnet-a subnet-b"}), err: "Failed",
		},
		"no subnet is told": {
			in: func(in *Input) { in.ResolverSubnetIDs = nil }, want: group, err: "Failed",
		},
		"new code is taken over": {
			again: true, drift: func(c *cloud) { c.key = "code-2.zip" },
			want: []string{"UpdateFunctionCode code-2.zip", "TagResource code-2.zip"}, err: "NotReady",
		},
		"an update in progress is waited for": {
			again: true, drift: func(c *cloud) { c.function.LastUpdateStatus = types.LastUpdateStatusInProgress }, err: "NotReady",
		},
		"an update that failed is told": {
			again: true, drift: func(c *cloud) { c.function.LastUpdateStatus = types.LastUpdateStatusFailed }, err: "Failed",
		},
		"a database on a port of its own": {
			again: true, in: func(in *Input) { in.Port = 6000 },
			want: []string{"AuthorizeSecurityGroupEgress sg-1 tcp 6000-6000 10.0.0.0/16", record},
		},
		"every address that any lookup gave": {
			again: true, drift: func(c *cloud) { c.answer.Lookups = [][]string{{"10.0.2.2"}, {"10.0.1.1"}, {"10.0.2.2"}} },
			want: []string{record}, output: &Output{[]string{"10.0.1.1", "10.0.2.2"}, "rdslink-resolver-vpc-1", "sg-1"},
		},
		"an empty answer is asked for again": {
			again: true, drift: func(c *cloud) { c.answer.Lookups = [][]string{{}, {}} }, want: []string{record}, err: "NotReady",
		},
		"a public address is refused": {
			again: true, drift: func(c *cloud) { c.answer.Lookups = [][]string{{"10.0.1.1"}, {"3.120.0.1"}} }, want: []string{record}, err: "Failed",
		},
		"an address of another VPC is refused": {
			again: true, drift: func(c *cloud) { c.answer.Lookups = [][]string{{"10.1.0.1"}} }, want: []string{record}, err: "Failed",
		},
		"without a function, the name is resolved from outside": {
			in: func(in *Input) { in.Resolver, in.ResolverSubnetIDs = "none", []string{} }, output: &Output{Addresses: []string{"10.0.9.9"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud()
			in := Input{
				Execution: "execution", Exposure: "orders", Resolver: "vpc", VPCID: "vpc-1", VPCCIDRs: []string{"10.0.0.0/16"},
				ResolverSubnetIDs: []string{"subnet-a", "subnet-b"}, Host: "orders.rds.amazonaws.com", Port: 5432,
			}
			if row.again {
				if _, err := c.step().run(t.Context(), in); outcome.Name(err) != "NotReady" {
					t.Fatalf("first run: %v", err)
				}
				c.function.State = types.StateActive
				c.mutations = nil
			}
			if row.drift != nil {
				row.drift(c)
			}
			if row.in != nil {
				row.in(&in)
			}
			want := Output{[]string{"10.0.1.1"}, "rdslink-resolver-vpc-1", "sg-1"}
			if row.output != nil {
				want = *row.output
			}

			out, err := c.step().run(t.Context(), in)

			if got := outcome.Name(err); got != row.err {
				t.Fatalf("error %q (%v), want %q", got, err, row.err)
			}
			if err == nil && !reflect.DeepEqual(out, want) {
				t.Errorf("output %+v, want %+v", out, want)
			}
			if !slices.Equal(c.mutations, row.want) {
				t.Errorf("mutations\n%s\nwant\n%s", strings.Join(c.mutations, "\n"), strings.Join(row.want, "\n"))
			}
		})
	}
}

func TestARefusedAddressComesWithAdvice(t *testing.T) {
	for name, row := range map[string]struct{ resolver, address, advice string }{
		"public, in the VPC":    {"vpc", "3.120.0.1", "DNS hostnames"},
		"public, from outside":  {"none", "3.120.0.1", `"resolver": "vpc"`},
		"private, of elsewhere": {"vpc", "172.16.0.1", "private hosted zone"},
	} {
		t.Run(name, func(t *testing.T) {
			err := refusal(Input{Host: "orders", Resolver: row.resolver, VPCID: "vpc-1"}, row.address)
			if !strings.Contains(err.Error(), row.advice) {
				t.Errorf("%v, want %s", err, row.advice)
			}
		})
	}
}

// cloud is Lambda with room for one function, EC2's security groups, and the registry.
type cloud struct {
	securitygrouptest.EC2
	key          string // of the code that the stack came with
	function     *types.FunctionConfiguration
	functionTags map[string]string
	tagsError    *types.TagsError
	refused      string // Lambda takes no subnet whose id begins so
	createError  error
	answer       resolve.Answer
	resolver     registry.Resolver
	recorded     string
	mutations    []string
}

func newCloud() *cloud {
	c := &cloud{key: "code-1.zip", answer: resolve.Answer{Lookups: [][]string{{"10.0.1.1"}}}}
	c.Record = func(mutation string) { c.mutate("%s", mutation) }
	return c
}

func (c *cloud) step() resolvePrivateIP {
	return resolvePrivateIP{
		groups: c, functions: c, registry: records{c}, outside: outside{},
		role: "role", code: upgrade.Code{Bucket: "bucket", Key: c.key, Architecture: types.ArchitectureArm64},
	}
}

func (c *cloud) mutate(format string, args ...any) {
	c.mutations = append(c.mutations, fmt.Sprintf(format, args...))
}

func (c *cloud) GetFunction(context.Context, *lambda.GetFunctionInput, ...func(*lambda.Options)) (*lambda.GetFunctionOutput, error) {
	if c.function == nil {
		return nil, &types.ResourceNotFoundException{}
	}
	return &lambda.GetFunctionOutput{Configuration: c.function, Tags: c.functionTags, TagsError: c.tagsError}, nil
}

func (c *cloud) CreateFunction(_ context.Context, in *lambda.CreateFunctionInput, _ ...func(*lambda.Options)) (*lambda.CreateFunctionOutput, error) {
	c.mutate("CreateFunction %s %s %s", *in.FunctionName, *in.Code.S3Key, strings.Join(in.VpcConfig.SubnetIds, " "))
	if c.createError != nil {
		return nil, c.createError
	}
	if c.refused != "" && slices.ContainsFunc(in.VpcConfig.SubnetIds, func(id string) bool { return strings.HasPrefix(id, c.refused) }) {
		return nil, &types.InvalidParameterValueException{}
	}
	c.functionTags = in.Tags
	c.function = &types.FunctionConfiguration{
		FunctionName: in.FunctionName, FunctionArn: aws.String("arn:aws:lambda:eu-central-1:111122223333:function:" + *in.FunctionName),
		State: types.StatePending, VpcConfig: &types.VpcConfigResponse{SubnetIds: in.VpcConfig.SubnetIds, SecurityGroupIds: in.VpcConfig.SecurityGroupIds},
	}
	return &lambda.CreateFunctionOutput{FunctionArn: c.function.FunctionArn, State: c.function.State, VpcConfig: c.function.VpcConfig}, nil
}

func (c *cloud) UpdateFunctionCode(_ context.Context, in *lambda.UpdateFunctionCodeInput, _ ...func(*lambda.Options)) (*lambda.UpdateFunctionCodeOutput, error) {
	c.mutate("UpdateFunctionCode %s", *in.S3Key)
	return &lambda.UpdateFunctionCodeOutput{}, nil
}

func (c *cloud) TagResource(_ context.Context, in *lambda.TagResourceInput, _ ...func(*lambda.Options)) (*lambda.TagResourceOutput, error) {
	c.mutate("TagResource %s", in.Tags[upgrade.Tag])
	return &lambda.TagResourceOutput{}, nil
}

func (c *cloud) Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	if c.function.State == types.StateInactive {
		return nil, &types.ResourceNotReadyException{}
	}
	payload, err := json.Marshal(c.answer)
	return &lambda.InvokeOutput{Payload: payload}, err
}

// records is the registry's side of the cloud: its Record is not EC2's.
type records struct{ cloud *cloud }

func (r records) Resolver(_ context.Context, vpcID string) (registry.Resolver, bool, error) {
	return r.cloud.resolver, r.cloud.resolver.VPCID == vpcID, nil
}

func (r records) PutResolver(_ context.Context, resolver registry.Resolver) error {
	r.cloud.mutate("PutResolver %s", resolver.VPCID)
	r.cloud.resolver = resolver
	return nil
}

func (r records) Record(_ context.Context, _, _ string, set map[string]any) error {
	name := set["resolverFunction"].(string)
	if name != r.cloud.recorded {
		r.cloud.mutate("Record %s", name)
	}
	r.cloud.recorded = name
	return nil
}

// outside resolves as the step's own place does.
type outside struct{}

func (outside) Resolve(context.Context, resolve.Request) (resolve.Answer, error) {
	return resolve.Answer{Lookups: [][]string{{"10.0.9.9"}}}, nil
}

func TestEverythingOfAResolverCarriesTheVPCsTags(t *testing.T) {
	c := newCloud()
	s := c.step()
	s.tags = map[string]string{"cost-center": "42"}
	in := Input{Resolver: "vpc", VPCID: "vpc-1", VPCCIDRs: []string{"10.0.0.0/16"}, ResolverSubnetIDs: []string{"subnet-a"}, Port: 5432}
	if _, err := s.run(t.Context(), in); outcome.Name(err) != "NotReady" {
		t.Fatal(err)
	}
	for what, tags := range map[string]map[string]string{"function": c.functionTags, "group": owned.FromEC2(c.Groups[0].Tags)} {
		if tags["cost-center"] != "42" || tags[owned.ManagedTag] != "true" || tags[owned.VPCTag] != "vpc-1" {
			t.Errorf("%s carries %v", what, tags)
		}
	}
}
