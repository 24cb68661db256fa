package confirm

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/outcome"
)

const noConnection = "connect the vendor's endpoint first"

func serviceIsMade(ctx context.Context, v *view, f *findings) error {
	lines, err := v.log(ctx, "create-endpoint-service", "created endpoint service", "step failed")
	waited := 0
	for _, l := range lines {
		switch message := l.Text("message"); {
		case l.Text("msg") == "created endpoint service":
			f.confirm("%s was made, after %d attempts that waited for a load balancer", l.Text("serviceId"), waited)
			waited = 0
		case strings.Contains(message, "load balancer") && strings.Contains(message, " is provisioning"):
			waited++
		case l.Text("error") == outcome.NameFailed && strings.HasPrefix(message, "create endpoint service"):
			f.contradict("Redrive the execution, and have functions/05-create-endpoint-service wait for what the message says.",
				"step 5: %s", message)
		}
	}
	f.miss("no endpoint service was made in the last 30 days of step 5's log: start an execution")
	return err
}

func connectionsAreListed(ctx context.Context, v *view, f *findings) error {
	all, err := v.connections(ctx, "")
	if err != nil {
		return err
	}
	exposures, err := v.exposures(ctx)
	for _, e := range exposures {
		of, err := v.connections(ctx, e.serviceID())
		if err != nil {
			return err
		}
		for _, c := range of {
			listed := slices.ContainsFunc(all, func(other ec2types.VpcEndpointConnection) bool {
				return aws.ToString(other.VpcEndpointId) == aws.ToString(c.VpcEndpointId)
			})
			if !listed {
				f.contradict("Have internal/connection ask for each service.",
					"%s, at %s, is listed with the filter service-id and not without", aws.ToString(c.VpcEndpointId), e.serviceID())
				continue
			}
			f.confirm("%s is listed without a filter, too", aws.ToString(c.VpcEndpointId))
		}
		f.miss(noConnection)
	}
	return err
}

// spellings are the states that rdslink knows.
var spellings = []string{connection.PendingAcceptance, connection.Pending, connection.Available, connection.Deleting, connection.Deleted,
	connection.Rejected, connection.Failed, connection.Expired, connection.Partial}

func statesAreSpelled(ctx context.Context, v *view, f *findings) error {
	all, err := v.connections(ctx, "")
	for _, c := range all {
		state := string(c.VpcEndpointState)
		switch {
		case slices.Contains(spellings, state):
			f.confirm("%s", state)
		case slices.ContainsFunc(spellings, func(known string) bool { return strings.EqualFold(known, state) }):
			f.confirm("%s, which is understood", state)
		default:
			f.contradict("Have internal/connection say what the state means.", "%s is %q", aws.ToString(c.VpcEndpointId), state)
		}
	}
	f.miss(noConnection)
	return err
}

// over tells a connection that is gone, or going.
func over(c ec2types.VpcEndpointConnection) bool {
	state := string(c.VpcEndpointState)
	return strings.EqualFold(state, connection.Deleting) || strings.EqualFold(state, connection.Deleted)
}

func nothingIsMissed(ctx context.Context, v *view, f *findings) error {
	all, err := v.allConnections(ctx)
	if err != nil {
		return err
	}
	lines, err := v.log(ctx, "observer", "put event")
	for _, c := range all {
		if over(c) {
			continue
		}
		wrongly := slices.IndexFunc(lines, func(l Line) bool {
			of, _ := l.Fields["detail"].(map[string]any)
			return l.Text("detailType") == bus.ConnectionDeleted && of["vpcEndpointId"] == aws.ToString(c.VpcEndpointId)
		})
		if wrongly >= 0 {
			f.contradict("Raise `settling` in functions/observer/compare.go.", "%s is %s, and was announced as deleted %s after it was made",
				aws.ToString(c.VpcEndpointId), c.VpcEndpointState, lines[wrongly].At.Sub(aws.ToTime(c.CreationTimestamp)).Round(time.Second))
			continue
		}
		f.confirm("%s was never announced as deleted", aws.ToString(c.VpcEndpointId))
	}
	f.miss(noConnection)
	return err
}

func requestsLast(ctx context.Context, v *view, f *findings) error {
	all, err := v.connections(ctx, "")
	for _, c := range all {
		id, state, days := aws.ToString(c.VpcEndpointId), string(c.VpcEndpointState), ago(aws.ToTime(c.CreationTimestamp))
		switch {
		case strings.EqualFold(state, connection.Expired):
			f.contradict("Decide earlier, or choose a smaller `timeoutDays`.", "%s, made %d days ago, has expired", id, days)
		case strings.EqualFold(state, connection.PendingAcceptance) && days >= 7:
			f.confirm("%s is still pending after %d days", id, days)
		}
	}
	f.miss("leave a request alone for a week")
	return err
}

func notificationsCome(ctx context.Context, v *view, f *findings) error {
	const soon = 2 * time.Minute
	all, err := v.allConnections(ctx)
	if err != nil {
		return err
	}
	lines, err := v.log(ctx, "observer", "connection notification")
	for _, c := range all {
		made := aws.ToTime(c.CreationTimestamp)
		if time.Since(made) > logged || time.Since(made) < soon {
			continue
		}
		n := slices.IndexFunc(lines, func(l Line) bool { return l.At.After(made.Add(-5*time.Second)) && l.At.Before(made.Add(soon)) })
		if n < 0 {
			f.contradict("Compare the policies of the topic and its key with the PrivateLink guide, \"Receive alerts for endpoint service events\".",
				"no notification came within two minutes after %s was made", aws.ToString(c.VpcEndpointId))
			continue
		}
		f.confirm("a notification came %s after %s was made", max(lines[n].At.Sub(made), 0).Round(time.Second), aws.ToString(c.VpcEndpointId))
	}
	if len(lines) > 0 && len(f.contradicted) == 0 { // of the youngest it is too early to say that none came
		f.confirm("notifications come")
	}
	f.miss(noConnection)
	return err
}

// notification is the body of the last connection notification, which AWS does not document.
func notification(ctx context.Context, v *view) (string, error) {
	lines, err := v.log(ctx, "observer", "connection notification")
	if err != nil || len(lines) == 0 {
		return "", err
	}
	body, err := json.Marshal(lines[len(lines)-1].Fields["records"])
	return string(body), err
}
