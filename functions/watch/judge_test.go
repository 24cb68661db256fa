package main

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/inspect"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolve"
	"github.com/rdslink/rdslink/internal/targets"
)

const syncARN = "arn:aws:lambda:eu-central-1:111122223333:function:rdslink-ip-sync"

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// finished is an exposure that is well and connected at noon, with a schedule.
func finished() view {
	return view{
		exposure: registry.Exposure{
			ID: "orders", DatabaseARN: "arn", DatabaseIdentifier: "orders-prod", Consumer: "acme", Claim: "execution",
			Made:        registry.Made{ScheduleName: "orders", Binding: &registry.Binding{Exposure: "orders"}},
			Connections: map[string]registry.Connection{"vpce-1": {Owner: "555566667777", State: connection.Available}},
			Life: registry.Life{
				Looked: noon, Ticked: noon, Good: noon, Proven: noon, State: "settled",
				Path: []registry.Passage{{Node: "10.0.0.4", Result: resolve.Served}},
			},
		},
		schedule: ticking("orders"), listed: true, sync: syncARN,
	}
}

func ticking(name string) *types.ScheduleSummary {
	return &types.ScheduleSummary{
		Name: &name, State: types.ScheduleStateEnabled, Target: &types.TargetSummary{Arn: aws.String(syncARN)},
		CreationDate: aws.Time(noon.Add(-time.Hour)), LastModificationDate: aws.Time(noon.Add(-time.Hour)),
	}
}

func broke(hop string) *inspect.Report {
	return &inspect.Report{Exposure: "orders", Hops: []inspect.Hop{{Name: hop, State: inspect.Broken, Detail: "d", Remedy: "r"}}}
}

// at is so long after noon, by what it is about.
type at map[string]time.Duration

