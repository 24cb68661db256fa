package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/subscription"
)

// Input is the exposure, what was found of it, and what each step left.
type Input struct {
	Execution        string             `json:"execution"`
	Exposure         string             `json:"exposure"`
	Found            []belongings.Thing `json:"found"`
	LeftRecords      []belongings.Left  `json:"leftRecords"`
	LeftBalancers    []belongings.Left  `json:"leftBalancers"`
	LeftGroups       []belongings.Left  `json:"leftGroups"`
	LeftWithResolver []belongings.Left  `json:"leftWithResolver"`
	Members          []string           `json:"members"` // of a link, the exposures on it
}

// Output is the output of the execution.
type Output struct {
	Exposure string             `json:"exposure"`
	Removed  []belongings.Thing `json:"removed"`
	Left     []belongings.Left  `json:"left"`
}

type registryAPI interface {
	Held(ctx context.Context, id, execution string) error
	Get(ctx context.Context, id string) (registry.Exposure, error)
	All(ctx context.Context) ([]registry.Exposure, error)
	Forget(ctx context.Context, id, execution string) error
}

type forgetTheExposure struct {
	subscriptions subscription.API
	topicARN      string
	registry      registryAPI
}

// run may come a second time when the item is gone already, or goes: an answer can be lost, and stopping an execution stops
// no function.
func (s forgetTheExposure) run(ctx context.Context, in Input) (Output, error) {
	left := slices.Concat(in.LeftRecords, in.LeftBalancers, in.LeftGroups, in.LeftWithResolver)
	out := Output{Exposure: in.Exposure, Removed: []belongings.Thing{}}
	for _, t := range in.Found {
		if !slices.ContainsFunc(left, func(l belongings.Left) bool { return l.Thing == t }) {
			out.Removed = append(out.Removed, t)
		}
	}
	out.Left = append([]belongings.Left{}, left...)
	for _, member := range in.Members {
		if err := s.registry.Forget(ctx, member, in.Execution); err != nil {
			return out, err
		}
		out.Removed = append(out.Removed, belongings.Thing{Kind: belongings.Item, ID: member})
	}
	exposure, err := s.registry.Get(ctx, in.Exposure)
	if errors.Is(err, registry.ErrNotFound) {
		return out, s.registry.Forget(ctx, in.Exposure, in.Execution)
	}
	if err != nil {
		return out, err
	}
	err = s.registry.Held(ctx, in.Exposure, in.Execution)
	if errors.Is(err, registry.ErrNotFound) { // an attempt that somebody stopped has gone on meanwhile
		return out, nil
	}
	if err != nil {
		return out, err
	}
	if err := s.unsubscribe(ctx, exposure, &out); err != nil {
		return out, err
	}
	out.Removed = append(out.Removed, belongings.Thing{Kind: belongings.Item, ID: in.Exposure})
	return out, s.registry.Forget(ctx, in.Exposure, in.Execution)
}

// unsubscribe ends the subscriptions that a set-up made for the exposure alone.
func (s forgetTheExposure) unsubscribe(ctx context.Context, exposure registry.Exposure, out *Output) error {
	if len(exposure.Notify) == 0 {
		return nil
	}
	all, err := s.registry.All(ctx)
	if err != nil {
		return err
	}
	subscribed, err := subscription.ByAddress(ctx, s.subscriptions, s.topicARN)
	if err != nil {
		return err
	}
	for _, address := range exposure.Notify {
		arn, there := subscribed[strings.ToLower(address)]
		if !there {
			continue
		}
		why, err := subscription.End(ctx, s.subscriptions, exposure.ID, address, arn, all)
		if err != nil {
			return err
		}
		thing := belongings.Thing{Kind: belongings.Subscription, ID: address}
		if why == "" {
			out.Removed = append(out.Removed, thing)
		} else {
			out.Left = append(out.Left, belongings.Left{Thing: thing, Why: why})
		}
	}
	return nil
}
