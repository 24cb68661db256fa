package rds

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// clusterInput is an Aurora cluster named orders.
func clusterInput() rds.CreateDBClusterInput {
	return rds.CreateDBClusterInput{
		DBClusterIdentifier: aws.String("Orders"), Engine: aws.String("aurora-postgresql"), DBSubnetGroupName: aws.String("private"),
		MasterUsername: aws.String("app"), MasterUserPassword: aws.String("correct-horse"), VpcSecurityGroupIds: []string{"sg-1"},
	}
}

func memberInput(id string) rds.CreateDBInstanceInput {
	return rds.CreateDBInstanceInput{
		DBInstanceIdentifier: &id, DBClusterIdentifier: aws.String("orders"), DBInstanceClass: aws.String("db.r8g.large"), Engine: aws.String("aurora-postgresql"),
	}
}

// newAurora is a bed with the cluster orders and its members one and two.
func newAurora(t *testing.T) *bed {
	b := newBed(t)
	must(b, b.createDBCluster, clusterInput())
	b.awaitCluster()
	for _, id := range []string{"one", "two"} {
		must(b, b.createDBInstance, memberInput(id))
		b.awaitMember(id)
	}
	return b
}

// newMultiAZ is a bed with the Multi-AZ DB cluster orders.
func newMultiAZ(t *testing.T) *bed {
	b := newBed(t)
	wide := subnetGroupInput()
	wide.DBSubnetGroupName, wide.SubnetIds = aws.String("wide"), []string{"subnet-a", "subnet-b", "subnet-c"}
	must(b, b.createDBSubnetGroup, wide)
	in := clusterInput()
	in.Engine, in.DBClusterInstanceClass, in.DBSubnetGroupName = aws.String("postgres"), aws.String("db.m6gd.large"), aws.String("wide")
	must(b, b.createDBCluster, in)
	b.awaitCluster()
	return b
}

func (b *bed) awaitCluster() (d types.DBCluster) {
	b.t.Helper()
	b.await("orders "+available, func() bool {
		out, err := call(b, b.describeDBClusters, rds.DescribeDBClustersInput{DBClusterIdentifier: aws.String("orders")})
		if err != nil || *out.DBClusters[0].Status != available {
			return false
		}
		d = out.DBClusters[0]
		return true
	})
	return d
}

