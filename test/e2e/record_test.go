package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/rdslink/rdslink/test/stage"
)

// record is everything that a topic or a bus has said, in order.
type record struct {
	mu    sync.Mutex
	texts []string
}

func (r *record) add(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.texts = append(r.texts, text)
}

func (r *record) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.texts)
}

// find finds the first text that holds every one of the words.
func (r *record) find(words ...string) (string, bool) {
	for _, text := range r.all() {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) {
			return text, true
		}
	}
	return "", false
}

// listen begins to record.
func listen(ctx context.Context) error {
	if err := subscribe(ctx, cloud, "e2e-mail", "HandOffTopicArn", mail); err != nil {
		return err
	}
	if err := subscribe(ctx, cloud, "e2e-news", "OperatorsTopicArn", news); err != nil {
		return err
	}
	return overhear(ctx, "e2e-bus")
}

// subscribe begins to record what the topic of a stack's output publishes.
func subscribe(ctx context.Context, stack *stage.Cloud, queue, output string, into *record) error {
	box, err := stack.NewMailbox(ctx, queue, output)
	if err != nil {
		return err
	}
	go func() {
		for {
			text, err := box.Next(ctx)
			if err != nil {
				return // the cloud is gone, or the story over
			}
			into.add(text)
		}
	}()
	return nil
}

// overhear has a queue get every event of rdslink's bus, and records them.
func overhear(ctx context.Context, name string) error {
	queues := sqs.NewFromConfig(cloud.Config(stage.Customer))
	queue, err := queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name})
	if err != nil {
		return fmt.Errorf("create queue %s: %w", name, err)
	}
	buses := eventbridge.NewFromConfig(cloud.Config(stage.Customer))
	rule := &eventbridge.PutRuleInput{Name: &name, EventBusName: aws.String("rdslink"), EventPattern: aws.String(`{"account": ["` + stage.Customer + `"]}`)}
	if _, err := buses.PutRule(ctx, rule); err != nil {
		return fmt.Errorf("put rule %s: %w", name, err)
	}
	target := types.Target{Id: &name, Arn: aws.String(fmt.Sprintf("arn:aws:sqs:%s:%s:%s", stage.Region, stage.Customer, name))}
	if _, err := buses.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: &name, EventBusName: rule.EventBusName, Targets: []types.Target{target}}); err != nil {
		return fmt.Errorf("put target of rule %s: %w", name, err)
	}
	go func() {
		for {
			out, err := queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl, WaitTimeSeconds: 1, MaxNumberOfMessages: 10})
			if err != nil {
				return // the cloud is gone
			}
			for _, message := range out.Messages {
				heard.add(aws.ToString(message.Body))
				_, _ = queues.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: queue.QueueUrl, ReceiptHandle: message.ReceiptHandle})
			}
		}
	}()
	return nil
}
