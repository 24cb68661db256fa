package e2e

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolve"
	"github.com/rdslink/rdslink/internal/targets"
	"github.com/rdslink/rdslink/test/stage"
)

const fivetran = "834469178297"

func TestAfterTheFailoverOfAClusterTheVendorWritesToTheNewWriter(t *testing.T) {
	s := begin(t)
	database, err := cloud.NewAurora(s.ctx, s.vpc(stage.Customer), "orders-aurora")
	s.check(err)
	s.check(cloud.Fill(s.ctx, database))
	execution := s.starts(fmt.Sprintf(`{"database": %q, "vendor": "fivetran"}`, database.Identifier))
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(fivetran), handoff)
	s.decides(bus.Accept, endpoint)
	output := execution.succeeds()
	client := s.client(endpoint, handoff)
	s.readsOrders(client)
	s.passes(output)

	before := s.addresses(database)
	_, err = s.databases().FailoverDBCluster(s.ctx, &rds.FailoverDBClusterInput{DBClusterIdentifier: &database.Identifier})
	s.check(err)
	s.await("the cluster's endpoint to lead to the reader", func() bool { return !slices.Equal(s.addresses(database), before) })
	s.await("the vendor to write again", func() bool { return s.inserts(client, "(4, 'tray', 1)") == nil })

	// The old writer is a reader now, and answers as well: that must not bring it back.
	writer := s.addresses(database)
	s.await("the new writer to be the only target", func() bool { return slices.Equal(s.targets(output), writer) })
	s.lookedAt(output, func() {
		if targets := s.targets(output); !slices.Equal(targets, writer) {
			s.Fatalf("the targets are %v, and the writer is %v", targets, writer)
		}
	})
}

func TestAVendorReadsThroughAProxyWhoseAddressesChange(t *testing.T) {
	s := begin(t)
	behind := s.database("orders-behind", singleAZ)
	proxy, err := cloud.NewProxy(s.ctx, behind, "orders-proxy")
	s.check(err)
	execution := s.starts(fmt.Sprintf(`{"database": %q, "name": "acme", "principals": [%q]}`, proxy.Identifier, partner))
	handoff := s.handoff(proxy)
	endpoint := s.connects(s.vpc(partner), handoff)
	s.decides(bus.Accept, endpoint)
	output := execution.succeeds()
	before := s.interfaces(proxy)
	s.await("all of the proxy's addresses to be targets", func() bool { return slices.Equal(s.targets(output), before) })
	client := s.client(endpoint, handoff)
	s.readsOrders(client)
	s.passes(output)

	_, err = s.databases().ModifyDBInstance(s.ctx, &rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: &behind.Identifier, DBInstanceClass: new("db.m6g.large"), ApplyImmediately: new(true),
	})
	s.check(err)
	s.await("the proxy to give an address up", func() bool {
		now := s.interfaces(proxy)
		return slices.ContainsFunc(before, func(address string) bool { return !slices.Contains(now, address) })
	})
	s.await("the proxy's new addresses to be the targets", func() bool { return slices.Equal(s.targets(output), s.interfaces(proxy)) })
	s.readsAgain(client, orders)
}

func TestAMySQLServerSeesNoBrokenConnectionsAndBlocksNoHost(t *testing.T) {
	s := begin(t)
	home := s.vpc(stage.Customer)
	home.Subnets = home.Subnets[:2] // in euc1-az2 and euc1-az3
	database, err := cloud.NewMySQL(s.ctx, home, "orders-mysql")
	s.check(err)
	const input = `{"database": %q, "vendor": "tidb-cloud", "vendorAccount": %q, "vendorAvailabilityZoneIds": [%q]}`
	execution := s.starts(fmt.Sprintf(input, database.Identifier, partner, "euc1-az2"))
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(partner), handoff)
	s.decides(bus.Accept, endpoint)
	output := execution.succeeds()
	client := s.client(endpoint, handoff)
	_, err = cloud.LogIn(s.ctx, client)
	s.check(err)

	groups, err := s.balancers().DescribeTargetGroups(s.ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{output.Resources.TargetGroupARN}})
	s.check(err)
	if port := *groups.TargetGroups[0].HealthCheckPort; port != "1" {
		s.Errorf("health checks go to port %s", port)
	}
	s.lookedAt(output, func() {
		if _, err := cloud.LogIn(s.ctx, client); err != nil {
			s.Fatal(err)
		}
	})

	s.locksAllOut(database, client)

	// The vendor moves to a zone where the database is not: the load balancer follows.
	s.starts(fmt.Sprintf(input, database.Identifier, partner, "euc1-az1")).succeeds()
	balancers, err := s.balancers().DescribeLoadBalancers(s.ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{output.Resources.LoadBalancerARN}})
	s.check(err)
	if zones := len(balancers.LoadBalancers[0].AvailabilityZones); zones != 3 {
		s.Errorf("the load balancer is in %d zones", zones)
	}
}

