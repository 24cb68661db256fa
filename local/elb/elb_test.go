package elb

import (
	"errors"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/local/wire"
)

func TestLoadBalancerIsProvisionedBeforeItIsActive(t *testing.T) {
	b := newBed(t)
	b.world.Speed, b.world.Delays.LoadBalancerProvisioning = 1, time.Hour
	in := loadBalancerInput()
	in.Tags = []types.Tag{{Key: aws.String("exposure"), Value: aws.String("orders")}}
	lb := must(b, b.createLoadBalancer, in).LoadBalancers[0]
	if lb.State.Code != types.LoadBalancerStateEnumProvisioning {
		t.Errorf("state %s", lb.State.Code)
	}
	if want := `^arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/net/orders/[0-9a-f]{16}$`; !regexp.MustCompile(want).MatchString(*lb.LoadBalancerArn) {
		t.Errorf("ARN %s", *lb.LoadBalancerArn)
	}
	if got := aws.ToString(lb.CanonicalHostedZoneId); got != "Z3F0SRJ5LGBH90" { // docs.aws.amazon.com/general/latest/gr/elb.html
		t.Errorf("its name is in the hosted zone %s", got)
	}
	if len(b.records) > 0 {
		t.Errorf("names resolve already: %v", b.records)
	}
	for _, i := range b.attached {
		if want := `^ELB net/orders/[0-9a-f]{16}$`; !regexp.MustCompile(want).MatchString(i.Description) || !slices.Equal(i.Groups, []string{"sg-1"}) {
			t.Errorf("interface %+v", i)
		}
	}
	told, _ := b.LoadBalancer(*lb.LoadBalancerArn)
	if told.State != "provisioning" || len(told.Subnets) != 2 || told.Subnets[0].ZoneID != "euc1-a" || told.Subnets[1].ZoneID != "euc1-b" {
		t.Errorf("endpoint services are told %+v", told)
	}
	tags := must(b, b.describeTags, elb.DescribeTagsInput{ResourceArns: []string{*lb.LoadBalancerArn}}).TagDescriptions[0].Tags
	if len(tags) != 1 || *tags[0].Value != "orders" {
		t.Errorf("tags %v", tags)
	}
}

func TestActiveLoadBalancerResolvesToItsNodes(t *testing.T) {
	b := newBed(t)
	arn := b.makeLoadBalancer()
	lb := b.loadBalancers[arn]
	if got := b.records[lb.dnsName]; !slices.Equal(got, lb.addresses()) {
		t.Errorf("%s resolves to %v", lb.dnsName, got)
	}
	if got := b.records["eu-central-1b."+lb.dnsName]; len(got) != 1 || got[0] != lb.nodes[1].address {
		t.Errorf("zone b resolves to %v", got)
	}
}

func TestSameCreateTwiceMakesOne(t *testing.T) {
	b := newBed(t)
	lb, group := b.chain()
	if again := *must(b, b.createLoadBalancer, loadBalancerInput()).LoadBalancers[0].LoadBalancerArn; again != lb {
		t.Errorf("made %s beside %s", again, lb)
	}
	if again := b.makeTargetGroup(); again != group {
		t.Errorf("made %s beside %s", again, group)
	}
	must(b, b.createListener, listenerInput(lb, group))
	if n := len(must(b, b.describeListeners, elb.DescribeListenersInput{LoadBalancerArn: &lb}).Listeners); n != 1 {
		t.Errorf("%d listeners", n)
	}
}

func TestDeletedLoadBalancerKeepsItsInterfacesForAWhile(t *testing.T) {
	b := newBed(t)
	b.world.Speed = 200 // 0.1 s for the interfaces
	lb, group := b.chain()
	must(b, b.deleteLoadBalancer, elb.DeleteLoadBalancerInput{LoadBalancerArn: &lb})
	must(b, b.deleteLoadBalancer, elb.DeleteLoadBalancerInput{LoadBalancerArn: &lb}) // "has already been deleted, the call succeeds"
	must(b, b.deleteTargetGroup, elb.DeleteTargetGroupInput{TargetGroupArn: &group})
	attached := func() int {
		n, _ := locked(b, func() (int, error) { return len(b.attached), nil })
		return n
	}
	if attached() == 0 {
		t.Error("the interfaces went with the load balancer")
	}
	b.eventually("the interfaces are gone", func() bool { return attached() == 0 })
	if len(b.records) > 0 {
		t.Errorf("names still resolve: %v", b.records)
	}
}

