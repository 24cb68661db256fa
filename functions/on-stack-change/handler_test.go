package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolver"
)

// fake is a registry, and Lambda with the resolvers of its VPCs. A VPC named absent has lost its function.
type fake struct {
	exposures   []registry.Exposure
	vpcs        []string
	codes       map[string]string // function → the code that its tag names
	updates     map[string]int    // VPC → how often its function got code
	stranger    string            // a function that carries nobody's tags
	busy        string
	updateError error
	unreadable  error // of the registry
	unreachable error // of the topic
	slow        time.Duration
	mutations   []string
	told        []string
}

func (f *fake) All(context.Context) ([]registry.Exposure, error) { return f.exposures, f.unreadable }

func (f *fake) Resolvers(context.Context) ([]registry.Resolver, error) {
	var all []registry.Resolver
	for _, vpc := range f.vpcs {
		all = append(all, registry.Resolver{VPCID: vpc, FunctionName: "rdslink-resolver-" + vpc})
	}
	return all, f.unreadable
}

func (f *fake) Publish(_ context.Context, in *sns.PublishInput, _ ...func(*sns.Options)) (*sns.PublishOutput, error) {
	if *in.TopicArn != "arn:operators" || *in.Subject == "" || len(*in.Subject) > 100 {
		return nil, fmt.Errorf("published to %s with the subject %q", *in.TopicArn, *in.Subject)
	}
	f.told = append(f.told, *in.Message)
	return &sns.PublishOutput{}, f.unreachable
}

func (f *fake) GetFunction(_ context.Context, in *lambda.GetFunctionInput, _ ...func(*lambda.Options)) (*lambda.GetFunctionOutput, error) {
	vpc := strings.TrimPrefix(*in.FunctionName, "rdslink-resolver-")
	if vpc == "absent" {
		return nil, &types.ResourceNotFoundException{}
	}
	tags := map[string]string{owned.ManagedTag: "true", owned.VPCTag: vpc, resolver.CodeTag: f.codes[vpc]}
	if vpc == f.stranger {
		tags = map[string]string{"team": "data"}
	}
	return &lambda.GetFunctionOutput{
		Configuration: &types.FunctionConfiguration{FunctionName: in.FunctionName, FunctionArn: aws.String("arn:function:" + *in.FunctionName), VpcConfig: &types.VpcConfigResponse{},
			LastModified: aws.String(strconv.Itoa(f.updates[vpc]))},
		Tags: tags,
	}, nil
}

func (f *fake) UpdateFunctionCode(ctx context.Context, in *lambda.UpdateFunctionCodeInput, _ ...func(*lambda.Options)) (*lambda.UpdateFunctionCodeOutput, error) {
	if strings.HasSuffix(*in.FunctionName, "-"+f.busy) {
		return nil, &types.ResourceConflictException{}
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(f.slow):
	}
	if f.updates == nil {
		f.updates = map[string]int{}
	}
	if f.updateError == nil {
		f.updates[strings.TrimPrefix(*in.FunctionName, "rdslink-resolver-")]++
	}
	f.mutations = append(f.mutations, fmt.Sprintf("update %s to %s/%s", *in.FunctionName, *in.S3Bucket, *in.S3Key))
	return &lambda.UpdateFunctionCodeOutput{}, f.updateError
}

func (f *fake) TagResource(_ context.Context, in *lambda.TagResourceInput, _ ...func(*lambda.Options)) (*lambda.TagResourceOutput, error) {
	vpc := strings.TrimPrefix(*in.Resource, "arn:function:rdslink-resolver-")
	f.codes[vpc] = in.Tags[resolver.CodeTag]
	f.mutations = append(f.mutations, "tag "+vpc)
	return &lambda.TagResourceOutput{}, nil
}

func (f *fake) handle(ctx context.Context, request cfn.RequestType) (string, error) {
	s := onStackChange{registry: f, functions: f, topic: f, operators: "arn:operators",
		code: resolver.Code{Bucket: "bucket", Key: "new.zip", Architecture: types.ArchitectureArm64}}
	id, _, err := s.handle(ctx, cfn.Event{RequestType: request, PhysicalResourceID: physicalID})
	return id, err
}

