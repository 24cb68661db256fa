package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

type subscriptionAPI interface {
	ListSubscriptionsByTopic(context.Context, *sns.ListSubscriptionsByTopicInput, ...func(*sns.Options)) (*sns.ListSubscriptionsByTopicOutput, error)
	Subscribe(context.Context, *sns.SubscribeInput, ...func(*sns.Options)) (*sns.SubscribeOutput, error)
	GetSubscriptionAttributes(context.Context, *sns.GetSubscriptionAttributesInput, ...func(*sns.Options)) (*sns.GetSubscriptionAttributesOutput, error)
	SetSubscriptionAttributes(context.Context, *sns.SetSubscriptionAttributesInput, ...func(*sns.Options)) (*sns.SetSubscriptionAttributesOutput, error)
}

const (
	email        = "email"
	filterPolicy = "FilterPolicy"
)

// filter is the filter policy of a subscription that hears of some exposures only. Its key is the attribute that the
// hand-off is published with.
type filter struct {
	Exposure []string `json:"exposure"`
}

// subscribe lets the addresses hear of the exposure. A topic has one subscription per address, and refuses another with
// different attributes, so one that is there hears of this exposure too.
func (s shareTheServiceName) subscribe(ctx context.Context, exposure string, addresses []string) error {
	if len(addresses) == 0 {
		return nil
	}
	subscribed, err := s.subscribed(ctx)
	if err != nil {
		return fmt.Errorf("list subscriptions to %s: %w", s.topicARN, err)
	}
	for _, address := range addresses {
		subscription, found := subscribed[strings.ToLower(address)]
		if !found {
			err = s.add(ctx, exposure, address)
		} else {
			err = s.widen(ctx, exposure, subscription)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// subscribed are the ARNs of the topic's e-mail subscriptions, by address.
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

// add has SNS ask the address, by e-mail, whether it wants the subscription. Until it confirms, it receives nothing.
func (s shareTheServiceName) add(ctx context.Context, exposure, address string) error {
	slog.InfoContext(ctx, "subscribe", "exposure", exposure, "address", address)
	_, err := s.subscriptions.Subscribe(ctx, &sns.SubscribeInput{
		TopicArn:   &s.topicARN,
		Protocol:   aws.String(email),
		Endpoint:   &address,
		Attributes: map[string]string{filterPolicy: filter{[]string{exposure}}.String()},
	})
	if err != nil {
		return fmt.Errorf("subscribe %s to %s: %w", address, s.topicARN, err)
	}
	return nil
}

// widen adds the exposure to those that the subscription hears of.
func (s shareTheServiceName) widen(ctx context.Context, exposure, subscription string) error {
	if !strings.HasPrefix(subscription, "arn:") {
		// "PendingConfirmation" and "Deleted" stand in place of an ARN: it is the addressee's turn, and nothing can be changed.
		slog.WarnContext(ctx, "subscription is not confirmed", "exposure", exposure, "subscriptionArn", subscription)
		return nil
	}
	out, err := s.subscriptions.GetSubscriptionAttributes(ctx, &sns.GetSubscriptionAttributesInput{SubscriptionArn: &subscription})
	if err != nil {
		return fmt.Errorf("get attributes of subscription %s: %w", subscription, err)
	}
	hears, ours := parse(out.Attributes[filterPolicy])
	if !ours || slices.Contains(hears.Exposure, exposure) {
		return nil
	}
	hears.Exposure = append(hears.Exposure, exposure)
	slog.InfoContext(ctx, "widen subscription", "subscriptionArn", subscription, "filterPolicy", hears.String())
	_, err = s.subscriptions.SetSubscriptionAttributes(ctx, &sns.SetSubscriptionAttributesInput{
		SubscriptionArn: &subscription,
		AttributeName:   aws.String(filterPolicy),
		AttributeValue:  aws.String(hears.String()),
	})
	if err != nil {
		return fmt.Errorf("set filter policy of subscription %s: %w", subscription, err)
	}
	return nil
}

// parse reads a filter policy that is ours. No policy, or another, is somebody's own choice of what to hear.
func parse(policy string) (filter, bool) {
	var f filter
	decoder := json.NewDecoder(strings.NewReader(policy))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&f)
	return f, err == nil && len(f.Exposure) > 0
}

func (f filter) String() string {
	text, err := json.Marshal(f)
	if err != nil {
		panic(err) // strings always marshal
	}
	return string(text)
}
