package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas/types"

	"github.com/rdslink/rdslink/local/wire"
)

// Quotas are the operations of Service Quotas, for the one quota that is enforced here. Nobody raises it.
func Quotas() wire.Operations {
	return wire.Operations{"GetServiceQuota": wire.Op(getServiceQuota)}
}

// rulesQuota is "Inbound or outbound rules per security group"
// (docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html).
const rulesQuota = "L-0EA8095F"

func getServiceQuota(_ context.Context, in *servicequotas.GetServiceQuotaInput) (*servicequotas.GetServiceQuotaOutput, error) {
	if aws.ToString(in.ServiceCode) != "vpc" || aws.ToString(in.QuotaCode) != rulesQuota {
		return nil, wire.Errorf("NoSuchResourceException", "The request failed because the specified service or quota does not exist.")
	}
	return &servicequotas.GetServiceQuotaOutput{Quota: &types.ServiceQuota{
		ServiceCode: in.ServiceCode, QuotaCode: in.QuotaCode, Value: aws.Float64(mostRules), Adjustable: true,
	}}, nil
}
