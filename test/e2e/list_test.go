package e2e

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/rdslink/rdslink/internal/inspect"
	"github.com/rdslink/rdslink/internal/operator"
	"github.com/rdslink/rdslink/test/stage"
)

// areListed breaks one of two exposures, changes the other by hand and starts a third: whoever starts executions sees how
// each is, and who asked, decided and is connected, by the policy for that alone.
func (s story) areListed(database stage.Database, changed, broken output) {
	s.Helper()
	s.onlooker = s.looker()
	_, err := s.network().ModifyVpcEndpointServiceConfiguration(s.ctx, &ec2.ModifyVpcEndpointServiceConfigurationInput{ServiceId: &changed.ServiceID, AcceptanceRequired: aws.Bool(false)})
	s.check(err)
	_, err = s.balancers().DeleteListener(s.ctx, &elb.DeleteListenerInput{ListenerArn: &broken.Resources.ListenerARN})
	s.check(err)
	third := s.starts(fmt.Sprintf(`{"database": %q, "name": "globex", "principals": [%q], "requestedBy": "the team of reports"}`, database.Identifier, partner))
	third.waits()

	var seen map[string]operator.Overview
	s.await("one to be listed as changed and live, one as cut off, one as waiting", func() bool {
		seen = s.lists(database)
		return len(seen["pushmetrics"].ChangedByHand) > 0 && seen["pushmetrics"].State == operator.Live &&
			seen["acme"].State == operator.CutOff && seen["globex"].State == operator.Waiting
	})
	for consumer, want := range map[string]operator.Overview{
		"pushmetrics": {Exposure: changed.Exposure, State: operator.Live, Status: "SUCCEEDED", MonthlyUSD: 16.58, ChangedByHand: []string{"acceptance"}},
		"acme":        {Exposure: broken.Exposure, State: operator.CutOff, Status: "SUCCEEDED", MonthlyUSD: 16.58, ChangedByHand: []string{}},
		"globex":      {Exposure: seen["globex"].Exposure, State: operator.Waiting, Status: "RUNNING", MonthlyUSD: 16.43, ChangedByHand: []string{}},
	} {
		got := seen[consumer]
		if got.Exposure != want.Exposure || got.State != want.State || got.Status != want.Status || got.MonthlyUSD != want.MonthlyUSD ||
			!slices.Equal(got.ChangedByHand, want.ChangedByHand) || got.Since.IsZero() || got.ConnectionsSeen {
			s.Errorf("%s is listed as %+v, want %+v", consumer, got, want)
		}
	}
	if why := seen["acme"].Why; !strings.Contains(why, inspect.Listener) {
		s.Errorf("it is said to be cut off because of %q", why)
	}
	for _, o := range []output{changed, broken} {
		s.isShown(o, o.Exposure == broken.Exposure)
		s.isHandedOverAgain(o)
	}
	shown, err := s.onlooker.Show(s.ctx, seen["globex"].Exposure)
	s.check(err)
	if shown.RequestedBy != "the team of reports" || len(shown.Decisions)+len(shown.Connections) > 0 {
		s.Errorf("the third is shown as %+v", shown)
	}
	third.stop()
	s.await("the third to be listed as half made", func() bool { return s.lists(database)["globex"].State == operator.HalfMade })
	s.forgets(seen["globex"].Exposure)
}

// lists are the exposures of a database, by the consumer's name.
func (s story) lists(database stage.Database) map[string]operator.Overview {
	s.Helper()
	listing, err := s.onlooker.List(s.ctx)
	s.check(err)
	s.check(listing.Err)
	found := map[string]operator.Overview{}
	for _, o := range listing.Exposures {
		if o.DatabaseIdentifier == database.Identifier {
			found[o.Consumer] = o
		}
	}
	return found
}

// isShown wants who asked, who decided and who is connected.
func (s story) isShown(o output, broken bool) {
	s.Helper()
	shown, err := s.onlooker.Show(s.ctx, o.Exposure)
	s.check(err)
	s.check(shown.Report.Err)
	if (shown.State == operator.CutOff) != broken || !strings.Contains(shown.RequestedBy, stage.Customer) || shown.RequestedAt.IsZero() || shown.Started.IsZero() {
		s.Errorf("%s is %s (%s), asked for by %s at %v", o.Exposure, shown.State, shown.Why, shown.RequestedBy, shown.RequestedAt)
	}
	if len(shown.Decisions) != 1 || shown.Decisions[0].By != "olga" || shown.Decisions[0].Reason != "ticket 4711" || shown.Decisions[0].VPCEndpointID != o.Connection.VPCEndpointID {
		s.Errorf("%s was decided about by %+v", o.Exposure, shown.Decisions)
	}
	if len(shown.Connections) != 1 || shown.Connections[0].VPCEndpointID != o.Connection.VPCEndpointID || !shown.Connections[0].Expected {
		s.Errorf("connected to %s is %+v", o.Exposure, shown.Connections)
	}
}

// isHandedOverAgain wants the text that was published, and the execution's output.
func (s story) isHandedOverAgain(o output) {
	s.Helper()
	again, err := s.onlooker.HandOff(s.ctx, o.Exposure)
	s.check(err)
	if published, found := mail.find(o.ServiceName); !found || again.Text != published {
		s.Errorf("handed over was\n%s\nand is said again to be\n%s", published, again.Text)
	}
	text, err := json.Marshal(again.Document)
	s.check(err)
	var first, second any
	s.check(json.Unmarshal([]byte(o.text), &first))
	s.check(json.Unmarshal(text, &second))
	if !reflect.DeepEqual(first, second) {
		s.Errorf("the execution's output was\n%s\nand is said again to be\n%s", o.text, text)
	}
}
