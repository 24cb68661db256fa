package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/targets"
)

// Whatever invokes the sync, it syncs what the registry or a schedule names, or reports why not.
func FuzzInput(f *testing.F) {
	for _, in := range []string{
		failover, strings.ReplaceAll(failover, orders, member), strings.ReplaceAll(failover, orders, upgrade), `{"source":"aws.rds"}`, `{"source":"aws.rds","detail":{"SourceArn":7}}`,
		`{"source":"aws.rds","detail":null}`, `{"source":"aws.rds","detail":{"SourceArn":"arn:aws:rds"}}`,
		`{"exposure":"a","targetGroupArn":"arn:tg"}`, `{"targetGroupArn":"arn:tg"}`, `{"exposure":"a"}`, `{"exposure":"young"}`, `{"exposure":"a","full":true}`,
		`{"exposure":"z"}`, `{"hello":"world"}`, `{}`, `[]`, `null`, ``,
	} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		ran := &runs{report: targets.Report{State: targets.Settled}}
		s := ipSync{
			meant:    meant,
			registry: table{exposure("d", ledger), exposure("a", orders), exposure("b", orders), {ID: "young", DatabaseARN: orders}},
			sync:     ran.as("sync"), follow: ran.as("follow"), now: func() time.Time { return noon },
		}
		var in input
		if json.Unmarshal(payload, &in) != nil {
			return // Lambda's runtime refuses it
		}
		err := s.handle(t.Context(), in)
		if got := outcome.Name(err); err != nil && got != "BadInput" && got != "Failed" {
			t.Errorf("error %v is %s", err, got)
		}
		ofRDS, ofSchedule := in.Source == "aws.rds", in.TargetGroupARN != ""
		junk := ofRDS && (in.Detail.SourceARN == "" || in.Detail.SourceARN == snapshot) || !ofRDS && !ofSchedule && in.Exposure == ""
		if junk != (outcome.Name(err) == "BadInput") {
			t.Errorf("%s: error %v", payload, err)
		}
		asked := "sync "
		if in.Full {
			asked = "full sync "
		}
		for _, name := range ran.names {
			switch {
			case ofRDS && (in.Detail.SourceARN == orders || in.Detail.SourceARN == upgrade) && (name == "follow a" || name == "follow b"):
			case ofRDS && (in.Detail.SourceARN == ledger || in.Detail.SourceARN == member) && name == "follow d":
			case !ofRDS && ofSchedule && name == "tick "+in.Exposure:
			case !ofRDS && !ofSchedule && name == asked+in.Exposure && (in.Exposure == "a" || in.Exposure == "b" || in.Exposure == "d"):
			default:
				t.Errorf("%s: ran %s", payload, name)
			}
		}
		if len(ran.names) == 0 && err == nil && !ofRDS && in.Exposure != "young" {
			t.Errorf("nothing comes of %s", payload)
		}
	})
}
