package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/flowlog"
	"github.com/rdslink/rdslink/internal/ingress"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
)

type flowLogAPI interface {
	flowlog.API
	flowlog.DeleteAPI
	ec2.DescribeNetworkInterfacesAPIClient
	CreateFlowLogs(context.Context, *ec2.CreateFlowLogsInput, ...func(*ec2.Options)) (*ec2.CreateFlowLogsOutput, error)
}

// logPlace is where the stack has flow logs written, and in which role.
type logPlace struct{ group, role string }

// recordFlows makes a flow log of each node's network interface where they are wanted, and deletes all others of the
// exposure. One that goes elsewhere, or has other fields, is replaced: a flow log cannot be changed.
func (s createLoadBalancer) recordFlows(ctx context.Context, in Input, balancerARN string, zones int) ([]string, error) {
	if !in.FlowLogs && len(in.FlowLogIDs) == 0 {
		return nil, nil
	}
	have, err := flowlog.Of(ctx, s.flows, s.owner, in.Exposure)
	if err != nil {
		return nil, err
	}
	var missing []string
	if in.FlowLogs {
		if missing, err = s.nodes(ctx, balancerARN, zones); err != nil {
			return nil, err
		}
	}
	var ids, surplus []string
	for _, l := range have {
		id := aws.ToString(l.FlowLogId)
		if i := slices.Index(missing, aws.ToString(l.ResourceId)); i >= 0 && s.isRight(l) {
			missing, ids = slices.Delete(missing, i, i+1), append(ids, id)
		} else {
			surplus = append(surplus, id)
		}
	}
	if len(surplus) > 0 {
		slog.InfoContext(ctx, "delete flow logs", "flowLogIds", surplus)
	}
	if err := flowlog.Delete(ctx, s.flows, surplus); err != nil {
		return nil, err
	}
	made, err := s.createFlowLogs(ctx, in, missing)
	return slices.Sorted(slices.Values(append(ids, made...))), err
}

func (s createLoadBalancer) nodes(ctx context.Context, balancerARN string, zones int) (ids []string, _ error) {
	nodes, err := ingress.NodeInterfaces(ctx, s.flows, balancerARN, zones)
	for _, n := range nodes {
		ids = append(ids, aws.ToString(n.NetworkInterfaceId))
	}
	return slices.Sorted(slices.Values(ids)), err
}

// isRight says whether a flow log is as createFlowLogs makes it now.
func (s createLoadBalancer) isRight(l ec2types.FlowLog) bool {
	return aws.ToString(l.LogGroupName) == s.logs.group && aws.ToString(l.DeliverLogsPermissionArn) == s.logs.role &&
		aws.ToString(l.LogFormat) == flowlog.Format()
}

func (s createLoadBalancer) createFlowLogs(ctx context.Context, in Input, interfaces []string) ([]string, error) {
	if len(interfaces) == 0 {
		return nil, nil
	}
	slog.InfoContext(ctx, "create flow logs", "networkInterfaceIds", interfaces)
	out, err := s.flows.CreateFlowLogs(ctx, &ec2.CreateFlowLogsInput{
		ResourceType: ec2types.FlowLogsResourceTypeNetworkInterface, ResourceIds: interfaces, TrafficType: ec2types.TrafficTypeAll,
		LogDestinationType: ec2types.LogDestinationTypeCloudWatchLogs, LogGroupName: &s.logs.group, DeliverLogsPermissionArn: &s.logs.role,
		LogFormat: aws.String(flowlog.Format()), MaxAggregationInterval: aws.Int32(flowlog.Interval),
		TagSpecifications: []ec2types.TagSpecification{{
			ResourceType: ec2types.ResourceTypeVpcFlowLog, Tags: owned.EC2Tags(s.owner.ExposureTags(in.Exposure, in.DatabaseARN)),
		}},
	})
	if err != nil {
		return nil, fmt.Errorf("create flow logs of %s: %w", strings.Join(interfaces, ", "), err)
	}
	if len(out.Unsuccessful) > 0 {
		item := out.Unsuccessful[0]
		code, message := aws.ToString(item.Error.Code), aws.ToString(item.Error.Message)
		if code == "FlowLogAlreadyExists" { // made a moment ago, and not described yet
			return nil, outcome.NotReady("create flow log of %s: %s: %s", aws.ToString(item.ResourceId), code, message)
		}
		return nil, fmt.Errorf("create flow log of %s: %s: %s", aws.ToString(item.ResourceId), code, message)
	}
	slog.InfoContext(ctx, "created flow logs", "flowLogIds", out.FlowLogIds)
	return out.FlowLogIds, nil
}