// locksAllOut has a program of the vendor's hang up before it has logged in: the server blocks the load balancer for it, and
// forgives nothing. Operators hear what it is and how it is undone.
func (s story) locksAllOut(database stage.Database, client stage.Client) {
	s.Helper()
	s.await("the server to block the load balancer", func() bool {
		conn, err := cloud.Dial(s.ctx, client.Place, net.JoinHostPort(client.Host, strconv.Itoa(client.Port)))
		s.check(err)
		_ = conn.Close()
		_, err = cloud.LogIn(s.ctx, client)
		return err != nil && strings.Contains(err.Error(), "is blocked")
	})
	s.await("the sync to see it", func() bool {
		life := s.exposuresIn(database.VPC)[0].Life
		return life.State == string(targets.Cut) && slices.ContainsFunc(life.Path, func(p registry.Passage) bool { return p.Code == "1129" })
	})
	s.hears(news, "does not reach the database "+database.Identifier, "1129", "max_connect_errors", "TRUNCATE TABLE performance_schema.host_cache")
	_, err := s.databases().RebootDBInstance(s.ctx, &rds.RebootDBInstanceInput{DBInstanceIdentifier: &database.Identifier})
	s.check(err)
	s.await("it to be undone", func() bool {
		_, err := cloud.LogIn(s.ctx, client)
		return err == nil
	})
	s.await("the sync to see that, too", func() bool {
		life := s.exposuresIn(database.VPC)[0].Life
		return life.State == string(targets.Settled) && life.Bad.IsZero() && life.Proven.Equal(life.Good)
	})
}

// Their servers say no more than the beginning of a connection, and that is what the resolver goes by.
func TestTheWayToSQLServerAndOracleIsProven(t *testing.T) {
	s := begin(t)
	home, away := s.vpc(stage.Customer), s.vpc(partner)
	for _, engine := range []struct {
		name string
		port int32
		code string // what the server answers to a log-in of nobody
	}{{"sqlserver-se", 1433, "18456"}, {"oracle-ee", 1521, ""}} {
		database, err := cloud.NewGreeter(s.ctx, home, "orders-"+engine.name, engine.name, engine.port)
		s.check(err)
		execution := s.starts(fmt.Sprintf(`{"database": %q, "name": "acme", "principals": [%q]}`, database.Identifier, partner))
		s.decides(bus.Accept, s.connects(away, s.handoff(database)))
		output := execution.succeeds()
		s.passes(output)
		s.await("every node to lead to "+engine.name+" itself", func() bool {
			for _, exposure := range s.exposuresIn(home) {
				if path := exposure.Life.Path; exposure.ID == output.Exposure {
					return len(path) == len(home.Subnets) && !slices.ContainsFunc(path, func(p registry.Passage) bool {
						return p.Result != resolve.Served || p.Code != engine.code
					})
				}
			}
			return false
		})
	}
}

