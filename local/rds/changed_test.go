package rds

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

func deleteInput(id string) rds.DeleteDBInstanceInput {
	return rds.DeleteDBInstanceInput{DBInstanceIdentifier: &id, SkipFinalSnapshot: aws.Bool(true)}
}

// awaitGone waits until no describe finds an instance any more.
func (b *bed) awaitGone(id string) {
	b.t.Helper()
	b.await(id+" gone", func() bool {
		_, err := call(b, b.describeDBInstances, rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
		return err != nil
	})
}

func (b *bed) eventIDs() []string {
	b.world.Lock()
	defer b.world.Unlock()
	var ids []string
	for _, e := range b.events {
		ids = append(ids, e.Detail.(detail).EventID)
	}
	return ids
}

func TestAnotherPortRestartsTheServerThere(t *testing.T) { // API_ModifyDBInstance, DBPortNumber: regardless of ApplyImmediately
	b := newBed(t)
	b.running()
	b.actions, b.events = nil, nil
	in := rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("orders-prod"), DBPortNumber: aws.Int32(5433)}
	if d := must(b, b.modifyDBInstance, in).DBInstance; *d.DBInstanceStatus != modifying {
		t.Errorf("it is %s", *d.DBInstanceStatus)
	}
	if d := b.awaitStatus(available); *d.Endpoint.Port != 5433 {
		t.Errorf("its endpoint has port %d", *d.Endpoint.Port)
	}
	if want := []string{"stop", "start in vpc-1 on 10.0.1.4:5433"}; !slices.Equal(b.actions, want) {
		t.Errorf("servers: %v", b.actions)
	}
	if got := b.eventIDs(); !slices.Equal(got, []string{"RDS-EVENT-0006"}) {
		t.Errorf("events %v", got)
	}
	b.actions = nil
	must(b, b.modifyDBInstance, in) // is no change
	if d, _ := b.orders(); *d.DBInstanceStatus != available || len(b.actions) > 0 {
		t.Errorf("it is %s: %v", *d.DBInstanceStatus, b.actions)
	}
}

func TestASubnetGroupLosesAZoneThatNobodyIsIn(t *testing.T) {
	b := newBed(t)
	b.running() // in zones a and b
	modify := func(subnets ...string) rds.ModifyDBSubnetGroupInput {
		return rds.ModifyDBSubnetGroupInput{DBSubnetGroupName: aws.String("private"), SubnetIds: subnets}
	}
	if g := must(b, b.modifyDBSubnetGroup, modify("subnet-a", "subnet-b", "subnet-c")).DBSubnetGroup; len(g.Subnets) != 3 {
		t.Errorf("the group has %d subnets", len(g.Subnets))
	}
	refused(b, "SubnetAlreadyInUse", b.modifyDBSubnetGroup, modify("subnet-b", "subnet-c")) // where the instance is
	refused(b, "SubnetAlreadyInUse", b.modifyDBSubnetGroup, modify("subnet-a", "subnet-c")) // where its standby is
	refused(b, "InvalidSubnet", b.modifyDBSubnetGroup, modify("subnet-a", "subnet-other"))
	refused(b, "DBSubnetGroupDoesNotCoverEnoughAZs", b.modifyDBSubnetGroup, modify("subnet-a"))
	must(b, b.modifyDBSubnetGroup, modify("subnet-a", "subnet-b"))
	if d, _ := b.orders(); len(d.DBSubnetGroup.Subnets) != 2 {
		t.Errorf("the instance is in %d subnets", len(d.DBSubnetGroup.Subnets))
	}
}

func TestADeletedInstanceLeavesNothingAndItsNameIsFree(t *testing.T) {
	b := newBed(t)
	name := *b.running().Endpoint.Address
	b.actions, b.events = nil, nil
	if d := must(b, b.deleteDBInstance, deleteInput("orders-prod")).DBInstance; *d.DBInstanceStatus != deleting {
		t.Errorf("it is %s", *d.DBInstanceStatus)
	}
	b.awaitGone("orders-prod")
	if _, resolves := b.records[name]; resolves || len(b.attached) > 0 {
		t.Errorf("left: %v %v", b.records, b.attached)
	}
	if want := []string{"stop", "delete"}; !slices.Equal(b.actions, want) {
		t.Errorf("servers: %v", b.actions)
	}
	if got := b.eventIDs(); !slices.Equal(got, []string{"RDS-EVENT-0003"}) {
		t.Errorf("events %v", got)
	}
	in := instanceInput()
	in.VpcSecurityGroupIds = nil // as a restore without groups
	must(b, b.createDBInstance, in)
	d := b.awaitStatus(available)
	if *d.Endpoint.Address != name || *d.VpcSecurityGroups[0].VpcSecurityGroupId != "sg-default" {
		t.Errorf("%s has %s", *d.Endpoint.Address, *d.VpcSecurityGroups[0].VpcSecurityGroupId)
	}
}

