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
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolver"
)

const (
	name    = "rdslink"
	stackID = "arn:aws:cloudformation:eu-central-1:111122223333:stack/rdslink/1"
	keyARN  = "arn:aws:kms:eu-central-1:111122223333:key/"
	vpc     = "vpc-1"
)

// fakeTable is a registry with its key.
type fakeTable struct {
	exposures []string
	vpcs      []string
	key       string
	protected bool
	updating  int // looks until a change is done
	age       time.Duration
}

// fakeKey is a key.
type fakeKey struct {
	description string
	state       kmstypes.KeyState
}

// yaml stands for a template that is none of cdk's.
const yaml = "yaml"

// fake is an account with at most one stack of the name.
type fake struct {
	status    types.StackStatus // empty: there is no stack
	protected bool
	parts     []part // of the stack
	skipped   []part // in its events
	kept      []part // when it is deleted
	after     types.StackStatus
	options   string // of the deployed template, JSON; empty: it does not say
	denied    bool
	busy      int // looks until the deletion is done
	unchanged string

	tables  map[string]*fakeTable
	keys    map[string]*fakeKey
	foreign bool // the resolver is somebody else's

	answer    bool
	absent    bool // nobody is there to answer
	said      []string
	asked     int
	mutations []string
	imported  Template
	imports   []types.ResourceToImport
}

func (f *fake) account() Account {
	return Account{
		Place: Place{"aws", "111122223333", "eu-central-1"}, Stacks: f, Tables: f, Keys: f, Functions: f,
		Registry: func(table string) registryAPI { return fakeRegistry{f.tables[table]} },
		Say:      func(text string) { f.said = append(f.said, text) },
		Ask: func(string) (bool, error) {
			if f.asked++; f.absent {
				return false, errors.New("nobody is there to be asked: set YES=1 if that is meant")
			}
			return f.answer, nil
		},
		Every: time.Microsecond,
	}
}

func (f *fake) did(format string, args ...any) {
	f.mutations = append(f.mutations, fmt.Sprintf(format, args...))
}

type fakeRegistry struct{ table *fakeTable }

func (r fakeRegistry) All(context.Context) (all []registry.Exposure, err error) {
	for _, id := range r.table.exposures {
		all = append(all, registry.Exposure{ID: id})
	}
	return all, nil
}

func (r fakeRegistry) Resolvers(context.Context) (all []registry.Resolver, err error) {
	for _, vpc := range r.table.vpcs {
		all = append(all, registry.Resolver{VPCID: vpc, SecurityGroupID: "sg-of-" + vpc})
	}
	return all, nil
}

func refusal(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message}
}

func (f *fake) DescribeStacks(_ context.Context, in *cloudformation.DescribeStacksInput, _ ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error) {
	if f.denied {
		return nil, refusal("AccessDenied", "is not authorized to perform: cloudformation:DescribeStacks")
	}
	if f.status == "" || f.status == types.StackStatusDeleteComplete && *in.StackName == name {
		return nil, refusal("ValidationError", "Stack with id "+*in.StackName+" does not exist")
	}
	status := f.status
	if f.busy > 0 {
		f.busy--
		status = types.StackStatusDeleteInProgress
	}
	return &cloudformation.DescribeStacksOutput{Stacks: []types.Stack{{
		StackName: aws.String(name), StackId: aws.String(stackID), StackStatus: status, EnableTerminationProtection: &f.protected,
		CreationTime: aws.Time(time.Unix(0, 0)), LastUpdatedTime: aws.Time(time.Date(2026, 11, 29, 1, 2, 3, 0, time.UTC)),
	}}}, nil
}

func (f *fake) DescribeStackEvents(context.Context, *cloudformation.DescribeStackEventsInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStackEventsOutput, error) {
	out := &cloudformation.DescribeStackEventsOutput{}
	if f.status == types.StackStatusDeleteFailed {
		out.StackEvents = append(out.StackEvents, types.StackEvent{LogicalResourceId: aws.String("Guard"), PhysicalResourceId: aws.String("guard"),
			ResourceStatus: types.ResourceStatusDeleteFailed, ResourceStatusReason: aws.String("the registry holds 1 exposure(s)")})
	}
	for _, p := range f.skipped {
		out.StackEvents = append(out.StackEvents, types.StackEvent{ResourceType: &p.kind, PhysicalResourceId: &p.id, ResourceStatus: types.ResourceStatusDeleteSkipped})
	}
	return out, nil
}

func (f *fake) ListStackResources(context.Context, *cloudformation.ListStackResourcesInput, ...func(*cloudformation.Options)) (*cloudformation.ListStackResourcesOutput, error) {
	out := &cloudformation.ListStackResourcesOutput{}
	for _, p := range f.parts {
		out.StackResourceSummaries = append(out.StackResourceSummaries, types.StackResourceSummary{ResourceType: &p.kind, PhysicalResourceId: &p.id})
	}
	return out, nil
}

