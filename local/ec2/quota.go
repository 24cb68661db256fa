package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// Quotas are the operations of Service Quotas, for the one quota that is enforced here. Nobody raises it. In a world without
// it, it has no value of the account's own: "For some quotas, only the default values are available. If the applied quota
// value is not available for a quota, the quota is not retrieved" (API_ListServiceQuotas).
func Quotas(w *model.World) wire.Operations {
	return wire.Operations{
		"GetServiceQuota": wire.Op(func(
			ctx context.Context, in *servicequotas.GetServiceQuotaInput,
		) (*servicequotas.GetServiceQuotaOutput, error) {
			if w.Lacks("servicequotas", aws.ToString(in.QuotaCode)) {
				return nil, noQuota()
			}
			return getServiceQuota(ctx, in)
		}),
		"ListServiceQuotas": wire.Op(
			func(ctx context.Context, in *servicequotas.ListServiceQuotasInput) (*servicequotas.ListServiceQuotasOutput, error) {
				out, err := listServiceQuotas(ctx, in)
				if err == nil && w.Lacks("servicequotas", rulesQuota) {
					out.Quotas = nil
				}
				return out, err
			}),
	}
}

func noQuota() error {
	return wire.Errorf("NoSuchResourceException", "The request failed because the specified service or quota does not exist.")
}

// rulesQuota is "Inbound or outbound rules per security group"
// (docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html).
const rulesQuota = "L-0EA8095F"

func getServiceQuota(_ context.Context, in *servicequotas.GetServiceQuotaInput) (*servicequotas.GetServiceQuotaOutput, error) {
	if aws.ToString(in.ServiceCode) != "vpc" || aws.ToString(in.QuotaCode) != rulesQuota {
		return nil, noQuota()
	}
	return &servicequotas.GetServiceQuotaOutput{Quota: theRulesQuota()}, nil
}

func listServiceQuotas(_ context.Context, in *servicequotas.ListServiceQuotasInput) (*servicequotas.ListServiceQuotasOutput, error) {
	if aws.ToString(in.ServiceCode) != "vpc" {
		return nil, noQuota()
	}
	if in.NextToken != nil {
		return nil, wire.Errorf("InvalidPaginationTokenException", "Invalid input was provided.")
	}
	return &servicequotas.ListServiceQuotasOutput{Quotas: []types.ServiceQuota{*theRulesQuota()}}, nil
}

func theRulesQuota() *types.ServiceQuota {
	return &types.ServiceQuota{
		ServiceCode: aws.String("vpc"), ServiceName: aws.String("Amazon Virtual Private Cloud (Amazon VPC)"),
		QuotaCode: aws.String(rulesQuota), QuotaName: aws.String("Inbound or outbound rules per security group"),
		Value: aws.Float64(mostRules), Adjustable: true,
	}
}
