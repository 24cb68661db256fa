package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Fault is what goes wrong with the calls that it names; an empty field names all. Kinds are the front's.
// Deliveries to functions are calls of Deliver, what a resource becomes by itself (an endpoint available, a
// database made) is a call of Change, a zone in which a service may have no place is one of Zone.
type Fault struct {
	Role     string `json:"role,omitempty"`
	Action   string `json:"action,omitempty"`   // CreateLoadBalancer
	Resource string `json:"resource,omitempty"` // an ARN, id or name among the call's parameters
	Kind     string `json:"kind"`               // throttle, deny, drop, reply-lost, delay, duplicate, refuse, fail, kill, freeze, late
	Delay    string `json:"delay,omitempty"`    // 1.5s
	Skip     int    `json:"skip,omitempty"`     // how many go by first
	Count    int    `json:"count,omitempty"`    // how often; 0 is always
	For      string `json:"for,omitempty"`      // in the name of the execution, or the payload, of an invocation; empty: any
	Code     string `json:"code,omitempty"`     // what refuse says, in AWS's words; a refused Zone needs none
	Message  string `json:"message,omitempty"`
	Status   int    `json:"status,omitempty"`
}

// Disturb makes things go wrong from now on.
func (c *Cloud) Disturb(ctx context.Context, f Fault) error {
	body, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode fault: %w", err)
	}
	return c.send(ctx, http.MethodPost, "/_local/faults", body)
}

// Unmet are the faults for somebody that no call has met yet.
func (c *Cloud) Unmet(ctx context.Context, whom string) (unmet []Fault, err error) {
	body, err := c.get(ctx, "/_local/faults")
	if err != nil {
		return nil, err
	}
	var all []struct {
		Fault
		Hits int
	}
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, fmt.Errorf("read faults: %w", err)
	}
	for _, f := range all {
		if f.For == whom && f.Hits == 0 {
			unmet = append(unmet, f.Fault)
		}
	}
	return unmet, nil
}

// SettleFor ends what Disturb began for somebody.
func (c *Cloud) SettleFor(ctx context.Context, whom string) error {
	return c.send(ctx, http.MethodDelete, "/_local/faults?for="+url.QueryEscape(whom), nil)
}

// Settle ends everything that Disturb began.
func (c *Cloud) Settle(ctx context.Context) error {
	return c.send(ctx, http.MethodDelete, "/_local/faults", nil)
}

// Limit sets how many functions an account may run at once.
func (c *Cloud) Limit(ctx context.Context, functions int) error {
	return c.send(ctx, http.MethodPost, "/_local/concurrency", fmt.Appendf(nil, `{"limit": %d}`, functions))
}

// Rest lets no schedule fire any more, and waits until every call and delivery is over: then the log of calls is whole.
func (c *Cloud) Rest(ctx context.Context) error {
	return c.send(ctx, http.MethodPost, "/_local/rest", nil)
}

func (c *Cloud) send(ctx context.Context, method, path string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, method, c.Endpoint+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		reason, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s %s %s: %s: %s", method, path, body, response.Status, reason)
	}
	return nil
}
