package owned

import (
	"context"
	"fmt"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
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
	var tags map[string]string
	if len(out.TagDescriptions) > 0 {
		tags = FromELB(out.TagDescriptions[0].Tags)
	}
	if !o.Has(tags, id) {
		return Stranger(kind+" "+arn, tags)
	}
	return nil
}
