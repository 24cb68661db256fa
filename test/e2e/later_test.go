package e2e

import (
	"fmt"
	"testing"

	"github.com/rdslink/rdslink/internal/bus"
)

const materialize = "664411391173"

// A vendor that says whom to allow only once it has the service name: the first execution allows nobody, and the second one
// takes its place as it waits.
func TestAPrincipalThatIsKnownLaterTakesThePlaceOfTheWait(t *testing.T) {
	s := begin(t)
	database := s.database("orders-later", singleAZ)
	input := fmt.Sprintf(`{"database": %q, "vendor": "materialize", "acceptance": {"mode": "expected-account"}}`, database.Identifier)
	first := s.starts(input)
	s.hears(s.mail, "the database "+database.Identifier+",", "Whom we allow", "SELECT principal FROM mz_aws_privatelink_connections")
	handoff := s.handoff(database)
	first.waits()

	// Until somebody is named, nobody is let in, and nobody can be.
	vendor := s.vpc(materialize)
	role, err := cloud.NewRole(s.ctx, materialize, "mz_orders_u1",
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}`)
	s.check(err)
	vendor.Role = role
	elsewhere := s.vpc(materialize)
	elsewhere.Role = role
	if _, err := cloud.NewEndpoint(s.ctx, elsewhere, handoff); code(err) != "InvalidServiceName" {
		s.Errorf("who is not allowed makes an endpoint: %v", err)
	}
	exposure := s.exposuresIn(database.VPC)[0].ID
	s.check(s.operator.Decide(s.ctx, bus.Decision{Exposure: exposure, Decision: bus.Accept, By: "olga"}))
	s.hears(news, exposure, "was refused: nobody may ask yet")
	s.starts(input).fails("Conflict", first.arn)

	second := s.starts(fmt.Sprintf(`{"database": %q, "vendor": "materialize", "principals": [%q]}`, database.Identifier, role))
	second.waits()
	if p := first.ends(); p.Status != "ABORTED" || p.Error != "Superseded" {
		s.Errorf("the first execution ended %s: %s: %s", p.Status, p.Error, p.Cause)
	}
	endpoint := s.connects(vendor, handoff)
	s.decides(bus.Accept, endpoint)
	output := second.succeeds()
	client := s.client(endpoint, handoff)
	s.readsOrders(client)
	s.passes(output)

	// The first input once more means the principal that was told since.
	if third := s.starts(input).succeeds(); third.ServiceName != handoff.ServiceName || third.Connection.VPCEndpointID != endpoint.ID {
		s.Errorf("a third execution ends with %s and %+v", third.ServiceName, third.Connection)
	}
	s.readsAgain(client, orders)
	if text, told := news.find("did not succeed", `"execution":"`+first.arn+`"`); told {
		s.Errorf("operators are told of an end that somebody meant: %s", text)
	}
}
