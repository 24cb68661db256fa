// Package resolver keeps the functions that resolve names inside VPCs: one for each VPC, shared by its exposures. What such
// a function does is internal/resolve.
package resolver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/resolve"
	"github.com/rdslink/rdslink/internal/securitygroup"
)

// API is what Lambda has to answer where resolvers are upgraded.
type API interface {
	GetFunction(context.Context, *lambda.GetFunctionInput, ...func(*lambda.Options)) (*lambda.GetFunctionOutput, error)
	UpdateFunctionCode(context.Context, *lambda.UpdateFunctionCodeInput, ...func(*lambda.Options)) (*lambda.UpdateFunctionCodeOutput, error)
	TagResource(context.Context, *lambda.TagResourceInput, ...func(*lambda.Options)) (*lambda.TagResourceOutput, error)
}

// CreateAPI is what Lambda has to answer where resolvers are made.
type CreateAPI interface {
	API
	CreateFunction(context.Context, *lambda.CreateFunctionInput, ...func(*lambda.Options)) (*lambda.CreateFunctionOutput, error)
	UpdateFunctionConfiguration(context.Context, *lambda.UpdateFunctionConfigurationInput, ...func(*lambda.Options)) (*lambda.UpdateFunctionConfigurationOutput, error)
}

// Resolver is a VPC's resolver as it should be.
type Resolver struct {
	VPCID     string
	SubnetIDs []string // that it may lie in, the best first
	Home      []string // the subnets in which it was made, where they are known
	Role      string
	Code      Code
	Owner     owned.Owner
}

func (r Resolver) name() string { return r.Owner.Name.Resolver(r.VPCID) }

// What a resolver gets of Lambda.
const (
	Memory  = 128 // MB
	Timeout = 30  // seconds
)

// databasePorts are what a resolver may come to probe, for this database and those exposed later.
var databasePorts = []int32{1433, 1521, 3306, 5432}

// Group is the security group of the resolver: out to DNS, and to databases and load balancers on the ports of one exposure
// and on the usual ones. Groups do not apply to Amazon's DNS. dnsServers are those that the VPC's DHCP options name instead.
func (r Resolver) Group(cidrs, dnsServers []string, exposed ...int32) securitygroup.Group {
	asked := slices.Clone(cidrs)
	for _, server := range dnsServers {
		if !resolve.Within(server, cidrs) {
			asked = append(asked, server+"/32")
		}
	}
	egress := slices.Concat(securitygroup.EgressTo("udp", dnsPort, asked), securitygroup.EgressTo("tcp", dnsPort, asked))
	ports := slices.DeleteFunc(slices.Concat(databasePorts, exposed), func(port int32) bool { return port == 0 }) // not known
	slices.Sort(ports)
	for _, port := range slices.Compact(ports) {
		egress = append(egress, securitygroup.EgressTo("tcp", port, cidrs)...)
	}
	return securitygroup.Group{
		Name:        r.name(),
		Description: "rdslink: resolver in " + r.VPCID,
		VPCID:       r.VPCID,
		Tags:        r.Owner.VPCTags(r.VPCID),
		Egress:      egress,
		Whole:       dnsPort,
	}
}

const dnsPort = 53

// Find is an owner's resolver of a VPC; nil, where there is none.
func Find(ctx context.Context, api API, owner owned.Owner, vpcID string) (*lambda.GetFunctionOutput, error) {
	name := owner.Name.Resolver(vpcID)
	found, err := api.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name})
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get function %s: %w", name, err)
	}
	if found.TagsError != nil {
		return nil, outcome.Failed("get tags of function %s, which say whose it is: %s: %s; allow lambda:ListTags, then redrive",
			name, aws.ToString(found.TagsError.ErrorCode), aws.ToString(found.TagsError.Message))
	}
	arn := aws.ToString(found.Configuration.FunctionArn)
	if !owner.Manages(found.Tags) || found.Tags[owned.VPCTag] != vpcID {
		return nil, owned.Stranger("function "+arn, found.Tags)
	}
	if found.Configuration.VpcConfig == nil {
		return nil, outcome.Conflict("function %s is in no VPC: rename or delete it", arn)
	}
	return found, nil
}

