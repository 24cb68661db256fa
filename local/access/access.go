// Package access says what a call needs to be allowed, and whether the policies of the roles and resources involved allow
// it: the permission decisions of AWS's services, one for each action and resource that a call touches, and for what AWS
// documents that it needs besides. What it has no rule for is refused.
package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdslink/rdslink/local/front"
	"github.com/rdslink/rdslink/local/iam"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// tagged knows the tags of a service's resources; false for what does not exist.
type tagged interface {
	Tags(account, resource string) (map[string]string, bool)
}

// network is what EC2 knows about its resources.
type network interface {
	tagged
	// NotificationService is the endpoint service of a connection notification.
	NotificationService(account, notificationID string) (serviceID string, ok bool)
	// AssociatedSubnet is the subnet that an association of a network ACL is of.
	AssociatedSubnet(account, association string) (subnet string, ok bool)
}

// Access decides about calls.
type Access struct {
	world     *model.World
	network   network
	balancers tagged
	documents *documents

	mu sync.Mutex
	// done is what is needed once and has been done: by maker, the service-linked role that a first load balancer or target
	// group makes; by ARN, the log that a function's or a state machine's first run begins.
	done map[string]bool
}

// New makes an access whose policies are MiniStack's records; records configures clients that read
// them as an account's root.
func New(w *model.World, network network, balancers tagged, records func(account string) aws.Config) *Access {
	return &Access{
		world: w, network: network, balancers: balancers, documents: newDocuments(records), done: map[string]bool{},
	}
}

// deploys says whether a call is made as one of the roles that the CDK's bootstrapping makes, or becomes one: they
// are logged and let through.
func deploys(c front.Call) bool {
	const bootstrapped = ":role/cdk-hnb659fds-"
	role, _ := c.Parameters["RoleArn"].(string)
	return strings.Contains(c.Caller.Role, bootstrapped) || c.Action == "AssumeRole" && strings.Contains(role, bootstrapped)
}

// Decide says everything that a call needs, each allowed or not, and refuses the call as its service does if one is not.
func (a *Access) Decide(ctx context.Context, c front.Call) (front.Decision, error) {
	if deploys(c) {
		return front.Decision{}, nil
	}
	q := &question{Access: a, Call: c, ctx: ctx}
	needs, err := q.needs()
	if err != nil {
		return front.Decision{}, unjudged(c.Service, err)
	}
	d := front.Decision{Succeeded: q.succeeded}
	for _, n := range needs {
		p, err := a.judge(ctx, c.Caller, n)
		d.Permissions = append(d.Permissions, p)
		if err != nil {
			return d, unjudged(c.Service, err)
		}
		if p.Refused != "" {
			return d, front.AccessDenied(c.Service, refusal(c.Caller, n, p.Refused))
		}
	}
	return d, q.trust()
}

// Connect says whether a caller may log in to a database as a user, for which RDS asks: it is no call of its API.
func (a *Access) Connect(ctx context.Context, c wire.Caller, userARN string) (front.Permission, error) {
	n := need{action: "rds-db:connect", resource: userARN}
	if c.Role == "" {
		return front.Permission{}, nil // an account's root may do anything in its account
	}
	p, err := a.judge(ctx, c, n)
	if err == nil && p.Refused != "" {
		err = errors.New(refusal(c, n, p.Refused))
	}
	return p, err
}

// unjudged refuses loudly what cannot be judged: nothing fails open.
func unjudged(service string, err error) error {
	e := front.AccessDenied(service, "local cloud: "+err.Error())
	e.Code = "LocalCloudCannotJudge"
	return e
}

// refusal is IAM's wording: docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html.
func refusal(c wire.Caller, n need, reason string) string {
	who := c.ARN
	if n.role != "" {
		who = n.role
	}
	on := ""
	if n.resource != "*" {
		on = " on resource: " + n.resource
	}
	return fmt.Sprintf("User: %s is not authorized to perform: %s%s %s", who, n.action, on, reason)
}

// judge asks the policies that one need depends on.
func (a *Access) judge(ctx context.Context, c wire.Caller, n need) (front.Permission, error) {
	asked := time.Now()
	principal := iam.Principal{Account: c.Account, ARN: c.ARN, Role: c.Role}
	if n.role != "" {
		principal = iam.Principal{Account: model.AccountOf(n.role), ARN: session(n.role), Role: n.role}
	}
	p := front.Permission{Role: principal.Role, Action: n.action, Resource: n.resource, Implied: n.implied, Gone: n.gone}
	r := iam.Request{Principal: principal, Action: n.action, Resource: n.resource, Everywhere: n.everywhere,
		Context: a.context(principal, n, c.Region)}
	p.Context = r.Context
	d, err := a.evaluate(ctx, r)
	if err == nil && !d.Allowed {
		a.documents.forget(asked)
		d, err = a.evaluate(ctx, r) // somebody may have changed the policies just now
	}
	if err != nil {
		if ctx.Err() == nil { // nobody refuses a caller who is gone
			p.Refused = err.Error()
		}
		return p, fmt.Errorf("judge %s on %s: %w", n.action, n.resource, err)
	}
	for _, s := range d.Allows {
		p.Allows = append(p.Allows, s.String())
	}
	switch {
	case d.Allowed:
	case ctx.Err() != nil: // what the call needs was read in vain, too, as that there is no log group
		return p, fmt.Errorf("judge %s on %s: %w", n.action, n.resource, ctx.Err())
	default:
		p.Refused = d.Reason
	}
	return p, nil
}

func (a *Access) evaluate(ctx context.Context, r iam.Request) (iam.Decision, error) {
	policies, err := a.documents.of(ctx, r.Principal, r.Action, r.Resource)
	if err != nil {
		return iam.Decision{}, err
	}
	return iam.Evaluate(r, policies)
}

// session is the ARN of a session in which a service uses a role.
func session(role string) string {
	return "arn:aws:sts::" + model.AccountOf(role) + ":assumed-role/" + role[strings.LastIndex(role, "/")+1:] + "/service"
}

// isDone says whether something that is needed once has been done.
func (a *Access) isDone(what string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.done[what]
}

// sorted is the keys of m in order.
func sorted(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
