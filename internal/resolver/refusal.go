package resolver

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

// SubnetsAPI tells in which zones subnets lie. Whoever makes a function in a VPC may ask it: Lambda does so, too.
type SubnetsAPI interface {
	DescribeSubnets(context.Context, *ec2.DescribeSubnetsInput, ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error)
}

// Lambda has one code, InvalidParameterValueException, for what passes by itself, for what the next subnet settles and for
// what nothing settles. Only the text tells them apart.
const (
	zoneRefused    = "availability zone Lambda doesn't support" // keboola/developer-portal#81
	roleUnknown    = "cannot be assumed by Lambda"              // terraform-provider-aws, internal/service/lambda: retryFunctionOp
	policyUnknown  = "does not have permissions to call"        // the same
	deniedByEC2    = "access has been denied by EC2"            // serverless/serverless#1966: the older words for it
	throttledByEC2 = "throttled by EC2"                         // the same as the first two
	groupUnknown   = "EC2 Error Code: InvalidGroup.NotFound"    // serverless/serverless#2973
	subnetGone     = "EC2 Error Code: InvalidSubnetID.NotFound"
)

// refusal is the text of an InvalidParameterValueException, "" for any other error.
func refusal(err error) string {
	invalid, ok := errors.AsType[*types.InvalidParameterValueException](err)
	if !ok {
		return ""
	}
	return aws.ToString(invalid.Message)
}

// judged gives the refusal of a new function its word.
func judged(name string, err error) error {
	err = fmt.Errorf("create function %s: %w", name, err)
	if _, exists := errors.AsType[*types.ResourceConflictException](err); exists {
		return outcome.NotReady("another exposure of the VPC is making the function: %w", err)
	}
	text := refusal(err)
	switch {
	case strings.Contains(text, roleUnknown), strings.Contains(text, policyUnknown), strings.Contains(text, deniedByEC2):
		return outcome.NotReady("IAM has not made the resolver's role and its policy known everywhere yet; "+
			"if that lasts, check service control policies and permissions boundaries: %w", err)
	case strings.Contains(text, groupUnknown):
		return outcome.NotReady("EC2 has not made the resolver's security group known everywhere yet: %w", err)
	case strings.Contains(text, throttledByEC2):
		return outcome.Throttled("%w", err)
	case strings.Contains(text, subnetGone):
		return outcome.Failed("a subnet has gone since step 1; start again with the same input: %w", err)
	}
	return err
}

// noZone says that Lambda takes none of the zones.
func noZone(ctx context.Context, api SubnetsAPI, name string, subnetIDs []string, refused error) error {
	out, err := api.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: subnetIDs})
	var places []string
	switch {
	case outcome.DoWithout(ctx, err, "the names of the zones that Lambda refuses"):
		out, places = &ec2.DescribeSubnetsOutput{}, subnetIDs
	case err != nil:
		return fmt.Errorf("describe subnets %s, which Lambda refuses: %w", strings.Join(subnetIDs, ", "), err)
	}
	for _, subnet := range out.Subnets {
		places = append(places, fmt.Sprintf("%s (%s, %s)",
			aws.ToString(subnet.AvailabilityZone), aws.ToString(subnet.AvailabilityZoneId), aws.ToString(subnet.SubnetId)))
	}
	return outcome.BadInput(`create function %s: Lambda takes none of the zones of the database's subnet group `+
		`that the resolver could live in: %s: start again with "resolver": "none", or add a subnet in another zone to the subnet group: %w`,
		name, strings.Join(places, ", "), refused)
}
