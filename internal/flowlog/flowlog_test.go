package flowlog

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/owned"
)

func TestTheQueryReadsTheRecords(t *testing.T) {
	pattern, _, _ := strings.Cut(strings.TrimPrefix(Query(), `parse @message "`), `" as `)
	_, names, _ := strings.Cut(Query(), `" as `)
	names, rest, _ := strings.Cut(names, "\n")
	if n := len(strings.Fields(Format())); strings.Count(pattern, "*") != n || len(strings.Split(names, ", ")) != n {
		t.Errorf("records have %d fields, the query reads %s as %s", n, pattern, names)
	}
	for _, word := range []string{"direction", "port", "sourcePort", "status", "bytes", "start", "end", "source", "node", "action"} {
		if !strings.Contains(", "+names+",", ", "+word+",") || !strings.Contains(rest, word) {
			t.Errorf("%s is not both read and used in %s", word, Query())
		}
	}
}

type logs struct {
	all     []types.FlowLog
	refused string
	deleted []string
}

func (l *logs) DescribeFlowLogs(_ context.Context, in *ec2.DescribeFlowLogsInput, _ ...func(*ec2.Options)) (*ec2.DescribeFlowLogsOutput, error) {
	out := &ec2.DescribeFlowLogsOutput{FlowLogs: l.all}
	if in.NextToken == nil && len(l.all) > 1 {
		out.FlowLogs, out.NextToken = l.all[:1], aws.String("more")
	} else if in.NextToken != nil {
		out.FlowLogs = l.all[1:]
	}
	return out, nil
}

func (l *logs) DeleteFlowLogs(_ context.Context, in *ec2.DeleteFlowLogsInput, _ ...func(*ec2.Options)) (*ec2.DeleteFlowLogsOutput, error) {
	l.deleted = append(l.deleted, in.FlowLogIds...)
	out := &ec2.DeleteFlowLogsOutput{}
	if l.refused != "" {
		out.Unsuccessful = []types.UnsuccessfulItem{{ResourceId: aws.String("fl-1"), Error: &types.UnsuccessfulItemError{Code: &l.refused}}}
	}
	return out, nil
}

func TestOnlyTheExposuresAreFound(t *testing.T) {
	tagged := func(id, exposure string) types.FlowLog {
		return types.FlowLog{FlowLogId: &id, Tags: owned.EC2Tags(owned.Owner{}.ExposureTags(exposure, "database"))}
	}
	l := &logs{all: []types.FlowLog{tagged("fl-1", "orders"), tagged("fl-2", "other"), {FlowLogId: aws.String("fl-3")}, tagged("fl-4", "orders")}}
	found, err := Of(t.Context(), l, owned.Owner{}, "orders")
	if err != nil || len(found) != 2 || *found[0].FlowLogId != "fl-1" || *found[1].FlowLogId != "fl-4" {
		t.Errorf("%+v %v", found, err)
	}
	byID, err := ByID(t.Context(), l, []string{"fl-1"})
	if err != nil || len(byID) != 4 {
		t.Errorf("%+v %v", byID, err)
	}
	if none, err := ByID(t.Context(), nil, nil); err != nil || len(none) > 0 {
		t.Errorf("%+v %v", none, err)
	}
}

func TestWhatIsGoneNeedNotBeDeleted(t *testing.T) {
	for code, ok := range map[string]bool{"": true, "InvalidFlowLogId.NotFound": true, "UnauthorizedOperation": false} {
		l := &logs{refused: code}
		if err := Delete(t.Context(), l, []string{"fl-1"}); (err == nil) != ok {
			t.Errorf("%q: %v", code, err)
		}
	}
	if err := Delete(t.Context(), nil, nil); err != nil {
		t.Error(err)
	}
}
