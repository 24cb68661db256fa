package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/hostedzone/hostedzonetest"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
	"github.com/rdslink/rdslink/internal/steptest"
)

const (
	exposure    = "orders-acme-00000000"
	database    = "arn:aws:rds:eu-central-1:111122223333:db:orders"
	balancerARN = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/net/orders-acme-00000000/1"
	topic       = "arn:aws:sns:eu-central-1:111122223333:connections"
)

var day = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

type row = steptest.Row[*cloud, Input, Output]

func input() Input {
	return Input{Execution: "execution", Exposure: exposure, DatabaseARN: database, LoadBalancerARN: balancerARN, SupportedRegions: []string{}}
}

func TestRun(t *testing.T) {
	const (
		create   = "CreateVpcEndpointServiceConfiguration " + balancerARN + " acceptance=true ipv4"
		record   = "Record vpce-svc-1 generation 1"
		announce = "CreateVpcEndpointConnectionNotification %s Accept Connect Delete Reject"
	)
	steptest.Step[*cloud, Input, Output]{
		Cloud: newCloud,
		In:    input,
		Run:   func(c *cloud) step.Run[Input, Output] { return c.step().run },
		Output: func(c *cloud, _ Input) Output {
			id := fmt.Sprintf("vpce-svc-%d", c.made)
			return Output{ServiceID: id, ServiceName: "com.amazonaws.vpce.eu-central-1." + id, AvailabilityZoneIDs: []string{"euc1-a", "euc1-b"}, ZoneIDsLeftOut: []string{}}
		},
	}.Play(t, map[string]row{
		"the first run makes the service and its notification": {
			Want: []string{create, record, fmt.Sprintf(announce, "vpce-svc-1")},
		},
		"notifications that nobody may make are done without": {
			Drift: func(c *cloud) { c.notifyError = &smithy.GenericAPIError{Code: "UnauthorizedOperation"} },
			Want:  []string{create, record},
		},
		"notifications that fail otherwise are told": {
			Drift: func(c *cloud) { c.notifyError = &smithy.GenericAPIError{Code: "InvalidParameter"} },
			Want:  []string{create, record}, Err: "Failed",
		},
		"a load balancer in the making is waited for": {
			Drift: func(c *cloud) { c.balancer.State.Code = elbtypes.LoadBalancerStateEnumProvisioning }, Err: "NotReady",
		},
		"an impaired load balancer serves": {
			Drift: func(c *cloud) { c.balancer.State.Code = elbtypes.LoadBalancerStateEnumActiveImpaired },
			Want:  []string{create, record, fmt.Sprintf(announce, "vpce-svc-1")},
		},
		"a failed load balancer is told": {
			Drift: func(c *cloud) { c.balancer.State.Code = elbtypes.LoadBalancerStateEnumFailed }, Err: "Failed",
		},
		"a service that is not available yet is waited for": {
			Drift: func(c *cloud) { c.born = types.ServiceStatePending }, Want: []string{create, record}, Err: "NotReady",
		},
		"states are compared whatever their case": {
			Drift: func(c *cloud) { c.born = "available" },
			Want:  []string{create, record, fmt.Sprintf(announce, "vpce-svc-1")},
		},
		"regions are named only when there are any": {
			In:   func(in *Input) { in.SupportedRegions = []string{"us-east-1"} },
			Want: []string{create + " us-east-1", record, fmt.Sprintf(announce, "vpce-svc-1")},
		},
		"a recorded service whose tags do not show yet is found by its id": {
			Again: true, Drift: func(c *cloud) { c.tagsLag = true },
		},
		"a recorded service that is gone starts a new generation": {
			Again: true, Drift: func(c *cloud) { c.services[0].ServiceState = types.ServiceStateDeleted },
			Want: []string{"Record  generation 2", create, "Record vpce-svc-2 generation 2", fmt.Sprintf(announce, "vpce-svc-2")},
		},
		"a service that vanished without a trace does, too": {
			Again: true, Drift: func(c *cloud) { c.services = nil; c.made = 1 },
			Want: []string{"Record  generation 2", create, "Record vpce-svc-2 generation 2", fmt.Sprintf(announce, "vpce-svc-2")},
		},
		"another service with our tags, of a load balancer that is no more, is not taken for it": {
			Again: true, Drift: func(c *cloud) {
				other := c.services[0]
				other.ServiceId, other.NetworkLoadBalancerArns = aws.String("vpce-svc-0"), []string{"another"}
				c.services = slices.Concat([]types.ServiceConfiguration{other}, c.services)
			},
		},
		"a service in deletion holds the load balancer": {
			Again: true, Drift: func(c *cloud) { c.services[0].ServiceState = types.ServiceStateDeleting }, Err: "NotReady",
		},
		"a token that answers with the dead starts a new generation": {
			Again: true, Drift: func(c *cloud) {
				c.services[0].ServiceState = types.ServiceStateDeleted
				c.Recorded.ServiceID, c.Recorded.ServiceName = "", "" // made and deleted without a record
			},
			Want: []string{create, "Record  generation 2"}, Err: "NotReady",
		},
		"a service in front of another load balancer is a conflict": {
			Again: true, Drift: func(c *cloud) { c.services[0].NetworkLoadBalancerArns = []string{"another"} }, Err: "Conflict",
		},
		"a service that only looks like ours is a conflict": {
			Again: true, Drift: func(c *cloud) {
				c.services[0].Tags = []types.Tag{{Key: aws.String(owned.ExposureTag), Value: aws.String(exposure)}}
			}, Err: "Conflict",
		},
		"the recorded service, whose tags do not show yet": {
			Again: true, Drift: func(c *cloud) { c.services[0].Tags = nil }, Err: "NotReady",
		},
		"acceptance that was turned off is required again": {
			Again: true, Drift: func(c *cloud) { c.services[0].AcceptanceRequired = aws.Bool(false) },
			Want: []string{"ModifyVpcEndpointServiceConfiguration vpce-svc-1 acceptance=true add= remove=", record}, Err: "NotReady",
		},
		"an AZ that the load balancer got later is taken over": {
			Again: true, Drift: func(c *cloud) { c.addZone("c") },
			Want: []string{"ModifyVpcEndpointServiceConfiguration vpce-svc-1 add= remove=", record}, Err: "NotReady",
		},
		"what EC2 does not know yet is waited for": {
			Drift: func(c *cloud) { c.refusal = "InvalidParameter" }, Want: []string{}, Err: "NotReady",
		},
		"a region that is refused is not": {
			Drift: func(c *cloud) { c.refusal = "InvalidParameter" }, In: func(in *Input) { in.SupportedRegions = []string{"us-east-1"} },
			Want: []string{}, Err: "Failed",
		},
		"regions are added and removed": {
			Again: true, Drift: func(c *cloud) { c.setRegions("us-west-2", "eu-central-1") },
			In:   func(in *Input) { in.SupportedRegions = []string{"us-east-1"} },
			Want: []string{record, "ModifyVpcEndpointServiceConfiguration vpce-svc-1 add=us-east-1 remove=us-west-2", record}, Err: "NotReady",
		},
		"a region that is being removed is left alone": {
			Again: true, Drift: func(c *cloud) {
				c.setRegions("us-west-2")
				c.services[0].SupportedRegions[0].ServiceState = aws.String("Closed")
			},
		},
		"a notification that misses an event gets it": {
			Again: true, Drift: func(c *cloud) { c.notifications[0].ConnectionEvents = []string{"Connect"} },
			Want: []string{"ModifyVpcEndpointConnectionNotification Accept Connect Delete Reject"},
		},
		"a notification that was deleted is made again": {
			Again: true, Drift: func(c *cloud) { c.notifications = nil },
			Want: []string{fmt.Sprintf(announce, "vpce-svc-1")},
		},
	})
}

