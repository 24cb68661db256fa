package installation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolver"
)

// waiting is how many days a key waits for its deletion: the longest that KMS knows, in which it costs nothing.
const waiting = 30

// Remove deletes a stack after its last exposure, and what the stack itself leaves: the resolvers, the registry and the key.
func (a Account) Remove(ctx context.Context, of deployment.Name) error {
	name := of.Stack()
	stack, err := a.stack(ctx, name)
	if err != nil {
		return err
	}
	if stack != nil && underWay(stack.StackStatus) {
		return fmt.Errorf("the stack %s is in %s: wait until that is over", name, stack.StackStatus)
	}
	parts, err := a.parts(ctx, stack)
	if err != nil {
		return err
	}
	found, err := a.registries(ctx, name, stack, parts)
	if err != nil {
		return err
	}
	if err := none(found); err != nil {
		return err
	}
	if stack == nil && len(found) == 0 {
		a.sayf("%s does not exist, and has left no registry", a.where(name))
		return nil
	}
	if err := a.consent(name, stack, found); err != nil {
		return err
	}
	if stack == nil {
		return a.removeTables(ctx, name, found)
	}
	return a.removeAll(ctx, of, stack, found)
}

// A part of a stack, or what it has left.
type part struct{ kind, id string }

// parts are all that a stack has and has left.
func (a Account) parts(ctx context.Context, stack *types.Stack) (all []part, err error) {
	if stack == nil {
		return nil, nil
	}
	resources, err := a.resources(ctx, stack.StackId)
	if err != nil {
		return nil, err
	}
	stayed, err := a.stayed(ctx, stack)
	if err != nil {
		return nil, err
	}
	return append(resources, stayed...), nil
}

// registries are those of a stack; without the stack, those that earlier ones of this name have left.
func (a Account) registries(ctx context.Context, name string, stack *types.Stack, parts []part) (all []leftover, err error) {
	if stack == nil {
		return a.leftovers(ctx, name, nil)
	}
	for _, id := range ofKind(parts, tableType) {
		found, err := a.leftover(ctx, id)
		if err != nil {
			return nil, err
		}
		if found != nil {
			all = append(all, *found)
		}
	}
	return all, nil
}

// none is an error if there is an exposure.
func none(found []leftover) error {
	var ids []string
	for _, l := range found {
		for _, exposure := range l.exposures {
			ids = append(ids, "  "+exposure.ID+" in "+l.name)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	return fmt.Errorf("there are exposures, whose databases nothing would follow any more. "+
		"Remove them first (rdslink remove, docs/removing.md):\n%s",
		strings.Join(ids, "\n"))
}

func (a Account) consent(name string, stack *types.Stack, found []leftover) error {
	if stack == nil {
		a.sayf("%s does not exist", a.where(name))
	} else {
		a.sayf("%s is in %s, and has no exposure", a.where(name), stack.StackStatus)
	}
	for _, l := range found {
		a.sayf("the registry %s is empty", l.name)
	}
	goOn, err := a.Ask("Delete all of it?")
	if err != nil {
		return err
	}
	if !goOn {
		return errors.New("nothing was deleted")
	}
	return nil
}

func (a Account) removeAll(ctx context.Context, of deployment.Name, stack *types.Stack, found []leftover) error {
	groups, err := a.removeResolvers(ctx, owned.Owner{Name: of}, found)
	if err != nil {
		return err
	}
	if err := a.deleteStack(ctx, stack); err != nil {
		return err
	}
	stayed, err := a.stayed(ctx, stack)
	if err != nil {
		return err
	}
	// An execution may have claimed an exposure until the stack was gone.
	again, err := a.registries(ctx, *stack.StackName, stack, stayed)
	if err != nil {
		return err
	}
	if err := none(again); err != nil {
		return err
	}
	if err := a.removeTables(ctx, *stack.StackName, again); err != nil {
		return err
	}
	for _, id := range ofKind(stayed, keyType) {
		if err := a.removeKey(ctx, *stack.StackName, id); err != nil {
			return err
		}
	}
	a.left(stayed, groups)
	return nil
}

// removeResolvers deletes the functions that the steps have made, and returns the security groups, which
// Lambda's network interfaces need for some time yet.
func (a Account) removeResolvers(ctx context.Context, owner owned.Owner, found []leftover) (groups []string, err error) {
	for _, l := range found {
		resolvers, err := a.Registry(l.name).Resolvers(ctx)
		if err != nil {
			return nil, fmt.Errorf("read registry %s: %w", l.name, err)
		}
		for _, r := range resolvers {
			if err := a.removeResolver(ctx, owner, r); err != nil {
				return nil, err
			}
			if r.SecurityGroupID != "" {
				groups = append(groups, r.SecurityGroupID)
			}
		}
	}
	return groups, nil
}

func (a Account) removeResolver(ctx context.Context, owner owned.Owner, r registry.Resolver) error {
	name := owner.Name.Resolver(r.VPCID)
	function, err := resolver.Find(ctx, a.Functions, owner, r.VPCID)
	if err != nil {
		return err
	}
	if function != nil {
		a.sayf("the function %s is deleted", name)
		if _, err := a.Functions.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &name}); err != nil {
			return fmt.Errorf("delete function %s: %w", name, err)
		}
	}
	return nil
}

