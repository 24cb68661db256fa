package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/outcome"
)

const name = "db.shop.example.com"

// StartVpcEndpointServicePrivateDnsVerification verifies the name at once, if the record is in a public zone.
//
//nolint:revive // AWS spells it so
func (c *cloud) StartVpcEndpointServicePrivateDnsVerification(_ context.Context, in *ec2.StartVpcEndpointServicePrivateDnsVerificationInput, _ ...func(*ec2.Options)) (*ec2.StartVpcEndpointServicePrivateDnsVerificationOutput, error) {
	if c.refuses() {
		return nil, errDisturbed
	}
	c.Mutate("verify %s", *in.ServiceId)
	p := c.services[0].PrivateDnsNameConfiguration
	for _, zone := range c.Zones.Zones {
		if !zone.Private && slices.Contains(zone.Texts[*p.Name+"."+zone.Name], *p.Value) {
			p.State = types.DnsNameStateVerified
		}
	}
	return &ec2.StartVpcEndpointServicePrivateDnsVerificationOutput{}, c.loses()
}

func (c *cloud) Publish(_ context.Context, in *sns.PublishInput, _ ...func(*sns.Options)) (*sns.PublishOutput, error) {
	if c.refuses() {
		return nil, errDisturbed
	}
	c.sent = append(c.sent, *in.Subject+"\n"+*in.Message)
	return &sns.PublishOutput{}, c.loses()
}

var errDisturbed = &smithy.GenericAPIError{Code: "InternalFailure"}

// refuses says whether this change about the name is the one that is not made.
func (c *cloud) refuses() bool {
	c.untilRefused--
	return c.untilRefused == 0
}

// loses is the error of a change that is made, if it is the one whose answer is lost.
func (c *cloud) loses() error {
	if c.untilLost--; c.untilLost == 0 {
		return errDisturbed
	}
	return nil
}

func (c *cloud) ChangeResourceRecordSets(ctx context.Context, in *route53.ChangeResourceRecordSetsInput, _ ...func(*route53.Options)) (*route53.ChangeResourceRecordSetsOutput, error) {
	if c.refuses() {
		return nil, errDisturbed
	}
	out, err := c.Zones.ChangeResourceRecordSets(ctx, in)
	if err == nil {
		err = c.loses()
	}
	if c.overtaken != nil {
		c.Lost = c.overtaken
	}
	return out, err
}

func named(in *Input) { in.PrivateDNSName = name }

// goes runs the step as the execution does: again where it is not ready, and after the wait where the name is open, but so
// often at most.
func (c *cloud) goes(t *testing.T, in Input, most int) Output {
	t.Helper()
	for range most {
		out, err := c.step().run(t.Context(), in)
		if err != nil && outcome.Name(err) != "NotReady" {
			t.Fatal(err)
		}
		c.now = c.now.Add(10 * time.Second)
		if err == nil && !out.NameOpen {
			return out
		}
		if err == nil {
			if out.PrivateDNSName != "" || out.LookSeconds != lookSeconds {
				t.Errorf("while it is open: %+v", out)
			}
			c.now = c.now.Add(time.Duration(out.LookSeconds) * time.Second)
		}
	}
	return Output{NameOpen: true}
}

func TestANameOfADomainWhoseZoneIsHereIsVerified(t *testing.T) {
	c := newCloud()
	c.Public("Z1", "example.com")
	in := input()
	named(&in)
	out := c.goes(t, in, 10)
	if out.PrivateDNSName != name || out.NameOpen || out.LookSeconds != 0 {
		t.Errorf("%+v", out)
	}
	if want := []string{"UPSERT _abc.example.com vpce:" + name}; !slices.Equal(c.Changes, want) || len(c.sent) > 0 {
		t.Errorf("changed %v, told %v", c.Changes, c.sent)
	}
	kept := c.Recorded.PrivateName
	if kept.Name != name || kept.ZoneID != "Z1" || kept.Record != "_abc.example.com" || kept.Value != "vpce:"+name {
		t.Errorf("kept %+v", kept)
	}
	c.Mutations, c.Changes = nil, nil
	if again := c.goes(t, in, 1); again.PrivateDNSName != name || len(c.Mutations)+len(c.Changes) > 0 {
		t.Errorf("again: %+v, %v, %v", again, c.Mutations, c.Changes)
	}
}

