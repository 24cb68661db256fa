package elb

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/local/model"
)

const (
	initial   = types.TargetHealthStateEnumInitial
	healthy   = types.TargetHealthStateEnumHealthy
	unhealthy = types.TargetHealthStateEnumUnhealthy
	draining  = types.TargetHealthStateEnumDraining
	unused    = types.TargetHealthStateEnumUnused
)

func (b *bed) setAttribute(group, key, value string) {
	b.t.Helper()
	must(b, b.modifyTargetGroupAttributes, elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &group, Attributes: []types.TargetGroupAttribute{{Key: &key, Value: &value}}})
}

// slow lets only what a test waits for happen: every delay that AWS documents is longer than the test.
func (b *bed) slow() {
	b.world.Lock()
	defer b.world.Unlock()
	b.world.Speed = 1
	b.world.Delays = model.Documented
	b.world.Delays.Visibility = 0
}

func TestTargetBecomesHealthyAndUnhealthyByItsAnswers(t *testing.T) {
	b := newBed(t)
	_, group := b.chain()
	b.registerAddresses(group, "10.0.1.10")
	b.awaitHealth(group, "10.0.1.10", unhealthy)
	b.database(t, "10.0.1.10")
	b.awaitHealth(group, "10.0.1.10", healthy)
	b.kill()
	b.awaitHealth(group, "10.0.1.10", unhealthy)
}

func TestTargetIsUnhealthyWhenMostNodesDoNotReachIt(t *testing.T) {
	b := newBed(t)
	lb, group := b.chain()
	b.database(t, "10.0.1.10")
	b.setBlind(b.loadBalancers[lb].nodes[0].address, true)
	b.registerAddresses(group, "10.0.1.10")
	b.awaitHealth(group, "10.0.1.10", unhealthy)
	b.setBlind(b.loadBalancers[lb].nodes[0].address, false)
	b.awaitHealth(group, "10.0.1.10", healthy)
}

func TestHealthOfTargetsThatAreNotChecked(t *testing.T) {
	for state, row := range map[string]struct {
		source string
		make   func(b *bed) (group, address string)
		want   types.TargetHealthStateEnum
		reason types.TargetHealthReasonEnum
	}{
		"registration takes its time": {"kubernetes-sigs/aws-load-balancer-controller#1834", func(b *bed) (string, string) {
			_, group := b.chain()
			b.slow()
			b.registerAddresses(group, "10.0.1.10")
			return group, "10.0.1.10"
		}, initial, types.TargetHealthReasonEnumRegistrationInProgress},
		"no listener uses the group": {"API_TargetHealth, Target.NotInUse", func(b *bed) (string, string) {
			group := b.makeTargetGroup()
			b.registerAddresses(group, "10.0.1.10")
			return group, "10.0.1.10"
		}, unused, types.TargetHealthReasonEnumNotInUse},
		"the zone is not enabled": {"API_TargetHealth, Target.NotInUse", func(b *bed) (string, string) {
			_, group := b.chain()
			b.registerAddresses(group, "10.0.3.10")
			return group, "10.0.3.10"
		}, unused, types.TargetHealthReasonEnumNotInUse},
		"deregistered a moment ago": {"API_TargetHealth, Target.DeregistrationInProgress", func(b *bed) (string, string) {
			_, group := b.chain()
			b.slow()
			b.registerAddresses(group, "10.0.1.10")
			b.deregisterAddresses(group, "10.0.1.10")
			return group, "10.0.1.10"
		}, draining, types.TargetHealthReasonEnumDeregistrationInProgress},
	} {
		t.Run(state, func(t *testing.T) {
			b := newBed(t)
			group, address := row.make(b)
			if got, reason := b.health(group, address); got != row.want || reason != row.reason {
				t.Errorf("%s %s, want %s %s", got, reason, row.want, row.reason)
			}
		})
	}
}

func TestListenerAndZonePutUnusedTargetsToUse(t *testing.T) {
	b := newBed(t)
	lb, group := b.makeLoadBalancer(), b.makeTargetGroup()
	b.database(t, "10.0.1.10")
	b.database(t, "10.0.3.10")
	b.registerAddresses(group, "10.0.1.10", "10.0.3.10")
	must(b, b.createListener, listenerInput(lb, group))
	b.awaitHealth(group, "10.0.1.10", healthy)
	must(b, b.setSubnets, elb.SetSubnetsInput{LoadBalancerArn: &lb, Subnets: []string{"subnet-a", "subnet-b", "subnet-c"}})
	b.awaitHealth(group, "10.0.3.10", healthy)
}

