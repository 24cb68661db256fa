package confirm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	cloudwatchlogstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	servicequotastypes "github.com/aws/aws-sdk-go-v2/service/servicequotas/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

// How much is read.
const (
	newest   = 20                  // executions
	logged   = 30 * 24 * time.Hour // of logs
	logPages = 50                  // of one log, of at most 1 MB each
	measured = 14 * 24 * time.Hour // of metrics
)

// AWS is the account that a configuration points at. Its clients retry what is throttled: many small questions follow one
// another.
type AWS struct {
	config  aws.Config
	name    deployment.Name
	lookups func(ctx context.Context, host string) ([]string, error)

	caller arn.ARN
}

// New is the account of a configuration, with the deployment of a name, and a way to look hosts up: this machine's, if nil.
func New(config aws.Config, name deployment.Name, lookup func(context.Context, string) ([]string, error)) *AWS {
	if lookup == nil {
		lookup = net.DefaultResolver.LookupHost
	}
	return &AWS{config: config, name: name, lookups: lookup}
}

// Identity is where the account is. It comes first.
func (a *AWS) Identity(ctx context.Context) (account, region string, err error) {
	out, err := sts.NewFromConfig(a.config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", "", err
	}
	if a.caller, err = arn.Parse(aws.ToString(out.Arn)); err != nil {
		return "", "", fmt.Errorf("parse %s: %w", aws.ToString(out.Arn), err)
	}
	return a.caller.AccountID, a.config.Region, nil
}

func (a *AWS) ec2() *ec2.Client { return ec2.NewFromConfig(a.config) }
func (a *AWS) elb() *elb.Client { return elb.NewFromConfig(a.config) }
func (a *AWS) rds() *rds.Client { return rds.NewFromConfig(a.config) }

func filter(name, value string) []ec2types.Filter {
	return []ec2types.Filter{{Name: &name, Values: []string{value}}}
}

// pager is a paginator of the SDK's.
type pager[P, O any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*O)) (P, error)
}

// collect reads all pages.
func collect[T, P, O any](ctx context.Context, pages pager[P, O], items func(P) []T) (all []T, err error) {
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, items(page)...)
	}
	return all, nil
}

// Services implements Account.
func (a *AWS) Services(ctx context.Context) ([]ec2types.ServiceConfiguration, error) {
	return collect(ctx, ec2.NewDescribeVpcEndpointServiceConfigurationsPaginator(a.ec2(),
		&ec2.DescribeVpcEndpointServiceConfigurationsInput{Filters: filter("tag:"+owned.ManagedTag, a.name.Managed())}),
		func(p *ec2.DescribeVpcEndpointServiceConfigurationsOutput) []ec2types.ServiceConfiguration {
			return p.ServiceConfigurations
		})
}

// Connections implements Account.
func (a *AWS) Connections(ctx context.Context, serviceID string) ([]ec2types.VpcEndpointConnection, error) {
	in := &ec2.DescribeVpcEndpointConnectionsInput{}
	if serviceID != "" {
		in.Filters = filter("service-id", serviceID)
	}
	return collect(ctx, ec2.NewDescribeVpcEndpointConnectionsPaginator(a.ec2(), in),
		func(p *ec2.DescribeVpcEndpointConnectionsOutput) []ec2types.VpcEndpointConnection {
			return p.VpcEndpointConnections
		})
}

// Interfaces implements Account.
func (a *AWS) Interfaces(ctx context.Context, name, value string) ([]ec2types.NetworkInterface, error) {
	return collect(ctx, ec2.NewDescribeNetworkInterfacesPaginator(a.ec2(), &ec2.DescribeNetworkInterfacesInput{Filters: filter(name, value)}),
		func(p *ec2.DescribeNetworkInterfacesOutput) []ec2types.NetworkInterface { return p.NetworkInterfaces })
}

// Rules implements Account.
func (a *AWS) Rules(ctx context.Context, exposure string) ([]ec2types.SecurityGroupRule, error) {
	return collect(ctx, ec2.NewDescribeSecurityGroupRulesPaginator(a.ec2(),
		&ec2.DescribeSecurityGroupRulesInput{Filters: filter("tag:"+owned.RuleTag(exposure), "true")}),
		func(p *ec2.DescribeSecurityGroupRulesOutput) []ec2types.SecurityGroupRule {
			return p.SecurityGroupRules
		})
}

// LoadBalancers implements Account.
func (a *AWS) LoadBalancers(ctx context.Context) ([]elbtypes.LoadBalancer, error) {
	return collect(ctx, elb.NewDescribeLoadBalancersPaginator(a.elb(), &elb.DescribeLoadBalancersInput{}),
		func(p *elb.DescribeLoadBalancersOutput) []elbtypes.LoadBalancer { return p.LoadBalancers })
}

// TargetGroups implements Account.
func (a *AWS) TargetGroups(ctx context.Context) ([]elbtypes.TargetGroup, error) {
	return collect(ctx, elb.NewDescribeTargetGroupsPaginator(a.elb(), &elb.DescribeTargetGroupsInput{}),
		func(p *elb.DescribeTargetGroupsOutput) []elbtypes.TargetGroup { return p.TargetGroups })
}