// A zone that PrivateLink never enables is asked for once, waited for a minute, and then left out.
func TestAZoneThatIsNeverEnabledIsLeftOutAfterAWhile(t *testing.T) {
	for name, row := range map[string]struct {
		zones   string // of the load balancer beside a and b
		closed  string
		in      func(*Input)
		done    int // the attempt that ends it
		asked   int // how often a modify was sent by then
		served  []string
		leftOut []string
		err     string
		says    string
	}{
		"a third":           {zones: "c", closed: "c", done: patience + 1, asked: 1, served: []string{"euc1-a", "euc1-b"}, leftOut: []string{"euc1-c"}},
		"one that comes":    {zones: "c", done: 1, asked: 1, served: []string{"euc1-a", "euc1-b", "euc1-c"}, leftOut: []string{}},
		"two":               {zones: "cd", closed: "cd", done: patience + 1, asked: 1, served: []string{"euc1-a", "euc1-b"}, leftOut: []string{"euc1-c", "euc1-d"}},
		"one of the vendor": {zones: "c", closed: "c", in: vendorIn("subnet-b", "subnet-c"), done: patience + 1, asked: 1, served: []string{"euc1-a", "euc1-b"}, leftOut: []string{"euc1-c"}},
		"the vendor's only": {zones: "c", closed: "c", in: vendorIn("subnet-c"), done: patience + 1, asked: 1, err: "BadInput", says: "zones euc1-c"},
		"every one":         {closed: "ab", done: patience + 1, asked: 1, err: "BadInput", says: "zones euc1-a, euc1-b"},
		"beside a region that does not show": {zones: "c", closed: "c", in: func(in *Input) { in.SupportedRegions = []string{"us-east-1"} },
			done: 90, asked: 90/(patience+1) + 1, err: "NotReady", says: "us-east-1"},
	} {
		t.Run(name, func(t *testing.T) {
			c, in := newCloud(), input()
			c.closed = row.closed
			if row.zones != "" { // the load balancer gets them later
				if _, err := c.step().run(t.Context(), in); err != nil {
					t.Fatal(err)
				}
			}
			for _, letter := range row.zones {
				c.addZone(string(letter))
			}
			if row.in != nil {
				row.in(&in)
			}
			c.Mutations = nil
			var out Output
			var err error
			for in.RetryCount = range row.done + 1 {
				if out, err = c.step().run(t.Context(), in); outcome.Name(err) != "NotReady" {
					break
				}
			}
			if in.RetryCount != row.done || outcome.Name(err) != row.err || err != nil && !strings.Contains(err.Error(), row.says) {
				t.Fatalf("attempt %d ended in %v", in.RetryCount, err)
			}
			if err == nil && (!slices.Equal(out.AvailabilityZoneIDs, row.served) || !slices.Equal(out.ZoneIDsLeftOut, row.leftOut)) {
				t.Errorf("served %v, left out %v", out.AvailabilityZoneIDs, out.ZoneIDsLeftOut)
			}
			if asked := c.modified(); asked != row.asked {
				t.Errorf("modified %d times: %v", asked, c.Mutations)
			}
		})
	}
}

