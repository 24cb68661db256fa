package rds

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/local/ec2"
)

func TestInstanceHasAnEndpointWhenItIsAvailable(t *testing.T) {
	b := newBed(t)
	if made := must(b, b.createDBInstance, instanceInput()).DBInstance; made.Endpoint != nil || *made.DBInstanceStatus != creating {
		t.Errorf("born %s with endpoint %v", *made.DBInstanceStatus, made.Endpoint)
	}
	d := b.awaitStatus(available)
	name := *d.Endpoint.Address
	if want := `^orders-prod\.c[a-z2-7]{11}\.eu-central-1\.rds\.amazonaws\.com$`; !regexp.MustCompile(want).MatchString(name) || *d.Endpoint.Port != 5432 {
		t.Errorf("endpoint %s:%d", name, *d.Endpoint.Port)
	}
	if got := b.records[name]; got.inside != nil || !slices.Equal(got.outside, []netip.Addr{netip.MustParseAddr("10.0.1.4")}) || got.ttl != 5 {
		t.Errorf("%s resolves to %v", name, got)
	}
	if want := []string{"create for " + name, "start in vpc-1 on 10.0.1.4:5432"}; !slices.Equal(b.actions, want) {
		t.Errorf("servers: %v", b.actions)
	}
	if *d.AvailabilityZone != "eu-central-1a" || *d.SecondaryAvailabilityZone != "eu-central-1b" {
		t.Errorf("in %s, standby in %s", *d.AvailabilityZone, *d.SecondaryAvailabilityZone)
	}
	for _, i := range b.attached {
		if i.Description != "RDSNetworkInterface" || !slices.Equal(i.Groups, []string{"sg-1"}) {
			t.Errorf("interface %+v", i)
		}
	}
}

func TestPublicInstanceResolvesPrivatelyInItsVPCOnly(t *testing.T) { // API_DBInstance, PubliclyAccessible
	b := newBed(t)
	in := instanceInput()
	in.PubliclyAccessible = aws.Bool(true)
	must(b, b.createDBInstance, in)
	got := b.records[*b.awaitStatus(available).Endpoint.Address]
	if want := netip.MustParseAddr("10.0.1.4"); got.inside["vpc-1"][0] != want || got.outside[0] == want {
		t.Errorf("resolves to %v", got)
	}
}

func TestFailoverMovesTheDatabaseAndTellsInOrder(t *testing.T) {
	b := newBed(t)
	name := *b.running().Endpoint.Address
	b.events, b.actions = nil, nil
	during := must(b, b.rebootDBInstance, rds.RebootDBInstanceInput{DBInstanceIdentifier: aws.String("orders-prod"), ForceFailover: aws.Bool(true)}).DBInstance
	if *during.DBInstanceStatus != rebooting {
		t.Errorf("status %s", *during.DBInstanceStatus)
	}
	d := b.awaitStatus(available)
	if *d.AvailabilityZone != "eu-central-1b" || *d.SecondaryAvailabilityZone != "eu-central-1a" {
		t.Errorf("in %s, standby in %s", *d.AvailabilityZone, *d.SecondaryAvailabilityZone)
	}
	if got := b.records[name].outside; !slices.Equal(got, []netip.Addr{netip.MustParseAddr("10.0.2.4")}) {
		t.Errorf("resolves to %v", got)
	}
	if want := []string{"stop", "start in vpc-1 on 10.0.2.4:5432"}; !slices.Equal(b.actions, want) { // the same server, so the same data
		t.Errorf("servers: %v", b.actions)
	}
	var events []string
	for _, e := range b.events {
		events = append(events, e.Detail.(detail).EventID)
	}
	if want := []string{"RDS-EVENT-0013", "RDS-EVENT-0049", "RDS-EVENT-0006"}; !slices.Equal(events, want) { // repost.aws/knowledge-center/rds-connections-reboot-failover
		t.Errorf("events %v", events)
	}
}

