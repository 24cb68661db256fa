package rds

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// tags are one resource's tags, in the order in which they were added.
type tags []types.Tag

// with returns the tags with more added or overwritten.
func (t tags) with(more []types.Tag) tags {
	all := slices.Clone(t)
	for _, tag := range more {
		all = slices.DeleteFunc(all, func(old types.Tag) bool { return *old.Key == *tag.Key })
		all = append(all, tag)
	}
	return all
}