// After a redrive the attempts count from 0 again, and another execution asks once more.
func TestAZoneIsAskedForOnceInAnExecution(t *testing.T) {
	c, in := newCloud(), input()
	c.closed, in.RetryCount = "b", 12 // the load balancer took its time
	for range patience + 1 {
		if _, err := c.step().run(t.Context(), in); outcome.Name(err) != "NotReady" {
			t.Fatal(err)
		}
		in.RetryCount++
	}
	in.RetryCount = 0
	if _, err := c.step().run(t.Context(), in); err != nil || c.modified() != 1 {
		t.Errorf("a redrive ends in %v after %d changes", err, c.modified())
	}
	in.Execution = "another"
	if _, err := c.step().run(t.Context(), in); outcome.Name(err) != "NotReady" || c.modified() != 2 {
		t.Errorf("another execution ends in %v after %d changes", err, c.modified())
	}
}

func vendorIn(subnets ...string) func(*Input) {
	return func(in *Input) { in.VendorZoneSubnetIDs = subnets }
}

// What the registry says of the service already is not read a second time to be left as it is.
func TestARecordThatStandsIsNotReadAgain(t *testing.T) {
	c := newCloud()
	if _, err := c.step().run(t.Context(), input()); err != nil {
		t.Fatal(err)
	}
	c.held = "execution"
	c.Lost = errors.New("read again")
	if _, err := c.step().run(t.Context(), input()); err != nil {
		t.Error(err)
	}
	c.held = "another"
	if _, err := c.step().run(t.Context(), input()); !errors.Is(err, c.Lost) {
		t.Errorf("a claim that was lost ends in %v", err)
	}
}

