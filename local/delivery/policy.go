package delivery

import (
	"fmt"

	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/local/iam"
)

// request is a service's wish to act on a resource, as the resource's policy judges it.
type request struct {
	principal, action, resource string
	sourceARN, sourceAccount    string
}

// allow is nil if the policy allows r, else an AccessDeniedException that names the reason. Across accounts too the
// resource's policy decides alone: a service principal belongs to none.
func allow(policy string, r request) error {
	reason := "the resource has no policy"
	if policy != "" {
		d, err := judge(policy, r)
		switch {
		case err != nil:
			reason = err.Error()
		case d.Allowed:
			return nil
		default:
			reason = d.Reason
		}
	}
	return &smithy.GenericAPIError{Code: "AccessDeniedException", Message: fmt.Sprintf(
		"%s (source %s) is not authorized to perform %s on %s: %s", r.principal, r.sourceARN, r.action, r.resource, reason)}
}

func judge(policy string, r request) (iam.Decision, error) {
	p, err := iam.Parse(iam.Resource, r.resource, policy)
	if err != nil {
		return iam.Decision{}, err
	}
	return iam.Evaluate(iam.Request{
		Principal: iam.Principal{Service: r.principal}, Action: r.action, Resource: r.resource, Context: r.context(),
	}, iam.Policies{Resource: p})
}

// context has the keys that a service's own request carries:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func (r request) context() iam.Context {
	c := iam.Context{
		"aws:PrincipalIsAWSService": {"true"}, "aws:PrincipalServiceName": {r.principal}, "aws:SecureTransport": {"true"},
		"aws:PrincipalArn": nil, "aws:PrincipalAccount": nil, "aws:SourceArn": nil, "aws:SourceAccount": nil,
	}
	if r.sourceARN != "" {
		c["aws:SourceArn"], c["aws:SourceAccount"] = []string{r.sourceARN}, []string{r.sourceAccount}
	}
	return c
}
