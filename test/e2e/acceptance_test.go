package e2e

import (
	"context"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/test/stage"
)

func TestAnAcceptanceInTheVPCConsoleEndsTheWait(t *testing.T) {
	s := begin(t)
	database := s.database("orders-console", singleAZ)
	execution := s.exposes(database)
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	execution.waits()
	_, err := s.network().AcceptVpcEndpointConnections(s.ctx, &ec2.AcceptVpcEndpointConnectionsInput{
		ServiceId: new(serviceID(handoff)), VpcEndpointIds: []string{endpoint.ID},
	})
	s.check(err)
	output := execution.succeeds()
	client := s.client(endpoint, handoff)
	s.readsOrders(client)

	// Whoever is connected may be rejected, too.
	s.says(output.Exposure, endpoint.ID, bus.Reject, "olga")
	s.hears(news, output.Exposure, endpoint.ID, "is rejected")
	s.cutOff(client)
}

// cutOff fails when a connection to the database passes.
func (s story) cutOff(client stage.Client) {
	s.Helper()
	ctx, stop := context.WithTimeout(s.ctx, 2*time.Second)
	defer stop()
	if rows, err := cloud.Rows(ctx, client); err == nil {
		s.Errorf("whoever was rejected reads %q", rows)
	}
}

// A principal that is taken out keeps its connection until somebody rejects it: a person, or an execution whose input says
// so.
func TestWhoeverIsTakenOutIsToldOfAndIsOutWhereTheInputSaysSo(t *testing.T) {
	s := begin(t)
	database := s.database("orders-taken-out", singleAZ)
	run := func(fields string) execution {
		return s.starts(fmt.Sprintf(`{"database": %q, "name": "acme", "principals": ["`+stage.PushMetrics+`"%s}`, database.Identifier, fields))
	}
	first := run(`, "` + stage.Stranger + `"]`)
	handoff := s.handoff(database)
	kept, out := s.connects(s.vpc(stage.PushMetrics), handoff), s.connects(s.vpc(stage.Stranger), handoff)
	s.decides(bus.Accept, kept)
	s.decides(bus.Accept, out)
	first.succeeds()
	s.await("both to be available", func() bool { return s.state(kept) == connection.Available && s.state(out) == connection.Available })

	second := run("]").succeeds()
	if u := second.UnexpectedConnections; len(u) != 1 || u[0].VPCEndpointID != out.ID || u[0].Owner != stage.Stranger || u[0].State != connection.Available {
		s.Errorf("the output names %+v", u)
	}
	s.hears(news, "is not made for it, or is not any more", stage.Stranger, out.ID, "make reject EXPOSURE="+second.Exposure+" ENDPOINT="+out.ID)
	client := s.client(out, handoff)
	s.readsOrders(client)

	third := run(`], "removed": "reject"`).succeeds()
	if u := third.UnexpectedConnections; len(u) != 1 || u[0].VPCEndpointID != out.ID || u[0].State != connection.Rejected {
		s.Errorf("the output names %+v", u)
	}
	s.cutOff(client)
	s.readsOrders(s.client(kept, handoff))
	s.hears(news, second.Exposure, out.ID, "is rejected")
}

func TestAStrangersRequestIsReportedAndLeftAloneAndTheWaitGoesOn(t *testing.T) {
	s := begin(t)
	database := s.database("orders-stranger", singleAZ)
	execution := s.exposes(database)
	handoff := s.handoff(database)
	if _, err := cloud.NewEndpoint(s.ctx, s.vpc(stage.Stranger), handoff); code(err) != "InvalidServiceName" {
		s.Fatalf("someone who is not allowed gets %v", err)
	}
	// Someone lets the stranger in by hand. Only then is there a request.
	_, err := s.network().ModifyVpcEndpointServicePermissions(s.ctx, &ec2.ModifyVpcEndpointServicePermissionsInput{
		ServiceId: new(serviceID(handoff)), AddAllowedPrincipals: []string{"arn:aws:iam::" + stage.Stranger + ":root"},
	})
	s.check(err)
	strange := s.connects(s.vpc(stage.Stranger), handoff)
	s.hears(news, strange.ID, stage.Stranger, "not one that", "not accepted")

	execution.waits()
	exposure := s.decides(bus.Accept, strange)
	s.hears(news, "was refused", strange.ID, exposure, "not made for")

	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.decides(bus.Accept, endpoint)
	if output := execution.succeeds("principals"); output.Connection.VPCEndpointID != endpoint.ID {
		s.Errorf("the wait ended with %s and not with the vendor's %s", output.Connection.VPCEndpointID, endpoint.ID)
	}
	if state := s.state(strange); state != connection.PendingAcceptance {
		s.Errorf("the stranger's request is %s", state)
	}
}

func TestARejectionFailsTheExecutionAndARedriveWaitsForAnotherRequest(t *testing.T) {
	s := begin(t)
	database := s.database("orders-rejected", singleAZ)
	execution := s.exposes(database)
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	execution.waits()
	exposure := s.decides(bus.Reject, endpoint)
	execution.fails("ConnectionRejected", endpoint.ID, stage.PushMetrics, "olga", "ticket 4711", "redrive")
	s.hears(news, execution.arn, "FAILED", "ConnectionRejected", endpoint.ID)
	s.hears(news, exposure, endpoint.ID, "is rejected")
	if state := s.state(endpoint); state != connection.Rejected {
		s.Errorf("the request is %s", state)
	}

	execution.redrive()
	execution.waits()
	another := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.decides(bus.Accept, another)
	execution.succeeds()
	s.readsOrders(s.client(another, handoff))
}

func TestAnExpectedAccountIsLetInWithoutAPersonButNotTwice(t *testing.T) {
	s := begin(t)
	database := s.database("orders-expected", singleAZ)
	execution := s.starts(fmt.Sprintf(`{"database": %q, "vendor": "pushmetrics", "acceptance": {"mode": "expected-account"}}`, database.Identifier))
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	execution.succeeds()
	s.readsOrders(s.client(endpoint, handoff))

	// The account serves all its tenants: whose the second request is, only a person can tell.
	another := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.asked(another)
	left := regexp.MustCompile(`"left to a person".*` + another.ID)
	s.await("the decision function to leave it", func() bool { return left.MatchString(s.logs("rdslink-")) })
	if state := s.state(another); state != connection.PendingAcceptance {
		s.Errorf("the second request is %s", state)
	}
}