func TestDeregistration(t *testing.T) {
	for what, row := range map[string]struct {
		target types.TargetDescription
		gone   bool
	}{
		"of the address and port that were registered":              {types.TargetDescription{Id: aws.String("10.0.1.10"), Port: aws.Int32(6432)}, true},
		"without the port override is a silent no-op":               {types.TargetDescription{Id: aws.String("10.0.1.10")}, false},
		"of an address that was never registered is a silent no-op": {types.TargetDescription{Id: aws.String("10.0.1.11"), Port: aws.Int32(6432)}, false},
	} {
		t.Run(what, func(t *testing.T) { // API_DeregisterTargets
			b := newBed(t)
			_, group := b.chain()
			b.setAttribute(group, deregistrationDelay, "0")
			registered := []types.TargetDescription{{Id: aws.String("10.0.1.10"), Port: aws.Int32(6432)}}
			must(b, b.registerTargets, elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: registered})
			must(b, b.deregisterTargets, elb.DeregisterTargetsInput{TargetGroupArn: &group, Targets: []types.TargetDescription{row.target}})
			if row.gone {
				b.awaitHealth(group, "10.0.1.10", "")
				return
			}
			if state, _ := b.health(group, "10.0.1.10"); state == draining || state == "" {
				t.Errorf("state %q", state)
			}
		})
	}
}

func TestDrainingTargetCanBeRegisteredAgain(t *testing.T) {
	b := newBed(t)
	_, group := b.chain()
	b.database(t, "10.0.1.10")
	b.registerAddresses(group, "10.0.1.10")
	b.awaitHealth(group, "10.0.1.10", healthy)
	b.deregisterAddresses(group, "10.0.1.10")
	b.registerAddresses(group, "10.0.1.10")
	b.awaitHealth(group, "10.0.1.10", healthy)
}

func TestConnectionThroughPrivateLink(t *testing.T) {
	b := newBed(t)
	lb, group := b.chain()
	b.database(t, "10.0.1.10")
	b.registerAddresses(group, "10.0.1.10")
	b.awaitHealth(group, "10.0.1.10", healthy)

	client := b.connect(lb, "euc1-a", "172.31.0.9")
	if _, err := io.WriteString(client, "select 1"); err != nil {
		t.Fatal(err)
	}
	if err := client.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(client); err != nil || string(got) != "10.0.1.10select 1" {
		t.Errorf("read %q, %v", got, err)
	}
	b.cloud.mu.Lock()
	defer b.cloud.mu.Unlock()
	if from := b.dialled[len(b.dialled)-1]; b.loadBalancers[lb].nearest("euc1-a").address != from && b.loadBalancers[lb].nearest("euc1-b").address != from {
		t.Errorf("the database sees %s, which is no node", from)
	}
}

func TestWhoIsLetThrough(t *testing.T) {
	for what, row := range map[string]struct {
		source, from string
		enforce      types.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnum
		through      bool
	}{
		"an address that the inbound rules name":            {"elasticloadbalancing/latest/network/load-balancer-security-groups.html", "172.31.0.9", "on", true},
		"another address":                                   {"elasticloadbalancing/latest/network/load-balancer-security-groups.html", "172.31.0.10", "on", false},
		"another address when rules are not enforced on it": {"elasticloadbalancing/latest/network/load-balancer-security-groups.html", "172.31.0.10", "off", true},
	} {
		t.Run(what, func(t *testing.T) {
			b := newBed(t)
			lb, group := b.chain()
			must(b, b.setSecurityGroups, elb.SetSecurityGroupsInput{LoadBalancerArn: &lb, SecurityGroups: []string{"sg-1"}, EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: row.enforce})
			b.database(t, "10.0.1.10")
			b.registerAddresses(group, "10.0.1.10")
			b.setAttribute(group, crossZone, "true")
			b.awaitHealth(group, "10.0.1.10", healthy)
			if _, err := b.connect(lb, "euc1-a", row.from).Read(make([]byte, 1)); (err == nil) != row.through {
				t.Errorf("read: %v", err)
			}
		})
	}
}

