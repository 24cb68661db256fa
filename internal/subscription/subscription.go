// Package subscription finds and ends the e-mail subscriptions of the hand-off topic. A topic has one for each address,
// whichever exposures it is for: its filter names the address, and a hand-off those whom it is for.
package subscription

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/rdslink/rdslink/internal/handoff"
	"github.com/rdslink/rdslink/internal/registry"
)

// Protocol is that of an address's subscription: another is another one.
const Protocol = "email"

// API reads and ends subscriptions.
type API interface {
	sns.ListSubscriptionsByTopicAPIClient
	GetSubscriptionAttributes(context.Context, *sns.GetSubscriptionAttributesInput, ...func(*sns.Options)) (*sns.GetSubscriptionAttributesOutput, error)
	Unsubscribe(context.Context, *sns.UnsubscribeInput, ...func(*sns.Options)) (*sns.UnsubscribeOutput, error)
}

// Spelled are addresses as filters compare them: letter by letter.
func Spelled(addresses ...string) []string {
	all := make([]string, len(addresses))
	for i, address := range addresses {
		all[i] = strings.ToLower(address)
	}
	return all
}

// Same says whether two spellings are one address.
func Same(a, b string) bool { return strings.EqualFold(a, b) }

// Filter is the filter policy of the subscription that a set-up makes for an address.
func Filter(address string) (string, error) {
	policy, err := json.Marshal(map[string][]string{handoff.Notify: Spelled(address)})
	if err != nil {
		return "", fmt.Errorf("encode filter for %s: %w", address, err)
	}
	return string(policy), nil
}

// ByAddress are the ARNs of a topic's e-mail subscriptions by their addresses, in small letters. Words stand in the place of
// an ARN where it is the addressee's turn: PendingConfirmation, Deleted
// (docs.aws.amazon.com/sns/latest/api/API_Subscription.html).
func ByAddress(ctx context.Context, client sns.ListSubscriptionsByTopicAPIClient, topicARN string) (map[string]string, error) {
	found := map[string]string{}
	pages := sns.NewListSubscriptionsByTopicPaginator(client, &sns.ListSubscriptionsByTopicInput{TopicArn: &topicARN})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list subscriptions to %s: %w", topicARN, err)
		}
		for _, s := range page.Subscriptions {
			if aws.ToString(s.Protocol) == Protocol {
				found[strings.ToLower(aws.ToString(s.Endpoint))] = aws.ToString(s.SubscriptionArn)
			}
		}
	}
	return found, nil
}

// End ends the subscription that an exposure needs no more, or says why it stays: another of the exposures needs it, nobody
// has confirmed it yet, or no set-up has made it. Empty: the address hears nothing any more. AWS forgets a subscription that
// nobody confirms after 48 hours, and lets nobody delete it before
// (docs.aws.amazon.com/sns/latest/dg/sns-delete-subscription-topic.html).
func End(ctx context.Context, client API, exposure, address, arn string, all []registry.Exposure) (stays string, err error) {
	user := slices.IndexFunc(all, func(e registry.Exposure) bool {
		return e.ID != exposure && slices.ContainsFunc(e.Notify, func(a string) bool { return Same(a, address) })
	})
	switch {
	case arn == "", arn == "Deleted":
		return "", nil
	case user >= 0:
		return "exposure " + all[user].ID + " has it, too", nil
	case !strings.HasPrefix(arn, "arn:"):
		return "nobody has confirmed it, and AWS forgets it by itself two days after it was made", nil
	}
	out, err := client.GetSubscriptionAttributes(ctx, &sns.GetSubscriptionAttributesInput{SubscriptionArn: &arn})
	if _, gone := errors.AsType[*types.NotFoundException](err); gone {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("get attributes of subscription %s: %w", arn, err)
	}
	if !ours(out.Attributes["FilterPolicy"], address) {
		return "somebody made it by hand, without our filter", nil
	}
	slog.InfoContext(ctx, "unsubscribe", "exposure", exposure, "address", address)
	if _, err := client.Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: &arn}); err != nil {
		return "", fmt.Errorf("unsubscribe %s: %w", arn, err)
	}
	return "", nil
}

// ours tells the filter that a set-up gives a subscription.
func ours(policy, address string) bool {
	var filter map[string][]string
	return json.Unmarshal([]byte(policy), &filter) == nil && len(filter) == 1 && slices.Equal(filter[handoff.Notify], Spelled(address))
}
