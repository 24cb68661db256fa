package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/regioninfo"
)

// rolesFile is what `make roles` prints.
const rolesFile = "rdslink.roles.json"

// required is everything in IAM and KMS that a deployer may bring, as the stack itself would make it.
type required struct {
	Roles     map[string]requiredRole `json:"roles"`
	Policies  map[string]any          `json:"policies"`
	KeyPolicy any                     `json:"keyPolicy"`
}

// requiredRole is a role's trust and its permissions; null where it needs none.
type requiredRole struct {
	Trust       any `json:"trust"`
	Permissions any `json:"permissions"`
}

// writeRoles synthesizes the stack as if nothing was given, and writes what it would have made. So the documents are never
// other than those of a deployment that makes its own.
func writeRoles(app awscdk.App, o options, to target) error {
	own := o
	own.roles, own.key = nil, ""
	r := newStack(app, own)
	out := *app.Synth(nil).Directory()
	text, err := os.ReadFile(filepath.Join(out, *r.stack.StackName()+".template.json"))
	if err != nil {
		return err
	}
	var t template
	if err := json.Unmarshal(text, &t); err != nil {
		return fmt.Errorf("decode template: %w", err)
	}
	document, err := json.MarshalIndent(r.required(t, o, to), "", "  ")
	if err != nil {
		return fmt.Errorf("encode roles: %w", err)
	}
	return os.WriteFile(filepath.Join(out, rolesFile), append(document, '\n'), 0o644)
}

// template is the part of a CloudFormation template that is read here.
type template struct {
	Resources map[string]resource
}

type resource struct {
	Type           string
	Properties     map[string]any
	DeletionPolicy string
	DependsOn      []string
}

func (t template) ofType(name string) map[string]resource {
	found := map[string]resource{}
	for id, r := range t.Resources {
		if r.Type == name {
			found[id] = r
		}
	}
	return found
}

// required reads from the template of a stack that makes everything what a stack with the options o takes as it is.
func (r *resources) required(t template, o options, to target) required {
	p := printer{stack: *r.stack.StackName(), template: t, to: to, key: o.key, roles: map[string]string{}}
	for name, role := range r.roles {
		if arn := o.roles[name]; arn != "" {
			p.roles[r.logicalID(role)] = arn
		}
	}
	needs := required{Roles: map[string]requiredRole{}, Policies: map[string]any{}}
	for name, role := range r.roles {
		id := r.logicalID(role)
		trust := p.value(t.Resources[id].Properties["AssumeRolePolicyDocument"])
		needs.Roles[name] = requiredRole{Trust: trust, Permissions: p.permissions(id)}
	}
	for _, policy := range t.ofType("AWS::IAM::ManagedPolicy") {
		needs.Policies[fmt.Sprint(p.value(policy.Properties["ManagedPolicyName"]))] = p.value(policy.Properties["PolicyDocument"])
	}
	for _, key := range t.ofType("AWS::KMS::Key") {
		needs.KeyPolicy = p.value(key.Properties["KeyPolicy"])
	}
	return needs
}

func (r *resources) logicalID(role awsiam.IRole) string {
	return *r.stack.GetLogicalId(role.Node().DefaultChild().(awscdk.CfnElement))
}

// printer writes values of a template out for people. What CloudFormation names is a pattern: the name it will give begins
// with the stack's and the resource's.
type printer struct {
	stack    string
	template template
	to       target
	key      string            // the ARN of the key that was given
	roles    map[string]string // the ARNs of the roles that were given, by logical id
}

// permissions joins a role's inline policies.
func (p printer) permissions(role string) any {
	var statements []any
	add := func(document any) {
		for _, s := range document.(map[string]any)["Statement"].([]any) {
			if s := p.statement(s.(map[string]any)); s != nil {
				statements = append(statements, s)
			}
		}
	}
	inline, _ := p.template.Resources[role].Properties["Policies"].([]any)
	for _, policy := range inline {
		add(policy.(map[string]any)["PolicyDocument"])
	}
	policies := p.template.ofType("AWS::IAM::Policy")
	for _, id := range slices.Sorted(maps.Keys(policies)) {
		for _, holder := range policies[id].Properties["Roles"].([]any) {
			if holder.(map[string]any)["Ref"] == role {
				add(policies[id].Properties["PolicyDocument"])
			}
		}
	}
	if statements == nil {
		return nil
	}
	return map[string]any{"Version": "2012-10-17", "Statement": statements}
}