func TestEnforcementAndGroupsChangeTogether(t *testing.T) {
	b := newBed(t)
	lb := b.makeLoadBalancer()
	describe := func() types.LoadBalancer {
		return must(b, b.describeLoadBalancers, elb.DescribeLoadBalancersInput{Names: []string{"orders"}}).LoadBalancers[0]
	}
	if on := describe().EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic; aws.ToString(on) != "on" {
		t.Errorf("born with enforcement %v", on)
	}
	must(b, b.setSecurityGroups, elb.SetSecurityGroupsInput{
		LoadBalancerArn: &lb, SecurityGroups: []string{"sg-1"},
		EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: types.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnumOff,
	})
	if off := describe().EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic; aws.ToString(off) != "off" {
		t.Errorf("enforcement %v", off)
	}
}

func TestPinnedAddressIsTheNodes(t *testing.T) {
	b := newBed(t)
	in := loadBalancerInput()
	in.Subnets = nil
	in.SubnetMappings = []types.SubnetMapping{{SubnetId: aws.String("subnet-a"), PrivateIPv4Address: aws.String("10.0.1.77")}}
	zone := must(b, b.createLoadBalancer, in).LoadBalancers[0].AvailabilityZones[0]
	if got := zone.LoadBalancerAddresses; len(got) != 1 || *got[0].PrivateIPv4Address != "10.0.1.77" {
		t.Errorf("addresses %v", got)
	}
}

func TestDescribesGoPageByPage(t *testing.T) {
	b := newBed(t)
	for _, name := range []string{"one", "two", "three"} {
		in := targetGroupInput()
		in.Name = aws.String(name)
		must(b, b.createTargetGroup, in)
	}
	in, seen := elb.DescribeTargetGroupsInput{PageSize: aws.Int32(2)}, []string{}
	for range 3 {
		out := must(b, b.describeTargetGroups, in)
		for _, g := range out.TargetGroups {
			seen = append(seen, *g.TargetGroupName)
		}
		if in.Marker = out.NextMarker; in.Marker == nil {
			break
		}
	}
	if slices.Sort(seen); !slices.Equal(seen, []string{"one", "three", "two"}) {
		t.Errorf("saw %v", seen)
	}
}

func TestEndpointServicesAreToldOfPorts(t *testing.T) {
	b := newBed(t)
	lb, _ := b.chain()
	listener := must(b, b.describeListeners, elb.DescribeListenersInput{LoadBalancerArn: &lb}).Listeners[0].ListenerArn
	if told, _ := b.LoadBalancer(lb); !slices.Equal(told.Ports, []uint16{5432}) {
		t.Errorf("told %+v", told)
	}
	must(b, b.modifyListener, elb.ModifyListenerInput{ListenerArn: listener, Port: aws.Int32(5433)})
	if told, _ := b.LoadBalancer(lb); !slices.Equal(told.Ports, []uint16{5433}) {
		t.Errorf("told %+v", told)
	}
	if want := []string{lb, lb}; !slices.Equal(b.changed, want) {
		t.Errorf("ports changed for %v", b.changed)
	}
}

func TestAttributesHaveDefaultsUntilTheyAreSet(t *testing.T) {
	b := newBed(t)
	lb, group := b.chain()
	b.setAttribute(group, deregistrationDelay, "0")
	got := map[string]string{}
	for _, a := range must(b, b.describeLoadBalancerAttributes, elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &lb}).Attributes {
		got["loadbalancer "+*a.Key] = *a.Value
	}
	for _, a := range must(b, b.describeTargetGroupAttributes, elb.DescribeTargetGroupAttributesInput{TargetGroupArn: &group}).Attributes {
		got["targetgroup "+*a.Key] = *a.Value
	}
	for key, want := range map[string]string{ // API_LoadBalancerAttribute, API_TargetGroupAttribute
		"loadbalancer " + deletionProtection:      "false",
		"loadbalancer " + crossZone:               "false",
		"targetgroup " + deregistrationDelay:      "0",
		"targetgroup " + deregistrationTerminates: "false",
		"targetgroup " + unhealthyTerminates:      "true",
		"targetgroup " + crossZone:                "use_load_balancer_configuration",
		"targetgroup preserve_client_ip.enabled":  "false",
	} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
}

