package main

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/handoff"
	"github.com/rdslink/rdslink/internal/link"
	"github.com/rdslink/rdslink/internal/message"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/subscription"
)

// Input is what the consumer needs to know.
type Input struct {
	Execution                  string   `json:"execution"`
	Exposure                   string   `json:"exposure"`
	Consumer                   string   `json:"consumer"`
	Vendor                     string   `json:"vendor"`
	DatabaseIdentifier         string   `json:"databaseIdentifier"`
	Engine                     string   `json:"engine"`
	Region                     string   `json:"region"`
	Host                       string   `json:"host"`
	ListenerPort               int      `json:"listenerPort"`
	MaxConnectErrors           int      `json:"maxConnectErrors"`
	ServiceName                string   `json:"serviceName"`
	AvailabilityZoneIDs        []string `json:"availabilityZoneIds"`
	ZoneIDsWithoutLoadBalancer []string `json:"zoneIdsWithoutLoadBalancer"`
	ZoneIDsWithoutService      []string `json:"zoneIdsWithoutService"`
	SupportedRegions           []string `json:"supportedRegions"`
	PrivateDNSName             string   `json:"privateDnsName"`
	AcceptanceTimeoutSeconds   int      `json:"acceptanceTimeoutSeconds"`
	Notify                     []string `json:"notify"`

	Databases []link.Database `json:"databases"` // of a link, instead of one database, its engine, host and port
}

const secondsPerDay = 24 * 60 * 60

func (in Input) letter() handoff.Letter {
	letter := handoff.Letter{
		Facts: handoff.Facts{
			ServiceName:         in.ServiceName,
			Region:              in.Region,
			AvailabilityZoneIDs: in.AvailabilityZoneIDs,
			SupportedRegions:    in.SupportedRegions,
			Port:                in.ListenerPort,
			TLSServerName:       in.Host,
			PrivateDNSName:      in.PrivateDNSName,
		},
		Consumer:           in.Consumer,
		Vendor:             in.Vendor,
		DatabaseIdentifier: in.DatabaseIdentifier,
		Engine:             in.Engine,
		MaxConnectErrors:   in.MaxConnectErrors,
		WaitDays:           in.AcceptanceTimeoutSeconds / secondsPerDay,
	}
	for _, d := range in.Databases {
		letter.Databases = append(letter.Databases, handoff.Reached{
			DatabaseIdentifier: d.DatabaseIdentifier, Engine: d.Engine, Port: int(d.ListenerPort), TLSServerName: d.Host,
			MaxConnectErrors: d.MaxConnectErrors,
		})
	}
	return letter
}

// Output is for whoever started the execution: which addresses did not hear of the hand-off, and which of earlier inputs are
// subscribed still, each with the reason.
type Output struct {
	NotNotified     []string `json:"notNotified"`
	StillSubscribed []string `json:"stillSubscribed"`
}

