package main

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"

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
			return Output{id, "com.amazonaws.vpce.eu-central-1." + id, []string{"euc1-a", "euc1-b"}}
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
			Want: []string{"ModifyVpcEndpointServiceConfiguration vpce-svc-1 acceptance=true add= remove="}, Err: "NotReady",
		},
		"an AZ that the load balancer got later is taken over": {
			Again: true, Drift: func(c *cloud) { c.addZone("c") },
			Want: []string{"ModifyVpcEndpointServiceConfiguration vpce-svc-1 add= remove="}, Err: "NotReady",
		},
		"regions are added and removed": {
			Again: true, Drift: func(c *cloud) { c.setRegions("us-west-2", "eu-central-1") },
			In:   func(in *Input) { in.SupportedRegions = []string{"us-east-1"} },
			Want: []string{"ModifyVpcEndpointServiceConfiguration vpce-svc-1 add=us-east-1 remove=us-west-2"}, Err: "NotReady",
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

// cloud is EC2's endpoint services in front of one load balancer, and the registry with one exposure.
type cloud struct {
	steptest.Fake
	notifyError   error // of making a notification
	balancer      elbtypes.LoadBalancer
	services      []types.ServiceConfiguration
	tokens        map[string]string // ClientToken → service id, for good
	made          int
	born          types.ServiceState
	tagsLag       bool
	notifications []types.ConnectionNotification
}

func newCloud() *cloud {
	c := &cloud{
		balancer: elbtypes.LoadBalancer{
			LoadBalancerArn: aws.String(balancerARN),
			State:           &elbtypes.LoadBalancerState{Code: elbtypes.LoadBalancerStateEnumActive},
		},
		tokens: map[string]string{},
		born:   types.ServiceStateAvailable,
	}
	c.Recorded.Generation = 1
	c.addZone("a")
	c.addZone("b")
	return c
}

func (c *cloud) step() createEndpointService {
	return createEndpointService{balancers: c, services: c, notifications: c, registry: c, topic: topic}
}

func (c *cloud) addZone(letter string) {
	c.balancer.AvailabilityZones = append(c.balancer.AvailabilityZones, elbtypes.AvailabilityZone{ZoneName: aws.String("eu-central-1" + letter)})
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
		AvailabilityZones: []string{"eu-central-1b", "eu-central-1a"}, AvailabilityZoneIds: []string{"euc1-b", "euc1-a"},
	}
	for _, region := range in.SupportedRegions {
		made.SupportedRegions = append(made.SupportedRegions, types.SupportedRegionDetail{Region: &region, ServiceState: aws.String("Pending")})
	}
	c.services = append(c.services, made)
	return &ec2.CreateVpcEndpointServiceConfigurationOutput{ServiceConfiguration: &made}, nil
}

func (c *cloud) ModifyVpcEndpointServiceConfiguration(_ context.Context, in *ec2.ModifyVpcEndpointServiceConfigurationInput, _ ...func(*ec2.Options)) (*ec2.ModifyVpcEndpointServiceConfigurationOutput, error) {
	acceptance := ""
	if in.AcceptanceRequired != nil {
		acceptance = fmt.Sprintf("acceptance=%t ", *in.AcceptanceRequired)
	}
	c.Mutate("ModifyVpcEndpointServiceConfiguration %s %sadd=%s remove=%s", *in.ServiceId, acceptance,
		strings.Join(in.AddSupportedRegions, " "), strings.Join(in.RemoveSupportedRegions, " "))
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
