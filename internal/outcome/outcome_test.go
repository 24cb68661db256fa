package outcome

import (
	"errors"
	"fmt"
	"strings"
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

func TestRefusalNamesTheAction(t *testing.T) {
	for name, row := range map[string]struct {
		service, operation, code string
		want                     string
	}{
		"EC2":            {"EC2", "CreateSecurityGroup", "UnauthorizedOperation", "ec2:CreateSecurityGroup is not allowed"},
		"ELB":            {"Elastic Load Balancing v2", "CreateLoadBalancer", "AccessDenied", "elasticloadbalancing:CreateLoadBalancer is not allowed"},
		"SNS":            {"SNS", "Subscribe", "AuthorizationError", "sns:Subscribe is not allowed"},
		"a key":          {"SNS", "Publish", "KMSAccessDenied", "sns:Publish is not allowed"},
		"Step Functions": {"SFN", "DescribeExecution", "AccessDeniedException", "states:DescribeExecution is not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			err := fmt.Errorf("create: %w", &smithy.OperationError{ServiceID: row.service, OperationName: row.operation,
				Err: &smithy.GenericAPIError{Code: row.code}})
			got := Message(err)
			if !strings.HasPrefix(got, row.want) || !strings.Contains(got, "check service control policies and permissions boundaries") ||
				!strings.Contains(got, "whether what it is about still exists") {
				t.Errorf("message = %q", got)
			}
			if !DoWithout(t.Context(), err, "a look") {
				t.Error("it is no refusal")
			}
			if action, denied := Denied(err); !denied || !strings.HasPrefix(row.want, action+" ") {
				t.Errorf("denied is %q", action)
			}
		})
	}
}

// AWS asks for more than the call: the one that was refused is the one to allow.
func TestRefusalNamesTheActionThatAWSNames(t *testing.T) {
	err := &smithy.OperationError{ServiceID: "Elastic Load Balancing v2", OperationName: "CreateLoadBalancer", Err: &smithy.GenericAPIError{
		Code: "AccessDenied", Message: "User: arn:aws:sts::111122223333:assumed-role/r/s is not authorized to perform: ec2:GetSecurityGroupsForVpc",
	}}
	if got := Message(err); !strings.HasPrefix(got, "ec2:GetSecurityGroupsForVpc is not allowed") {
		t.Errorf("message = %q", got)
	}
}

func TestOnlyARefusalIsDoneWithout(t *testing.T) {
	for name, err := range map[string]error{
		"no error": nil, "a throttle": &smithy.GenericAPIError{Code: "Throttling"}, "not ready": NotReady("look"), "anything else": errors.New("boom"),
	} {
		if DoWithout(t.Context(), err, "a look") {
			t.Errorf("%s is done without", name)
		}
	}
}

// A refusal may be of another action than the one that was called, and says so; what is no refusal names none.
func TestDeniedNamesTheActionThatIsMissing(t *testing.T) {
	of := func(code, message string) error {
		return &smithy.OperationError{ServiceID: "DynamoDB", OperationName: "Scan", Err: &smithy.GenericAPIError{Code: code, Message: message}}
	}
	if action, denied := Denied(of("AccessDeniedException", "User: x is not authorized to perform: kms:Decrypt on resource: y")); action != "kms:Decrypt" || !denied {
		t.Errorf("denied is %q", action)
	}
	if action, denied := Denied(of("ResourceNotFoundException", "gone")); action != "" || denied {
		t.Errorf("denied is %q", action)
	}
}
