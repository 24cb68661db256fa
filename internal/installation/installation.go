// Package installation is the life of a deployed stack, as whoever deploys it sees it: what there is before a deployment,
// what an earlier one has left behind, and the end.
package installation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolver"
)

type stacksAPI interface {
	DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error)
	DescribeStackEvents(context.Context, *cloudformation.DescribeStackEventsInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStackEventsOutput, error)
	ListStackResources(context.Context, *cloudformation.ListStackResourcesInput, ...func(*cloudformation.Options)) (*cloudformation.ListStackResourcesOutput, error)
	GetTemplate(context.Context, *cloudformation.GetTemplateInput, ...func(*cloudformation.Options)) (*cloudformation.GetTemplateOutput, error)
	DeleteStack(context.Context, *cloudformation.DeleteStackInput, ...func(*cloudformation.Options)) (*cloudformation.DeleteStackOutput, error)
	UpdateTerminationProtection(context.Context, *cloudformation.UpdateTerminationProtectionInput, ...func(*cloudformation.Options)) (*cloudformation.UpdateTerminationProtectionOutput, error)
	CreateChangeSet(context.Context, *cloudformation.CreateChangeSetInput, ...func(*cloudformation.Options)) (*cloudformation.CreateChangeSetOutput, error)
	DescribeChangeSet(context.Context, *cloudformation.DescribeChangeSetInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeChangeSetOutput, error)
	ExecuteChangeSet(context.Context, *cloudformation.ExecuteChangeSetInput, ...func(*cloudformation.Options)) (*cloudformation.ExecuteChangeSetOutput, error)
}

type tablesAPI interface {
	ListTables(context.Context, *dynamodb.ListTablesInput, ...func(*dynamodb.Options)) (*dynamodb.ListTablesOutput, error)
	DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error)
	UpdateTable(context.Context, *dynamodb.UpdateTableInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateTableOutput, error)
	DeleteTable(context.Context, *dynamodb.DeleteTableInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteTableOutput, error)
}

type keysAPI interface {
	DescribeKey(context.Context, *kms.DescribeKeyInput, ...func(*kms.Options)) (*kms.DescribeKeyOutput, error)
	GetKeyPolicy(context.Context, *kms.GetKeyPolicyInput, ...func(*kms.Options)) (*kms.GetKeyPolicyOutput, error)
	ScheduleKeyDeletion(context.Context, *kms.ScheduleKeyDeletionInput, ...func(*kms.Options)) (*kms.ScheduleKeyDeletionOutput, error)
}

type functionsAPI interface {
	resolver.API
	DeleteFunction(context.Context, *lambda.DeleteFunctionInput, ...func(*lambda.Options)) (*lambda.DeleteFunctionOutput, error)
}

type registryAPI interface {
	All(ctx context.Context) ([]registry.Exposure, error)
	Resolvers(ctx context.Context) ([]registry.Resolver, error)
}

// Account is where a stack is deployed, with the deployer's credentials.
type Account struct {
	Place     Place
	Stacks    stacksAPI
	Tables    tablesAPI
	Keys      keysAPI
	Functions functionsAPI
	Registry  func(table string) registryAPI

	Say   func(text string)
	Ask   func(question string) (bool, error) // whether it is to go on
	Every time.Duration                       // between two looks at what takes time
}

// New is the account of the settings. CloudFormation is asked with those of stacks, which may be another role's.
func New(settings, stacks aws.Config, at Place) Account {
	tables := dynamodb.NewFromConfig(settings)
	return Account{
		Place:     at,
		Stacks:    cloudformation.NewFromConfig(stacks),
		Tables:    tables,
		Keys:      kms.NewFromConfig(settings),
		Functions: lambda.NewFromConfig(settings),
		Registry:  func(table string) registryAPI { return registry.New(tables, table) },
		Every:     time.Second,
	}
}

// The types of what stays when a stack goes, and is looked after here.
const (
	tableType = "AWS::DynamoDB::Table"
	keyType   = "AWS::KMS::Key"
)

func (a Account) sayf(format string, args ...any) { a.Say(fmt.Sprintf(format, args...)) }

// where says which stack is meant.
func (a Account) where(stack string) string {
	return fmt.Sprintf("the stack %s of account %s in %s", stack, a.Place.Account, a.Place.Region)
}

// stack describes a stack by its name or id; nil, where there is none.
func (a Account) stack(ctx context.Context, name string) (*types.Stack, error) {
	out, err := a.Stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if refused, ok := errors.AsType[smithy.APIError](err); ok && refused.ErrorCode() == "ValidationError" &&
		strings.Contains(refused.ErrorMessage(), "does not exist") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("describe stack %s: %w", name, err)
	}
	return &out.Stacks[0], nil
}

