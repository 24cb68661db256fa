package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/rdslink/rdslink/local/model"
)

// logWriter writes lines for AWS's services, in the role that they were given, one call after the other. What the role may
// not, it does not.
type logWriter struct {
	clients clients
	world   *model.World

	writing sync.Mutex
}

// patience is how long a call may take.
const writePatience = 10 * time.Second

func (l *logWriter) write(lines model.LogLines, told func(error)) {
	go func() {
		l.writing.Lock()
		err := l.put(lines)
		l.writing.Unlock()
		l.world.Lock()
		defer l.world.Unlock()
		told(err)
	}()
}

// put asks in turn for what the role of a flow log has to be allowed (vpc/latest/userguide/flow-logs-iam-role.html). The
// group is there already, or there is nowhere to write to.
func (l *logWriter) put(lines model.LogLines) error {
	ctx, cancel := context.WithTimeout(context.Background(), writePatience)
	defer cancel()
	client := cloudwatchlogs.NewFromConfig(l.clients.config(lines.Account, lines.Role, "flow-logs"))
	groups, err := client.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &lines.Group})
	if err != nil {
		return err
	}
	if len(groups.LogGroups) == 0 {
		return errors.New("there is no log group " + lines.Group)
	}
	streams, err := client.DescribeLogStreams(ctx,
		&cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: &lines.Group, LogStreamNamePrefix: &lines.Stream})
	if err != nil {
		return err
	}
	if len(streams.LogStreams) == 0 {
		made := &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &lines.Group, LogStreamName: &lines.Stream}
		if _, err := client.CreateLogStream(ctx, made); err != nil {
			return err
		}
	}
	in := &cloudwatchlogs.PutLogEventsInput{LogGroupName: &lines.Group, LogStreamName: &lines.Stream}
	for i := range lines.Lines {
		in.LogEvents = append(in.LogEvents, types.InputLogEvent{Message: &lines.Lines[i], Timestamp: aws.Int64(lines.Time.UnixMilli())})
	}
	_, err = client.PutLogEvents(ctx, in)
	return err
}
