// Package flowlog is the records of what goes through an exposure's load balancer: the flow logs of its nodes' network
// interfaces, and the question that is asked of them.
package flowlog

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/owned"
)

// fields are what a record has, in order (vpc/latest/userguide/flow-log-records.html), and what the query calls each.
var fields = []struct{ name, said string }{
	{"interface-id", "node"}, {"flow-direction", "direction"}, {"pkt-srcaddr", "source"}, {"srcport", "sourcePort"},
	{"pkt-dstaddr", "destination"}, {"dstport", "port"}, {"packets", "packets"}, {"bytes", "bytes"}, {"start", "start"}, {"end", "end"},
	{"action", "action"}, {"log-status", "status"},
}

// Format is the format of the records. A flow log's cannot be changed.
func Format() string {
	var all []string
	for _, f := range fields {
		all = append(all, "${"+f.name+"}")
	}
	return strings.Join(all, " ")
}

// Interval is how long EC2 gathers before it writes, in seconds: the shortest that it has.
const Interval = 60

// Query is, for CloudWatch Logs Insights, who talked to the database: each source that came to a node, and to which port,
// how much it sent, and when first and last. What comes back from the database to a node comes to a port above that which it
// is sent from, and is left out.
func Query() string {
	var stars, names []string
	for _, f := range fields {
		stars, names = append(stars, "*"), append(names, f.said)
	}
	return fmt.Sprintf(`parse @message "%s" as %s
| filter status = "OK" and direction = "ingress" and port < sourcePort
| stats sum(bytes) as sentBytes, count(*) as records, min(start) as first, max(end) as last by source, port, node, action
| sort sentBytes desc`, strings.Join(stars, " "), strings.Join(names, ", "))
}

// API is what EC2 has to answer.
type API interface {
	DescribeFlowLogs(context.Context, *ec2.DescribeFlowLogsInput, ...func(*ec2.Options)) (*ec2.DescribeFlowLogsOutput, error)
}

// Of are the flow logs of an exposure, by its tags.
func Of(ctx context.Context, api API, owner owned.Owner, exposure string) ([]types.FlowLog, error) {
	found, err := describe(ctx, api, types.Filter{Name: aws.String("tag:" + owned.ExposureTag), Values: []string{exposure}})
	if err != nil {
		return nil, fmt.Errorf("describe flow logs of exposure %s: %w", exposure, err)
	}
	var all []types.FlowLog
	for _, l := range found {
		if owner.Has(owned.FromEC2(l.Tags), exposure) {
			all = append(all, l)
		}
	}
	return all, nil
}

// ByID are those of some flow logs that are there.
func ByID(ctx context.Context, api API, ids []string) (map[string]types.FlowLog, error) {
	all := map[string]types.FlowLog{}
	if len(ids) == 0 {
		return all, nil
	}
	found, err := describe(ctx, api, types.Filter{Name: aws.String("flow-log-id"), Values: ids})
	if err != nil {
		return nil, fmt.Errorf("describe flow logs %s: %w", strings.Join(ids, ", "), err)
	}
	for _, l := range found {
		all[aws.ToString(l.FlowLogId)] = l
	}
	return all, nil
}

func describe(ctx context.Context, api API, filter types.Filter) (all []types.FlowLog, err error) {
	pages := ec2.NewDescribeFlowLogsPaginator(api, &ec2.DescribeFlowLogsInput{Filter: []types.Filter{filter}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.FlowLogs...)
	}
	return all, nil
}

// DeleteAPI deletes them.
type DeleteAPI interface {
	DeleteFlowLogs(context.Context, *ec2.DeleteFlowLogsInput, ...func(*ec2.Options)) (*ec2.DeleteFlowLogsOutput, error)
}

// Delete deletes flow logs. One that is gone already is no error.
func Delete(ctx context.Context, api DeleteAPI, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	out, err := api.DeleteFlowLogs(ctx, &ec2.DeleteFlowLogsInput{FlowLogIds: ids})
	if err != nil {
		return fmt.Errorf("delete flow logs %s: %w", strings.Join(ids, ", "), err)
	}
	for _, item := range out.Unsuccessful {
		if code := aws.ToString(item.Error.Code); code != "InvalidFlowLogId.NotFound" {
			return fmt.Errorf("delete flow log %s: %s: %s", aws.ToString(item.ResourceId), code, aws.ToString(item.Error.Message))
		}
	}
	return nil
}
