package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdslink/rdslink/internal/link"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/steptest"
)

// linkInput is a link of three databases, of two families, one of which blocks who only knocks.
func linkInput() Input {
	in := input
	in.Exposure, in.Consumer, in.Vendor, in.DatabaseIdentifier, in.Engine, in.Host, in.ListenerPort = "acme-0a1b2c3d", "acme", "", "", "", "", 0
	in.Databases = []link.Database{
		{Exposure: "orders-acme", DatabaseIdentifier: "orders-prod", Engine: "postgres", Host: "orders.rds.amazonaws.com", Port: 5432, ListenerPort: 6432},
		{Exposure: "ledger-acme", DatabaseIdentifier: "ledger", Engine: "aurora-postgresql", Host: "ledger.rds.amazonaws.com", Port: 5432, ListenerPort: 6433},
		{Exposure: "shop-acme", DatabaseIdentifier: "shop", Engine: "mysql", Host: "shop.rds.amazonaws.com", Port: 3306, ListenerPort: 3306, MaxConnectErrors: 40},
	}
	return in
}

// sharing is the step as it shares a link.
func sharing() (shareTheServiceName, *fakeTopic, *steptest.Fake) {
	topic, kept := &fakeTopic{}, &steptest.Fake{Linked: map[string]registry.Made{"orders-acme": {}, "ledger-acme": {}, "shop-acme": {}}}
	return shareTheServiceName{topic: topic, subscriptions: &fakeSubscriptions{}, topicARN: "arn:topic", registry: kept}, topic, kept
}

// A link is handed over once, for all of its databases, and each is reached as its own entry says.
func TestALinkIsHandedOverInOneLetter(t *testing.T) {
	s, topic, kept := sharing()
	for range 2 {
		if _, err := s.run(t.Context(), linkInput()); err != nil {
			t.Fatal(err)
		}
	}
	if len(topic.sent) != 1 {
		t.Fatalf("sent %d times", len(topic.sent))
	}
	sent := topic.sent[0]
	if subject, to := aws.ToString(sent.Subject), aws.ToString(sent.MessageAttributes["exposure"].StringValue); subject !=
		"PrivateLink service for 3 databases, for acme" || to != "acme-0a1b2c3d" {
		t.Errorf("sent %q to subscribers of exposure %q", subject, to)
	}
	text, at := aws.ToString(sent.Message), 0
	for _, entry := range []string{
		"\norders-prod\n  Port:                  6432 (TCP)\n  Engine:                postgres\n  TLS server name:       orders.rds.amazonaws.com\n",
		"ledger\n  Port:                  6433 (TCP)\n  Engine:                aurora-postgresql\n  TLS server name:       ledger.rds.amazonaws.com\n",
		"shop\n  Port:                  3306 (TCP)\n  Engine:                mysql\n  TLS server name:       shop.rds.amazonaws.com\n",
	} {
		next := strings.Index(text[at:], entry)
		if next < 0 {
			t.Fatalf("%q is missing, or in another place, in:\n%s", entry, text)
		}
		at += next
	}
	if strings.Contains(text, "\nEngine:") || strings.Contains(text, "\nPort:") {
		t.Errorf("one database speaks for all in:\n%s", text)
	}
	if !strings.Contains(text, "After 40 such connections in a row") || !strings.Contains(text, "VERIFY_CA") {
		t.Errorf("what MySQL asks for is missing in:\n%s", text)
	}
	if kept.Recorded.Handoff != text || kept.Recorded.Shared == nil || len(kept.Mutations) != 1 {
		t.Errorf("recorded %d times, %+v", len(kept.Mutations), kept.Recorded)
	}
	for id, made := range kept.Linked {
		if made.Handoff != "" || made.Shared != nil {
			t.Errorf("recorded of %s is %+v", id, made)
		}
	}
}

// Whatever the consumer has to know of any database is sent again when it changes.
func TestWhatChangesOfOneDatabaseOfALinkIsSent(t *testing.T) {
	for name, row := range map[string]struct {
		change func(all []link.Database) []link.Database
		want   string
	}{
		"one more": {func(all []link.Database) []link.Database {
			return append(all, link.Database{DatabaseIdentifier: "stock", Engine: "mariadb", Host: "stock.rds.amazonaws.com", ListenerPort: 3307})
		}, "stock\n  Port:                  3307 (TCP)"},
		"one fewer":    {func(all []link.Database) []link.Database { return all[:2] }, "access to 2 databases"},
		"another port": {func(all []link.Database) []link.Database { all[1].ListenerPort = 7000; return all }, "7000 (TCP)"},
		"another name": {func(all []link.Database) []link.Database { all[2].Host = "new.rds.amazonaws.com"; return all }, "new.rds.amazonaws.com"},
		"a server that forgives less": {
			func(all []link.Database) []link.Database { all[2].MaxConnectErrors = 3; return all }, "After 3 such connections",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, topic, kept := sharing()
			again := linkInput()
			again.Databases = row.change(slices.Clone(again.Databases))
			for _, in := range []Input{linkInput(), again, again} {
				if _, err := s.run(t.Context(), in); err != nil {
					t.Fatal(err)
				}
			}
			if len(topic.sent) != 2 || !strings.Contains(aws.ToString(topic.sent[1].Message), row.want) || kept.Recorded.Handoff != *topic.sent[1].Message {
				t.Errorf("sent %d times, at last\n%s\nand kept\n%s", len(topic.sent), aws.ToString(topic.sent[len(topic.sent)-1].Message), kept.Recorded.Handoff)
			}
		})
	}
}
