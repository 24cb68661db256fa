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
	API
	RevokeSecurityGroupIngress(context.Context, *ec2.RevokeSecurityGroupIngressInput, ...func(*ec2.Options)) (*ec2.RevokeSecurityGroupIngressOutput, error)
	CreateTags(context.Context, *ec2.CreateTagsInput, ...func(*ec2.Options)) (*ec2.CreateTagsOutput, error)
	DeleteTags(context.Context, *ec2.DeleteTagsInput, ...func(*ec2.Options)) (*ec2.DeleteTagsOutput, error)
}

// Leave gives up a rule of ours that the exposure needs no more: with the last that it serves the rule goes, else the
// exposure's tag. EC2 does not revoke on a condition, so the tag says first that the exposure is leaving. One that comes to
// share the rule tags it before it looks (Stays): either its tag is seen here, or this one there.
func Leave(ctx context.Context, api LeaveAPI, exposure string, rule types.SecurityGroupRule) error {
	id := aws.ToString(rule.SecurityGroupRuleId)
	_, err := api.CreateTags(ctx, &ec2.CreateTagsInput{
		Resources: []string{id},
		Tags:      owned.EC2Tags(map[string]string{owned.RuleTag(exposure): owned.RuleLeaving}),
	})
	if gone(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("mark security group rule %s: %w", id, err)
	}
	left, err := ByID(ctx, api, []string{id})
	if err != nil || len(left) == 0 {
		return err
	}
	if len(ServedBy(left[0], exposure)) > 0 {
		return untag(ctx, api, exposure, id)
	}
	slog.InfoContext(ctx, "revoke security group ingress", "exposure", exposure, "securityGroupRuleId", id)
	_, err = api.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{
		GroupId:              rule.GroupId,
		SecurityGroupRuleIds: []string{id},
	})
	if err != nil && !gone(err) {
		return fmt.Errorf("revoke security group rule %s: %w", id, err)
	}
	return nil
}

func untag(ctx context.Context, api LeaveAPI, exposure, id string) error {
	slog.InfoContext(ctx, "untag security group rule", "exposure", exposure, "securityGroupRuleId", id)
	_, err := api.DeleteTags(ctx, &ec2.DeleteTagsInput{
		Resources: []string{id},
		Tags:      []types.Tag{{Key: aws.String(owned.RuleTag(exposure))}},
	})
	if err != nil && !gone(err) {
		return fmt.Errorf("untag security group rule %s: %w", id, err)
	}
	return nil
}

// Stays reports, as an error, rules that an exposure shares and another is giving up: they may go.
func Stays(exposure string, rules []types.SecurityGroupRule) error {
	for _, rule := range rules {
		if others := tagged(rule, exposure, true); len(others) > 0 {
			return outcome.NotReady("security group rule %s: exposure %s is giving it up, so it may go; if that removal has ended, redrive it",
				aws.ToString(rule.SecurityGroupRuleId), strings.Join(others, ", "))
		}
	}
	return nil
}

// gone tells that there is no such rule any more.
func gone(err error) bool {
	refused, ok := errors.AsType[smithy.APIError](err)
	unknown := []string{"InvalidSecurityGroupRuleId.NotFound", "InvalidPermission.NotFound", "InvalidGroup.NotFound"}
	return ok && slices.Contains(unknown, refused.ErrorCode())
}

// ServedBy are the other exposures that a rule serves.
func ServedBy(rule types.SecurityGroupRule, exposure string) []string {
	return tagged(rule, exposure, false)
}

// tagged are the other exposures whose tags a rule carries: those that are leaving it, or those that are not.
func tagged(rule types.SecurityGroupRule, exposure string, leaving bool) (others []string) {
	for _, t := range rule.Tags {
		id, ours := strings.CutPrefix(aws.ToString(t.Key), owned.RuleTag(""))
		if ours && id != exposure && leaving == (aws.ToString(t.Value) == owned.RuleLeaving) {
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
