package main

import (
	"context"
	"fmt"

	"github.com/rdslink/rdslink/internal/operator"
)

// replay says what it has handed over. Whether that is dealt with now, the operators' topic says, as it did before.
func replay(ctx context.Context, o *operator.Operator) error {
	done, err := o.Replay(ctx)
	for _, letter := range done.Replayed {
		fmt.Println("handed over again to", letter)
	}
	for _, letter := range done.Failed {
		fmt.Println("not handed over:", letter)
	}
	if len(done.Replayed)+len(done.Failed) == 0 && err == nil {
		fmt.Println("there is nothing to replay")
	}
	return err
}