func TestWithoutAZoneHerePeopleAreToldOnce(t *testing.T) {
	for sentence, prepare := range map[string]func(*cloud){
		"no zone":              func(*cloud) {},
		"a private zone":       func(c *cloud) { c.Private("Z1", "example.com") },
		"nobody may list them": func(c *cloud) { c.Public("Z1", "example.com"); c.Denied = "ListHostedZonesByName" },
		"nobody may change it": func(c *cloud) { c.Public("Z1", "example.com"); c.Denied = "ChangeResourceRecordSets" },
	} {
		t.Run(sentence, func(t *testing.T) {
			c, in := newCloud(), input()
			prepare(c)
			named(&in)
			if out := c.goes(t, in, 9); !out.NameOpen || len(c.sent) != 1 {
				t.Fatalf("%+v, told %q", out, c.sent)
			}
			for _, part := range []string{"a DNS record is needed", "_abc." + name, "TXT", "vpce:" + name, "Wed, 04 Nov 2026 12:00:00 UTC", `"privateDnsName": "none"`} {
				if !strings.Contains(c.sent[0], part) {
					t.Errorf("not told: %s", part)
				}
			}
			c.services[0].PrivateDnsNameConfiguration.State = "Verified" // somebody has made the record
			if out := c.goes(t, in, 1); out.PrivateDNSName != name || len(c.sent) != 1 {
				t.Errorf("%+v, told %q", out, c.sent)
			}
		})
	}
}

func TestANameThatIsNotVerifiedInTimeIsTakenBack(t *testing.T) {
	c, in := newCloud(), input()
	named(&in)
	c.goes(t, in, 3)
	c.services[0].PrivateDnsNameConfiguration.State = types.DnsNameStateFailed // AWS's own time is over
	if out := c.goes(t, in, 1); !out.NameOpen {
		t.Errorf("what has failed is not verified anew: %+v", out)
	}
	c.now = day.Add(verifiable)
	for range 2 { // a step that follows is redriven, too
		out := c.goes(t, in, 1)
		if out.NameOpen || out.PrivateDNSName != "" || c.services[0].PrivateDnsName != nil {
			t.Errorf("%+v, the service has %s", out, aws.ToString(c.services[0].PrivateDnsName))
		}
	}
	if len(c.sent) != 2 || !strings.Contains(c.sent[1], "private DNS name taken back") || !strings.Contains(c.sent[1], name) {
		t.Errorf("told %q", c.sent)
	}
	in.Execution = "another"
	c.now = c.now.Add(verifiable)
	if out := c.goes(t, in, 5); !out.NameOpen || len(c.sent) != 3 || aws.ToString(c.services[0].PrivateDnsName) != name {
		t.Errorf("another execution does not try anew: %+v", out)
	}
}

func TestANameThatIsGivenUpGoesWithItsRecord(t *testing.T) {
	c, in := newCloud(), input()
	c.Public("Z1", "example.com")
	named(&in)
	c.goes(t, in, 10)
	in.PrivateDNSName = "pg.example.com"
	if out := c.goes(t, in, 10); out.PrivateDNSName != "pg.example.com" || len(c.Zones.Zones[0].Texts) != 1 {
		t.Errorf("another name: %+v, records %v", out, c.Zones.Zones[0].Texts)
	}
	in.PrivateDNSName = ""
	if out := c.goes(t, in, 1); out.PrivateDNSName != "" || c.services[0].PrivateDnsName != nil || len(c.Zones.Zones[0].Texts) > 0 || c.Recorded.PrivateName != nil {
		t.Errorf("none: %+v, records %v, kept %+v", out, c.Zones.Zones[0].Texts, c.Recorded.PrivateName)
	}
	c.services[0].PrivateDnsName = aws.String("by.hand.example.com")
	c.Mutations = nil
	if c.goes(t, in, 1); len(c.Mutations) > 0 {
		t.Errorf("what somebody set by hand: %v", c.Mutations)
	}
}

func TestWhatIsGoneIsMadeAgain(t *testing.T) {
	for sentence, drift := range map[string]func(*cloud){
		"the name": func(c *cloud) { c.services[0].PrivateDnsName, c.services[0].PrivateDnsNameConfiguration = nil, nil },
		"the record": func(c *cloud) {
			clear(c.Zones.Zones[0].Texts)
			c.services[0].PrivateDnsNameConfiguration.State = types.DnsNameStateFailed
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			c, in := newCloud(), input()
			c.Public("Z1", "example.com")
			named(&in)
			c.goes(t, in, 10)
			c.now = c.now.Add(2 * verifiable)
			drift(c)
			if out := c.goes(t, in, 10); out.PrivateDNSName != name || len(c.Zones.Zones[0].Texts) != 1 {
				t.Errorf("%+v, records %v", out, c.Zones.Zones[0].Texts)
			}
		})
	}
}

