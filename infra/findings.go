package main

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

// allGrants are those of every policy.
func allGrants(r *resources) grants {
	all := slices.Concat(slices.Collect(maps.Values(permissions(r)))...)
	interfaces, logs := resolverGrants(r)
	return slices.Concat(all, interfaces, logs, operatorGrants(r), approverGrants(r), confirmerGrants(r), flowLogGrants(r))
}

// suppressFindings answers what the AWS Solutions rules of cdk-nag find about patterns in our policies
// with the grants' reasons.
func suppressFindings(r *resources) {
	patterns := map[string][]string{} // by reason
	for _, g := range allGrants(r) {
		for _, p := range g.places {
			if p.because != "" {
				patterns[p.because] = append(patterns[p.because], p.finding())
			}
		}
	}
	var suppressions []*cdknag.NagPackSuppression
	for _, reason := range slices.Sorted(maps.Keys(patterns)) {
		var found []any
		slices.Sort(patterns[reason])
		for _, pattern := range slices.Compact(patterns[reason]) {
			found = append(found, map[string]any{"regex": pattern})
		}
		suppressions = append(suppressions, &cdknag.NagPackSuppression{Id: ptr("AwsSolutions-IAM5"), Reason: &reason, AppliesTo: &found})
	}
	cdknag.NagSuppressions_AddStackSuppressions(r.stack, &suppressions, jsii.Bool(true))
}

// finding is a regular expression for what cdk-nag says of the place. Partition, region and account are references there.
func (p place) finding() string {
	arn := strings.SplitN(p.arn, ":", 6)
	name := strings.ReplaceAll(regexp.QuoteMeta(arn[len(arn)-1]), "/", `\/`)
	if len(arn) == 1 {
		return "/^Resource::" + name + "$/"
	}
	return "/^Resource::arn:.*:" + arn[2] + ":.*:" + name + "$/"
}