// Ensure finds or creates the resolver, with a security group. It is an error until the function runs
// the code of this version.
func Ensure(ctx context.Context, api CreateAPI, subnets SubnetsAPI, want Resolver, group string) (types.FunctionConfiguration, error) {
	found, err := Find(ctx, api, want.Owner, want.VPCID)
	if err != nil {
		return types.FunctionConfiguration{}, err
	}
	if found == nil {
		return create(ctx, api, subnets, want, group)
	}
	ready, err := Upgrade(ctx, api, want.Code, found)
	if outcome.DoWithout(ctx, err, "this version's code in the VPC's resolver, which keeps the last one's") {
		return *found.Configuration, nil
	}
	if err == nil && !ready {
		err = outcome.NotReady("function %s takes its new code over", aws.ToString(found.Configuration.FunctionArn))
	}
	if err == nil {
		err = correct(ctx, api, want, group, found)
	}
	return *found.Configuration, err
}

// logging is where a resolver logs to. A group of its own Lambda would make by itself: it would keep everything for ever,
// and be left behind.
func (r Resolver) logging() *types.LoggingConfig {
	return &types.LoggingConfig{LogGroup: aws.String(r.Owner.Name.ResolverLog())}
}

// correct puts right what somebody has changed of the function: whatever the request of its creation says. Where it lies is
// not the plan's to say alone, for it is shared: it stays where it was made.
func correct(ctx context.Context, api CreateAPI, want Resolver, group string, found *lambda.GetFunctionOutput) error {
	function := *found.Configuration
	if function.State == types.StatePending || function.State == types.StateFailed {
		return nil // Usable says what becomes of it
	}
	arn := aws.ToString(function.FunctionArn)
	if tags := want.Owner.VPCTags(want.VPCID); !owned.Carries(found.Tags, tags) {
		slog.InfoContext(ctx, "tag function", "functionArn", arn, "tags", tags)
		if _, err := api.TagResource(ctx, &lambda.TagResourceInput{Resource: &arn, Tags: tags}); err != nil {
			return busyOr(arn, fmt.Errorf("tag function %s: %w", arn, err))
		}
	}
	var refused error
	for _, home := range want.homes(function.VpcConfig.SubnetIds) {
		change := want.change(function, group, home)
		if change == nil {
			return nil
		}
		slog.InfoContext(ctx, "update function configuration", "functionArn", arn, "role", aws.ToString(change.Role), "vpc", change.VpcConfig,
			"memorySize", change.MemorySize, "timeout", change.Timeout, "logging", change.LoggingConfig)
		_, err := api.UpdateFunctionConfiguration(ctx, change)
		if err == nil {
			return outcome.NotReady("function %s takes its configuration over", arn)
		}
		refused = busyOr(arn, fmt.Errorf("update configuration of function %s: %w", arn, err))
		if text := refusal(err); !strings.Contains(text, zoneRefused) && !strings.Contains(text, subnetGone) {
			break
		}
	}
	return refused
}

// homes are the subnets for a function that lies in current ones, the best first: those in which it was made, or, if nobody
// knows, those that it has. Subnets may be gone, then it is the plan's turn.
func (r Resolver) homes(current []string) [][]string {
	if len(r.Home) > 0 {
		current = r.Home
	}
	return slices.Insert(choices(r.SubnetIDs), 0, current)
}

// change is what differs from the request of the function's creation; nil, where nothing does.
func (r Resolver) change(function types.FunctionConfiguration, group string, home []string) *lambda.UpdateFunctionConfigurationInput {
	want := r.request(group, home)
	change, differs := &lambda.UpdateFunctionConfigurationInput{FunctionName: function.FunctionName}, false
	if aws.ToString(function.Role) != *want.Role {
		change.Role, differs = want.Role, true
	}
	if aws.ToInt32(function.MemorySize) != *want.MemorySize {
		change.MemorySize, differs = want.MemorySize, true
	}
	if aws.ToInt32(function.Timeout) != *want.Timeout {
		change.Timeout, differs = want.Timeout, true
	}
	if function.LoggingConfig == nil || aws.ToString(function.LoggingConfig.LogGroup) != *want.LoggingConfig.LogGroup {
		change.LoggingConfig, differs = want.LoggingConfig, true
	}
	if !same(function.VpcConfig.SubnetIds, home) || !same(function.VpcConfig.SecurityGroupIds, want.VpcConfig.SecurityGroupIds) {
		change.VpcConfig, differs = want.VpcConfig, true
	}
	if !differs {
		return nil
	}
	return change
}