// cloud is EC2's endpoint services in front of one load balancer, and the registry with one exposure.
type cloud struct {
	steptest.Fake
	hostedzonetest.Zones
	sent          []string // subjects and texts of messages
	now           time.Time
	untilLost     int   // changes about the name until one whose answer is lost
	untilRefused  int   // and until one that is not made
	notifyError   error // of making a notification
	overtaken     error // what the registry says of the claim once a record has been changed
	balancer      elbtypes.LoadBalancer
	services      []types.ServiceConfiguration
	tokens        map[string]string // ClientToken → service id, for good
	made          int
	born          types.ServiceState
	tagsLag       bool
	closed        string // the zones that PrivateLink never enables
	refusal       string // the code with which a service is refused
	held          string // the execution that has the claim
	notifications []types.ConnectionNotification
}

func newCloud() *cloud {
	c := &cloud{
		balancer: elbtypes.LoadBalancer{
			LoadBalancerArn: aws.String(balancerARN),
			State:           &elbtypes.LoadBalancerState{Code: elbtypes.LoadBalancerStateEnumActive},
		},
		tokens: map[string]string{},
		now:    day,
		born:   types.ServiceStateAvailable,
	}
	c.Recorded.Generation = 1
	c.addZone("a")
	c.addZone("b")
	return c
}

func (c *cloud) step() createEndpointService {
	return createEndpointService{balancers: c, subnets: c, services: c, notifications: c, domains: c, topics: c, registry: c, topic: topic,
		now: func() time.Time { return c.now }}
}

func (c *cloud) addZone(letter string) {
	c.balancer.AvailabilityZones = append(c.balancer.AvailabilityZones,
		elbtypes.AvailabilityZone{ZoneName: aws.String("eu-central-1" + letter), SubnetId: aws.String("subnet-" + letter)})
}

// enabled are the names of the load balancer's zones where PrivateLink is. Their ids are in the model and in no recorded
// answer.
func (c *cloud) enabled() []string {
	var names []string
	for _, zone := range c.balancer.AvailabilityZones {
		if !strings.Contains(c.closed, strings.TrimPrefix(*zone.ZoneName, "eu-central-1")) {
			names = append(names, *zone.ZoneName)
		}
	}
	return names
}

func (c *cloud) modified() int {
	return len(slices.DeleteFunc(slices.Clone(c.Mutations), func(m string) bool { return !strings.HasPrefix(m, "ModifyVpcEndpointServiceConfiguration") }))
}

func (c *cloud) DescribeSubnets(_ context.Context, in *ec2.DescribeSubnetsInput, _ ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error) {
	var out ec2.DescribeSubnetsOutput
	for _, id := range in.SubnetIds {
		letter := strings.TrimPrefix(id, "subnet-")
		out.Subnets = append(out.Subnets, types.Subnet{SubnetId: &id, AvailabilityZone: aws.String("eu-central-1" + letter), AvailabilityZoneId: aws.String("euc1-" + letter)})
	}
	return &out, nil
}

func (c *cloud) Get(ctx context.Context, id string) (registry.Exposure, error) {
	e, err := c.Fake.Get(ctx, id)
	e.Claim = c.held
	return e, err
}

func (c *cloud) setRegions(regions ...string) {
	c.services[0].SupportedRegions = nil
	for _, region := range regions {
		c.services[0].SupportedRegions = append(c.services[0].SupportedRegions,
			types.SupportedRegionDetail{Region: &region, ServiceState: aws.String("Available")})
	}
}

// Record notes what was recorded, too: the generation is what tokens go by.
func (c *cloud) Record(_ context.Context, _, _ string, made func(*registry.Made)) error {
	before := c.Recorded
	made(&c.Recorded)
	if !reflect.DeepEqual(before, c.Recorded) {
		c.Mutate("Record %s generation %d", c.Recorded.ServiceID, c.Recorded.Generation)
	}
	return c.Lost
}

func (c *cloud) DescribeLoadBalancers(context.Context, *elb.DescribeLoadBalancersInput, ...func(*elb.Options)) (*elb.DescribeLoadBalancersOutput, error) {
	return &elb.DescribeLoadBalancersOutput{LoadBalancers: []elbtypes.LoadBalancer{c.balancer}}, nil
}