func TestAddressThatFailoverFreesIsGivenToOthers(t *testing.T) {
	b := newBed(t)
	b.running()
	must(b, b.rebootDBInstance, rds.RebootDBInstanceInput{DBInstanceIdentifier: aws.String("orders-prod"), ForceFailover: aws.Bool(true)})
	b.awaitStatus(available)
	if other, _ := b.Attach(account, "subnet-a", nil, "", netip.Addr{}); other.Address != netip.MustParseAddr("10.0.1.4") {
		t.Errorf("the next interface gets %s", other.Address)
	}
}

func TestEventsHaveTheShapeOfAWS(t *testing.T) { // AmazonRDS/latest/UserGuide/rds-cloud-watch-events.html
	b := newBed(t)
	b.running()
	e := b.events[0]
	arn := "arn:aws:rds:eu-central-1:111122223333:db:orders-prod"
	if e.Source != "aws.rds" || e.DetailType != "RDS DB Instance Event" || e.Account != account || !slices.Equal(e.Resources, []string{arn}) {
		t.Errorf("event %+v", e)
	}
	text, err := json.Marshal(e.Detail)
	if err != nil {
		t.Fatal(err)
	}
	want := `^{"EventCategories":\["creation"\],"SourceType":"DB_INSTANCE","SourceArn":"` + arn +
		`","Date":"[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z","Message":"DB instance created","SourceIdentifier":"orders-prod","EventID":"RDS-EVENT-0005"}$`
	if !regexp.MustCompile(want).Match(text) {
		t.Errorf("detail %s", text)
	}
}

func TestRebootKeepsTheAddress(t *testing.T) {
	b := newBed(t)
	b.running()
	b.actions = nil
	must(b, b.rebootDBInstance, rds.RebootDBInstanceInput{DBInstanceIdentifier: aws.String("orders-prod")})
	b.awaitStatus(available)
	if want := []string{"stop", "start in vpc-1 on 10.0.1.4:5432"}; !slices.Equal(b.actions, want) {
		t.Errorf("servers: %v", b.actions)
	}
}

func TestStoppedInstanceStartsWhereItWas(t *testing.T) {
	b := newBed(t)
	b.running()
	id := aws.String("orders-prod")
	must(b, b.stopDBInstance, rds.StopDBInstanceInput{DBInstanceIdentifier: id})
	if d := b.awaitStatus(stopped); d.Endpoint == nil {
		t.Error("a stopped instance keeps its endpoint")
	}
	refused(b, "InvalidDBInstanceState", b.rebootDBInstance, rds.RebootDBInstanceInput{DBInstanceIdentifier: id})
	must(b, b.startDBInstance, rds.StartDBInstanceInput{DBInstanceIdentifier: id})
	b.awaitStatus(available)
	if last := b.actions[len(b.actions)-1]; last != "start in vpc-1 on 10.0.1.4:5432" {
		t.Errorf("last action: %s", last)
	}
}

func TestInstanceThatCannotBeCreatedFails(t *testing.T) {
	b := newBed(t)
	b.refuses = true
	must(b, b.createDBInstance, instanceInput())
	if d := b.awaitStatus(failed); d.Endpoint != nil {
		t.Error("has an endpoint")
	}
}

func TestModifiedSecurityGroupsReachTheInterface(t *testing.T) {
	b := newBed(t)
	b.running()
	must(b, b.modifyDBInstance, rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("orders-prod"), VpcSecurityGroupIds: []string{"sg-2"}})
	if d, _ := b.orders(); *d.VpcSecurityGroups[0].VpcSecurityGroupId != "sg-2" || !slices.Equal(b.all()[0].Groups, []string{"sg-2"}) {
		t.Errorf("groups %v", b.all()[0].Groups)
	}
}