type publisher interface {
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

type exposures interface {
	Get(ctx context.Context, id string) (registry.Exposure, error)
	All(ctx context.Context) ([]registry.Exposure, error)
	Record(ctx context.Context, id, execution string, made func(*registry.Made)) error
}

type shareTheServiceName struct {
	topic         publisher
	subscriptions subscriptionAPI
	topicARN      string
	operatorsARN  string
	registry      exposures
}

// run publishes the hand-off when its text is new, to those who want to hear of it, and keeps it with what the execution's
// output says beside: `rdslink handoff` tells both for good. It publishes first: a
// hand-off that arrives twice is better than one that is recorded and never sent. With it, operators hear of zones that the
// exposure does without.
func (s shareTheServiceName) run(ctx context.Context, in Input) (Output, error) {
	exposure, err := s.registry.Get(ctx, in.Exposure)
	if err != nil {
		return Output{}, err
	}
	heard, err := s.attend(ctx, exposure, in)
	if err != nil {
		return Output{}, err
	}
	out := Output{NotNotified: heard.unheard, StillSubscribed: heard.stays}
	letter := in.letter()
	letter.AllowsNobody = connection.AllowsNobody(exposure)
	text, err := letter.Text()
	if err != nil {
		return Output{}, fmt.Errorf("write hand-off of exposure %s: %w", in.Exposure, err)
	}
	sum := sha256.Sum256([]byte(text))
	hash := hex.EncodeToString(sum[:])
	if exposure.HandoffHash != hash {
		if err := s.publish(ctx, in, letter.Subject(), moved(exposure, in)+text); err != nil {
			return Output{}, err
		}
		if err := s.tellOfZones(ctx, in); err != nil {
			return Output{}, err
		}
	}
	return out, s.registry.Record(ctx, in.Exposure, in.Execution, func(m *registry.Made) {
		m.Handoff, m.HandoffHash = text, hash
		m.Shared = &registry.Shared{
			AvailabilityZoneIDs: in.AvailabilityZoneIDs, ZoneIDsWithoutLoadBalancer: in.ZoneIDsWithoutLoadBalancer,
			ZoneIDsWithoutService: in.ZoneIDsWithoutService, NotNotified: heard.unheard, StillSubscribed: heard.stays,
		}
		m.Notify = slices.Concat(in.Notify, heard.leaving)
	})
}

// moved says that the port is another than the one that the exposure was last complete with; empty, if it is not. It is no
// part of what is kept: that speaks of how things are.
func moved(exposure registry.Exposure, in Input) string {
	if exposure.Binding == nil || exposure.Binding.ListenerPort == 0 || exposure.Binding.ListenerPort == in.ListenerPort {
		return ""
	}
	return messages.Text("port", message.Facts{
		"Former": strconv.Itoa(exposure.Binding.ListenerPort), "Port": strconv.Itoa(in.ListenerPort),
	}) + "\n\n"
}

func (s shareTheServiceName) publish(ctx context.Context, in Input, subject, text string) error {
	slog.InfoContext(ctx, "publish hand-off", "exposure", in.Exposure, "serviceName", in.ServiceName)
	attributes := map[string]types.MessageAttributeValue{
		"exposure": {DataType: aws.String("String"), StringValue: &in.Exposure},
	}
	if len(in.Notify) > 0 { // SNS takes no empty attribute
		addresses, err := json.Marshal(subscription.Spelled(in.Notify...))
		if err != nil {
			return fmt.Errorf("encode addresses of exposure %s: %w", in.Exposure, err)
		}
		attributes[handoff.Notify] = types.MessageAttributeValue{DataType: aws.String("String.Array"), StringValue: aws.String(string(addresses))}
	}
	_, err := s.topic.Publish(ctx, &sns.PublishInput{
		TopicArn: &s.topicARN, Subject: &subject, Message: &text, MessageAttributes: attributes,
	})
	if err != nil {
		return fmt.Errorf("publish hand-off to %s: %w", s.topicARN, err)
	}
	return nil
}

//go:embed messages
var texts embed.FS

var messages = message.Read(texts)

// tellOfZones tells operators of zones that steps 4 and 5 went on without.
func (s shareTheServiceName) tellOfZones(ctx context.Context, in Input) error {
	facts := message.Facts{"Exposure": in.Exposure}
	for text, zones := range map[string][]string{
		"withoutLoadBalancer": in.ZoneIDsWithoutLoadBalancer, "withoutService": in.ZoneIDsWithoutService,
	} {
		facts[text] = ""
		if len(zones) > 0 {
			facts[text] = messages.Text(text, message.Facts{"Zones": strings.Join(zones, ", ")})
		}
	}
	if len(in.ZoneIDsWithoutLoadBalancer)+len(in.ZoneIDsWithoutService) == 0 {
		return nil
	}
	subject, text := messages.Write("zones", facts)
	slog.InfoContext(ctx, "tell operators", "subject", subject)
	if _, err := s.topic.Publish(ctx, &sns.PublishInput{TopicArn: &s.operatorsARN, Subject: &subject, Message: &text}); err != nil {
		return fmt.Errorf("publish %q to %s: %w", subject, s.operatorsARN, err)
	}
	return nil
}
