package owned

import (
	"context"
	"fmt"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/rdslink/rdslink/internal/outcome"
)

// ELBTagAPI tells what load balancers and target groups carry.
type ELBTagAPI interface {
	DescribeTags(context.Context, *elb.DescribeTagsInput, ...func(*elb.Options)) (*elb.DescribeTagsOutput, error)
}

// VerifyELB reports, as an error, a load balancer or a target group (its kind) that does not carry
// the tags of the exposure id.
func (o Owner) VerifyELB(ctx context.Context, api ELBTagAPI, kind, arn, id string) error {
	out, err := api.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: []string{arn}})
	if err != nil {
		return fmt.Errorf("describe tags of %s %s: %w", kind, arn, err)
	}
	if len(out.TagDescriptions) == 0 || !o.Has(FromELB(out.TagDescriptions[0].Tags), id) {
		return outcome.Conflict("%s %s does not carry the tags of exposure %s: rename or delete it", kind, arn, id)
	}
	return nil
}