func TestInstancesAreFound(t *testing.T) {
	for how, row := range map[string]struct {
		in   rds.DescribeDBInstancesInput
		want int
	}{
		"by identifier, in any case":   {rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String("ORDERS-prod")}, 1},
		"by ARN":                       {rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String("arn:aws:rds:eu-central-1:111122223333:db:orders-prod")}, 1},
		"by the filter db-instance-id": {rds.DescribeDBInstancesInput{Filters: filter("db-instance-id", "other", "orders-prod")}, 1},
		"by the filter engine":         {rds.DescribeDBInstancesInput{Filters: filter("engine", "postgres")}, 1},
		"not by another engine":        {rds.DescribeDBInstancesInput{Filters: filter("engine", "mysql")}, 0},
		"not by a cluster":             {rds.DescribeDBInstancesInput{Filters: filter("db-cluster-id", "orders")}, 0},
		"among all of the account":     {rds.DescribeDBInstancesInput{}, 1},
	} {
		t.Run(how, func(t *testing.T) {
			b := newBed(t)
			b.running()
			if got := must(b, b.describeDBInstances, row.in).DBInstances; len(got) != row.want {
				t.Errorf("found %d", len(got))
			}
		})
	}
}

func filter(name string, values ...string) []types.Filter {
	return []types.Filter{{Name: &name, Values: values}}
}

func TestDescribesGoPageByPage(t *testing.T) {
	b := newBed(t)
	for n := range 25 {
		in := subnetGroupInput()
		in.DBSubnetGroupName = aws.String(fmt.Sprintf("group-%d", n))
		must(b, b.createDBSubnetGroup, in)
	}
	in, seen := rds.DescribeDBSubnetGroupsInput{MaxRecords: aws.Int32(20)}, 0
	for range 3 {
		out := must(b, b.describeDBSubnetGroups, in)
		seen += len(out.DBSubnetGroups)
		if in.Marker = out.Marker; in.Marker == nil {
			break
		}
	}
	if seen != 26 {
		t.Errorf("saw %d", seen)
	}
}

func TestWhatNamesNoSubnetGroupGoesToTheDefaultVPC(t *testing.T) {
	b := newBed(t)
	b.defaults = []*ec2.Subnet{b.subnets["subnet-a"], b.subnets["subnet-b"], b.subnets["subnet-c"]}
	in := instanceInput()
	in.DBSubnetGroupName, in.VpcSecurityGroupIds = nil, nil
	i := must(b, b.createDBInstance, in).DBInstance
	if g := i.DBSubnetGroup; *g.DBSubnetGroupName != "default" || *g.VpcId != "vpc-1" || len(g.Subnets) != 3 || *i.PubliclyAccessible {
		t.Errorf("the instance is in %+v", g)
	}
	if *i.VpcSecurityGroups[0].VpcSecurityGroupId != "sg-default" {
		t.Errorf("its groups are %v", i.VpcSecurityGroups)
	}
	cluster := clusterInput()
	cluster.DBSubnetGroupName = nil
	if c := must(b, b.createDBCluster, cluster).DBCluster; *c.DBSubnetGroup != "default" {
		t.Errorf("the cluster is in %s", *c.DBSubnetGroup)
	}
	found := must(b, b.describeDBSubnetGroups, rds.DescribeDBSubnetGroupsInput{DBSubnetGroupName: aws.String("default")}).DBSubnetGroups
	if len(found) != 1 || *found[0].DBSubnetGroupDescription != "default" {
		t.Errorf("the group is %+v", found)
	}
}

func TestTheLastOfATagsValuesIsShown(t *testing.T) {
	b := newBed(t)
	in := instanceInput()
	for _, value := range []string{"1", "2"} {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String("a"), Value: &value})
	}
	if got := must(b, b.createDBInstance, in).DBInstance.TagList; len(got) != 1 || *got[0].Value != "2" {
		t.Errorf("tags %v", got)
	}
}

