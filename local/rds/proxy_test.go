package rds

import (
	"net/netip"
	"regexp"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

func proxyInput() rds.CreateDBProxyInput {
	return rds.CreateDBProxyInput{
		DBProxyName: aws.String("orders-proxy"), EngineFamily: types.EngineFamilyPostgresql, RoleArn: aws.String("arn:aws:iam::111122223333:role/proxy"),
		VpcSubnetIds: []string{"subnet-a", "subnet-b"}, VpcSecurityGroupIds: []string{"sg-2"},
	}
}

// newProxy is a bed with the proxy orders-proxy in front of the instance orders-prod.
func newProxy(t *testing.T) *bed {
	b := newBed(t)
	b.running()
	must(b, b.createDBProxy, proxyInput())
	// A describe may miss what was just made.
	b.await("an available proxy", func() bool {
		out, err := call(b, b.describeDBProxies, rds.DescribeDBProxiesInput{DBProxyName: aws.String("orders-proxy")})
		return err == nil && out.DBProxies[0].Status == types.DBProxyStatusAvailable
	})
	must(b, b.registerDBProxyTargets, rds.RegisterDBProxyTargetsInput{DBProxyName: aws.String("orders-proxy"), DBInstanceIdentifiers: []string{"orders-prod"}})
	return b
}

func (b *bed) theProxy() types.DBProxy {
	b.t.Helper()
	return must(b, b.describeDBProxies, rds.DescribeDBProxiesInput{DBProxyName: aws.String("orders-proxy")}).DBProxies[0]
}

func addresses(all ...string) []netip.Addr {
	var parsed []netip.Addr
	for _, a := range all {
		parsed = append(parsed, netip.MustParseAddr(a))
	}
	return parsed
}

func TestProxyHasAddressesAndGroupsOfItsOwn(t *testing.T) {
	b := newProxy(t)
	d := b.theProxy()
	if want := `^arn:aws:rds:eu-central-1:111122223333:db-proxy:prx-[0-9a-f]{17}$`; !regexp.MustCompile(want).MatchString(*d.DBProxyArn) {
		t.Errorf("ARN %s", *d.DBProxyArn)
	}
	if want := `^orders-proxy\.proxy-c[a-z2-7]{11}\.eu-central-1\.rds\.amazonaws\.com$`; !regexp.MustCompile(want).MatchString(*d.Endpoint) {
		t.Errorf("endpoint %s", *d.Endpoint)
	}
	if !slices.Equal(d.VpcSubnetIds, []string{"subnet-a", "subnet-b"}) || !slices.Equal(d.VpcSecurityGroupIds, []string{"sg-2"}) {
		t.Errorf("in %v with %v", d.VpcSubnetIds, d.VpcSecurityGroupIds)
	}
	if got := b.records[*d.Endpoint]; !slices.Equal(got.outside, addresses("10.0.1.5", "10.0.2.4")) || got.most != 2 {
		t.Errorf("resolves to %v", got)
	}
	if want := []string{"relay on 10.0.1.5:5432", "relay on 10.0.2.4:5432"}; !slices.Equal(b.actions[len(b.actions)-2:], want) {
		t.Errorf("servers: %q", b.actions)
	}
}

func TestProxyLeadsToWhatTakesWrites(t *testing.T) {
	b := newAurora(t)
	must(b, b.createDBProxy, proxyInput())
	// A describe may miss what was just made.
	b.await("an available proxy", func() bool {
		out, err := call(b, b.describeDBProxies, rds.DescribeDBProxiesInput{DBProxyName: aws.String("orders-proxy")})
		return err == nil && out.DBProxies[0].Status == types.DBProxyStatusAvailable
	})
	p := b.proxyNamed(account, "orders-proxy")
	if _, _, ok := b.writerBehind(p); ok {
		t.Error("leads somewhere without a target")
	}
	must(b, b.registerDBProxyTargets, rds.RegisterDBProxyTargetsInput{DBProxyName: aws.String("orders-proxy"), DBClusterIdentifiers: []string{"orders"}})
	for _, want := range []string{"10.0.1.4:5432", "10.0.2.4:5432"} {
		if _, at, ok := b.writerBehind(p); !ok || at != netip.MustParseAddrPort(want) {
			t.Errorf("leads to %s, want %s", at, want)
		}
		must(b, b.failoverDBCluster, rds.FailoverDBClusterInput{DBClusterIdentifier: aws.String("orders")})
		b.awaitCluster()
	}
}

func TestProxyShowsAClusterAndItsMembers(t *testing.T) { // API_DBProxyTarget
	b := newAurora(t)
	must(b, b.createDBProxy, proxyInput())
	// A describe may miss what was just made.
	b.await("an available proxy", func() bool {
		out, err := call(b, b.describeDBProxies, rds.DescribeDBProxiesInput{DBProxyName: aws.String("orders-proxy")})
		return err == nil && out.DBProxies[0].Status == types.DBProxyStatusAvailable
	})
	in := rds.RegisterDBProxyTargetsInput{DBProxyName: aws.String("orders-proxy"), DBClusterIdentifiers: []string{"orders"}}
	var got []string
	for _, target := range must(b, b.registerDBProxyTargets, in).DBProxyTargets {
		got = append(got, string(target.Type)+" "+*target.RdsResourceId+" "+string(target.Role))
	}
	if want := []string{"TRACKED_CLUSTER orders ", "RDS_INSTANCE one READ_WRITE", "RDS_INSTANCE two READ_ONLY"}; !slices.Equal(got, want) {
		t.Errorf("targets %q", got)
	}
}

func TestProxyScalesWithTheClassOfItsTarget(t *testing.T) { // rds-proxy-network-prereqs: addresses by DB instance class
	b := newProxy(t)
	d := b.theProxy()
	b.events = nil
	must(b, b.modifyDBInstance, rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: aws.String("orders-prod"), DBInstanceClass: aws.String("db.r8g.4xlarge"), ApplyImmediately: aws.Bool(true),
	})
	b.await("other addresses", func() bool {
		b.world.Lock()
		defer b.world.Unlock()
		return slices.Equal(b.records[*d.Endpoint].outside, addresses("10.0.2.4", "10.0.1.6", "10.0.2.5"))
	})
	b.await("an end of the old address", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return slices.Contains(b.actions, "close 10.0.1.5:5432")
	})
	b.awaitStatus(available)
	if got := b.told(); !slices.Equal(got, []string{"RDS-EVENT-0006 orders-prod"}) { // rds-proxy.events: none announces addresses
		t.Errorf("events %q", got)
	}
}

