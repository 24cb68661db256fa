package installation

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// adopt gives the registry and the key of an earlier stack to the new one: it makes the stack by importing them, as they
// are, and the deployment then updates it. stayed is what a stack has just left behind.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-manually.html
func (a Account) adopt(ctx context.Context, of Assembly, stayed []part) error {
	all, err := a.leftovers(ctx, of.Stack, ofKind(stayed, tableType))
	if err != nil {
		return err
	}
	chosen, err := a.choose(all)
	if err != nil {
		return err
	}
	template := Template{Resources: map[string]Resource{}}
	var imports []types.ResourceToImport
	take := func(kind, identifier, physicalID string, properties map[string]any) {
		id := of.Template.only(kind)
		template.Resources[id] = Resource{Type: kind, DeletionPolicy: "Retain", UpdateReplacePolicy: "Retain", Properties: properties}
		imports = append(imports, types.ResourceToImport{
			LogicalResourceId: &id, ResourceType: &kind, ResourceIdentifier: map[string]string{identifier: physicalID},
		})
	}
	key, err := a.keyToAdopt(ctx, of, chosen, stayed)
	if err != nil {
		return err
	}
	if key != nil {
		properties, err := a.keyAsItIs(ctx, key)
		if err != nil {
			return err
		}
		a.sayf("the key %s, which an earlier installation has left, is taken over", *key.KeyId)
		take(keyType, "KeyId", *key.KeyId, properties)
	}
	if chosen != nil {
		a.sayf("the registry %s, which an earlier installation has left, is taken over with %s", chosen.name, count(chosen.exposures))
		take(tableType, "TableName", chosen.name, tableAsItIs(chosen.table))
	}
	if len(imports) == 0 {
		return nil
	}
	return a.importAll(ctx, of, template, imports)
}

// choose takes the registry that has exposures, or else the latest, and names the others.
func (a Account) choose(all []leftover) (chosen *leftover, err error) {
	var used []string
	for i, l := range all {
		if len(l.exposures) > 0 {
			used, chosen = append(used, fmt.Sprintf("%s with %s", l.name, count(l.exposures))), &all[i]
		}
	}
	if len(used) > 1 {
		return nil, fmt.Errorf("earlier installations have left more than one registry: %s: delete all but the one to be used",
			strings.Join(used, ", "))
	}
	if chosen == nil && len(all) > 0 {
		chosen = &all[0]
	}
	for _, l := range all {
		if l.name != chosen.name {
			a.sayf("the registry %[1]s, which an earlier installation has left, is empty and stays as it is. To delete it: "+
				"aws dynamodb update-table --no-deletion-protection-enabled --table-name %[1]s && aws dynamodb delete-table --table-name %[1]s", l.name)
		}
	}
	return chosen, nil
}

// keyToAdopt is the registry's key if a stack of ours made it; without a registry, one that has just been left behind. A
// deployment with a key of the deployer's has no place for it.
func (a Account) keyToAdopt(ctx context.Context, of Assembly, chosen *leftover, stayed []part) (*kmstypes.KeyMetadata, error) {
	var key *kmstypes.KeyMetadata
	if chosen != nil {
		key = chosen.key
	}
	if key == nil {
		for _, id := range ofKind(stayed, keyType) {
			found, err := a.key(ctx, id)
			if err != nil {
				return nil, err
			}
			key = found
		}
	}
	if !ours(key, of.Stack) {
		return nil, nil
	}
	if of.Template.only(keyType) == "" {
		a.sayf("the key %[1]s, which an earlier installation has left, is not used any more. When the deployment is done: "+
			"aws kms schedule-key-deletion --key-id %[1]s", *key.KeyId)
		return nil, nil
	}
	return key, nil
}