// A deployment never fails for a resolver. Every row runs twice: the second run changes nothing more.
func TestTheResolversAreUpgraded(t *testing.T) {
	upgraded := []string{"tag a", "update rdslink-resolver-a to bucket/new.zip"}
	many := make([]string, 80)
	for i := range many {
		many[i] = fmt.Sprintf("vpc-%02d", i)
	}
	for name, row := range map[string]struct {
		fake fake
		want []string
		told []string // in the message to the operators, of each run; none, where there is nothing to tell
	}{
		"none are there":                             {},
		"an old one gets the code":                   {fake: fake{vpcs: []string{"a"}}, want: upgraded},
		"a new one has it":                           {fake: fake{vpcs: []string{"a"}, codes: map[string]string{"a": "new.zip"}}},
		"one that is gone is left to step 2":         {fake: fake{vpcs: []string{"absent", "a"}}, want: upgraded},
		"one that is busy does not hold up the rest": {fake: fake{vpcs: []string{"b", "a"}, busy: "b"}, want: slices.Concat([]string{"tag b"}, upgraded)},
		"one of someone else is told, and the rest upgraded": {
			fake: fake{vpcs: []string{"b", "a"}, stranger: "b"}, want: upgraded,
			told: []string{"rdslink-resolver-b, of b: ", "does not carry our tags", "start an exposure of that VPC again"},
		},
		"a refused upgrade is told": {
			fake: fake{vpcs: []string{"a"}, codes: map[string]string{"a": "old.zip"}, updateError: errors.New("not allowed")},
			want: slices.Concat(upgraded, upgraded[1:]), told: []string{"rdslink-resolver-a, of a: ", "not allowed"},
		},
		"a registry that cannot be read is told": {fake: fake{unreadable: errors.New("the key is disabled")}, told: []string{"all of them: the key is disabled"}},
		"a topic that cannot be reached is no reason to fail either": {
			fake: fake{vpcs: []string{"b", "a"}, stranger: "b", unreachable: errors.New("no topic")}, want: upgraded, told: []string{"rdslink-resolver-b"},
		},
		"a great many are told in one message": {
			fake: fake{vpcs: many, updateError: errors.New("not allowed")}, want: everyOne(many), told: []string{"vpc-49", "and 30 more"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := row.fake
			if f.codes == nil {
				f.codes = map[string]string{}
			}
			for _, request := range []cfn.RequestType{cfn.RequestCreate, cfn.RequestUpdate} {
				f.told = nil
				if id, err := f.handle(t.Context(), request); id != physicalID || err != nil {
					t.Fatalf("%s: id %q, error %v", request, id, err)
				}
				if len(f.told) != min(1, len(row.told)) {
					t.Fatalf("%s: told %q", request, f.told)
				}
				for _, part := range row.told {
					if !strings.Contains(f.told[0], part) {
						t.Errorf("%q is missing in\n%s", part, f.told[0])
					}
				}
			}
			if !slices.Equal(f.mutations, row.want) {
				t.Errorf("did %q, want %q", f.mutations, row.want)
			}
		})
	}
}

// everyOne is what happens where each VPC's resolver is tried, and then once more.
func everyOne(vpcs []string) (all []string) {
	for _, vpc := range vpcs {
		all = append(all, "tag "+vpc, "update rdslink-resolver-"+vpc+" to bucket/new.zip")
	}
	for _, vpc := range vpcs {
		all = append(all, "update rdslink-resolver-"+vpc+" to bucket/new.zip")
	}
	return all
}

// Without an answer CloudFormation would wait, and fail the deployment: it gets one before the function's time is over.
func TestADeploymentIsAnsweredInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
		defer stop()
		f := fake{codes: map[string]string{}, slow: time.Minute}
		for i := range 9 {
			f.vpcs = append(f.vpcs, fmt.Sprintf("vpc-%d", i))
		}
		if _, err := f.handle(ctx, cfn.RequestUpdate); err != nil || ctx.Err() != nil {
			t.Fatal(err, ctx.Err())
		}
		if len(f.told) != 1 || !strings.Contains(f.told[0], "vpc-8: the deployment had no time left for it") || strings.Contains(f.told[0], "vpc-0") {
			t.Errorf("told %q", f.told)
		}
	})
}

func TestAStackThatExposuresNeedIsNotDeleted(t *testing.T) {
	for name, row := range map[string]struct {
		exposures int
		want      []string // in the refusal; none for consent
	}{
		"no exposure":   {},
		"two exposures": {2, []string{"exposure-00", "exposure-01", "2 exposure(s)"}},
		"a great many":  {1000, []string{"exposure-49", "and 950 more"}},
	} {
		t.Run(name, func(t *testing.T) {
			var f fake
			for i := range row.exposures {
				f.exposures = append(f.exposures, registry.Exposure{ID: fmt.Sprintf("a-name-of-32-characters-exposure-%02d", i)[1:]})
			}
			id, err := f.handle(t.Context(), cfn.RequestDelete)
			if id != physicalID || (err != nil) != (row.want != nil) {
				t.Fatalf("id %q, error %v", id, err)
			}
			for _, want := range row.want {
				if !strings.Contains(err.Error(), want) || len(err.Error()) > 3500 {
					t.Errorf("%q is missing, or %d characters are too many, in\n%v", want, len(err.Error()), err)
				}
			}
		})
	}
}

// Nobody knows then whether there are exposures.
func TestAStackWhoseRegistryCannotBeReadIsNotDeleted(t *testing.T) {
	f := fake{unreadable: errors.New("the key is disabled")}
	if _, err := f.handle(t.Context(), cfn.RequestDelete); !errors.Is(err, f.unreadable) {
		t.Errorf("error %v", err)
	}
}