func TestADeletedTargetOfAProxyIsNotTheOneThatHasItsName(t *testing.T) {
	b := newProxy(t)
	must(b, b.deleteDBInstance, deleteInput("orders-prod"))
	b.awaitGone("orders-prod")
	must(b, b.createDBInstance, instanceInput())
	b.awaitStatus(available)
	b.world.Lock()
	p := b.proxyNamed(account, "orders-proxy")
	b.world.Unlock()
	if host, at, ok := b.writerBehind(p); ok {
		t.Errorf("the proxy leads to %s at %s", host, at)
	}
}

func TestAProxysGroupsReachItsInterfaces(t *testing.T) {
	b := newProxy(t)
	must(b, b.modifyDBProxy, rds.ModifyDBProxyInput{DBProxyName: aws.String("orders-proxy"), SecurityGroups: []string{"sg-1"}})
	for _, i := range b.all() {
		if strings.HasPrefix(i.Description, proxyInterfaceDescription) && !slices.Equal(i.Groups, []string{"sg-1"}) {
			t.Errorf("interface %+v", i)
		}
	}
	if d := b.theProxy(); !slices.Equal(d.VpcSecurityGroupIds, []string{"sg-1"}) {
		t.Errorf("groups %v", d.VpcSecurityGroupIds)
	}
}

func TestAClustersGroupsAndPortAreItsMembers(t *testing.T) {
	b := newAurora(t)
	b.awaitCluster()
	b.actions = nil
	must(b, b.modifyDBCluster, rds.ModifyDBClusterInput{DBClusterIdentifier: aws.String("orders"), VpcSecurityGroupIds: []string{"sg-2"}, Port: aws.Int32(6000)})
	for _, id := range []string{"one", "two"} {
		if d := b.awaitMember(id); *d.Endpoint.Port != 6000 || *d.VpcSecurityGroups[0].VpcSecurityGroupId != "sg-2" {
			t.Errorf("%s has port %d and %s", id, *d.Endpoint.Port, *d.VpcSecurityGroups[0].VpcSecurityGroupId)
		}
	}
	if c := b.awaitCluster(); *c.Port != 6000 || *c.VpcSecurityGroups[0].VpcSecurityGroupId != "sg-2" {
		t.Errorf("the cluster has port %d and %s", *c.Port, *c.VpcSecurityGroups[0].VpcSecurityGroupId)
	}
	for _, i := range b.all() {
		if !slices.Equal(i.Groups, []string{"sg-2"}) {
			t.Errorf("interface %+v", i)
		}
	}
	starts := slices.DeleteFunc(slices.Clone(b.actions), func(a string) bool { return !strings.HasSuffix(a, ":6000") })
	if len(starts) != 2 {
		t.Errorf("servers: %v", b.actions)
	}
}

func TestTheDeletedWriterOfAClusterIsSucceeded(t *testing.T) {
	b := newAurora(t)
	d := b.awaitCluster()
	must(b, b.deleteDBInstance, rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("one")}) // a member needs no snapshot
	b.awaitGone("one")
	after := b.awaitCluster()
	if got := roles(after); got != "two:writer" {
		t.Errorf("members %s", got)
	}
	two := b.records[*b.awaitMember("two").Endpoint.Address]
	if !slices.Equal(b.records[*d.Endpoint].outside, two.outside) || !slices.Equal(b.records[*d.ReaderEndpoint].outside, two.outside) {
		t.Errorf("the endpoints lead to %v and %v", b.records[*d.Endpoint], b.records[*d.ReaderEndpoint])
	}

	must(b, b.deleteDBInstance, deleteInput("two"))
	b.awaitGone("two")
	if _, resolves := b.records[*d.Endpoint]; resolves {
		t.Error("the endpoint of a cluster without members resolves")
	}
	b.actions = nil
	must(b, b.createDBInstance, memberInput("three"))
	b.awaitMember("three")
	if got := roles(b.awaitCluster()); got != "three:writer" {
		t.Errorf("members %s", got)
	}
	if !strings.HasPrefix(b.actions[0], "server 2 is three.") {
		t.Errorf("the data is not the volume's: %v", b.actions)
	}
}

func TestADeletedClusterLeavesNothing(t *testing.T) {
	b := newAurora(t)
	d := b.awaitCluster()
	remove := rds.DeleteDBClusterInput{DBClusterIdentifier: aws.String("orders"), SkipFinalSnapshot: aws.Bool(true)}
	refused(b, "InvalidDBClusterStateFault", b.deleteDBCluster, remove)
	for _, id := range []string{"two", "one"} {
		must(b, b.deleteDBInstance, deleteInput(id))
		b.awaitGone(id)
	}
	must(b, b.deleteDBCluster, remove)
	b.await("orders gone", func() bool {
		_, err := call(b, b.describeDBClusters, rds.DescribeDBClustersInput{DBClusterIdentifier: aws.String("orders")})
		return err != nil
	})
	if _, resolves := b.records[*d.Endpoint]; resolves || len(b.attached) > 0 {
		t.Errorf("left: %v %v", b.records, b.attached)
	}
	b.await("the data gone", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.actions[len(b.actions)-1] == "server 1 delete"
	})
	must(b, b.createDBCluster, clusterInput()) // the name is free
}

