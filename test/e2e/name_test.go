package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/operator"
	"github.com/rdslink/rdslink/test/stage"
)

// domain makes a public hosted zone of an account's.
func (s story) domain(account, name string) string {
	s.Helper()
	out, err := route53.NewFromConfig(cloud.Config(account)).CreateHostedZone(s.ctx,
		&route53.CreateHostedZoneInput{Name: &name, CallerReference: aws.String(s.Name())})
	s.check(err)
	return *out.HostedZone.Id
}

// texts are the names of the TXT records of a zone of the customer's.
func (s story) texts(zone string) (names []string) {
	s.Helper()
	out, err := route53.NewFromConfig(cloud.Config(stage.Customer)).ListResourceRecordSets(s.ctx, &route53.ListResourceRecordSetsInput{HostedZoneId: &zone})
	s.check(err)
	for _, set := range out.ResourceRecordSets {
		if set.Type == route53types.RRTypeTxt {
			names = append(names, *set.Name)
		}
	}
	return names
}

// switchesOn has the consumer's VPC answer the service's name, as the hand-off says: it needs DNS hostnames.
func (s story) switchesOn(endpoint stage.Endpoint) {
	s.Helper()
	client := ec2.NewFromConfig(cloud.Config(endpoint.VPC.Account))
	_, err := client.ModifyVpcAttribute(s.ctx, &ec2.ModifyVpcAttributeInput{
		VpcId: &endpoint.VPC.ID, EnableDnsHostnames: &ec2types.AttributeBooleanValue{Value: aws.Bool(true)},
	})
	s.check(err)
	_, err = client.ModifyVpcEndpoint(s.ctx, &ec2.ModifyVpcEndpointInput{VpcEndpointId: &endpoint.ID, PrivateDnsEnabled: aws.Bool(true)})
	s.check(err)
}

// readsBy reads the rows by the service's name.
func (s story) readsBy(name string, endpoint stage.Endpoint, handoff stage.Handoff) {
	s.Helper()
	client := s.client(endpoint, handoff)
	client.Host = name
	s.readsOrders(client)
}

// deletes deletes the TXT records of a zone of the customer's by hand.
func (s story) deletes(zone string) {
	s.Helper()
	client := route53.NewFromConfig(cloud.Config(stage.Customer))
	out, err := client.ListResourceRecordSets(s.ctx, &route53.ListResourceRecordSetsInput{HostedZoneId: &zone})
	s.check(err)
	for _, set := range out.ResourceRecordSets {
		if set.Type == route53types.RRTypeTxt {
			_, err := client.ChangeResourceRecordSets(s.ctx, &route53.ChangeResourceRecordSetsInput{HostedZoneId: &zone, ChangeBatch: &route53types.ChangeBatch{
				Changes: []route53types.Change{{Action: route53types.ChangeActionDelete, ResourceRecordSet: &set}},
			}})
			s.check(err)
		}
	}
}

// named is an input with a private DNS name.
func named(database stage.Database, name string) string {
	return fmt.Sprintf(`{"database": %q, "vendor": "pushmetrics", "privateDnsName": %q}`, database.Identifier, name)
}

// nameOf is a service's name, and its state.
func (s story) nameOf(service string) (name, state string) {
	s.Helper()
	out, err := s.network().DescribeVpcEndpointServiceConfigurations(s.ctx, &ec2.DescribeVpcEndpointServiceConfigurationsInput{ServiceIds: []string{service}})
	s.check(err)
	if p := out.ServiceConfigurations[0].PrivateDnsNameConfiguration; p != nil {
		state = string(p.State)
	}
	return aws.ToString(out.ServiceConfigurations[0].PrivateDnsName), state
}

