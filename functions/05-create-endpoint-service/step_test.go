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

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

const (
	exposure    = "orders-acme-00000000"
	database    = "arn:aws:rds:eu-central-1:111122223333:db:orders"
	balancerARN = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/net/orders-acme-00000000/1"
	topic       = "arn:aws:sns:eu-central-1:111122223333:connections"
)

func TestRun(t *testing.T) {
	const (
		create   = "CreateVpcEndpointServiceConfiguration " + balancerARN + " acceptance=true ipv4"
		record   = "Record vpce-svc-1 generation 1"
		announce = "CreateVpcEndpointConnectionNotification %s Accept Connect Delete Reject"
	)
	for name, row := range map[string]struct {
		again bool         // after a first, complete run
		drift func(*cloud) // before the run
		in    func(*Input)
		want  []string
		err   string
	}{
		"the first run makes the service and its notification": {
			want: []string{create, record, fmt.Sprintf(announce, "vpce-svc-1")},
		},
		"a second run changes nothing": {again: true},
		"a load balancer in the making is waited for": {
			drift: func(c *cloud) { c.balancer.State.Code = elbtypes.LoadBalancerStateEnumProvisioning }, err: "NotReady",
		},
		"an impaired load balancer serves": {
			drift: func(c *cloud) { c.balancer.State.Code = elbtypes.LoadBalancerStateEnumActiveImpaired },
			want:  []string{create, record, fmt.Sprintf(announce, "vpce-svc-1")},
		},
		"a failed load balancer is told": {
			drift: func(c *cloud) { c.balancer.State.Code = elbtypes.LoadBalancerStateEnumFailed }, err: "Failed",
		},
		"a service that is not available yet is waited for": {
			drift: func(c *cloud) { c.born = types.ServiceStatePending }, want: []string{create, record}, err: "NotReady",
		},
		"states are compared whatever their case": {
			drift: func(c *cloud) { c.born = "available" },
			want:  []string{create, record, fmt.Sprintf(announce, "vpce-svc-1")},
		},
		"regions are named only when there are any": {
			in:   func(in *Input) { in.SupportedRegions = []string{"us-east-1"} },
			want: []string{create + " us-east-1", record, fmt.Sprintf(announce, "vpce-svc-1")},
		},
		"a recorded service whose tags do not show yet is found by its id": {
			again: true, drift: func(c *cloud) { c.tagsLag = true },
		},
		"a recorded service that is gone starts a new generation": {
			again: true, drift: func(c *cloud) { c.services[0].ServiceState = types.ServiceStateDeleted },
			want: []string{"Record  generation 2", create, "Record vpce-svc-2 generation 2", fmt.Sprintf(announce, "vpce-svc-2")},
		},
		"a service that vanished without a trace does, too": {
			again: true, drift: func(c *cloud) { c.services = nil; c.made = 1 },
			want: []string{"Record  generation 2", create, "Record vpce-svc-2 generation 2", fmt.Sprintf(announce, "vpce-svc-2")},
		},
		"a service in deletion holds the load balancer": {
			again: true, drift: func(c *cloud) { c.services[0].ServiceState = types.ServiceStateDeleting }, err: "NotReady",
		},
		"a token that answers with the dead starts a new generation": {
			again: true, drift: func(c *cloud) {
				c.services[0].ServiceState = types.ServiceStateDeleted
				c.exposure.ServiceID, c.exposure.ServiceName = "", "" // made and deleted without a record
			},
			want: []string{create, "Record  generation 2"}, err: "NotReady",
		},
		"a service in front of another load balancer is a conflict": {
			again: true, drift: func(c *cloud) { c.services[0].NetworkLoadBalancerArns = []string{"another"} }, err: "Conflict",
		},
		"a service that only looks like ours is a conflict": {
			again: true, drift: func(c *cloud) {
				c.services[0].Tags = []types.Tag{{Key: aws.String(owned.ExposureTag), Value: aws.String(exposure)}}
			}, err: "Conflict",
		},
		"acceptance that was turned off is required again": {
			again: true, drift: func(c *cloud) { c.services[0].AcceptanceRequired = aws.Bool(false) },
			want: []string{"ModifyVpcEndpointServiceConfiguration vpce-svc-1 acceptance=true add= remove="}, err: "NotReady",
		},
		"an AZ that the load balancer got later is taken over": {
			again: true, drift: func(c *cloud) { c.addZone("c") },
			want: []string{"ModifyVpcEndpointServiceConfiguration vpce-svc-1 add= remove="}, err: "NotReady",
		},
		"regions are added and removed": {
			again: true, drift: func(c *cloud) { c.setRegions("us-west-2", "eu-central-1") },
			in:   func(in *Input) { in.SupportedRegions = []string{"us-east-1"} },
			want: []string{"ModifyVpcEndpointServiceConfiguration vpce-svc-1 add=us-east-1 remove=us-west-2"}, err: "NotReady",
		},
		"a region that is being removed is left alone": {
			again: true, drift: func(c *cloud) {
				c.setRegions("us-west-2")
				c.services[0].SupportedRegions[0].ServiceState = aws.String("Closed")
			},
		},
		"a notification that misses an event gets it": {
			again: true, drift: func(c *cloud) { c.notifications[0].ConnectionEvents = []string{"Connect"} },
			want: []string{"ModifyVpcEndpointConnectionNotification Accept Connect Delete Reject"},
		},
		"a notification that was deleted is made again": {
			again: true, drift: func(c *cloud) { c.notifications = nil },
			want: []string{fmt.Sprintf(announce, "vpce-svc-1")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud()
			in := Input{Execution: "execution", Exposure: exposure, DatabaseARN: database, LoadBalancerARN: balancerARN, SupportedRegions: []string{}}
			if row.again {
				if _, err := c.step().run(t.Context(), in); err != nil {
					t.Fatalf("first run: %v", err)
				}
				c.mutations = nil
			}
			if row.drift != nil {
				row.drift(c)
			}
			if row.in != nil {
				row.in(&in)
			}

			out, err := c.step().run(t.Context(), in)

			if got := outcome.Name(err); got != row.err {
				t.Fatalf("error %q (%v), want %q", got, err, row.err)
			}
			id := fmt.Sprintf("vpce-svc-%d", c.made)
			want := Output{id, "com.amazonaws.vpce.eu-central-1." + id, []string{"euc1-a", "euc1-b"}}
			if err == nil && !reflect.DeepEqual(out, want) {
				t.Errorf("output %+v, want %+v", out, want)
			}
			if !slices.Equal(c.mutations, row.want) {
				t.Errorf("mutations\n%s\nwant\n%s", strings.Join(c.mutations, "\n"), strings.Join(row.want, "\n"))
			}
		})
	}
}