// keyAsItIs are the properties of a key. The update compares with them.
func (a Account) keyAsItIs(ctx context.Context, key *kmstypes.KeyMetadata) (map[string]any, error) {
	out, err := a.Keys.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: key.KeyId, PolicyName: aws.String("default")})
	if err != nil {
		return nil, fmt.Errorf("get policy of key %s: %w", *key.KeyId, err)
	}
	return map[string]any{
		"Description": aws.ToString(key.Description), "KeyPolicy": json.RawMessage(aws.ToString(out.Policy)),
	}, nil
}

// tableAsItIs are the properties of a table. Whatever is said otherwise here would not be changed by the update, or
// changed to what it is, which DynamoDB refuses for indexes and for the key.
func tableAsItIs(table *dynamodbtypes.TableDescription) map[string]any {
	properties := map[string]any{
		"AttributeDefinitions": table.AttributeDefinitions, "KeySchema": table.KeySchema, "BillingMode": "PAY_PER_REQUEST",
		"DeletionProtectionEnabled": aws.ToBool(table.DeletionProtectionEnabled),
	}
	if sse := table.SSEDescription; sse != nil && sse.KMSMasterKeyArn != nil {
		properties["SSESpecification"] = map[string]any{"SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": *sse.KMSMasterKeyArn}
	}
	var indexes []map[string]any
	for _, index := range table.GlobalSecondaryIndexes {
		indexes = append(indexes, map[string]any{
			"IndexName": index.IndexName, "KeySchema": index.KeySchema,
			"Projection": map[string]any{"ProjectionType": index.Projection.ProjectionType},
		})
	}
	if indexes != nil {
		properties["GlobalSecondaryIndexes"] = indexes
	}
	return properties
}

// adoption is the name of the change set that imports.
const adoption = "rdslink-adoption"

// importAll makes the stack of what is imported.
func (a Account) importAll(ctx context.Context, of Assembly, template Template, imports []types.ResourceToImport) error {
	body, err := json.Marshal(template)
	if err != nil {
		return fmt.Errorf("encode template: %w", err)
	}
	in := &cloudformation.CreateChangeSetInput{
		StackName: &of.Stack, ChangeSetName: aws.String(adoption), ChangeSetType: types.ChangeSetTypeImport,
		TemplateBody: aws.String(string(body)), ResourcesToImport: imports,
	}
	if of.ExecutionRole != "" {
		in.RoleARN = &of.ExecutionRole
	}
	made, err := a.Stacks.CreateChangeSet(ctx, in)
	if err != nil {
		return fmt.Errorf("import into the new stack %s: %w", of.Stack, err)
	}
	if err := a.awaitChangeSet(ctx, made); err != nil {
		return err
	}
	if _, err := a.Stacks.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{
		ChangeSetName: made.Id, StackName: made.StackId,
	}); err != nil {
		return fmt.Errorf("import into the new stack %s: %w", of.Stack, err)
	}
	// Right after the call the stack may still be in review.
	for {
		stack, err := a.awaitStack(ctx, *made.StackId)
		switch {
		case err != nil:
			return err
		case stack != nil && stack.StackStatus == types.StackStatusImportComplete:
			return nil
		case stack == nil || stack.StackStatus != types.StackStatusReviewInProgress:
			return fmt.Errorf("import into the new stack %s: it is in %s: %s", of.Stack, stack.StackStatus, a.reason(ctx, stack))
		}
		if err := a.pause(ctx); err != nil {
			return err
		}
	}
}

func (a Account) awaitChangeSet(ctx context.Context, made *cloudformation.CreateChangeSetOutput) error {
	for {
		set, err := a.Stacks.DescribeChangeSet(ctx, &cloudformation.DescribeChangeSetInput{ChangeSetName: made.Id, StackName: made.StackId})
		switch {
		case err != nil:
			return fmt.Errorf("describe change set %s: %w", adoption, err)
		case set.Status == types.ChangeSetStatusCreateComplete:
			return nil
		case set.Status == types.ChangeSetStatusFailed:
			return fmt.Errorf("import into the new stack: %s", aws.ToString(set.StatusReason))
		}
		if err := a.pause(ctx); err != nil {
			return err
		}
	}
}
