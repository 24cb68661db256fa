package access

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/local/iam"
)

// reader reads the policy that is attached to a resource; empty if there is none.
type reader func(ctx context.Context, config aws.Config, arn string) (string, error)

var readers = map[string]reader{
	"lambda": functionPolicy,
	"sns":    topicPolicy,
	"kms":    keyPolicy,
	"sqs":    queuePolicy,
	"events": busPolicy,
}

var noStatement = regexp.MustCompile(`"Statement"\s*:\s*\[\s*\]`)

// attached is the policy of a resource, and of which kind it is; empty if it has none, or is of a kind that has none here.
func (d *documents) attached(ctx context.Context, action, arn string) (string, iam.Kind, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || strings.Contains(arn, "*") {
		return "", iam.Resource, nil
	}
	if strings.HasPrefix(action, "sts:AssumeRole") {
		a, err := d.account(ctx, parts[4])
		if err != nil {
			return "", iam.Trust, err
		}
		return unescaped(a.roles[arn].AssumeRolePolicyDocument), iam.Trust, nil
	}
	read := readers[parts[2]]
	if read == nil {
		return "", iam.Resource, nil
	}
	text, err := d.remembered("policy of "+arn, func() (string, error) {
		text, err := read(ctx, d.records(parts[4]), arn)
		if refused, ok := errors.AsType[smithy.APIError](err); ok && refused.ErrorFault() != smithy.FaultServer {
			return "", nil // no such resource, or it has no policy
		}
		if noStatement.MatchString(text) {
			return "", err // MiniStack's way to say that there is none
		}
		return text, err
	})
	return text, iam.Resource, err
}

func functionPolicy(ctx context.Context, config aws.Config, arn string) (string, error) {
	out, err := lambda.NewFromConfig(config).GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: &arn})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Policy), nil
}

func topicPolicy(ctx context.Context, config aws.Config, arn string) (string, error) {
	out, err := sns.NewFromConfig(config).GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &arn})
	if err != nil {
		return "", err
	}
	return out.Attributes["Policy"], nil
}

func keyPolicy(ctx context.Context, config aws.Config, arn string) (string, error) {
	out, err := kms.NewFromConfig(config).GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: &arn})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Policy), nil
}

// keyARN is the ARN of a key that is named by its id, its ARN or an alias.
func keyARN(ctx context.Context, config aws.Config, id string) (string, error) {
	out, err := kms.NewFromConfig(config).DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &id})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.KeyMetadata.Arn), nil
}

func queuePolicy(ctx context.Context, config aws.Config, arn string) (string, error) {
	client := sqs.NewFromConfig(config)
	name := arn[strings.LastIndex(arn, ":")+1:]
	queue, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		return "", err
	}
	out, err := client.GetQueueAttributes(ctx,
		&sqs.GetQueueAttributesInput{QueueUrl: queue.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{"Policy"}})
	if err != nil {
		return "", err
	}
	return out.Attributes["Policy"], nil
}

func busPolicy(ctx context.Context, config aws.Config, arn string) (string, error) {
	_, name, ok := strings.Cut(arn, ":event-bus/")
	if !ok {
		return "", nil
	}
	out, err := eventbridge.NewFromConfig(config).DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{Name: &name})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Policy), nil
}
