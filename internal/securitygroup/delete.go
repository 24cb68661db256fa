package securitygroup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/outcome"
)

// DeleteAPI is what EC2 has to answer where groups are deleted.
type DeleteAPI interface {
	DescribeSecurityGroups(context.Context, *ec2.DescribeSecurityGroupsInput, ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error)
	DescribeNetworkInterfaces(context.Context, *ec2.DescribeNetworkInterfacesInput, ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error)
	DeleteSecurityGroup(context.Context, *ec2.DeleteSecurityGroupInput, ...func(*ec2.Options)) (*ec2.DeleteSecurityGroupOutput, error)
}

// Delete deletes a group. While network interfaces carry it, which load balancers and functions leave behind for a while, it
// is NotReady; where somebody else's rules name it, it stays, and why says so.
func Delete(ctx context.Context, api DeleteAPI, id string) (why string, err error) {
	slog.InfoContext(ctx, "delete security group", "securityGroupId", id)
	_, err = api.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &id})
	refused, known := errors.AsType[smithy.APIError](err)
	switch {
	case err == nil || known && refused.ErrorCode() == "InvalidGroup.NotFound":
		return "", nil
	case !known || refused.ErrorCode() != "DependencyViolation":
		return "", fmt.Errorf("delete security group %s: %w", id, err)
	}
	interfaces, err := api.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{Filters: filter("group-id", id)})
	if err != nil {
		return "", fmt.Errorf("describe network interfaces of security group %s: %w", id, err)
	}
	if n := len(interfaces.NetworkInterfaces); n > 0 {
		return "", outcome.NotReady("security group %s is carried by %d network interfaces yet, among them %s (%s)", id, n,
			aws.ToString(interfaces.NetworkInterfaces[0].NetworkInterfaceId), aws.ToString(interfaces.NetworkInterfaces[0].Description))
	}
	naming, err := api.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: filter("ip-permission.group-id", id)})
	if err != nil {
		return "", fmt.Errorf("describe security groups whose rules name %s: %w", id, err)
	}
	var groups []string
	for _, g := range naming.SecurityGroups {
		if other := aws.ToString(g.GroupId); other != id {
			groups = append(groups, other)
		}
	}
	if len(groups) == 0 {
		return "", outcome.NotReady("security group %s is in use, and nothing that uses it shows", id)
	}
	return fmt.Sprintf("rules of %s name it, which are not rdslink's: revoke them, then delete it", strings.Join(groups, ", ")), nil
}

func filter(name, value string) []types.Filter {
	return []types.Filter{{Name: &name, Values: []string{value}}}
}
