package front

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rdslink/rdslink/local/wire"
)

// FaultKind is what goes wrong with a call.
type FaultKind string

const (
	Throttle  FaultKind = "throttle"
	Deny      FaultKind = "deny"
	Drop      FaultKind = "drop"       // the connection closes before anything happens
	ReplyLost FaultKind = "reply-lost" // it happens, and the connection closes
	Delay     FaultKind = "delay"      // it happens later
	Duplicate FaultKind = "duplicate"  // of a delivery, or of an Invoke: it comes twice
	Fail      FaultKind = "fail"       // the service has an error of its own, 500, and nothing happens
	Kill      FaultKind = "kill"       // it happens, and the caller's process ends before it hears of it
	Freeze    FaultKind = "freeze"     // it happens, and the caller's process does nothing any more
	Late      FaultKind = "late"       // of a create: it happens, and describes miss what was made for Delay
	Refuse    FaultKind = "refuse"     // with the rule's code; of a Zone: a service has no place there
)

var kinds = []FaultKind{Throttle, Deny, Drop, ReplyLost, Delay, Duplicate, Fail, Kill, Freeze, Late, Refuse}

// Fault is what goes wrong with one call; the zero value is nothing. Delay comes before any kind but Late.
type Fault struct {
	Kind    FaultKind
	Delay   time.Duration
	Refusal *wire.Error // of Refuse
}

// Rule is a fault for calls of a role, an action and a resource; empty matches every one.
type Rule struct {
	Role     string    `json:"role"`     // a role's name
	Action   string    `json:"action"`   // StartExecution, or states:StartExecution
	Resource string    `json:"resource"` // an ARN, id or name, as the log shows it
	Kind     FaultKind `json:"kind"`
	Delay    string    `json:"delay"` // 1.5s
	Skip     int       `json:"skip"`  // how many of them go by first
	Count    int       `json:"count"` // how often; 0 until the faults are deleted
	// For is in the session that invoked the function that calls, which is the name of an execution, or in what it was invoked
	// with. The Invoke itself counts, and a delivery.
	For string `json:"for"`
	// What refuse says. AWS has more reasons than are modelled here; the words are whose who asks for them.
	Code    string `json:"code"`
	Message string `json:"message"`
	Status  int    `json:"status"` // 400 where there is none

	Hits int `json:"hits"` // how many calls it was for so far

	delay time.Duration
}

// Faults are the rules that hold. POST adds one, DELETE forgets all.
type Faults struct {
	mu    sync.Mutex
	rules []*Rule
	about map[string]string // by the trace of an invocation: the session that it comes from, and its payload
}

// Pick finds the first rule for a call and counts it.
func (f *Faults) Pick(_ context.Context, c Call) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	about, known := f.about[c.Trace]
	if c.Payload != "" {
		about += c.Session() + " " + c.Payload
	}
	if c.Action == "Invoke" && !known { // else a function that was invoked invokes another, for the same
		f.about[c.Trace] = about
	}
	for i, r := range f.rules {
		if !r.matches(c) || !strings.Contains(about, r.For) {
			continue
		}
		if r.Skip > 0 {
			r.Skip--
			continue
		}
		r.Hits++
		if r.Count == 1 {
			f.rules = append(f.rules[:i:i], f.rules[i+1:]...)
		} else if r.Count > 1 {
			r.Count--
		}
		return r.fault()
	}
	return Fault{}
}

func (r *Rule) fault() Fault {
	f := Fault{Kind: r.Kind, Delay: r.delay}
	if r.Kind == Refuse {
		f.Refusal = &wire.Error{Code: r.Code, Message: r.Message, Status: r.Status}
	}
	return f
}

func (r *Rule) matches(c Call) bool {
	return (r.Role == "" || strings.HasSuffix(c.Caller.Role, "/"+r.Role)) &&
		(r.Action == "" || r.Action == c.Action || r.Action == c.Service+":"+c.Action) &&
		(r.Resource == "" || slices.Contains(c.Resources(), r.Resource))
}

