// Package iam decides whether a request is allowed, as IAM's policy evaluation logic does. It is strict: a document that IAM
// would refuse, and a document or request that this package cannot judge, is an error. Nothing that it does not know passes.
//
// Not here: service control policies, resource control policies, session policies, VPC endpoint policies, access control
// lists, KMS grants, and principals that are federated or anonymous.
package iam

import "fmt"

// Kind is what a document is attached to. It decides which elements the document must have and may have.
type Kind int

const (
	Identity Kind = iota // a role or user
	Boundary             // a role or user, as its permissions boundary
	Resource             // a resource
	Trust                // a role, as what says who may assume it
)

func (k Kind) String() string {
	return [...]string{"identity-based policy", "permissions boundary", "resource-based policy", "role trust policy"}[k]
}

// Policy is a document that Parse accepted.
type Policy struct {
	Name       string
	Kind       Kind
	Statements []Statement
}

// Statement is one statement of a policy.
type Statement struct {
	Policy                                   string // its name
	N                                        int    // from 1
	Sid                                      string
	Deny                                     bool
	Principal, NotPrincipal                  Principals
	Action, NotAction, Resource, NotResource []string
	Condition                                []Condition

	variables bool // the document's version knows policy variables
}

func (s Statement) String() string {
	if s.Sid == "" {
		return fmt.Sprintf("%s statement %d", s.Policy, s.N)
	}
	return fmt.Sprintf("%s statement %d (%s)", s.Policy, s.N, s.Sid)
}

// Principals are a statement's principals by their kind: AWS, Service, Federated, CanonicalUser. Everyone is {"*": {"*"}},
// however the document writes it.
type Principals map[string][]string

// Condition is one key of one operator. A statement's conditions are sorted by operator and key.
type Condition struct {
	Operator, Key string
	Values        []string
}

// Principal is who asks.
type Principal struct {
	Account string // 12 digits; empty for a service
	ARN     string // of the session or root or user
	Role    string // ARN of the role behind an assumed-role session
	Service string // events.amazonaws.com, if an AWS service asks by itself
}

func (p Principal) root() bool { return segment(p.ARN, 5) == "root" }

// Request is one action on one resource.
type Request struct {
	Principal Principal
	Action    string // ec2:CreateTags
	Resource  string // an ARN, or "*" for an action without resource types
	// Everywhere says that "*" is meant although the action has resource types: a service may name no resource all the same.
	Everywhere bool
	Context    Context
}

// Policies are all that decide about a request.
type Policies struct {
	Identity []*Policy
	Boundary *Policy // nil: none
	Resource *Policy // nil: the resource has none
	// Sole says that the resource's policy must itself allow, as a KMS key's must; where it allows the account, identity-based
	// policies decide. A role's trust policy always is one.
	Sole bool
}

// Decision is what IAM decides, and why.
type Decision struct {
	Allowed bool
	Allows  []Statement // the Allow statements of identity-based and resource-based policies that match
	Denies  []Statement // the Deny statements of any policy that match
	Reason  string      // of a refusal, in AWS's words: because no identity-based policy allows the ec2:CreateTags action
}
