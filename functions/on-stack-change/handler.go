package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/message"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolver"
)

type registryAPI interface {
	All(ctx context.Context) ([]registry.Exposure, error)
	Resolvers(ctx context.Context) ([]registry.Resolver, error)
}

type topicAPI interface {
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

type onStackChange struct {
	registry  registryAPI
	functions resolver.API
	code      resolver.Code
	owner     owned.Owner
	topic     topicAPI
	operators string
}

//go:embed messages
var texts embed.FS

var messages = message.Read(texts)

// physicalID never changes: CloudFormation deletes what an update gives another id.
const physicalID = "rdslink-exposures"

// handle fails a deletion, and never a deployment: one that mends what is broken has to be possible while it is.
func (s onStackChange) handle(ctx context.Context, event cfn.Event) (string, map[string]any, error) {
	if event.RequestType == cfn.RequestDelete {
		return event.PhysicalResourceID, nil, s.refuse(ctx)
	}
	if left := s.upgrade(ctx); len(left) > 0 {
		s.tell(ctx, left)
	}
	return physicalID, nil, nil
}

// named is how many exposures a refusal names. CloudFormation takes 4096 bytes of an answer, and an id has 32
// (docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html).
const named = 50

// refuse is an error while there are exposures: without the stack nobody would follow their databases' addresses.
func (s onStackChange) refuse(ctx context.Context) error {
	exposures, err := s.registry.All(ctx)
	if err != nil || len(exposures) == 0 {
		return err
	}
	var ids []string
	for _, exposure := range exposures {
		ids = append(ids, exposure.ID)
	}
	return fmt.Errorf("delete stack: the registry holds %d exposure(s), which would stand without their sync: remove them first: %s",
		len(exposures), strings.Join(atMost(ids), ", "))
}

// atMost are the first items of a list, and how many there are besides.
func atMost(items []string) []string {
	if more := len(items) - named; more > 0 {
		return append(items[:named:named], fmt.Sprintf("and %d more", more))
	}
	return items
}

// rest is the time that is kept for telling and answering: without an answer CloudFormation fails the deployment.
const rest = 30 * time.Second

// upgrade gives every resolver this version's code. It tries all of them, whatever becomes of one, and returns which of them
// keep their code, and why.
func (s onStackChange) upgrade(ctx context.Context) (left []string) {
	if end, limited := ctx.Deadline(); limited {
		var stop context.CancelFunc
		ctx, stop = context.WithDeadline(ctx, end.Add(-rest))
		defer stop()
	}
	resolvers, err := s.registry.Resolvers(ctx)
	if err != nil {
		return []string{"all of them: " + err.Error()}
	}
	for _, of := range resolvers {
		if err := s.upgradeOne(ctx, of.VPCID); err != nil {
			slog.WarnContext(ctx, "the resolver keeps its code", "vpcId", of.VPCID, "error", err.Error())
			left = append(left, fmt.Sprintf("%s, of %s: %v", s.owner.Name.Resolver(of.VPCID), of.VPCID, err))
		}
	}
	return left
}

// upgradeOne leaves it to step 2 to make one that is gone, with this version's code. One that is busy keeps its code until
// step 2 meets it again: this version and the last understand each other.
func (s onStackChange) upgradeOne(ctx context.Context, vpcID string) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New("the deployment had no time left for it")
	}
	found, err := resolver.Find(ctx, s.functions, s.owner, vpcID)
	if err != nil || found == nil {
		return err
	}
	_, err = resolver.Upgrade(ctx, s.functions, s.code, found)
	return err
}

// tell tells the operators which resolvers keep their code. The log has it too, so that a topic that cannot be reached is no
// reason to fail.
func (s onStackChange) tell(ctx context.Context, left []string) {
	subject, text := messages.Write("left", message.Facts{"Resolvers": "  " + strings.Join(atMost(left), "\n  ")})
	if _, err := s.topic.Publish(ctx, &sns.PublishInput{TopicArn: &s.operators, Subject: &subject, Message: &text}); err != nil {
		slog.ErrorContext(ctx, "publish", "topicArn", s.operators, "error", err.Error(), "resolvers", left)
	}
}
