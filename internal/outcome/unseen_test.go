package outcome

import (
	"errors"
	"fmt"
	"testing"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"
)

// What a call of the steps hears of something that an earlier call made, by the same service or by another.
func TestWhatWasJustMadeIsWaitedFor(t *testing.T) {
	for what, err := range map[string]error{
		"a group's rules":                       &smithy.GenericAPIError{Code: "InvalidGroup.NotFound"},
		"a group that a describe missed":        &smithy.GenericAPIError{Code: "InvalidGroup.Duplicate"},
		"a rule to revoke or to tag":            &smithy.GenericAPIError{Code: "InvalidSecurityGroupRuleId.NotFound"},
		"a rule that a describe missed":         &smithy.GenericAPIError{Code: "InvalidPermission.Duplicate"},
		"a service's permissions":               &smithy.GenericAPIError{Code: "InvalidVpcEndpointServiceId.NotFound"},
		"a service's notification":              &smithy.GenericAPIError{Code: "InvalidVpcEndpointService.NotFound"},
		"a load balancer, which EC2 must know":  &smithy.GenericAPIError{Code: "InvalidNetworkLoadBalancerArn.NotFound"},
		"a load balancer's attributes":          &elbtypes.LoadBalancerNotFoundException{},
		"a target group behind a listener":      &elbtypes.TargetGroupNotFoundException{},
		"a listener":                            &elbtypes.ListenerNotFoundException{},
		"a listener that a describe missed":     &elbtypes.DuplicateListenerException{},
		"EC2's group, which ELB must know":      &elbtypes.InvalidSecurityGroupException{},
		"and through the words of a call of it": fmt.Errorf("create load balancer x: %w", &elbtypes.InvalidSecurityGroupException{}),
	} {
		if got := Name(Unseen(err)); got != NameNotReady {
			t.Errorf("%s: %v is %s", what, err, got)
		}
	}
	for what, err := range map[string]error{
		"success":            nil,
		"another refusal":    &smithy.GenericAPIError{Code: "InvalidSubnet"},
		"no answer at all":   errors.New("reset"),
		"a subnet of theirs": &smithy.GenericAPIError{Code: "InvalidSubnetID.NotFound"},
	} {
		if outcome := Unseen(err); outcome != err { //nolint:errorlint // it is the same one
			t.Errorf("%s became %v", what, outcome)
		}
	}
}
