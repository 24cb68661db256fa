package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/outcome"
)

type subscriptionAPI interface {
	ListSubscriptionsByTopic(context.Context, *sns.ListSubscriptionsByTopicInput, ...func(*sns.Options)) (*sns.ListSubscriptionsByTopicOutput, error)
	Subscribe(context.Context, *sns.SubscribeInput, ...func(*sns.Options)) (*sns.SubscribeOutput, error)
}

const (
	email        = "email"
	filterPolicy = "FilterPolicy"

	// notify is the attribute that names the addresses which a hand-off is for. Each address's subscription has a filter for
	// itself, which never changes. A filter that lists exposures would have to grow, and SNS takes 150 values in it
	// (docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html).
	notify = "notify"
)

// spelled are the addresses as filters compare them: letter by letter.
func spelled(addresses []string) []string {
	var all []string
	for _, address := range addresses {
		all = append(all, strings.ToLower(address))
	}
	return all
}

// subscribe lets the addresses hear of what is for them, and says which of them do not hear it now, and why. An address that
// cannot be told is no reason to fail: everybody else has the hand-off, and so has the registry.
func (s shareTheServiceName) subscribe(ctx context.Context, exposure string, addresses []string) ([]string, error) {
	unheard := []string{}
	if len(addresses) == 0 {
		return unheard, nil
	}
	subscribed, err := s.subscribed(ctx)
	if outcome.DoWithout(ctx, err, "who hears of the hand-off already, and so any new subscription") {
		for _, address := range addresses {
			unheard = append(unheard, address+": nobody may see whether it is subscribed: "+outcome.Message(err))
		}
		return unheard, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list subscriptions to %s: %w", s.topicARN, err)
	}
	for _, address := range addresses {
		why, err := s.subscribeOne(ctx, exposure, address, subscribed)
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

// subscribeOne says why the address hears nothing, "" if it does. A topic has one subscription per address: one that is
// there stays as its owner wants it, without a filter or with another.
func (s shareTheServiceName) subscribeOne(ctx context.Context, exposure, address string, subscribed map[string]string) (string, error) {
	subscription, found := subscribed[strings.ToLower(address)]
	switch {
	case !found:
		return s.add(ctx, exposure, address)
	case strings.HasPrefix(subscription, "arn:"):
		return "", nil
	case subscription == "Deleted":
		return "it has unsubscribed, and hears again when it subscribes to the topic by itself", nil
	}
	return unconfirmed, nil
}

const unconfirmed = "it has not confirmed the e-mail from AWS yet, and what was published before it does is not sent later: " +
	"pass the hand-off on"

// subscribed are the ARNs of the topic's e-mail subscriptions, by address; words stand in their place where it is the
// addressee's turn.
func (s shareTheServiceName) subscribed(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	pages := sns.NewListSubscriptionsByTopicPaginator(s.subscriptions, &sns.ListSubscriptionsByTopicInput{TopicArn: &s.topicARN})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, subscription := range page.Subscriptions {
			if aws.ToString(subscription.Protocol) == email {
				found[strings.ToLower(aws.ToString(subscription.Endpoint))] = aws.ToString(subscription.SubscriptionArn)
			}
		}
	}
	return found, nil
}

// add has SNS ask the address, by e-mail, whether it wants the subscription. What SNS refuses for good, such as a filter
// more than the topic may have (200, unless the quota was raised), is told; a throttle is asked again.
func (s shareTheServiceName) add(ctx context.Context, exposure, address string) (string, error) {
	slog.InfoContext(ctx, "subscribe", "exposure", exposure, "address", address)
	filter, err := json.Marshal(map[string][]string{notify: spelled([]string{address})})
	if err != nil {
		return "", fmt.Errorf("encode filter for %s: %w", address, err)
	}
	_, err = s.subscriptions.Subscribe(ctx, &sns.SubscribeInput{
		TopicArn:   &s.topicARN,
		Protocol:   aws.String(email),
		Endpoint:   &address,
		Attributes: map[string]string{filterPolicy: string(filter)},
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