func TestAMultiAZDBClusterIsDeletedWithItsMembers(t *testing.T) {
	b := newMultiAZ(t)
	refused(b, "InvalidParameterValue", b.deleteDBInstance, deleteInput("orders-instance-1"))
	must(b, b.deleteDBCluster, rds.DeleteDBClusterInput{DBClusterIdentifier: aws.String("orders"), SkipFinalSnapshot: aws.Bool(true)})
	b.awaitGone("orders-instance-1")
	b.awaitGone("orders-instance-2")
	b.awaitGone("orders-instance-3")
}

func TestChangesByPeopleAreRefused(t *testing.T) {
	id := aws.String("orders-prod")
	modify := func(change func(*rds.ModifyDBInstanceInput)) rds.ModifyDBInstanceInput {
		in := rds.ModifyDBInstanceInput{DBInstanceIdentifier: id}
		change(&in)
		return in
	}
	for refusal, row := range map[string]struct {
		source string
		try    func(b *bed)
	}{
		"a port below 1150": {"API_ModifyDBInstance, DBPortNumber: Valid values 1150-65535", func(b *bed) {
			refused(b, "InvalidParameterValue", b.modifyDBInstance, modify(func(in *rds.ModifyDBInstanceInput) { in.DBPortNumber = aws.Int32(443) }))
		}},
		"another subnet group of the VPC": {"hashicorp/terraform#11715, in AWS's words", func(b *bed) {
			wide := subnetGroupInput()
			wide.DBSubnetGroupName, wide.SubnetIds = aws.String("wide"), []string{"subnet-a", "subnet-b", "subnet-c"}
			must(b, b.createDBSubnetGroup, wide)
			refused(b, "InvalidVPCNetworkStateFault", b.modifyDBInstance, modify(func(in *rds.ModifyDBInstanceInput) { in.DBSubnetGroupName = aws.String("wide") }))
		}},
		"a subnet group that does not exist": {"API_ModifyDBInstance, DBSubnetGroupNotFoundFault", func(b *bed) {
			refused(b, "DBSubnetGroupNotFoundFault", b.modifyDBInstance, modify(func(in *rds.ModifyDBInstanceInput) { in.DBSubnetGroupName = aws.String("nobody") }))
		}},
		"a group of another VPC": {"API_ModifyDBInstance", func(b *bed) {
			refused(b, "InvalidParameterCombination", b.modifyDBInstance,
				modify(func(in *rds.ModifyDBInstanceInput) { in.VpcSecurityGroupIds = []string{"sg-other"} }))
		}},
		"deleting without a word about the snapshot": {"API_DeleteDBInstance, SkipFinalSnapshot", func(b *bed) {
			refused(b, "InvalidParameterCombination", b.deleteDBInstance, rds.DeleteDBInstanceInput{DBInstanceIdentifier: id})
		}},
		"deleting what is protected": {"AmazonRDS/latest/UserGuide/USER_DeleteInstance.html", func(b *bed) {
			must(b, b.modifyDBInstance, modify(func(in *rds.ModifyDBInstanceInput) { in.DeletionProtection = aws.Bool(true) }))
			refused(b, "InvalidParameterCombination", b.deleteDBInstance, deleteInput("orders-prod"))
		}},
		"deleting twice": {"API_DeleteDBInstance, InvalidDBInstanceState", func(b *bed) {
			b.world.Speed = 1
			must(b, b.deleteDBInstance, deleteInput("orders-prod"))
			refused(b, "InvalidDBInstanceState", b.deleteDBInstance, deleteInput("orders-prod"))
		}},
		"a name that is still being deleted": {"API_CreateDBInstance, DBInstanceAlreadyExists", func(b *bed) {
			b.world.Speed = 1
			must(b, b.deleteDBInstance, deleteInput("orders-prod"))
			refused(b, "DBInstanceAlreadyExists", b.createDBInstance, instanceInput())
		}},
	} {
		t.Run(refusal, func(t *testing.T) {
			b := newBed(t)
			b.running()
			row.try(b)
		})
	}
}

func TestAMemberHasGroupsAndPortFromItsCluster(t *testing.T) { // API_ModifyDBInstance: not applicable to Aurora, managed by the DB cluster
	b := newAurora(t)
	b.awaitCluster()
	refused(b, "InvalidParameterCombination", b.modifyDBInstance, rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("one"), DBPortNumber: aws.Int32(6000)})
	refused(b, "InvalidParameterCombination", b.modifyDBInstance, rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("one"), VpcSecurityGroupIds: []string{"sg-2"}})
}
