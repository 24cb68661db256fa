package main

import (
	"maps"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/owned"
)

// A grant is one statement of a policy: these actions, in these places, under these conditions.
type grant struct {
	actions    []string
	places     []place
	conditions map[string]map[string]any // by operator and key
}

// A place is the ARN of a resource, or a pattern and why it is no narrower.
type place struct{ arn, because string }

type (
	grants []grant
	places []place
)

// at is one resource.
func at(arn string) places { return places{{arn: arn}} }

// wide are all that a pattern fits.
func wide(pattern, because string) places { return places{{pattern, because}} }

// wide are resources of the stack's own account and region.
func (r *resources) wide(service, pattern, because string) places {
	return wide(r.arn(service, pattern), because)
}

const noResourceLevel = "These actions have no resource-level permissions in the Service Authorization Reference."

// Everything that the steps make carries our tag. What they create must say so, and what they change must have it.
const (
	tagInRequest  = "aws:RequestTag/" + owned.ManagedTag
	tagOnResource = "aws:ResourceTag/" + owned.ManagedTag
)

// allows is for actions that the place alone narrows.
func allows(service string, where places, actions ...string) grants {
	g := grant{places: where}
	for _, action := range actions {
		g.actions = append(g.actions, service+":"+action)
	}
	return grants{g}
}

// reads is for actions that IAM allows everywhere or nowhere.
func reads(service string, actions ...string) grants {
	return allows(service, wide("*", noResourceLevel), actions...)
}

// tagging is what puts tags on a service's resources.
var tagging = map[string]string{"ec2": "CreateTags", "elasticloadbalancing": "AddTags"}

func (r *resources) creates(service string, where places, actions ...string) grants {
	return allows(service, where, actions...).only(tagInRequest, r.options.name.Managed())
}

func (r *resources) changes(service string, where places, actions ...string) grants {
	return allows(service, where, actions...).only(tagOnResource, r.options.name.Managed())
}

// tagsWith allows tagging only as a part of the creating actions, and only what is ours.
func (r *resources) tagsWith(service string, where places, creating ...string) grants {
	return r.creates(service, where, tagging[service]).only(service+":CreateAction", creating...)
}

// retags allows putting tags on what is ours, ours among them: nothing is handed to another stack.
func (r *resources) retags(service string, where places) grants {
	return r.changes(service, where, tagging[service]).only(tagInRequest, r.options.name.Managed())
}

// passes allows handing a role to one service only.
func passes(role awsiam.IRole, service string) grants {
	return allows("iam", at(*role.RoleArn()), "PassRole").only("iam:PassedToService", service)
}

// putsOn allows our own events of these types. Both keys have many values, of all entries that come in one call:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
func putsOn(where awsevents.IEventBus, detailTypes ...string) grants {
	put := allows("events", at(*where.EventBusArn()), "PutEvents")
	return put.all("events:detail-type", detailTypes...).all("events:source", bus.Source)
}

// via is a service as KMS names it: a condition that lets it use a key on the role's behalf, and the role itself not.
func (r *resources) via(service string) string {
	return service + "." + *r.stack.Region() + ".amazonaws.com"
}

// only adds a condition: the key has one of these values.
func (gs grants) only(key string, values ...string) grants {
	return gs.where("StringEquals", key, values)
}

// like adds a condition: the key's value fits one of these patterns.
func (gs grants) like(key string, patterns ...string) grants {
	return gs.where("StringLike", key, patterns)
}

// all adds a condition on a key of many values: it is there, and has these values and no others. Without the first, a
// request that does not have the key would fulfil the second:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
func (gs grants) all(key string, values ...string) grants {
	return gs.where("ForAllValues:StringEquals", key, values).where("Null", key, []string{"false"})
}

// allLike adds a condition on a key of many values: it is there, and each fits one of these patterns.
func (gs grants) allLike(key string, patterns ...string) grants {
	return gs.where("ForAllValues:StringLike", key, patterns).where("Null", key, []string{"false"})
}

func (gs grants) where(operator, key string, values []string) grants {
	narrower := make(grants, len(gs))
	for i, g := range gs {
		narrower[i] = g
		narrower[i].conditions = map[string]map[string]any{}
		for known, keys := range g.conditions {
			narrower[i].conditions[known] = maps.Clone(keys)
		}
		if narrower[i].conditions[operator] == nil {
			narrower[i].conditions[operator] = map[string]any{}
		}
		narrower[i].conditions[operator][key] = values
		if len(values) == 1 {
			narrower[i].conditions[operator][key] = values[0]
		}
	}
	return narrower
}

// without adds a condition: the request does not have the key.
func (gs grants) without(key string) grants { return gs.where("Null", key, []string{"true"}) }

func (gs grants) statements() []awsiam.PolicyStatement {
	all := make([]awsiam.PolicyStatement, len(gs))
	for i, g := range gs {
		props := &awsiam.PolicyStatementProps{Actions: list(g.actions...), Resources: list(g.arns()...)}
		if g.conditions != nil {
			conditions := map[string]any{}
			for operator, keys := range g.conditions {
				conditions[operator] = keys
			}
			props.Conditions = &conditions
		}
		all[i] = awsiam.NewPolicyStatement(props)
	}
	return all
}

func (g grant) arns() []string {
	all := make([]string, len(g.places))
	for i, p := range g.places {
		all[i] = p.arn
	}
	return all
}
