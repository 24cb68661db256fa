package owned

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

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