// Of each row the view is that of a sweep so long after noon. Noticed is what an earlier sweep noticed, Told what was told.
func TestJudge(t *testing.T) {
	const minute = time.Minute
	passes := &inspect.Report{Exposure: "orders", Hops: []inspect.Hop{{Name: inspect.Listener, State: inspect.Passes}}}
	unread := &inspect.Report{Exposure: "orders", Err: errors.New("throttled")}
	for name, row := range map[string]struct {
		after   time.Duration
		change  func(*view)
		noticed at
		told    []string
		fresh   []string
		over    []string
	}{
		"well":                     {after: 4 * minute},
		"a sign of life is late":   {after: 4*minute + 59*time.Second},
		"not looked at":            {after: 5 * minute, fresh: []string{unseen}},
		"not looked at, told once": {after: 9 * minute, told: []string{unseen}},
		"looked at again": {after: 9 * minute, told: []string{unseen}, change: func(v *view) { v.exposure.Life.Looked, v.exposure.Life.Ticked = noon.Add(8*minute), noon.Add(8*minute) },
			over: []string{unseen}},
		"an exposure of an earlier version has left no sign": {change: lifeless},
		"nor five minutes after it was noticed":              {after: 5 * minute, change: lifeless, noticed: at{unseen: 0}, fresh: []string{unseen}},
		"it does not tick":                                   {after: 9 * minute, change: looked(7 * minute), noticed: at{unticked: 5 * minute}, fresh: []string{unticked}},
		"nor right after it was looked at again":             {after: 90 * minute, change: looked(89 * minute), told: []string{unseen}, over: []string{unseen}},
		"one sign of a tick is missing":                      {after: 8 * minute, noticed: at{unticked: 5 * minute}, change: looked(7 * minute)},
		"it did not tick, and now nobody looks":              {after: 90 * minute, told: []string{unticked}, fresh: []string{unseen}},
		"a new one has not ticked yet":                       {after: 4 * minute, change: neverTicked(4 * minute), noticed: at{unticked: 0}},
		"a new one never ticks":                              {after: 8 * minute, change: neverTicked(7 * minute), noticed: at{unticked: 0}, fresh: []string{unticked}},
		"its schedule was made anew, after weeks":            {after: 3 * minute, change: func(v *view) { v.exposure.Life.Ticked, v.schedule.CreationDate = noon.Add(-500*time.Hour), &noon }},
		"a failover":                            {after: 5 * minute, change: bad(0, 3*minute)},
		"not served for less than five minutes": {after: 5*minute - 1, change: bad(0, minute)},
		"not served":                            {after: 5 * minute, change: bad(0, minute), fresh: []string{unserved}},
		"not served, told once":                 {after: 50 * minute, change: bad(0, minute), told: []string{unserved}},
		"not served, and the last good look was forgotten": {after: 5 * minute, change: bad(-noon.Sub(time.Time{}), 0), fresh: []string{unserved}},
		"the way through a node fails":                     {after: 5 * minute, change: blocked(4 * minute), fresh: []string{unserved}},
		"the way through a node has failed for a moment":   {after: 4*minute + 59*time.Second, change: blocked(4 * minute)},
		"served again":                                           {after: 4 * minute, told: []string{unserved}, over: []string{unserved}},
		"not served, and then not looked at":                     {after: 10 * minute, told: []string{unserved}, change: func(v *view) { bad(0, minute)(v); looked(5 * minute)(v) }, fresh: []string{unseen}},
		"the database is stopped":                                {after: 4 * minute, change: func(v *view) { v.exposure.Life.State, v.report = "stopped", broke(inspect.Targets) }},
		"it was stopped while it was not served":                 {after: 4 * minute, told: []string{unserved}, change: func(v *view) { v.exposure.Life.State = "stopped" }, over: []string{unserved}},
		"a hop is broken, at a first look":                       {change: sees(broke(inspect.Enforcement))},
		"a hop is broken, at a second look":                      {after: minute, change: sees(broke(inspect.Enforcement)), noticed: at{unserved: 0}, fresh: []string{unserved}},
		"a hop was broken at the last look, and now none was":    {after: minute, noticed: at{unserved: 0}},
		"a hop passes again":                                     {after: 2 * minute, change: sees(passes), noticed: at{unserved: 0}, told: []string{unserved}, over: []string{unserved}},
		"a broken hop that nobody looks at stays told":           {after: 2 * minute, noticed: at{unserved: 0}, told: []string{unserved}},
		"who is not connected is not admitted":                   {after: minute, change: sees(broke(inspect.Principals)), noticed: at{unadmitted: 0}, fresh: []string{unadmitted}},
		"what became of a connection the observer tells":         {after: minute, change: sees(broke(inspect.Connections))},
		"drift, at a first look":                                 {change: drifted},
		"drift, at a second look":                                {after: minute, change: drifted, noticed: at{"drift/tags": 0}, fresh: []string{"drift/tags"}},
		"drift, told once":                                       {after: minute, change: drifted, noticed: at{"drift/tags": 0}, told: []string{"drift/tags"}},
		"drift that nobody looks at stays told":                  {after: minute, noticed: at{"drift/tags": 0}, told: []string{"drift/tags"}},
		"drift is put right":                                     {after: minute, change: sees(passes), noticed: at{"drift/tags": 0}, told: []string{"drift/tags"}, over: []string{"drift/tags"}},
		"drift is not over when not all could be read":           {after: minute, change: sees(unread), noticed: at{"drift/tags": 0}, told: []string{"drift/tags"}},
		"nor is a broken hop":                                    {after: minute, change: sees(unread), noticed: at{unserved: 0}, told: []string{unserved}},
		"nor is one told that was noticed and could not be read": {after: minute, change: sees(unread), noticed: at{unserved: 0, "drift/tags": 0}},
		"it is being taken away, schedule and all":               {after: 90 * minute, change: func(v *view) { v.exposure.Removing, v.schedule, v.report = "removal", nil, broke(inspect.Listener) }},
		"its schedule is gone":                                   {change: func(v *view) { v.schedule = nil }, fresh: []string{unfollowed}},
		"its schedule is disabled":                               {change: func(v *view) { v.schedule.State = types.ScheduleStateDisabled }, fresh: []string{unfollowed}},
		"its schedule invokes another function":                  {change: func(v *view) { v.schedule.Target.Arn = aws.String("other") }, fresh: []string{unfollowed}},
		"its schedule is back":                                   {told: []string{unfollowed}, over: []string{unfollowed}},
		"schedules cannot be listed":                             {change: func(v *view) { v.schedule, v.listed = nil, false }},
		"schedules cannot be listed, and it was gone":            {change: func(v *view) { v.schedule, v.listed = nil, false }, told: []string{unfollowed}},
		"somebody is connected before the set-up is over":        {change: func(v *view) { v.schedule, v.exposure.ScheduleName, v.exposure.Life = nil, "", registry.Life{} }, fresh: []string{unfollowed}},
		"somebody is accepted before the set-up is over":         {change: unfinished(connection.Pending), fresh: []string{unfollowed}},
		"a set-up that waits for a connection is no case":        {after: time.Hour, change: unfinished(connection.PendingAcceptance)},
		"nor is one whose consumer was rejected":                 {after: time.Hour, change: unfinished(connection.Rejected)},
		"a second trouble is told while the first lasts":         {after: 5 * minute, change: func(v *view) { bad(0, minute)(v); v.schedule = nil }, told: []string{unserved}, fresh: []string{unfollowed}},
		"what ends is told while another lasts":                  {after: 4 * minute, change: func(v *view) { v.schedule = nil }, told: []string{unserved, unfollowed}, over: []string{unserved}},
		"who has gone while nothing followed is nobody's matter": {change: unfinished(connection.Deleted), told: []string{unfollowed}, over: []string{unfollowed}},
	} {
		t.Run(name, func(t *testing.T) {
			v := finished()
			if row.change != nil {
				row.change(&v)
			}
			before := registry.Watch{Noticed: map[string]time.Time{}, Told: map[string]registry.Tale{}}
			for key, at := range row.noticed {
				before.Noticed[key] = noon.Add(at)
			}
			for _, key := range row.told {
				before.Told[key] = registry.Tale{At: noon, What: key}
			}
			v.exposure.Watch = &before
			now := noon.Add(row.after)
			after, fresh, over := judge(v, now, 5*time.Minute).next(before, now)
			var keys []string
			for _, f := range fresh {
				keys = append(keys, f.key)
				if _, told := after.Told[f.key]; !told {
					t.Errorf("%s is told, and not remembered", f.key)
				}
			}
			if !slices.Equal(keys, row.fresh) || !slices.Equal(over, row.over) {
				t.Errorf("fresh are %q and over %q, want %q and %q", keys, over, row.fresh, row.over)
			}
			for _, key := range over {
				if _, told := after.Told[key]; told {
					t.Errorf("%s is over, and remembered", key)
				}
			}
		})
	}
}

