package access

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rdslink/rdslink/local/front"
	"github.com/rdslink/rdslink/local/iam"
)

// question is a call whose needs are to be found.
type question struct {
	*Access
	front.Call
	ctx  context.Context
	once string // what the call does for the first time, and nobody needs to be allowed again when it has succeeded
}

// succeeded notes what need not be asked again. A call that is refused, or fails, has done nothing.
func (q *question) succeeded() {
	if q.once == "" {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.done[q.once] = true
}

// need is one thing that a call has to be allowed.
type need struct {
	role     string // ARN of the role that needs it; empty: the caller
	action   string
	resource string // an ARN, or *
	// everywhere says that * is meant, although the reference has types of resources for the action.
	everywhere bool
	tags       map[string]string // the resource's
	gone       bool              // or is there none
	keys       iam.Context       // beside those that every request has
	implied    string            // where AWS documents it, if it is not the action that was called
}

// operation is the call's action as policies name it.
func (q *question) operation() string {
	service := q.Service
	if service == "monitoring" { // requests to CloudWatch are signed for it
		service = "cloudwatch"
	}
	switch action := service + ":" + q.Action; action {
	case "lambda:Invoke":
		return "lambda:InvokeFunction"
	case "sqs:ChangeMessageVisibilityBatch":
		// docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
		return "sqs:ChangeMessageVisibility"
	case "s3:HeadObject":
		return "s3:GetObject"
	default:
		return action
	}
}

// needs are what the call needs, what it asks for first.
func (q *question) needs() ([]need, error) {
	action := q.operation()
	found, err := q.own(action)
	if err != nil {
		return nil, err
	}
	for i := range found {
		if found[i].action == "" {
			found[i].action = action
		}
	}
	return append(found, q.besides(action)...), nil
}

// own is what the called action itself acts on. An account's root may do anything in its account: only where a resource's
// policy can deny it is it asked.
func (q *question) own(action string) ([]need, error) {
	rule := acting[action]
	a, known := iam.Lookup(action)
	switch {
	case rule != nil:
		return rule(q)
	case q.Caller.Role == "":
		return nil, nil
	case !known:
		return nil, fmt.Errorf("%s is not an action of the Service Authorization Reference", action)
	case len(a.Resources) > 0:
		return nil, fmt.Errorf("no rule says on which resources %s acts", action)
	}
	return []need{{resource: "*"}}, nil
}

// besides is what AWS documents that a caller needs beside the action it calls.
func (q *question) besides(action string) []need {
	var found []need
	for _, d := range dependent[action] {
		found = append(found, need{action: d, resource: "*", implied: dependentSource})
	}
	if more := implied[action]; more != nil {
		found = append(found, more(q)...)
	}
	return found
}

// text is a parameter, by the path of names that leads to it.
func (q *question) text(path ...string) string {
	v := any(q.Parameters)
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	text, _ := v.(string)
	return text
}

// list is a parameter that holds several.
func (q *question) list(path ...string) []any {
	v := any(q.Parameters)
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	items, _ := v.([]any)
	return items
}

// texts are a parameter's texts: one, or several.
func (q *question) texts(path ...string) []string {
	if one := q.text(path...); one != "" {
		return []string{one}
	}
	var all []string
	for _, item := range q.list(path...) {
		if text, ok := item.(string); ok {
			all = append(all, text)
		}
	}
	return all
}

// arn is the ARN of a resource of the caller's account in the Region that it calls.
func (q *question) arn(service, resource string) string {
	region := q.world.Region
	if service == "ec2" && q.Caller.Region != "" {
		region = q.Caller.Region
	}
	return "arn:aws:" + service + ":" + region + ":" + q.Caller.Account + ":" + resource
}

// globalARN is the ARN of a resource of the caller's account that has no region.
func (q *question) globalARN(service, resource string) string {
	return "arn:aws:" + service + "::" + q.Caller.Account + ":" + resource
}

// requested are the condition keys for the tags that a request brings.
func requested(tags map[string]string) iam.Context {
	c := iam.Context{"aws:RequestTag/": nil, "aws:TagKeys": sorted(tags)}
	for key, value := range tags {
		c["aws:RequestTag/"+key] = []string{value}
	}
	return c
}

// tagList reads tags that are written as a list of keys and values.
func tagList(items []any) map[string]string {
	tags := map[string]string{}
	for _, item := range items {
		if tag, ok := item.(map[string]any); ok {
			key, _ := tag["Key"].(string)
			tags[key], _ = tag["Value"].(string)
		}
	}
	return tags
}

// with is c and more; what both have, c decides.
func with(c iam.Context, more iam.Context) iam.Context {
	all := iam.Context{}
	maps.Copy(all, more)
	maps.Copy(all, c)
	return all
}

// context has the condition keys of a need that are modelled: those that every request has, the resource's tags, the
// action's own. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func (a *Access) context(p iam.Principal, n need, signed string) iam.Context {
	service, _, _ := strings.Cut(n.action, ":")
	region := a.world.Region
	if signed != "" && (service == "ec2" || service == "vpce") { // the others are in one Region, or in all
		region = signed
	}
	who, kind := p.ARN, "Account"
	if p.Role != "" {
		who, kind = p.Role, "AssumedRole"
	}
	c := iam.Context{
		"aws:PrincipalArn":          {who},
		"aws:PrincipalAccount":      {p.Account},
		"aws:PrincipalType":         {kind},
		"aws:PrincipalIsAWSService": {"false"},
		"aws:PrincipalServiceName":  nil,
		"aws:RequestedRegion":       {region},
		"aws:SecureTransport":       {"true"}, // the door ends TLS, as far as policies are concerned
		"aws:SourceAccount":         nil,
		"aws:SourceArn":             nil,
		"aws:ResourceTag/":          nil,
	}
	if service == "ec2" {
		c["ec2:Region"] = []string{region}
	}
	for key, value := range n.tags {
		c["aws:ResourceTag/"+key] = []string{value}
	}
	if service == "ec2" || service == "elasticloadbalancing" {
		c[service+":ResourceTag/"] = nil
		for key, value := range n.tags {
			c[service+":ResourceTag/"+key] = []string{value}
		}
	}
	return with(n.keys, c)
}

// distinct leaves out what is there already.
func distinct(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}
