package inspect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rdslink/rdslink/internal/ingress"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/wanted"
)

func passes(format string, args ...any) Hop {
	return Hop{State: Passes, Detail: fmt.Sprintf(format, args...)}
}

func broken(remedy, format string, args ...any) Hop {
	return Hop{State: Broken, Detail: fmt.Sprintf(format, args...), Remedy: remedy}
}

func unknown(format string, args ...any) Hop {
	return Hop{State: Unknown, Detail: fmt.Sprintf(format, args...)}
}

// unread is a hop that could not be looked at.
func (s *subject) unread(err error) Hop {
	s.note(err)
	return unknown("could not be read: %s", outcome.Message(err))
}

// note keeps what could not be read, once.
func (s *subject) note(err error) {
	if err != nil && !slices.ContainsFunc(s.errs, func(known error) bool { return known.Error() == err.Error() }) {
		s.errs = append(s.errs, err)
	}
}

// again is the remedy of what the steps put right.
func (s *subject) again() string {
	if s.Claim == "" {
		return "start again with the same input"
	}
	return fmt.Sprintf("start again with the same input: make start INPUT=\"$(aws stepfunctions describe-execution --execution-arn %s "+
		"--query input --output text)\"", s.Claim)
}

const notMade = "not made yet: the execution has not come so far"

// balancer is the load balancer, if there is one.
func (s *subject) balancer() (elbtypes.LoadBalancer, bool) {
	found, ok := s.balancers.value[s.LoadBalancerARN]
	return found, ok
}

// balancerGroups are those that the load balancer carries.
func (s *subject) balancerGroups() []string {
	found, _ := s.balancer()
	return found.SecurityGroups
}

// listenerPort is the port that consumers have been told; 0, where no version has recorded it.
func (s *subject) listenerPort() int32 {
	if s.ListenerPort == 0 && s.Binding != nil {
		return int32(s.Binding.ListenerPort)
	}
	return s.ListenerPort
}

// blind says whether the health check goes to a port that nobody listens on, on purpose.
func (s *subject) blind() bool {
	return s.Binding != nil && wanted.CheckPort(s.Binding.DatabaseKind, s.Binding.Engine) == wanted.BlindPort
}

// A zone is one that the load balancer is in.
type zone struct {
	name string // of the AZ
	end         // its node or, where that is not known, all of its subnet
	node bool   // whether the address is known
}

func (z zone) String() string { return fmt.Sprintf("%s in %s (%s)", name(z.block), z.name, z.subnet) }

// zones are the load balancer's, with their nodes.
func (s *subject) zones() ([]zone, error) {
	for _, err := range []error{s.balancers.err, s.subnets.err, s.interfaces.err} {
		if err != nil {
			return nil, err
		}
	}
	found, _ := s.balancer()
	var all []zone
	for _, z := range found.AvailabilityZones {
		id := aws.ToString(z.SubnetId)
		block, err := netip.ParsePrefix(aws.ToString(s.subnets.value[id].CidrBlock))
		if err != nil {
			return nil, fmt.Errorf("subnet %s of load balancer %s is not described", id, s.LoadBalancerARN)
		}
		it := zone{name: aws.ToString(z.ZoneName), end: end{id, block}}
		if node, known := s.node(id, block); known {
			it.block, it.node = node, true
		}
		all = append(all, it)
	}
	return all, nil
}

// node is the address of the load balancer's node in a subnet.
func (s *subject) node(subnet string, block netip.Prefix) (netip.Prefix, bool) {
	for _, i := range s.interfaces.value {
		if aws.ToString(i.SubnetId) == subnet && aws.ToString(i.Description) == ingress.NodesDescription(s.LoadBalancerARN) {
			return single(aws.ToString(i.PrivateIpAddress))
		}
	}
	if s.Binding != nil {
		for _, address := range s.Binding.Nodes {
			if node, ok := single(address); ok && block.Contains(node.Addr()) {
				return node, true
			}
		}
	}
	return netip.Prefix{}, false
}

// targetsNow are the targets that count: not those that are being taken away.
func (s *subject) targetsNow() []elbtypes.TargetHealthDescription {
	return slices.DeleteFunc(slices.Clone(s.health.value), func(t elbtypes.TargetHealthDescription) bool {
		return t.Target == nil || t.TargetHealth == nil || t.TargetHealth.State == elbtypes.TargetHealthStateEnumDraining ||
			t.TargetHealth.State == elbtypes.TargetHealthStateEnumUnhealthyDraining
	})
}

// interfaceOf is the network interface that has a target's address now; nil, if none does.
func (s *subject) interfaceOf(t elbtypes.TargetHealthDescription) *ec2types.NetworkInterface {
	if t.Target == nil {
		return nil
	}
	for n, i := range s.interfaces.value {
		if aws.ToString(i.VpcId) != s.VPCID {
			continue
		}
		for _, a := range i.PrivateIpAddresses {
			if aws.ToString(a.PrivateIpAddress) == aws.ToString(t.Target.Id) {
				return &s.interfaces.value[n]
			}
		}
	}
	return nil
}

// interfaceGroups are the security groups that a network interface carries.
func interfaceGroups(i *ec2types.NetworkInterface) []string {
	var ids []string
	for _, g := range i.Groups {
		ids = append(ids, aws.ToString(g.GroupId))
	}
	return ids
}

// destinations are the ends of connections to the database: where the registered targets that are its own lie.
func (s *subject) destinations() []destination {
	var all []destination
	for _, t := range s.targetsNow() {
		i := s.interfaceOf(t)
		block, ok := single(aws.ToString(t.Target.Id))
		if i == nil || !ok {
			continue
		}
		all = append(all, destination{end{aws.ToString(i.SubnetId), block}, interfaceGroups(i)})
	}
	return all
}

// A destination is an address of the database, and the groups that it carries.
type destination struct {
	end
	groups []string
}

func (r *resolverFacts) config() *lambdatypes.VpcConfigResponse {
	if r.function.value == nil {
		return nil
	}
	return r.function.value.VpcConfig
}

// groups are those that the function carries.
func (r *resolverFacts) groups() []string {
	if c := r.config(); c != nil {
		return c.SecurityGroupIds
	}
	return nil
}

func (r *resolverFacts) subnets() []string {
	if c := r.config(); c != nil {
		return c.SubnetIds
	}
	return nil
}

// databasePort is the one that is recorded: targets, rules and the sync go by it.
func (s *subject) databasePort() int32 {
	if s.Binding == nil {
		return 0
	}
	return int32(s.Binding.Port)
}

// bindingText is the binding as its schedule carries it. What step 3 records anew has no way through the nodes until step 10
// adds it: the schedule's stays meanwhile.
func (s *subject) bindingText(carried string) string {
	if s.Binding == nil {
		return ""
	}
	binding := *s.Binding
	var old registry.Binding
	if len(binding.Nodes) == 0 && json.Unmarshal([]byte(carried), &old) == nil {
		binding.Nodes, binding.ListenerPort = old.Nodes, old.ListenerPort
	}
	text, _ := json.Marshal(binding) // strings and numbers always marshal
	return string(text)
}

// words joins what is seen; none is what there is instead.
func words(all []string, none string) string { return cmp.Or(strings.Join(all, ", "), none) }
