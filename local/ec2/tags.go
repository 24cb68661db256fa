package ec2

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/wire"
)

// mostTags is the quota per resource (docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html, "Tag restrictions").
const mostTags = 50

// specified are the tags of a create. A specification for another kind of resource than the one that is made is refused.
func specified(specifications []types.TagSpecification, kinds ...types.ResourceType) ([]types.Tag, error) {
	var tags []types.Tag
	for _, spec := range specifications {
		if !slices.Contains(kinds, spec.ResourceType) {
			return nil, wire.Errorf("InvalidParameterValue", "'%s' is not a valid taggable resource type for this operation.", spec.ResourceType)
		}
		var err error
		if tags, err = tagged(tags, spec.Tags); err != nil {
			return nil, err
		}
	}
	return tags, nil
}

// shown are tags as the answers have them in which a resource without tags has an empty set of them.
func shown(tags []types.Tag) []types.Tag { return append([]types.Tag{}, tags...) }

// tagged is old with fresh put over it.
func tagged(old, fresh []types.Tag) ([]types.Tag, error) {
	tags := slices.Clone(old)
	for _, tag := range fresh {
		key := aws.ToString(tag.Key)
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return nil, wire.Errorf("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
		}
		tags = slices.DeleteFunc(tags, func(t types.Tag) bool { return *t.Key == key })
		tags = append(tags, types.Tag{Key: aws.String(key), Value: aws.String(aws.ToString(tag.Value))})
	}
	if len(tags) > mostTags {
		return nil, wire.Errorf("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
	}
	return tags, nil
}

// taggable are all resources of account that tags can be put on.
func (s *Service) taggable(account string) table[resource] {
	var all table[resource]
	all = appendOwn(all, s.vpcs, account)
	all = appendOwn(all, s.subnets, account)
	all = appendOwn(all, s.securityGroups, account)
	for _, group := range s.securityGroups {
		all = appendOwn(all, group.rules, account)
	}
	all = appendOwn(all, s.networkACLs, account)
	all = appendOwn(all, s.interfaces, account)
	all = appendOwn(all, s.services, account)
	all = appendOwn(all, s.flowLogs, account)
	return appendOwn(all, s.ownEndpoints(), account)
}

func appendOwn[T resource](all table[resource], rows table[T], account string) table[resource] {
	for _, row := range rows {
		if ownedBy(row, account) {
			all.add(row)
		}
	}
	return all
}

// Tags are the tags of one of an account's resources; false if there is no such resource.
func (s *Service) Tags(account, id string) (map[string]string, bool) {
	row, ok := s.taggable(account).find(id)
	if !ok {
		for _, there := range s.abroad {
			if tags, found := there.Tags(account, id); found {
				return tags, true
			}
		}
		return nil, false
	}
	tags := map[string]string{}
	for _, tag := range row.shared().tags {
		tags[*tag.Key] = aws.ToString(tag.Value)
	}
	return tags, true
}

// toTag finds the resources of a CreateTags or DeleteTags; one that does not exist fails the call for all.
func (s *Service) toTag(ctx context.Context, ids []string) (table[resource], error) {
	all := s.taggable(wire.CallerOf(ctx).Account)
	var found table[resource]
	for _, id := range ids {
		k, ok := kindOf(id)
		if !ok {
			return nil, wire.Errorf("InvalidID", "The ID '%s' is not valid", id)
		}
		row, ok := all.find(id)
		if !ok {
			return nil, k.unknown(id)
		}
		found.add(row)
	}
	return found, nil
}

func (s *Service) createTags(ctx context.Context, in *ec2.CreateTagsInput) (*ec2.CreateTagsOutput, error) {
	rows, err := s.toTag(ctx, in.Resources)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		tags, err := tagged(row.shared().tags, in.Tags)
		if err != nil {
			return nil, err
		}
		row.shared().tags = tags
	}
	return &ec2.CreateTagsOutput{}, nil
}

// deleteTags deletes the tags of the given keys: a tag given with a value only if it has that value, and without any tags
// given, all (docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html).
func (s *Service) deleteTags(ctx context.Context, in *ec2.DeleteTagsInput) (*ec2.DeleteTagsOutput, error) {
	rows, err := s.toTag(ctx, in.Resources)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		row.shared().tags = slices.DeleteFunc(slices.Clone(row.shared().tags), func(t types.Tag) bool {
			return len(in.Tags) == 0 || slices.ContainsFunc(in.Tags, func(gone types.Tag) bool {
				return *gone.Key == *t.Key && (gone.Value == nil || *gone.Value == *t.Value)
			})
		})
	}
	return &ec2.DeleteTagsOutput{}, nil
}

// tagRow is a tag of a resource, as DescribeTags lists it.
type tagRow struct {
	types.TagDescription
	account string
	common
}

func (t *tagRow) identity() (id, account string) { return *t.ResourceId + "/" + *t.Key, t.account }

var tagFilters = filterable[*tagRow]{
	"key":           func(t *tagRow) []string { return []string{*t.Key} },
	"value":         func(t *tagRow) []string { return []string{*t.Value} },
	"resource-id":   func(t *tagRow) []string { return []string{*t.ResourceId} },
	"resource-type": func(t *tagRow) []string { return []string{string(t.ResourceType)} },
}

func (s *Service) describeTags(ctx context.Context, in *ec2.DescribeTagsInput) (*ec2.DescribeTagsOutput, error) {
	account := wire.CallerOf(ctx).Account
	var rows table[*tagRow]
	for _, r := range s.taggable(account) {
		id := idOf(r)
		k, _ := kindOf(id)
		for _, tag := range r.shared().tags {
			description := types.TagDescription{ResourceId: &id, ResourceType: k.resource, Key: tag.Key, Value: tag.Value}
			rows.add(&tagRow{description, account, common{created: r.shared().created}})
		}
	}
	found, next, err := list(ctx, s, rows, query{filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken}, tagFilters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeTagsOutput{NextToken: next}
	for _, row := range found {
		out.Tags = append(out.Tags, row.TagDescription)
	}
	return out, nil
}
