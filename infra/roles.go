package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"

	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/preflight"
)

// The names of the roles that are no function's of the stack.
const (
	machineName   = "setup"
	removalName   = "remove"
	schedulesName = "schedules"
	resolverName  = "resolver"
	flowLogsName  = "flow-logs"
)

// trusted is the service that has to assume a role.
func trusted(name string) string {
	switch name {
	case machineName, removalName:
		return "states.amazonaws.com"
	case schedulesName:
		return "scheduler.amazonaws.com"
	case flowLogsName:
		return flowLogs
	}
	return "lambda.amazonaws.com"
}

// roleNames are the names under which the context may give roles: the functions', and those above.
func roleNames() []string {
	names := []string{machineName, removalName, schedulesName, resolverName, flowLogsName}
	for _, f := range functions {
		names = append(names, f.name())
	}
	slices.Sort(names)
	return names
}

// newRole makes the role of that name, or refers to the one that the deployer gave. That one keeps the policies it has.
func newRole(r *resources, name, id string, props *awsiam.RoleProps) awsiam.IRole {
	var role awsiam.IRole
	if arn, given := r.options.roles[name]; given {
		role = awsiam.Role_FromRoleArn(r.stack, &id, &arn, &awsiam.FromRoleArnOptions{Mutable: jsii.Bool(false)})
	} else {
		role = awsiam.NewRole(r.stack, &id, props)
	}
	r.roles[name] = role
	return role
}

// admitToKey lets a given role use the key that the stack makes. Nobody knows that key's ARN
// before, to allow it in the role.
func admitToKey(r *resources, name string, may grants) {
	arn, given := r.options.roles[name]
	if !given || r.options.key != "" {
		return
	}
	var uses []string
	for _, g := range may {
		if !slices.Contains(g.arns(), *r.key.KeyArn()) {
			continue
		}
		for _, action := range g.actions {
			if strings.HasPrefix(action, "kms:") && !slices.Contains(uses, action) {
				uses = append(uses, action)
			}
		}
	}
	if len(uses) > 0 {
		r.key.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Principals: &[]awsiam.IPrincipal{awsiam.NewArnPrincipal(&arn)},
			Actions:    list(uses...),
			Resources:  list("*"),
		}), nil)
	}
}

// onDatabaseGroups narrows what step 7 may do with a security group to those that no stack of ours made, and to those that
// the deployer lets it change.
func (o options) onDatabaseGroups(may grants) grants {
	may = may.without(tagOnResource)
	if !o.tagged {
		return may
	}
	return may.only("aws:ResourceTag/"+owned.IngressTag, owned.IngressAllowed)
}

// makesRoles says whether the stack makes any role. A deployer who gives them all may not make policies either. That of the
// flow logs can be left out then: there are none.
func (o options) makesRoles() bool {
	return slices.ContainsFunc(roleNames(), func(name string) bool {
		_, given := o.roles[name]
		return !given && name != flowLogsName
	})
}

// logsFlows says whether there is a role to write flow logs in.
func (o options) logsFlows() bool {
	_, given := o.roles[flowLogsName]
	return given || o.makesRoles()
}

// given is what the deployer brought, for the check before the deployment.
func (o options) given() preflight.Given {
	g := preflight.Given{PermissionsBoundary: o.permissionsBoundary, Key: o.key}
	for _, name := range slices.Sorted(maps.Keys(o.roles)) {
		g.Roles = append(g.Roles, preflight.Role{Name: name, ARN: o.roles[name], Service: trusted(name)})
	}
	return g
}
