package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/rdslink/rdslink/internal/nearest"
	"github.com/rdslink/rdslink/internal/outcome"
)

// notOptedIn is a region's status in an account that has not enabled it. A service can support an opt-in region only where
// its account has (docs.aws.amazon.com/vpc/latest/privatelink/privatelink-share-your-services.html, "Cross-Region access").
const notOptedIn = "not-opted-in"

// checkRegions reports, as an error, further regions that are none, or that the account has not enabled: creating the
// endpoint service would refuse them after everything else was made.
func checkRegions(ctx context.Context, api networkAPI, r request, given []string) error {
	if len(given) == 0 {
		return nil
	}
	out, err := api.DescribeRegions(ctx, &ec2.DescribeRegionsInput{AllRegions: aws.Bool(true)})
	if outcome.DoWithout(ctx, err, "whether the supported regions exist, which step 5 finds out") {
		return nil
	}
	if err != nil {
		return fmt.Errorf("describe regions: %w", err)
	}
	status, names := map[string]string{}, []string(nil)
	for _, region := range out.Regions {
		status[aws.ToString(region.RegionName)] = aws.ToString(region.OptInStatus)
		names = append(names, aws.ToString(region.RegionName))
	}
	for _, region := range given {
		near, field := strings.Join(nearest.To(region, names), " or "), r.named(region)
		switch found, known := status[region]; {
		case !known && near != "":
			return outcome.BadInput("%s: %s is no region of AWS; did you mean %s?", field, region, near)
		case !known:
			return outcome.BadInput("%s: %s is no region of AWS: leave it out, or look it up (aws account list-regions)", field, region)
		case found == notOptedIn:
			return outcome.BadInput("%s: %s is not enabled in this account: enable it "+
				"(aws account enable-region --region-name %s, which can take hours), or leave it out", field, region, region)
		}
	}
	return nil
}

// named is the field by which the service is to support a further region.
func (r request) named(region string) string {
	if region == r.vendorRegion {
		return "vendorRegion"
	}
	return "supportedRegions"
}
