package elb

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/rdslink/rdslink/local/wire"
)

// kind is a kind of resource, with what follows the account in the ARNs of its resources.
type kind struct {
	name string
	form *regexp.Regexp
}

var (
	loadBalancerKind = kind{"load balancer", regexp.MustCompile(`^loadbalancer/(app|net|gwy)/[A-Za-z0-9-]+/[0-9a-f]{16}$`)}
	targetGroupKind  = kind{"target group", regexp.MustCompile(`^targetgroup/[A-Za-z0-9-]+/[0-9a-f]{16}$`)}
	listenerKind     = kind{"listener", regexp.MustCompile(`^listener/(app|net|gwy)/[A-Za-z0-9-]+/[0-9a-f]{16}/[0-9a-f]{16}$`)}
)

// validate refuses an ARN that is not one of k in the caller's account and in this Region: nothing is looked up then
// (aws/aws-cli#3260 for another kind, aws/aws-cli#3673 and hashicorp/terraform-provider-aws#4552 for another place).
func (s *Service) validate(ctx context.Context, k kind, arn string) error {
	resource, here := strings.CutPrefix(arn, s.arn(wire.CallerOf(ctx).Account, ""))
	if !here || !k.form.MatchString(resource) {
		return wire.Errorf("ValidationError", "'%s' is not a valid %s ARN", arn, k.name)
	}
	return nil
}

// find finds the caller's resource of kind k among all. What was just made may be unknown to every operation
// (hashicorp/terraform-provider-aws#15214).
func find[T interface{ born() time.Time }](
	ctx context.Context, s *Service, k kind, all map[string]T, arn string, notFound error,
) (T, error) {
	var none T
	if err := s.validate(ctx, k, arn); err != nil {
		return none, err
	}
	if found, ok := all[arn]; ok && s.world.Visible(arn, found.born()) {
		return found, nil
	}
	return none, notFound
}
