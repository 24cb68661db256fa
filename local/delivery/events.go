package delivery

import (
	"context"

	"github.com/rdslink/rdslink/local/model"
)

// Publish puts an AWS service's event on the default bus of its account. It does not block.
func (d *Delivery) Publish(e model.Event) {
	end := d.begin("event " + e.DetailType)
	d.outbox.add(func() {
		defer end()
		if err := d.outlets.PutEvent(context.Background(), e); err != nil {
			d.refuse(Refusal{e.Account, e.Source, "events:PutEvents", e.DetailType, errorCode(err), err.Error()})
		}
	})
}

// Notify publishes to a topic on behalf of an AWS service, if the topic's policy lets that service do so. It does not block.
func (d *Delivery) Notify(n model.Notification) {
	end := d.begin("notification to " + n.TopicARN)
	d.outbox.add(func() {
		defer end()
		if err := d.notify(context.Background(), n); err != nil {
			d.refuse(Refusal{n.Account, n.Service, "sns:Publish", n.TopicARN, errorCode(err), err.Error()})
		}
	})
}

// notify asks the topic's policy and, for an encrypted topic, that of its key: SNS uses the key in the service's name
// (docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services).
func (d *Delivery) notify(ctx context.Context, n model.Notification) error {
	policy, keyARN, keyPolicy, err := d.outlets.TopicPolicies(ctx, n.TopicARN)
	if err != nil {
		return err
	}
	wanted := request{principal: n.Service, action: "sns:Publish", resource: n.TopicARN, sourceARN: n.SourceARN, sourceAccount: n.Account}
	if err := allow(policy, wanted); err != nil {
		return err
	}
	if keyARN != "" {
		wanted.resource = keyARN
		if n.Service == "events.amazonaws.com" {
			// EventBridge does not tell the key for whom:
			// docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html#eb-sns-encrypted
			wanted.sourceARN, wanted.sourceAccount = "", ""
		}
		for _, wanted.action = range []string{"kms:GenerateDataKey", "kms:Decrypt"} {
			if err := allow(keyPolicy, wanted); err != nil {
				return err
			}
		}
	}
	return d.outlets.Publish(ctx, n.TopicARN, n.Message)
}
