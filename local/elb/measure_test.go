package elb

import (
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/rdslink/rdslink/local/network/networktest"
)

// seen are the sums and the most of what was measured, by metric and dimension.
func (b *bed) seen(sums, most map[string]float64) {
	for _, m := range b.world.Meter.Take(account) {
		key := m.Name
		for _, dimension := range []string{zoneDimension, groupDimension} {
			if value := m.Dimensions[dimension]; value != "" {
				key += " " + dimension
			}
		}
		if m.Dimensions["LoadBalancer"] == "" || m.Namespace != balancerMetrics {
			b.t.Errorf("measured %+v", m)
		}
		sums[key] += m.Sum
		most[key] = max(most[key], m.Most)
	}
}

func TestWhatGoesThroughIsMeasured(t *testing.T) {
	b := newBed(t)
	lb, group := b.chain()
	b.database(t, "10.0.1.10")
	b.registerAddresses(group, "10.0.1.10", "10.0.1.11")
	b.awaitHealth(group, "10.0.1.10", healthy)
	b.awaitHealth(group, "10.0.1.11", unhealthy)
	sums, most := map[string]float64{}, map[string]float64{}
	if b.seen(sums, most); len(sums) > 0 {
		t.Errorf("without traffic there is %v", sums)
	}
	talk := func(end func(net.Conn)) {
		client := b.connect(lb, "euc1-a", "172.31.0.9")
		_, _ = io.WriteString(client, "select 1")
		if _, err := io.ReadFull(client, make([]byte, len("10.0.1.10select 1"))); err != nil {
			t.Fatal(err)
		}
		end(client)
	}
	var open []net.Conn
	for range 2 {
		talk(func(c net.Conn) { open = append(open, c) })
	}
	b.world.Lock()
	b.Measure()
	b.world.Unlock()
	talk(networktest.Reset)
	for _, c := range open {
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.ReadAll(c)
	}
	b.eventually("all is over", func() bool {
		b.world.Lock()
		defer b.world.Unlock()
		return len(b.loadBalancers[lb].flows) == 0
	})
	b.cloud.mu.Lock()
	for _, p := range b.passed {
		if p.Client.String() != "172.31.0.9:40000" || p.Listener.Port() != 5432 || p.Target.String() != "10.0.1.10:5432" || p.End.Before(p.Start) {
			t.Errorf("flow logs hear of %+v", p)
		}
		sums["to the target"] += float64(p.ToTarget.Bytes)
		sums["to the client"] += float64(p.ToClient.Bytes)
	}
	b.cloud.mu.Unlock()
	if toTarget, toClient := sums["to the target"], sums["to the client"]; toTarget != 3*8 || toClient != 3*17 {
		t.Errorf("flow logs hear of %v bytes to the target and %v to the client", toTarget, toClient)
	}
	b.seen(sums, most)
	const flows, bytes = 3, 3 * float64(len("select 1")+len("10.0.1.10select 1"))
	for name, want := range map[string]float64{newFlows: flows, processedBytes: bytes, clientResets: 1, targetResets: 0, balancerResets: 0, rejectedFlows: 0, portErrors: 0} {
		got, measured := sums[name]
		if !measured || got != want {
			t.Errorf("%s is %v (measured: %v), want %v", name, got, measured, want)
		}
		if inZone := sums[name+" "+zoneDimension]; inZone != want {
			t.Errorf("%s is %v in all zones together, want %v", name, inZone, want)
		}
	}
	for name, want := range map[string]float64{activeFlows: flows, healthyHosts + " " + groupDimension: 1, unhealthyHosts + " " + groupDimension: 1} {
		if most[name] != want {
			t.Errorf("%s is at most %v, want %v", name, most[name], want)
		}
	}
}

func TestWhoEndsAFlowIsMeasured(t *testing.T) {
	b := newBed(t)
	lb, group := b.chain()
	b.database(t, "10.0.1.10")
	b.registerAddresses(group, "10.0.1.10")
	b.awaitHealth(group, "10.0.1.10", healthy)
	client := b.connect(lb, "euc1-a", "172.31.0.9")
	if _, err := client.Read(make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	b.setAttribute(group, "deregistration_delay.connection_termination.enabled", "true")
	b.setAttribute(group, "deregistration_delay.timeout_seconds", "0")
	b.deregisterAddresses(group, "10.0.1.10")
	if _, err := client.Read(make([]byte, 64)); err == nil {
		t.Error("the connection goes on")
	}
	b.awaitHealth(group, "10.0.1.10", "")
	if _, err := b.greeting(lb, "euc1-a"); err == nil {
		t.Error("nobody is there, and the connection is taken")
	}
	sums := map[string]float64{}
	b.eventually("resets of both sides, and a flow that is rejected", func() bool {
		b.seen(sums, map[string]float64{})
		return sums[balancerResets] >= 2 && sums[rejectedFlows] >= 1
	})
	if got := fmt.Sprint(sums[balancerResets], sums[rejectedFlows], sums[clientResets], sums[targetResets]); got != "2 1 0 0" {
		t.Errorf("resets by the load balancer, flows rejected, resets by client and target are %s", got)
	}
}
