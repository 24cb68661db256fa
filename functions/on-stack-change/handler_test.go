package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

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
	mutations   []string
}

func (f *fake) All(context.Context) ([]registry.Exposure, error) { return f.exposures, nil }

func (f *fake) Resolvers(context.Context) ([]registry.Resolver, error) {
	var all []registry.Resolver
	for _, vpc := range f.vpcs {
		all = append(all, registry.Resolver{VPCID: vpc, FunctionName: "rdslink-resolver-" + vpc})
	}
	return all, nil
}

func (f *fake) GetFunction(_ context.Context, in *lambda.GetFunctionInput, _ ...func(*lambda.Options)) (*lambda.GetFunctionOutput, error) {
	vpc := strings.TrimPrefix(*in.FunctionName, "rdslink-resolver-")
	if vpc == "absent" {
		return nil, &types.ResourceNotFoundException{}
	}
	tags := map[string]string{owned.ManagedTag: "true", owned.VPCTag: vpc, resolver.CodeTag: f.codes[vpc]}
	if vpc == f.stranger {
		tags = nil
	}
	return &lambda.GetFunctionOutput{
		Configuration: &types.FunctionConfiguration{FunctionName: in.FunctionName, FunctionArn: aws.String("arn:function:" + *in.FunctionName), VpcConfig: &types.VpcConfigResponse{},
			LastModified: aws.String(strconv.Itoa(f.updates[vpc]))},
		Tags: tags,
	}, nil
}

func (f *fake) UpdateFunctionCode(_ context.Context, in *lambda.UpdateFunctionCodeInput, _ ...func(*lambda.Options)) (*lambda.UpdateFunctionCodeOutput, error) {
	if strings.HasSuffix(*in.FunctionName, "-"+f.busy) {
		return nil, &types.ResourceConflictException{}
	}
	if f.updates == nil {
		f.updates = map[string]int{}
	}
	f.updates[strings.TrimPrefix(*in.FunctionName, "rdslink-resolver-")]++
	f.mutations = append(f.mutations, fmt.Sprintf("update %s to %s/%s", *in.FunctionName, *in.S3Bucket, *in.S3Key))
	return &lambda.UpdateFunctionCodeOutput{}, f.updateError
}

func (f *fake) TagResource(_ context.Context, in *lambda.TagResourceInput, _ ...func(*lambda.Options)) (*lambda.TagResourceOutput, error) {
	vpc := strings.TrimPrefix(*in.Resource, "arn:function:rdslink-resolver-")
	f.codes[vpc] = in.Tags[resolver.CodeTag]
	f.mutations = append(f.mutations, "tag "+vpc)
	return &lambda.TagResourceOutput{}, nil
}

func (f *fake) handle(t *testing.T, request cfn.RequestType) (string, error) {
	t.Helper()
	s := onStackChange{registry: f, functions: f, code: resolver.Code{Bucket: "bucket", Key: "new.zip", Architecture: types.ArchitectureArm64}}
	id, _, err := s.handle(t.Context(), cfn.Event{RequestType: request, PhysicalResourceID: physicalID})
	return id, err
}

// Every row runs twice: the second run makes no mutating call.
func TestTheResolversAreUpgraded(t *testing.T) {
	upgraded := []string{"tag a", "update rdslink-resolver-a to bucket/new.zip"}
	for name, row := range map[string]struct {
		fake fake
		want []string
		err  string
	}{
		"none are there":                             {},
		"an old one gets the code":                   {fake: fake{vpcs: []string{"a"}}, want: upgraded},
		"a new one has it":                           {fake: fake{vpcs: []string{"a"}, codes: map[string]string{"a": "new.zip"}}},
		"one that is gone is left to step 2":         {fake: fake{vpcs: []string{"absent", "a"}}, want: upgraded},
		"one that is busy does not hold up the rest": {fake: fake{vpcs: []string{"b", "a"}, busy: "b"}, want: slices.Concat([]string{"tag b"}, upgraded)},
		"one of someone else is told, after the rest": {
			fake: fake{vpcs: []string{"b", "a"}, stranger: "b"}, want: upgraded, err: "rdslink-resolver-b does not carry our tags",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := row.fake
			if f.codes == nil {
				f.codes = map[string]string{}
			}
			for _, request := range []cfn.RequestType{cfn.RequestCreate, cfn.RequestUpdate} {
				id, err := f.handle(t, request)
				if id != physicalID || (err != nil) != (row.err != "") || err != nil && !strings.Contains(err.Error(), row.err) {
					t.Fatalf("%s: id %q, error %v", request, id, err)
				}
			}
			if !slices.Equal(f.mutations, row.want) {
				t.Errorf("did %q, want %q", f.mutations, row.want)
			}
		})
	}
}

func TestARefusedUpgradeFailsTheUpdate(t *testing.T) {
	f := fake{vpcs: []string{"a"}, codes: map[string]string{}, updateError: errors.New("not allowed")}
	if _, err := f.handle(t, cfn.RequestUpdate); !errors.Is(err, f.updateError) {
		t.Errorf("error %v", err)
	}
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
			id, err := f.handle(t, cfn.RequestDelete)
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
