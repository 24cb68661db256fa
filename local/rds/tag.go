package rds

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/local/wire"
)

// tags are one resource's tags, in the order in which they were added.
type tags []types.Tag

// with returns the tags with more added or overwritten.
func (t tags) with(more []types.Tag) tags {
	all := slices.Clone(t)
	for _, tag := range more {
		all = append(all.without([]string{*tag.Key}), tag)
	}
	return all
}

func (t tags) without(keys []string) tags {
	return slices.DeleteFunc(slices.Clone(t), func(tag types.Tag) bool { return slices.Contains(keys, *tag.Key) })
}

func (s *Service) addTagsToResource(ctx context.Context, in *rds.AddTagsToResourceInput) (*rds.AddTagsToResourceOutput, error) {
	t, err := s.tagsOf(ctx, aws.ToString(in.ResourceName))
	if err != nil {
		return nil, err
	}
	*t = t.with(in.Tags)
	return &rds.AddTagsToResourceOutput{}, nil
}

func (s *Service) removeTagsFromResource(ctx context.Context, in *rds.RemoveTagsFromResourceInput) (*rds.RemoveTagsFromResourceOutput, error) {
	t, err := s.tagsOf(ctx, aws.ToString(in.ResourceName))
	if err != nil {
		return nil, err
	}
	*t = t.without(in.TagKeys)
	return &rds.RemoveTagsFromResourceOutput{}, nil
}

func (s *Service) listTagsForResource(ctx context.Context, in *rds.ListTagsForResourceInput) (*rds.ListTagsForResourceOutput, error) {
	t, err := s.tagsOf(ctx, aws.ToString(in.ResourceName))
	if err != nil {
		return nil, err
	}
	return &rds.ListTagsForResourceOutput{TagList: slices.Clone(*t)}, nil
}

// tagsOf finds the tags of a resource by its ARN.
func (s *Service) tagsOf(ctx context.Context, arn string) (*tags, error) {
	account := wire.CallerOf(ctx).Account
	var r *resource
	if i := s.instances[arn]; i != nil {
		r = &i.resource
	} else if c := s.clusters[arn]; c != nil {
		r = &c.resource
	} else if p := s.proxies[arn]; p != nil {
		r = &p.resource
	}
	if r != nil && r.account == account {
		return &r.tags, nil
	}
	if g := s.subnetGroups[arn]; g != nil && g.account == account {
		return &g.tags, nil
	}
	return nil, notFound("DBInstanceNotFound", "The specified resource name does not match an RDS resource in this region: %s", arn)
}
