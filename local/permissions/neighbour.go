package permissions

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rdslink/rdslink/local/iam"
)

// guards are the condition keys that keep a grant narrow, each with a value that nobody of the app's may have. An empty value
// means that the request does not have the key.
var guards = []struct{ key, other string }{
	{"aws:RequestTag/rdslink:managed", ""},
	{"aws:RequestTag/rdslink:managed", "false"},
	{"aws:ResourceTag/rdslink:managed", ""},
	{"aws:ResourceTag/rdslink:managed", "false"},
	{"ec2:CreateAction", ""},
	{"ec2:CreateAction", "RunInstances"},
	{"elasticloadbalancing:CreateAction", ""},
	{"elasticloadbalancing:CreateAction", "CreateRule"},
	{"elasticloadbalancing:Scheme", "internet-facing"},
	{"iam:PassedToService", "ec2.amazonaws.com"},
	{"iam:AWSServiceName", "spot.amazonaws.com"},
	{"sns:Protocol", "https"},
	{"events:detail-type", "Another"},
	{"kms:ViaService", ""},
	{"kms:ViaService", "s3.eu-central-1.amazonaws.com"},
	{"lambda:SourceFunctionArn", "arn:aws:lambda:eu-central-1:111122223333:function:rdslink-resolver-vpc-0123456789abcdef0"},
}

// neighbour is a request that differs from a use in one thing.
type neighbour struct {
	about    string // in what
	resource string
	context  iam.Context
	// renamed neighbours come in order, the least alike first: what a pattern lets through, it does for all that are more alike.
	renamed bool
}

// neighbours finds the requests next to a use that are allowed, too, without a reason.
func (c *checker) neighbours() {
	for _, u := range c.representatives() {
		known := false
		for _, n := range around(u) {
			if !c.more() {
				return
			}
			if n.renamed && known || !c.evaluate(u.Action, n.resource, n.context, u.Role).Allowed {
				continue
			}
			known = known || n.renamed
			if !c.excused(u.Action, n.about) {
				c.add("wide: %s is allowed %s, too (needed on %s)", u.Action, n.about, u.Resource)
			}
		}
	}
}

// representatives are one use of each sort: the same parts of the same statements allow all of a sort, under the same guards.
func (c *checker) representatives() []Use {
	seen := map[string]bool{}
	var few []Use
	for _, u := range c.uses {
		sort := u.Action
		for _, p := range c.policies {
			for _, s := range p.Statements {
				for i, pattern := range s.Resource {
					if like(pattern, u.Resource) {
						sort += fmt.Sprint(" ", p.Name, s.N, ".", i)
					}
				}
			}
		}
		for _, g := range guards {
			sort += fmt.Sprint(" ", values(u, g.key))
		}
		if !seen[sort] {
			seen[sort] = true
			few = append(few, u)
		}
	}
	return few
}

// around are the neighbours of a use.
func around(u Use) []neighbour {
	var all []neighbour
	for _, g := range guards {
		v, modelled := u.Context[g.key]
		if !modelled || len(v) == 0 && g.key != "lambda:SourceFunctionArn" || slices.Equal(v, []string{g.other}) {
			continue
		}
		context := maps.Clone(u.Context)
		about := "with " + g.key + " " + g.other
		if context[g.key] = []string{g.other}; g.other == "" {
			context[g.key], about = nil, "without "+g.key
		}
		// EC2 and load balancers have the resource's tags under a name of their own as well.
		service, _, _ := strings.Cut(u.Action, ":")
		if tag, ok := strings.CutPrefix(g.key, "aws:ResourceTag/"); ok {
			context[service+":ResourceTag/"+tag] = context[g.key]
		}
		all = append(all, neighbour{about, u.Resource, context, false})
	}
	return append(all, elsewhere(u)...)
}

// elsewhere are the same request about other resources: of another account, of another region, and others of the same kind,
// which are not ours.
func elsewhere(u Use) []neighbour {
	parts := strings.SplitN(u.Resource, ":", 6)
	if len(parts) < 6 {
		return nil
	}
	var all []neighbour
	other := func(about string, at int, value string) {
		moved := slices.Clone(parts)
		moved[at] = value
		all = append(all, neighbour{about, strings.Join(moved, ":"), u.Context, false})
	}
	if parts[3] != "" {
		other("in another region", 3, "us-west-1")
	}
	if parts[4] != "" {
		other("of another account", 4, "123456789012")
	}
	foreign := maps.Clone(u.Context)
	service, _, _ := strings.Cut(u.Action, ":")
	for _, family := range []string{"aws", service} {
		if _, ok := foreign[family+":ResourceTag/rdslink:managed"]; ok {
			foreign[family+":ResourceTag/rdslink:managed"] = nil
		}
	}
	for _, i := range boundaries(parts[5]) {
		renamed := slices.Clone(parts)
		renamed[5] = parts[5][:i] + "other"
		all = append(all, neighbour{"on " + renamed[5], strings.Join(renamed, ":"), foreign, true})
	}
	return all
}

// boundaries are where a part of a resource's name begins.
func boundaries(name string) []int {
	at := []int{0}
	for i, r := range name {
		if strings.ContainsRune("/:-", r) && i+1 < len(name) {
			at = append(at, i+1)
		}
	}
	return at
}