func TestCreateDBInstanceIsRefused(t *testing.T) {
	for refusal, row := range map[string]struct {
		source, code string
		change       func(*rds.CreateDBInstanceInput)
	}{
		"an identifier that begins with a digit": {"API_CreateDBInstance, DBInstanceIdentifier", "InvalidParameterValue", func(in *rds.CreateDBInstanceInput) {
			in.DBInstanceIdentifier = aws.String("1orders")
		}},
		"an identifier with two hyphens in a row": {"API_CreateDBInstance, DBInstanceIdentifier", "InvalidParameterValue", func(in *rds.CreateDBInstanceInput) {
			in.DBInstanceIdentifier = aws.String("orders--prod")
		}},
		"an identifier of more than 63 characters": {"API_CreateDBInstance, DBInstanceIdentifier", "InvalidParameterValue", func(in *rds.CreateDBInstanceInput) {
			in.DBInstanceIdentifier = aws.String(strings.Repeat("a", 64))
		}},
		"an engine that does not exist": {"API_CreateDBInstance, Engine", "InvalidParameterValue", func(in *rds.CreateDBInstanceInput) {
			in.Engine = aws.String("db2")
		}},
		"an Aurora instance without a cluster": {"API_CreateDBInstance: For Aurora, DBClusterIdentifier", "InvalidParameterCombination", func(in *rds.CreateDBInstanceInput) {
			in.Engine = aws.String("aurora-postgresql")
		}},
		"a port below 1150": {"API_CreateDBInstance, Port: Valid values 1150-65535", "InvalidParameterValue", func(in *rds.CreateDBInstanceInput) {
			in.Port = aws.Int32(443)
		}},
		"a port that SQL Server reserves": {"API_CreateDBInstance, Port: except 1234, 1434, …", "InvalidParameterValue", func(in *rds.CreateDBInstanceInput) {
			in.Engine, in.Port = aws.String("sqlserver-ex"), aws.Int32(1434)
		}},
		"a password of less than 8 characters": {"API_CreateDBInstance, MasterUserPassword", "InvalidParameterValue", func(in *rds.CreateDBInstanceInput) {
			in.MasterUserPassword = aws.String("short")
		}},
		"a zone for a Multi-AZ instance": {"API_CreateDBInstance, AvailabilityZone: can't be specified if the DB instance is a Multi-AZ deployment", "InvalidParameterCombination",
			func(in *rds.CreateDBInstanceInput) {
				in.AvailabilityZone = aws.String("eu-central-1a")
			}},
		"a subnet group that does not exist": {"API_CreateDBInstance, DBSubnetGroupNotFoundFault", "DBSubnetGroupNotFoundFault", func(in *rds.CreateDBInstanceInput) {
			in.DBSubnetGroupName = aws.String("nobody")
		}},
		"no subnet group in an account without a default VPC": {"API_CreateDBInstance, InvalidSubnet", "InvalidSubnet", func(in *rds.CreateDBInstanceInput) {
			in.DBSubnetGroupName = nil
		}},
		"a security group that does not exist": {"API_CreateDBInstance", "InvalidParameterValue", func(in *rds.CreateDBInstanceInput) {
			in.VpcSecurityGroupIds = []string{"sg-0"}
		}},
		"a security group of another VPC": {"API_CreateDBInstance", "InvalidParameterCombination", func(in *rds.CreateDBInstanceInput) {
			in.VpcSecurityGroupIds = []string{"sg-other"}
		}},
		"a cluster that does not exist": {"API_CreateDBInstance, DBClusterNotFoundFault", "DBClusterNotFoundFault", func(in *rds.CreateDBInstanceInput) {
			in.DBClusterIdentifier = aws.String("orders")
		}},
	} {
		t.Run(refusal, func(t *testing.T) {
			b := newBed(t)
			in := instanceInput()
			row.change(&in)
			refused(b, row.code, b.createDBInstance, in)
		})
	}
}

