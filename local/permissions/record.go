// Package permissions holds the policies of an app's roles against what the roles needed while every test ran: nothing may
// be missing, nothing may be granted that nothing needed, and next to each need stands what must be refused.
package permissions

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/rdslink/rdslink/local/front"
	"github.com/rdslink/rdslink/local/iam"
)

// Record is what a run has shown.
type Record struct {
	Roles []Role
}

// Role is one of the app's roles: what it is allowed, and what it needed.
type Role struct {
	Name     string
	Twin     bool // it is of the second deployment
	Policies []Document
	Uses     []Use
}

// Document is a policy's text.
type Document struct{ Name, Text string }

// Use is something that was needed, so many times.
type Use struct {
	front.Permission
	Count int
}

// Collect reads the app's roles in an account, and what they needed from the call log.
func Collect(ctx context.Context, config aws.Config, log []byte, rules *Rules) (Record, error) {
	uses, err := uses(log, rules.Except)
	if err != nil {
		return Record{}, err
	}
	var r Record
	managed := map[string]string{}
	pages := awsiam.NewGetAccountAuthorizationDetailsPaginator(awsiam.NewFromConfig(config), &awsiam.GetAccountAuthorizationDetailsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return Record{}, fmt.Errorf("read roles: %w", err)
		}
		for _, policy := range page.Policies {
			for _, version := range policy.PolicyVersionList {
				if version.IsDefaultVersion {
					managed[aws.ToString(policy.Arn)] = unescaped(version.Document)
				}
			}
		}
		for _, detail := range page.RoleDetailList {
			role, ours := rules.role(aws.ToString(detail.RoleName))
			for _, inline := range detail.RolePolicyList {
				role.Policies = append(role.Policies, Document{aws.ToString(inline.PolicyName), unescaped(inline.PolicyDocument)})
			}
			for _, attached := range detail.AttachedManagedPolicies {
				role.Policies = append(role.Policies, Document{aws.ToString(attached.PolicyName), managed[aws.ToString(attached.PolicyArn)]})
			}
			if ours && len(role.Policies) > 0 {
				role.Uses = uses[aws.ToString(detail.Arn)]
				r.Roles = append(r.Roles, role)
			}
		}
	}
	if len(r.Roles) == 0 {
		return r, fmt.Errorf("collect permissions: the account has no role %s…", rules.Roles)
	}
	slices.SortFunc(r.Roles, func(a, b Role) int { return strings.Compare(a.Name, b.Name) })
	return r, nil
}

func unescaped(document *string) string {
	text, err := url.QueryUnescape(aws.ToString(document))
	if err != nil {
		return aws.ToString(document)
	}
	return text
}

// uses are what each role needed, by its ARN, from the call log. That nobody may change by its tags what is gone is no need.
func uses(log []byte, except string) (map[string][]Use, error) {
	counted := map[string]map[string]int{}
	found := map[string][]Use{}
	for line := range bytes.Lines(log) {
		var e front.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("decode call: %w", err)
		}
		if e.Session == except {
			continue
		}
		for _, p := range e.Permissions {
			if p.Gone && p.Refused != "" {
				continue
			}
			key := fmt.Sprint(p.Action, p.Resource, p.Context, p.Implied)
			if counted[p.Role] == nil {
				counted[p.Role] = map[string]int{}
			}
			if at, ok := counted[p.Role][key]; ok {
				found[p.Role][at].Count++
				continue
			}
			counted[p.Role][key] = len(found[p.Role])
			found[p.Role] = append(found[p.Role], Use{p, 1})
		}
	}
	return found, nil
}

// parsed are the role's policies, read.
func (r Role) parsed() ([]*iam.Policy, error) {
	var all []*iam.Policy
	for _, d := range r.Policies {
		p, err := iam.Parse(iam.Identity, d.Name, d.Text)
		if err != nil {
			return nil, fmt.Errorf("role %s: %w", r.Name, err)
		}
		all = append(all, p)
	}
	return all, nil
}

// Refused are the needs of the app's roles that were not met.
func (r Record) Refused() []string {
	var all []string
	for _, role := range r.Roles {
		for _, u := range role.Uses {
			if u.Refused != "" {
				all = append(all, fmt.Sprintf("%s %s on %s %s", role.Name, u.Action, u.Resource, u.Refused))
			}
		}
	}
	return all
}

// Write puts the record into a file.
func (r Record) Write(file string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode permissions: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("write permissions: %w", err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return fmt.Errorf("write permissions: %w", err)
	}
	return nil
}

// Read reads a record from a file.
func Read(file string) (Record, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Record{}, fmt.Errorf("read permissions: %w", err)
	}
	var r Record
	if err := json.Unmarshal(text, &r); err != nil {
		return Record{}, fmt.Errorf("read permissions: %s: %w", file, err)
	}
	return r, nil
}
