package operator

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/registry"
)

// Tagged is an exposure that something carries the tags of, and whether the registry has it.
type Tagged struct {
	belongings.Tagged
	Recorded bool `json:"recorded"`
}

// FromTags is every exposure whose tags something carries, for when the registry was lost: what it does not record is found
// again by starting its set-up with the same input.
func (o *Operator) FromTags(ctx context.Context) ([]Tagged, error) {
	stack, err := o.installed(ctx)
	if err != nil {
		return nil, err
	}
	found, err := o.belongings().Exposures(ctx)
	if err != nil {
		return nil, err
	}
	recorded, _, err := registry.NewShown(dynamodb.NewFromConfig(o.config), stack.table).Survey(ctx)
	if err != nil {
		return nil, err
	}
	all := []Tagged{}
	for _, t := range found {
		all = append(all, Tagged{t, slices.ContainsFunc(recorded, func(e registry.Exposure) bool { return e.ID == t.Exposure })})
	}
	return all, nil
}