func (f *fake) GetTemplate(context.Context, *cloudformation.GetTemplateInput, ...func(*cloudformation.Options)) (*cloudformation.GetTemplateOutput, error) {
	body := `{"Resources":{}}`
	switch f.options {
	case "":
	case yaml:
		body = "Resources: {}"
	default:
		body = `{"Metadata":{"rdslink":` + f.options + `},"Resources":{}}`
	}
	return &cloudformation.GetTemplateOutput{TemplateBody: &body}, nil
}

func (f *fake) DeleteStack(_ context.Context, in *cloudformation.DeleteStackInput, _ ...func(*cloudformation.Options)) (*cloudformation.DeleteStackOutput, error) {
	if f.protected {
		return nil, refusal("ValidationError", "Stack ["+stackID+"] cannot be deleted while TerminationProtection is enabled")
	}
	f.did("delete stack")
	f.status, f.skipped, f.parts, f.kept, f.busy = f.after, append(f.skipped, f.kept...), nil, nil, 2
	return &cloudformation.DeleteStackOutput{}, nil
}

func (f *fake) UpdateTerminationProtection(_ context.Context, in *cloudformation.UpdateTerminationProtectionInput, _ ...func(*cloudformation.Options)) (*cloudformation.UpdateTerminationProtectionOutput, error) {
	f.did("protect stack: %v", *in.EnableTerminationProtection)
	f.protected = *in.EnableTerminationProtection
	return &cloudformation.UpdateTerminationProtectionOutput{}, nil
}

func (f *fake) CreateChangeSet(_ context.Context, in *cloudformation.CreateChangeSetInput, _ ...func(*cloudformation.Options)) (*cloudformation.CreateChangeSetOutput, error) {
	if in.ChangeSetType != types.ChangeSetTypeImport || *in.StackName != name {
		return nil, fmt.Errorf("a change set of type %s for %s", in.ChangeSetType, *in.StackName)
	}
	f.imported, f.imports = Template{}, in.ResourcesToImport
	if err := json.Unmarshal([]byte(*in.TemplateBody), &f.imported); err != nil {
		return nil, err
	}
	for _, i := range in.ResourcesToImport {
		for _, id := range i.ResourceIdentifier {
			f.did("import %s as %s", id, *i.LogicalResourceId)
		}
	}
	f.did("as %s", aws.ToString(in.RoleARN))
	f.status = types.StackStatusReviewInProgress
	return &cloudformation.CreateChangeSetOutput{Id: aws.String("change"), StackId: aws.String(stackID)}, nil
}

func (f *fake) DescribeChangeSet(context.Context, *cloudformation.DescribeChangeSetInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeChangeSetOutput, error) {
	if f.unchanged != "" {
		return &cloudformation.DescribeChangeSetOutput{Status: types.ChangeSetStatusFailed, StatusReason: &f.unchanged}, nil
	}
	return &cloudformation.DescribeChangeSetOutput{Status: types.ChangeSetStatusCreateComplete}, nil
}

func (f *fake) ExecuteChangeSet(context.Context, *cloudformation.ExecuteChangeSetInput, ...func(*cloudformation.Options)) (*cloudformation.ExecuteChangeSetOutput, error) {
	f.did("execute")
	f.status = types.StackStatusImportComplete
	return &cloudformation.ExecuteChangeSetOutput{}, nil
}

func (f *fake) ListTables(_ context.Context, in *dynamodb.ListTablesInput, _ ...func(*dynamodb.Options)) (*dynamodb.ListTablesOutput, error) {
	var all []string
	for name := range f.tables {
		all = append(all, name)
	}
	slices.Sort(all)
	// One at a time.
	i := slices.Index(all, aws.ToString(in.ExclusiveStartTableName)) + 1
	if i >= len(all) {
		return &dynamodb.ListTablesOutput{}, nil
	}
	return &dynamodb.ListTablesOutput{TableNames: all[i : i+1], LastEvaluatedTableName: &all[i]}, nil
}

