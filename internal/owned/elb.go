package owned

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/outcome"
)

// ELBTagsAPI tells what load balancers, listeners and target groups carry.
type ELBTagsAPI interface {
	DescribeTags(context.Context, *elb.DescribeTagsInput, ...func(*elb.Options)) (*elb.DescribeTagsOutput, error)
}

// ELBTagAPI puts more on them, too.
type ELBTagAPI interface {
	ELBTagsAPI
	AddTags(context.Context, *elb.AddTagsInput, ...func(*elb.Options)) (*elb.AddTagsOutput, error)
}

// mostTagged is how many resources DescribeTags takes in a call (API_DescribeTags).
const mostTagged = 20

// ELBTagsOf is what each of the resources carries, by ARN.
func ELBTagsOf(ctx context.Context, api ELBTagsAPI, arns []string) (map[string]map[string]string, error) {
	tags := map[string]map[string]string{}
	for some := range slices.Chunk(arns, mostTagged) {
		out, err := api.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: some})
		if err != nil {
			return nil, fmt.Errorf("describe tags of %s: %w", strings.Join(some, ", "), outcome.Unseen(err))
		}
		for _, d := range out.TagDescriptions {
			tags[aws.ToString(d.ResourceArn)] = FromELB(d.Tags)
		}
	}
	return tags, nil
}

// ELBTagsOfExisting is the same for resources of which some may be gone since they were described, and have no entry then:
// one that is gone would hide what the others carry.
func ELBTagsOfExisting(ctx context.Context, api ELBTagsAPI, arns []string) (map[string]map[string]string, error) {
	tags := map[string]map[string]string{}
	for some := range slices.Chunk(arns, mostTagged) {
		found, err := ELBTagsOf(ctx, api, some)
		switch {
		case err == nil:
			maps.Copy(tags, found)
		case !missing(err):
			return nil, err
		case len(some) > 1: // which of them, AWS does not say
			for _, half := range [][]string{some[:len(some)/2], some[len(some)/2:]} {
				found, err := ELBTagsOfExisting(ctx, api, half)
				if err != nil {
					return nil, err
				}
				maps.Copy(tags, found)
			}
		}
	}
	return tags, nil
}

// missing says whether ELB does not know a resource (any more).
func missing(err error) bool {
	refused, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.Contains([]string{"LoadBalancerNotFound", "ListenerNotFound", "TargetGroupNotFound"}, refused.ErrorCode())
}

// RetagELB puts wanted tags on resources of ours that do not carry them: those of the deployment may have changed.
func RetagELB(ctx context.Context, api ELBTagAPI, arns []string, have map[string]map[string]string, want map[string]string) error {
	bare := slices.DeleteFunc(slices.Clone(arns), func(arn string) bool { return Carries(have[arn], want) })
	if len(bare) == 0 {
		return nil
	}
	slog.InfoContext(ctx, "add tags", "resourceArns", bare, "tags", want)
	if _, err := api.AddTags(ctx, &elb.AddTagsInput{ResourceArns: bare, Tags: ELBTags(want)}); err != nil {
		return fmt.Errorf("add tags to %s: %w", strings.Join(bare, ", "), outcome.Unseen(err))
	}
	return nil
}

// Carries reports whether all wanted tags are among those that something has.
func Carries(have, want map[string]string) bool {
	for key, wanted := range want {
		if value, there := have[key]; !there || value != wanted {
			return false
		}
	}
	return true
}
