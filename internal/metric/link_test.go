package metric

import "testing"

func TestASearchNamesExactlyTheDimensions(t *testing.T) {
	for got, want := range map[string]string{
		NewFlows.Search(60):       `SEARCH('{AWS/NetworkELB,LoadBalancer} MetricName="NewFlowCount"', 'Sum', 60)`,
		HealthyHosts.Search(300):  `SEARCH('{AWS/NetworkELB,LoadBalancer,TargetGroup} MetricName="HealthyHostCount"', 'Maximum', 300)`,
		Endpoints.Search(60 * 60): `SEARCH('{AWS/PrivateLinkServices,"Service Id"} MetricName="EndpointsCount"', 'Maximum', 3600)`,
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestMetricsNameTheLastPartOfAnARN(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/net/orders/0123456789abcdef": "net/orders/0123456789abcdef",
		"arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/orders/0123456789abcdef":      "targetgroup/orders/0123456789abcdef",
	} {
		if got := Dimension(arn); got != want {
			t.Errorf("%s is %s, want %s", arn, got, want)
		}
	}
}
