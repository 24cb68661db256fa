package confirm

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

// view is the account as the checks see it: each question is asked once, and is the answer of all that ask it again.
type view struct {
	Account
	account string
	only    string // the one exposure that is looked at; empty: all
	answers map[string]answer
}

type answer struct {
	value any
	err   error
}

func once[T any](v *view, question string, ask func() (T, error)) (T, error) {
	a, asked := v.answers[question]
	if !asked {
		a.value, a.err = ask()
		v.answers[question] = a
	}
	return a.value.(T), a.err
}

// exposure is what an endpoint service shows of an exposure.
type exposure struct {
	id      string
	service ec2types.ServiceConfiguration
}

func (e exposure) serviceID() string { return aws.ToString(e.service.ServiceId) }

// loadBalancer is the ARN of the one that the service is in front of.
func (e exposure) loadBalancer() string {
	if len(e.service.NetworkLoadBalancerArns) == 0 {
		return ""
	}
	return e.service.NetworkLoadBalancerArns[0]
}

// dimension is the load balancer as its metrics name it.
func (e exposure) dimension() string {
	_, name, _ := strings.Cut(e.loadBalancer(), ":loadbalancer/")
	return name
}

// exposures are those that have an endpoint service: of what stops earlier the executions tell.
func (v *view) exposures(ctx context.Context) ([]exposure, error) {
	services, err := once(v, "services", func() ([]ec2types.ServiceConfiguration, error) { return v.Services(ctx) })
	var all []exposure
	for _, s := range services {
		id := owned.FromEC2(s.Tags)[owned.ExposureTag]
		if id != "" && (v.only == "" || v.only == id) {
			all = append(all, exposure{id, s})
		}
	}
	return all, err
}

// connections are those to one service; without one, all that a describe without a filter lists.
func (v *view) connections(ctx context.Context, serviceID string) ([]ec2types.VpcEndpointConnection, error) {
	return once(v, "connections of "+serviceID, func() ([]ec2types.VpcEndpointConnection, error) { return v.Connections(ctx, serviceID) })
}

// allConnections are those to the services of the exposures.
func (v *view) allConnections(ctx context.Context) (all []ec2types.VpcEndpointConnection, err error) {
	exposures, err := v.exposures(ctx)
	for _, e := range exposures {
		some, err := v.connections(ctx, e.serviceID())
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, err
}

// balancer is the exposure's load balancer; false for one that is gone.
func (v *view) balancer(ctx context.Context, e exposure) (elbtypes.LoadBalancer, bool, error) {
	all, err := once(v, "load balancers", func() ([]elbtypes.LoadBalancer, error) { return v.LoadBalancers(ctx) })
	i := slices.IndexFunc(all, func(b elbtypes.LoadBalancer) bool { return aws.ToString(b.LoadBalancerArn) == e.loadBalancer() })
	if i < 0 || err != nil {
		return elbtypes.LoadBalancer{}, false, err
	}
	return all[i], true, nil
}

func (v *view) targetGroup(ctx context.Context, e exposure) (elbtypes.TargetGroup, bool, error) {
	all, err := once(v, "target groups", func() ([]elbtypes.TargetGroup, error) { return v.TargetGroups(ctx) })
	i := slices.IndexFunc(all, func(g elbtypes.TargetGroup) bool { return slices.Contains(g.LoadBalancerArns, e.loadBalancer()) })
	if i < 0 || err != nil {
		return elbtypes.TargetGroup{}, false, err
	}
	return all[i], true, nil
}

// targets are the exposure's registered targets.
func (v *view) targets(ctx context.Context, e exposure) ([]elbtypes.TargetHealthDescription, error) {
	group, found, err := v.targetGroup(ctx, e)
	if err != nil || !found {
		return nil, err
	}
	return once(v, "targets of "+e.id, func() ([]elbtypes.TargetHealthDescription, error) {
		return v.Targets(ctx, aws.ToString(group.TargetGroupArn))
	})
}

// binding is what the exposure's schedule carries; false before step 10 has made one.
func (v *view) binding(ctx context.Context, e exposure) (registry.Binding, bool, error) {
	b, err := once(v, "binding of "+e.id, func() (*registry.Binding, error) { return v.Binding(ctx, e.id) })
	if b == nil || err != nil {
		return registry.Binding{}, false, err
	}
	return *b, true, nil
}

// interfaces are the network interfaces of a VPC that have an address.
func (v *view) interfaces(ctx context.Context, name, value string) ([]ec2types.NetworkInterface, error) {
	return once(v, "interfaces "+name+" "+value, func() ([]ec2types.NetworkInterface, error) { return v.Interfaces(ctx, name, value) })
}

// executions are the newest of the account, and those of the one exposure that is looked at.
func (v *view) executions(ctx context.Context) ([]Execution, error) {
	return once(v, "executions", func() ([]Execution, error) {
		arns, err := v.Executions(ctx)
		if err != nil {
			return nil, err
		}
		if v.only != "" {
			// The first step does not know the exposure yet.
			lines, err := v.log(ctx, "resolve-private-ip", "step started")
			if err != nil {
				return nil, err
			}
			for _, l := range lines[max(len(lines)-newest, 0):] {
				arns = append(arns, l.Text("execution"))
			}
		}
		slices.Sort(arns)
		var all []Execution
		for _, arn := range slices.Compact(arns) {
			e, err := v.Execution(ctx, arn)
			if err != nil {
				return nil, err
			}
			all = append(all, e)
		}
		return all, nil
	})
}

// log has the lines of a function's log with a message, the oldest first; with exposures, their lines alone.
func (v *view) log(ctx context.Context, function string, messages ...string) ([]Line, error) {
	var all []Line
	for _, message := range messages {
		some, err := once(v, "log of "+function+" "+message, func() ([]Line, error) { return v.Log(ctx, function, message) })
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	all = slices.DeleteFunc(all, func(l Line) bool {
		of := l.Text("exposure")
		return !slices.Contains(messages, l.Text("msg")) || v.only != "" && of != "" && of != v.only
	})
	slices.SortStableFunc(all, func(a, b Line) int { return a.At.Compare(b.At) })
	return all, nil
}

// ago is how long ago something was, in whole days.
func ago(t time.Time) int { return int(time.Since(t).Hours() / 24) }
