package outcome

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/smithy-go"
)

func TestName(t *testing.T) {
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
		"a quota is no throttle":    {&smithy.GenericAPIError{Code: "LimitExceededException"}, "BadInput"},
		"denied":                    {&smithy.GenericAPIError{Code: "AccessDenied"}, "Failed"},
		"anything else":             {errors.New("boom"), "Failed"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Name(row.err); got != row.want {
				t.Errorf("Name(%v) = %q, want %q", row.err, got, row.want)
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
