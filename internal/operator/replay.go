package operator

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// Replayed is what became of the dead letters.
type Replayed struct {
	Replayed []string // handed over to their functions again
	Failed   []string // not handed over, and why
}

// Replay has the deployment hand what its functions gave up on over to them again. What a letter says nobody can change.
func (o *Operator) Replay(ctx context.Context) (done Replayed, err error) {
	name := o.name.Function("watch")
	out, err := lambda.NewFromConfig(o.config).Invoke(ctx, &lambda.InvokeInput{FunctionName: &name, Payload: []byte(`{"replay":true}`)})
	if err != nil {
		return done, fmt.Errorf("invoke %s: %w", name, o.at(ctx, err))
	}
	if out.FunctionError != nil {
		return done, fmt.Errorf("replay by %s: %s", name, out.Payload)
	}
	if err := json.Unmarshal(out.Payload, &done); err != nil {
		return done, fmt.Errorf("decode the answer of %s: %w", name, err)
	}
	if len(done.Failed) > 0 {
		return done, fmt.Errorf("replay by %s: %d letters were not handed over", name, len(done.Failed))
	}
	return done, nil
}
