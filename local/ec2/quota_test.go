package ec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
)

// The list and the look at one agree, and both know Amazon VPC's quotas alone.
func TestQuotasAreListedAsTheyAreRead(t *testing.T) {
	one, err := getServiceQuota(t.Context(), &servicequotas.GetServiceQuotaInput{ServiceCode: aws.String("vpc"), QuotaCode: aws.String(rulesQuota)})
	if err != nil {
		t.Fatal(err)
	}
	all, err := listServiceQuotas(t.Context(), &servicequotas.ListServiceQuotasInput{ServiceCode: aws.String("vpc")})
	if err != nil || len(all.Quotas) != 1 || aws.ToString(all.Quotas[0].QuotaName) != aws.ToString(one.Quota.QuotaName) || aws.ToFloat64(all.Quotas[0].Value) != mostRules {
		t.Errorf("%+v %v, and not %+v", all, err, one.Quota)
	}
	if _, err := listServiceQuotas(t.Context(), &servicequotas.ListServiceQuotasInput{ServiceCode: aws.String("ebs")}); err == nil {
		t.Error("another service's quotas are listed")
	}
	if _, err := listServiceQuotas(t.Context(), &servicequotas.ListServiceQuotasInput{ServiceCode: aws.String("vpc"), NextToken: aws.String("x")}); err == nil {
		t.Error("a page that nobody gave is there")
	}
}
