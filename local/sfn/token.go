package sfn

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/rdslink/rdslink/local/wire"
)

// tokenPrefix starts every task token; what follows is base64 with its +, / and =, as on AWS: a token that was carried
// through a URL without care does not arrive.
const tokenPrefix = "AQCEAAAAKgAAAAMAAAAAAAAAA"

func newToken() string {
	random := make([]byte, 244)
	_, _ = rand.Read(random) // never fails
	return tokenPrefix + base64.StdEncoding.EncodeToString(random)
}

// openTaskOf finds the task that waits for token. The caller holds the lock.
func (s *Service) openTaskOf(ctx context.Context, token *string) (*task, error) {
	t := s.tasks[aws.ToString(token)]
	if t == nil {
		return nil, unknownToken(aws.ToString(token))
	}
	// "You must pass task tokens from principals within the same AWS account":
	// docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html. The error's code is an assumption.
	if t.account != wire.CallerOf(ctx).Account {
		return nil, invalidToken()
	}
	if t.closed {
		return nil, wire.Errorf("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
	}
	return t, nil
}

func unknownToken(token string) error {
	random, ok := strings.CutPrefix(token, tokenPrefix)
	if _, err := base64.StdEncoding.DecodeString(random); !ok || err != nil {
		return invalidToken()
	}
	return wire.Errorf("TaskDoesNotExist", "Task Does Not Exist: '%s'", token)
}

func invalidToken() error { return wire.Errorf("InvalidToken", "Invalid Token: 'Invalid token'") }

// answer closes the task of token with a.
func (s *Service) answer(ctx context.Context, token *string, a answer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.openTaskOf(ctx, token)
	if err != nil {
		return err
	}
	t.closed = true
	t.answer <- a
	return nil
}

func (s *Service) sendTaskSuccess(ctx context.Context, in *sfn.SendTaskSuccessInput) (*sfn.SendTaskSuccessOutput, error) {
	output, err := decode([]byte(aws.ToString(in.Output)))
	if err != nil {
		return nil, wire.Errorf("InvalidOutput", "Invalid Output: '%s'", err)
	}
	if len(aws.ToString(in.Output)) > maxBytes {
		return nil, wire.Errorf("InvalidOutput", "Invalid Output: 'longer than %d bytes'", maxBytes)
	}
	return &sfn.SendTaskSuccessOutput{}, s.answer(ctx, in.TaskToken, answer{output: output})
}

func (s *Service) sendTaskFailure(ctx context.Context, in *sfn.SendTaskFailureInput) (*sfn.SendTaskFailureOutput, error) {
	return &sfn.SendTaskFailureOutput{}, s.answer(ctx, in.TaskToken, answer{failed: &failure{name: in.Error, cause: in.Cause}})
}