// cloud is EC2's endpoint services in front of one load balancer, and the registry with one exposure.
type cloud struct {
	balancer      elbtypes.LoadBalancer
	services      []types.ServiceConfiguration
	tokens        map[string]string // ClientToken → service id, for good
	made          int
	born          types.ServiceState
	tagsLag       bool
	notifications []types.ConnectionNotification
	exposure      registry.Exposure
	mutations     []string
}

func newCloud() *cloud {
	c := &cloud{
		balancer: elbtypes.LoadBalancer{
			LoadBalancerArn: aws.String(balancerARN),
			State:           &elbtypes.LoadBalancerState{Code: elbtypes.LoadBalancerStateEnumActive},
		},
		tokens:   map[string]string{},
		born:     types.ServiceStateAvailable,
		exposure: registry.Exposure{ID: exposure, Generation: 1},
	}
	c.addZone("a")
	c.addZone("b")
	return c
}

func (c *cloud) step() createEndpointService {
	return createEndpointService{balancers: c, services: c, notifications: c, registry: c, topic: topic}
}

func (c *cloud) record(format string, args ...any) {
	c.mutations = append(c.mutations, strings.TrimRight(fmt.Sprintf(format, args...), " "))
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

func (c *cloud) Get(_ context.Context, id string) (registry.Exposure, error) {
	if id != c.exposure.ID {
		return registry.Exposure{}, registry.ErrNotFound
	}
	return c.exposure, nil
}

func (c *cloud) Record(_ context.Context, _, _ string, set map[string]any) error {
	before := c.exposure
	c.exposure.ServiceID, c.exposure.ServiceName = set["serviceId"].(string), set["serviceName"].(string)
	if generation, raised := set["generation"]; raised {
		c.exposure.Generation = generation.(int)
	}
	if !reflect.DeepEqual(before, c.exposure) {
		c.record("Record %s generation %d", c.exposure.ServiceID, c.exposure.Generation)
	}
	return nil
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
	c.record("CreateVpcEndpointServiceConfiguration %s acceptance=%t %s %s", in.NetworkLoadBalancerArns[0], *in.AcceptanceRequired,
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
	c.record("ModifyVpcEndpointServiceConfiguration %s %sadd=%s remove=%s", *in.ServiceId, acceptance,
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
	c.record("CreateVpcEndpointConnectionNotification %s %s", *in.ServiceId, strings.Join(in.ConnectionEvents, " "))
	c.notifications = append(c.notifications, types.ConnectionNotification{
		ConnectionNotificationId: aws.String("vpce-nfn-1"), ServiceId: in.ServiceId,
		ConnectionNotificationArn: in.ConnectionNotificationArn, ConnectionEvents: in.ConnectionEvents,
	})
	return &ec2.CreateVpcEndpointConnectionNotificationOutput{ConnectionNotification: &c.notifications[len(c.notifications)-1]}, nil
}

func (c *cloud) ModifyVpcEndpointConnectionNotification(_ context.Context, in *ec2.ModifyVpcEndpointConnectionNotificationInput, _ ...func(*ec2.Options)) (*ec2.ModifyVpcEndpointConnectionNotificationOutput, error) {
	c.record("ModifyVpcEndpointConnectionNotification %s", strings.Join(in.ConnectionEvents, " "))
	c.notifications[0].ConnectionEvents = in.ConnectionEvents
	return &ec2.ModifyVpcEndpointConnectionNotificationOutput{}, nil
}
