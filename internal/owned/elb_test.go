package owned

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"
)

// balancing has tags on some resources, and refuses a call that names another: as AWS, it does not say which.
type balancing struct {
	there   []string
	refusal string
	calls   int
}

func (b *balancing) DescribeTags(_ context.Context, in *elb.DescribeTagsInput, _ ...func(*elb.Options)) (*elb.DescribeTagsOutput, error) {
	b.calls++
	out := &elb.DescribeTagsOutput{}
	for _, arn := range in.ResourceArns {
		if !slices.Contains(b.there, arn) {
			return nil, &smithy.GenericAPIError{Code: b.refusal, Message: "One or more listeners not found"}
		}
		out.TagDescriptions = append(out.TagDescriptions, elbtypes.TagDescription{ResourceArn: &arn})
	}
	return out, nil
}

// What somebody deletes between two calls hides nothing of the others, whose tags are asked for with it.
func TestWhatIsGoneHidesNoTagsOfOthers(t *testing.T) {
	var arns, there []string
	for i := range 45 {
		arns = append(arns, fmt.Sprintf("listener-%02d", i))
		if i != 7 && i != 30 && i != 31 {
			there = append(there, arns[i])
		}
	}
	for _, refusal := range []string{"LoadBalancerNotFound", "ListenerNotFound", "TargetGroupNotFound"} {
		b := &balancing{there: there, refusal: refusal}
		tags, err := ELBTagsOfExisting(t.Context(), b, arns)
		if err != nil || !slices.Equal(slices.Sorted(maps.Keys(tags)), there) {
			t.Errorf("%s: tags of %v, %v", refusal, slices.Sorted(maps.Keys(tags)), err)
		}
		if b.calls > 3+2*2*5+4 {
			t.Errorf("%s: %d calls", refusal, b.calls)
		}
	}
	if tags, err := ELBTagsOfExisting(t.Context(), &balancing{}, arns[:1]); err == nil {
		t.Errorf("a refusal of another kind: %v", tags)
	}
}