func (c *cloud) DescribeVpcEndpointServiceConfigurations(_ context.Context, in *ec2.DescribeVpcEndpointServiceConfigurationsInput, _ ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointServiceConfigurationsOutput, error) {
	var out ec2.DescribeVpcEndpointServiceConfigurationsOutput
	for _, service := range c.services {
		tags := owned.FromEC2(service.Tags)
		byTag := len(in.Filters) == 1 && *in.Filters[0].Name == "tag:"+owned.ExposureTag &&
			tags[owned.ExposureTag] == in.Filters[0].Values[0] && !c.tagsLag
		if byTag || slices.Contains(in.ServiceIds, *service.ServiceId) {
			out.ServiceConfigurations = append(out.ServiceConfigurations, service)
		}
	}
	if len(in.ServiceIds) > 0 && len(out.ServiceConfigurations) == 0 {
		return nil, &smithy.GenericAPIError{Code: "InvalidVpcEndpointServiceId.NotFound"}
	}
	return &out, nil
}

func (c *cloud) CreateVpcEndpointServiceConfiguration(_ context.Context, in *ec2.CreateVpcEndpointServiceConfigurationInput, _ ...func(*ec2.Options)) (*ec2.CreateVpcEndpointServiceConfigurationOutput, error) {
	if c.refusal != "" {
		return nil, &smithy.GenericAPIError{Code: c.refusal}
	}
	c.Mutate("CreateVpcEndpointServiceConfiguration %s acceptance=%t %s %s", in.NetworkLoadBalancerArns[0], *in.AcceptanceRequired,
		in.SupportedIpAddressTypes[0], strings.Join(in.SupportedRegions, " "))
	for i, service := range c.services {
		if *service.ServiceId == c.tokens[*in.ClientToken] {
			return &ec2.CreateVpcEndpointServiceConfigurationOutput{ServiceConfiguration: &c.services[i]}, nil
		}
	}
	c.made++
	id := fmt.Sprintf("vpce-svc-%d", c.made)
	c.tokens[*in.ClientToken] = id
	made := types.ServiceConfiguration{
		ServiceId: &id, ServiceName: aws.String("com.amazonaws.vpce.eu-central-1." + id), ServiceState: c.born,
		AcceptanceRequired: in.AcceptanceRequired, NetworkLoadBalancerArns: in.NetworkLoadBalancerArns, Tags: in.TagSpecifications[0].Tags,
		AvailabilityZones: c.enabled(),
	}
	for _, region := range in.SupportedRegions {
		made.SupportedRegions = append(made.SupportedRegions, types.SupportedRegionDetail{Region: &region, ServiceState: aws.String("Pending")})
	}
	c.services = append(c.services, made)
	return &ec2.CreateVpcEndpointServiceConfigurationOutput{ServiceConfiguration: &made}, nil
}

func (c *cloud) CreateTags(_ context.Context, in *ec2.CreateTagsInput, _ ...func(*ec2.Options)) (*ec2.CreateTagsOutput, error) {
	c.Mutate("CreateTags %v", in.Resources)
	for i, service := range c.services {
		if slices.Contains(in.Resources, *service.ServiceId) {
			c.services[i].Tags = in.Tags
		}
	}
	return &ec2.CreateTagsOutput{}, nil
}

func (c *cloud) ModifyVpcEndpointServiceConfiguration(_ context.Context, in *ec2.ModifyVpcEndpointServiceConfigurationInput, _ ...func(*ec2.Options)) (*ec2.ModifyVpcEndpointServiceConfigurationOutput, error) {
	service := &c.services[len(c.services)-1]
	if in.PrivateDnsName != nil || in.RemovePrivateDnsName != nil {
		if c.refuses() {
			return nil, errDisturbed
		}
	}
	switch {
	case in.PrivateDnsName != nil:
		c.Mutate("name %s", *in.PrivateDnsName)
		service.PrivateDnsName = in.PrivateDnsName
		service.PrivateDnsNameConfiguration = &types.PrivateDnsNameConfiguration{State: types.DnsNameStatePendingVerification, Type: aws.String("TXT"),
			Name: aws.String("_abc"), Value: aws.String("vpce:" + *in.PrivateDnsName)}
		return &ec2.ModifyVpcEndpointServiceConfigurationOutput{}, c.loses()
	case aws.ToBool(in.RemovePrivateDnsName):
		c.Mutate("remove name")
		service.PrivateDnsName, service.PrivateDnsNameConfiguration = nil, nil
		return &ec2.ModifyVpcEndpointServiceConfigurationOutput{}, c.loses()
	}
	acceptance := ""
	if in.AcceptanceRequired != nil {
		acceptance = fmt.Sprintf("acceptance=%t ", *in.AcceptanceRequired)
	}
	c.Mutate("ModifyVpcEndpointServiceConfiguration %s %sadd=%s remove=%s", *in.ServiceId, acceptance,
		strings.Join(in.AddSupportedRegions, " "), strings.Join(in.RemoveSupportedRegions, " "))
	c.services[len(c.services)-1].AvailabilityZones = c.enabled()
	return &ec2.ModifyVpcEndpointServiceConfigurationOutput{}, nil
}