func TestARecordThatIsMadeAfterTheExposureWasTakenAwayGoesAgain(t *testing.T) {
	for sentence, lost := range map[string]error{
		"somebody else holds it": outcome.Conflict("lost it"),
		"nobody can tell":        outcome.Throttled("slow down"),
	} {
		t.Run(sentence, func(t *testing.T) {
			c, in := newCloud(), input()
			c.Public("Z1", "example.com")
			named(&in)
			c.goes(t, in, 1)
			c.overtaken = lost
			_, err := c.step().run(t.Context(), in)
			if outcome.Name(err) != outcome.Name(lost) || len(c.Changes) != 2 || len(c.Zones.Zones[0].Texts) > 0 {
				t.Errorf("%v, changed %v, records %v", err, c.Changes, c.Zones.Zones[0].Texts)
			}
		})
	}
}

// A name that does not show yet is set once.
func TestANameThatDoesNotShowYetIsNotSetAgain(t *testing.T) {
	c, in := newCloud(), input()
	named(&in)
	c.goes(t, in, 1)
	c.services[0].PrivateDnsName, c.services[0].PrivateDnsNameConfiguration = nil, nil
	c.Mutations = nil
	for in.RetryCount = range patience + 1 {
		if in.RetryCount > 0 {
			c.goes(t, in, 1)
		}
	}
	if len(c.Mutations) > 0 {
		t.Errorf("changed %v", c.Mutations)
	}
	in.RetryCount = 0 // redriven, or after a wait
	if c.goes(t, in, 1); len(c.Mutations) == 0 {
		t.Error("it is never set again")
	}
}

func TestEveryStateOfANameIsJudged(t *testing.T) {
	judged := map[types.DnsNameState]string{"verified": "false", "pendingVerification": "true", "failed": "true", "melting": "NotReady"}
	for _, state := range append(types.DnsNameState("").Values(), "melting") {
		pending, err := unverified(t.Context(), name, state)
		got := map[bool]string{true: "true", false: "false"}[pending]
		if err != nil {
			got = outcome.Name(err)
		}
		if got != judged[state] {
			t.Errorf("%s: %s", state, got)
		}
	}
}

// An execution that somebody stopped leaves its name as it was. The next one has the whole time, and tells anew.
func TestEachExecutionHasTheWholeTime(t *testing.T) {
	c, in := newCloud(), input()
	named(&in)
	c.goes(t, in, 4)
	c.now = c.now.Add(verifiable)
	in.Execution = "another"
	if out := c.goes(t, in, 4); !out.NameOpen || len(c.sent) != 2 || !strings.Contains(c.sent[1], "a DNS record is needed") {
		t.Errorf("%+v, told %q", out, c.sent)
	}
}

// Whichever change fails, and whether it was made or not: who starts again comes to the same, and leaves nothing.
func TestWhateverFailsTheNextExecutionPutsRight(t *testing.T) {
	for _, here := range []bool{true, false} {
		for at := 1; at <= 6; at++ {
			for _, lost := range []bool{true, false} {
				c, in := newCloud(), input()
				if here {
					c.Public("Z1", "example.com")
				}
				named(&in)
				if lost {
					c.untilLost = at
				} else {
					c.untilRefused = at
				}
				failed := false
				for n := range 12 {
					in.Execution = fmt.Sprint("execution ", n/6)
					_, err := c.step().run(t.Context(), in)
					failed = failed || errors.Is(err, errDisturbed)
					c.now = c.now.Add(time.Minute)
				}
				c.untilLost, c.untilRefused = 0, 0
				if at <= 3 && !failed {
					t.Errorf("%t, %d, lost %t: nothing failed", here, at, lost)
				}
				if here && (aws.ToString(c.services[0].PrivateDnsName) != name || c.services[0].PrivateDnsNameConfiguration.State != types.DnsNameStateVerified) {
					t.Errorf("here, %d, lost %t, failed %t: not verified", at, lost, failed)
				}
				if !here && len(c.sent) == 0 {
					t.Errorf("elsewhere, %d, lost %t, failed %t: nobody is told", at, lost, failed)
				}
				in.PrivateDNSName, in.Execution = "", "the last"
				if c.goes(t, in, 3); c.services[0].PrivateDnsName != nil || here && len(c.Zones.Zones[0].Texts) > 0 {
					t.Errorf("%t, %d, lost %t: left behind", here, at, lost)
				}
			}
		}
	}
}
