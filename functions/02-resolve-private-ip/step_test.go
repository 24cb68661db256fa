package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolve"
	"github.com/rdslink/rdslink/internal/resolver"
	"github.com/rdslink/rdslink/internal/securitygroup/securitygrouptest"
	"github.com/rdslink/rdslink/internal/step"
	"github.com/rdslink/rdslink/internal/steptest"
)

type row = steptest.Row[*cloud, Input, Output]

func input() Input {
	return Input{
		Execution: "execution", Exposure: "orders", Resolver: "vpc", VPCID: "vpc-1", VPCCIDRs: []string{"10.0.0.0/16"},
		ResolverSubnetIDs: []string{"subnet-a", "subnet-b"}, Host: "orders.rds.amazonaws.com", Port: 5432, ListenerPort: 6432,
	}
}

func TestRun(t *testing.T) {
	group := []string{
		"CreateSecurityGroup rdslink-resolver-vpc-1",
		"AuthorizeSecurityGroupEgress sg-1 udp 53-53 10.0.0.0/16",
		"AuthorizeSecurityGroupEgress sg-1 tcp 53-53 10.0.0.0/16",
		"AuthorizeSecurityGroupEgress sg-1 tcp 1433-1433 10.0.0.0/16",
		"AuthorizeSecurityGroupEgress sg-1 tcp 1521-1521 10.0.0.0/16",
		"AuthorizeSecurityGroupEgress sg-1 tcp 3306-3306 10.0.0.0/16",
		"AuthorizeSecurityGroupEgress sg-1 tcp 5432-5432 10.0.0.0/16",
		"AuthorizeSecurityGroupEgress sg-1 tcp 6432-6432 10.0.0.0/16",
		"RevokeSecurityGroupEgress sg-1 -1 -1--1 0.0.0.0/0",
	}
	const (
		create = "CreateFunction rdslink-resolver-vpc-1 code-1.zip "
		put    = "PutResolver vpc-1"
		record = "Record"
	)
	steptest.Step[*cloud, Input, Output]{
		Cloud:  newCloud,
		In:     input,
		Run:    func(c *cloud) step.Run[Input, Output] { return c.step().run },
		Settle: (*cloud).connect,
		Output: func(*cloud, Input) Output { return Output{"rdslink-resolver-vpc-1", "sg-1"} },
	}.Play(t, map[string]row{
		"the first run makes the resolver and waits for it": {
			Want: slices.Concat(group, []string{create + "subnet-a subnet-b", put}), Err: "NotReady",
		},
		"the next run asks it": {
			Drift: func(c *cloud) {
				if _, err := c.step().run(t.Context(), input()); outcome.Name(err) != "NotReady" {
					t.Fatal(err)
				}
				c.connect()
				c.Mutations = nil
			},
			Want: []string{record},
		},
		"a function in the making is waited for": {
			Again: true, Drift: func(c *cloud) { c.function.State = types.StatePending }, Err: "NotReady",
		},
		"a function that failed is told": {
			Again: true, Drift: func(c *cloud) { c.function.State = types.StateFailed }, Err: "Failed",
		},
		"a function in a state that nobody knows is not asked": {
			Again: true, Drift: func(c *cloud) { c.function.State = "Meditating" }, Err: "NotReady",
		},
		"a function that fell asleep is woken by asking": {
			Again: true, Drift: func(c *cloud) { c.function.State = types.StateInactive }, Err: "NotReady",
		},
		"a function of someone else is a conflict": {
			Again: true, Drift: func(c *cloud) { c.functionTags = map[string]string{"team": "data"} }, Err: "Conflict",
		},
		"a function that shows no tags yet may be ours": {
			Again: true, Drift: func(c *cloud) { c.functionTags = nil }, Err: "NotReady",
		},
		"a function that someone took out of the VPC is a conflict": {
			Again: true, Drift: func(c *cloud) { c.function.VpcConfig = nil }, Err: "Conflict",
		},
		"a function whose tags may not be read is told": {
			Again: true, Drift: func(c *cloud) { c.tagsError = &types.TagsError{} }, Err: "Failed",
		},
		"an AZ that Lambda refuses is left out": {
			Drift: func(c *cloud) { c.without = "subnet-a" },
			In:    func(in *Input) { in.ResolverSubnetIDs = []string{"subnet-a", "subnet-b", "subnet-c"} },
			Want:  slices.Concat(group, []string{create + "subnet-a subnet-b", create + "subnet-a subnet-c", create + "subnet-b subnet-c", put}),
			Err:   "NotReady",
		},
		"one AZ is better than none": {
			Drift: func(c *cloud) { c.without = "subnet-a" },
			Want:  slices.Concat(group, []string{create + "subnet-a subnet-b", create + "subnet-a", create + "subnet-b", put}),
			Err:   "NotReady",
		},
		"where Lambda takes no AZ, the person hears which": {
			Drift: func(c *cloud) { c.without = "subnet" },
			Want:  slices.Concat(group, []string{create + "subnet-a subnet-b", create + "subnet-a", create + "subnet-b"}),
			Err:   "BadInput",
		},
		"a role that is not known everywhere yet is waited for, and no other AZ tried": {
			Drift: func(c *cloud) { c.refuses("The role defined for the function cannot be assumed by Lambda.") },
			Want:  slices.Concat(group, []string{create + "subnet-a subnet-b"}), Err: "NotReady",
		},
		"another exposure's run that makes it, too, is waited for": {
			Drift: func(c *cloud) { c.createError = &types.ResourceConflictException{} },
			Want:  slices.Concat(group, []string{create + "subnet-a subnet-b"}), Err: "NotReady",
		},
		"a refusal by IAM is told": {
			Drift: func(c *cloud) { c.createError = errors.New("not allowed") },
			Want:  slices.Concat(group, []string{create + "subnet-a subnet-b"}), Err: "Failed",
		},
		"no subnet is told": {
			In: func(in *Input) { in.ResolverSubnetIDs = nil }, Want: group, Err: "Failed",
		},
		"new code is taken over": {
			Again: true, Drift: func(c *cloud) { c.key = "code-2.zip" },
			Want: []string{"TagResource code-2.zip@1", "UpdateFunctionCode code-2.zip"}, Err: "NotReady",
		},
		"new code that nobody may bring is done without": {
			Again: true, Drift: func(c *cloud) {
				c.key, c.updateError = "code-2.zip", &smithy.GenericAPIError{Code: "AccessDeniedException"}
			},
			Want: []string{"TagResource code-2.zip@1"},
		},
		"new code that was announced and did not come is sent again": {
			Again: true, Drift: func(c *cloud) { c.key, c.functionTags[resolver.CodeTag] = "code-2.zip", "code-2.zip@1" },
			Want: []string{"UpdateFunctionCode code-2.zip"}, Err: "NotReady",
		},
		"new code that came is not sent again": {
			Again: true, Drift: func(c *cloud) { c.key, c.functionTags[resolver.CodeTag] = "code-2.zip", "code-2.zip@0" },
		},
		"an update of somebody else's goes first": {
			Again: true, Err: "NotReady",
			Drift: func(c *cloud) {
				c.key, c.function.LastUpdateStatus = "code-2.zip", types.LastUpdateStatusInProgress
			},
		},
		"a function that becomes busy before its tag is waited for": {
			Again: true, Drift: func(c *cloud) { c.key, c.busyFor = "code-2.zip", 1 },
			Want: []string{"TagResource code-2.zip@1"}, Err: "NotReady",
		},
		"a function that becomes busy after its tag is waited for": {
			Again: true, Drift: func(c *cloud) { c.key, c.busyFor = "code-2.zip", 2 },
			Want: []string{"TagResource code-2.zip@1", "UpdateFunctionCode code-2.zip"}, Err: "NotReady",
		},
		"a resolver with a log group of its own gets everyone's": {
			Again: true, Drift: func(c *cloud) { c.function.LoggingConfig = nil },
			Want: []string{"UpdateFunctionConfiguration /aws/lambda/rdslink-resolver"}, Err: "NotReady",
		},
		"one that is busy gets it the next time": {
			Again: true, Drift: func(c *cloud) {
				c.function.LoggingConfig, c.updateError = &types.LoggingConfig{LogGroup: aws.String("/aws/lambda/other")}, &types.ResourceConflictException{}
			},
			Want: []string{"UpdateFunctionConfiguration /aws/lambda/rdslink-resolver"}, Err: "NotReady",
		},
		"one that may not get it is told": {
			Again: true, Drift: func(c *cloud) { c.function.LoggingConfig, c.updateError = nil, errors.New("not allowed") },
			Want: []string{"UpdateFunctionConfiguration /aws/lambda/rdslink-resolver"}, Err: "Failed",
		},
		"one that was moved goes back to where it was made": {
			Again: true, Drift: func(c *cloud) { c.function.VpcConfig.SubnetIds = []string{"subnet-x"} },
			Want: []string{"UpdateFunctionConfiguration subnet-a subnet-b sg-1"}, Err: "NotReady",
		},
		"also where the plan would have chosen other subnets": {
			Again: true, Drift: func(c *cloud) { c.function.VpcConfig.SubnetIds = []string{"subnet-x"} },
			In:   func(in *Input) { in.ResolverSubnetIDs = []string{"subnet-c"} },
			Want: []string{"UpdateFunctionConfiguration subnet-a subnet-b sg-1"}, Err: "NotReady",
		},
		"one that is where it was made stays, whatever the plan": {
			Again: true, In: func(in *Input) { in.ResolverSubnetIDs = []string{"subnet-c"} },
		},
		"in subnets of the plan, where those in which it was made are gone": {
			Again: true, Drift: func(c *cloud) { c.function.VpcConfig.SubnetIds, c.gone = []string{"subnet-x"}, "subnet-b" },
			In:   func(in *Input) { in.ResolverSubnetIDs = []string{"subnet-a", "subnet-c"} },
			Want: []string{"UpdateFunctionConfiguration subnet-a subnet-b sg-1", "UpdateFunctionConfiguration subnet-a subnet-c sg-1"}, Err: "NotReady",
		},
		"and it stays there": {
			Again: true, Drift: func(c *cloud) { c.function.VpcConfig.SubnetIds, c.gone = []string{"subnet-a", "subnet-c"}, "subnet-b" },
			In:   func(in *Input) { in.ResolverSubnetIDs = []string{"subnet-a", "subnet-c"} },
			Want: []string{"UpdateFunctionConfiguration subnet-a subnet-b sg-1", "PutResolver vpc-1"},
		},
		"one that nobody has recorded stays": {
			Again: true, Drift: func(c *cloud) { c.resolver, c.function.VpcConfig.SubnetIds = registry.Resolver{}, []string{"subnet-x"} },
			Want: []string{"PutResolver vpc-1"},
		},
		"another group on it is replaced by its own": {
			Again: true, Drift: func(c *cloud) { c.function.VpcConfig.SecurityGroupIds = []string{"sg-x"} },
			Want: []string{"UpdateFunctionConfiguration subnet-a subnet-b sg-1"}, Err: "NotReady",
		},
		"role, memory and timeout are those of its creation, too": {
			Again: true, Drift: func(c *cloud) {
				c.function.Role, c.function.MemorySize, c.function.Timeout = aws.String("other"), aws.Int32(512), aws.Int32(3)
			},
			Want: []string{"UpdateFunctionConfiguration role 128 30"}, Err: "NotReady",
		},
		"its group lets nobody in": {
			Again: true, Drift: func(c *cloud) { c.AddIngress("sg-1", 22, "", nil) }, Want: []string{"RevokeSecurityGroupIngress sg-1 22-22"},
		},
		"an update in progress is waited for": {
			Again: true, Drift: func(c *cloud) { c.function.LastUpdateStatus = types.LastUpdateStatusInProgress }, Err: "NotReady",
		},
		"an update that failed is told": {
			Again: true, Drift: func(c *cloud) { c.function.LastUpdateStatus = types.LastUpdateStatusFailed }, Err: "Failed",
		},
		"a database on a port of its own": {
			Again: true, In: func(in *Input) { in.Port = 6000 },
			Want: []string{"AuthorizeSecurityGroupEgress sg-1 tcp 6000-6000 10.0.0.0/16"},
		},
		"DNS servers outside the VPC are let out to": {
			Again: true, In: func(in *Input) { in.DNSServers = []string{"192.168.7.53", "10.0.3.53"} },
			Want: []string{"AuthorizeSecurityGroupEgress sg-1 udp 53-53 192.168.7.53/32", "AuthorizeSecurityGroupEgress sg-1 tcp 53-53 192.168.7.53/32", "PutResolver vpc-1"},
		},
		"DNS servers that the VPC has no more are not": {
			Again: true, Drift: func(c *cloud) {
				in := input()
				in.DNSServers = []string{"192.168.7.53"}
				if _, err := c.step().run(t.Context(), in); err != nil {
					t.Fatal(err)
				}
				c.Mutations = nil
			},
			Want: []string{"RevokeSecurityGroupEgress sg-1 udp 53-53 192.168.7.53/32", "RevokeSecurityGroupEgress sg-1 tcp 53-53 192.168.7.53/32", "PutResolver vpc-1"},
		},
		"an empty answer is asked for again": {
			Again: true, Drift: func(c *cloud) { c.answer.Lookups = [][]string{{}, {}} }, Err: "NotReady",
		},
		"a public address is refused": {
			Again: true, Drift: func(c *cloud) { c.answer.Lookups = [][]string{{"10.0.1.1"}, {"3.120.0.1"}} }, Err: "Failed",
		},
		"an address of another VPC is refused": {
			Again: true, Drift: func(c *cloud) { c.answer.Lookups = [][]string{{"10.1.0.1"}} }, Err: "Failed",
		},
		"without a function, the name is resolved from outside": {
			In: func(in *Input) { in.Resolver, in.ResolverSubnetIDs = "none", []string{} }, Output: &Output{},
		},
	})
}

