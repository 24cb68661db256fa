package main

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEveryWideGrantSaysWhy(t *testing.T) {
	for _, g := range allGrants(synthesized().resources) {
		for _, p := range g.places {
			if strings.Contains(p.arn, "*") != (len(p.because) > 20) {
				t.Errorf("%v on %s: the reason is %q", g.actions, p.arn, p.because)
			}
		}
	}
}

// ofCDK are what CDK itself allows a state machine that logs and traces; none of them has a resource level.
var ofCDK = []string{
	"logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:GetLogDelivery",
	"logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
	"xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
}

// What changes something is allowed on a star only where the grant itself says why. That IAM has nothing narrower for what
// only reads is proven where policies are judged: what it could be narrowed to would count as wide.
func TestStarOnlyWhereIAMHasNothingNarrower(t *testing.T) {
	everywhere := slices.Clone(ofCDK)
	for _, g := range allGrants(synthesized().resources) {
		for _, p := range g.places {
			if p.arn != "*" {
				continue
			}
			everywhere = append(everywhere, g.actions...)
			for _, action := range g.actions {
				if isChange(action) && p.because == noResourceLevel {
					t.Errorf("%s changes something, and is allowed everywhere", action)
				}
			}
		}
	}
	policies := synthesized().json.ofType("AWS::IAM::Policy")
	maps.Copy(policies, synthesized().json.ofType("AWS::IAM::ManagedPolicy"))
	for id, policy := range policies {
		for _, statement := range policy.Properties["PolicyDocument"].(map[string]any)["Statement"].([]any) {
			s := statement.(map[string]any)
			if s["Resource"] != "*" {
				continue
			}
			for _, action := range actions(s) {
				if !slices.Contains(everywhere, action) {
					t.Errorf("%s allows %s on *", id, action)
				}
			}
		}
	}
}

func actions(statement map[string]any) []string {
	if one, ok := statement["Action"].(string); ok {
		return []string{one}
	}
	var all []string
	for _, a := range statement["Action"].([]any) {
		all = append(all, a.(string))
	}
	return all
}

// reason is one of the proof that the end-to-end tests end with: why somebody may do more than what was needed.
type reason struct{ Role, Action, About, Why string }

// excuses says whether the reason speaks of other resources of the place's pattern, for this role and
// action. On a star all do.
func (r reason) excuses(role, action string, p place) bool {
	if p.arn == "*" {
		return r.About != unused && like(r.Role, role) && like(r.Action, action)
	}
	other, ok := strings.CutPrefix(strings.TrimSuffix(r.About, " with the tag"), "on ")
	arn := strings.SplitN(p.arn, ":", 6)
	return ok && len(arn) == 6 && like(r.Role, role) && like(r.Action, action) && like(arn[5], other)
}

// unused says whether the reason speaks of an action that no story needs, or needs on no resource of the place's pattern.
func (r reason) unused(p place) bool {
	arn := strings.SplitN(p.arn, ":", 6)
	return r.About == unused || len(arn) == 6 && strings.HasPrefix(r.About, unused+" arn:") && strings.HasSuffix(r.About, ":"+arn[5])
}

// proof is what it excuses.
type proof struct{ Reasons []reason }

// why are the reasons for a role's actions on others of a place's pattern, or unused if no story needs them.
func (p proof) why(role string, actions []string, where place) []string {
	why := map[string]bool{}
	for _, action := range actions {
		for _, r := range p.Reasons {
			switch {
			case r.excuses(role, action, where):
				why[r.Why] = true
			case r.unused(where) && like(r.Role, role) && like(r.Action, action):
				why[unused] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(why))
}

const unused = "unused"

// like compares a text with a pattern, in which a star is any text, as the proof does.
func like(pattern, text string) bool {
	expression := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*")
	return regexp.MustCompile("^" + expression + "$").MatchString(text)
}

// The end-to-end tests prove that nothing is wider than what was needed, but for reasons. Those about other resources of a
// pattern are the grants' own, and each grant of a pattern has its reason there.
func TestTheProofsReasonsAreTheGrants(t *testing.T) {
	text, err := os.ReadFile("../test/e2e/permissions.json")
	if err != nil {
		t.Fatal(err)
	}
	var excused proof
	if err := json.Unmarshal(text, &excused); err != nil {
		t.Fatal(err)
	}
	r := synthesized().resources
	interfaces, logs := resolverGrants(r)
	roles := map[string]grants{"resolverrole": slices.Concat(interfaces, logs), "starter": operatorGrants(r), "confirmer": confirmerGrants(r),
		"flowlogrole": flowLogGrants(r)}
	for name, may := range permissions(r) {
		roles[strings.ReplaceAll(name, "-", "")+"role"] = may
	}
	for role, may := range roles {
		for _, g := range may {
			for _, p := range g.places {
				if p.because == "" || p.because == noResourceLevel {
					continue
				}
				why := excused.why(role, g.actions, p)
				// Of a grant that no story uses the proof may say both.
				same := len(why) > 0 && !slices.ContainsFunc(why, func(w string) bool { return w != p.because && w != unused })
				if p.arn == "*" {
					same = why == nil || slices.Contains(why, p.because) // some have nothing next to them
				}
				if !same {
					t.Errorf("%s: %v on %s: the proof says %q, the grant %q", role, g.actions, p.arn, why, p.because)
				}
			}
		}
	}
}
