package operator

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

func at(second int) time.Time { return time.Unix(int64(second), 0) }

// history makes events one second apart.
func history(types ...sfntypes.HistoryEventType) []sfntypes.HistoryEvent {
	var events []sfntypes.HistoryEvent
	for i, t := range types {
		event := sfntypes.HistoryEvent{Type: t, Timestamp: aws.Time(at(i))}
		if t == sfntypes.HistoryEventTypeTaskStateEntered {
			event.StateEnteredEventDetails = &sfntypes.StateEnteredEventDetails{Name: aws.String("1. Step")}
		}
		events = append(events, event)
	}
	return events
}

const (
	entered   = sfntypes.HistoryEventTypeTaskStateEntered
	scheduled = sfntypes.HistoryEventTypeTaskScheduled
	submitted = sfntypes.HistoryEventTypeTaskSubmitted
	failed    = sfntypes.HistoryEventTypeTaskFailed
	exited    = sfntypes.HistoryEventTypeTaskStateExited
)

func TestProgress(t *testing.T) {
	for name, row := range map[string]struct {
		events []sfntypes.HistoryEvent
		want   Step
		line   string
	}{
		"a step that is done":              {history(entered, scheduled, exited), Step{Ended: at(2)}, "✓ 1. Step                                2.0 s"},
		"a step that was asked again":      {history(entered, scheduled, failed, scheduled, exited), Step{Ended: at(4), Retries: 1}, "(asked again 1 times)"},
		"a step that waits for people":     {history(entered, scheduled, submitted), Step{Waiting: true}, "waiting for people"},
		"a wait that is over":              {history(entered, scheduled, submitted, exited), Step{Ended: at(3)}, "✓"},
		"a step that failed the execution": {history(entered, scheduled, failed, sfntypes.HistoryEventTypeExecutionFailed), Step{Ended: at(3), Retries: 1, Failed: true}, "✗"},
		"a step that was redriven": {history(entered, scheduled, failed, sfntypes.HistoryEventTypeExecutionFailed, sfntypes.HistoryEventTypeExecutionRedriven, entered, scheduled, exited),
			Step{Ended: at(7), Retries: 1}, "✓"},
	} {
		t.Run(name, func(t *testing.T) {
			var p Progress
			for _, event := range row.events {
				p.add(event)
			}
			row.want.Name, row.want.Entered = "1. Step", at(0)
			if len(p.Steps) != 1 || p.Steps[0] != row.want {
				t.Errorf("steps are %+v, want %+v", p.Steps, row.want)
			}
			if line := p.Steps[0].line(at(9)); !strings.Contains(line, row.line) {
				t.Errorf("line is %q, want it to say %q", line, row.line)
			}
		})
	}
}

func TestViewWritesEachLineOnceWhereNothingCanBeRedrawn(t *testing.T) {
	var out strings.Builder
	v := NewView(&out)
	var p Progress
	for _, event := range history(entered, scheduled, submitted, exited) {
		p.add(event)
		v.Show(p)
		v.Show(p)
	}
	if got := strings.Count(out.String(), "\n"); got != 2 {
		t.Errorf("wrote %d lines, want one for the wait and one for its end:\n%s", got, out.String())
	}
}