func (f *fake) DescribeTable(_ context.Context, in *dynamodb.DescribeTableInput, _ ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	t := f.tables[*in.TableName]
	if t == nil {
		return nil, &dynamodbtypes.ResourceNotFoundException{}
	}
	table := &dynamodbtypes.TableDescription{
		TableName: in.TableName, TableStatus: dynamodbtypes.TableStatusActive, DeletionProtectionEnabled: &t.protected, CreationDateTime: aws.Time(time.Unix(1e9, 0).Add(-t.age)),
		KeySchema:            []dynamodbtypes.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: dynamodbtypes.KeyTypeHash}},
		AttributeDefinitions: []dynamodbtypes.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: dynamodbtypes.ScalarAttributeTypeS}},
		GlobalSecondaryIndexes: []dynamodbtypes.GlobalSecondaryIndexDescription{{
			IndexName: aws.String("service"), KeySchema: []dynamodbtypes.KeySchemaElement{{AttributeName: aws.String("serviceId"), KeyType: dynamodbtypes.KeyTypeHash}},
			Projection: &dynamodbtypes.Projection{ProjectionType: dynamodbtypes.ProjectionTypeAll}, IndexArn: aws.String("arn"), ItemCount: aws.Int64(7),
		}},
	}
	if t.key != "" {
		table.SSEDescription = &dynamodbtypes.SSEDescription{Status: dynamodbtypes.SSEStatusEnabled, SSEType: dynamodbtypes.SSETypeKms, KMSMasterKeyArn: aws.String(keyARN + t.key)}
	}
	if t.updating > 0 {
		t.updating--
		table.TableStatus = dynamodbtypes.TableStatusUpdating
	}
	return &dynamodb.DescribeTableOutput{Table: table}, nil
}

func (f *fake) UpdateTable(_ context.Context, in *dynamodb.UpdateTableInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateTableOutput, error) {
	f.did("protect table %s: %v", *in.TableName, *in.DeletionProtectionEnabled)
	f.tables[*in.TableName].protected, f.tables[*in.TableName].updating = *in.DeletionProtectionEnabled, 2
	return &dynamodb.UpdateTableOutput{}, nil
}

func (f *fake) DeleteTable(_ context.Context, in *dynamodb.DeleteTableInput, _ ...func(*dynamodb.Options)) (*dynamodb.DeleteTableOutput, error) {
	if t := f.tables[*in.TableName]; t.protected || t.updating > 0 {
		return nil, &dynamodbtypes.ResourceInUseException{}
	}
	f.did("delete table %s", *in.TableName)
	delete(f.tables, *in.TableName)
	return &dynamodb.DeleteTableOutput{}, nil
}

func (f *fake) DescribeKey(_ context.Context, in *kms.DescribeKeyInput, _ ...func(*kms.Options)) (*kms.DescribeKeyOutput, error) {
	id := strings.TrimPrefix(*in.KeyId, keyARN)
	k := f.keys[id]
	if k == nil {
		return nil, &kmstypes.NotFoundException{}
	}
	return &kms.DescribeKeyOutput{KeyMetadata: &kmstypes.KeyMetadata{KeyId: &id, Arn: aws.String(keyARN + id), Description: &k.description, KeyState: k.state}}, nil
}

func (f *fake) GetKeyPolicy(context.Context, *kms.GetKeyPolicyInput, ...func(*kms.Options)) (*kms.GetKeyPolicyOutput, error) {
	return &kms.GetKeyPolicyOutput{Policy: aws.String(`{"Statement":[{"Effect":"Allow"}]}`)}, nil
}

func (f *fake) ScheduleKeyDeletion(_ context.Context, in *kms.ScheduleKeyDeletionInput, _ ...func(*kms.Options)) (*kms.ScheduleKeyDeletionOutput, error) {
	f.did("delete key %s in %d days", *in.KeyId, *in.PendingWindowInDays)
	f.keys[*in.KeyId].state = kmstypes.KeyStatePendingDeletion
	return &kms.ScheduleKeyDeletionOutput{}, nil
}

func (f *fake) GetFunction(_ context.Context, in *lambda.GetFunctionInput, _ ...func(*lambda.Options)) (*lambda.GetFunctionOutput, error) {
	tags := map[string]string{owned.ManagedTag: "true", owned.VPCTag: vpc, resolver.CodeTag: "x"}
	if f.foreign {
		tags = map[string]string{"team": "orders"}
	}
	return &lambda.GetFunctionOutput{Configuration: configuration(*in.FunctionName), Tags: tags}, nil
}

func (f *fake) UpdateFunctionCode(context.Context, *lambda.UpdateFunctionCodeInput, ...func(*lambda.Options)) (*lambda.UpdateFunctionCodeOutput, error) {
	return nil, errors.New("nobody asked for that")
}

func (f *fake) TagResource(context.Context, *lambda.TagResourceInput, ...func(*lambda.Options)) (*lambda.TagResourceOutput, error) {
	return nil, errors.New("nobody asked for that")
}

func (f *fake) DeleteFunction(_ context.Context, in *lambda.DeleteFunctionInput, _ ...func(*lambda.Options)) (*lambda.DeleteFunctionOutput, error) {
	f.did("delete function %s", *in.FunctionName)
	return &lambda.DeleteFunctionOutput{}, nil
}
