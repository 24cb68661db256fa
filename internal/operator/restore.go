package operator

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/rdslink/rdslink/internal/registry"
)

// Restored are the exposures of a table that a restore to a point in time has made.
type Restored struct {
	Restored []string `json:"restored"` // in the registry again
	Kept     []string `json:"kept"`     // the registry has them, and newer
}

// Restore puts what the registry has lost back into it, from another table.
func (o *Operator) Restore(ctx context.Context, from string) (Restored, error) {
	stack, err := o.installed(ctx)
	if err != nil {
		return Restored{}, err
	}
	if from == stack.table {
		return Restored{}, fmt.Errorf("%s is the registry itself: name the table that the restore to a point in time has made", from)
	}
	done := Restored{[]string{}, []string{}}
	back, kept, err := registry.New(dynamodb.NewFromConfig(o.config), stack.table).PutBack(ctx, from)
	done.Restored, done.Kept = append(done.Restored, back...), append(done.Kept, kept...)
	if err != nil {
		return done, fmt.Errorf("restore the registry from %s, of which %d exposures are restored so far: %w", from, len(back), err)
	}
	return done, nil
}