func TestNewConnectionsGo(t *testing.T) {
	for where, row := range map[string]struct {
		source string
		make   func(b *bed, lb, group string)
		want   string // "" for a reset
	}{
		"to the healthy target": {"target-group-health-checks.html", func(b *bed, _, group string) {
			b.setAttribute(group, crossZone, "true")
			b.database(b.t, "10.0.2.10")
			b.registerAddresses(group, "10.0.1.10", "10.0.2.10")
			b.awaitHealth(group, "10.0.1.10", unhealthy)
			b.awaitHealth(group, "10.0.2.10", healthy)
		}, "10.0.2.10"},
		"nowhere when the only healthy target is in another zone and balancing does not cross zones": {"load-balancer-zones.html", func(b *bed, _, group string) {
			b.database(b.t, "10.0.2.10")
			b.registerAddresses(group, "10.0.2.10")
			b.awaitHealth(group, "10.0.2.10", healthy)
		}, ""},
		"to any target when none is healthy": {"target-group-health-checks.html, fail-open", func(b *bed, lb, group string) {
			for _, n := range b.loadBalancers[lb].nodes {
				b.setBlind(n.address, true)
			}
			b.database(b.t, "10.0.1.10")
			b.registerAddresses(group, "10.0.1.10")
			b.awaitHealth(group, "10.0.1.10", unhealthy)
			must(b, b.modifyTargetGroup, elb.ModifyTargetGroupInput{TargetGroupArn: &group, HealthCheckPort: aws.String("9")})
			for _, n := range b.loadBalancers[lb].nodes {
				b.setBlind(n.address, false)
			}
		}, "10.0.1.10"},
		"nowhere when the group is empty": {"target-group-health-checks.html", func(*bed, string, string) {}, ""},
		"nowhere while registration lasts": {"aws-load-balancer-controller#1834", func(b *bed, _, group string) {
			b.slow()
			b.database(b.t, "10.0.1.10")
			b.registerAddresses(group, "10.0.1.10")
		}, ""},
		"still to a draining target until the nodes have heard of it": {"aws/containers-roadmap#470", func(b *bed, _, group string) {
			b.database(b.t, "10.0.1.10")
			b.registerAddresses(group, "10.0.1.10")
			b.awaitHealth(group, "10.0.1.10", healthy)
			b.slow()
			b.deregisterAddresses(group, "10.0.1.10")
		}, "10.0.1.10"},
		"no longer to a draining target that the nodes have heard of": {"API_DeregisterTargets", func(b *bed, _, group string) {
			b.database(b.t, "10.0.1.10")
			b.registerAddresses(group, "10.0.1.10")
			b.awaitHealth(group, "10.0.1.10", healthy)
			b.deregisterAddresses(group, "10.0.1.10")
			b.eventually("the nodes have heard", func() bool {
				closed, _ := locked(b, func() (bool, error) {
					g := b.targetGroups[group]
					return len(g.targets) == 0 || g.targets[0].closed, nil
				})
				return closed
			})
		}, ""},
	} {
		t.Run(where, func(t *testing.T) {
			b := newBed(t)
			lb, group := b.chain()
			b.loadBalancers[lb].enforce = false
			row.make(b, lb, group)
			got, err := b.greeting(lb, "euc1-a")
			if got != row.want || (err != nil) != (row.want == "") {
				t.Errorf("greeted by %q, %v", got, err)
			}
		})
	}
}

func TestConnectionsOfTargetsThatGo(t *testing.T) {
	for what, row := range map[string]struct {
		source string
		gone   func(b *bed, group string)
		cut    bool
	}{
		"are cut when it becomes unhealthy and another is not": {"API_TargetGroupAttribute, unhealthy.connection_termination", func(b *bed, group string) {
			b.database(b.t, "10.0.2.10")
			b.registerAddresses(group, "10.0.2.10")
			b.awaitHealth(group, "10.0.2.10", healthy)
			b.kill()
			b.awaitHealth(group, "10.0.1.10", unhealthy)
		}, true},
		"live on when all are unhealthy": {"target-group-health-checks.html", func(b *bed, group string) {
			b.kill()
			b.awaitHealth(group, "10.0.1.10", unhealthy)
		}, false},
		"live on when the attribute is off": {"API_TargetGroupAttribute", func(b *bed, group string) {
			b.setAttribute(group, unhealthyTerminates, "false")
			b.database(b.t, "10.0.2.10")
			b.registerAddresses(group, "10.0.2.10")
			b.awaitHealth(group, "10.0.2.10", healthy)
			b.kill()
			b.awaitHealth(group, "10.0.1.10", unhealthy)
		}, false},
		"live on after deregistration": {"API_TargetGroupAttribute", func(b *bed, group string) {
			b.setAttribute(group, deregistrationDelay, "0")
			b.deregisterAddresses(group, "10.0.1.10")
			b.awaitHealth(group, "10.0.1.10", "")
		}, false},
		"are cut after deregistration with termination": {"API_TargetGroupAttribute, deregistration_delay.connection_termination", func(b *bed, group string) {
			b.setAttribute(group, deregistrationDelay, "0")
			b.setAttribute(group, deregistrationTerminates, "true")
			b.deregisterAddresses(group, "10.0.1.10")
			b.awaitHealth(group, "10.0.1.10", "")
		}, true},
	} {
		t.Run(what, func(t *testing.T) {
			b := newBed(t)
			lb, group := b.chain()
			b.loadBalancers[lb].enforce = false
			b.database(t, "10.0.1.10")
			b.registerAddresses(group, "10.0.1.10")
			b.awaitHealth(group, "10.0.1.10", healthy)
			client := b.connect(lb, "euc1-a", "172.31.0.9")
			if _, err := io.ReadFull(client, make([]byte, len("10.0.1.10"))); err != nil {
				t.Fatal(err)
			}
			row.gone(b, group)
			_, _ = io.WriteString(client, "x")
			if _, err := client.Read(make([]byte, 1)); (err != nil) != row.cut {
				t.Errorf("read: %v", err)
			}
		})
	}
}