// Targets implements Account.
func (a *AWS) Targets(ctx context.Context, targetGroupARN string) ([]elbtypes.TargetHealthDescription, error) {
	out, err := a.elb().DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &targetGroupARN})
	if err != nil {
		return nil, err
	}
	return out.TargetHealthDescriptions, nil
}

// Limits implements Account.
func (a *AWS) Limits(ctx context.Context) ([]elbtypes.Limit, error) {
	return collect(ctx, elb.NewDescribeAccountLimitsPaginator(a.elb(), &elb.DescribeAccountLimitsInput{}),
		func(p *elb.DescribeAccountLimitsOutput) []elbtypes.Limit { return p.Limits })
}

// Instances implements Account.
func (a *AWS) Instances(ctx context.Context) ([]rdstypes.DBInstance, error) {
	return collect(ctx, rds.NewDescribeDBInstancesPaginator(a.rds(), &rds.DescribeDBInstancesInput{}),
		func(p *rds.DescribeDBInstancesOutput) []rdstypes.DBInstance { return p.DBInstances })
}

// Clusters implements Account.
func (a *AWS) Clusters(ctx context.Context) ([]rdstypes.DBCluster, error) {
	return collect(ctx, rds.NewDescribeDBClustersPaginator(a.rds(), &rds.DescribeDBClustersInput{}),
		func(p *rds.DescribeDBClustersOutput) []rdstypes.DBCluster { return p.DBClusters })
}

// Proxies implements Account.
func (a *AWS) Proxies(ctx context.Context) ([]rdstypes.DBProxy, error) {
	return collect(ctx, rds.NewDescribeDBProxiesPaginator(a.rds(), &rds.DescribeDBProxiesInput{}),
		func(p *rds.DescribeDBProxiesOutput) []rdstypes.DBProxy { return p.DBProxies })
}

// GlobalClusters implements Account.
func (a *AWS) GlobalClusters(ctx context.Context) ([]rdstypes.GlobalCluster, error) {
	return collect(ctx, rds.NewDescribeGlobalClustersPaginator(a.rds(), &rds.DescribeGlobalClustersInput{}),
		func(p *rds.DescribeGlobalClustersOutput) []rdstypes.GlobalCluster { return p.GlobalClusters })
}

