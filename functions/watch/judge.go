package main

import (
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/inspect"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/targets"
)

// The kinds of trouble, and of each its key in a registry.Watch. Those of drift have the finding's key behind theirs.
const (
	unserved   = registry.Unserved
	unseen     = registry.Unseen
	unticked   = "unticked"   // looked at, though not by its own schedule
	unfollowed = "unfollowed" // no schedule that works follows the database
	unadmitted = registry.Unadmitted
	drift      = registry.Drift
	orphan     = "orphan"     // a schedule whose exposure is not in the registry
	unreadable = "unreadable" // an item of the registry that is no exposure any more
)

// trouble is what the operators have to hear about.
type trouble struct {
	kind   string
	key    string
	since  time.Time // what is known of when it began
	what   string    // in a few words
	detail string
	remedy string // empty: what the kind's message says
}

// view is what a sweep sees of an exposure.
type view struct {
	exposure registry.Exposure
	schedule *types.ScheduleSummary
	listed   bool            // the schedules could be listed
	report   *inspect.Report // nil where it is not this exposure's turn, or AWS did not tell
	sync     string          // the function that a schedule has to invoke
}

// verdict is what is to be thought of an exposure: the troubles that are ripe to be told, since when others are noticed, and
// whose end nobody can tell now.
type verdict struct {
	troubles []trouble
	noticed  map[string]time.Time
	open     func(key string) bool
}

// judged says whether an exposure is watched: its set-up was finished once, or somebody is connected. One that is made, or
// waits for its first connection, has an execution of its own that speaks; so has one that is being removed.
func (v view) judged() bool {
	return v.exposure.Removing == "" && (v.exposure.ScheduleName != "" || v.connected())
}

func (v view) connected() bool {
	for _, c := range v.exposure.Connections {
		if (connection.Connection{State: c.State}).Accepted() {
			return true
		}
	}
	return false
}

// judge is the whole of the judgement. Every span derives from patience: a tick is expected each fifth, a sign of life each
// four fifths, and what is told is told after one.
func judge(v view, now time.Time, patience time.Duration) verdict {
	j := judgement{view: v, now: now, patience: patience, noticed: map[string]time.Time{}, before: map[string]time.Time{}}
	if v.exposure.Watch != nil {
		j.before = v.exposure.Watch.Noticed
	}
	if v.judged() {
		j.following()
		j.looks()
		j.service()
		j.drift()
	}
	return verdict{j.troubles, j.noticed, j.open}
}

type judgement struct {
	view
	now      time.Time
	patience time.Duration
	before   map[string]time.Time // what was noticed before
	noticed  map[string]time.Time
	troubles []trouble
}

func (j *judgement) tell(t trouble) {
	if t.key == "" {
		t.key = t.kind
	}
	j.troubles = append(j.troubles, t)
}

// notice remembers since when something is so, for what nothing else remembers.
func (j *judgement) notice(key string) time.Time {
	since, known := j.before[key]
	if !known {
		since = j.now
	}
	j.noticed[key] = since
	return since
}

// keep leaves what was noticed as it was, where nothing is known anew.
func (j *judgement) keep(key string) (since time.Time, known bool) {
	if since, known = j.before[key]; known {
		j.noticed[key] = since
	}
	return since, known
}

// following wants a schedule that works: without one a failover cuts off whoever is connected.
func (j *judgement) following() {
	if !j.listed {
		return
	}
	if what := j.unfollowed(); what != "" {
		j.tell(trouble{kind: unfollowed, since: j.now, what: "nothing follows the database", detail: what})
	}
}

func (j *judgement) unfollowed() string {
	switch s := j.schedule; {
	case s == nil && j.exposure.ScheduleName == "":
		return "it has no schedule yet, and no execution works on it"
	case s == nil:
		return "its schedule is gone, and no execution works on it"
	case s.State == types.ScheduleStateDisabled:
		return "its schedule is disabled"
	case s.Target != nil && aws.ToString(s.Target.Arn) != j.sync:
		return "its schedule invokes " + aws.ToString(s.Target.Arn) + " and not " + j.sync
	}
	return ""
}

// looks wants a sign of life within patience, whoever looked, and one of the schedule's own ticks in each look period; one
// of those may be missed. What never left any is counted from when it was noticed first.
func (j *judgement) looks() {
	if j.exposure.ScheduleName == "" {
		return
	}
	life := j.exposure.Life
	looked := life.Looked
	if looked.IsZero() {
		looked = j.notice(unseen)
	}
	if j.now.Sub(looked) >= j.patience {
		j.tell(trouble{kind: unseen, since: looked, what: "not looked at"})
		return
	}
	if j.schedule == nil || j.unfollowed() != "" {
		return
	}
	ticked := latest(life.Ticked, aws.ToTime(j.schedule.CreationDate), aws.ToTime(j.schedule.LastModificationDate))
	wait := lookPeriod(j.patience)
	switch {
	case life.Ticked.IsZero():
		wait *= 2
	case j.now.Sub(ticked) < wait+j.patience/10:
		return
	}
	if since := j.notice(unticked); j.now.Sub(since) >= wait || j.told(unticked) {
		j.tell(trouble{kind: unticked, since: ticked, what: "its schedule does not tick"})
	}
}

