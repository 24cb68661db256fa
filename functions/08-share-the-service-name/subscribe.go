package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/subscription"
)

type subscriptionAPI interface {
	subscription.API
	Subscribe(context.Context, *sns.SubscribeInput, ...func(*sns.Options)) (*sns.SubscribeOutput, error)
}

// subscribe lets the addresses hear of what is for them, and says which of them do not hear it now, and why. An address that
// cannot be told is no reason to fail: everybody else has the hand-off, and so has the registry.
func (s shareTheServiceName) subscribe(
	ctx context.Context, exposure string, addresses []string, there map[string]string,
) ([]string, error) {
	unheard := []string{}
	for _, address := range addresses {
		why, err := s.subscribeOne(ctx, exposure, address, there)
		if err != nil {
			return nil, err
		}
		if why != "" {
			slog.WarnContext(ctx, "address does not hear of the exposure", "exposure", exposure, "address", address, "reason", why)
			unheard = append(unheard, address+": "+why)
		}
	}
	return unheard, nil
}

// audience is who hears of the hand-off, and who does not or still could.
type audience struct {
	unheard []string // addresses of the input that do not hear of it now, and why
	leaving []string // addresses of earlier inputs whose subscription stays,
	stays   []string // and why
}

// attend subscribes those whom the input names, and ends the subscriptions of those whom only an earlier input named. Whom
// the exposure tells is recorded first: whoever takes it away ends their subscriptions, and whoever takes another away does
// not.
func (s shareTheServiceName) attend(ctx context.Context, exposure registry.Exposure, in Input) (audience, error) {
	out, addresses := audience{unheard: []string{}, stays: []string{}}, in.Notify
	former := without(exposure.Notify, addresses)
	if len(addresses)+len(former) == 0 {
		return out, nil
	}
	if len(without(addresses, exposure.Notify)) > 0 {
		err := s.registry.Record(ctx, in.Exposure, in.Execution, func(m *registry.Made) { m.Notify = slices.Concat(addresses, former) })
		if err != nil {
			return out, err
		}
	}
	there, err := subscription.ByAddress(ctx, s.subscriptions, s.topicARN)
	if outcome.DoWithout(ctx, err, "who hears of the hand-off already, and so any new subscription or its end") {
		const unknown = ": nobody may see whether it is subscribed: "
		for _, address := range addresses {
			out.unheard = append(out.unheard, address+unknown+outcome.Message(err))
		}
		for _, address := range former {
			out.leaving, out.stays = append(out.leaving, address), append(out.stays, address+unknown+outcome.Message(err))
		}
		return out, nil
	}
	if err != nil {
		return out, err
	}
	if out.unheard, err = s.subscribe(ctx, exposure.ID, addresses, there); err != nil || len(former) == 0 {
		return out, err
	}
	all, err := s.registry.All(ctx)
	if err != nil {
		return out, err
	}
	for _, address := range former {
		why, err := subscription.End(ctx, s.subscriptions, exposure.ID, address, there[strings.ToLower(address)], all)
		if outcome.DoWithout(ctx, err, "the end of subscriptions of addresses that `notify` names no more") {
			why = outcome.Message(err)
		} else if err != nil {
			return out, err
		}
		if why != "" {
			out.leaving, out.stays = append(out.leaving, address), append(out.stays, address+": "+why)
		}
	}
	return out, nil
}

// without are the addresses that are not among others.
func without(addresses, others []string) []string {
	return slices.DeleteFunc(slices.Clone(addresses), func(address string) bool {
		return slices.ContainsFunc(others, func(other string) bool { return subscription.Same(address, other) })
	})
}

// subscribeOne says why the address hears nothing, "" if it does. A topic has one subscription per address: one that is
// there stays as its owner wants it, without a filter or with another.
func (s shareTheServiceName) subscribeOne(ctx context.Context, exposure, address string, there map[string]string) (string, error) {
	arn, found := there[strings.ToLower(address)]
	switch {
	case !found:
		return s.add(ctx, exposure, address)
	case strings.HasPrefix(arn, "arn:"):
		return "", nil
	case arn == "Deleted":
		return "it has unsubscribed, and hears again when it subscribes to the topic by itself", nil
	}
	return unconfirmed, nil
}

const unconfirmed = "it has not confirmed the e-mail from AWS yet, and what was published before it does is not sent later: " +
	"pass the hand-off on"

// add has SNS ask the address, by e-mail, whether it wants the subscription. What SNS refuses for good, such as a filter
// more than the topic may have (200, unless the quota was raised), is told; a throttle is asked again.
func (s shareTheServiceName) add(ctx context.Context, exposure, address string) (string, error) {
	slog.InfoContext(ctx, "subscribe", "exposure", exposure, "address", address)
	filter, err := subscription.Filter(address)
	if err != nil {
		return "", err
	}
	_, err = s.subscriptions.Subscribe(ctx, &sns.SubscribeInput{
		TopicArn:   &s.topicARN,
		Protocol:   aws.String(subscription.Protocol),
		Endpoint:   &address,
		Attributes: map[string]string{"FilterPolicy": filter},
	})
	switch {
	case err == nil:
		return unconfirmed, nil // until the addressee follows the link, whatever ARN the answer names
	case outcome.Name(err) == outcome.NameThrottled:
		return "", fmt.Errorf("subscribe %s to %s: %w", address, s.topicARN, err)
	}
	slog.ErrorContext(ctx, "subscription was refused", "exposure", exposure, "address", address, "error", err)
	return "SNS refuses its subscription: raise the quota that it names, or delete a subscription to " + s.topicARN +
		" that nobody needs, and start again; or pass the hand-off on: " + outcome.Message(err), nil
}
