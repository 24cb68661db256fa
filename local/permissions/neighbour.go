package permissions

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/rdslink/rdslink/local/iam"
)

// guards are those of AWS's keys; an app has more, its tags first of all.
var guards = []Guard{
	{Key: "ec2:CreateAction", Other: ""},
	{Key: "ec2:CreateAction", Other: "RunInstances"},
	{Key: "elasticloadbalancing:CreateAction", Other: ""},
	{Key: "elasticloadbalancing:CreateAction", Other: "CreateRule"},
	{Key: "elasticloadbalancing:Scheme", Other: "internet-facing"},
	{Key: "iam:PassedToService", Other: ""},
	{Key: "iam:PassedToService", Other: "ec2.amazonaws.com"},
	{Key: "iam:AWSServiceName", Other: ""},
	{Key: "iam:AWSServiceName", Other: "spot.amazonaws.com"},
	{Key: "sns:Protocol", Other: ""},
	{Key: "sns:Protocol", Other: "https"},
	{Key: "events:detail-type", Other: ""},
	{Key: "events:detail-type", Other: "Another"},
	{Key: "events:source", Other: ""},
	{Key: "events:source", Other: "another"},
	{Key: "elasticloadbalancing:Scheme", Other: ""},
	{Key: "route53:ChangeResourceRecordSetsActions", Other: ""},
	{Key: "route53:ChangeResourceRecordSetsActions", Other: "CREATE"},
	{Key: "route53:ChangeResourceRecordSetsNormalizedRecordNames", Other: ""},
	{Key: "route53:ChangeResourceRecordSetsNormalizedRecordNames", Other: "www.example.com"},
	{Key: "route53:ChangeResourceRecordSetsRecordTypes", Other: ""},
	{Key: "route53:ChangeResourceRecordSetsRecordTypes", Other: "A"},
	{Key: "kms:ViaService", Other: ""},
	{Key: "kms:ViaService", Other: "s3.eu-central-1.amazonaws.com"},
	{Key: "kms:ViaService", Other: "ec2.eu-central-1.amazonaws.com"},
	{Key: "kms:EncryptionContext:aws:s3:arn", Other: ""},
	{Key: "kms:EncryptionContext:aws:s3:arn", Other: "arn:aws:s3:::another/object"},
}

// guards are AWS's and the app's.
func (r *Rules) guards() []Guard {
	all := slices.Concat(guards, r.Guards)
	for _, tag := range r.Tags {
		for _, whose := range []string{"aws:RequestTag/", "aws:ResourceTag/"} {
			all = append(all, Guard{Key: whose + tag}, Guard{Key: whose + tag, Other: "another"})
		}
	}
	return all
}

// neighbour is a request that differs from a use in one thing.
type neighbour struct {
	about    string // in what
	resource string
	context  iam.Context
	// chain names neighbours that come in order, the least alike first: what a pattern lets through, it does
	// for all that are more alike.
	chain string
}

// neighbours finds the requests next to a use that are allowed, too, without a reason.
func (c *checker) neighbours() {
	for _, u := range c.representatives() {
		known := map[string]bool{}
		for _, n := range c.rules.around(u, c.twin) {
			if !c.more() {
				return
			}
			if known[n.chain] || !c.evaluate(u.Action, n.resource, n.context, u.Role).Allowed {
				continue
			}
			known[n.chain] = n.chain != ""
			if !c.excused(u.Action, n.about, u.Context) {
				c.add("wide: %s is allowed %s, too (needed on %s)", u.Action, n.about, u.Resource)
			}
		}
	}
}

// representatives are one use of each sort: the same parts of the same statements allow all of a
// sort, under the same guards.
func (c *checker) representatives() []Use {
	seen, guards := map[string]bool{}, c.rules.guards()
	var few []Use
	for _, u := range c.uses {
		sort := u.Action
		for _, p := range c.policies {
			for _, s := range p.Statements {
				for i, pattern := range s.Resource {
					if iam.Like(pattern, u.Resource) {
						sort += fmt.Sprint(" ", p.Name, s.N, ".", i)
					}
				}
			}
		}
		for _, g := range guards {
			sort += fmt.Sprint(" ", values(u, g.Key))
		}
		if !seen[sort] {
			seen[sort] = true
			few = append(few, u)
		}
	}
	return few
}