func TestTwoConsumersOfADatabaseShareItsRules(t *testing.T) {
	s := begin(t)
	database := s.database("orders-shared", singleAZ)
	begun := []execution{
		s.exposes(database),
		s.starts(fmt.Sprintf(`{"database": %q, "name": "acme", "principals": [%q]}`, database.Identifier, partner)),
	}
	var outputs []output
	for n, consumer := range []struct{ name, account string }{{"PushMetrics", stage.PushMetrics}, {"acme", partner}} {
		handoff := s.handoffFor(database, consumer.name)
		endpoint := s.connects(s.vpc(consumer.account), handoff)
		s.decides(bus.Accept, endpoint)
		outputs = append(outputs, begun[n].succeeds())
		s.readsOrders(s.client(endpoint, handoff))
	}

	exposures := s.exposuresIn(database.VPC)
	if len(exposures) != 2 {
		s.Errorf("the registry has %d exposures of the database", len(exposures))
	}
	s.haveResourcesOfTheirOwn(exposures)
	s.shareRules(exposures)
	s.areListed(database, outputs[0], outputs[1])

	// One of them takes the load balancer's addresses instead: the rules stay for the other, without the first one's tags.
	blocks := s.admitted(database)
	s.starts(fmt.Sprintf(`{"database": %q, "vendor": "pushmetrics", "ingress": "addresses"}`, database.Identifier)).succeeds()
	for _, block := range blocks {
		if !slices.Contains(s.admitted(database), block) {
			s.Errorf("%s was let in for both, and is not any more", block)
		}
	}
}

// lookedAt calls check until the sync has looked at an exposure three times more.
func (s story) lookedAt(o output, check func()) {
	s.Helper()
	before := s.callsUntilNow()
	s.await("ticks of the sync", func() bool {
		check()
		return len(s.calls(before, func(c call) bool {
			return c.Session == "rdslink-ip-sync" && c.Action == "DescribeTargetHealth" && c.about(o.names()...)
		})) >= 3
	})
}

// addresses are those that a database's name has in its VPC, sorted.
func (s story) addresses(database stage.Database) []string {
	s.Helper()
	found, err := cloud.Lookup(s.ctx, database.Application().Place, database.Host)
	s.check(err)
	var addresses []string
	for _, a := range found {
		addresses = append(addresses, a.String())
	}
	slices.Sort(addresses)
	return addresses
}

// interfaces are the addresses of all network interfaces in a database's security group, sorted.
func (s story) interfaces(database stage.Database) []string {
	s.Helper()
	out, err := s.network().DescribeNetworkInterfaces(s.ctx, &ec2.DescribeNetworkInterfacesInput{
		Filters: []types.Filter{{Name: new("group-id"), Values: []string{database.SecurityGroup}}},
	})
	s.check(err)
	var addresses []string
	for _, i := range out.NetworkInterfaces {
		addresses = append(addresses, *i.PrivateIpAddress)
	}
	slices.Sort(addresses)
	return addresses
}

// targets are the addresses to which an exposure's load balancer sends new connections, sorted.
func (s story) targets(o output) []string {
	s.Helper()
	return s.targetsOf(o.Resources.TargetGroupARN)
}

func (s story) targetsOf(group string) []string {
	s.Helper()
	out, err := s.balancers().DescribeTargetHealth(s.ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &group})
	s.check(err)
	var addresses []string
	for _, d := range out.TargetHealthDescriptions {
		if d.TargetHealth.State != elbtypes.TargetHealthStateEnumDraining {
			addresses = append(addresses, *d.Target.Id)
		}
	}
	slices.Sort(addresses)
	return addresses
}

// healthy says whether the load balancer has found every target of an exposure's group well.
func (s story) healthy(exposure string) bool {
	s.Helper()
	groups, err := s.balancers().DescribeTargetGroups(s.ctx, &elb.DescribeTargetGroupsInput{Names: []string{exposure}})
	s.check(err)
	out, err := s.balancers().DescribeTargetHealth(s.ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: groups.TargetGroups[0].TargetGroupArn})
	s.check(err)
	return len(out.TargetHealthDescriptions) > 0 &&
		!slices.ContainsFunc(out.TargetHealthDescriptions, func(d elbtypes.TargetHealthDescription) bool {
			return d.TargetHealth.State != elbtypes.TargetHealthStateEnumHealthy
		})
}

func (s story) balancers() *elb.Client { return elb.NewFromConfig(cloud.Config(stage.Customer)) }
