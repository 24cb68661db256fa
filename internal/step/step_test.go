package step

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/smithy-go"
)

func TestClassify(t *testing.T) {
	for name, row := range map[string]struct {
		err  error
		want string
	}{
		"no error":                  {nil, ""},
		"not ready":                 {NotReady("describe x"), "NotReady"},
		"bad input":                 {BadInput("describe x"), "BadInput"},
		"conflict":                  {Conflict("describe x"), "Conflict"},
		"throttled":                 {Throttled("describe x"), "Throttled"},
		"failed":                    {Failed("describe x"), "Failed"},
		"wrapped":                   {fmt.Errorf("step: %w", NotReady("describe x")), "NotReady"},
		"the outermost name counts": {Failed("give up: %w", NotReady("describe x")), "Failed"},
		"EC2 throttles":             {fmt.Errorf("describe: %w", &smithy.GenericAPIError{Code: "RequestLimitExceeded"}), "Throttled"},
		"ELB throttles":             {&smithy.GenericAPIError{Code: "Throttling"}, "Throttled"},
		"a quota is no throttle":    {&smithy.GenericAPIError{Code: "LimitExceededException"}, "Failed"},
		"denied":                    {&smithy.GenericAPIError{Code: "AccessDenied"}, "Failed"},
		"anything else":             {errors.New("boom"), "Failed"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Classify(row.err); got != row.want {
				t.Errorf("Classify(%v) = %q, want %q", row.err, got, row.want)
			}
		})
	}
}

func TestOutcomeKeepsItsCause(t *testing.T) {
	cause := errors.New("cause")
	if err := fmt.Errorf("outer: %w", NotReady("inner: %w", cause)); !errors.Is(err, cause) {
		t.Errorf("%v does not wrap its cause", err)
	}
}

func TestRefusalNamesTheAction(t *testing.T) {
	for name, row := range map[string]struct {
		service, operation, code string
		want                     string
	}{
		"EC2":            {"EC2", "CreateSecurityGroup", "UnauthorizedOperation", "ec2:CreateSecurityGroup is not allowed"},
		"ELB":            {"Elastic Load Balancing v2", "CreateLoadBalancer", "AccessDenied", "elasticloadbalancing:CreateLoadBalancer is not allowed"},
		"Step Functions": {"SFN", "DescribeExecution", "AccessDeniedException", "states:DescribeExecution is not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			err := fmt.Errorf("create: %w", &smithy.OperationError{ServiceID: row.service, OperationName: row.operation,
				Err: &smithy.GenericAPIError{Code: row.code}})
			got := message(err)
			if !strings.HasPrefix(got, row.want) || !strings.Contains(got, "check service control policies and permissions boundaries") {
				t.Errorf("message = %q", got)
			}
		})
	}
}

type input struct {
	Exposure string `json:"exposure"`
	Port     int    `json:"port"`
}

func TestHandler(t *testing.T) {
	for name, row := range map[string]struct {
		payload string
		err     error
		want    string
	}{
		"a good run":            {payload: `{"exposure":"x","port":1}`},
		"an unknown field":      {payload: `{"exposure":"x","prot":1}`, want: "BadInput"},
		"a field of wrong type": {payload: `{"port":"1"}`, want: "BadInput"},
		"not JSON":              {payload: `]`, want: "BadInput"},
		"the step's own error":  {payload: `{}`, err: fmt.Errorf("wrapped: %w", NotReady("wait")), want: "NotReady"},
	} {
		t.Run(name, func(t *testing.T) {
			serve := handler(func(context.Context, input) (int, error) { return 0, row.err })
			_, err := serve(t.Context(), json.RawMessage(row.payload))
			if row.want == "" && err == nil {
				return
			}
			reported, byValue := err.(messages.InvokeResponse_Error) //nolint:errorlint // aws-lambda-go asserts this very type, not something that wraps it
			if !byValue || reported.Type != row.want {
				t.Errorf("error = %#v, want type %s", err, row.want)
			}
		})
	}
}
