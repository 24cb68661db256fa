package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/rdslink/rdslink/internal/link"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolve"
)

// linkCloud is a cloud whose resolver is asked for several names, some of them at once.
type linkCloud struct {
	*cloud
	asking sync.Mutex
	asked  []string
	says   map[string]resolve.Answer // of a name; of the others what the cloud says
}

func newLink() *linkCloud {
	c := &linkCloud{cloud: newCloud(), says: map[string]resolve.Answer{}}
	c.Linked = map[string]registry.Made{"orders": {}, "ledger": {}, "shop": {}, "stock": {}}
	return c
}

func (c *linkCloud) Invoke(_ context.Context, in *lambda.InvokeInput, _ ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	c.asking.Lock()
	defer c.asking.Unlock()
	var request resolve.Request
	if err := json.Unmarshal(in.Payload, &request); err != nil {
		return nil, err
	}
	c.asked = append(c.asked, request.Host)
	answer, is := c.says[request.Host]
	if !is {
		answer = c.answer
	}
	payload, err := json.Marshal(answer)
	return &lambda.InvokeOutput{Payload: payload}, err
}

func (c *linkCloud) step() resolvePrivateIP {
	s := c.cloud.step()
	s.functions = c
	return s
}

// linkInput is a link of three databases, and of a fourth that the list leaves out.
func linkInput() Input {
	in := input()
	in.Exposure, in.Host, in.Port, in.ListenerPort = "acme", "", 0, 0
	in.Databases = []link.Database{
		{Exposure: "orders", Host: "orders.rds.amazonaws.com", Port: 5432, ListenerPort: 6432},
		{Exposure: "ledger", Host: "ledger.rds.amazonaws.com", Port: 5500, ListenerPort: 6433},
		{Exposure: "shop", Host: "shop.rds.amazonaws.com", Port: 3306, ListenerPort: 3306},
	}
	in.NotListed = []link.Kept{{Exposure: "stock", Port: 3400, ListenerPort: 6434}}
	return in
}

// ready is a link whose resolver is there.
func ready(t *testing.T) *linkCloud {
	t.Helper()
	c := newLink()
	if _, err := c.step().run(t.Context(), linkInput()); outcome.Name(err) != outcome.NameNotReady {
		t.Fatal(err)
	}
	c.connect()
	c.Mutations = nil
	return c
}

// All databases share one resolver, which reaches each of them, its listener, and what the list leaves out.
func TestALinksDatabasesShareAResolver(t *testing.T) {
	c := ready(t)
	out, err := c.step().run(t.Context(), linkInput())
	if err != nil || out != (Output{"rdslink-resolver-vpc-1", "sg-1"}) {
		t.Fatalf("%+v, %v", out, err)
	}
	var open []int32
	for _, rule := range c.Rules {
		if *rule.IsEgress && *rule.IpProtocol == "tcp" {
			open = append(open, *rule.FromPort)
		}
	}
	for _, port := range []int32{5432, 6432, 5500, 6433, 3306, 3400, 6434} {
		if n := len(slices.DeleteFunc(slices.Clone(open), func(p int32) bool { return p != port })); n != 1 {
			t.Errorf("port %d is opened %d times, of %v", port, n, open)
		}
	}
	slices.Sort(c.asked)
	if want := []string{"ledger.rds.amazonaws.com", "orders.rds.amazonaws.com", "shop.rds.amazonaws.com"}; !slices.Equal(c.asked, want) {
		t.Errorf("asked for %q, want %q", c.asked, want)
	}
	for id, made := range c.Linked {
		if listed := id != "stock"; (made.ResolverFunction == out.ResolverFunction) != listed || !listed && made.ResolverFunction != "" {
			t.Errorf("recorded of %s is %q", id, made.ResolverFunction)
		}
	}
	if c.Recorded.ResolverFunction != "" {
		t.Errorf("recorded of the link is %q", c.Recorded.ResolverFunction)
	}
	c.Mutations = nil
	if _, err := c.step().run(t.Context(), linkInput()); err != nil || len(c.Mutations) > 0 {
		t.Errorf("a second run changes %q: %v", c.Mutations, err)
	}
}

// One name that has no address, or a wrong one, keeps nobody from being asked for the others', and is the one that is told.
func TestANameOfALinkThatDoesNotResolveIsTold(t *testing.T) {
	nothing, public := resolve.Answer{Errors: []string{"i/o timeout"}}, resolve.Answer{Lookups: [][]string{{"3.120.0.1"}}}
	for name, row := range map[string]struct {
		says       map[string]resolve.Answer
		err, names string
	}{
		"one without an address":           {map[string]resolve.Answer{"orders": nothing}, outcome.NameNotReady, "orders."},
		"one with another's":               {map[string]resolve.Answer{"ledger": public}, outcome.NameFailed, "ledger."},
		"the last one":                     {map[string]resolve.Answer{"shop": nothing}, outcome.NameNotReady, "shop."},
		"what a person mends comes first":  {map[string]resolve.Answer{"orders": nothing, "shop": public}, outcome.NameFailed, "shop."},
		"and of its kind the first listed": {map[string]resolve.Answer{"shop": nothing, "ledger": nothing}, outcome.NameNotReady, "ledger."},
	} {
		t.Run(name, func(t *testing.T) {
			c := ready(t)
			for host, answer := range row.says {
				c.says[host+".rds.amazonaws.com"] = answer
			}
			_, err := c.step().run(t.Context(), linkInput())
			if outcome.Name(err) != row.err || !strings.Contains(err.Error(), "resolve "+row.names) {
				t.Errorf("%v, want %s of %s", err, row.err, row.names)
			}
			if len(c.asked) != 3 {
				t.Errorf("asked for %q only", c.asked)
			}
			for _, id := range []string{"orders", "ledger", "shop"} {
				if c.Linked[id].ResolverFunction == "" {
					t.Errorf("of %s no resolver is recorded: its sync and its removal would not know of it", id)
				}
			}
		})
	}
}

// From outside, too, each database is resolved and recorded; a function that served it before is forgotten.
func TestALinkThatIsResolvedFromOutsideForgetsItsResolver(t *testing.T) {
	c := ready(t)
	if _, err := c.step().run(t.Context(), linkInput()); err != nil {
		t.Fatal(err)
	}
	c.asked = nil
	in := linkInput()
	in.Resolver, in.ResolverSubnetIDs = fromOutside, []string{}
	out, err := c.step().run(t.Context(), in)
	if err != nil || out != (Output{}) || len(c.asked) > 0 {
		t.Errorf("%+v, %v, and its function is asked for %q", out, err, c.asked)
	}
	for _, id := range []string{"orders", "ledger", "shop"} {
		if made := c.Linked[id]; made.ResolverFunction != "" {
			t.Errorf("recorded of %s is %q", id, made.ResolverFunction)
		}
	}
}
