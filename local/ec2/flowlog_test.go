package ec2

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/model"
)

func logged(interfaceID string, change ...func(*ec2.CreateFlowLogsInput)) ec2.CreateFlowLogsInput {
	in := ec2.CreateFlowLogsInput{
		ResourceIds: []string{interfaceID}, ResourceType: types.FlowLogsResourceTypeNetworkInterface, TrafficType: types.TrafficTypeAll,
		LogGroupName: aws.String("flows"), DeliverLogsPermissionArn: aws.String("arn:aws:iam::111122223333:role/flows"), MaxAggregationInterval: aws.Int32(60),
	}
	for _, c := range change {
		c(&in)
	}
	return in
}

func TestAFlowLogWritesWhatPassesAnInterface(t *testing.T) {
	c := newCloud(t)
	node := c.attach(provider, c.providerSubnets[0])
	var written []model.LogLines
	var refusal error
	c.world.Log = func(l model.LogLines, told func(error)) { written = append(written, l); told(refusal) }
	pass := func() {
		at := netip.MustParseAddrPort
		listener := netip.AddrPortFrom(node.Address, 5432)
		c.world.Lock()
		defer c.world.Unlock()
		c.Pass(node.ID, Passed{Client: at("10.0.9.9:40000"), Listener: listener, Source: at("10.0.1.5:1024"), Target: at("10.0.1.8:5432"),
			ToTarget: Amount{100, 2}, ToClient: Amount{}, Start: time.Unix(60, 0), End: time.Unix(90, 0)})
	}
	if pass(); len(written) > 0 {
		t.Errorf("without a flow log there is %v", written)
	}
	made := must(c, provider, c.createFlowLogs, logged(node.ID, func(in *ec2.CreateFlowLogsInput) {
		in.LogFormat = aws.String("${flow-direction} ${pkt-srcaddr} ${dstport} ${bytes}")
		in.TagSpecifications = []types.TagSpecification{{ResourceType: types.ResourceTypeVpcFlowLog, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}}
	}))
	pass()
	if len(written) != 1 || written[0].Stream != node.ID+"-all" || written[0].Group != "flows" || written[0].Role != "arn:aws:iam::111122223333:role/flows" ||
		strings.Join(written[0].Lines, "|") != "ingress 10.0.9.9 5432 100|egress 10.0.1.5 5432 100" {
		t.Errorf("written is %+v", written)
	}
	refusal = errors.New("denied")
	pass()
	found := must(c, provider, c.describeFlowLogs, ec2.DescribeFlowLogsInput{Filter: []types.Filter{{Name: aws.String("tag:a"), Values: []string{"b"}}}}).FlowLogs
	if len(found) != 1 || *found[0].ResourceId != node.ID || *found[0].DeliverLogsStatus != "FAILED" || *found[0].DeliverLogsErrorMessage != "Access error" || *found[0].FlowLogStatus != "ACTIVE" {
		t.Errorf("described is %+v", found)
	}
	again := must(c, provider, c.createFlowLogs, logged(node.ID, func(in *ec2.CreateFlowLogsInput) {
		in.LogFormat, in.ResourceIds = found[0].LogFormat, []string{node.ID, "eni-00000000000000000"}
	}))
	if len(again.FlowLogIds) != 0 || len(again.Unsuccessful) != 2 || *again.Unsuccessful[0].Error.Code != "FlowLogAlreadyExists" ||
		*again.Unsuccessful[1].Error.Code != "InvalidNetworkInterfaceID.NotFound" {
		t.Errorf("made again: %+v", again)
	}
	c.world.Lock()
	c.Detach(node.ID)
	c.world.Unlock()
	gone := must(c, provider, c.deleteFlowLogs, ec2.DeleteFlowLogsInput{FlowLogIds: []string{made.FlowLogIds[0], "fl-00000000000000000"}})
	if len(gone.Unsuccessful) != 1 || *gone.Unsuccessful[0].Error.Code != "InvalidFlowLogId.NotFound" || len(c.flowLogs) != 0 {
		t.Errorf("deleted: %+v", gone)
	}
}

func TestTheDefaultFormatIsVersionTwo(t *testing.T) {
	c := newCloud(t)
	node := c.attach(provider, c.providerSubnets[0])
	var lines []string
	c.world.Log = func(l model.LogLines, _ func(error)) { lines = l.Lines }
	must(c, provider, c.createFlowLogs, logged(node.ID))
	listener := netip.AddrPortFrom(node.Address, 5432)
	c.Pass(node.ID, Passed{Client: netip.MustParseAddrPort("10.0.9.9:40000"), Listener: listener, ToTarget: Amount{100, 2}, Start: time.Unix(60, 0), End: time.Unix(90, 0),
		Source: listener, Target: listener})
	want := "2 " + provider + " " + node.ID + " 10.0.9.9 " + node.Address.String() + " 40000 5432 6 2 100 60 90 ACCEPT OK"
	if len(lines) != 2 || lines[0] != want {
		t.Errorf("written is %q, want %q", lines, want)
	}
}

func TestFlowLogsThatAreRefused(t *testing.T) {
	c := newCloud(t)
	node := c.attach(provider, c.providerSubnets[0])
	for want, change := range map[string]func(*ec2.CreateFlowLogsInput){
		"Only flow logs of network interfaces": func(in *ec2.CreateFlowLogsInput) { in.ResourceType = types.FlowLogsResourceTypeVpc },
		"Only flow logs to a log group":        func(in *ec2.CreateFlowLogsInput) { in.LogDestinationType = types.LogDestinationTypeS3 },
		"at most 1000":                         func(in *ec2.CreateFlowLogsInput) { in.ResourceIds = make([]string, 1001) },
		"TrafficType":                          func(in *ec2.CreateFlowLogsInput) { in.TrafficType = "" },
		"LogGroupName is required":             func(in *ec2.CreateFlowLogsInput) { in.LogGroupName = nil },
		"DeliverLogsPermissionArn is required": func(in *ec2.CreateFlowLogsInput) { in.DeliverLogsPermissionArn = nil },
		"Aggregation Interval":                 func(in *ec2.CreateFlowLogsInput) { in.MaxAggregationInterval = aws.Int32(61) },
		"Unknown fields":                       func(in *ec2.CreateFlowLogsInput) { in.LogFormat = aws.String("${srcaddr} ${nothing}") },
		"taggable resource type": func(in *ec2.CreateFlowLogsInput) {
			in.TagSpecifications = []types.TagSpecification{{ResourceType: types.ResourceTypeVpc}}
		},
	} {
		in := logged(node.ID, change)
		err := try(c, provider, c.createFlowLogs, in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if len(c.flowLogs) > 0 {
		t.Errorf("made are %v", c.flowLogs)
	}
}