func TestSilentServersComeWithAdvice(t *testing.T) {
	c := newCloud()
	c.answer = resolve.Answer{Errors: []string{"i/o timeout"}}
	in := input()
	in.DNSServers = []string{"192.168.7.53"}
	_, _ = c.step().run(t.Context(), in)
	c.connect()
	_, err := c.step().run(t.Context(), in)
	if outcome.Name(err) != "NotReady" || !strings.Contains(err.Error(), "name the DNS servers 192.168.7.53: they must answer for RDS names") {
		t.Errorf("error = %v", err)
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
	steptest.Fake
	securitygrouptest.EC2
	key          string // of the code that the stack came with
	function     *types.FunctionConfiguration
	functionTags map[string]string
	tagsError    *types.TagsError
	gone         string // a subnet that was deleted
	without      string // Lambda has no zone in which a subnet lies whose id begins so
	busyFor      int    // the call of an update that finds the function busy
	createError  error
	updateError  error // of its code or configuration
	answer       resolve.Answer
	resolver     registry.Resolver
}

func newCloud() *cloud {
	c := &cloud{key: "code-1.zip", answer: resolve.Answer{Lookups: [][]string{{"10.0.1.1"}}}}
	c.OnChange = func(mutation string) { c.Mutate("%s", mutation) }
	return c
}

func (c *cloud) step() resolvePrivateIP {
	return resolvePrivateIP{
		groups: c, subnets: c, functions: c, registry: c, outside: outside{},
		role: "role", code: resolver.Code{Bucket: "bucket", Key: c.key, Architecture: types.ArchitectureArm64},
	}
}

// connect is what Lambda does in a while: it connects the function to its VPC.
func (c *cloud) connect() {
	c.function.State, c.function.LastUpdateStatus = types.StateActive, types.LastUpdateStatusSuccessful
}

func (c *cloud) refuses(text string) {
	c.createError = &types.InvalidParameterValueException{Message: &text}
}

// conflict is what the n-th call of an update meets that finds the function busy.
func (c *cloud) conflict() error {
	if c.busyFor--; c.busyFor == 0 {
		return &types.ResourceConflictException{}
	}
	return nil
}

func (c *cloud) DescribeSubnets(_ context.Context, in *ec2.DescribeSubnetsInput, _ ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error) {
	var out ec2.DescribeSubnetsOutput
	for _, id := range in.SubnetIds {
		out.Subnets = append(out.Subnets, ec2types.Subnet{SubnetId: &id, AvailabilityZone: aws.String("zone of " + id), AvailabilityZoneId: aws.String("id of " + id)})
	}
	return &out, nil
}

func (c *cloud) GetFunction(context.Context, *lambda.GetFunctionInput, ...func(*lambda.Options)) (*lambda.GetFunctionOutput, error) {
	if c.function == nil {
		return nil, &types.ResourceNotFoundException{}
	}
	return &lambda.GetFunctionOutput{Configuration: c.function, Tags: c.functionTags, TagsError: c.tagsError}, nil
}

func (c *cloud) CreateFunction(_ context.Context, in *lambda.CreateFunctionInput, _ ...func(*lambda.Options)) (*lambda.CreateFunctionOutput, error) {
	c.Mutate("CreateFunction %s %s %s", *in.FunctionName, *in.Code.S3Key, strings.Join(in.VpcConfig.SubnetIds, " "))
	if c.createError != nil {
		return nil, c.createError
	}
	if c.without != "" && slices.ContainsFunc(in.VpcConfig.SubnetIds, func(id string) bool { return strings.HasPrefix(id, c.without) }) {
		return nil, &types.InvalidParameterValueException{Message: aws.String(
			"The provided subnets contain availability zone Lambda doesn't support. Please use a different set of subnets.")}
	}
	c.functionTags = in.Tags
	c.function = &types.FunctionConfiguration{
		FunctionName: in.FunctionName, FunctionArn: aws.String("arn:aws:lambda:eu-central-1:111122223333:function:" + *in.FunctionName),
		LastModified: aws.String("1"), State: types.StatePending, VpcConfig: &types.VpcConfigResponse{SubnetIds: in.VpcConfig.SubnetIds, SecurityGroupIds: in.VpcConfig.SecurityGroupIds},
		LoggingConfig: in.LoggingConfig, Role: in.Role, MemorySize: in.MemorySize, Timeout: in.Timeout,
	}
	return &lambda.CreateFunctionOutput{FunctionArn: c.function.FunctionArn, State: c.function.State, VpcConfig: c.function.VpcConfig}, nil
}

func (c *cloud) UpdateFunctionConfiguration(_ context.Context, in *lambda.UpdateFunctionConfigurationInput, _ ...func(*lambda.Options)) (*lambda.UpdateFunctionConfigurationOutput, error) {
	c.Mutate("UpdateFunctionConfiguration%s", changed(in))
	if c.updateError != nil {
		return nil, c.updateError
	}
	if in.VpcConfig != nil && slices.ContainsFunc(in.VpcConfig.SubnetIds, func(id string) bool { return id == c.gone }) {
		return nil, &types.InvalidParameterValueException{Message: aws.String(
			"Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The subnet ID '" + c.gone + "' does not exist")}
	}
	f := c.function
	f.LoggingConfig = cmp.Or(in.LoggingConfig, f.LoggingConfig)
	f.Role, f.MemorySize, f.Timeout = cmp.Or(in.Role, f.Role), cmp.Or(in.MemorySize, f.MemorySize), cmp.Or(in.Timeout, f.Timeout)
	if in.VpcConfig != nil {
		f.VpcConfig = &types.VpcConfigResponse{SubnetIds: in.VpcConfig.SubnetIds, SecurityGroupIds: in.VpcConfig.SecurityGroupIds}
	}
	return &lambda.UpdateFunctionConfigurationOutput{}, nil
}

// changed are the fields of an update that are there.
func changed(in *lambda.UpdateFunctionConfigurationInput) string {
	var text string
	if in.LoggingConfig != nil {
		text += " " + *in.LoggingConfig.LogGroup
	}
	if in.Role != nil {
		text += " " + *in.Role
	}
	for _, number := range []*int32{in.MemorySize, in.Timeout} {
		if number != nil {
			text += fmt.Sprintf(" %d", *number)
		}
	}
	if in.VpcConfig != nil {
		text += " " + strings.Join(slices.Concat(in.VpcConfig.SubnetIds, in.VpcConfig.SecurityGroupIds), " ")
	}
	return text
}

func (c *cloud) UpdateFunctionCode(_ context.Context, in *lambda.UpdateFunctionCodeInput, _ ...func(*lambda.Options)) (*lambda.UpdateFunctionCodeOutput, error) {
	if c.updateError != nil {
		return nil, c.updateError
	}
	c.Mutate("UpdateFunctionCode %s", *in.S3Key)
	if err := c.conflict(); err != nil {
		return nil, err
	}
	c.function.LastModified = aws.String("2")
	return &lambda.UpdateFunctionCodeOutput{}, nil
}

func (c *cloud) TagResource(_ context.Context, in *lambda.TagResourceInput, _ ...func(*lambda.Options)) (*lambda.TagResourceOutput, error) {
	c.Mutate("TagResource %s", in.Tags[resolver.CodeTag])
	if err := c.conflict(); err != nil {
		return nil, err
	}
	maps.Copy(c.functionTags, in.Tags)
	return &lambda.TagResourceOutput{}, nil
}

func (c *cloud) Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	if c.function.State == types.StateInactive {
		return nil, &types.ResourceNotReadyException{}
	}
	payload, err := json.Marshal(c.answer)
	return &lambda.InvokeOutput{Payload: payload}, err
}

