// Package outcome names what a piece of work can come to: the words that the state machine's Retry rules and its operators
// know, carried by an error through any amount of wrapping.
package outcome

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

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
	case "KMSThrottling", "KMSThrottlingException", "KmsThrottlingException", "KmsThrottled", "EC2ThrottledException":
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
