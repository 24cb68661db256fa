package confirm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	servicequotastypes "github.com/aws/aws-sdk-go-v2/service/servicequotas/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

const (
	owner      = "111122223333"
	id         = "orders-pushmetrics-0a1b2c3d"
	lb         = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/net/" + id + "/0123456789abcdef"
	serviceID  = "vpce-svc-0123456789abcdef0"
	endpointID = "vpce-0123456789abcdef0"
	dbARN      = "arn:aws:rds:eu-central-1:111122223333:db:orders"
	host       = "orders.abc.eu-central-1.rds.amazonaws.com"
	address    = "10.0.1.20"
)

// fake is an account that shows what it holds.
type fake struct {
	services    []ec2types.ServiceConfiguration
	connections map[string][]ec2types.VpcEndpointConnection // by service; "": without a filter
	interfaces  map[string][]ec2types.NetworkInterface      // by filter and value
	rules       []ec2types.SecurityGroupRule
	balancers   []elbtypes.LoadBalancer
	groups      []elbtypes.TargetGroup
	targets     []elbtypes.TargetHealthDescription
	limits      []elbtypes.Limit
	instances   []rdstypes.DBInstance
	clusters    []rdstypes.DBCluster
	proxies     []rdstypes.DBProxy
	global      []rdstypes.GlobalCluster
	executions  []Execution
	older       []Execution // not among the newest
	binding     *registry.Binding
	variables   map[string]string
	logs        map[string][]Line // by function
	sums        map[string]float64
	values      int
	quotas      []servicequotastypes.ServiceQuota
	quota       *servicequotastypes.ServiceQuota
	names       map[string][]string

	err   error          // of every read
	asked map[string]int // how often each question was
}

// read gives what is there, or the error of every read.
func read[T any](f *fake, question string, what T) (T, error) {
	if f.asked == nil {
		f.asked = map[string]int{}
	}
	f.asked[question]++
	var nothing T
	if f.err != nil {
		return nothing, f.err
	}
	return what, nil
}

// refusal is how AWS refuses an operation.
func refusal(service, operation string) error {
	return &smithy.OperationError{ServiceID: service, OperationName: operation, Err: &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "no"}}
}

func (f *fake) Identity(context.Context) (string, string, error) { return owner, "eu-central-1", nil }
func (f *fake) Services(context.Context) ([]ec2types.ServiceConfiguration, error) {
	return read(f, "Services", f.services)
}
func (f *fake) Connections(_ context.Context, service string) ([]ec2types.VpcEndpointConnection, error) {
	return read(f, "Connections"+service, f.connections[service])
}
func (f *fake) Interfaces(_ context.Context, filter, value string) ([]ec2types.NetworkInterface, error) {
	return read(f, "Interfaces"+filter+value, f.interfaces[filter+"="+value])
}
func (f *fake) Rules(_ context.Context, exposure string) ([]ec2types.SecurityGroupRule, error) {
	return read(f, "Rules"+exposure, f.rules)
}
func (f *fake) LoadBalancers(context.Context) ([]elbtypes.LoadBalancer, error) {
	return read(f, "LoadBalancers", f.balancers)
}
func (f *fake) TargetGroups(context.Context) ([]elbtypes.TargetGroup, error) {
	return read(f, "TargetGroups", f.groups)
}
func (f *fake) Targets(_ context.Context, group string) ([]elbtypes.TargetHealthDescription, error) {
	return read(f, "Targets"+group, f.targets)
}
func (f *fake) Limits(context.Context) ([]elbtypes.Limit, error) { return read(f, "Limits", f.limits) }
func (f *fake) Instances(context.Context) ([]rdstypes.DBInstance, error) {
	return read(f, "Instances", f.instances)
}
func (f *fake) Clusters(context.Context) ([]rdstypes.DBCluster, error) {
	return read(f, "Clusters", f.clusters)
}
func (f *fake) Proxies(context.Context) ([]rdstypes.DBProxy, error) {
	return read(f, "Proxies", f.proxies)
}
func (f *fake) GlobalClusters(context.Context) ([]rdstypes.GlobalCluster, error) {
	return read(f, "GlobalClusters", f.global)
}
func (f *fake) Executions(context.Context) ([]string, error) {
	var arns []string
	for _, e := range f.executions {
		arns = append(arns, e.ARN)
	}
	return read(f, "Executions", arns)
}
func (f *fake) Execution(_ context.Context, arn string) (Execution, error) {
	for _, e := range slices.Concat(f.executions, f.older) {
		if e.ARN == arn {
			return read(f, "Execution"+arn, e)
		}
	}
	return Execution{}, errors.New("no such execution")
}
func (f *fake) Binding(_ context.Context, exposure string) (*registry.Binding, error) {
	return read(f, "Binding"+exposure, f.binding)
}
func (f *fake) Variables(_ context.Context, function string) (map[string]string, error) {
	return read(f, "Variables"+function, f.variables)
}
func (f *fake) Log(_ context.Context, function, message string) ([]Line, error) {
	return read(f, "Log"+function+message, f.logs[function])
}
func (f *fake) Sum(_ context.Context, balancer, metric string) (float64, error) {
	return read(f, "Sum"+balancer+metric, f.sums[metric])
}
func (f *fake) Values(_ context.Context, metric string) (int, error) {
	return read(f, "Values"+metric, f.values)
}
func (f *fake) Quotas(context.Context) ([]servicequotastypes.ServiceQuota, error) {
	return read(f, "Quotas", f.quotas)
}
func (f *fake) Quota(_ context.Context, code string) (*servicequotastypes.ServiceQuota, error) {
	return read(f, "Quota"+code, f.quota)
}
func (f *fake) Lookup(_ context.Context, name string) ([]string, error) {
	if f.names[name] == nil {
		return nil, errors.New("no such host")
	}
	return read(f, "Lookup"+name, f.names[name])
}