// removeTables deletes empty registries, and schedules the deletion of keys of ours.
func (a Account) removeTables(ctx context.Context, stack string, found []leftover) error {
	for _, l := range found {
		a.sayf("the registry %s is deleted", l.name)
		if aws.ToBool(l.table.DeletionProtectionEnabled) {
			if _, err := a.Tables.UpdateTable(ctx, &dynamodb.UpdateTableInput{
				TableName: &l.name, DeletionProtectionEnabled: aws.Bool(false),
			}); err != nil {
				return fmt.Errorf("lift deletion protection of table %s: %w", l.name, err)
			}
		}
		if err := a.deleteTable(ctx, l.name); err != nil {
			return err
		}
		if l.key != nil {
			if err := a.removeKey(ctx, stack, *l.key.KeyId); err != nil {
				return err
			}
		}
	}
	return nil
}

// deleteTable waits while the table takes over that it is not protected any more.
func (a Account) deleteTable(ctx context.Context, name string) error {
	for {
		_, err := a.Tables.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &name})
		if err == nil {
			return nil
		}
		table, lookErr := a.table(ctx, name)
		_, busy := errors.AsType[*dynamodbtypes.ResourceInUseException](err)
		if lookErr != nil || table == nil || !busy || table.TableStatus != dynamodbtypes.TableStatusUpdating {
			return fmt.Errorf("delete table %s: %w", name, err)
		}
		if err := a.pause(ctx); err != nil {
			return err
		}
	}
}

func (a Account) removeKey(ctx context.Context, stack, id string) error {
	key, err := a.key(ctx, id)
	if err != nil || !ours(key, stack) {
		return err
	}
	a.sayf("the key %[1]s will be deleted in %[2]d days, and costs nothing until then. To keep it: aws kms cancel-key-deletion --key-id %[1]s",
		*key.KeyId, waiting)
	_, err = a.Keys.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId, PendingWindowInDays: aws.Int32(waiting)})
	if _, done := errors.AsType[*kmstypes.KMSInvalidStateException](err); err != nil && !done {
		return fmt.Errorf("schedule deletion of key %s: %w", *key.KeyId, err)
	}
	return nil
}

// left says what is still there, why, and how to delete it. None of it costs anything.
func (a Account) left(stayed []part, groups []string) {
	for _, p := range stayed {
		if p.kind != tableType && p.kind != keyType {
			a.sayf("left: %s %s. Lambda needs it for up to 45 minutes to remove the resolvers' network interfaces; it costs nothing",
				p.kind, p.id)
		}
	}
	for _, group := range groups {
		a.sayf("left: the security group %[1]s of a resolver, for as long; it costs nothing. Then: "+
			"aws ec2 delete-security-group --group-id %[1]s", group)
	}
}