func TestNodesListenForClientsInTheVPC(t *testing.T) {
	b := newBed(t)
	lb, group := b.chain()
	b.database(t, "10.0.1.10")
	b.registerAddresses(group, "10.0.1.10")
	b.awaitHealth(group, "10.0.1.10", healthy)
	node := b.loadBalancers[lb].nearest("euc1-a").address
	conn, err := b.Dial(context.Background(), vpc, netip.MustParseAddr("10.0.1.200"), netip.AddrPortFrom(node, 5432))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len("10.0.1.10"))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "10.0.1.10" {
		t.Errorf("read %q, %v", got, err)
	}
}

// elasticloadbalancing/latest/network/availability-zones.html, "Updating Availability Zones can be disruptive".
func TestAZoneThatIsTakenAwayEndsItsConnections(t *testing.T) {
	b := newBed(t)
	lb, group := b.chain()
	b.loadBalancers[lb].enforce = false
	b.setAttribute(group, crossZone, "true")
	for _, address := range []string{"10.0.1.10", "10.0.2.10"} {
		b.database(t, address)
		b.registerAddresses(group, address)
		b.awaitHealth(group, address, healthy)
	}
	left, gone := b.loadBalancers[lb].nodeIn("eu-central-1a"), b.loadBalancers[lb].nodeIn("eu-central-1b")
	type connection struct {
		net.Conn
		zone, target string
	}
	var open []connection
	seen := map[string]bool{}
	b.eventually("a connection from each zone to each", func() bool {
		for _, zone := range []string{"euc1-a", "euc1-b"} {
			c := connection{Conn: b.connect(lb, zone, "172.31.0.9"), zone: zone}
			greeting := make([]byte, len("10.0.1.10"))
			if _, err := io.ReadFull(c, greeting); err != nil {
				t.Fatal(err)
			}
			c.target = string(greeting)
			open, seen[zone+c.target] = append(open, c), true
		}
		return len(seen) == 4
	})
	must(b, b.setSubnets, elb.SetSubnetsInput{LoadBalancerArn: &lb, Subnets: []string{"subnet-a"}})
	for _, c := range open {
		_, _ = io.WriteString(c, "x")
		_, err := c.Read(make([]byte, 1))
		if stays := c.zone == "euc1-a" && c.target == "10.0.1.10"; stays != (err == nil) {
			t.Errorf("from %s to %s: %v", c.zone, c.target, err)
		}
	}
	if b.attached[left.interfaceID] == nil || b.attached[gone.interfaceID] != nil {
		t.Errorf("interfaces: %v", b.attached)
	}
	if state, reason := b.health(group, "10.0.2.10"); state != types.TargetHealthStateEnumUnused || reason != types.TargetHealthReasonEnumNotInUse {
		t.Errorf("its target is %s, %s", state, reason)
	}
	name := *must(b, b.describeLoadBalancers, elb.DescribeLoadBalancersInput{}).LoadBalancers[0].DNSName
	if got := b.records[name]; len(got) != 1 || got[0] != left.address || b.records["eu-central-1b."+name] != nil {
		t.Errorf("names: %v", b.records)
	}
	must(b, b.setSubnets, elb.SetSubnetsInput{LoadBalancerArn: &lb, Subnets: []string{"subnet-a", "subnet-b"}})
	b.awaitHealth(group, "10.0.2.10", healthy)
}

func TestAListenerThatIsDeletedListensNoMore(t *testing.T) {
	b := newBed(t)
	lb, group := b.chain()
	second := listenerInput(lb, group)
	second.Port = aws.Int32(5433)
	arn := must(b, b.createListener, second).Listeners[0].ListenerArn
	must(b, b.deleteListener, elb.DeleteListenerInput{ListenerArn: arn})
	if got := must(b, b.describeListeners, elb.DescribeListenersInput{LoadBalancerArn: &lb}).Listeners; len(got) != 1 || *got[0].Port != 5432 {
		t.Errorf("%d listeners", len(got))
	}
	refused(b, "ListenerNotFound", b.deleteListener, elb.DeleteListenerInput{ListenerArn: arn})
}
