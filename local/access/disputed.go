package access

// reading is one belief about the resource on which AWS judges an action, and who holds it.
type reading struct {
	on     func(*question) string
	source string
}

// everywhere: the service names no resource, so that only a policy for all of them allows the action.
func everywhere(*question) string { return "*" }

// disputed are the actions on whose resource AWS's documents, its refusals and those who tried do not agree. Each reading is
// asked for: a policy has to satisfy all of them, and so the strictest.
var disputed = map[string][]reading{
	"sns:GetSubscriptionAttributes": subscriptions,
	"sns:SetSubscriptionAttributes": subscriptions,
	"sns:Unsubscribe":               subscriptions,
	"servicequotas:GetServiceQuota": {
		{func(q *question) string { return q.arn("servicequotas", q.text("ServiceCode")+"/"+q.text("QuotaCode")) },
			"servicereference.us-east-1.amazonaws.com/v1/servicequotas/servicequotas.json: quota"},
		{everywhere, "docs.aws.amazon.com/service-authorization/latest/reference/list_servicequotas.html: quota is optional"},
	},
	"vpce:AllowMultiRegion": {
		{func(q *question) string { return q.arn("ec2", "vpc-endpoint-service/"+orAll(q.text("ServiceId"))) },
			"servicereference.us-east-1.amazonaws.com/v1/vpce/vpce.json: vpc-endpoint-service"},
		{everywhere, "docs.aws.amazon.com/service-authorization/latest/reference/list_vpce.html: both types are optional, " +
			"and the action is one that no call has"},
	},
	"ec2:GetSecurityGroupsForVpc": {
		{func(q *question) string { return q.arn("ec2", "vpc/*") },
			"docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html: vpc"},
		{everywhere, "github.com/automat-it/terraform-aws-eks-auxiliary/issues/54: ELB's refusal names no VPC"},
	},
}

var subscriptions = []reading{
	{subscribed, "servicereference.us-east-1.amazonaws.com/v1/sns/sns.json: topic"},
	{parameter("SubscriptionArn"), "docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html: what the call names"},
	{func(q *question) string { return q.arn("sns", "*") },
		"github.com/mozilla/fxa-auth-server/issues/2401: a refusal of SNS's for an action without a resource"},
	{everywhere, "docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html: no type of resource"},
}

// read are the needs of all readings of an action.
func read(action string) func(*question) ([]need, error) {
	return func(q *question) ([]need, error) { return q.readings(action, ""), nil }
}

// readings are those of an action that another call implies, as a source says.
func (q *question) readings(action, implied string) []need {
	var found []need
	for _, r := range disputed[action] {
		resource := r.on(q)
		found = append(found, need{action: action, resource: resource, everywhere: resource == "*", implied: implied})
	}
	return found
}