// around are the neighbours of a use.
func (r *Rules) around(u Use, twin bool) []neighbour {
	var all []neighbour
	for _, g := range r.guards() {
		added := slices.Contains(r.Guards, g)
		if twin {
			g.Other = r.Twins.second(g.Other)
		}
		v, modelled := u.Context[g.Key]
		if g.Action != "" && iam.Like(g.Action, u.Action) { // a tag that the resource does not have is there with its family
			_, modelled = u.Context[g.Key[:strings.LastIndex(g.Key, "/")+1]]
		}
		if !modelled || len(v) == 0 && !added || slices.Equal(v, []string{g.Other}) {
			continue
		}
		context := maps.Clone(u.Context)
		about := "with " + g.Key + " " + g.Other
		if context[g.Key] = []string{g.Other}; g.Other == "" {
			context[g.Key], about = nil, "without "+g.Key
		}
		// EC2 and load balancers have the resource's tags under a name of their own as well.
		service, _, _ := strings.Cut(u.Action, ":")
		if tag, ok := strings.CutPrefix(g.Key, "aws:ResourceTag/"); ok {
			context[service+":ResourceTag/"+tag] = context[g.Key]
		}
		all = append(all, neighbour{about: about, resource: u.Resource, context: context})
	}
	return append(all, r.elsewhere(u)...)
}

// elsewhere are the same request about other resources: of another account, of another region, of another type, and others
// of the same type, which are not ours, or are.
func (r *Rules) elsewhere(u Use) []neighbour {
	parts := strings.SplitN(u.Resource, ":", 6)
	if len(parts) < 6 {
		return nil
	}
	at := func(n int, value string) string {
		moved := slices.Clone(parts)
		moved[n] = value
		return strings.Join(moved, ":")
	}
	var all []neighbour
	if region := parts[3]; region != "" {
		all = append(all, neighbour{about: "in another region", resource: at(3, region[:len(region)-1]+"2"), context: u.Context})
	}
	if parts[4] != "" {
		all = append(all, neighbour{about: "of another account", resource: at(4, "123456789012"), context: u.Context})
	}
	action, _ := iam.Lookup(u.Action)
	all = append(all, otherTypes(u, action, parts)...)
	strange, tagged := r.foreign(u)
	for _, i := range boundaries(parts[5]) {
		name := anotherName(action, parts[5], i, func(name string) string { return at(5, name) })
		all = append(all, neighbour{about: "on " + name, resource: at(5, name), context: strange, chain: "strange"})
		if tagged {
			all = append(all, neighbour{about: "on " + name + " with the tag", resource: at(5, name), context: u.Context, chain: "ours"})
		}
	}
	return all
}

var part = regexp.MustCompile(`[^/:]+`)

// anotherName is a resource's name that is another from a place on. It has as many parts as its type has.
func anotherName(action iam.Action, name string, from int, arn func(name string) string) string {
	other := name[:from] + "other"
	if strings.Contains(name[from:], ":log-stream:") {
		return other + ":log-stream:other"
	}
	if _, whole := action.ResourceType(arn(other)); whole {
		return other
	}
	return name[:from] + part.ReplaceAllString(name[from:], "other")
}

// foreign is the use's context for a resource without the app's tags, and whether that differs.
func (r *Rules) foreign(u Use) (context iam.Context, tagged bool) {
	context = maps.Clone(u.Context)
	service, _, _ := strings.Cut(u.Action, ":")
	for _, tag := range r.Tags {
		for _, family := range []string{"aws", service} {
			if key := family + ":ResourceTag/" + tag; len(context[key]) > 0 {
				context[key], tagged = nil, true
			}
		}
	}
	return context, tagged
}

// otherTypes are resources of the other types that the action acts on.
func otherTypes(u Use, action iam.Action, parts []string) []neighbour {
	own, _ := action.ResourceType(u.Resource)
	var all []neighbour
	for _, t := range action.Resources {
		if t.Name != own.Name {
			arn := generic(t.ARN, parts[3], parts[4])
			all = append(all, neighbour{about: "on a " + t.Name, resource: arn, context: u.Context})
		}
	}
	return all
}

var placeholder = regexp.MustCompile(`\$\{\w+\}|\.\*`)

// generic is an ARN of a resource type, in a region and an account.
func generic(pattern, region, account string) string {
	filled := strings.NewReplacer("${Partition}", "aws", "${Region}", region, "${Account}", account).Replace(pattern)
	return placeholder.ReplaceAllString(filled, "other")
}

// boundaries are where a part of a resource's name begins.
func boundaries(name string) []int {
	at := []int{0}
	for i, r := range name {
		if strings.ContainsRune("/:-_", r) && i+1 < len(name) {
			at = append(at, i+1)
		}
	}
	return at
}
