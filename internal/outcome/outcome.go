// Package outcome names what a piece of work can come to: the words that the state machine's Retry rules and its operators
// know, carried by an error through any amount of wrapping.
package outcome

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
)

// The names. ConnectionRejected reaches the state machine as a task failure and never through a step's error.
const (
	NameNotReady           = "NotReady"
	NameBadInput           = "BadInput"
	NameConflict           = "Conflict"
	NameThrottled          = "Throttled"
	NameFailed             = "Failed"
	NameConnectionRejected = "ConnectionRejected"
)

// named is an error that carries one of the names through any amount of wrapping.
type named struct {
	name string
	err  error
}

func (n *named) Error() string { return n.err.Error() }
func (n *named) Unwrap() error { return n.err }

func newNamed(name, format string, args []any) error {
	return &named{name: name, err: fmt.Errorf(format, args...)}
}

// NotReady says that AWS is still working: the state machine asks again, and the step then finds what it made before.
func NotReady(format string, args ...any) error { return newNamed(NameNotReady, format, args) }

// BadInput says that a person must change what they typed.
func BadInput(format string, args ...any) error { return newNamed(NameBadInput, format, args) }

// Conflict says that something else holds the exposure, or that what was found is not ours.
func Conflict(format string, args ...any) error { return newNamed(NameConflict, format, args) }

// Throttled says that AWS asked to come back later.
func Throttled(format string, args ...any) error { return newNamed(NameThrottled, format, args) }

// Failed says that trying again as it is will not help.
func Failed(format string, args ...any) error { return newNamed(NameFailed, format, args) }

// Unknown says that AWS answered with a value that this version does not know. Nobody can tell what it means, so it is never
// a success; it may pass, so it is asked again; and it is logged as an error, so that nobody waits in silence.
func Unknown(ctx context.Context, what, of, value string) error {
	slog.ErrorContext(ctx, "AWS answers with a value that this version does not know", "what", what, "of", of, "value", value)
	return NotReady("%s of %s: %q is a value that this version of rdslink does not know: update rdslink, or report it", what, of, value)
}

// Name names err as the state machine knows it; nil has no name. What the SDK itself would have retried, and gave up on,
// is Throttled: the state machine waits longer than the SDK may.
func Name(err error) string {
	if err == nil {
		return ""
	}
	if n, ok := errors.AsType[*named](err); ok {
		return n.name
	}
	switch {
	case transient(err):
		return NameThrottled
	case overQuota(err):
		return NameBadInput
	}
	return NameFailed
}

func transient(err error) bool {
	switch code(err) {
	case "LimitExceededException":
		// The SDK counts it among the throttles, but Lambda and DynamoDB mean a quota by it, and a quota does not pass by waiting.
		return false
	case "KMSThrottling", "KmsThrottlingException", "EC2ThrottledException":
		// KMS and EC2 throttle the service that acts for us, and the SDK does not know these codes.
		return true
	}
	return retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary
}

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// Message is what a person reads of err. What there are too many of comes with the quota to raise. A refusal names the
// action that was refused, because EC2 hides it in an encoded blob. What our roles may change must carry our tag, which
// nothing that somebody deleted does: that may be refused before anybody says that it is gone. Passwords are left out.
func Message(err error) string { return Discreet(message(err)) }

func message(err error) string {
	if _, said := errors.AsType[*named](err); !said && overQuota(err) {
		return remedy(code(err)) + "; then redrive this execution: " + err.Error()
	}
	action, denied := Denied(err)
	if !denied {
		return err.Error()
	}
	return fmt.Sprintf("%s is not allowed: check service control policies and permissions boundaries as well as the function's role, "+
		"and whether what it is about still exists and carries its tags: %v", action, err)
}

// denies finds the action in a refusal of IAM's: it may be another than the one that was called.
var denies = regexp.MustCompile(`not authorized to perform: (\w+:\w+)`)

// Denied tells an error that is a refusal for want of permission, and the action that it is about.
func Denied(err error) (action string, denied bool) {
	if !refused(code(err)) {
		return "", false
	}
	if said := denies.FindStringSubmatch(err.Error()); said != nil {
		return said[1], true
	}
	return actionOf(err), true
}

// refused tells the codes of EC2, of SNS, of SNS and Lambda for a key, and of all others.
func refused(code string) bool {
	return code == "UnauthorizedOperation" || code == "AuthorizationError" ||
		strings.HasPrefix(code, "KMSAccessDenied") || strings.HasPrefix(code, "AccessDenied")
}

// DoWithout says whether AWS refused what a set-up can do without, and warns. A service control policy or a boundary may
// forbid what the function's role allows, and shall not end a set-up over what it does not rest on.
func DoWithout(ctx context.Context, err error, what string) bool {
	if _, denied := Denied(err); !denied {
		return false
	}
	slog.WarnContext(ctx, "refused, and done without", "without", what, "message", Message(err))
	return true
}

// iamPrefix holds the services whose IAM prefix is not their SDK id in lower case.
var iamPrefix = map[string]string{
	"CloudWatch Logs":           "logs",
	"Elastic Load Balancing v2": "elasticloadbalancing",
	"EventBridge":               "events",
	"Service Quotas":            "servicequotas",
	"SFN":                       "states",
}

func actionOf(err error) string {
	operation, ok := errors.AsType[*smithy.OperationError](err)
	if !ok {
		return "the call"
	}
	prefix, ok := iamPrefix[operation.ServiceID]
	if !ok {
		prefix = strings.ToLower(operation.ServiceID)
	}
	return prefix + ":" + operation.OperationName
}