// The domain's zone is in the account: nobody has to do anything but the consumer.
func TestAConsumerReadsRowsByAPrivateDNSNameOfADomainWhoseZoneIsHere(t *testing.T) {
	s := begin(t)
	zone := s.domain(stage.Customer, "here.example.com")
	database := s.database("orders-name", singleAZ)
	before := s.inventory(database.VPC)
	execution := s.starts(named(database, "db.here.example.com"))
	handoff := s.handoff(database)
	if letter := s.hears(s.mail, "the database "+database.Identifier+","); !strings.Contains(letter, "db.here.example.com") ||
		!strings.Contains(letter, "--private-dns-enabled") {
		s.Errorf("the hand-off does not say how to use the name: %s", letter)
	}
	if name, state := s.nameOf(serviceID(handoff)); name != "db.here.example.com" || state != "verified" {
		s.Errorf("handed over while the service's name is %q, %s", name, state)
	}
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	exposure := s.decides(bus.Accept, endpoint)
	output := execution.succeeds()
	if !strings.Contains(output.text, `"privateDnsName":"db.here.example.com"`) {
		s.Errorf("the output does not say the name: %s", output.text)
	}
	s.switchesOn(endpoint)
	s.readsBy("db.here.example.com", endpoint, handoff)
	s.readsOrders(s.client(endpoint, handoff))
	if got := s.texts(zone); len(got) != 1 || !strings.HasSuffix(got[0], ".here.example.com.") {
		s.Errorf("the zone has the TXT records %v", got)
	}

	record := belongings.Thing{Kind: belongings.TXTRecord, ID: strings.TrimSuffix(s.texts(zone)[0], ".")}
	found, err := operator.New(s.as(s.starter(), "olga"), deployment.Unnamed).Belongings(s.ctx, exposure)
	s.check(err)
	if at := slices.Index(found.Things, record); at < 1 || found.Things[at-1].Kind != belongings.Service {
		s.Errorf("%s is not found after the service: %v", record, found.Things)
	}
	done := s.takesAway(fmt.Sprintf(`{"exposure": %q, "connections": "end"}`, exposure)).removed()
	if !slices.Contains(done.Removed, record) || len(done.Left) > 0 {
		s.Errorf("%s is not among what was removed: %v, left %v", record, done.Removed, done.Left)
	}
	s.isGone(database.VPC, before, exposure)
	if got := s.texts(zone); len(got) > 0 {
		s.Errorf("the zone still has the TXT records %v", got)
	}
}

var askedFor = regexp.MustCompile(`name: +(\S+)\n +type: +TXT\n +value: +(\S+)`)

// The domain is somebody else's to run. Until the record is there, AWS lets nobody ask, so nobody is told of the service.
func TestAPersonMakesTheRecordOfAPrivateDNSName(t *testing.T) {
	s := begin(t)
	database := s.database("orders-elsewhere", singleAZ)
	execution := s.starts(named(database, "db.there.example.com"))
	record := askedFor.FindStringSubmatch(s.hears(news, "AWS verifies it by a record in public DNS", "db.there.example.com"))
	if record == nil {
		s.Fatal("the operators are not told which record is needed")
	}
	if text, sent := s.mail.find("the database " + database.Identifier + ","); sent {
		s.Errorf("handed over before the name is verified: %s", text)
	}
	zone := s.domain(stage.Stranger, "there.example.com")
	_, err := route53.NewFromConfig(cloud.Config(stage.Stranger)).ChangeResourceRecordSets(s.ctx, &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: &zone, ChangeBatch: &route53types.ChangeBatch{Changes: []route53types.Change{{
			Action: route53types.ChangeActionCreate, ResourceRecordSet: &route53types.ResourceRecordSet{
				Name: &record[1], Type: route53types.RRTypeTxt, TTL: aws.Int64(300),
				ResourceRecords: []route53types.ResourceRecord{{Value: aws.String(`"` + record[2] + `"`)}},
			},
		}}},
	})
	s.check(err)
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.decides(bus.Accept, endpoint)
	execution.succeeds()
	s.switchesOn(endpoint)
	s.readsBy("db.there.example.com", endpoint, handoff)
}