// logged adds a line to a function's log; its fields are names and values in turn.
func (f *fake) logged(function string, at time.Time, message string, fields ...any) {
	l := Line{At: at, Fields: map[string]any{"msg": message}}
	for i := 0; i < len(fields); i += 2 {
		l.Fields[fields[i].(string)] = fields[i+1]
	}
	f.logs[function] = append(f.logs[function], l)
}

// forget empties a function's log.
func (f *fake) forget(function string) { delete(f.logs, function) }

// connection sets the one connection, both with and without a filter.
func (f *fake) connection(state ec2types.State, made time.Time) {
	c := []ec2types.VpcEndpointConnection{{ServiceId: aws.String(serviceID), VpcEndpointId: aws.String(endpointID), VpcEndpointOwner: aws.String("133737826969"),
		VpcEndpointState: state, CreationTimestamp: &made}}
	f.connections = map[string][]ec2types.VpcEndpointConnection{"": c, serviceID: c}
}

// succeeded is an execution that went through every step.
func succeeded() Execution {
	e := Execution{ARN: "arn:aws:states:eu-central-1:111122223333:execution:rdslink-setup:first", Status: "SUCCEEDED"}
	for i := 1; i <= 10; i++ {
		e.Steps = append(e.Steps, Step{Name: fmt.Sprintf("%d. Step", i), Entered: time.Now(), Ended: time.Now()})
	}
	return e
}

// stopped is an execution that came to an end in a step, or waits there.
func stopped(step int, status, name, cause string) Execution {
	e := succeeded()
	e.ARN = fmt.Sprintf("arn:aws:states:eu-central-1:111122223333:execution:rdslink-setup:%s-in-%d-%s", status, step, name)
	e.Status, e.Error, e.Cause = status, name, cause
	e.Steps = e.Steps[:step]
	e.Steps[step-1].Ended = time.Time{}
	return e
}

