package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/test/stage"
)

func TestAfterTheDeadlineAnAnswerIsTooLateAndARedriveTakesIt(t *testing.T) {
	s := begin(t)
	database := s.database("orders-late", singleAZ)
	execution := s.startsInAHurry(fmt.Sprintf(`{"database": %q, "vendor": "pushmetrics"}`, database.Identifier))
	handoff := s.handoff(database)
	execution.waits()
	exposure := s.exposureOf(database)
	// Somebody is ahead of the vendor: that is answered, and nothing is accepted later because of it.
	s.says(exposure, "", bus.Accept, "early bird")
	s.hears(news, "was refused", "early bird", exposure, "no request is pending", stage.PushMetrics, handoff.ServiceName)

	execution.fails("States.Timeout")
	s.hears(news, execution.arn, "FAILED", "States.Timeout")
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.asked(endpoint)
	if state := s.state(endpoint); state != connection.PendingAcceptance {
		t.Errorf("the request is %s before anybody has said a word", state)
	}
	s.decides(bus.Accept, endpoint)
	s.await("the token that is too late to be forgotten", func() bool {
		found, err := s.registry().Get(s.ctx, exposure)
		s.check(err)
		return found.Token == nil
	})
	p := execution.ends()
	if p.Status != "FAILED" {
		t.Errorf("the execution is %s after the late answer", p.Status)
	}

	// Every drive is in the same hurry, and this machine may be slower than that.
	for p.Status == "FAILED" && p.Error == "States.Timeout" {
		execution.redrive()
		p = execution.ends()
	}
	execution.succeeds()
	s.readsOrders(s.client(endpoint, handoff))
}

func TestOfSeveralRequestsAndDecisionsTheFirstDecisionCountsAndEveryOtherIsAnswered(t *testing.T) {
	s := begin(t)
	database := s.database("orders-decided", singleAZ)
	execution := s.exposes(database)
	handoff := s.handoff(database)
	execution.waits()
	consumer := s.vpc(stage.PushMetrics)
	gone, kept := s.connects(consumer, handoff), s.connects(s.vpc(stage.PushMetrics), handoff)
	exposure := s.asked(gone)
	s.asked(kept)
	s.says(exposure, "", bus.Accept, "ann")
	s.hears(news, "was refused", "ann", "2 requests are pending", "name one")

	// The vendor takes the endpoint away after it was accepted and before it is available.
	s.check(cloud.Disturb(s.ctx, stage.Fault{Action: "Change", Resource: gone.ID, Kind: "delay", Delay: "1h"}))
	s.says(exposure, gone.ID, bus.Accept, "bob")
	s.await("the acceptance", func() bool { return s.state(gone) != connection.PendingAcceptance })
	s.removes(gone)
	s.hears(news, gone.ID, "has taken its connection", "away")
	s.says(exposure, gone.ID, bus.Accept, "cleo")
	s.hears(news, "was refused", "cleo", gone.ID)

	s.says(exposure, kept.ID, bus.Accept, "dan")
	s.says(exposure, kept.ID, bus.Accept, "eve")
	if output := execution.succeeds(); output.Connection.VPCEndpointID != kept.ID {
		t.Errorf("the wait ended with %s and not with %s", output.Connection.VPCEndpointID, kept.ID)
	}
	// EventBridge delivers in any order: the registry has who was first.
	item, err := s.registry().Get(s.ctx, exposure)
	s.check(err)
	first := slices.IndexFunc(item.Decisions, func(d registry.Decision) bool { return d.EndpointID == kept.ID })
	s.says(exposure, kept.ID, bus.Reject, "fay")
	s.hears(news, "was refused", "fay", kept.ID, fmt.Sprintf("%q has decided %q", item.Decisions[first].By, bus.Accept))
	if state := s.state(kept); state != connection.Available {
		t.Errorf("the connection is %s after a rejection that came second", state)
	}
	for _, by := range []string{"dan", "eve"} {
		if text, told := news.find("was refused", `by "`+by+`"`, kept.ID); told {
			t.Errorf("who says the same is refused: %s", text)
		}
	}
}

