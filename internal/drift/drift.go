// Package drift compares what is wanted with what is there, so that a step sends the difference alone.
package drift

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// Without are the elements of all that are not among others.
func Without[T comparable](all, others []T) []T {
	return slices.DeleteFunc(slices.Clone(all), func(one T) bool { return slices.Contains(others, one) })
}

// attribute is a key and a value, whatever they belong to.
type attribute interface {
	elbtypes.TargetGroupAttribute | elbtypes.LoadBalancerAttribute
}

// Attributes are the wanted ones that are not there, or with another value, in the order of their keys.
func Attributes[A attribute](want map[string]string, have []A) []A {
	differing := maps.Clone(want)
	for _, one := range have {
		a := elbtypes.TargetGroupAttribute(one)
		if key := aws.ToString(a.Key); differing[key] == aws.ToString(a.Value) {
			delete(differing, key)
		}
	}
	var change []A
	for _, key := range slices.Sorted(maps.Keys(differing)) {
		change = append(change, A(elbtypes.TargetGroupAttribute{Key: &key, Value: new(differing[key])}))
	}
	return change
}
