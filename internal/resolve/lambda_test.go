package resolve_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/resolve"
)

type invoker struct {
	out *lambda.InvokeOutput
	err error
}

func (i invoker) Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	return i.out, i.err
}

func TestLambda(t *testing.T) {
	for name, test := range map[string]struct {
		reply invoker
		class string
		want  string
	}{
		"an answer":        {reply: invoker{out: &lambda.InvokeOutput{Payload: []byte(`{"lookups":[["10.0.1.5"]],"added":"later"}`)}}},
		"idle for 14 days": {reply: invoker{err: &types.ResourceNotReadyException{}}, class: "NotReady", want: "resolver-1"},
		"still pending":    {reply: invoker{err: &types.ResourceConflictException{}}, class: "NotReady", want: "resolver-1"},
		"throttled":        {reply: invoker{err: &types.TooManyRequestsException{}}, class: "Throttled", want: "resolver-1"},
		"the function failed": {reply: invoker{out: &lambda.InvokeOutput{FunctionError: aws.String("Unhandled"), Payload: []byte(`{"errorMessage":"out of memory"}`)}},
			class: "Failed", want: "out of memory"},
		"something that is no answer": {reply: invoker{out: &lambda.InvokeOutput{Payload: []byte(`<`)}}, class: "Failed", want: "decode"},
		"no permission":               {reply: invoker{err: errors.New("AccessDenied")}, class: "Failed", want: "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := resolve.Lambda(test.reply, "resolver-1").Resolve(t.Context(), resolve.Request{})
			if got := outcome.Name(err); got != test.class {
				t.Fatalf("got %q (%v), want %q", got, err, test.class)
			}
			if err == nil && answer.Lookups[0][0] != "10.0.1.5" {
				t.Errorf("got %+v", answer)
			}
			if err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want it to name %q", err, test.want)
			}
		})
	}
}