func TestExpectedConnectionsAreLetInUpToTheirNumberHoweverOftenNewsComes(t *testing.T) {
	s := begin(t)
	database := s.database("orders-limited", singleAZ)
	for _, function := range []string{"rdslink-observer", "rdslink-decision"} {
		s.check(cloud.Disturb(s.ctx, stage.Fault{Action: "Deliver", Resource: s.functionARN(function), Kind: "duplicate", Count: 20}))
	}
	execution := s.starts(fmt.Sprintf(
		`{"database": %q, "vendor": "pushmetrics", "acceptance": {"mode": "expected-account", "maxConnections": 2}}`, database.Identifier))
	handoff := s.handoff(database)
	endpoints := []stage.Endpoint{s.connects(s.vpc(stage.PushMetrics), handoff)}
	s.await("the first to be available", func() bool { return s.state(endpoints[0]) == connection.Available })
	for range 2 {
		endpoints = append(endpoints, s.connects(s.vpc(stage.PushMetrics), handoff))
	}
	// Whichever of the two is heard of first.
	s.await("the second to be available", func() bool {
		if s.state(endpoints[2]) == connection.Available {
			endpoints[1], endpoints[2] = endpoints[2], endpoints[1]
		}
		return s.state(endpoints[1]) == connection.Available
	})
	execution.succeeds()
	exposure := s.asked(endpoints[2])
	found, err := s.registry().Get(s.ctx, exposure)
	s.check(err)
	if len(found.Decisions) != 2 {
		t.Errorf("the registry has the decisions %+v", found.Decisions)
	}
	if state := s.state(endpoints[2]); state != connection.PendingAcceptance {
		t.Errorf("the third request is %s", state)
	}
	// A person may go beyond the number.
	s.decides(bus.Accept, endpoints[2])
	s.await("the third to be available", func() bool { return s.state(endpoints[2]) == connection.Available })
}

func TestAHolderThatWasStoppedIsTakenOverAndItsRedriveNamesWhoFinished(t *testing.T) {
	s := begin(t)
	database := s.database("orders-heir", singleAZ)
	first := s.exposes(database)
	handoff := s.handoff(database)
	first.waits()
	first.stop()
	second := s.exposes(database)
	second.waits()
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.decides(bus.Accept, endpoint)
	output := second.succeeds()

	before := s.callsUntilNow()
	first.redrive()
	first.fails("Conflict", second.arn)
	for _, c := range s.calls(before, func(c call) bool {
		return c.Session == "rdslink-accept-the-connection" && c.changes() && c.about(output.Exposure)
	}) {
		if c.Error == "" {
			t.Errorf("the redrive changes something: %s", c)
		}
	}
	third := s.exposes(database).succeeds()
	if third.text != output.text {
		t.Errorf("after the redrive the exposure is\n%s\nand not\n%s", third.text, output.text)
	}
}

// says puts a decision on the bus, whether it makes sense or not.
func (s story) says(exposure, endpoint, decision, by string) {
	s.Helper()
	s.check(s.operator.Decide(s.ctx, bus.Decision{Exposure: exposure, VPCEndpointID: endpoint, Decision: decision, By: by}))
}

// exposureOf is the id of a database's only exposure.
func (s story) exposureOf(database stage.Database) string {
	s.Helper()
	exposures := s.exposuresIn(database.VPC)
	if len(exposures) != 1 {
		s.Fatalf("the database has %d exposures", len(exposures))
	}
	return exposures[0].ID
}

// removes deletes an endpoint, as its owner.
func (s story) removes(endpoint stage.Endpoint) {
	s.Helper()
	out, err := ec2.NewFromConfig(cloud.Config(endpoint.VPC.Account)).DeleteVpcEndpoints(s.ctx, &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{endpoint.ID}})
	s.check(err)
	if len(out.Unsuccessful) > 0 {
		s.Fatalf("endpoint %s cannot be deleted: %+v", endpoint.ID, out.Unsuccessful)
	}
}

// hurry is how many seconds step 9 waits for those in a hurry. No input can ask for less than a day.
const hurry = 15

// startsInAHurry starts an execution whose step 9 gives up after seconds: it keeps the definition that it was started with.
func (s story) startsInAHurry(input string) execution {
	s.Helper()
	starting.Lock()
	defer starting.Unlock()
	machines := sfn.NewFromConfig(cloud.Config(stage.Customer))
	arn, err := cloud.Output(s.ctx, "StateMachineArn")
	s.check(err)
	machine, err := machines.DescribeStateMachine(s.ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &arn})
	s.check(err)
	var definition map[string]any
	s.check(json.Unmarshal([]byte(*machine.Definition), &definition))
	wait := definition["States"].(map[string]any)["9. Accept the connection"].(map[string]any)
	delete(wait, "TimeoutSecondsPath")
	wait["TimeoutSeconds"] = hurry
	hasty, err := json.Marshal(definition)
	s.check(err)
	update := func(text string) {
		_, err := machines.UpdateStateMachine(s.ctx, &sfn.UpdateStateMachineInput{StateMachineArn: &arn, Definition: &text})
		s.check(err)
	}
	update(string(hasty))
	defer update(*machine.Definition)
	return s.startsNow(input)
}