// Nobody makes the record. After three days the exposure is made without the name.
func TestAPrivateDNSNameThatIsNotVerifiedIsTakenBack(t *testing.T) {
	s := begin(t)
	database := s.database("orders-nameless", singleAZ)
	execution := s.starts(named(database, "db.nobody.example.com"))
	s.hears(news, "AWS verifies it by a record in public DNS", "db.nobody.example.com")
	exposure := s.exposureOf(database)
	service := s.serviceOf(exposure)
	// Whoever knows the service's name cannot ask, either.
	_, err := cloud.NewEndpoint(s.ctx, s.vpc(stage.PushMetrics), stage.Handoff{ServiceName: "com.amazonaws.vpce." + stage.Region + "." + service, Port: 5432})
	if err == nil {
		s.Error("a request is let in while the name is not verified")
	}
	s.ages(exposure, 73*time.Hour)
	s.hears(news, "AWS has not verified the private DNS name", "db.nobody.example.com")
	handoff := s.handoff(database)
	if letter := s.hears(s.mail, "the database "+database.Identifier+","); strings.Contains(letter, "db.nobody.example.com") {
		s.Errorf("the hand-off names what was taken back: %s", letter)
	}
	if name, _ := s.nameOf(service); name != "" {
		s.Errorf("the service still has the name %s", name)
	}
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.decides(bus.Accept, endpoint)
	execution.succeeds()
	s.readsOrders(s.client(endpoint, handoff))
}

// Somebody thinks better of it while the execution waits for the record.
func TestARemovalEndsTheWaitForAPrivateDNSName(t *testing.T) {
	s := begin(t)
	zone := s.domain(stage.Customer, "over.example.com")
	database := s.database("orders-over", singleAZ)
	before := s.inventory(database.VPC)
	execution := s.starts(named(database, "db.over.example.com"))
	s.await("the record", func() bool { return len(s.texts(zone)) == 1 })
	exposure := s.exposureOf(database)
	s.takesAway(fmt.Sprintf(`{"exposure": %q}`, exposure)).removed()
	if p := execution.ends(); p.Status != "ABORTED" || p.Error != "Removed" {
		s.Errorf("the set-up is %s: %s: %s", p.Status, p.Error, p.Cause)
	}
	s.isGone(database.VPC, before, exposure)
	if got := s.texts(zone); len(got) > 0 {
		s.Errorf("the zone still has the TXT records %v", got)
	}
}

// What somebody has added to the record is theirs: it stays, and the removal says so.
func TestARemovalLeavesARecordThatSomebodyHasChanged(t *testing.T) {
	s := begin(t)
	zone := s.domain(stage.Customer, "changed.example.com")
	database := s.database("orders-amended", singleAZ)
	s.starts(named(database, "db.changed.example.com")).waits()
	client := route53.NewFromConfig(cloud.Config(stage.Customer))
	out, err := client.ListResourceRecordSets(s.ctx, &route53.ListResourceRecordSetsInput{HostedZoneId: &zone})
	s.check(err)
	set := out.ResourceRecordSets[slices.IndexFunc(out.ResourceRecordSets, func(set route53types.ResourceRecordSet) bool { return set.Type == route53types.RRTypeTxt })]
	set.ResourceRecords = append(set.ResourceRecords, route53types.ResourceRecord{Value: aws.String(`"somebody's"`)})
	_, err = client.ChangeResourceRecordSets(s.ctx, &route53.ChangeResourceRecordSetsInput{HostedZoneId: &zone, ChangeBatch: &route53types.ChangeBatch{
		Changes: []route53types.Change{{Action: route53types.ChangeActionUpsert, ResourceRecordSet: &set}},
	}})
	s.check(err)
	record := belongings.Thing{Kind: belongings.TXTRecord, ID: strings.TrimSuffix(*set.Name, ".")}
	done := s.takesAway(fmt.Sprintf(`{"exposure": %q}`, s.exposureOf(database))).removed()
	left := slices.ContainsFunc(done.Left, func(l belongings.Left) bool {
		return l.Thing == record && strings.Contains(l.Why, "somebody has changed it")
	})
	if !left || slices.Contains(done.Removed, record) {
		s.Errorf("of %s it is not said that it stays: removed %v, left %v", record, done.Removed, done.Left)
	}
	if got := s.texts(zone); len(got) != 1 {
		s.Errorf("the zone has the TXT records %v", got)
	}
}

