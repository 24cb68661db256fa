package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/upgrade"
)

type registryAPI interface {
	All(ctx context.Context) ([]registry.Exposure, error)
	Resolvers(ctx context.Context) ([]registry.Resolver, error)
}

type functionAPI interface {
	upgrade.API
	GetFunction(context.Context, *lambda.GetFunctionInput, ...func(*lambda.Options)) (*lambda.GetFunctionOutput, error)
}

type guard struct {
	registry  registryAPI
	functions functionAPI
	code      upgrade.Code
}

// physicalID never changes: CloudFormation deletes what an update gives another id.
const physicalID = "rdslink-exposures"

func (g guard) handle(ctx context.Context, event cfn.Event) (string, map[string]any, error) {
	if event.RequestType == cfn.RequestDelete {
		return event.PhysicalResourceID, nil, g.refuse(ctx)
	}
	return physicalID, nil, g.upgrade(ctx)
}

// named is how many exposures a refusal names. CloudFormation takes 4096 bytes of an answer, and an id has 32
// (docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html).
const named = 50

// refuse is an error while there are exposures: without the stack nobody would follow their databases' addresses.
func (g guard) refuse(ctx context.Context) error {
	exposures, err := g.registry.All(ctx)
	if err != nil || len(exposures) == 0 {
		return err
	}
	var ids []string
	for _, exposure := range exposures[:min(named, len(exposures))] {
		ids = append(ids, exposure.ID)
	}
	if more := len(exposures) - named; more > 0 {
		ids = append(ids, fmt.Sprintf("and %d more", more))
	}
	return fmt.Errorf("delete stack: the registry holds %d exposure(s), which would stand without their sync: remove them first: %s",
		len(exposures), strings.Join(ids, ", "))
}

// upgrade gives every resolver this version's code. It tries all of them, whatever becomes of one.
func (g guard) upgrade(ctx context.Context) error {
	resolvers, err := g.registry.Resolvers(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, resolver := range resolvers {
		errs = append(errs, g.upgradeOne(ctx, resolver))
	}
	return errors.Join(errs...)
}

func (g guard) upgradeOne(ctx context.Context, resolver registry.Resolver) error {
	found, err := g.functions.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &resolver.FunctionName})
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		return nil // step 2 makes it anew, with this version's code
	}
	if err != nil {
		return fmt.Errorf("get function %s: %w", resolver.FunctionName, err)
	}
	if found.Tags[owned.ManagedTag] != "true" || found.Tags[owned.VPCTag] != resolver.VPCID {
		return fmt.Errorf("function %s does not carry our tags: rename or delete it", resolver.FunctionName)
	}
	// One that is busy keeps its code until step 2 meets it again: this version and the last understand each other.
	_, err = upgrade.Resolver(ctx, g.functions, g.code, *found.Configuration, found.Tags[upgrade.Tag])
	return err
}
