// Package elb is Elastic Load Balancing v2 as far as PrivateLink needs it: network load balancers, internal, with TCP
// listeners and target groups of addresses. Health checks and connections are real; what AWS refuses is refused.
package elb

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdslink/rdslink/local/ec2"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/wire"
)

// interfaces give the nodes their network interfaces.
type interfaces interface {
	Attach(account, subnet string, groups []string, description string, address netip.Addr) (*ec2.Interface, error)
	Detach(id string)
	SetGroups(id string, groups []string) error
	Pass(interfaceID string, p ec2.Passed)
}

// vpcs answer where an address is and whom security groups let in.
type vpcs interface {
	Subnet(account, id string) (*ec2.Subnet, error)
	SubnetAt(vpc string, address netip.Addr) (*ec2.Subnet, bool)
	Free(subnet *ec2.Subnet) int
	SecurityGroup(account, id string) (*ec2.SecurityGroup, error)
	CIDRs(vpc string) []netip.Prefix
	Admits(groups []string, from netip.Addr, port uint16) bool
}

// endpointServices stand in front of load balancers.
type endpointServices interface {
	ServiceOf(loadBalancer string) (service string, inUse bool)
	PortsChanged(loadBalancer string)
}

// names publish the load balancers' DNS names.
type names interface {
	Set(name string, inside map[string][]netip.Addr, outside []netip.Addr, ttl uint32)
	Delete(name string)
}

// sockets are connections inside VPCs.
type sockets interface {
	Answer(vpc string, at netip.AddrPort, ask network.Ask) (io.Closer, error)
	Dial(ctx context.Context, vpc string, from netip.Addr, to netip.AddrPort) (net.Conn, error)
	Withdraw(c net.Conn)
}

// Service is Elastic Load Balancing of every account. The world's lock guards it.
type Service struct {
	Most int // how many load balancers an account may have; 0: AWS's default

	world      *model.World
	interfaces interfaces
	vpcs       vpcs
	services   endpointServices
	names      names
	sockets    sockets

	loadBalancers map[string]*loadBalancer // by ARN
	targetGroups  map[string]*targetGroup
	listeners     map[string]*listener
}

// New makes the service. ec2.Service.SetLoadBalancers must be told of it.
func New(w *model.World, n *network.Network, ec2 *ec2.Service) *Service {
	return &Service{
		world: w, interfaces: ec2, vpcs: ec2, services: ec2, names: ec2.Records(), sockets: n,
		loadBalancers: map[string]*loadBalancer{}, targetGroups: map[string]*targetGroup{}, listeners: map[string]*listener{},
	}
}

// Operations are the service's operations; they must run under the world's lock.
func (s *Service) Operations() wire.Operations {
	return s.limited(wire.Operations{
		"CreateLoadBalancer":             wire.Op(s.createLoadBalancer),
		"DescribeLoadBalancers":          wire.Op(s.describeLoadBalancers),
		"DeleteLoadBalancer":             wire.Op(s.deleteLoadBalancer),
		"DescribeLoadBalancerAttributes": wire.Op(s.describeLoadBalancerAttributes),
		"ModifyLoadBalancerAttributes":   wire.Op(s.modifyLoadBalancerAttributes),
		"SetSecurityGroups":              wire.Op(s.setSecurityGroups),
		"SetSubnets":                     wire.Op(s.setSubnets),
		"CreateTargetGroup":              wire.Op(s.createTargetGroup),
		"DescribeTargetGroups":           wire.Op(s.describeTargetGroups),
		"ModifyTargetGroup":              wire.Op(s.modifyTargetGroup),
		"DeleteTargetGroup":              wire.Op(s.deleteTargetGroup),
		"DescribeTargetGroupAttributes":  wire.Op(s.describeTargetGroupAttributes),
		"ModifyTargetGroupAttributes":    wire.Op(s.modifyTargetGroupAttributes),
		"CreateListener":                 wire.Op(s.createListener),
		"DescribeListeners":              wire.Op(s.describeListeners),
		"DeleteListener":                 wire.Op(s.deleteListener),
		"ModifyListener":                 wire.Op(s.modifyListener),
		"RegisterTargets":                wire.Op(s.registerTargets),
		"DeregisterTargets":              wire.Op(s.deregisterTargets),
		"DescribeTargetHealth":           wire.Op(s.describeTargetHealth),
		"AddTags":                        wire.Op(s.addTags),
		"DescribeTags":                   wire.Op(s.describeTags),
		"DescribeAccountLimits":          wire.Op(s.describeAccountLimits),
	})
}

func (s *Service) arn(account, format string, args ...any) string {
	return fmt.Sprintf("arn:aws:elasticloadbalancing:%s:%s:", s.world.Region, account) + fmt.Sprintf(format, args...)
}

// validateName holds the names of load balancers and target groups to API_CreateLoadBalancer's and API_CreateTargetGroup's
// rules, which the service model does not contain.
func validateName(kind, name string) error {
	switch {
	case name == "":
		return wire.Errorf("ValidationError", "A %s name must be specified", kind)
	case len(name) > 32:
		return wire.Errorf("ValidationError", "The %s name '%s' cannot be longer than '32' characters", kind, name)
	case strings.ContainsFunc(name, notNameRune):
		return wire.Errorf("ValidationError",
			"The %s name '%s' can only contain characters that are alphanumeric characters and hyphens(-)", kind, name)
	case strings.HasPrefix(name, "-"), strings.HasSuffix(name, "-"):
		return wire.Errorf("ValidationError", "The %s name '%s' cannot begin or end with '-'", kind, name)
	}
	return nil
}

func notNameRune(r rune) bool {
	return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}

// page reads PageSize (400 at most, the default) and Marker, and gives NextMarker.
func page[T any](items []T, arn func(T) string, marker *string, size *int32) ([]T, *string) {
	n := 400
	if size != nil {
		n = int(*size)
	}
	items, next := model.Page(items, arn, aws.ToString(marker), n)
	if next == "" {
		return items, nil
	}
	return items, &next
}