// bad makes a life bad, so long after noon, since a good look so long after it.
func bad(good, since time.Duration) func(*view) {
	return func(v *view) {
		l := &v.exposure.Life
		l.State, l.Looked, l.Bad, l.Detail = "settling", noon.Add(50*time.Minute), noon.Add(since), "unhealthy"
		l.Ticked = l.Looked
		if l.Good = noon.Add(good); good < 0 {
			l.Good = time.Time{}
		}
	}
}

func looked(last time.Duration) func(*view) {
	return func(v *view) { v.exposure.Life.Looked = noon.Add(last) }
}

func neverTicked(last time.Duration) func(*view) {
	return func(v *view) { v.exposure.Life.Ticked, v.exposure.Life.Looked = time.Time{}, noon.Add(last) }
}

func lifeless(v *view) { v.exposure.Life = registry.Life{} }

func sees(r *inspect.Report) func(*view) { return func(v *view) { v.report = r } }

func blocked(since time.Duration) func(*view) {
	return func(v *view) {
		bad(since-time.Minute, since)(v)
		v.exposure.Life.State = string(targets.Cut)
		v.exposure.Life.Path = []registry.Passage{{Node: "10.0.0.4", Result: resolve.Served}, {Node: "10.0.1.4", Result: resolve.Blocked}}
	}
}

func drifted(v *view) {
	v.report = &inspect.Report{Exposure: "orders", Drift: []inspect.Finding{{Key: "tags", Detail: "d", Remedy: "r"}}}
}

func unfinished(state string) func(*view) {
	return func(v *view) {
		v.schedule, v.exposure.ScheduleName, v.exposure.Life = nil, "", registry.Life{}
		v.exposure.Connections = map[string]registry.Connection{"vpce-1": {Owner: "555566667777", State: state}}
	}
}
