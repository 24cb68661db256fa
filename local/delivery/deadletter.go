package delivery

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/rdslink/rdslink/local/model"
)

// outlets are the places that deliveries write to.
type outlets interface {
	// Send puts a letter into a queue or topic, or on a bus, as a role; empty: as the account's root.
	Send(ctx context.Context, account, roleARN, targetARN string, l letter) error
	// PutEvent puts an AWS service's event on the account's default bus.
	PutEvent(ctx context.Context, e model.Event) error
	// TopicPolicies are a topic's policy and that of the key that encrypts it; keyARN is empty when none does.
	TopicPolicies(ctx context.Context, topicARN string) (policy, keyARN, keyPolicy string, err error)
	// Publish sends a message to a topic as its owner.
	Publish(ctx context.Context, topicARN, message string) error
}

// letter is what a queue, a topic or a bus gets.
type letter struct {
	body       []byte
	attributes map[string]string
	detailType string   // on a bus
	resources  []string // on a bus
}

// failed gives up an event: the function's dead-letter queue gets it, its OnFailure destination a record. Both may be set.
func (d *Delivery) failed(ctx context.Context, e *event, condition string, functionError []byte) {
	s := e.settings
	if s.deadLetterARN != "" {
		d.send(ctx, e.Account, s.role, s.deadLetterARN, letter{body: e.Payload, attributes: e.deadLetterAttributes(functionError)})
	}
	if s.onFailureARN != "" {
		d.send(ctx, e.Account, s.role, s.onFailureARN, letter{
			body:       e.record(condition, functionError),
			detailType: "Lambda Function Invocation Result - Failure",
			resources:  []string{s.onFailureARN, e.FunctionARN + ":$LATEST"},
		})
	}
}

// deadLetterAttributes are RequestID, ErrorCode (200: the function was called) and the first KB of the error's message:
// docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html.
func (e *event) deadLetterAttributes(functionError []byte) map[string]string {
	attributes := map[string]string{"RequestID": e.id}
	var reported struct{ ErrorMessage string }
	if json.Unmarshal(functionError, &reported) == nil {
		attributes["ErrorCode"] = strconv.Itoa(200)
		attributes["ErrorMessage"] = reported.ErrorMessage[:min(len(reported.ErrorMessage), 1024)]
	}
	return attributes
}

// record is shaped as in test_lambda_destinations.snapshot.json of LocalStack's tests, recorded from
// AWS on 24 to 27 Nov 2025.
func (e *event) record(condition string, functionError []byte) []byte {
	type object map[string]any
	record := object{
		"version":   "1.0",
		"timestamp": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		"requestContext": object{
			"requestId": e.id, "functionArn": e.FunctionARN + ":$LATEST", "condition": condition, "approximateInvokeCount": e.attempts,
		},
		"requestPayload": json.RawMessage(e.Payload),
	}
	if functionError != nil {
		record["responseContext"] = object{"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
		record["responsePayload"] = json.RawMessage(functionError)
	}
	text, err := json.Marshal(record)
	if err != nil {
		return e.Payload // was no JSON; Lambda accepts nothing else
	}
	return text
}

// send writes a letter; a refusal is logged and the letter lost, as on AWS, where only the metric DeadLetterErrors tells.
func (d *Delivery) send(ctx context.Context, account, role, target string, l letter) {
	if err := d.outlets.Send(ctx, account, role, target, l); err != nil {
		d.refuse(Refusal{account, role, "send to dead-letter queue or destination", target, errorCode(err), err.Error()})
	}
}
