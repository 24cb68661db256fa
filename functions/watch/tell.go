package main

import (
	"context"
	"embed"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/message"
	"github.com/rdslink/rdslink/internal/metric"
	"github.com/rdslink/rdslink/internal/registry"
)

type topicAPI interface {
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

//go:embed messages
var texts embed.FS

// messages are one for each kind of trouble, and those that several of them share.
var messages = message.Read(texts)

// told is a message.
type told struct{ subject, text string }

// telling is how long somebody may take to tell: as long as a sweep can last. What was not told by then is told by another.
const telling = time.Minute

// tell tells what is to be told, and makes after the Watch of an exposure (no id: of what belongs to none). Who has written
// that he tells does, and nobody else; a message that could not be sent comes with the next sweep. Where nothing can be
// written it is told all the same, once by each process: better twice than never.
func (w *watcher) tell(ctx context.Context, id string, before, after registry.Watch, messages []told) error {
	now := w.now()
	switch {
	case before.Telling.After(now):
		return nil
	case len(messages) == 0 && same(before, after):
		return nil
	case len(messages) == 0:
		_, err := w.registry.WriteWatch(ctx, id, before, after)
		return err
	}
	claimed := before.Clone()
	claimed.Telling = now.Add(telling)
	first, err := w.registry.WriteWatch(ctx, id, before, claimed)
	if err != nil {
		if publishErr := w.publishOnce(ctx, id, messages); publishErr != nil {
			return publishErr
		}
		return err
	}
	if !first {
		return nil
	}
	claimed.Version++
	if err := w.publishOnce(ctx, id, messages); err != nil {
		before.Version = claimed.Version
		released := before.Clone()
		released.Telling = time.Time{}
		if _, releaseErr := w.registry.WriteWatch(ctx, id, claimed, released); releaseErr != nil {
			slog.WarnContext(ctx, "another sweep will tell a minute later", "exposure", id, "error", releaseErr.Error())
		}
		return err
	}
	recorded, err := w.registry.WriteWatch(ctx, id, claimed, after)
	if recorded {
		w.memory.Lock()
		defer w.memory.Unlock()
		delete(w.memory.said, id)
	}
	return err
}

// publishOnce publishes the messages as one, unless this process has, and could not record it.
func (w *watcher) publishOnce(ctx context.Context, id string, messages []told) error {
	var subjects, all []string
	for _, m := range messages {
		subjects, all = append(subjects, m.subject), append(all, m.text)
	}
	said := strings.Join(subjects, "\n")
	w.memory.Lock()
	repeated := w.memory.said[id] == said
	w.memory.Unlock()
	if repeated {
		return nil
	}
	if err := w.publish(ctx, told{subjects[0], strings.Join(all, "\n\n")}); err != nil {
		return err
	}
	w.memory.Lock()
	defer w.memory.Unlock()
	if w.memory.said == nil {
		w.memory.said = map[string]string{}
	}
	w.memory.said[id] = said
	return nil
}

func (w *watcher) publish(ctx context.Context, m told) error {
	topic := w.operators.String()
	slog.InfoContext(ctx, "tell operators", "subject", m.subject)
	if _, err := w.topic.Publish(ctx, &sns.PublishInput{TopicArn: &topic, Subject: &m.subject, Message: &m.text}); err != nil {
		return fmt.Errorf("publish %q to %s: %w", m.subject, topic, err)
	}
	return nil
}

// same compares what is remembered.
func same(a, b registry.Watch) bool {
	return a.Telling.Equal(b.Telling) && maps.EqualFunc(a.Noticed, b.Noticed, time.Time.Equal) &&
		maps.EqualFunc(a.Told, b.Told, func(a, b registry.Tale) bool { return a.At.Equal(b.At) && a.What == b.What })
}

// message says what the operators have to know of a trouble: what it is, since when, and what to do.
func (w *watcher) message(e registry.Exposure, t trouble) told {
	facts := w.facts(e)
	facts["Since"], facts["Detail"], facts["What"] = w.ago(t.since), t.detail, t.what
	facts["Remedy"] = t.remedy
	if t.remedy == "" {
		facts["Remedy"] = messages.Text("remedy", facts)
	}
	if t.detail == "" {
		facts["Detail"] = "nothing more is known"
	}
	subject, text := messages.Write(t.kind, facts)
	return told{subject, text}
}

// wellAgain says what is over, and what is not.
func (w *watcher) wellAgain(e registry.Exposure, before, after registry.Watch, over []string) told {
	facts := w.facts(e)
	facts["Over"], facts["Still"] = w.tales(before.Told, over), ""
	if left := slices.Sorted(maps.Keys(after.Told)); len(left) > 0 {
		facts["Still"] = "\n\nStill so:\n" + w.tales(after.Told, left)
	}
	facts["Good"] = "not known"
	if !e.Life.Good.IsZero() {
		facts["Good"] = w.ago(e.Life.Good)
	}
	subject, text := messages.Write("well", facts)
	return told{subject, text}
}

func (w *watcher) tales(told map[string]registry.Tale, keys []string) string {
	var lines []string
	for _, key := range keys {
		lines = append(lines, fmt.Sprintf("- %s (told %s)", told[key].What, when(told[key].At)))
	}
	return strings.Join(lines, "\n")
}

// facts are what every message about an exposure may say.
func (w *watcher) facts(e registry.Exposure) message.Facts {
	facts := message.Facts{
		"Exposure": e.ID, "Database": e.DatabaseIdentifier, "Consumer": e.Consumer, "Region": w.operators.Region, "stack": w.stack(),
		"Function": w.name.Function("ip-sync"), "Connected": connected(e), "reject": "",
	}
	facts["again"] = messages.Text("again", message.Facts{
		"Region": w.operators.Region, "Machine": w.arn("states", "stateMachine:"+w.name.StateMachine()), "Claim": e.Claim,
	})
	for _, id := range slices.Sorted(maps.Keys(e.Connections)) {
		if (connection.Connection{State: e.Connections[id].State}).Accepted() {
			facts["reject"] += "\n" + messages.Text("reject", message.Facts{
				"Region": w.operators.Region, "ServiceID": e.ServiceID, "VPCEndpointID": id,
			})
		}
	}
	return facts
}

// connected says who is.
func connected(e registry.Exposure) string {
	var who []string
	for _, id := range slices.Sorted(maps.Keys(e.Connections)) {
		if c := e.Connections[id]; (connection.Connection{State: c.State}).Accepted() {
			who = append(who, fmt.Sprintf("account %s (%s) is connected", c.Owner, id))
		}
	}
	if len(who) == 0 {
		return "nobody is connected"
	}
	return strings.Join(who, ", ")
}

func (w *watcher) arn(service, resource string) string {
	of := w.operators
	of.Service, of.Resource = service, resource
	return of.String()
}

// stack is what a command needs to know of which stack, if it needs any.
func (w *watcher) stack() string {
	if w.name == deployment.Unnamed {
		return ""
	}
	return " STACK=" + string(w.name)
}

// ago is a moment, and how long it is past.
func (w *watcher) ago(at time.Time) string {
	return fmt.Sprintf("%s (%v ago)", when(at), w.now().Sub(at).Round(time.Second))
}

func when(at time.Time) string { return at.UTC().Format(time.RFC1123) }

// blindness is a registry that cannot be read, as this process knows it: there is nowhere to record it.
type blindness struct {
	since time.Time
	told  bool
}

// cannotRead tells once that nothing is watched. From then on a sweep has done what it can: the alarm on sweeps that are
// missing would only say it again.
func (w *watcher) cannotRead(ctx context.Context, cause error) error {
	w.memory.Lock()
	defer w.memory.Unlock()
	now, blind := w.now(), &w.memory.blind
	if blind.since.IsZero() {
		blind.since = now
	}
	if !blind.told && now.Sub(blind.since) < w.patience/5*2 {
		return cause
	}
	if !blind.told {
		subject, text := messages.Write("blind", message.Facts{"Stack": w.name.Stack(), "Since": w.ago(blind.since), "Cause": cause.Error()})
		if err := w.publish(ctx, told{subject, text}); err != nil {
			return fmt.Errorf("%w; %w", cause, err)
		}
		blind.told = true
	}
	slog.ErrorContext(ctx, "nothing is watched", "error", cause.Error(), metric.Watched.Value(w.name, 1, now))
	return nil
}

// canRead ends a blindness.
func (w *watcher) canRead(ctx context.Context) {
	w.memory.Lock()
	defer w.memory.Unlock()
	if w.memory.blind.told {
		subject, text := messages.Write("sighted", message.Facts{"Stack": w.name.Stack(), "Since": w.ago(w.memory.blind.since)})
		if err := w.publish(ctx, told{subject, text}); err != nil {
			slog.ErrorContext(ctx, "not told", "error", err.Error())
			return
		}
	}
	w.memory.blind = blindness{}
}