func (c *cloud) DescribeVpcEndpointConnectionNotifications(_ context.Context, in *ec2.DescribeVpcEndpointConnectionNotificationsInput, _ ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointConnectionNotificationsOutput, error) {
	var out ec2.DescribeVpcEndpointConnectionNotificationsOutput
	for _, notification := range c.notifications {
		if *notification.ServiceId == in.Filters[0].Values[0] && *notification.ConnectionNotificationArn == in.Filters[1].Values[0] {
			out.ConnectionNotificationSet = append(out.ConnectionNotificationSet, notification)
		}
	}
	return &out, nil
}

func (c *cloud) CreateVpcEndpointConnectionNotification(_ context.Context, in *ec2.CreateVpcEndpointConnectionNotificationInput, _ ...func(*ec2.Options)) (*ec2.CreateVpcEndpointConnectionNotificationOutput, error) {
	if c.notifyError != nil {
		return nil, c.notifyError
	}
	c.Mutate("CreateVpcEndpointConnectionNotification %s %s", *in.ServiceId, strings.Join(in.ConnectionEvents, " "))
	if c.tokens[*in.ClientToken] != "" { // made once, whatever became of it
		return &ec2.CreateVpcEndpointConnectionNotificationOutput{ConnectionNotification: &types.ConnectionNotification{}}, nil
	}
	c.tokens[*in.ClientToken] = "vpce-nfn-1"
	c.notifications = append(c.notifications, types.ConnectionNotification{
		ConnectionNotificationId: aws.String("vpce-nfn-1"), ServiceId: in.ServiceId,
		ConnectionNotificationArn: in.ConnectionNotificationArn, ConnectionEvents: in.ConnectionEvents,
	})
	return &ec2.CreateVpcEndpointConnectionNotificationOutput{ConnectionNotification: &c.notifications[len(c.notifications)-1]}, nil
}

func (c *cloud) ModifyVpcEndpointConnectionNotification(_ context.Context, in *ec2.ModifyVpcEndpointConnectionNotificationInput, _ ...func(*ec2.Options)) (*ec2.ModifyVpcEndpointConnectionNotificationOutput, error) {
	c.Mutate("ModifyVpcEndpointConnectionNotification %s", strings.Join(in.ConnectionEvents, " "))
	c.notifications[0].ConnectionEvents = in.ConnectionEvents
	return &ec2.ModifyVpcEndpointConnectionNotificationOutput{}, nil
}

// AWS answers the token of a notification that was deleted with the dead one.
func TestANotificationThatWasDeletedIsMadeAtTheNextStart(t *testing.T) {
	c := newCloud()
	for _, execution := range []string{"first", "second", "third"} {
		c.notifications = nil
		in := input()
		in.Execution = execution
		if _, err := c.step().run(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if len(c.notifications) != 1 {
			t.Errorf("%d notifications after the %s execution", len(c.notifications), execution)
		}
	}
}

func TestTagsOfTheDeploymentThatChangedReachTheService(t *testing.T) {
	c := newCloud()
	for _, center := range []string{"42", "43"} {
		s := c.step()
		s.owner.Tags = map[string]string{"cost-center": center}
		for range 2 {
			c.Mutations = nil
			if _, err := s.run(t.Context(), input()); err != nil {
				t.Fatal(err)
			}
		}
		if tags := owned.FromEC2(c.services[0].Tags); tags["cost-center"] != center || !(owned.Owner{}).Has(tags, exposure) || len(c.Mutations) > 0 {
			t.Errorf("the service carries %v, and a second run makes %v", tags, c.Mutations)
		}
	}
}