func (c *cloud) Resolver(_ context.Context, vpcID string) (registry.Resolver, bool, error) {
	return c.resolver, c.resolver.VPCID == vpcID, nil
}

func (c *cloud) PutResolver(_ context.Context, resolver registry.Resolver) error {
	c.Mutate("PutResolver %s", resolver.VPCID)
	c.resolver = resolver
	return nil
}

// outside resolves as the step's own place does.
type outside struct{}

func (outside) Resolve(context.Context, resolve.Request) (resolve.Answer, error) {
	return resolve.Answer{Lookups: [][]string{{"10.0.9.9"}}}, nil
}

// Those of the deployment that changed reach what exists.
func TestEverythingOfAResolverCarriesTheVPCsTags(t *testing.T) {
	c := newCloud()
	in := Input{Resolver: "vpc", VPCID: "vpc-1", VPCCIDRs: []string{"10.0.0.0/16"}, ResolverSubnetIDs: []string{"subnet-a"}, Port: 5432}
	for _, center := range []string{"42", "43"} {
		s := c.step()
		s.owner.Tags = map[string]string{"cost-center": center}
		for range 3 {
			c.Mutations = nil
			if _, err := s.run(t.Context(), in); outcome.Name(err) == "Failed" {
				t.Fatal(err)
			}
			c.connect()
		}
		if len(c.Mutations) > 0 {
			t.Errorf("a further run makes %v", c.Mutations)
		}
		all := map[string]map[string]string{"function": c.functionTags, "group": owned.FromEC2(c.Groups[0].Tags)}
		for _, rule := range c.Rules {
			all[*rule.SecurityGroupRuleId] = owned.FromEC2(rule.Tags)
		}
		for what, tags := range all {
			if tags["cost-center"] != center || tags[owned.ManagedTag] != "true" || tags[owned.VPCTag] != "vpc-1" {
				t.Errorf("%s carries %v", what, tags)
			}
		}
	}
}
