package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	cloudwatchlogstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/securitygroup"
)

// Input is the exposure, and where it lies. No step of its set-up is at work any more.
type Input struct {
	Execution    string             `json:"execution"`
	Exposure     string             `json:"exposure"`
	VPCID        string             `json:"vpcId"`        // empty where nobody knows it
	WorkingUntil string             `json:"workingUntil"` // handed on: the way back leads past the wait again
	Found        []belongings.Thing `json:"found"`
	Members      []string           `json:"members"` // handed on: of a link, the exposures on it
	Link         string             `json:"link"`    // handed on
}

// Output takes the place of what the step was given. Again says that something was found since, which is to be removed
// first.
type Output struct {
	Exposure     string             `json:"exposure"`
	VPCID        string             `json:"vpcId"`
	WorkingUntil string             `json:"workingUntil"`
	Found        []belongings.Thing `json:"found"` // all of it, from the beginning
	Again        bool               `json:"again"`
	Left         []belongings.Left  `json:"left"` // what others need
	Members      []string           `json:"members"`
	Link         string             `json:"link"`
}

type functionAPI interface {
	GetFunction(context.Context, *lambda.GetFunctionInput, ...func(*lambda.Options)) (*lambda.GetFunctionOutput, error)
	DeleteFunction(context.Context, *lambda.DeleteFunctionInput, ...func(*lambda.Options)) (*lambda.DeleteFunctionOutput, error)
}

type logAPI interface {
	DeleteLogGroup(context.Context, *cloudwatchlogs.DeleteLogGroupInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DeleteLogGroupOutput, error)
}

type registryAPI interface {
	Survey(ctx context.Context) ([]registry.Exposure, registry.Watch, error)
	Retire(ctx context.Context, vpcID, execution string) (ok bool, err error)
	Keep(ctx context.Context, vpcID, execution string) error
	ForgetResolver(ctx context.Context, vpcID, execution string) error
}

type retireTheResolver struct {
	found     belongings.Cloud
	groups    securitygroup.DeleteAPI
	functions functionAPI
	logs      logAPI
	registry  registryAPI
}

// run looks again before it ends: stopping an execution stops no function, and what a step makes after the stop has not been
// there for the steps before this one.
func (s retireTheResolver) run(ctx context.Context, in Input) (Output, error) {
	out := Output{Exposure: in.Exposure, VPCID: in.VPCID, WorkingUntil: in.WorkingUntil, Found: in.Found, Left: []belongings.Left{},
		Members: slices.Concat([]string{}, in.Members), Link: in.Link}
	since, err := s.found.Each(ctx, belongings.With(in.Exposure, in.Members))
	if err != nil {
		return out, err
	}
	for _, t := range since.Things {
		known := slices.Contains(in.Found, t)
		if known && t.Kind != belongings.Schedule { // which has the same id again
			continue
		}
		slog.InfoContext(ctx, "found since", "kind", t.Kind, "id", t.ID)
		if out.Again = true; !known {
			out.Found = append(out.Found, t)
		}
	}
	if out.Again || in.VPCID == "" {
		return out, nil
	}
	return s.retire(ctx, in, out)
}

// retire takes the resolver away unless an exposure of the VPC needs it. A set-up of another one that begins now finds it
// either kept or gone: it announces its VPC before it looks at the record, and here the record is marked before the look.
func (s retireTheResolver) retire(ctx context.Context, in Input, out Output) (Output, error) {
	name := s.found.Owner.Name.Resolver(in.VPCID)
	ok, err := s.registry.Retire(ctx, in.VPCID, in.Execution)
	if err != nil {
		return out, err
	}
	if !ok {
		return out, outcome.NotReady("another removal looks after resolver %s", name)
	}
	others, err := s.others(ctx, in)
	if err != nil {
		return out, err
	}
	if len(others) > 0 {
		out.Left = append(out.Left, belongings.Left{
			Thing: belongings.Thing{Kind: belongings.Resolver, ID: name}, Why: "the VPC has other exposures: " + strings.Join(others, ", "),
		})
		return out, s.registry.Keep(ctx, in.VPCID, in.Execution)
	}
	deleted, err := s.deleteFunction(ctx, in, name, &out)
	if err != nil || !deleted {
		return out, err
	}
	if err := s.registry.ForgetResolver(ctx, in.VPCID, in.Execution); err != nil {
		return out, err
	}
	return s.deleteGroups(ctx, in, out)
}

// others are the VPC's exposures that nobody removes, and those that cannot be read: theirs may be any VPC.
func (s retireTheResolver) others(ctx context.Context, in Input) (ids []string, err error) {
	all, _, err := s.registry.Survey(ctx)
	for _, e := range all {
		if e.ID != in.Exposure && !slices.Contains(in.Members, e.ID) && (e.Unreadable != nil || e.VPCID == in.VPCID && e.Removing == "") {
			ids = append(ids, e.ID)
		}
	}
	return ids, err
}

// deleteFunction deletes the resolver, and the log that one of an earlier version has. One that has the name and not our
// tags stays.
func (s retireTheResolver) deleteFunction(ctx context.Context, in Input, name string, out *Output) (gone bool, err error) {
	found, err := s.functions.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name})
	_, missing := errors.AsType[*types.ResourceNotFoundException](err)
	switch {
	case missing:
	case err != nil:
		return false, fmt.Errorf("get function %s: %w", name, err)
	case !s.found.Owner.Manages(found.Tags) || found.Tags[owned.VPCTag] != in.VPCID:
		out.Left = append(out.Left,
			belongings.Left{Thing: belongings.Thing{Kind: belongings.Resolver, ID: name}, Why: "it does not carry our tags"})
		return false, s.registry.Keep(ctx, in.VPCID, in.Execution)
	default:
		slog.InfoContext(ctx, "delete function", "functionName", name)
		_, err := s.functions.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &name})
		if _, missing = errors.AsType[*types.ResourceNotFoundException](err); err != nil && !missing {
			return false, fmt.Errorf("delete function %s: %w", name, err)
		}
	}
	log := deployment.Log(name)
	_, err = s.logs.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &log})
	if _, missing := errors.AsType[*cloudwatchlogstypes.ResourceNotFoundException](err); err != nil && !missing {
		return false, fmt.Errorf("delete log group %s: %w", log, err)
	}
	return true, nil
}

// deleteGroups waits for Lambda's network interfaces: 20 to 45 minutes. Who needs a resolver meanwhile makes another in the
// same group, which then stays.
func (s retireTheResolver) deleteGroups(ctx context.Context, in Input, out Output) (Output, error) {
	groups, err := s.found.ResolverGroups(ctx, in.VPCID)
	if err != nil {
		return out, err
	}
	left, err := belongings.DeleteGroups(ctx, s.groups, groups)
	out.Left = append(out.Left, left...)
	return out, err
}
