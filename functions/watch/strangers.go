package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/rdslink/rdslink/internal/message"
	"github.com/rdslink/rdslink/internal/registry"
)

// others are what a sweep sees beside the exposures that it can read.
type others struct {
	watch     registry.Watch // the table's own
	exposures []registry.Exposure
	schedules map[string]*types.ScheduleSummary
	listed    bool
	letters   letters
}

// strangers tells of what belongs to no exposure that can be read.
func (w *watcher) strangers(ctx context.Context, o others) error {
	v := w.judgeOthers(o)
	after, fresh, over := v.next(o.watch, w.now())
	var all []told
	var lost []trouble
	for _, t := range fresh {
		if t.kind == letter {
			lost = append(lost, t)
			continue
		}
		all = append(all, w.strange(t))
	}
	if len(lost) > 0 {
		all = append(all, w.lost(lost))
	}
	for _, key := range over {
		kind, id, _ := strings.Cut(key, "/")
		if kind == letter { // replayed or expired: nothing to say
			continue
		}
		all = append(all, w.wellAgain(registry.Exposure{ID: id}, o.watch, registry.Watch{}, []string{key}))
	}
	return w.tell(ctx, "", o.watch, after, all)
}

// judgeOthers takes what it finds for so when two sweeps find it: an item is read before its schedule is listed.
func (w *watcher) judgeOthers(o others) verdict {
	j := judgement{now: w.now(), patience: w.patience, before: o.watch.Noticed, noticed: map[string]time.Time{}}
	known := map[string]bool{}
	for _, e := range o.exposures {
		known[e.ID] = true
		if e.Unreadable != nil {
			j.drifts(trouble{
				kind: unreadable, key: unreadable + "/" + e.ID, what: "its item in the registry cannot be read", detail: e.Unreadable.Error(),
			})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(o.schedules)) {
		if s := o.schedules[id]; !known[id] && s.Target != nil && aws.ToString(s.Target.Arn) == w.sync {
			j.drifts(trouble{kind: orphan, key: orphan + "/" + id, what: "its schedule goes on without an item in the registry"})
		}
	}
	if !o.listed {
		for key := range j.before {
			if strings.HasPrefix(key, orphan+"/") {
				j.keep(key)
			}
		}
	}
	return verdict{slices.Concat(j.troubles, o.letters.troubles), j.noticed, func(key string) bool {
		kind, _, _ := strings.Cut(key, "/")
		return kind == orphan && !o.listed || kind == letter && o.letters.open(key)
	}}
}

func (w *watcher) strange(t trouble) told {
	_, id, _ := strings.Cut(t.key, "/")
	subject, text := messages.Write(t.kind, message.Facts{
		"ID": id, "Since": w.ago(t.since), "Detail": t.detail, "Remedy": t.remedy, "Region": w.operators.Region, "Group": w.name.ScheduleGroup(),
		"stack": w.stack(),
	})
	return told{subject, text}
}