// same compares lists whose order means nothing.
func same(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// busyOr is err, unless it says that the function is being updated: then it is looked at again.
func busyOr(arn string, err error) error {
	if _, busy := errors.AsType[*types.ResourceConflictException](err); busy {
		return outcome.NotReady("function %s is being updated: %w", arn, err)
	}
	return err
}

// create puts the function into the first subnets whose zones Lambda takes: it has no network interfaces in some.
func create(ctx context.Context, api CreateAPI, subnets SubnetsAPI, want Resolver, group string) (types.FunctionConfiguration, error) {
	name := want.name()
	var refused error
	for _, subnetIDs := range choices(want.SubnetIDs) {
		slog.InfoContext(ctx, "create function", "functionName", name, "subnetIds", subnetIDs)
		made, err := api.CreateFunction(ctx, want.request(group, subnetIDs))
		switch {
		case err == nil:
			slog.InfoContext(ctx, "created function", "functionArn", aws.ToString(made.FunctionArn))
			return types.FunctionConfiguration{
				FunctionArn: made.FunctionArn, State: made.State, StateReason: made.StateReason, VpcConfig: made.VpcConfig,
			}, nil
		case !strings.Contains(refusal(err), zoneRefused):
			return types.FunctionConfiguration{}, judged(name, err)
		}
		slog.WarnContext(ctx, "Lambda refuses a zone", "subnetIds", subnetIDs, "reason", err.Error())
		refused = err
	}
	if refused == nil {
		return types.FunctionConfiguration{}, outcome.Failed("create function %s: there is no subnet for it: "+
			"report it as a fault of rdslink", name)
	}
	return types.FunctionConfiguration{}, noZone(ctx, subnets, name, want.SubnetIDs, refused)
}

func (r Resolver) request(group string, subnets []string) *lambda.CreateFunctionInput {
	tags := r.Owner.VPCTags(r.VPCID)
	tags[CodeTag] = r.Code.Key
	return &lambda.CreateFunctionInput{
		FunctionName:  aws.String(r.name()),
		Description:   aws.String("rdslink: resolves and probes databases in " + r.VPCID),
		Runtime:       types.RuntimeProvidedal2023,
		Handler:       aws.String("bootstrap"),
		Architectures: []types.Architecture{r.Code.Architecture},
		Code:          &types.FunctionCode{S3Bucket: &r.Code.Bucket, S3Key: &r.Code.Key},
		Role:          &r.Role,
		MemorySize:    aws.Int32(Memory),
		Timeout:       aws.Int32(Timeout),
		VpcConfig:     &types.VpcConfig{SubnetIds: subnets, SecurityGroupIds: []string{group}},
		LoggingConfig: r.logging(),
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

// Usable tells whether the function can be asked. An inactive one can: asking wakes it. Every state of the Lambda guide's
// "Lambda function states" has its word here, and so have those of functions on managed instances, which a resolver is not.
func Usable(ctx context.Context, function types.FunctionConfiguration) error {
	arn := aws.ToString(function.FunctionArn)
	switch function.State {
	case types.StateActive, types.StateInactive:
		return updated(ctx, arn, function)
	case types.StatePending:
		return outcome.NotReady("function %s is being connected to its VPC", arn)
	case types.StateFailed:
		return outcome.Failed("function %s failed: %s; delete it and start again", arn, aws.ToString(function.StateReason))
	case types.StateDeleting:
		return outcome.NotReady("function %s is being deleted", arn)
	case types.StateDeactivating, types.StateDeactivated, types.StateActiveNonInvocable:
		return outcome.Failed("function %s is %s: %s; delete it and start again", arn, function.State, aws.ToString(function.StateReason))
	}
	return outcome.Unknown(ctx, "state", "function "+arn, string(function.State))
}

func updated(ctx context.Context, arn string, function types.FunctionConfiguration) error {
	switch function.LastUpdateStatus {
	case types.LastUpdateStatusSuccessful:
		return nil
	case types.LastUpdateStatusInProgress:
		return outcome.NotReady("function %s is being updated", arn)
	case types.LastUpdateStatusFailed:
		return outcome.Failed("update of function %s failed: %s; delete it and start again", arn, aws.ToString(function.LastUpdateStatusReason))
	}
	return outcome.Unknown(ctx, "last update status", "function "+arn, string(function.LastUpdateStatus))
}
