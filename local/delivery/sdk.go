package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/rdslink/rdslink/local/model"
)

// sdk reaches functions, queues, topics and buses with AWS's own clients.
type sdk struct {
	config  func(account, roleARN, session string) aws.Config
	records func(account string) aws.Config // past the door, which lets nobody speak for an AWS service
}

func (s *sdk) lambda(functionARN string) *lambda.Client {
	return lambda.NewFromConfig(s.config(model.AccountOf(functionARN), "", ""))
}

func (s *sdk) Policy(ctx context.Context, functionARN string) (string, error) {
	out, err := s.lambda(functionARN).GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: &functionARN})
	if _, ok := errors.AsType[*lambdatypes.ResourceNotFoundException](err); ok {
		return "", nil // without a policy as without the function
	}
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Policy), nil
}

func (s *sdk) Settings(ctx context.Context, functionARN string) (settings, error) {
	function, err := s.lambda(functionARN).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &functionARN})
	if err != nil {
		return settings{}, err
	}
	found := settings{role: aws.ToString(function.Role), retries: defaultRetries, maxAge: defaultMaxAge}
	if function.DeadLetterConfig != nil {
		found.deadLetterARN = aws.ToString(function.DeadLetterConfig.TargetArn)
	}
	config, err := s.lambda(functionARN).GetFunctionEventInvokeConfig(ctx,
		&lambda.GetFunctionEventInvokeConfigInput{FunctionName: &functionARN})
	if _, ok := errors.AsType[*lambdatypes.ResourceNotFoundException](err); ok {
		return found, nil
	}
	if err != nil {
		return settings{}, err
	}
	if config.MaximumRetryAttempts != nil {
		found.retries = int(*config.MaximumRetryAttempts)
	}
	if config.MaximumEventAgeInSeconds != nil {
		found.maxAge = time.Duration(*config.MaximumEventAgeInSeconds) * time.Second
	}
	if config.DestinationConfig != nil && config.DestinationConfig.OnFailure != nil {
		found.onFailureARN = aws.ToString(config.DestinationConfig.OnFailure.Destination)
	}
	return found, nil
}

func (s *sdk) Send(ctx context.Context, account, roleARN, targetARN string, l letter) error {
	config := s.config(account, roleARN, "delivery")
	switch parts := strings.SplitN(targetARN, ":", 6); {
	case len(parts) == 6 && parts[2] == "sqs":
		return s.toQueue(ctx, config, parts[4], parts[5], l)
	case len(parts) == 6 && parts[2] == "sns":
		_, err := sns.NewFromConfig(config).Publish(ctx, &sns.PublishInput{
			TopicArn: &targetARN, Message: aws.String(string(l.body)), MessageAttributes: topicAttributes(l.attributes),
		})
		return err
	case len(parts) == 6 && parts[2] == "events":
		return putEvents(ctx, config, eventbridgetypes.PutEventsRequestEntry{
			EventBusName: &targetARN, Source: aws.String("lambda"), DetailType: &l.detailType,
			Detail: aws.String(string(l.body)), Resources: l.resources,
		})
	}
	return fmt.Errorf("send to %s: neither queue nor topic nor bus", targetARN)
}

// toQueue sends as a role that need not be allowed to look the queue up: Lambda knows its address.
func (s *sdk) toQueue(ctx context.Context, config aws.Config, account, name string, l letter) error {
	client := sqs.NewFromConfig(config)
	queue, err := sqs.NewFromConfig(s.records(account)).GetQueueUrl(ctx,
		&sqs.GetQueueUrlInput{QueueName: &name, QueueOwnerAWSAccountId: &account})
	if err != nil {
		return err
	}
	attributes := map[string]sqstypes.MessageAttributeValue{}
	for attribute, value := range l.attributes {
		attributes[attribute] = sqstypes.MessageAttributeValue{DataType: attributeType(attribute), StringValue: aws.String(value)}
	}
	_, err = client.SendMessage(ctx,
		&sqs.SendMessageInput{QueueUrl: queue.QueueUrl, MessageBody: aws.String(string(l.body)), MessageAttributes: attributes})
	return err
}

func topicAttributes(attributes map[string]string) map[string]snstypes.MessageAttributeValue {
	values := map[string]snstypes.MessageAttributeValue{}
	for attribute, value := range attributes {
		values[attribute] = snstypes.MessageAttributeValue{DataType: attributeType(attribute), StringValue: aws.String(value)}
	}
	return values
}

// attributeType: ErrorCode is a number, as recorded in test_lambda_destinations.snapshot.json
// (test_dead_letter_queue of 24 Nov 2025).
func attributeType(attribute string) *string {
	if attribute == "ErrorCode" {
		return aws.String("Number")
	}
	return aws.String("String")
}

func (s *sdk) PutEvent(ctx context.Context, e model.Event) error {
	detail, err := json.Marshal(e.Detail)
	if err != nil {
		return fmt.Errorf("encode detail of %s: %w", e.DetailType, err)
	}
	return putEvents(ctx, s.records(e.Account), eventbridgetypes.PutEventsRequestEntry{
		Source: &e.Source, DetailType: &e.DetailType, Detail: aws.String(string(detail)), Resources: e.Resources,
	})
}

// putEvents puts one event. A 200 is not success: each entry has its own error.
func putEvents(ctx context.Context, config aws.Config, entry eventbridgetypes.PutEventsRequestEntry) error {
	out, err := eventbridge.NewFromConfig(config).PutEvents(ctx,
		&eventbridge.PutEventsInput{Entries: []eventbridgetypes.PutEventsRequestEntry{entry}})
	if err != nil {
		return err
	}
	if out.FailedEntryCount > 0 {
		return fmt.Errorf("put event %s: %s: %s", *entry.DetailType, aws.ToString(out.Entries[0].ErrorCode),
			aws.ToString(out.Entries[0].ErrorMessage))
	}
	return nil
}

func (s *sdk) TopicPolicies(ctx context.Context, topicARN string) (policy, keyARN, keyPolicy string, err error) {
	config := s.config(model.AccountOf(topicARN), "", "")
	topic, err := sns.NewFromConfig(config).GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &topicARN})
	if err != nil {
		return "", "", "", err
	}
	policy = topic.Attributes["Policy"]
	keyID := topic.Attributes["KmsMasterKeyId"]
	if keyID == "" {
		return policy, "", "", nil
	}
	keys := kms.NewFromConfig(config)
	key, err := keys.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &keyID}) // the topic may name an alias
	if err != nil {
		return "", "", "", err
	}
	out, err := keys.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: key.KeyMetadata.KeyId})
	if err != nil {
		return "", "", "", err
	}
	return policy, *key.KeyMetadata.Arn, aws.ToString(out.Policy), nil
}

func (s *sdk) Publish(ctx context.Context, topicARN, message string) error {
	_, err := sns.NewFromConfig(s.config(model.AccountOf(topicARN), "", "")).Publish(ctx,
		&sns.PublishInput{TopicArn: &topicARN, Message: &message})
	return err
}