// ages lets a name have been set so much earlier. The world's speed makes waits short, and nobody's clock faster.
func (s story) ages(exposure string, d time.Duration) {
	s.Helper()
	_, err := dynamodb.NewFromConfig(cloud.Config(stage.Customer)).UpdateItem(s.ctx, &dynamodb.UpdateItemInput{
		TableName: new(s.registryTable()), Key: map[string]dynamodbtypes.AttributeValue{"id": &dynamodbtypes.AttributeValueMemberS{Value: exposure}},
		UpdateExpression:         aws.String("SET privateName.#since = :since"),
		ExpressionAttributeNames: map[string]string{"#since": "since"},
		ExpressionAttributeValues: map[string]dynamodbtypes.AttributeValue{
			":since": &dynamodbtypes.AttributeValueMemberS{Value: time.Now().Add(-d).UTC().Format(time.RFC3339)},
		},
	})
	s.check(err)
}

// serviceOf is the endpoint service of an exposure.
func (s story) serviceOf(exposure string) string {
	s.Helper()
	out, err := s.network().DescribeVpcEndpointServiceConfigurations(s.ctx, &ec2.DescribeVpcEndpointServiceConfigurationsInput{
		Filters: []ec2types.Filter{{Name: aws.String("tag:rdslink:exposure"), Values: []string{exposure}}},
	})
	s.check(err)
	if len(out.ServiceConfigurations) != 1 {
		s.Fatalf("exposure %s has %d endpoint services", exposure, len(out.ServiceConfigurations))
	}
	return *out.ServiceConfigurations[0].ServiceId
}

// A name comes later: not while a request waits, and whoever is connected stays. What somebody takes away is seen and put
// back.
func TestAnExposureGetsAPrivateDNSNameLaterAndGivesItUp(t *testing.T) {
	s := begin(t)
	zone := s.domain(stage.Customer, "later.example.com")
	database := s.database("orders-renamed", singleAZ)
	first := s.exposes(database)
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	exposure := s.decides(bus.Accept, endpoint)
	output := first.succeeds()

	waiting := s.connects(s.vpc(stage.PushMetrics), handoff)
	input := named(database, "db.later.example.com")
	s.starts(input).fails("BadInput", "privateDnsName", waiting.ID, "make approve or make reject")
	if name, _ := s.nameOf(output.ServiceID); name != "" || len(s.texts(zone)) > 0 {
		s.Errorf("refused, and the service has the name %q", name)
	}
	s.decides(bus.Reject, waiting)
	s.await("the rejection", func() bool { return s.state(waiting) == "rejected" })
	s.starts(input).succeeds()
	s.switchesOn(endpoint)
	s.readsBy("db.later.example.com", endpoint, handoff)
	other := s.database("orders-namesake", singleAZ)
	s.starts(named(other, "db.later.example.com")).fails("BadInput", output.ServiceID+" has db.later.example.com already")

	s.deletes(zone)
	shown, err := operator.New(s.as(s.starter(), "olga"), deployment.Unnamed).Show(s.ctx, exposure)
	s.check(err)
	if !slices.Contains(shown.ChangedByHand, "private DNS name") {
		s.Errorf("nobody sees that the record is gone: %v", shown.ChangedByHand)
	}
	_, err = s.network().ModifyVpcEndpointServiceConfiguration(s.ctx,
		&ec2.ModifyVpcEndpointServiceConfigurationInput{ServiceId: &output.ServiceID, RemovePrivateDnsName: aws.Bool(true)})
	s.check(err)
	shown, err = s.operator.Show(s.ctx, exposure)
	s.check(err)
	if !slices.Contains(shown.ChangedByHand, "private DNS name") {
		s.Errorf("nobody sees that the name is gone: %v", shown.ChangedByHand)
	}
	s.exposes(database).succeeds() // an input that does not name it means the name that is there
	if name, state := s.nameOf(output.ServiceID); name != "db.later.example.com" || state != "verified" {
		s.Errorf("put back, the name is %q, %s", name, state)
	}
	s.starts(named(database, "none")).succeeds()
	if name, _ := s.nameOf(output.ServiceID); name != "" || len(s.texts(zone)) > 0 {
		s.Errorf("given up, and the service has the name %q, the zone %v", name, s.texts(zone))
	}
	s.readsOrders(s.client(endpoint, handoff))
}
