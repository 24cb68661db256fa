package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/operator"
	"github.com/rdslink/rdslink/test/stage"
)

// What observer and decision cannot deal with ends in their dead-letter queues. The operators hear which events those are,
// each once, and have them dealt with again by a command that their policy allows.
func TestWhatAWatcherCannotDealWithIsToldAndReplayed(t *testing.T) {
	s := begin(t)
	s.loses("rdslink-observer", `{"serviceId": "vpce-svc-of-nobody"}`, nil)
	// Lambda delivers an event once or more often: one that is delivered twice is refused when the denials are used up.
	nobody := ""
	for n := 0; ; n++ {
		nobody = fmt.Sprintf("nobody-acme-%08d", n)
		s.check(cloud.Disturb(s.ctx, stage.Fault{Action: "GetItem", Resource: nobody, Kind: "deny", Count: 3}))
		refused := func() bool {
			_, found := news.find(nobody, "there is no such exposure")
			return found
		}
		if s.loses("rdslink-decision", `{"id": "1", "source": "rdslink", "detail-type": "ConnectionDecision", "detail": {"exposure": "`+nobody+
			`", "vpcEndpointId": "vpce-0123456789abcdef0", "decision": "accept"}}`, refused) {
			break
		}
	}
	s.hears(news, `rdslink-observer gave up on a look at endpoint service "vpce-svc-of-nobody"`, "make replay")
	s.hears(news, `rdslink-decision gave up on the decision "accept" about exposure "`+nobody, "not authorized")

	// Whoever starts executions may have them replayed, and what denied the registry to the function is over.
	done, err := operator.New(s.as(s.starter(), "olga"), deployment.Unnamed).Replay(s.ctx)
	s.check(err)
	if len(done.Replayed) < 2 {
		s.Errorf("replayed are %q", done.Replayed)
	}
	s.hears(news, "The decision", nobody, "was refused: there is no such exposure")
}

// loses hands a function an event until it gives up on it, or says that it does not.
func (s story) loses(function, event string, not func() bool) (lost bool) {
	s.Helper()
	queue := aws.ToString(s.function(function).DeadLetterConfig.TargetArn)
	_, err := lambda.NewFromConfig(cloud.Config(stage.Customer)).Invoke(s.ctx, &lambda.InvokeInput{FunctionName: &function, InvocationType: types.InvocationTypeEvent, Payload: []byte(event)})
	s.check(err)
	s.await("a letter in "+queue, func() bool {
		lost = s.letters(queue) != "0"
		return lost || not != nil && not()
	})
	return lost
}

// letters are how many messages a queue has.
func (s story) letters(queueARN string) string {
	s.Helper()
	client := sqs.NewFromConfig(cloud.Config(stage.Customer))
	queue, err := client.GetQueueUrl(s.ctx, &sqs.GetQueueUrlInput{QueueName: new(queueARN[strings.LastIndex(queueARN, ":")+1:])})
	s.check(err)
	const number = sqstypes.QueueAttributeNameApproximateNumberOfMessages
	out, err := client.GetQueueAttributes(s.ctx, &sqs.GetQueueAttributesInput{QueueUrl: queue.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{number}})
	s.check(err)
	return out.Attributes[string(number)]
}
