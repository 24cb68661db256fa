package outcome

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"

	"github.com/aws/smithy-go"
)

// Message is what a person reads of err. What there are too many of comes with the quota to raise. A refusal says what was
// refused and where to look. Passwords are left out.
func Message(err error) string { return Discreet(message(err)) }

func message(err error) string {
	if action, denied := Denied(err); denied {
		return fmt.Sprintf("%s is not allowed: check %s: %v", action, where(code(err)), err)
	}
	if _, said := errors.AsType[*named](err); said {
		return err.Error()
	}
	if overQuota(err) {
		return remedy(code(err)) + "; then redrive this execution: " + err.Error()
	}
	for _, r := range refusals {
		if r.codes.MatchString(code(err)) {
			return r.means + ": " + err.Error()
		}
	}
	return err.Error()
}

// deniedCode are the codes of a refusal for want of permission: EC2's, SNS's, IAM's, and what all others call it, some with
// the service in front that refused them in turn (Common Errors in each service's API reference; SDK, types/errors.go).
var deniedCode = regexp.MustCompile(
	`^(UnauthorizedOperation|AuthorizationError|NotAuthorized|UnauthorizedException|[A-Za-z0-9]*AccessDenied)`)

// refusals are those that no permission mends, and what they mean.
var refusals = []struct {
	codes *regexp.Regexp
	means string
}{
	{regexp.MustCompile(`(?i)^kms(Disabled|KeyDisabled|InvalidState|InvalidKeyUsage|NotFound|KeyNotFound|KeyNotAccessible|OptInRequired)`),
		"the KMS key of what is called cannot be used: enable it, cancel its deletion, or give another, then redrive"},
	{regexp.MustCompile(`^(OptInRequired|Blocked|PendingVerification|SubscriptionRequired)`),
		"AWS does not let this account use the service in this region: turn the region on, or ask AWS Support, then redrive"},
	// EC2 answers AuthFailure where a region is off, too (AWSEC2/latest/APIReference/errors-overview.html).
	{regexp.MustCompile(`^(AuthFailure|ExpiredToken|RequestExpired|InvalidClientTokenId|UnrecognizedClient|InvalidAccessKeyId|` +
		`SignatureDoesNotMatch|InvalidSignature|IncompleteSignature|MissingAuthenticationToken|InvalidSecurity$|InvalidSecurityException)`),
		"AWS does not take the credentials: see whether their role is as it was deployed and the region is turned on, then redrive"},
}

// denies finds the action in a refusal of IAM's: it may be another than the one that was called.
var denies = regexp.MustCompile(`not authorized to perform: ([\w-]+:\w+)`)

// Denied tells an error that is a refusal for want of permission, and the action that it is about, because EC2 hides it in
// an encoded blob.
func Denied(err error) (action string, denied bool) {
	if !deniedCode.MatchString(code(err)) {
		return "", false
	}
	if said := denies.FindStringSubmatch(err.Error()); said != nil {
		return said[1], true
	}
	return actionOf(err), true
}

// where is all that may forbid what a policy of ours allows. What our roles may change must carry our tag, which nothing
// that somebody deleted does: that may be refused before anybody says that it is gone.
func where(code string) string {
	ofKey := ""
	if strings.HasPrefix(strings.ToLower(code), "kms") {
		ofKey = ", the KMS key's policy"
	}
	return "service control policies and permissions boundaries as well as the function's role" + ofKey +
		", and whether what it is about still exists and carries its tags"
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
	"Route 53":                  "route53",
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
