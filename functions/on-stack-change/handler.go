package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-lambda-go/cfn"

	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolver"
)

type registryAPI interface {
	All(ctx context.Context) ([]registry.Exposure, error)
	Resolvers(ctx context.Context) ([]registry.Resolver, error)
}

type onStackChange struct {
	registry  registryAPI
	functions resolver.API
	code      resolver.Code
	owner     owned.Owner
}

// physicalID never changes: CloudFormation deletes what an update gives another id.
const physicalID = "rdslink-exposures"

func (s onStackChange) handle(ctx context.Context, event cfn.Event) (string, map[string]any, error) {
	if event.RequestType == cfn.RequestDelete {
		return event.PhysicalResourceID, nil, s.refuse(ctx)
	}
	return physicalID, nil, s.upgrade(ctx)
}

// named is how many exposures a refusal names. CloudFormation takes 4096 bytes of an answer, and an id has 32
// (docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html).
const named = 50

// refuse is an error while there are exposures: without the stack nobody would follow their databases' addresses.
func (s onStackChange) refuse(ctx context.Context) error {
	exposures, err := s.registry.All(ctx)
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
func (s onStackChange) upgrade(ctx context.Context) error {
	resolvers, err := s.registry.Resolvers(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, of := range resolvers {
		errs = append(errs, s.upgradeOne(ctx, of.VPCID))
	}
	return errors.Join(errs...)
}

// upgradeOne leaves it to step 2 to make one that is gone, with this version's code. One that is busy keeps its code until
// step 2 meets it again: this version and the last understand each other.
func (s onStackChange) upgradeOne(ctx context.Context, vpcID string) error {
	found, err := resolver.Find(ctx, s.functions, s.owner, vpcID)
	if err != nil || found == nil {
		return err
	}
	_, err = resolver.Upgrade(ctx, s.functions, s.code, found)
	return err
}