// statement is a statement without what it says about a key that does not exist yet: that key's own policy will say it.
func (p printer) statement(s map[string]any) any {
	if get, ok := s["Resource"].(map[string]any); ok && p.key == "" {
		if target, ok := get["Fn::GetAtt"].([]any); ok && p.template.Resources[target[0].(string)].Type == "AWS::KMS::Key" {
			return nil
		}
	}
	return p.value(s)
}

func (p printer) value(v any) any {
	switch v := v.(type) {
	case []any:
		var all []any
		for _, one := range v {
			all = append(all, p.value(one))
		}
		return all
	case map[string]any:
		if len(v) == 1 {
			for function, argument := range v {
				if text, ok := p.call(function, argument); ok {
					return text
				}
			}
		}
		all := map[string]any{}
		for name, one := range v {
			all[name] = p.value(one)
		}
		return all
	}
	return v
}

// call evaluates one of the functions of a template that the policies use.
func (p printer) call(function string, argument any) (string, bool) {
	switch function {
	case "Ref":
		return p.ref(argument.(string)), true
	case "Fn::GetAtt":
		return p.arn(argument.([]any)[0].(string)), true
	case "Fn::Sub":
		return p.substitute(argument.(string)), true
	case "Fn::Join":
		var parts []string
		for _, part := range argument.([]any)[1].([]any) {
			parts = append(parts, fmt.Sprint(p.value(part)))
		}
		return anyAsset(strings.Join(parts, argument.([]any)[0].(string))), true
	}
	return "", false
}

// anyAsset leaves open which version of the resolver's code a role may read: the next deployment brings another.
func anyAsset(arn string) string {
	if bucket, _, asset := strings.Cut(arn, "/"); asset && strings.Contains(bucket, ":s3:::cdk-") {
		return bucket + "/*.zip"
	}
	return arn
}

func (p printer) substitute(text string) string {
	for _, name := range []string{"AWS::AccountId", "AWS::Region", "AWS::Partition"} {
		text = strings.ReplaceAll(text, "${"+name+"}", p.ref(name))
	}
	return text
}

func (p printer) ref(name string) string {
	switch name {
	case "AWS::AccountId":
		return cmp.Or(p.to.account, "ACCOUNT")
	case "AWS::Region":
		return cmp.Or(p.to.region, "REGION")
	case "AWS::Partition":
		if p.to.region == "" {
			return "aws"
		}
		return *regioninfo.RegionInfo_Get(&p.to.region).Partition()
	}
	if p.template.Resources[name].Type == "AWS::SNS::Topic" {
		return p.arn(name) // a topic's Ref is its ARN
	}
	return p.name(name)
}

// name is the name of a resource, or the pattern of names that CloudFormation will choose from.
func (p printer) name(id string) string {
	for _, property := range []string{"FunctionName", "LogGroupName", "Name"} {
		if name, ok := p.template.Resources[id].Properties[property]; ok {
			return fmt.Sprint(p.value(name))
		}
	}
	return p.stack + "-" + id + "-*"
}

// arns are the ARNs of what the policies speak of, without partition; the last part is the name.
var arns = map[string]string{
	"AWS::DynamoDB::Table":  "dynamodb:%s:%s:table/",
	"AWS::Events::EventBus": "events:%s:%s:event-bus/",
	"AWS::IAM::Role":        "iam:%.0s:%s:role/",
	"AWS::KMS::Key":         "kms:%s:%s:key/",
	"AWS::Lambda::Function": "lambda:%s:%s:function:",
	"AWS::Logs::LogGroup":   "logs:%s:%s:log-group:",
	"AWS::SNS::Topic":       "sns:%s:%s:",
	"AWS::SQS::Queue":       "sqs:%s:%s:",
}

func (p printer) arn(id string) string {
	kind := p.template.Resources[id].Type
	switch {
	case kind == "AWS::KMS::Key" && p.key != "":
		return p.key
	case p.roles[id] != "":
		return p.roles[id]
	}
	form, known := arns[kind]
	if !known {
		panic("no ARN for " + kind) // a policy speaks of something new: the test of this file names it
	}
	arn := "arn:" + p.ref("AWS::Partition") + ":" + fmt.Sprintf(form, p.ref("AWS::Region"), p.ref("AWS::AccountId")) + p.name(id)
	if kind == "AWS::Logs::LogGroup" {
		arn += ":*"
	}
	return arn
}
