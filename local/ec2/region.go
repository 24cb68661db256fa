package ec2

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/wire"
)

// What an account has done about a Region (API_Region).
const (
	optInNotRequired = "opt-in-not-required"
	notOptedIn       = "not-opted-in"
)

// The Regions of AWS's partition, those of its first decade and those that an account enables by itself. No account here has
// enabled any of the second kind (docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html).
var (
	openRegions = []string{"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
		"ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1", "us-east-2",
		"us-west-1", "us-west-2"}
	optInRegions = []string{"af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
		"ap-southeast-6", "ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-1", "eu-south-2", "il-central-1", "me-central-1",
		"me-south-1", "mx-central-1"}
)

// region is a Region as an account sees it, filterable like a resource.
type region struct {
	name, status, account string
	common
}

func (r *region) identity() (id, account string) { return r.name, r.account }

func (r *region) endpoint() string { return "ec2." + r.name + ".amazonaws.com" }

var regionFilters = filterable[*region]{
	"endpoint":      func(r *region) []string { return []string{r.endpoint()} },
	"opt-in-status": func(r *region) []string { return []string{r.status} },
	"region-name":   func(r *region) []string { return []string{r.name} },
}

// describeRegions leaves out what the account has not enabled, unless it is asked for all
// (API_DescribeRegions, AllRegions).
func (s *Service) describeRegions(ctx context.Context, in *ec2.DescribeRegionsInput) (*ec2.DescribeRegionsOutput, error) {
	var regions table[*region]
	account := wire.CallerOf(ctx).Account
	for _, name := range slices.Concat(openRegions, optInRegions) {
		r := &region{name: name, status: optInNotRequired, account: account}
		if slices.Contains(optInRegions, name) {
			r.status = notOptedIn
		}
		if r.status != notOptedIn || aws.ToBool(in.AllRegions) || slices.Contains(in.RegionNames, name) {
			regions.add(r)
		}
	}
	for _, name := range in.RegionNames {
		if !slices.ContainsFunc(regions, func(r *region) bool { return r.name == name }) {
			return nil, wire.Errorf("InvalidParameterValue", "Invalid region: [%s]", name)
		}
	}
	if len(in.RegionNames) > 0 {
		regions = regions.where(func(r *region) bool { return slices.Contains(in.RegionNames, r.name) })
	}
	found, _, err := list(ctx, s, regions, query{filters: in.Filters}, regionFilters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeRegionsOutput{}
	for _, r := range found {
		out.Regions = append(out.Regions, types.Region{
			RegionName: &r.name, Endpoint: aws.String(r.endpoint()), OptInStatus: &r.status,
		})
	}
	return out, nil
}
