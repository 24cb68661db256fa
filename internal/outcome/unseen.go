package outcome

import "slices"

// unseen are the codes with which a service says that it does not know something, or knows more than it showed: what was
// just made may be unknown to the next call, and longer to another service than to the one that made it
// (AWSEC2/latest/APIReference/query-api-troubleshooting.html, "Eventual consistency";
// hashicorp/terraform-provider-aws#15214).
var unseen = []string{
	"InvalidGroup.NotFound",
	"InvalidGroup.Duplicate",
	"InvalidPermission.NotFound",
	"InvalidPermission.Duplicate",
	"InvalidSecurityGroupRuleId.NotFound",
	"InvalidVpcEndpointServiceId.NotFound", // which of the two comes depends on the action
	"InvalidVpcEndpointService.NotFound",
	"InvalidNetworkLoadBalancerArn.NotFound",
	"LoadBalancerNotFound",
	"TargetGroupNotFound",
	"ListenerNotFound",
	"DuplicateListener",
	"InvalidSecurityGroup", // ELB, of a group that EC2 has made (kubernetes-sigs/aws-load-balancer-controller#2371)
}

// Unseen is NotReady where AWS does not know yet what was just made or seen, and err otherwise. Asking again settles it: had
// the thing gone since, the next attempt makes another, or says so.
func Unseen(err error) error {
	if err != nil && slices.Contains(unseen, code(err)) {
		return NotReady("AWS does not agree with itself yet: %w", err)
	}
	return err
}
