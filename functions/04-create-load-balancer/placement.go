package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/drift"
	"github.com/rdslink/rdslink/internal/outcome"
)

// placement is where the load balancer is, and which zones of the plan ELB did not take it into.
type placement struct {
	subnetIDs []string
	leftOut   []string // ids of zones
}

// addSubnets extends the load balancer to AZs that it does not serve yet. An AZ keeps the subnet it has: a network load
// balancer takes exactly one per AZ, and consumers are connected through it.
func (s createLoadBalancer) addSubnets(ctx context.Context, in Input, balancer types.LoadBalancer) (placement, error) {
	var present, zones []string
	for _, zone := range balancer.AvailabilityZones {
		present = append(present, aws.ToString(zone.SubnetId))
		zones = append(zones, aws.ToString(zone.ZoneName))
	}
	missing := drift.Without(in.SubnetIDs, present)
	if len(missing) == 0 {
		return placement{present, []string{}}, nil
	}
	found, err := s.describeSubnets(ctx, missing)
	if err != nil {
		return placement{}, err
	}
	var fresh []string
	for _, subnet := range found {
		if !slices.Contains(zones, aws.ToString(subnet.AvailabilityZone)) {
			fresh = append(fresh, aws.ToString(subnet.SubnetId))
		}
	}
	return s.place(ctx, in, present, fresh, func(subnets []string) error {
		slog.InfoContext(ctx, "set subnets", "loadBalancerArn", *balancer.LoadBalancerArn, "subnetIds", subnets)
		_, err := s.balancers.SetSubnets(ctx, &elb.SetSubnetsInput{LoadBalancerArn: balancer.LoadBalancerArn, Subnets: subnets})
		if err != nil {
			return fmt.Errorf("set subnets of load balancer %s: %w", *balancer.LoadBalancerArn, outcome.Unseen(err))
		}
		return nil
	})
}

// place asks ELB for the load balancer to be in further subnets. There are zones in which some accounts get none
// (widdix/mastodon-on-aws#13): what ELB refuses is left out where the exposure can do without. Each refusal takes one subnet
// away at least, so it ends.
func (s createLoadBalancer) place(
	ctx context.Context, in Input, present, further []string, ask func(subnets []string) error,
) (placement, error) {
	placed := placement{present, []string{}}
	for len(further) > 0 {
		subnets := slices.Concat(present, further)
		refused := ask(subnets)
		if refused == nil {
			placed.subnetIDs = subnets
			break
		}
		closed, err := s.closed(ctx, further, refused)
		if err != nil {
			return placement{}, err
		}
		for _, subnet := range closed {
			further = drift.Without(further, []string{aws.ToString(subnet.SubnetId)})
			placed.leftOut = append(placed.leftOut, aws.ToString(subnet.AvailabilityZoneId))
		}
		if err := in.canDoWithout(closed, slices.Concat(present, further), refused); err != nil {
			return placement{}, err
		}
		slog.WarnContext(ctx, "leave zones out that ELB does not take", "zoneIdsLeftOut", placed.leftOut, "error", refused.Error())
	}
	slices.Sort(placed.leftOut)
	return placed, nil
}

// closed are the subnets whose zones a refusal names; any other refusal is an error. ELB says it with the code of every
// other invalid value, so only its words tell.
func (s createLoadBalancer) closed(ctx context.Context, asked []string, refused error) ([]ec2types.Subnet, error) {
	api, ok := errors.AsType[smithy.APIError](refused)
	if ok && api.ErrorCode() == "InvalidSubnet" {
		return nil, outcome.BadInput("ELB does not take the subnets %s any more: see that each has 8 free addresses, "+
			"which others may have taken since step 1, then redrive this execution: %w", strings.Join(asked, ", "), refused)
	}
	_, unsupported := errors.AsType[*types.AvailabilityZoneNotSupportedException](refused)
	if !ok || !unsupported && api.ErrorCode() != "ValidationError" {
		return nil, refused
	}
	subnets, err := s.describeSubnets(ctx, asked)
	if err != nil {
		return nil, err
	}
	words := strings.FieldsFunc(api.ErrorMessage(), func(r rune) bool { return r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	named := slices.DeleteFunc(slices.Clone(subnets), func(subnet ec2types.Subnet) bool {
		return !slices.Contains(words, aws.ToString(subnet.AvailabilityZone)) && !slices.Contains(words, aws.ToString(subnet.SubnetId))
	})
	if len(named) == 0 && unsupported {
		named = subnets // it does not say which: none can be left out alone
	}
	if len(named) == 0 {
		return nil, refused
	}
	return named, nil
}

// canDoWithout reports, as an error, zones without which the exposure does not work: a target in a zone where the load
// balancer is not gets no traffic, even with cross-zone, and consumers can only enter where it is.
func (in Input) canDoWithout(closed []ec2types.Subnet, rest []string, refused error) error {
	needs := func(why string) error {
		var zones []string
		for _, subnet := range closed {
			zones = append(zones, aws.ToString(subnet.AvailabilityZoneId)+" ("+aws.ToString(subnet.AvailabilityZone)+")")
		}
		return outcome.BadInput("ELB takes no load balancer of this account in zone %s, and %s: have AWS Support open the zone, "+
			"or move the database or its subnet group to others, then start again: %w", strings.Join(zones, ", "), why, refused)
	}
	ofDatabase := func(subnet ec2types.Subnet) bool {
		return slices.Contains(in.DatabaseZoneSubnetIDs, aws.ToString(subnet.SubnetId))
	}
	switch {
	case slices.ContainsFunc(closed, ofDatabase):
		return needs("the database is there, or fails over to it")
	case len(rest) == 0:
		return needs("no other is left")
	case len(in.VendorZoneSubnetIDs) > 0 && len(drift.Without(in.VendorZoneSubnetIDs, rest)) == len(in.VendorZoneSubnetIDs):
		return needs("the consumer makes endpoints in no other zone of it")
	case len(in.SupportedRegions) > 0 && len(rest) < 2:
		return needs("PrivateLink serves other regions only from two zones or more")
	}
	return nil
}

func (s createLoadBalancer) describeSubnets(ctx context.Context, ids []string) ([]ec2types.Subnet, error) {
	out, err := s.subnets.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: ids})
	if err != nil {
		return nil, fmt.Errorf("describe subnets %s: %w", strings.Join(ids, " "), err)
	}
	return out.Subnets, nil
}