// asAssumed is an account in which everything is as it was assumed, as far as one database can show it.
func asAssumed() *fake {
	month, now := time.Now().Add(-20*24*time.Hour), time.Now()
	active := &elbtypes.LoadBalancerState{Code: elbtypes.LoadBalancerStateEnumActive}
	group := []ec2types.GroupIdentifier{{GroupId: aws.String("sg-db")}}
	nic := ec2types.NetworkInterface{NetworkInterfaceId: aws.String("eni-db"), OwnerId: aws.String(owner), VpcId: aws.String("vpc-1"), Groups: group,
		Description: aws.String("RDSNetworkInterface"), PrivateIpAddress: aws.String(address), AvailabilityZone: aws.String("eu-central-1a")}
	node := ec2types.NetworkInterface{NetworkInterfaceId: aws.String("eni-lb"), PrivateIpAddress: aws.String("10.0.1.7")}
	f := &fake{
		services: []ec2types.ServiceConfiguration{{ServiceId: aws.String(serviceID), NetworkLoadBalancerArns: []string{lb},
			Tags:             owned.EC2Tags(owned.Owner{}.ExposureTags(id, dbARN)),
			SupportedRegions: []ec2types.SupportedRegionDetail{{Region: aws.String("eu-central-1")}, {Region: aws.String("eu-west-1")}}}},
		interfaces: map[string][]ec2types.NetworkInterface{
			"description=ELB net/" + id + "/*":        {node},
			"addresses.private-ip-address=" + address: {nic},
			"description=RDSNetworkInterface":         {nic},
		},
		rules:     []ec2types.SecurityGroupRule{{CidrIpv4: aws.String("10.0.1.7/32")}},
		balancers: []elbtypes.LoadBalancer{{LoadBalancerArn: aws.String(lb), State: active, CreatedTime: &month, AvailabilityZones: make([]elbtypes.AvailabilityZone, 1)}},
		groups: []elbtypes.TargetGroup{{TargetGroupArn: aws.String("arn:tg"), LoadBalancerArns: []string{lb}, HealthCheckProtocol: "TCP",
			HealthCheckIntervalSeconds: aws.Int32(10), HealthCheckTimeoutSeconds: aws.Int32(10)}},
		targets: []elbtypes.TargetHealthDescription{{Target: &elbtypes.TargetDescription{Id: aws.String(address), Port: aws.Int32(5432)},
			TargetHealth: &elbtypes.TargetHealth{State: elbtypes.TargetHealthStateEnumHealthy}}},
		limits: []elbtypes.Limit{{Name: aws.String("network-load-balancers"), Max: aws.String("50")}},
		instances: []rdstypes.DBInstance{{DBInstanceArn: aws.String(dbARN), DBInstanceIdentifier: aws.String("orders"), MultiAZ: aws.Bool(true),
			AvailabilityZone: aws.String("eu-central-1a"), SecondaryAvailabilityZone: aws.String("eu-central-1b"),
			VpcSecurityGroups: []rdstypes.VpcSecurityGroupMembership{{VpcSecurityGroupId: aws.String("sg-db")}}}},
		clusters: []rdstypes.DBCluster{{DBClusterArn: aws.String("arn:secondary"), DBClusterIdentifier: aws.String("second"), GlobalClusterIdentifier: aws.String("world")}},
		global: []rdstypes.GlobalCluster{{GlobalClusterIdentifier: aws.String("world"), GlobalClusterMembers: []rdstypes.GlobalClusterMember{
			{DBClusterArn: aws.String("arn:secondary"), IsWriter: aws.Bool(false)}}}},
		binding:   &registry.Binding{Exposure: id, DatabaseARN: dbARN, DatabaseKind: database.Instance, Engine: "postgres", Host: host, Port: 5432, VPCID: "vpc-1", ResolverFunction: "arn:resolver"},
		variables: map[string]string{deployment.DatabaseGroups: deployment.OnlyTagged},
		logs:      map[string][]Line{"resolver": {{At: now}}},
		sums:      map[string]float64{"NewFlowCount": 40},
		values:    14,
		quotas:    []servicequotastypes.ServiceQuota{{QuotaName: aws.String("Interface VPC endpoints per VPC"), QuotaCode: aws.String("L-29B6F2EB"), Value: aws.Float64(50)}},
		quota:     &servicequotastypes.ServiceQuota{QuotaName: aws.String("Inbound or outbound rules per security group"), Value: aws.Float64(60)},
		names:     map[string][]string{host: {address}},
	}
	waits, timedOut := stopped(9, "RUNNING", "", ""), stopped(9, "FAILED", "States.Timeout", "")
	waits.Last, waits.LastResource = "TaskSubmitted", "lambda:invoke.waitForTaskToken"
	timedOut.Steps[1].Failures = []string{"NotReady", "Lambda.ENILimitReachedException"}
	f.executions = []Execution{waits, succeeded(), timedOut}
	f.connection("pendingAcceptance", month)

	f.logged("create-load-balancer", month, "created load balancer", "loadBalancerArn", lb)
	f.logged("create-load-balancer", month.Add(time.Second), "created listener", "listenerArn", "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/net/"+id+"/0/1")
	f.logged("create-endpoint-service", month, "step failed", "error", "NotReady", "message", "load balancer "+lb+" is provisioning")
	f.logged("create-endpoint-service", month, "created endpoint service", "serviceId", serviceID)
	f.logged("observer", month.Add(3*time.Second), "connection notification", "records", []any{map[string]any{"Sns": map[string]any{"Message": "hello"}}})
	f.logged("resolve-private-ip", month, "created function", "functionArn", "arn:resolver")
	f.logged("update-the-rds-security-group", month, "revoke security group ingress", "exposure", id)
	f.logged("create-target-group", month, "register target", "exposure", id, "target", "10.0.1.10:5432")
	f.logged("ip-sync", now.Add(-time.Hour), "database moves", "exposure", id, "event", "RDS-EVENT-0049")
	f.logged("ip-sync", now.Add(-time.Hour+2*time.Second), "register target", "exposure", id, "target", address+":5432")
	f.logged("ip-sync", now.Add(-time.Hour+3*time.Second), "synced", "exposure", id, "address", "10.0.1.10", "SyncAge", 0.0) // from before the move
	f.logged("ip-sync", now.Add(-time.Hour+100*time.Second), "synced", "exposure", id, "address", address, "SyncAge", 0.0)
	return f
}

// ofProxy makes the database a proxy.
func (f *fake) ofProxy() { f.binding.DatabaseKind = database.Proxy }

// ofMySQL makes the database one whose target is unhealthy for the load balancer.
func (f *fake) ofMySQL(open float64) {
	f.binding.Engine = "mysql"
	f.targets[0].TargetHealth.State = elbtypes.TargetHealthStateEnumUnhealthy
	f.sums["UnhealthyRoutingFlowCount"] = open
}
