package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	cloudwatchlogstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/belongings/belongingstest"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

// world is the account with a resolver in it, and the registry.
type world struct {
	*belongingstest.Cloud
	function  map[string]string // its tags; nil where there is none
	exposures []registry.Exposure
	retired   string // by whom
}

func newWorld() *world {
	return &world{
		Cloud:     &belongingstest.Cloud{Groups: map[string]map[string]string{"sg-resolver": owned.Owner{}.VPCTags(belongingstest.VPC)}},
		function:  owned.Owner{}.VPCTags(belongingstest.VPC),
		exposures: []registry.Exposure{{ID: belongingstest.Exposure, VPCID: belongingstest.VPC}, {ID: "elsewhere", VPCID: "vpc-2"}},
	}
}

func (w *world) GetFunction(context.Context, *lambda.GetFunctionInput, ...func(*lambda.Options)) (*lambda.GetFunctionOutput, error) {
	if w.function == nil {
		return nil, &types.ResourceNotFoundException{}
	}
	return &lambda.GetFunctionOutput{Tags: w.function}, nil
}

func (w *world) DeleteFunction(_ context.Context, in *lambda.DeleteFunctionInput, _ ...func(*lambda.Options)) (*lambda.DeleteFunctionOutput, error) {
	w.Mutate("delete function %s", *in.FunctionName)
	w.function, w.Interfaces = nil, []string{"eni-1"}
	return &lambda.DeleteFunctionOutput{}, nil
}

func (w *world) DeleteLogGroup(context.Context, *cloudwatchlogs.DeleteLogGroupInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DeleteLogGroupOutput, error) {
	return nil, &cloudwatchlogstypes.ResourceNotFoundException{}
}

func (w *world) Survey(context.Context) ([]registry.Exposure, registry.Watch, error) {
	if w.retired == "" {
		return nil, registry.Watch{}, errors.New("looks for others before it has the right to")
	}
	return w.exposures, registry.Watch{}, nil
}

func (w *world) Retire(_ context.Context, _, execution string) (bool, error) {
	if w.retired != "" && w.retired != execution {
		return false, nil
	}
	w.retired = execution
	return true, nil
}

func (w *world) Keep(context.Context, string, string) error {
	w.Mutate("keep")
	return nil
}

func (w *world) ForgetResolver(context.Context, string, string) error {
	w.Mutate("forget resolver")
	return nil
}

func TestRun(t *testing.T) {
	const resolver = "rdslink-resolver-" + belongingstest.VPC
	for name, row := range map[string]struct {
		drift func(*world, *Input)
		want  []string
		err   string
		says  string
		again bool
		left  string // why
	}{
		"the last exposure's resolver goes, and its group when Lambda gives its interfaces up": {
			want: []string{"delete function " + resolver, "forget resolver"}, err: "NotReady", says: "eni-1",
		},
		"and then the group": {
			drift: func(w *world, _ *Input) { w.function = nil }, want: []string{"forget resolver", "delete group sg-resolver"},
		},
		"another exposure keeps it": {
			drift: func(w *world, _ *Input) { w.exposures[1].VPCID = belongingstest.VPC }, want: []string{"keep"}, left: "elsewhere",
		},
		"another that is being removed does not": {
			drift: func(w *world, _ *Input) {
				w.exposures[1].VPCID, w.exposures[1].Removing = belongingstest.VPC, "another removal"
			}, want: []string{"delete function " + resolver, "forget resolver"}, err: "NotReady",
		},
		"one that cannot be read may": {
			drift: func(w *world, _ *Input) { w.exposures[1].Unreadable = errors.New("what is this") }, want: []string{"keep"}, left: "elsewhere",
		},
		"two removals at once": {drift: func(w *world, _ *Input) { w.retired = "another" }, err: "NotReady", says: "another removal"},
		"what is not ours stays": {
			drift: func(w *world, _ *Input) { w.function = map[string]string{} }, want: []string{"keep"}, left: "our tags",
		},
		"a VPC that nobody knows": {drift: func(_ *world, in *Input) { in.VPCID = "" }},
		"what a step has made that was at work is removed first": {
			drift: func(w *world, _ *Input) {
				w.Groups["sg-late"] = owned.Owner{}.ExposureTags(belongingstest.Exposure, "")
			}, again: true,
		},
		"what is known to stay is not": {
			drift: func(w *world, in *Input) {
				w.function = nil
				w.Groups["sg-named"] = owned.Owner{}.ExposureTags(belongingstest.Exposure, "")
				in.Found = []belongings.Thing{{Kind: belongings.SecurityGroup, ID: "sg-named"}}
			}, want: []string{"forget resolver", "delete group sg-resolver"},
		},
		"a schedule that was made again has the same name": {
			drift: func(w *world, in *Input) {
				w.Schedule, in.Found = true, []belongings.Thing{{Kind: belongings.Schedule, ID: belongingstest.Exposure}}
			}, again: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, in := newWorld(), Input{Execution: "this", Exposure: belongingstest.Exposure, VPCID: belongingstest.VPC}
			if row.drift != nil {
				row.drift(w, &in)
			}
			out, err := retireTheResolver{w.Found(), w, w, w, w}.run(t.Context(), in)
			if outcome.Name(err) != row.err || err != nil && !strings.Contains(err.Error(), row.says) {
				t.Fatalf("%v, want %s with %q", err, row.err, row.says)
			}
			if !slices.Equal(w.Mutations, row.want) {
				t.Errorf("mutations %v, want %v", w.Mutations, row.want)
			}
			if out.Again != row.again || (len(out.Left) > 0) != (row.left != "") || row.left != "" && !strings.Contains(out.Left[0].Why, row.left) {
				t.Errorf("output %+v", out)
			}
		})
	}
}