// resources lists what a stack has.
func (a Account) resources(ctx context.Context, stackID *string) (all []part, err error) {
	in := &cloudformation.ListStackResourcesInput{StackName: stackID}
	for {
		out, err := a.Stacks.ListStackResources(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("list resources of stack %s: %w", *stackID, err)
		}
		for _, r := range out.StackResourceSummaries {
			if id := aws.ToString(r.PhysicalResourceId); id != "" {
				all = append(all, part{aws.ToString(r.ResourceType), id})
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return all, nil
		}
	}
}

// template is a deployed stack's. One that is no JSON was not deployed by way of cdk's bucket, and says nothing here.
func (a Account) template(ctx context.Context, stackID *string) (t Template, err error) {
	out, err := a.Stacks.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: stackID})
	if err != nil {
		return t, fmt.Errorf("get template of stack %s: %w", *stackID, err)
	}
	body := []byte(aws.ToString(out.TemplateBody))
	if !json.Valid(body) {
		return t, nil
	}
	if err := json.Unmarshal(body, &t); err != nil {
		return t, fmt.Errorf("decode template of stack %s: %w", *stackID, err)
	}
	return t, nil
}

// ofKind are the ids of parts, each once.
func ofKind(parts []part, kind string) (ids []string) {
	for _, p := range parts {
		if p.kind == kind && !slices.Contains(ids, p.id) {
			ids = append(ids, p.id)
		}
	}
	return ids
}

// awaitStack looks at a stack until nothing more happens to it.
func (a Account) awaitStack(ctx context.Context, stackID string) (*types.Stack, error) {
	for {
		stack, err := a.stack(ctx, stackID)
		if err != nil || stack == nil || !underWay(stack.StackStatus) {
			return stack, err
		}
		if err := a.pause(ctx); err != nil {
			return nil, err
		}
	}
}

func (a Account) pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(a.Every):
		return nil
	}
}

// underWay says whether CloudFormation is at work. A stack in review waits for somebody.
func underWay(status types.StackStatus) bool {
	return strings.HasSuffix(string(status), "_IN_PROGRESS") && status != types.StackStatusReviewInProgress
}

// neverWorked says whether a stack's creation failed. It can only be deleted.
func neverWorked(status types.StackStatus) bool {
	return slices.Contains([]types.StackStatus{
		types.StackStatusReviewInProgress, types.StackStatusRollbackComplete, types.StackStatusRollbackFailed, types.StackStatusCreateFailed,
	}, status)
}

// deleteStack lifts a stack's protection and deletes it.
func (a Account) deleteStack(ctx context.Context, stack *types.Stack) error {
	name := *stack.StackName
	if aws.ToBool(stack.EnableTerminationProtection) {
		a.sayf("the termination protection of the stack %s is lifted", name)
		if _, err := a.Stacks.UpdateTerminationProtection(ctx, &cloudformation.UpdateTerminationProtectionInput{
			StackName: stack.StackId, EnableTerminationProtection: aws.Bool(false),
		}); err != nil {
			return fmt.Errorf("lift termination protection of stack %s: %w", name, err)
		}
	}
	a.sayf("the stack %s is deleted", name)
	if _, err := a.Stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: stack.StackId}); err != nil {
		return fmt.Errorf("delete stack %s: %w", name, err)
	}
	after, err := a.awaitStack(ctx, *stack.StackId)
	if err != nil {
		return err
	}
	if after != nil && after.StackStatus != types.StackStatusDeleteComplete {
		return fmt.Errorf("delete stack %s: it is in %s: %s", name, after.StackStatus, a.reason(ctx, after))
	}
	return nil
}

// reason is why a stack failed: what its resources say is better than what it says itself.
func (a Account) reason(ctx context.Context, stack *types.Stack) string {
	events, err := a.events(ctx, stack.StackId)
	if err != nil {
		return aws.ToString(stack.StackStatusReason)
	}
	for _, e := range events {
		if strings.HasSuffix(string(e.ResourceStatus), "_FAILED") && aws.ToString(e.PhysicalResourceId) != *stack.StackId {
			return fmt.Sprintf("%s: %s", aws.ToString(e.LogicalResourceId), aws.ToString(e.ResourceStatusReason))
		}
	}
	return aws.ToString(stack.StackStatusReason)
}

// events are what happened to a stack, the latest first.
func (a Account) events(ctx context.Context, stackID *string) (all []types.StackEvent, err error) {
	in := &cloudformation.DescribeStackEventsInput{StackName: stackID}
	for {
		out, err := a.Stacks.DescribeStackEvents(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("describe events of stack %s: %w", *stackID, err)
		}
		all = append(all, out.StackEvents...)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return all, nil
		}
	}
}

// count says how many exposures there are.
func count(exposures []registry.Exposure) string {
	switch len(exposures) {
	case 0:
		return "no exposure"
	case 1:
		return "1 exposure"
	}
	return fmt.Sprintf("%d exposures", len(exposures))
}

// exposuresIn are those of all tables. A table that is gone has none.
func (a Account) exposuresIn(ctx context.Context, tables []string) (all []registry.Exposure, err error) {
	for _, name := range tables {
		table, err := a.table(ctx, name)
		if err != nil {
			return nil, err
		}
		if table == nil {
			continue
		}
		found, err := a.Registry(name).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("read registry %s: %w", name, err)
		}
		all = append(all, found...)
	}
	return all, nil
}
