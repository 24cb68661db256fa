package outcome

import (
	"fmt"
	"regexp"
)

// quotaCode are the codes of something that there are too many of. Throttles are called alike: transient comes first.
var quotaCode = regexp.MustCompile(`^TooMany|Limit|Quota|StorageExceeded`)

// A quota as the console names it, and what one has too many of.
type quota struct{ service, name string }

const (
	balancing = "Elastic Load Balancing"
	vpc       = "Amazon VPC"
)

// quotas are those of the calls that the steps make, by the codes of their refusals. Step 1 counts what it can, but two
// executions can pass its count at once, and others make things, too.
var quotas = map[string]quota{
	"TooManyLoadBalancers":                     {balancing, "Network Load Balancers per Region"},
	"TooManyTargetGroups":                      {balancing, "Target Groups per Region"},
	"TooManyListeners":                         {balancing, "Listeners per Network Load Balancer"},
	"TooManyTargets":                           {balancing, "Targets per Network Load Balancer"},
	"TooManyRegistrationsForTargetId":          {balancing, "Number of times a target can be registered per Network Load Balancer"},
	"TooManyUniqueTargetGroupsPerLoadBalancer": {balancing, "Target Groups per Action per Network Load Balancer"},
	"TargetGroupAssociationLimit":              {balancing, "Target Groups per Action per Network Load Balancer"},
	"TooManyActions":                           {balancing, "Actions per rule"},
	"TooManyCertificates":                      {balancing, "Certificates per Network Load Balancer"},

	"SecurityGroupLimitExceeded":              {vpc, "VPC security groups per Region"},
	"RulesPerSecurityGroupLimitExceeded":      {vpc, "Inbound or outbound rules per security group"},
	"SecurityGroupsPerInterfaceLimitExceeded": {vpc, "Security groups per network interface"},
	"NetworkInterfaceLimitExceeded":           {vpc, "Network interfaces per Region"},
	"VpcEndpointLimitExceeded":                {vpc, "Interface VPC endpoints per VPC"},

	"CodeStorageExceededException":  {"AWS Lambda", "Function and layer storage"},
	"ENILimitReachedException":      {"AWS Lambda", "Elastic network interfaces per VPC"},
	"EniLimitReachedException":      {"AWS Lambda", "Elastic network interfaces per VPC"},
	"ServiceQuotaExceededException": {"Amazon EventBridge Scheduler", "Number of schedules"},
	"SubscriptionLimitExceeded":     {"Amazon Simple Notification Service", "Subscriptions per topic"},
	"FilterPolicyLimitExceeded":     {"Amazon Simple Notification Service", "Filter policies per account"},
}

// fixed are what no quota raises.
var fixed = map[string]string{
	"TooManyTags":                          tags,
	"TagLimitExceeded":                     tags,
	"SubnetIPAddressLimitReachedException": "free addresses in the subnets that the message names",
}

const tags = "a resource takes 50 tags, and the option `tags` of the deployment is among them: give fewer"

// overQuota says whether AWS refuses because there are too many of something already.
func overQuota(err error) bool { return quotaCode.MatchString(code(err)) && !transient(err) }

// remedy says what to do about a quota.
func remedy(code string) string {
	if text, found := fixed[code]; found {
		return text
	}
	where := "the quota that the message means (Service Quotas)"
	if q, found := quotas[code]; found {
		where = fmt.Sprintf("the quota %q (Service Quotas, %s)", q.name, q.service)
	}
	return "raise " + where + ", or remove what is no longer used"
}
