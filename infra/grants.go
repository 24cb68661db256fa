package main

import (
	"maps"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/owned"
)

// A grant is one statement of a policy: these actions, in these places, where these condition keys have these values.
type grant struct {
	actions []string
	places  []place
	equal   map[string]any
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

func (r *resources) creates(service string, where places, actions ...string) grants {
	return allows(service, where, actions...).only(tagInRequest, r.options.name.Managed())
}

func (r *resources) changes(service string, where places, actions ...string) grants {
	return allows(service, where, actions...).only(tagOnResource, r.options.name.Managed())
}

// tagsWith allows tagging only as a part of the creating actions, and only what is ours.
func (r *resources) tagsWith(service string, where places, creating ...string) grants {
	tag := map[string]string{"ec2": "CreateTags", "elasticloadbalancing": "AddTags"}[service]
	return r.creates(service, where, tag).only(service+":CreateAction", creating...)
}

// passes allows handing a role to one service only.
func passes(role awsiam.IRole, service string) grants {
	return allows("iam", at(*role.RoleArn()), "PassRole").only("iam:PassedToService", service)
}

// putsOn allows our own events of these types.
func putsOn(where awsevents.IEventBus, detailTypes ...string) grants {
	put := allows("events", at(*where.EventBusArn()), "PutEvents")
	return put.only("events:detail-type", detailTypes...).only("events:source", bus.Source)
}

// via is a service as KMS names it: a condition that lets it use a key on the role's behalf, and the role itself not.
func (r *resources) via(service string) string {
	return service + "." + *r.stack.Region() + ".amazonaws.com"
}

// only adds a condition: the key has one of these values.
func (gs grants) only(key string, values ...string) grants {
	narrower := make(grants, len(gs))
	for i, g := range gs {
		narrower[i] = g
		narrower[i].equal = map[string]any{key: values}
		if len(values) == 1 {
			narrower[i].equal[key] = values[0]
		}
		maps.Copy(narrower[i].equal, g.equal)
	}
	return narrower
}

func (gs grants) statements() []awsiam.PolicyStatement {
	all := make([]awsiam.PolicyStatement, len(gs))
	for i, g := range gs {
		props := &awsiam.PolicyStatementProps{Actions: list(g.actions...), Resources: list(g.arns()...)}
		if g.equal != nil {
			props.Conditions = &map[string]any{"StringEquals": g.equal}
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
