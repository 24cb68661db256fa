// Package resolve asks, from inside the database's VPC or from outside, where a
// database's name points and who answers there.
//
// The asking side (steps and ip-sync) and the answering side (the resolver
// function) are deployed at different times: both ignore fields they do not
// know, and fields are only ever added.
package resolve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

// Request names what to look up and which addresses to probe.
type Request struct {
	Host    string   `json:"host"`
	Port    int      `json:"port"`
	Engine  string   `json:"engine"`
	Lookups int      `json:"lookups"`
	Probe   []string `json:"probe"`
	// Names are further names to look up, once each: the members of a cluster.
	Names []string `json:"names"`
	// ProbeFound asks to probe the addresses that the lookups find too.
	ProbeFound bool `json:"probeFound"`
	// TLS asks for the server's certificate too, to be compared with ServerName.
	TLS        bool   `json:"tls"`
	ServerName string `json:"serverName"`
	// Path are the listeners of the load balancer's nodes, "address:port" each, through which to go to the database.
	Path []string `json:"path,omitempty"`
}

// Answer is what was seen. A lookup that failed has an empty list in Lookups
// and its reason in Errors.
type Answer struct {
	Lookups [][]string `json:"lookups"`
	Errors  []string   `json:"errors"`
	// Gone says that every lookup was told authoritatively that the name does
	// not exist: a time-out or a server failure is not that.
	Gone bool `json:"gone"`
	// Names are the addresses of the further names. One whose lookup failed is
	// missing.
	Names  map[string][]string `json:"names"`
	Probes []Probe             `json:"probes"`
	// Path is what came of going through each listener; empty in the answer of a resolver of an earlier version.
	Path []Probe `json:"path,omitempty"`
}

// Probe is what one address answered.
type Probe struct {
	Address string `json:"address"`
	Result  string `json:"result"`
	TLS     string `json:"tls"`
	Detail  string `json:"detail"`
	// Code is that of the server's refusal on the way through a listener, in the engine's own words: an SQLSTATE of
	// PostgreSQL's, as 57P03; an error number of MySQL's, MariaDB's or SQL Server's, as 1129; one of Oracle's listener. Empty
	// where the server asks for a password.
	Code string `json:"code,omitempty"`
}

// Results of a probe. Blocked proves nothing: a security group that does not
// admit the prober drops packets exactly as a dead host does.
const (
	Open    = "open"
	Refused = "refused"
	Blocked = "blocked"
)

// Results of going through a listener, beside Refused and Blocked.
const (
	// Served: the database itself answered, as one that serves. Nothing else is proof that the way leads to it.
	Served = "served"
	// Answered: something answered. That proves nothing: it may be a server of another name, what has the address now, or the
	// database while it starts, stops, or keeps the node's address out.
	Answered = "answered"
)

// TLS results of a probe; empty when the identity was not asked for.
const (
	Match       = "match"
	Mismatch    = "mismatch"
	Unavailable = "unavailable"
)

// Resolver answers requests from some place in the network.
type Resolver interface {
	Resolve(ctx context.Context, r Request) (Answer, error)
}

// Invoker is the one Lambda call that reaches a resolver function.
type Invoker interface {
	Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

// Lambda is the resolver function in the database's VPC.
func Lambda(client Invoker, functionName string) Resolver {
	return function{client, functionName}
}

type function struct {
	client Invoker
	name   string
}

func (f function) Resolve(ctx context.Context, r Request) (Answer, error) {
	payload, err := json.Marshal(r)
	if err != nil {
		return Answer{}, fmt.Errorf("encode request for %s: %w", f.name, err)
	}
	out, err := f.client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &f.name, Payload: payload})
	if err != nil {
		return Answer{}, invokeError(f.name, err)
	}
	if out.FunctionError != nil {
		return Answer{}, fmt.Errorf("invoke function %s: %s: %s", f.name, aws.ToString(out.FunctionError), out.Payload)
	}
	var answer Answer
	if err := json.Unmarshal(out.Payload, &answer); err != nil {
		return Answer{}, fmt.Errorf("decode answer of %s: %w", f.name, err)
	}
	return answer, nil
}

// invokeError tells "ask again" from failure: a function in a VPC is Pending
// for minutes after its creation, and Inactive after 14 idle days, when the
// first invocation fails and starts it again
// (docs.aws.amazon.com/lambda/latest/dg/functions-states.html).
func invokeError(name string, err error) error {
	_, inactive := errors.AsType[*types.ResourceNotReadyException](err)
	_, pending := errors.AsType[*types.ResourceConflictException](err)
	if inactive || pending {
		return outcome.NotReady("invoke function %s: %w", name, err)
	}
	return fmt.Errorf("invoke function %s: %w", name, err)
}

// Within reports whether an address lies in one of the CIDRs.
func Within(address string, cidrs []string) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(cidrs, func(cidr string) bool {
		block, err := netip.ParsePrefix(cidr)
		return err == nil && block.Contains(ip)
	})
}