func TestRefusals(t *testing.T) {
	id := aws.String("orders-prod")
	for refusal, row := range map[string]struct {
		source string
		try    func(b *bed)
	}{
		"an identifier that is taken": {"API_CreateDBInstance, DBInstanceAlreadyExists", func(b *bed) {
			refused(b, "DBInstanceAlreadyExists", b.createDBInstance, instanceInput())
		}},
		"failover of an instance that is not Multi-AZ": {"API_RebootDBInstance, ForceFailover: You can't enable force failover if the instance isn't configured for Multi-AZ", func(b *bed) {
			must(b, b.modifyDBInstance, rds.ModifyDBInstanceInput{DBInstanceIdentifier: id, MultiAZ: aws.Bool(false), ApplyImmediately: aws.Bool(true)})
			refused(b, "InvalidParameterCombination", b.rebootDBInstance, rds.RebootDBInstanceInput{DBInstanceIdentifier: id, ForceFailover: aws.Bool(true)})
		}},
		"a second operation while one runs": {"API_RebootDBInstance, InvalidDBInstanceState", func(b *bed) {
			b.world.Speed = 1
			must(b, b.rebootDBInstance, rds.RebootDBInstanceInput{DBInstanceIdentifier: id, ForceFailover: aws.Bool(true)})
			refused(b, "InvalidDBInstanceState", b.stopDBInstance, rds.StopDBInstanceInput{DBInstanceIdentifier: id})
		}},
		"starting what runs": {"API_StartDBInstance, InvalidDBInstanceState", func(b *bed) {
			refused(b, "InvalidDBInstanceState", b.startDBInstance, rds.StartDBInstanceInput{DBInstanceIdentifier: id})
		}},
		"a subnet group in one zone": {"API_CreateDBSubnetGroup, DBSubnetGroupDoesNotCoverEnoughAZs", func(b *bed) {
			in := subnetGroupInput()
			in.DBSubnetGroupName, in.SubnetIds = aws.String("narrow"), []string{"subnet-a"}
			refused(b, "DBSubnetGroupDoesNotCoverEnoughAZs", b.createDBSubnetGroup, in)
		}},
		"a subnet group in two VPCs": {"API_CreateDBSubnetGroup, InvalidSubnet: subnets in the same VPC", func(b *bed) {
			in := subnetGroupInput()
			in.DBSubnetGroupName, in.SubnetIds = aws.String("wide"), []string{"subnet-a", "subnet-other"}
			refused(b, "InvalidSubnet", b.createDBSubnetGroup, in)
		}},
		"a subnet group name that is taken": {"API_CreateDBSubnetGroup, DBSubnetGroupAlreadyExists", func(b *bed) {
			refused(b, "DBSubnetGroupAlreadyExists", b.createDBSubnetGroup, subnetGroupInput())
		}},
		"an instance that does not exist": {"API_DescribeDBInstances, DBInstanceNotFound", func(b *bed) {
			refused(b, "DBInstanceNotFound", b.describeDBInstances, rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String("nobody")})
		}},
		"another account's instance": {"every describe shows the caller's own", func(b *bed) {
			arn := "arn:aws:rds:eu-central-1:999999999999:db:orders-prod"
			refused(b, "DBInstanceNotFound", b.describeDBInstances, rds.DescribeDBInstancesInput{DBInstanceIdentifier: &arn})
		}},
		"a filter that does not exist": {"API_DescribeDBInstances, Filters", func(b *bed) {
			refused(b, "InvalidParameterValue", b.describeDBInstances, rds.DescribeDBInstancesInput{Filters: filter("vpc-id", "vpc-1")})
		}},
		"a page of less than 20": {"API_DescribeDBInstances, MaxRecords: Minimum 20, maximum 100", func(b *bed) {
			refused(b, "InvalidParameterValue", b.describeDBInstances, rds.DescribeDBInstancesInput{MaxRecords: aws.Int32(1)})
		}},
		"a cluster": {"API_DescribeDBClusters, DBClusterNotFoundFault", func(b *bed) {
			refused(b, "DBClusterNotFoundFault", b.describeDBClusters, rds.DescribeDBClustersInput{DBClusterIdentifier: id})
		}},
		"a proxy": {"API_DescribeDBProxies, DBProxyNotFoundFault", func(b *bed) {
			refused(b, "DBProxyNotFoundFault", b.describeDBProxies, rds.DescribeDBProxiesInput{DBProxyName: id})
		}},
		"what was just made, to a describe": {"RDS is eventually consistent", func(b *bed) {
			b.world.Speed, b.world.Delays.Visibility = 1, time.Hour
			refused(b, "DBInstanceNotFound", b.describeDBInstances, rds.DescribeDBInstancesInput{DBInstanceIdentifier: id})
		}},
	} {
		t.Run(refusal, func(t *testing.T) {
			b := newBed(t)
			b.running()
			row.try(b)
		})
	}
}
