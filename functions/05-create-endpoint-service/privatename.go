package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/hostedzone"
	"github.com/rdslink/rdslink/internal/message"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
)

type zonesAPI interface {
	hostedzone.Finder
	hostedzone.Changer
}

type topicAPI interface {
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

const (
	// verifiable is how long a name may wait for its verification. Until it is verified, AWS denies every new request.
	verifiable = 72 * time.Hour
	// lookSeconds is how long the execution waits between two looks: at most 1,440 in all that time, of nine events each. Its
	// history has room for 25,000.
	lookSeconds = 180
)

// privateName sees to the service's private DNS name: the one that the input wants, and none that an earlier input did. AWS
// draws a record when the name is set, and verifies the name when that is in public DNS. Meanwhile it denies requests, so
// the hand-off has to wait: open says that there is a name to be verified yet. What was not verified in time is taken back,
// and another execution tries anew.
func (s createEndpointService) privateName(
	ctx context.Context, in Input, service types.ServiceConfiguration, exposure registry.Exposure,
) (verified string, open bool, err error) {
	var kept registry.PrivateName
	if exposure.PrivateName != nil {
		kept = *exposure.PrivateName
	}
	want, has := in.PrivateDNSName, aws.ToString(service.PrivateDnsName)
	if kept.Name == "" && kept.Execution == in.Execution { // taken back
		want = ""
	}
	switch {
	case want == "" && kept.Name == "": // a name that is there all the same is somebody else's business
		return "", false, nil
	case want == "":
		return "", false, s.takeBack(ctx, in, service, kept, nil)
	case kept.Name != want || has != want:
		return "", false, s.setName(ctx, in, service, kept, want, exposure.ServiceChange)
	}
	p := service.PrivateDnsNameConfiguration
	if p == nil || aws.ToString(p.Value) == "" {
		return "", false, outcome.NotReady("endpoint service %s does not show the record for %s yet", aws.ToString(service.ServiceId), want)
	}
	pending, err := unverified(ctx, want, p.State)
	switch {
	case err != nil:
		return "", false, err
	case !pending:
		kept.Verified = true
		return want, false, s.keep(ctx, in, &kept)
	case kept.Verified, kept.Execution != in.Execution: // each execution has the whole time
		kept = kept.Anew(in.Execution, s.now())
		if err := s.keep(ctx, in, &kept); err != nil {
			return "", false, err
		}
	}
	open, err = s.verifyName(ctx, in, service, kept)
	return "", open, err
}

// unverified judges every state of a name. One that has failed is verified anew as long as it has time.
func unverified(ctx context.Context, name string, state types.DnsNameState) (bool, error) {
	is := func(one types.DnsNameState) bool { return strings.EqualFold(string(state), string(one)) }
	switch {
	case is(types.DnsNameStateVerified):
		return false, nil
	case is(types.DnsNameStatePendingVerification), is(types.DnsNameStateFailed):
		return true, nil
	}
	return false, outcome.Unknown(ctx, "state", "private DNS name "+name, string(state))
}

// setName gives the service the name. What was made for another one goes first: the record would be lost.
func (s createEndpointService) setName(
	ctx context.Context, in Input, service types.ServiceConfiguration, kept registry.PrivateName, name string, asked *registry.ServiceChange,
) error {
	id := aws.ToString(service.ServiceId)
	notYet := outcome.NotReady("endpoint service %s does not show its private DNS name %s yet", id, name)
	this := registry.ServiceChange{Execution: in.Execution, Attempt: in.RetryCount, Change: "private DNS name " + name}
	if asked != nil && asked.Execution == this.Execution && asked.Change == this.Change {
		if since := in.RetryCount - asked.Attempt; since > 0 && since <= patience {
			return notYet
		}
	}
	if err := s.deleteRecord(ctx, kept); err != nil {
		return err
	}
	anew := registry.PrivateName{Name: name}.Anew(in.Execution, s.now())
	if err := s.registry.Record(ctx, in.Exposure, in.Execution, func(m *registry.Made) {
		m.PrivateName, m.ServiceChange = &anew, &this
	}); err != nil {
		return err
	}
	if aws.ToString(service.PrivateDnsName) == name { // somebody has set it by hand
		return notYet
	}
	slog.InfoContext(ctx, "modify endpoint service", "serviceId", id, "privateDnsName", name)
	_, err := s.services.ModifyVpcEndpointServiceConfiguration(ctx,
		&ec2.ModifyVpcEndpointServiceConfigurationInput{ServiceId: &id, PrivateDnsName: &name})
	if err != nil {
		return fmt.Errorf("set private DNS name %s of endpoint service %s: %w", name, id, outcome.Unseen(err))
	}
	return notYet
}

// verifyName has the record made, where the domain's zone is here, and asks AWS to look for it.
func (s createEndpointService) verifyName(
	ctx context.Context, in Input, service types.ServiceConfiguration, kept registry.PrivateName,
) (open bool, err error) {
	id := aws.ToString(service.ServiceId)
	if !s.now().Before(kept.Since.Add(verifiable)) {
		if err := s.tell(ctx, "unverified", in, kept, *service.PrivateDnsNameConfiguration); err != nil {
			return false, err
		}
		return false, s.takeBack(ctx, in, service, kept, &registry.PrivateName{Execution: in.Execution, Since: kept.Since})
	}
	if err := s.prove(ctx, in, kept, *service.PrivateDnsNameConfiguration); err != nil {
		return false, err
	}
	slog.InfoContext(ctx, "start private DNS verification", "serviceId", id, "privateDnsName", kept.Name)
	_, err = s.services.StartVpcEndpointServicePrivateDnsVerification(ctx,
		&ec2.StartVpcEndpointServicePrivateDnsVerificationInput{ServiceId: &id})
	if err != nil {
		return false, fmt.Errorf("start verification of private DNS name %s of endpoint service %s: %w", kept.Name, id, outcome.Unseen(err))
	}
	return true, nil
}

// prove has the record made that AWS looks for: here, where the domain's zone is, or by a person.
func (s createEndpointService) prove(ctx context.Context, in Input, kept registry.PrivateName, p types.PrivateDnsNameConfiguration) error {
	found, err := s.makeRecord(ctx, in, kept, p)
	if err != nil && !outcome.DoWithout(ctx, err, "the record that proves a private DNS name, which a person can make") {
		return err
	}
	if err == nil && found {
		return nil
	}
	return s.askForRecord(ctx, in, kept, p)
}

// makeRecord makes the record in the domain's zone, if that is found here. That it is to be ours is recorded first: whoever
// takes the exposure away has to find it. Who did so in between has looked for it before it was there: then it goes again.
func (s createEndpointService) makeRecord(
	ctx context.Context, in Input, kept registry.PrivateName, p types.PrivateDnsNameConfiguration,
) (found bool, err error) {
	zone, found, err := hostedzone.Of(ctx, s.domains, kept.Name)
	if err != nil || !found {
		return false, err
	}
	record := hostedzone.TXT{ZoneID: zone.ID, Name: aws.ToString(p.Name) + "." + zone.Name, Value: aws.ToString(p.Value)}
	there, err := record.There(ctx, s.domains)
	if err != nil || there {
		return there, err
	}
	kept.ZoneID, kept.Record, kept.Value = record.ZoneID, record.Name, record.Value
	if err := s.keep(ctx, in, &kept); err != nil {
		return false, err
	}
	if err := record.Make(ctx, s.domains); err != nil {
		return false, err
	}
	if err := s.registry.Held(ctx, in.Exposure, in.Execution); err != nil {
		return false, errors.Join(err, s.deleteRecord(ctx, kept))
	}
	return true, outcome.NotReady("TXT record %s is new in hosted zone %s", record.Name, record.ZoneID)
}

// askForRecord tells people once which record is to be made by hand.
func (s createEndpointService) askForRecord(
	ctx context.Context, in Input, kept registry.PrivateName, p types.PrivateDnsNameConfiguration,
) error {
	if kept.Told == aws.ToString(p.Value) {
		return nil
	}
	if err := s.tell(ctx, "record", in, kept, p); err != nil {
		return err
	}
	kept.Told = aws.ToString(p.Value)
	return s.keep(ctx, in, &kept)
}

// takeBack leaves the service without a name, and the domain without our record.
func (s createEndpointService) takeBack(
	ctx context.Context, in Input, service types.ServiceConfiguration, kept registry.PrivateName, after *registry.PrivateName,
) error {
	id := aws.ToString(service.ServiceId)
	if aws.ToString(service.PrivateDnsName) == kept.Name {
		slog.InfoContext(ctx, "modify endpoint service", "serviceId", id, "removePrivateDnsName", kept.Name)
		_, err := s.services.ModifyVpcEndpointServiceConfiguration(ctx,
			&ec2.ModifyVpcEndpointServiceConfigurationInput{ServiceId: &id, RemovePrivateDnsName: aws.Bool(true)})
		if err != nil {
			return fmt.Errorf("remove private DNS name %s of endpoint service %s: %w", kept.Name, id, outcome.Unseen(err))
		}
	}
	if err := s.deleteRecord(ctx, kept); err != nil {
		return err
	}
	return s.keep(ctx, in, after)
}

func (s createEndpointService) deleteRecord(ctx context.Context, kept registry.PrivateName) error {
	if kept.ZoneID == "" {
		return nil
	}
	_, err := hostedzone.TXT{ZoneID: kept.ZoneID, Name: kept.Record, Value: kept.Value}.Delete(ctx, s.domains)
	return err
}

func (s createEndpointService) keep(ctx context.Context, in Input, name *registry.PrivateName) error {
	return s.registry.Record(ctx, in.Exposure, in.Execution, func(m *registry.Made) { m.PrivateName = name })
}

//go:embed messages
var texts embed.FS

var messages = message.Read(texts)

func (s createEndpointService) tell(
	ctx context.Context, text string, in Input, kept registry.PrivateName, p types.PrivateDnsNameConfiguration,
) error {
	subject, body := messages.Write(text, message.Facts{
		"Exposure": in.Exposure, "Name": kept.Name, "Record": aws.ToString(p.Name) + "." + kept.Name, "Label": aws.ToString(p.Name),
		"Type": aws.ToString(p.Type), "Value": aws.ToString(p.Value), "Until": kept.Since.Add(verifiable).UTC().Format(time.RFC1123),
	})
	slog.InfoContext(ctx, "tell operators", "subject", subject)
	if _, err := s.topics.Publish(ctx, &sns.PublishInput{TopicArn: &s.operators, Subject: &subject, Message: &body}); err != nil {
		return fmt.Errorf("publish %q to %s: %w", subject, s.operators, err)
	}
	return nil
}
