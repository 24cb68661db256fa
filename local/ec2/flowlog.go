package ec2

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// flowLog is a flow log of one network interface to a log group of CloudWatch Logs. It stays when its interface goes: AWS
// does not say what becomes of one.
type flowLog struct {
	ID, Account   string
	networkID     string // of the interface
	traffic       types.TrafficType
	group, role   string
	format        string
	interval      int32
	status, error string // of deliveries
	common
}

func (l *flowLog) identity() (id, account string) { return l.ID, l.Account }

// defaultFormat is version 2's (vpc/latest/userguide/flow-log-records.html).
const defaultFormat = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} " +
	"${packets} ${bytes} ${start} ${end} ${action} ${log-status}"

// mostLogged is how many resources a call may name (API_CreateFlowLogs).
const mostLogged = 1000

func (s *Service) createFlowLogs(ctx context.Context, in *ec2.CreateFlowLogsInput) (*ec2.CreateFlowLogsOutput, error) {
	token := clientToken{wire.CallerOf(ctx).Account, "CreateFlowLogs", aws.ToString(in.ClientToken)}
	return once(s, token, in, func() (*ec2.CreateFlowLogsOutput, error) { return s.newFlowLogs(ctx, in) })
}

func (s *Service) newFlowLogs(ctx context.Context, in *ec2.CreateFlowLogsInput) (*ec2.CreateFlowLogsOutput, error) {
	template, err := s.flowLogOf(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &ec2.CreateFlowLogsOutput{ClientToken: in.ClientToken, FlowLogIds: []string{}, Unsuccessful: []types.UnsuccessfulItem{}}
	for _, id := range in.ResourceIds {
		if _, ok := s.interfaces.of(template.Account, id); !ok {
			out.Unsuccessful = append(out.Unsuccessful, unsuccessful(id, interfaceKind.unknown(id)))
			continue
		}
		if slices.ContainsFunc(s.flowLogs, func(l *flowLog) bool {
			return l.networkID == id && l.group == template.group && l.traffic == template.traffic && l.format == template.format
		}) {
			out.Unsuccessful = append(out.Unsuccessful, unsuccessful(id, wire.Errorf("FlowLogAlreadyExists",
				"Error. There is an existing Flow Log with the same configuration and log destination.")))
			continue
		}
		made := template
		made.ID, made.networkID, made.common = model.ID("fl"), id, born(template.tags)
		s.flowLogs.add(&made)
		out.FlowLogIds = append(out.FlowLogIds, made.ID)
	}
	return out, nil
}

// flowLogOf is what a request asks for, of no interface yet.
func (s *Service) flowLogOf(ctx context.Context, in *ec2.CreateFlowLogsInput) (flowLog, error) {
	l := flowLog{
		Account: wire.CallerOf(ctx).Account, traffic: in.TrafficType, group: aws.ToString(in.LogGroupName),
		role: aws.ToString(in.DeliverLogsPermissionArn), format: aws.ToString(in.LogFormat), interval: aws.ToInt32(in.MaxAggregationInterval),
	}
	if l.interval == 0 {
		l.interval = 600
	}
	switch {
	case in.ResourceType != types.FlowLogsResourceTypeNetworkInterface:
		return l, wire.Errorf("InvalidParameter", "Only flow logs of network interfaces are part of this local cloud")
	case in.LogDestinationType != "" && in.LogDestinationType != types.LogDestinationTypeCloudWatchLogs || in.LogDestination != nil:
		return l, wire.Errorf("InvalidParameter", "Only flow logs to a log group, by its name, are part of this local cloud")
	case len(in.ResourceIds) > mostLogged:
		return l, wire.Errorf("InvalidParameter", "ResourceIds must have at most %d entries", mostLogged)
	case l.traffic == "":
		return l, wire.Errorf("MissingParameter", "The request must contain the parameter TrafficType")
	case l.group == "":
		return l, wire.Errorf("InvalidParameter", "LogGroupName is required when LogDestinationType is cloud-watch-logs")
	case l.role == "":
		return l, wire.Errorf("InvalidParameter", "DeliverLogsPermissionArn is required when LogDestinationType is cloud-watch-logs")
	case l.interval != 60 && l.interval != 600:
		return l, wire.Errorf("InvalidParameter", "Invalid Flow Log Max Aggregation Interval")
	}
	if l.format == "" {
		l.format = defaultFormat
	}
	if err := checkFormat(l.format); err != nil {
		return l, err
	}
	tags, err := specified(in.TagSpecifications, types.ResourceTypeVpcFlowLog)
	l.tags = tags
	return l, err
}

var formatField = regexp.MustCompile(`^\$\{([a-z-]+)\}$`)

func checkFormat(format string) error {
	for field := range strings.SplitSeq(format, " ") {
		found := formatField.FindStringSubmatch(field)
		if found == nil || !slices.Contains(recorded, found[1]) {
			return wire.Errorf("InvalidParameter", "Unknown fields provided in LogFormat: %s", field)
		}
	}
	return nil
}

// recorded are the fields that a format may have here; AWS has more.
var recorded = []string{"version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes",
	"start", "end", "action", "log-status", "vpc-id", "subnet-id", "pkt-srcaddr", "pkt-dstaddr", "region", "az-id", "flow-direction"}

var flowLogFilters = filterable[*flowLog]{
	"flow-log-id":          func(l *flowLog) []string { return []string{l.ID} },
	"log-group-name":       func(l *flowLog) []string { return []string{l.group} },
	"resource-id":          func(l *flowLog) []string { return []string{l.networkID} },
	"traffic-type":         func(l *flowLog) []string { return []string{string(l.traffic)} },
	"deliver-log-status":   func(l *flowLog) []string { return []string{l.status} },
	"log-destination-type": func(*flowLog) []string { return []string{string(types.LogDestinationTypeCloudWatchLogs)} },
}

func (s *Service) describeFlowLogs(ctx context.Context, in *ec2.DescribeFlowLogsInput) (*ec2.DescribeFlowLogsOutput, error) {
	q := query{kind: flowLogKind, ids: in.FlowLogIds, filters: in.Filter, maxResults: in.MaxResults, nextToken: in.NextToken}
	found, next, err := list(ctx, s, s.flowLogs, q, flowLogFilters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeFlowLogsOutput{NextToken: next, FlowLogs: []types.FlowLog{}}
	for _, l := range found {
		described := types.FlowLog{
			FlowLogId: &l.ID, ResourceId: &l.networkID, TrafficType: l.traffic, LogGroupName: &l.group, DeliverLogsPermissionArn: &l.role,
			LogFormat: &l.format, MaxAggregationInterval: &l.interval, LogDestinationType: types.LogDestinationTypeCloudWatchLogs,
			FlowLogStatus: aws.String("ACTIVE"), CreationTime: &l.created, Tags: shown(l.tags),
		}
		if l.status != "" {
			described.DeliverLogsStatus = &l.status
		}
		if l.error != "" {
			described.DeliverLogsErrorMessage = &l.error
		}
		out.FlowLogs = append(out.FlowLogs, described)
	}
	return out, nil
}

// deleteFlowLogs answers 200 also for what it could not delete, and names it.
func (s *Service) deleteFlowLogs(ctx context.Context, in *ec2.DeleteFlowLogsInput) (*ec2.DeleteFlowLogsOutput, error) {
	out := &ec2.DeleteFlowLogsOutput{Unsuccessful: []types.UnsuccessfulItem{}}
	for _, id := range in.FlowLogIds {
		if _, ok := s.flowLogs.of(wire.CallerOf(ctx).Account, id); !ok {
			out.Unsuccessful = append(out.Unsuccessful, unsuccessful(id, flowLogKind.unknown(id)))
			continue
		}
		s.flowLogs.remove(id)
	}
	return out, nil
}

// Amount is what went in one direction.
type Amount struct{ Bytes, Packets int }

// Passed is what has gone through the node of a load balancer in one of its connections, from one moment to another.
type Passed struct {
	Client, Listener   netip.AddrPort // the node's, to which the client has connected
	Source, Target     netip.AddrPort // the node's other side, and the target
	ToTarget, ToClient Amount
	Start, End         time.Time
}

// direction is one of the four that a connection through a node has at the node's interface.
type direction struct {
	from, to netip.AddrPort
	amount   Amount
	ingress  bool
}

// Pass has the flow logs of an interface record it. What security groups refuse comes to no node, and is in no record here.
// Of what comes through PrivateLink the client is taken for the source, as it is for the rules of the load balancer's group
// (elasticloadbalancing/latest/network/load-balancer-security-groups.html): no page says what a flow log shows.
func (s *Service) Pass(interfaceID string, p Passed) {
	i, ok := s.interfaces.find(interfaceID)
	if !ok {
		return
	}
	for _, l := range s.flowLogs {
		if l.networkID != interfaceID || l.traffic == types.TrafficTypeReject {
			continue
		}
		stream := i.ID + "-" + strings.ToLower(string(l.traffic))
		lines := model.LogLines{Account: l.Account, Role: l.role, Group: l.group, Stream: stream, Time: p.End}
		for _, d := range []direction{
			{p.Client, p.Listener, p.ToTarget, true}, {p.Source, p.Target, p.ToTarget, false},
			{p.Target, p.Source, p.ToClient, true}, {p.Listener, p.Client, p.ToClient, false},
		} {
			if d.amount.Packets > 0 {
				lines.Lines = append(lines.Lines, s.record(l, i, p, d))
			}
		}
		if s.world.Log == nil || len(lines.Lines) == 0 {
			continue
		}
		s.world.Log(lines, func(err error) { l.delivered(err) })
	}
}

// delivered is what DescribeFlowLogs says of the last delivery (API_FlowLog).
func (l *flowLog) delivered(err error) {
	l.status, l.error = "SUCCESS", ""
	if err != nil {
		l.status, l.error = "FAILED", "Access error"
	}
}

func (s *Service) record(l *flowLog, i *Interface, p Passed, d direction) string {
	way := "egress"
	if d.ingress {
		way = "ingress"
	}
	values := map[string]string{
		"version": "2", "account-id": l.Account, "interface-id": i.ID, "srcaddr": d.from.Addr().String(), "dstaddr": d.to.Addr().String(),
		"srcport": fmt.Sprint(d.from.Port()), "dstport": fmt.Sprint(d.to.Port()), "protocol": "6", "packets": fmt.Sprint(d.amount.Packets),
		"bytes": fmt.Sprint(d.amount.Bytes), "start": fmt.Sprint(p.Start.Unix()), "end": fmt.Sprint(p.End.Unix()),
		"action": "ACCEPT", "log-status": "OK",
		"vpc-id": i.VPC, "subnet-id": i.Subnet, "pkt-srcaddr": d.from.Addr().String(), "pkt-dstaddr": d.to.Addr().String(),
		"region": s.world.Region, "az-id": s.zoneIDAt(i.VPC, i.Address), "flow-direction": way,
	}
	var fields []string
	for field := range strings.SplitSeq(l.format, " ") {
		fields = append(fields, values[formatField.FindStringSubmatch(field)[1]])
	}
	return strings.Join(fields, " ")
}
