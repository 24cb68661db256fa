package front_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/rdslink/rdslink/local/front"
	"github.com/rdslink/rdslink/local/front/identity"
)

// atRest asks whether a rest is one, and does not wait for it.
func atRest(r *front.Rest) (status int, said string) {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	answer := httptest.NewRecorder()
	r.After(func() {})(answer, httptest.NewRequestWithContext(now, http.MethodPost, "/_local/rest", nil))
	return answer.Code, answer.Body.String()
}

func TestRestIsWhenWhatIsUnderWayIsOver(t *testing.T) {
	r := front.NewRest()
	first, second := r.Begin("a delivery"), r.Begin("another")
	ended := make(chan error, 1)
	go func() { ended <- r.Await(context.Background()) }()
	first()
	if status, said := atRest(r); status != http.StatusServiceUnavailable || !strings.Contains(said, "still under way: another:") {
		t.Errorf("with one left it says %d %q", status, said)
	}
	select {
	case err := <-ended:
		t.Errorf("the wait ended with one left: %v", err)
	default:
	}
	second()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if status, said := atRest(r); status != http.StatusOK || said != "" {
		t.Errorf("at rest it says %d %q", status, said)
	}
}

func TestACallIsUnderWayUntilItIsInTheLogUnlessItWaitsForMessages(t *testing.T) {
	ctx, c := context.Background(), newCloud(t)
	root := c.as(identity.Root(account))
	during := map[string]int{}
	c.Decide = func(_ context.Context, call front.Call) (front.Decision, error) {
		during[call.Action], _ = atRest(c.Rest)
		return front.Decision{}, nil
	}
	_, _ = ec2.NewFromConfig(root).CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	_, _ = sqs.NewFromConfig(root).ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: aws.String(c.url + "/1/q")})
	if during["CreateVpc"] != http.StatusServiceUnavailable || during["ReceiveMessage"] != http.StatusOK {
		t.Errorf("during the calls it says %v", during)
	}
	if err := c.Rest.Await(ctx); err != nil || len(c.Log.Since(0)) != 2 {
		t.Errorf("%v, and the log has %d calls", err, len(c.Log.Since(0)))
	}
}