// service wants consumers to be served. A look that fails as it fails for the resolver has to last for a while, as a
// failover is over sooner. A way through the load balancer is tried once in a look period: what that says counts from when
// it was last proven.
func (j *judgement) service() {
	life := j.exposure.Life
	if life.State == string(targets.Stopped) {
		return
	}
	hop, cut, since := j.hop()
	bad, from := j.bad()
	if !bad && !cut {
		return
	}
	t := trouble{kind: unserved, since: from, what: "not served", detail: life.Detail}
	if !bad {
		t.since = since
	}
	if hop.Name != "" {
		t.detail, t.remedy = hop.Name+": "+hop.Detail, hop.Remedy
	}
	j.tell(t)
}

// bad tells a life that is bad for long enough, and the last moment at which it is known to have been good.
func (j *judgement) bad() (bad bool, since time.Time) {
	life := j.exposure.Life
	if life.Bad.IsZero() {
		return false, time.Time{}
	}
	since, steady := life.Good, j.now.Sub(life.Bad) >= j.patience/2
	if life.State == string(targets.Cut) {
		since, steady = life.Proven, true
	}
	if since.IsZero() {
		since = life.Bad
	}
	return steady && j.now.Sub(since) >= j.patience, since
}

// hop is the first hop of a consumer's connection that is broken, as far as AWS describes it, and whether that cuts
// consumers off: it has to be so at two looks, and stays so until a third one says otherwise.
func (j *judgement) hop() (hop inspect.Hop, cut bool, since time.Time) {
	if j.report == nil {
		since, noticed := j.keep(unserved)
		return hop, noticed && j.told(unserved), since
	}
	if h, cut := j.report.CutOff(); cut {
		since = j.notice(unserved)
		return h, j.now.Sub(since) >= j.patience/10, since
	}
	if j.report.Err != nil { // the hop that was broken may be the one that could not be read
		since, noticed := j.keep(unserved)
		return hop, noticed && j.told(unserved), since
	}
	return hop, false, since
}

func (j *judgement) told(key string) bool {
	if j.exposure.Watch == nil {
		return false
	}
	_, told := j.exposure.Watch.Told[key]
	return told
}

// drift is told when it is so at two looks.
func (j *judgement) drift() {
	if !j.whole() {
		for key := range j.before {
			if registry.IsDrift(key) {
				j.keep(key)
			}
		}
	}
	if j.report == nil {
		return
	}
	for _, h := range j.report.Hops {
		if h.State != inspect.Broken {
			continue
		}
		switch h.Name {
		case inspect.Principals:
			j.drifts(trouble{
				kind: unadmitted, key: unadmitted, what: "who is not connected yet is not admitted", detail: h.Detail, remedy: h.Remedy,
			})
		case inspect.ResolverWay:
			j.drifts(trouble{kind: drift, key: drift + "/" + h.Name, what: h.Name, detail: h.Detail, remedy: h.Remedy})
		}
	}
	for _, f := range j.report.Drift {
		j.drifts(trouble{kind: drift, key: drift + "/" + f.Key, what: f.Key, detail: f.Detail, remedy: f.Remedy})
	}
}

func (j *judgement) drifts(t trouble) {
	t.since = j.notice(t.key)
	if j.now.Sub(t.since) >= j.patience/10 {
		j.tell(t)
	}
}

// whole says whether what a report does not name is not so.
func (j *judgement) whole() bool { return j.report != nil && j.report.Err == nil }

// open says of what was told whether its end cannot be judged now.
func (j *judgement) open(key string) bool {
	switch {
	case registry.IsDrift(key):
		return !j.whole() && j.judged()
	case key == unfollowed:
		return !j.listed
	case key == unticked:
		return j.judged() && j.now.Sub(j.exposure.Life.Looked) >= j.patience
	case key == unserved:
		// Nobody looks, so nobody knows.
		return j.judged() && j.exposure.Life.State != string(targets.Stopped) &&
			(!j.exposure.Life.Bad.IsZero() || j.now.Sub(j.exposure.Life.Looked) >= j.patience)
	}
	return false
}

// inTrouble says whether an exposure is looked at in detail at once, and its sync nudged.
func (v view) inTrouble(now time.Time, patience time.Duration) bool {
	w := v.exposure.Watch
	return v.judged() && (!v.exposure.Life.Bad.IsZero() || v.overdue(now, patience) ||
		w != nil && (len(w.Told) > 0 || len(w.Noticed) > 0))
}

// overdue says whether the sign of life has not come.
func (v view) overdue(now time.Time, patience time.Duration) bool {
	return v.exposure.ScheduleName != "" && now.Sub(v.exposure.Life.Looked) >= lookPeriod(patience)
}

func lookPeriod(patience time.Duration) time.Duration { return patience / 5 * 4 }

func latest(times ...time.Time) time.Time {
	return slices.MaxFunc(times, time.Time.Compare)
}

// next is what the Watch becomes when the operators have heard of what is fresh and what is over: troubles of which they do
// not know yet, and what was told and is so no more.
func (v verdict) next(before registry.Watch, now time.Time) (after registry.Watch, fresh []trouble, over []string) {
	after = before.Clone()
	after.Telling = time.Time{}
	after.Noticed = v.noticed
	lasting := map[string]bool{}
	for _, t := range v.troubles {
		lasting[t.key] = true
		if _, told := before.Told[t.key]; told {
			continue
		}
		fresh = append(fresh, t)
		if after.Told == nil {
			after.Told = map[string]registry.Tale{}
		}
		after.Told[t.key] = registry.Tale{At: now, What: t.what, Detail: t.detail}
	}
	for _, key := range slices.Sorted(maps.Keys(before.Told)) {
		if !lasting[key] && !v.open(key) {
			over = append(over, key)
			delete(after.Told, key)
		}
	}
	return after, fresh, over
}