func (b *bed) awaitMember(id string) (d types.DBInstance) {
	b.t.Helper()
	b.await(id+" "+available, func() bool {
		out, err := call(b, b.describeDBInstances, rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
		if err != nil || *out.DBInstances[0].DBInstanceStatus != available {
			return false
		}
		d = out.DBInstances[0]
		return true
	})
	return d
}

// roles are the members with their roles, such as one:writer two:reader.
func roles(d types.DBCluster) string {
	var all []string
	for _, m := range d.DBClusterMembers {
		role := "reader"
		if *m.IsClusterWriter {
			role = "writer"
		}
		all = append(all, *m.DBInstanceIdentifier+":"+role)
	}
	return strings.Join(all, " ")
}

// told are the events so far: the id, and whose they are.
func (b *bed) told() []string {
	b.world.Lock()
	defer b.world.Unlock()
	var all []string
	for _, e := range b.events {
		all = append(all, e.Detail.(detail).EventID+" "+e.Detail.(detail).SourceIdentifier)
	}
	return all
}

func TestClusterSaysOnlyTheNameOfItsSubnetGroup(t *testing.T) { // API_DBCluster, DBSubnetGroup: a string
	d := newAurora(t).awaitCluster()
	if *d.DBSubnetGroup != "private" || *d.Port != 5432 || *d.VpcSecurityGroups[0].VpcSecurityGroupId != "sg-1" || !*d.MultiAZ {
		t.Errorf("cluster %+v", d)
	}
	for _, want := range []struct{ name, prefix string }{{*d.Endpoint, "orders.cluster-c"}, {*d.ReaderEndpoint, "orders.cluster-ro-c"}} {
		if !strings.HasPrefix(want.name, want.prefix) {
			t.Errorf("endpoint %s, want %s…", want.name, want.prefix)
		}
	}
}

func TestMembersHaveWhatTheirClusterHas(t *testing.T) {
	b := newAurora(t)
	one, two := b.awaitMember("one"), b.awaitMember("two")
	if *one.DBClusterIdentifier != "orders" || *one.Endpoint.Port != 5432 || *one.VpcSecurityGroups[0].VpcSecurityGroupId != "sg-1" || *one.MultiAZ {
		t.Errorf("member %+v", one)
	}
	if *one.AvailabilityZone == *two.AvailabilityZone {
		t.Errorf("both members are in %s", *one.AvailabilityZone)
	}
	if got := roles(b.awaitCluster()); got != "one:writer two:reader" {
		t.Errorf("members %s", got)
	}
	found := must(b, b.describeDBInstances, rds.DescribeDBInstancesInput{Filters: filter("db-cluster-id", "orders")}).DBInstances
	if len(found) != 2 {
		t.Errorf("the cluster's filter finds %d", len(found))
	}
}

func TestEveryServerOfAClusterHasACertificateForAllItsNames(t *testing.T) {
	b := newAurora(t)
	d, one := b.awaitCluster(), b.awaitMember("one")
	want := "server 1 is " + strings.Join([]string{*one.Endpoint.Address, *d.Endpoint, *d.ReaderEndpoint}, ", ")
	if !slices.Contains(b.actions, want) {
		t.Errorf("servers: %v, want %s", b.actions, want)
	}
}

func TestReaderEndpointLeadsToOneReaderAtATime(t *testing.T) {
	b := newMultiAZ(t)
	d := b.awaitCluster()
	if got := b.records[*d.ReaderEndpoint]; len(got.outside) != 2 || got.most != 1 || got.ttl != 1 { // Aurora's best practices of fast failover: a TTL of 1 second
		t.Errorf("reads at %v", got)
	}
	if got := b.records[*d.Endpoint]; len(got.outside) != 1 || got.ttl != 5 {
		t.Errorf("writes at %v", got)
	}
}

func TestReaderEndpointOfAClusterWithoutReadersLeadsToTheWriter(t *testing.T) { // AuroraUserGuide, Aurora.Endpoints.Reader
	b := newBed(t)
	must(b, b.createDBCluster, clusterInput())
	b.awaitCluster()
	must(b, b.createDBInstance, memberInput("one"))
	b.awaitMember("one")
	d := b.awaitCluster()
	if got := b.records[*d.ReaderEndpoint]; !slices.Equal(got.outside, b.records[*d.Endpoint].outside) {
		t.Errorf("reads at %v", got)
	}
}

func TestMultiAZClusterIsBornWithAWriterAndTwoReaders(t *testing.T) { // multi-az-db-clusters-concepts
	b := newMultiAZ(t)
	if got := roles(b.awaitCluster()); got != "orders-instance-1:writer orders-instance-2:reader orders-instance-3:reader" {
		t.Errorf("members %s", got)
	}
	zones := map[string]bool{}
	for n := range 3 {
		zones[*b.awaitMember(fmt.Sprintf("orders-instance-%d", n+1)).AvailabilityZone] = true
	}
	if len(zones) != 3 {
		t.Errorf("members in %v", zones)
	}
}

func TestClusterFailoverLetsAReaderWrite(t *testing.T) {
	b := newAurora(t)
	before := b.awaitCluster()
	addresses := map[string]answer{}
	for _, id := range []string{"one", "two"} {
		name := *b.awaitMember(id).Endpoint.Address
		addresses[name] = b.records[name]
	}
	b.actions, b.events = nil, nil
	during := must(b, b.failoverDBCluster, rds.FailoverDBClusterInput{DBClusterIdentifier: aws.String("orders")}).DBCluster
	if *during.Status != failingOver {
		t.Errorf("status %s", *during.Status)
	}
	d := b.awaitCluster()
	if got := roles(d); got != "one:reader two:writer" {
		t.Errorf("members %s", got)
	}
	want := []string{"server 1 stop", "server 2 stop", "server 2 writes", "server 2 start in vpc-1 on 10.0.2.4:5432", "server 1 start in vpc-1 on 10.0.1.4:5432"}
	if !slices.Equal(b.actions, want) {
		t.Errorf("servers: %q", b.actions)
	}
	for name, at := range addresses {
		if !slices.Equal(b.records[name].outside, at.outside) {
			t.Errorf("%s moved to %v", name, b.records[name])
		}
	}
	if got := b.records[*before.Endpoint].outside; !slices.Equal(got, []netip.Addr{netip.MustParseAddr("10.0.2.4")}) {
		t.Errorf("writes at %v", got)
	}
	told := []string{"RDS-EVENT-0073 orders", "RDS-EVENT-0004 one", "RDS-EVENT-0006 two", "RDS-EVENT-0006 one", "RDS-EVENT-0071 orders", "RDS-EVENT-0385 two", "RDS-EVENT-0385 one"}
	if got := b.told(); !slices.Equal(got, told) { // USER_Events.Messages has 0073, 0071 and 0385; their order among 0004 and 0006 is assumed
		t.Errorf("events %q", got)
	}
	if e := b.events[0]; e.DetailType != "RDS DB Cluster Event" || e.Detail.(detail).SourceType != "CLUSTER" || e.Detail.(detail).Message != "Started cross AZ failover to DB instance: two" {
		t.Errorf("event %+v", e)
	}
}

func TestFailoverTakesTheLowestTierOrTheOneAskedFor(t *testing.T) { // API_FailoverDBCluster; Aurora.Managing.FaultTolerance, promotion tiers
	for name, row := range map[string]struct {
		asked *string
		want  string
	}{
		"the lowest tier":   {nil, "three"},
		"the one asked for": {aws.String("two"), "two"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newAurora(t)
			three := memberInput("three")
			three.PromotionTier = aws.Int32(0)
			must(b, b.createDBInstance, three)
			b.awaitMember("three")
			must(b, b.failoverDBCluster, rds.FailoverDBClusterInput{DBClusterIdentifier: aws.String("orders"), TargetDBInstanceIdentifier: row.asked})
			if got := roles(b.awaitCluster()); !strings.Contains(got, row.want+":writer") {
				t.Errorf("members %s", got)
			}
		})
	}
}