func (f *Faults) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPost:
		rule, err := readRule(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.rules = append(f.rules, rule)
	case http.MethodGet: // those that still hold
		f.mu.Lock()
		defer f.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(f.rules)
	case http.MethodDelete: // all, or those for one
		f.mu.Lock()
		defer f.mu.Unlock()
		whose := r.URL.Query().Get("for")
		f.rules = slices.DeleteFunc(f.rules, func(r *Rule) bool { return whose == "" || r.For == whose })
	default:
		http.Error(w, "POST a fault, GET or DELETE all", http.StatusMethodNotAllowed)
	}
}

// zone is the action by which a rule names the places that a service does not take.
const zone = "Zone"

// ZoneCall is how a rule sees that a service looks for a place in a zone, which goes by its name, its id, and that of the
// subnet there.
func ZoneCall(service, name, id, subnet string) Call {
	return Call{Time: time.Now(), Service: service, Action: zone,
		Parameters: map[string]any{"ZoneName": name, "ZoneIdentifier": id, "SubnetIdentifier": subnet}}
}

func readRule(r *http.Request) (*Rule, error) {
	rule := new(Rule)
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(rule); err != nil {
		return nil, fmt.Errorf("read fault: %w", err)
	}
	if !slices.Contains(kinds, rule.Kind) {
		return nil, fmt.Errorf("read fault: kind %q is none of %v", rule.Kind, kinds)
	}
	if rule.Kind == Refuse && rule.Code == "" && !strings.HasSuffix(rule.Action, zone) {
		return nil, errors.New("read fault: refuse needs a code")
	}
	if rule.Delay == "" {
		return rule, nil
	}
	var err error
	if rule.delay, err = time.ParseDuration(rule.Delay); err != nil {
		return nil, fmt.Errorf("read fault: %w", err)
	}
	return rule, nil
}

// throttled is how a service says that it is asked too often: EC2's and Lambda's own codes, and the common ones.
func throttled(service string) *wire.Error {
	switch service {
	case "ec2": // docs.aws.amazon.com/AWSEC2/latest/APIReference/throttling.html
		return &wire.Error{Code: "RequestLimitExceeded", Message: "Request limit exceeded.", Status: http.StatusServiceUnavailable}
	case "elasticloadbalancing", "rds":
		return wire.Errorf("Throttling", "Rate exceeded")
	case "lambda": // docs.aws.amazon.com/lambda/latest/api/CommonErrors.html
		return &wire.Error{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: http.StatusTooManyRequests}
	case "s3":
		return &wire.Error{Code: "SlowDown", Message: "Please reduce your request rate.", Status: http.StatusServiceUnavailable}
	}
	return wire.Errorf("ThrottlingException", "Rate exceeded")
}

// Denied is how a service says that an identity policy does not allow a call
// (docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html).
func Denied(c Call) *wire.Error {
	action := c.Service + ":" + c.Action
	return AccessDenied(c.Service,
		fmt.Sprintf("User: %s is not authorized to perform: %s because no identity-based policy allows the %s action",
			c.Caller.ARN, action, action))
}

// AccessDenied is how a service codes and words that a call is not allowed.
func AccessDenied(service, message string) *wire.Error {
	e := &wire.Error{Code: "AccessDeniedException", Message: message}
	switch service {
	case "ec2":
		e = &wire.Error{Code: "UnauthorizedOperation", Message: "You are not authorized to perform this operation. " + message,
			Status: http.StatusForbidden}
	case "s3", "elasticloadbalancing", "rds", "iam", "sts", "cloudformation":
		e.Code, e.Status = "AccessDenied", http.StatusForbidden
	case "sns":
		e.Code, e.Status = "AuthorizationError", http.StatusForbidden
	case "lambda", "scheduler":
		e.Status = http.StatusForbidden
	}
	return e
}
