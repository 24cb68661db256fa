package confirm

import (
	"context"
	"time"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	servicequotastypes "github.com/aws/aws-sdk-go-v2/service/servicequotas/types"

	"github.com/rdslink/rdslink/internal/registry"
)

// Account is what is read. Nothing of it changes anything.
type Account interface {
	Identity(ctx context.Context) (account, region string, err error)

	Services(ctx context.Context) ([]ec2types.ServiceConfiguration, error) // that carry our tag
	Connections(ctx context.Context, serviceID string) ([]ec2types.VpcEndpointConnection, error)
	Interfaces(ctx context.Context, filter, value string) ([]ec2types.NetworkInterface, error)
	Rules(ctx context.Context, exposure string) ([]ec2types.SecurityGroupRule, error) // that carry the exposure's tag

	LoadBalancers(ctx context.Context) ([]elbtypes.LoadBalancer, error)
	TargetGroups(ctx context.Context) ([]elbtypes.TargetGroup, error)
	Targets(ctx context.Context, targetGroupARN string) ([]elbtypes.TargetHealthDescription, error)
	Limits(ctx context.Context) ([]elbtypes.Limit, error)

	Instances(ctx context.Context) ([]rdstypes.DBInstance, error)
	Clusters(ctx context.Context) ([]rdstypes.DBCluster, error)
	Proxies(ctx context.Context) ([]rdstypes.DBProxy, error)
	GlobalClusters(ctx context.Context) ([]rdstypes.GlobalCluster, error)

	Executions(ctx context.Context) ([]string, error) // ARNs of the setup state machine's, the newest first
	Execution(ctx context.Context, arn string) (Execution, error)
	Binding(ctx context.Context, exposure string) (*registry.Binding, error)   // nil without a schedule
	Variables(ctx context.Context, function string) (map[string]string, error) // of a function's environment
	Log(ctx context.Context, function, message string) ([]Line, error)         // every line that may have the message
	Sum(ctx context.Context, loadBalancer, metric string) (float64, error)     // over two weeks
	Values(ctx context.Context, metric string) (int, error)                    // days with values of ours without dimensions
	Quotas(ctx context.Context) ([]servicequotastypes.ServiceQuota, error)     // of Amazon VPC
	Quota(ctx context.Context, code string) (*servicequotastypes.ServiceQuota, error)

	Lookup(ctx context.Context, host string) ([]string, error) // as this machine's DNS answers
}

// Execution is an execution of the setup state machine.
type Execution struct {
	ARN, Status  string
	Error, Cause string // where it failed
	Steps        []Step // in the order of their first entry
	// Last is the type of the last event, LastResource what it says that it is about.
	Last, LastResource string
}

// Step is a state of an execution, as far as it has come.
type Step struct {
	Name           string // "1. Gather RDS details"
	Entered, Ended time.Time
	Failures       []string // the names of its attempts' errors
}

// Line is a line that one of our functions has logged.
type Line struct {
	At     time.Time
	Fields map[string]any
}

// Text is a field of the line that is text.
func (l Line) Text(name string) string {
	text, _ := l.Fields[name].(string)
	return text
}

// Number is a field of the line that is a number.
func (l Line) Number(name string) (float64, bool) {
	n, ok := l.Fields[name].(float64)
	return n, ok
}
