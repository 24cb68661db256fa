package ec2

import (
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/wire"
)

// kind is a kind of resource that ids name. The codes are those of AWSEC2/latest/APIReference/errors-overview.html, which
// follow no rule.
type kind struct {
	resource         types.ResourceType // that tags can be put on
	prefix           string             // of its ids
	form             *regexp.Regexp     // what follows; nil: ids of this kind are not looked at
	malformed, badID string             // code, and words with the id and the prefix
	notFound, noID   string             // code, and words with the id
}

var (
	hexDigits    = regexp.MustCompile(`^([0-9a-f]{8}|[0-9a-f]{17})$`)
	alphanumeric = regexp.MustCompile(`^[0-9a-z]+$`)
)

// The wordings of malformed ids (aws/aws-cdk#20800; terraform-aws-modules/terraform-aws-vpc#312).
const (
	badID         = `Invalid id: "%s" (expecting "%s...")`
	badEndpointID = `Invalid Id: '%s' (expecting '%s...; the Id may only contain lowercase alphanumeric characters and a single dash')`
	badServiceID  = `Invalid Id: '%s' (expecting '%s...')`
)

var (
	vpcKind = kind{types.ResourceTypeVpc, "vpc-", hexDigits,
		"InvalidVpcID.Malformed", badID, "InvalidVpcID.NotFound", "The vpc ID '%s' does not exist"}
	subnetKind = kind{types.ResourceTypeSubnet, "subnet-", hexDigits,
		"InvalidSubnetID.Malformed", badID, "InvalidSubnetID.NotFound", "The subnet ID '%s' does not exist"}
	groupKind = kind{types.ResourceTypeSecurityGroup, "sg-", hexDigits,
		"InvalidGroupId.Malformed", badID, "InvalidGroup.NotFound", "The security group '%s' does not exist"}
	ruleKind = kind{types.ResourceTypeSecurityGroupRule, "sgr-", hexDigits,
		"InvalidSecurityGroupRuleId.Malformed", badID, "InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '%s' does not exist"}
	networkACLKind = kind{types.ResourceTypeNetworkAcl, "acl-", hexDigits,
		"InvalidNetworkAclId.Malformed", badID, "InvalidNetworkAclID.NotFound", "The networkAcl ID '%s' does not exist"}
	interfaceKind = kind{types.ResourceTypeNetworkInterface, "eni-", hexDigits,
		"InvalidNetworkInterfaceId.Malformed", badID, "InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '%s' does not exist"}
	endpointKind = kind{types.ResourceTypeVpcEndpoint, "vpce-", alphanumeric,
		"InvalidVpcEndpointId.Malformed", badEndpointID, "InvalidVpcEndpointId.NotFound", "The Vpc Endpoint Id '%s' does not exist"}
	serviceKind = kind{types.ResourceTypeVpcEndpointService, "vpce-svc-", alphanumeric,
		"InvalidVpcEndpointServiceId.Malformed", badServiceID,
		"InvalidVpcEndpointServiceId.NotFound", "The VpcEndpointService Id '%s' does not exist"}
	// The wording: hashicorp/terraform-provider-aws, internal/service/ec2/errors.go.
	optionsKind = kind{types.ResourceTypeDhcpOptions, "dopt-", hexDigits,
		"InvalidDhcpOptionsId.Malformed", badID, "InvalidDhcpOptionID.NotFound", "The dhcpOption ID '%s' does not exist"}
	flowLogKind = kind{types.ResourceTypeVpcFlowLog, "fl-", hexDigits,
		"InvalidFlowLogId.Malformed", badID, "InvalidFlowLogId.NotFound", "The flow log ID '%s' does not exist"}
	notificationKind = kind{notFound: "InvalidConnectionNotification", noID: "The connection notification '%s' does not exist"}
	zoneKind         = kind{notFound: "InvalidParameterValue", noID: "Invalid availability zone-id: [%s]"}
)

// check refuses ids that cannot be of this kind. AWS does so before it looks any of them up.
func (k kind) check(ids ...string) error {
	for _, id := range ids {
		if !k.names(id) {
			return k.unknown(id)
		}
	}
	return nil
}

func (k kind) names(id string) bool {
	rest, ok := strings.CutPrefix(id, k.prefix)
	return k.form == nil || ok && k.form.MatchString(rest)
}

// unknown is what AWS answers for an id that names nothing.
func (k kind) unknown(id string) *wire.Error {
	if !k.names(id) {
		return wire.Errorf(k.malformed, k.badID, id, k.prefix)
	}
	return wire.Errorf(k.notFound, k.noID, id)
}

// kindOf is the kind that an id names.
func kindOf(id string) (kind, bool) {
	for _, k := range []kind{vpcKind, subnetKind, groupKind, ruleKind, networkACLKind, interfaceKind, endpointKind, serviceKind, flowLogKind} {
		if k.names(id) {
			return k, true
		}
	}
	return kind{}, false
}
