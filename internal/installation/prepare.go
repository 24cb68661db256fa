package installation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

// Prepare says which stack is about to be changed, and makes way for the deployment: it asks before options are lost, takes
// a stack away whose creation failed, and gives what an earlier stack has left to the new one. What the deployer may not
// look at is no reason to stop.
func (a Account) Prepare(ctx context.Context, of Assembly) error {
	err := a.prepare(ctx, of)
	if _, denied := outcome.Denied(err); denied {
		a.sayf("not checked: %v", err)
		return nil
	}
	return err
}

func (a Account) prepare(ctx context.Context, of Assembly) error {
	stack, err := a.stack(ctx, of.Stack)
	if err != nil {
		return err
	}
	var stayed []part
	if stack != nil && neverWorked(stack.StackStatus) {
		if stayed, err = a.clear(ctx, stack); err != nil {
			return err
		}
		stack = nil
	}
	if stack == nil {
		a.sayf("%s is new", a.where(of.Stack))
		return a.adopt(ctx, of, stayed)
	}
	exposures := a.show(ctx, stack)
	if err := changeable(stack, exposures); err != nil {
		return err
	}
	return a.compare(ctx, stack, of)
}

// clear deletes a stack whose creation failed: it can neither be changed nor made again. It returns what stayed.
func (a Account) clear(ctx context.Context, stack *types.Stack) (stayed []part, err error) {
	a.sayf("%s never worked: it is in %s, and has to be made anew", a.where(*stack.StackName), stack.StackStatus)
	if aws.ToBool(stack.EnableTerminationProtection) {
		if err := a.checkUnused(ctx, stack); err != nil {
			return nil, err
		}
	}
	if err := a.deleteStack(ctx, stack); err != nil {
		return nil, err
	}
	return a.stayed(ctx, stack)
}

// checkUnused is an error if a registry of the stack has exposures.
func (a Account) checkUnused(ctx context.Context, stack *types.Stack) error {
	parts, err := a.parts(ctx, stack)
	if err != nil {
		return err
	}
	tables := ofKind(parts, tableType)
	exposures, err := a.exposuresIn(ctx, tables)
	if err != nil {
		return err
	}
	if len(exposures) > 0 {
		return fmt.Errorf("the stack %s never worked, and its registry holds %s: look at %s, then lift the stack's termination "+
			"protection yourself: aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name %s",
			*stack.StackName, count(exposures), strings.Join(tables, ", "), *stack.StackName)
	}
	return nil
}

// stayed is what a stack has left behind.
func (a Account) stayed(ctx context.Context, stack *types.Stack) (stayed []part, err error) {
	events, err := a.events(ctx, stack.StackId)
	for _, e := range events {
		p := part{aws.ToString(e.ResourceType), aws.ToString(e.PhysicalResourceId)}
		if e.ResourceStatus == types.ResourceStatusDeleteSkipped && p.id != "" && !slices.Contains(stayed, p) {
			stayed = append(stayed, p)
		}
	}
	return stayed, err
}

// show says what is there. The number of exposures is -1 when it cannot be read.
func (a Account) show(ctx context.Context, stack *types.Stack) (exposures int) {
	last := stack.CreationTime
	if stack.LastUpdatedTime != nil {
		last = stack.LastUpdatedTime
	}
	deployed := a.where(*stack.StackName) + " was last deployed on " + aws.ToTime(last).UTC().Format(time.DateTime) + " UTC"
	if !aws.ToBool(stack.EnableTerminationProtection) {
		deployed += ", is not protected against deletion until this deployment is done"
	}
	resources, err := a.resources(ctx, stack.StackId)
	if err == nil {
		found, failed := a.exposuresIn(ctx, ofKind(resources, tableType))
		if failed == nil {
			a.sayf("%s, and has %s", deployed, count(found))
			return len(found)
		}
		err = failed
	}
	a.sayf("%s; its exposures cannot be counted: %v", deployed, err)
	return -1
}

// changeable is an error where CloudFormation takes no update.
func changeable(stack *types.Stack, exposures int) error {
	name, status := *stack.StackName, stack.StackStatus
	switch {
	case underWay(status):
		return fmt.Errorf("the stack %s is in %s: wait until that is over, then deploy again", name, status)
	case status == types.StackStatusDeleteFailed && exposures == 0:
		return fmt.Errorf("the stack %s is in %s and takes no update: finish its deletion with make destroy, then deploy again", name, status)
	case status == types.StackStatusDeleteFailed:
		return fmt.Errorf("the stack %s is in %s and takes no update, while exposures need it: they go on as they are. "+
			"Remove each (docs/removing.md), then make destroy, then deploy again; never force the deletion", name, status)
	case status == types.StackStatusUpdateRollbackFailed:
		return fmt.Errorf("the stack %s is in %s and takes no update: mend what its events name, then "+
			"aws cloudformation continue-update-rollback --stack-name %s, then deploy again", name, status, name)
	case strings.HasSuffix(string(status), "ROLLBACK_FAILED"):
		return fmt.Errorf("the stack %s is in %s and takes no update: mend what its events name, then make destroy, then deploy again",
			name, status)
	}
	return nil
}

// compare asks before options of the deployed stack are lost or changed.
func (a Account) compare(ctx context.Context, stack *types.Stack, of Assembly) error {
	deployed, err := a.template(ctx, stack.StackId)
	if err != nil {
		return err
	}
	before, known, err := deployed.options()
	if err != nil || !known {
		return err
	}
	after, _, err := of.Template.options()
	if err != nil {
		return err
	}
	differences := changes(before, after)
	if len(differences) == 0 {
		return nil
	}
	for _, d := range differences {
		a.Say(d)
	}
	goOn, err := a.Ask("Deploy with these options?")
	if err != nil {
		return fmt.Errorf("options of the stack %s would be lost or changed: %w", *stack.StackName, err)
	}
	if !goOn {
		return fmt.Errorf("the stack %s stays as it is: give its options again (ARGS, or context in cdk.json)", *stack.StackName)
	}
	return nil
}