func TestOldWriterServesBeforeTheNameMoves(t *testing.T) { // brianmario/mysql2#772
	b := newAurora(t)
	d := b.awaitCluster()
	before := b.records[*d.Endpoint].outside
	b.world.Delays.ClusterFailover = 0
	b.world.Speed = 5 // the name is late by a second
	must(b, b.failoverDBCluster, rds.FailoverDBClusterInput{DBClusterIdentifier: aws.String("orders")})
	var late []netip.Addr
	b.await("a new writer", func() bool {
		b.world.Lock()
		defer b.world.Unlock()
		late = b.records[*d.Endpoint].outside
		return b.clusters[*d.DBClusterArn].writer.id == "two"
	})
	if !slices.Equal(late, before) {
		t.Errorf("the name leads to %s already", late)
	}
	b.awaitCluster()
}

func TestClusterRefusals(t *testing.T) {
	id := aws.String("orders")
	member := func(change func(*rds.CreateDBInstanceInput)) rds.CreateDBInstanceInput {
		in := memberInput("three")
		change(&in)
		return in
	}
	for refusal, row := range map[string]struct {
		source string
		try    func(b *bed)
	}{
		"an identifier that is taken": {"API_CreateDBCluster, DBClusterAlreadyExistsFault", func(b *bed) {
			refused(b, "DBClusterAlreadyExistsFault", b.createDBCluster, clusterInput())
		}},
		"a cluster of an engine without clusters": {"API_CreateDBCluster, Engine", func(b *bed) {
			in := clusterInput()
			in.Engine = aws.String("mariadb")
			refused(b, "InvalidParameterValue", b.createDBCluster, in)
		}},
		"a Multi-AZ DB cluster in two zones": {"multi-az-db-clusters-concepts: a DB subnet group with at least three subnets in three AZs", func(b *bed) {
			in := clusterInput()
			in.DBClusterIdentifier, in.Engine, in.DBClusterInstanceClass = aws.String("narrow"), aws.String("postgres"), aws.String("db.m6gd.large")
			refused(b, "DBSubnetGroupDoesNotCoverEnoughAZs", b.createDBCluster, in)
		}},
		"a member of another engine": {"API_CreateDBInstance, Engine: the same as the cluster's", func(b *bed) {
			refused(b, "InvalidParameterCombination", b.createDBInstance, member(func(in *rds.CreateDBInstanceInput) { in.Engine = aws.String("aurora-mysql") }))
		}},
		"a member with groups of its own": {"API_CreateDBInstance, VpcSecurityGroupIds: not applicable to Aurora, managed by the DB cluster", func(b *bed) {
			refused(b, "InvalidParameterCombination", b.createDBInstance, member(func(in *rds.CreateDBInstanceInput) { in.VpcSecurityGroupIds = []string{"sg-2"} }))
		}},
		"a member with a port of its own": {"API_CreateDBInstance, Port: not applicable to Aurora, managed by the DB cluster", func(b *bed) {
			refused(b, "InvalidParameterCombination", b.createDBInstance, member(func(in *rds.CreateDBInstanceInput) { in.Port = aws.Int32(6000) }))
		}},
		"a serverless member of a cluster without a capacity": {"AuroraUserGuide/aurora-serverless-v2.create.html; the wording is assumed", func(b *bed) {
			refused(b, "InvalidParameterCombination", b.createDBInstance, member(func(in *rds.CreateDBInstanceInput) { in.DBInstanceClass = aws.String("db.serverless") }))
		}},
		"stopping one member": {"API_StopDBInstance: doesn't apply to Aurora, use StopDBCluster", func(b *bed) {
			refused(b, "InvalidDBInstanceState", b.stopDBInstance, rds.StopDBInstanceInput{DBInstanceIdentifier: aws.String("one")})
		}},
		"failing over while it fails over": {"API_FailoverDBCluster, InvalidDBClusterStateFault", func(b *bed) {
			b.world.Speed = 1
			must(b, b.failoverDBCluster, rds.FailoverDBClusterInput{DBClusterIdentifier: id})
			refused(b, "InvalidDBClusterStateFault", b.failoverDBCluster, rds.FailoverDBClusterInput{DBClusterIdentifier: id})
		}},
		"failing over to the writer": {"API_FailoverDBCluster, InvalidDBInstanceState", func(b *bed) {
			refused(b, "InvalidDBInstanceState", b.failoverDBCluster, rds.FailoverDBClusterInput{DBClusterIdentifier: id, TargetDBInstanceIdentifier: aws.String("one")})
		}},
		"failing over to nobody": {"API_FailoverDBCluster: TargetDBInstanceIdentifier, DBInstanceNotFound", func(b *bed) {
			refused(b, "DBInstanceNotFound", b.failoverDBCluster, rds.FailoverDBClusterInput{DBClusterIdentifier: id, TargetDBInstanceIdentifier: aws.String("nobody")})
		}},
		"failing over without a reader": {"API_FailoverDBCluster, InvalidDBClusterStateFault; the wording is assumed", func(b *bed) {
			b.world.Speed = 1 // the reader is away for a minute
			must(b, b.rebootDBInstance, rds.RebootDBInstanceInput{DBInstanceIdentifier: aws.String("two")})
			refused(b, "InvalidDBClusterStateFault", b.failoverDBCluster, rds.FailoverDBClusterInput{DBClusterIdentifier: id})
		}},
		"another account's cluster": {"every describe shows the caller's own", func(b *bed) {
			arn := "arn:aws:rds:eu-central-1:999999999999:cluster:orders"
			refused(b, "DBClusterNotFoundFault", b.describeDBClusters, rds.DescribeDBClustersInput{DBClusterIdentifier: &arn})
		}},
		"what was just made, to a describe": {"RDS is eventually consistent", func(b *bed) {
			b.world.Speed, b.world.Delays.Visibility = 1, time.Hour
			refused(b, "DBClusterNotFoundFault", b.describeDBClusters, rds.DescribeDBClustersInput{DBClusterIdentifier: id})
		}},
		"a page of less than 20": {"API_DescribeDBClusters, MaxRecords: Minimum 20, maximum 100", func(b *bed) {
			refused(b, "InvalidParameterValue", b.describeDBClusters, rds.DescribeDBClustersInput{MaxRecords: aws.Int32(1)})
		}},
	} {
		t.Run(refusal, func(t *testing.T) { row.try(newAurora(t)) })
	}
}
