package metric

import (
	"fmt"
	"strconv"
	"strings"
)

// OfLink is what AWS measures of a link, for each minute in which something goes through it. Our own looks through the load
// balancer's nodes are among it. AWS names neither client nor database there.
type OfLink struct {
	Namespace string
	Name      string
	Statistic string   // the one that says something of a minute
	Bytes     bool     // or a count
	By        []string // the dimensions that tell links apart
}

// The dimensions. A load balancer goes by the last part of its ARN, net/NAME/ID.
const (
	LoadBalancer = "LoadBalancer"
	TargetGroup  = "TargetGroup"
	ServiceID    = "Service Id"
)

// The metrics: docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html,
// docs.aws.amazon.com/vpc/latest/privatelink/privatelink-cloudwatch-metrics.html.
var (
	ActiveFlows    = ofBalancer("ActiveFlowCount", "Maximum")
	NewFlows       = ofBalancer("NewFlowCount", "Sum")
	ProcessedBytes = OfLink{balancers, "ProcessedBytes", "Sum", true, []string{LoadBalancer}}
	ClientResets   = ofBalancer("TCP_Client_Reset_Count", "Sum")
	TargetResets   = ofBalancer("TCP_Target_Reset_Count", "Sum")
	BalancerResets = ofBalancer("TCP_ELB_Reset_Count", "Sum")
	RejectedFlows  = ofBalancer("RejectedFlowCount", "Sum")
	PortErrors     = ofBalancer("PortAllocationErrorCount", "Sum")
	// HealthyHosts is asked for the most in a minute: nodes do not look at the same time, and a new target is not healthy
	// yet.
	HealthyHosts   = OfLink{balancers, "HealthyHostCount", "Maximum", false, []string{LoadBalancer, TargetGroup}}
	UnhealthyHosts = OfLink{balancers, "UnHealthyHostCount", "Maximum", false, []string{LoadBalancer, TargetGroup}}

	Endpoints           = OfLink{services, "EndpointsCount", "Maximum", false, []string{ServiceID}}
	EndpointConnections = OfLink{services, "ActiveConnections", "Maximum", false, []string{ServiceID}}
)

const (
	balancers = "AWS/NetworkELB"
	services  = "AWS/PrivateLinkServices"
)

func ofBalancer(name, statistic string) OfLink {
	return OfLink{balancers, name, statistic, false, []string{LoadBalancer}}
}

// Search is the expression that finds the metric of every link, in periods of so many seconds: of those too that are made
// later (docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html). It cannot tell by tags, and
// finds those of other load balancers and endpoint services of the account and region with them.
func (m OfLink) Search(period int) string {
	schema := m.Namespace
	for _, dimension := range m.By {
		if strings.Contains(dimension, " ") { // as the syntax wants it
			dimension = strconv.Quote(dimension)
		}
		schema += "," + dimension
	}
	return fmt.Sprintf(`SEARCH('{%s} MetricName="%s"', '%s', %d)`, schema, m.Name, m.Statistic, period)
}

// Dimension is how metrics name the load balancer or the target group of an ARN: by its last part, from net/ or targetgroup/
// on.
func Dimension(arn string) string {
	return strings.TrimPrefix(arn[strings.LastIndex(arn, ":")+1:], "loadbalancer/")
}
