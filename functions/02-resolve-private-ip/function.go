package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/securitygroup"
	"github.com/rdslink/rdslink/internal/upgrade"
)

type functionAPI interface {
	upgrade.API
	GetFunction(context.Context, *lambda.GetFunctionInput, ...func(*lambda.Options)) (*lambda.GetFunctionOutput, error)
	CreateFunction(context.Context, *lambda.CreateFunctionInput, ...func(*lambda.Options)) (*lambda.CreateFunctionOutput, error)
	Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

// databasePorts are what a resolver may come to probe, for this database and those exposed later.
var databasePorts = []int32{1433, 1521, 3306, 5432}

func (s resolvePrivateIP) group(in Input) securitygroup.Group {
	// Groups do not apply to DNS by way of the Amazon resolver; the VPC's DHCP options may name another one.
	egress := slices.Concat(
		securitygroup.EgressTo("udp", 53, in.VPCCIDRs),
		securitygroup.EgressTo("tcp", 53, in.VPCCIDRs),
	)
	ports := append(slices.Clone(databasePorts), in.Port)
	slices.Sort(ports)
	for _, port := range slices.Compact(ports) {
		egress = append(egress, securitygroup.EgressTo("tcp", port, in.VPCCIDRs)...)
	}
	return securitygroup.Group{
		Name:        deployment.Resolver(in.VPCID),
		Description: "rdslink: resolver in " + in.VPCID,
		VPCID:       in.VPCID,
		Tags:        owned.VPCTags(in.VPCID, s.tags),
		Egress:      egress,
	}
}

func (s resolvePrivateIP) function(ctx context.Context, in Input, group string) (types.FunctionConfiguration, error) {
	name := deployment.Resolver(in.VPCID)
	found, err := s.functions.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name})
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		return s.create(ctx, in, group)
	}
	if err != nil {
		return types.FunctionConfiguration{}, fmt.Errorf("get function %s: %w", name, err)
	}
	if found.TagsError != nil {
		return types.FunctionConfiguration{}, outcome.Failed("get tags of function %s: %s: %s",
			name, aws.ToString(found.TagsError.ErrorCode), aws.ToString(found.TagsError.Message))
	}
	ours := found.Tags[owned.ManagedTag] == "true" && found.Tags[owned.VPCTag] == in.VPCID
	if !ours || found.Configuration.VpcConfig == nil {
		return types.FunctionConfiguration{}, outcome.Conflict("function %s does not carry our tags, or is in no VPC: rename or delete it",
			aws.ToString(found.Configuration.FunctionArn))
	}
	return *found.Configuration, s.upgraded(ctx, *found.Configuration, found.Tags[upgrade.Tag])
}

// create puts the function into the first subnets that Lambda takes: it has no network interfaces in some AZs, and says so
// with the code of every other invalid parameter.
func (s resolvePrivateIP) create(ctx context.Context, in Input, group string) (types.FunctionConfiguration, error) {
	name := deployment.Resolver(in.VPCID)
	refused := outcome.Failed("create function %s: there is no subnet for it", name)
	for _, subnets := range choices(in.ResolverSubnetIDs) {
		slog.InfoContext(ctx, "create function", "functionName", name, "subnetIds", subnets)
		made, err := s.functions.CreateFunction(ctx, s.request(in, group, subnets))
		if err == nil {
			slog.InfoContext(ctx, "created function", "functionArn", aws.ToString(made.FunctionArn))
			return types.FunctionConfiguration{
				FunctionArn: made.FunctionArn, State: made.State, StateReason: made.StateReason, VpcConfig: made.VpcConfig,
			}, nil
		}
		if _, exists := errors.AsType[*types.ResourceConflictException](err); exists {
			return types.FunctionConfiguration{}, outcome.NotReady("create function %s: another exposure of the VPC is making it: %w", name, err)
		}
		if _, invalid := errors.AsType[*types.InvalidParameterValueException](err); !invalid {
			return types.FunctionConfiguration{}, fmt.Errorf("create function %s: %w", name, err)
		}
		// A role that IAM has not made known everywhere yet is an invalid parameter, too.
		refused = outcome.NotReady("create function %s in subnets %v: %w", name, subnets, err)
	}
	return types.FunctionConfiguration{}, refused
}

func (s resolvePrivateIP) request(in Input, group string, subnets []string) *lambda.CreateFunctionInput {
	tags := owned.VPCTags(in.VPCID, s.tags)
	tags[upgrade.Tag] = s.code.Key
	return &lambda.CreateFunctionInput{
		FunctionName:  aws.String(deployment.Resolver(in.VPCID)),
		Description:   aws.String("rdslink: resolves and probes databases in " + in.VPCID),
		Runtime:       types.RuntimeProvidedal2023,
		Handler:       aws.String("bootstrap"),
		Architectures: []types.Architecture{s.code.Architecture},
		Code:          &types.FunctionCode{S3Bucket: &s.code.Bucket, S3Key: &s.code.Key},
		Role:          &s.role,
		MemorySize:    aws.Int32(128),
		Timeout:       aws.Int32(30),
		VpcConfig:     &types.VpcConfig{SubnetIds: subnets, SecurityGroupIds: []string{group}},
		Tags:          tags,
	}
}

// choices are the subnets to try, in order: every pair, so that the loss of an AZ is survived, then each alone.
func choices(subnets []string) [][]string {
	var all [][]string
	for i, first := range subnets {
		for _, second := range subnets[i+1:] {
			all = append(all, []string{first, second})
		}
	}
	for _, subnet := range subnets {
		all = append(all, []string{subnet})
	}
	return all
}

// upgraded is an error until the function runs the code of this version.
func (s resolvePrivateIP) upgraded(ctx context.Context, function types.FunctionConfiguration, tagged string) error {
	ready, err := upgrade.Resolver(ctx, s.functions, s.code, function, tagged)
	if err == nil && !ready {
		return outcome.NotReady("function %s takes its new code over", aws.ToString(function.FunctionArn))
	}
	return err
}

// usable tells whether the function can be asked. An inactive one can: asking wakes it.
func usable(function types.FunctionConfiguration) error {
	arn := aws.ToString(function.FunctionArn)
	switch {
	case function.State == types.StateFailed:
		return outcome.Failed("function %s failed: %s; delete it and start again", arn, aws.ToString(function.StateReason))
	case function.State == types.StatePending:
		return outcome.NotReady("function %s is being connected to its VPC", arn)
	case function.LastUpdateStatus == types.LastUpdateStatusFailed:
		return outcome.Failed("update of function %s failed: %s; delete it and start again", arn, aws.ToString(function.LastUpdateStatusReason))
	case function.LastUpdateStatus == types.LastUpdateStatusInProgress:
		return outcome.NotReady("function %s is being updated", arn)
	}
	return nil
}
