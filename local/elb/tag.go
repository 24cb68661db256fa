package elb

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/local/wire"
)

// tags are one resource's tags, in the order in which they were added.
type tags []types.Tag

// with returns the tags with more added or overwritten.
func (t tags) with(more []types.Tag) (tags, error) {
	all := slices.Clone(t)
	seen := map[string]bool{}
	for _, tag := range more {
		if seen[*tag.Key] {
			return nil, wire.Errorf("DuplicateTagKeys", "A tag key was specified more than once: '%s'", *tag.Key)
		}
		seen[*tag.Key] = true
		if i := slices.IndexFunc(all, func(have types.Tag) bool { return *have.Key == *tag.Key }); i >= 0 {
			all[i] = tag
		} else {
			all = append(all, tag)
		}
	}
	if len(all) > 50 {
		return nil, wire.Errorf("TooManyTags", "You've reached the limit on the number of tags per load balancer")
	}
	return all, nil
}

func (s *Service) describeTags(ctx context.Context, in *elb.DescribeTagsInput) (*elb.DescribeTagsOutput, error) {
	out := &elb.DescribeTagsOutput{}
	for _, arn := range in.ResourceArns {
		t, err := s.tagsOf(ctx, arn)
		if err != nil {
			return nil, err
		}
		out.TagDescriptions = append(out.TagDescriptions, types.TagDescription{ResourceArn: &arn, Tags: slices.Clone(*t)})
	}
	return out, nil
}

// addTags puts tags on all of the resources or on none (API_AddTags).
func (s *Service) addTags(ctx context.Context, in *elb.AddTagsInput) (*elb.AddTagsOutput, error) {
	fresh := make([]tags, len(in.ResourceArns))
	for i, arn := range in.ResourceArns {
		t, err := s.tagsOf(ctx, arn)
		if err != nil {
			return nil, err
		}
		if fresh[i], err = t.with(in.Tags); err != nil {
			return nil, err
		}
	}
	for i, arn := range in.ResourceArns {
		t, err := s.tagsOf(ctx, arn)
		if err != nil {
			return nil, err
		}
		*t = fresh[i]
	}
	return &elb.AddTagsOutput{}, nil
}

// Tags are the tags of one of an account's resources; false if there is no such resource.
func (s *Service) Tags(account, arn string) (map[string]string, bool) {
	t, err := s.tagsOf(wire.WithCaller(context.Background(), wire.Caller{Account: account}), arn)
	if err != nil {
		return nil, false
	}
	all := map[string]string{}
	for _, tag := range *t {
		all[*tag.Key] = aws.ToString(tag.Value)
	}
	return all, true
}

// tagsOf finds the tags of any kind of resource.
func (s *Service) tagsOf(ctx context.Context, arn string) (*tags, error) {
	lb, err := s.loadBalancer(ctx, arn)
	if err == nil {
		return &lb.tags, nil
	}
	if s.validate(ctx, targetGroupKind, arn) == nil {
		g, err := s.targetGroup(ctx, arn)
		if err != nil {
			return nil, err
		}
		return &g.tags, nil
	}
	if s.validate(ctx, listenerKind, arn) == nil {
		l, err := s.listener(ctx, arn)
		if err != nil {
			return nil, err
		}
		return &l.tags, nil
	}
	return nil, err
}
