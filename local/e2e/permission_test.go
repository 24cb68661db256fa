package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/rdslink/rdslink/local/stage"
)

// The local cloud lets every call through. AWS does not: whatever a role of the app called, in all stories, must be an
// action that one of its policies allows, or the first deployment to AWS fails on it.
func checkPermissions(ctx context.Context) error {
	client := iam.NewFromConfig(cloud.Config(stage.Customer))
	lines, err := cloud.Calls(ctx, 0)
	if err != nil {
		return err
	}
	allowed := map[string][]string{}
	var missing []string
	for line := range strings.Lines(string(lines)) {
		var c struct{ Role, Service, Action string }
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			return fmt.Errorf("decode call: %w", err)
		}
		_, role, ofApp := strings.Cut(c.Role, ":role/rdslink-")
		if !ofApp {
			continue
		}
		if allowed[role] == nil {
			if allowed[role], err = policyActions(ctx, client, "rdslink-"+role); err != nil {
				return err
			}
		}
		action := permission(c.Service, c.Action)
		if !slices.ContainsFunc(allowed[role], func(pattern string) bool { return covers(pattern, action) }) {
			missing = append(missing, "rdslink-"+role+" "+action)
		}
	}
	if len(allowed) == 0 {
		return fmt.Errorf("check permissions: the log shows no call of the app's roles")
	}
	if slices.Sort(missing); len(missing) > 0 {
		return fmt.Errorf("called without permission:\n%s", strings.Join(slices.Compact(missing), "\n"))
	}
	return nil
}

// permission is the action in IAM that a call needs, where it is not the operation's own name.
func permission(service, operation string) string {
	if service == "lambda" && operation == "Invoke" {
		return "lambda:InvokeFunction"
	}
	return service + ":" + operation
}

// covers says whether a policy's action, which may end in a star, is the one.
func covers(pattern, action string) bool {
	if prefix, star := strings.CutSuffix(pattern, "*"); star {
		return strings.HasPrefix(action, prefix)
	}
	return pattern == action
}

// policyActions are the actions that the role's own policies allow.
func policyActions(ctx context.Context, client *iam.Client, role string) ([]string, error) {
	names, err := client.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: &role})
	if err != nil {
		return nil, fmt.Errorf("list policies of role %s: %w", role, err)
	}
	actions := []string{}
	for _, name := range names.PolicyNames {
		policy, err := client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
		if err != nil {
			return nil, fmt.Errorf("get policy %s of role %s: %w", name, role, err)
		}
		document, err := url.QueryUnescape(aws.ToString(policy.PolicyDocument))
		if err != nil {
			return nil, fmt.Errorf("read policy %s of role %s: %w", name, role, err)
		}
		found, err := allows([]byte(document))
		if err != nil {
			return nil, fmt.Errorf("read policy %s of role %s: %w", name, role, err)
		}
		actions = append(actions, found...)
	}
	return actions, nil
}

// allows are the actions of the Allow statements of a policy document.
func allows(document []byte) ([]string, error) {
	var policy struct {
		Statement []struct {
			Effect string
			Action oneOrMore
		}
	}
	if err := json.Unmarshal(document, &policy); err != nil {
		return nil, err
	}
	var actions []string
	for _, s := range policy.Statement {
		if s.Effect == "Allow" {
			actions = append(actions, s.Action...)
		}
	}
	return actions, nil
}

// oneOrMore is a policy's way to write a list.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(o))
}
