package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/steptest"
	"github.com/rdslink/rdslink/internal/targets"
)

// Whatever invokes the sync, it syncs what the registry or a schedule names, or reports why not.
func FuzzInput(f *testing.F) {
	handed := steptest.Texts(
		failover, strings.ReplaceAll(failover, orders, member), strings.ReplaceAll(failover, orders, upgrade), `{"source":"aws.rds"}`, `{"source":"aws.rds","detail":{"SourceArn":7}}`,
		`{"source":"aws.rds","detail":null}`, `{"source":"aws.rds","detail":{"SourceArn":"arn:aws:rds"}}`,
		`{"exposure":"a","targetGroupArn":"arn:tg"}`, `{"targetGroupArn":"arn:tg"}`, `{"exposure":"a"}`, `{"exposure":"young"}`, `{"exposure":"a","full":true}`,
		`{"exposure":"z"}`, `{"exposures":["a","d"]}`, `{"exposures":["young"]}`, `{"exposures":[]}`, `{"hello":"world"}`, `{}`, `[]`, `null`, ``,
	)
	steptest.Inputs(f, handed, func(t testing.TB, payload []byte) {
		ran := &runs{report: targets.Report{State: targets.Settled}}
		s, book := ran.function(exposure("d", ledger), exposure("a", orders), exposure("b", orders), registry.Exposure{ID: "young", DatabaseARN: orders})
		var in input
		if json.Unmarshal(payload, &in) != nil {
			return // Lambda's runtime refuses it
		}
		err := s.handle(t.Context(), in)
		if got := outcome.Name(err); err != nil && got != "BadInput" && got != "Failed" {
			t.Errorf("error %v is %s", err, got)
		}
		ofRDS, ofSchedule := in.Source == "aws.rds", in.TargetGroupARN != ""
		junk := ofRDS && (in.Detail.SourceARN == "" || in.Detail.SourceARN == snapshot) || !ofRDS && !ofSchedule && in.Exposure == "" && len(in.Exposures) == 0
		if junk != (outcome.Name(err) == "BadInput") {
			t.Errorf("%s: error %v", payload, err)
		}
		asked := "sync "
		if in.Full {
			asked = "full sync "
		}
		did := ran.did(book)
		for _, name := range did {
			switch {
			case ofRDS && (in.Detail.SourceARN == orders || in.Detail.SourceARN == upgrade) && (name == "mark a" || name == "mark b"):
			case ofRDS && (in.Detail.SourceARN == ledger || in.Detail.SourceARN == member) && name == "mark d":
			case !ofRDS && ofSchedule && name == "tick "+in.Exposure:
			case !ofRDS && !ofSchedule && name == asked+in.Exposure && (in.Exposure == "a" || in.Exposure == "b" || in.Exposure == "d"):
			case !ofRDS && !ofSchedule && in.Exposure == "" && strings.HasPrefix(name, asked) && slices.Contains(in.Exposures, name[len(asked):]):
			default:
				t.Errorf("%s: ran %s", payload, name)
			}
		}
		if len(did) == 0 && err == nil && !ofRDS && in.Exposure != "young" && !slices.Contains(in.Exposures, "young") {
			t.Errorf("nothing comes of %s", payload)
		}
	})
}

func FuzzHandler(f *testing.F) { steptest.Fuzz[input](f, function) }
