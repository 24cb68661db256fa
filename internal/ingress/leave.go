package ingress

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
)

// LeaveAPI is what EC2 has to answer where rules are given up.
type LeaveAPI interface {
	RevokeSecurityGroupIngress(context.Context, *ec2.RevokeSecurityGroupIngressInput, ...func(*ec2.Options)) (*ec2.RevokeSecurityGroupIngressOutput, error)
	DeleteTags(context.Context, *ec2.DeleteTagsInput, ...func(*ec2.Options)) (*ec2.DeleteTagsOutput, error)
}

// Leave gives up a rule of ours that the exposure needs no more: its tag goes, and with the last tag the rule.
func Leave(ctx context.Context, api LeaveAPI, exposure string, rule types.SecurityGroupRule) (err error) {
	id := aws.ToString(rule.SecurityGroupRuleId)
	if len(ServedBy(rule, exposure)) > 0 {
		slog.InfoContext(ctx, "untag security group rule", "exposure", exposure, "securityGroupRuleId", id)
		_, err = api.DeleteTags(ctx, &ec2.DeleteTagsInput{
			Resources: []string{id},
			Tags:      []types.Tag{{Key: aws.String(owned.RuleTag(exposure))}},
		})
	} else {
		slog.InfoContext(ctx, "revoke security group ingress", "exposure", exposure, "securityGroupRuleId", id)
		_, err = api.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{
			GroupId:              rule.GroupId,
			SecurityGroupRuleIds: []string{id},
		})
	}
	gone := []string{"InvalidSecurityGroupRuleId.NotFound", "InvalidPermission.NotFound", "InvalidGroup.NotFound"}
	if refused, ok := errors.AsType[smithy.APIError](err); ok && slices.Contains(gone, refused.ErrorCode()) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("leave security group rule %s: %w", id, err)
	}
	return nil
}

// ServedBy are the other exposures that a rule serves.
func ServedBy(rule types.SecurityGroupRule, exposure string) (others []string) {
	for _, t := range rule.Tags {
		if id, serves := strings.CutPrefix(aws.ToString(t.Key), owned.RuleTag("")); serves && id != exposure {
			others = append(others, id)
		}
	}
	slices.Sort(others)
	return others
}

// Untagged says which tag to put, when AWS refuses to change a group and the deployment asks for the tag.
func Untagged(asked bool, groupID string, err error) error {
	refused, ok := errors.AsType[smithy.APIError](err)
	if !asked || !ok || refused.ErrorCode() != "UnauthorizedOperation" {
		return err
	}
	return outcome.Failed("put the tag %s=%s on it (aws ec2 create-tags --resources %s --tags Key=%s,Value=%s), then redrive: "+
		"this deployment lets rdslink change only security groups that carry it; "+
		"if it does, see service control policies and permissions boundaries: %v",
		owned.IngressTag, owned.IngressAllowed, groupID, owned.IngressTag, owned.IngressAllowed, err)
}