func TestProxyRefusals(t *testing.T) {
	name := aws.String("orders-proxy")
	create := func(change func(*rds.CreateDBProxyInput)) rds.CreateDBProxyInput {
		in := proxyInput()
		in.DBProxyName = aws.String("another")
		change(&in)
		return in
	}
	for refusal, row := range map[string]struct {
		source string
		try    func(b *bed)
	}{
		"a name that is taken": {"API_CreateDBProxy, DBProxyAlreadyExistsFault", func(b *bed) {
			refused(b, "DBProxyAlreadyExistsFault", b.createDBProxy, proxyInput())
		}},
		"subnets in one zone": {"rds-proxy-network-prereqs: at least two subnets in different Availability Zones", func(b *bed) {
			refused(b, "InvalidSubnet", b.createDBProxy, create(func(in *rds.CreateDBProxyInput) { in.VpcSubnetIds = []string{"subnet-a"} }))
		}},
		"subnets of two VPCs": {"rds-proxy-network-prereqs: in the same VPC", func(b *bed) {
			refused(b, "InvalidSubnet", b.createDBProxy, create(func(in *rds.CreateDBProxyInput) { in.VpcSubnetIds = []string{"subnet-a", "subnet-other"} }))
		}},
		"a second target": {"API_RegisterDBProxyTargets, DBProxyTargetAlreadyRegisteredFault", func(b *bed) {
			refused(b, "DBProxyTargetAlreadyRegisteredFault", b.registerDBProxyTargets, rds.RegisterDBProxyTargetsInput{DBProxyName: name, DBInstanceIdentifiers: []string{"orders-prod"}})
		}},
		"a target that does not exist": {"API_RegisterDBProxyTargets, DBClusterNotFoundFault", func(b *bed) {
			b.proxyNamed(account, *name).instance = nil // as it was born
			refused(b, "DBClusterNotFoundFault", b.registerDBProxyTargets, rds.RegisterDBProxyTargetsInput{DBProxyName: name, DBClusterIdentifiers: []string{"nobody"}})
		}},
		"another target group": {"API_RegisterDBProxyTargets, DBProxyTargetGroupNotFoundFault", func(b *bed) {
			refused(b, "DBProxyTargetGroupNotFoundFault", b.registerDBProxyTargets, rds.RegisterDBProxyTargetsInput{DBProxyName: name, TargetGroupName: aws.String("other")})
		}},
		"a proxy that does not exist": {"API_DescribeDBProxies, DBProxyNotFoundFault", func(b *bed) {
			refused(b, "DBProxyNotFoundFault", b.describeDBProxies, rds.DescribeDBProxiesInput{DBProxyName: aws.String("nobody")})
		}},
		"a security group of another VPC": {"API_CreateDBProxy, VpcSecurityGroupIds", func(b *bed) {
			refused(b, "InvalidParameterCombination", b.createDBProxy, create(func(in *rds.CreateDBProxyInput) { in.VpcSecurityGroupIds = []string{"sg-other"} }))
		}},
	} {
		t.Run(refusal, func(t *testing.T) { row.try(newProxy(t)) })
	}
}
