package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// call is a line of the local cloud's log.
type call struct {
	N         int
	Session   string // a function's name, or the name of an execution that invokes one
	Action    string
	Resources []string
	Millis    float64
}

func (c call) took() time.Duration { return time.Duration(c.Millis * float64(time.Millisecond)) }

type calls []call

func parseCalls(lines []byte) (calls, error) {
	var all calls
	for line := range bytes.Lines(lines) {
		var c call
		if err := json.Unmarshal(line, &c); err != nil {
			return nil, fmt.Errorf("decode call %s: %w", line, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// callsDuring are the calls that end while work does its own.
func (b *bench) callsDuring(ctx context.Context, work func() error) (calls, error) {
	before, err := b.cloud.Calls(ctx, 0)
	if err != nil {
		return nil, err
	}
	if err := work(); err != nil {
		return nil, err
	}
	after, err := b.cloud.Calls(ctx, bytes.Count(before, []byte("\n")))
	if err != nil {
		return nil, err
	}
	return parseCalls(after)
}

// by are the calls of a session.
func (all calls) by(session string) calls {
	return slices.DeleteFunc(slices.Clone(all), func(c call) bool { return c.Session != session })
}

// actions names the operations and how often each was called, for so many times the same.
func (all calls) actions(times int) string {
	counts := map[string]int{}
	for _, c := range all {
		counts[c.Action]++
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if n := per(counts[name], times); n != "1" {
			name += " " + n
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// invocations are how long a session waited for a function, each time. The ARN of a function ends with its name.
func (all calls) invocations(session, function string) durations {
	var took durations
	for _, c := range all.by(session) {
		if c.Action == "Invoke" && slices.ContainsFunc(c.Resources, func(r string) bool { return r[strings.LastIndex(r, ":")+1:] == function }) {
			took = append(took, c.took())
		}
	}
	return took
}

// per is n for each of so many times: mostly a whole number.
func per(n, times int) string {
	if n%times == 0 {
		return fmt.Sprint(n / times)
	}
	return fmt.Sprintf("%.1f", float64(n)/float64(times))
}