// "For internal load balancers, this is only required if you let AWS select a private IPv4 address from the subnet"
// (elasticloadbalancing/latest/network/availability-zones.html).
func TestASubnetNeeds8FreeAddressesUnlessOneIsNamed(t *testing.T) {
	b := newBed(t)
	b.taken["subnet-full"] = 3 // of 11
	in := loadBalancerInput()
	in.Subnets = []string{"subnet-full"}
	lb := must(b, b.createLoadBalancer, in).LoadBalancers[0].LoadBalancerArn
	in.Name = aws.String("second")
	refused(b, "InvalidSubnet", b.createLoadBalancer, in)
	in.Subnets, in.SubnetMappings = nil, []types.SubnetMapping{{SubnetId: aws.String("subnet-full"), PrivateIPv4Address: aws.String("10.0.12.14")}}
	must(b, b.createLoadBalancer, in)
	// Where a load balancer is, nothing is asked for again.
	must(b, b.setSubnets, elb.SetSubnetsInput{LoadBalancerArn: lb, Subnets: []string{"subnet-a", "subnet-full"}})
}

// Some accounts get no load balancer in some zones (widdix/mastodon-on-aws#13, aws/copilot-cli#1298).
func TestAZoneThatELBDoesNotTakeIsRefusedByName(t *testing.T) {
	b := newBed(t)
	lb := b.makeLoadBalancer() // in a and b
	b.world.Closed = func(service, zone, _, _ string) bool {
		return service == "elasticloadbalancing" && zone == "eu-central-1c"
	}
	const words = "The following Availability Zones eu-central-1c cannot be associated with a load balancer. Please try a different Availability Zone."
	in := loadBalancerInput()
	in.Name, in.Subnets = aws.String("second"), []string{"subnet-a", "subnet-c"}
	_, created := locked(b, func() (*elb.CreateLoadBalancerOutput, error) { return b.createLoadBalancer(b.ctx, &in) })
	_, added := locked(b, func() (*elb.SetSubnetsOutput, error) {
		return b.setSubnets(b.ctx, &elb.SetSubnetsInput{LoadBalancerArn: &lb, Subnets: []string{"subnet-a", "subnet-b", "subnet-c"}})
	})
	for _, err := range []error{created, added} {
		if e, ok := errors.AsType[*wire.Error](err); !ok || e.Code != "ValidationError" || e.Message != words {
			t.Errorf("got %v", err)
		}
	}
	must(b, b.setSubnets, elb.SetSubnetsInput{LoadBalancerArn: &lb, Subnets: []string{"subnet-a", "subnet-b"}})
}

// hashicorp/terraform-provider-aws#15214.
func TestWhatWasJustMadeIsUnknownToEveryOperation(t *testing.T) {
	b := newBed(t)
	in := loadBalancerInput()
	b.world.Delays.Visibility = time.Hour
	lb := must(b, b.createLoadBalancer, in).LoadBalancers[0].LoadBalancerArn
	group := b.makeTargetGroup()
	refused(b, "LoadBalancerNotFound", b.setSecurityGroups, elb.SetSecurityGroupsInput{LoadBalancerArn: lb, SecurityGroups: []string{"sg-1"}})
	refused(b, "LoadBalancerNotFound", b.createListener, listenerInput(*lb, group))
	b.world.Delays.Visibility = 0
	b.targetGroups[group].created = time.Now().Add(time.Hour)
	refused(b, "TargetGroupNotFound", b.createListener, listenerInput(*lb, group))
	refused(b, "TargetGroupNotFound", b.registerTargets, elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: targets("10.0.1.10")})
}
