package operator

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/handoff"
	"github.com/rdslink/rdslink/internal/registry"
)

// HandedOver is what the consumer of an exposure was told: the text that step 8 published last, and what the output of the
// execution says.
type HandedOver struct {
	Text     string
	Document handoff.Document
}

// HandOff tells once more what was handed over, whether Step Functions still knows the execution or not.
func (o *Operator) HandOff(ctx context.Context, id string) (HandedOver, error) {
	shown, _, e, err := o.find(ctx, id)
	if err != nil {
		return HandedOver{}, err
	}
	if e.Handoff == "" {
		return HandedOver{}, fmt.Errorf("exposure %s is not handed over yet: step 8 writes the text; rdslink follow %s says how far its "+
			"execution has come", id, e.Claim)
	}
	network := ec2.NewFromConfig(o.config)
	if e.Shared == nil { // an earlier version's
		zones, err := serviceZones(ctx, network, e)
		if err != nil {
			return HandedOver{}, err
		}
		e.Shared = &registry.Shared{AvailabilityZoneIDs: zones, ZoneIDsWithoutService: e.ZoneIDsWithoutService}
	}
	found, err := connection.To(ctx, network, e.ServiceID)
	if err != nil {
		return HandedOver{}, err
	}
	var on []registry.Exposure
	if e.IsLink() {
		all, _, err := shown.Survey(ctx)
		if err != nil {
			return HandedOver{}, err
		}
		on = slices.DeleteFunc(all, func(one registry.Exposure) bool { return one.Link != id || one.IsLink() })
	}
	document, err := handoff.Again(e, accepted(e, found), on)
	return HandedOver{e.Handoff, document}, err
}

// accepted is the connection of the exposure's own consumer, rather one that carries data than one that may come to; empty,
// where nobody is let in.
func accepted(e registry.Exposure, found []connection.Connection) handoff.Connection {
	now := handoff.Connection{Path: handoff.NotProven}
	if !e.Life.Proven.IsZero() {
		now.Path = handoff.Proven
	}
	for _, c := range found {
		if connection.Expected(e, c.Owner) && (c.Connected() || c.Accepted() && now.VPCEndpointID == "") {
			now.VPCEndpointID, now.State = c.VPCEndpointID, c.State
		}
	}
	return now
}

// serviceZones are the ids of the zones that an endpoint service is in, which EC2 describes by their names.
func serviceZones(ctx context.Context, client interface {
	ec2.DescribeVpcEndpointServiceConfigurationsAPIClient
	ec2.DescribeSubnetsAPIClient
}, e registry.Exposure,
) ([]string, error) {
	services, err := client.DescribeVpcEndpointServiceConfigurations(ctx,
		&ec2.DescribeVpcEndpointServiceConfigurationsInput{ServiceIds: []string{e.ServiceID}})
	if err != nil {
		return nil, fmt.Errorf("describe endpoint service %s: %w", e.ServiceID, err)
	}
	subnets, err := client.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: e.LoadBalancerSubnetIDs})
	if err != nil {
		return nil, fmt.Errorf("describe subnets of exposure %s: %w", e.ID, err)
	}
	zones := []string{}
	for _, s := range subnets.Subnets {
		for _, service := range services.ServiceConfigurations {
			if slices.Contains(service.AvailabilityZones, aws.ToString(s.AvailabilityZone)) {
				zones = append(zones, aws.ToString(s.AvailabilityZoneId))
			}
		}
	}
	slices.Sort(zones)
	return zones, nil
}
