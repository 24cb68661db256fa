package execution

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

type execution types.ExecutionStatus

func (e execution) DescribeExecution(context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error) {
	if e == "" {
		return nil, &types.ExecutionDoesNotExist{}
	}
	return &sfn.DescribeExecutionOutput{Status: types.ExecutionStatus(e)}, nil
}

// A status that the SDK learns has to be judged here.
func TestEveryStatusIsJudged(t *testing.T) {
	for _, status := range types.ExecutionStatus("").Values() {
		want, known := statuses[status]
		if running, err := Running(t.Context(), execution(status), "arn"); !known || running != want || err != nil {
			t.Errorf("%s: running %t, known %t, error %v", status, running, known, err)
		}
	}
}

func TestWhatNobodyKnowsIsNotTakenForEnded(t *testing.T) {
	for status, want := range map[execution]bool{"MEDITATING": true, "": false} {
		if running, err := Running(t.Context(), status, "arn"); running != want || err != nil {
			t.Errorf("%q: running %t, error %v", status, running, err)
		}
	}
}