// Binding implements Account.
func (a *AWS) Binding(ctx context.Context, exposure string) (*registry.Binding, error) {
	out, err := scheduler.NewFromConfig(a.config).GetSchedule(ctx,
		&scheduler.GetScheduleInput{Name: &exposure, GroupName: aws.String(a.name.ScheduleGroup())})
	if _, missing := errors.AsType[*schedulertypes.ResourceNotFoundException](err); missing {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b := new(registry.Binding)
	if err := json.Unmarshal([]byte(aws.ToString(out.Target.Input)), b); err != nil {
		return nil, fmt.Errorf("decode the input of schedule %s: %w", exposure, err)
	}
	return b, nil
}

// Variables implements Account.
func (a *AWS) Variables(ctx context.Context, function string) (map[string]string, error) {
	out, err := lambda.NewFromConfig(a.config).GetFunctionConfiguration(ctx,
		&lambda.GetFunctionConfigurationInput{FunctionName: aws.String(a.name.Function(function))})
	if err != nil || out.Environment == nil {
		return nil, err
	}
	return out.Environment.Variables, nil
}

// Log implements Account. A function that has never run may have no log group.
func (a *AWS) Log(ctx context.Context, function, message string) ([]Line, error) {
	in := &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: aws.String("/aws/lambda/" + a.name.Function(function)),
		StartTime:    aws.Int64(time.Now().Add(-logged).UnixMilli()),
	}
	if message != "" {
		in.FilterPattern = aws.String(`"` + message + `"`)
	}
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(cloudwatchlogs.NewFromConfig(a.config), in)
	var lines []Line
	for n := 0; pages.HasMorePages() && n < logPages; n++ {
		page, err := pages.NextPage(ctx)
		if _, missing := errors.AsType[*cloudwatchlogstypes.ResourceNotFoundException](err); missing {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, event := range page.Events {
			l := Line{At: time.UnixMilli(aws.ToInt64(event.Timestamp))}
			_ = json.Unmarshal([]byte(aws.ToString(event.Message)), &l.Fields) // Lambda's own lines have no fields
			lines = append(lines, l)
		}
	}
	return lines, nil
}

// Sum implements Account.
func (a *AWS) Sum(ctx context.Context, loadBalancer, metric string) (float64, error) {
	days, err := a.days(ctx, &cloudwatch.GetMetricStatisticsInput{Namespace: aws.String("AWS/NetworkELB"), MetricName: &metric,
		Dimensions: []cloudwatchtypes.Dimension{{Name: aws.String("LoadBalancer"), Value: &loadBalancer}}})
	sum := 0.0
	for _, day := range days {
		sum += aws.ToFloat64(day.Sum)
	}
	return sum, err
}

// Values implements Account.
func (a *AWS) Values(ctx context.Context, metric string) (int, error) {
	days, err := a.days(ctx, &cloudwatch.GetMetricStatisticsInput{Namespace: aws.String(a.name.Metrics()), MetricName: &metric})
	return len(days), err
}

// days are the sums of a metric's values, each of a day. One without dimensions is not the sum of those that have some.
func (a *AWS) days(ctx context.Context, in *cloudwatch.GetMetricStatisticsInput) ([]cloudwatchtypes.Datapoint, error) {
	now := time.Now()
	in.StartTime, in.EndTime, in.Period = aws.Time(now.Add(-measured)), &now, aws.Int32(24*60*60)
	in.Statistics = []cloudwatchtypes.Statistic{cloudwatchtypes.StatisticSum}
	out, err := cloudwatch.NewFromConfig(a.config).GetMetricStatistics(ctx, in)
	if err != nil {
		return nil, err
	}
	return out.Datapoints, nil
}

// Quotas implements Account.
func (a *AWS) Quotas(ctx context.Context) ([]servicequotastypes.ServiceQuota, error) {
	return collect(ctx, servicequotas.NewListServiceQuotasPaginator(servicequotas.NewFromConfig(a.config),
		&servicequotas.ListServiceQuotasInput{ServiceCode: aws.String("vpc")}),
		func(p *servicequotas.ListServiceQuotasOutput) []servicequotastypes.ServiceQuota { return p.Quotas })
}

// Quota implements Account. A quota may have no value of the account's, and none is one that does not exist.
func (a *AWS) Quota(ctx context.Context, code string) (*servicequotastypes.ServiceQuota, error) {
	out, err := servicequotas.NewFromConfig(a.config).GetServiceQuota(ctx,
		&servicequotas.GetServiceQuotaInput{ServiceCode: aws.String("vpc"), QuotaCode: &code})
	if _, missing := errors.AsType[*servicequotastypes.NoSuchResourceException](err); missing {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.Quota, nil
}

// Lookup implements Account.
func (a *AWS) Lookup(ctx context.Context, host string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return a.lookups(ctx, host)
}

// Executions implements Account.
func (a *AWS) Executions(ctx context.Context) (arns []string, err error) {
	machine := arn.ARN{Partition: a.caller.Partition, Service: "states", Region: a.config.Region, AccountID: a.caller.AccountID,
		Resource: "stateMachine:" + a.name.StateMachine()}.String()
	out, err := sfn.NewFromConfig(a.config).ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &machine, MaxResults: newest})
	if err != nil {
		return nil, err
	}
	for _, item := range out.Executions {
		arns = append(arns, aws.ToString(item.ExecutionArn))
	}
	return arns, nil
}

// Execution implements Account. The history comes without its data, in which the task token is.
func (a *AWS) Execution(ctx context.Context, executionARN string) (Execution, error) {
	client := sfn.NewFromConfig(a.config)
	out, err := client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &executionARN})
	if err != nil {
		return Execution{}, err
	}
	e := Execution{ARN: executionARN, Status: string(out.Status), Error: aws.ToString(out.Error), Cause: aws.ToString(out.Cause)}
	events, err := collect(ctx, sfn.NewGetExecutionHistoryPaginator(client,
		&sfn.GetExecutionHistoryInput{ExecutionArn: &executionARN, IncludeExecutionData: aws.Bool(false)}),
		func(p *sfn.GetExecutionHistoryOutput) []sfntypes.HistoryEvent { return p.Events })
	for _, event := range events {
		e.add(event)
	}
	return e, err
}

// add takes one event of the history into account. The states follow one another: an event without a name is the last one's.
func (e *Execution) add(event sfntypes.HistoryEvent) {
	at := aws.ToTime(event.Timestamp)
	e.Last, e.LastResource = string(event.Type), ""
	if d := event.TaskSubmittedEventDetails; d != nil {
		e.LastResource = aws.ToString(d.ResourceType) + ":" + aws.ToString(d.Resource)
	}
	if d := event.StateEnteredEventDetails; d != nil {
		e.enter(aws.ToString(d.Name), at)
	}
	if len(e.Steps) == 0 {
		return
	}
	step := &e.Steps[len(e.Steps)-1]
	switch {
	case event.Type == sfntypes.HistoryEventTypeTaskStateExited:
		step.Ended = at
	case event.TaskFailedEventDetails != nil:
		step.Failures = append(step.Failures, aws.ToString(event.TaskFailedEventDetails.Error))
	case event.TaskTimedOutEventDetails != nil:
		step.Failures = append(step.Failures, aws.ToString(event.TaskTimedOutEventDetails.Error))
	}
}

func (e *Execution) enter(name string, at time.Time) {
	if n := len(e.Steps); n > 0 && e.Steps[n-1].Name == name {
		return // redriven
	}
	e.Steps = append(e.Steps, Step{Name: name, Entered: at})
}
