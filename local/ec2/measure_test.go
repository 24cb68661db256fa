package ec2

import (
	"fmt"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

func TestAServicesTrafficIsMeasuredByServiceAndEndpoint(t *testing.T) {
	c := newCloud(t)
	_, e := c.connected()
	sums, most := map[string]float64{}, map[string]float64{}
	take := func() {
		for _, m := range c.world.Meter.Take(provider) {
			key := m.Name
			if m.Dimensions[endpointDimension] != "" {
				key += " of " + m.Dimensions[endpointDimension]
			}
			if m.Dimensions[serviceDimension] == "" || m.Namespace != "AWS/PrivateLinkServices" {
				t.Errorf("measured %+v", m)
			}
			sums[key] += m.Sum
			most[key] = max(most[key], m.Most)
		}
	}
	c.world.Lock()
	c.Measure()
	c.world.Unlock()
	take()
	if got := fmt.Sprint(most[endpointsCount], len(sums)); got != "1 1" {
		t.Errorf("without traffic there is %v", most)
	}
	conn, err := c.network.dial(c.consumerVPC, c.firstAddress(e, 5432))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	heard := greeting(t, conn)
	want := float64(len("hello") + len(heard) + 1)
	c.eventually("both directions measured", func() bool {
		take()
		return sums[bytesProcessed] == want
	})
	must(c, consumer, c.deleteEndpoints, ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{*e.VpcEndpointId}})
	_, _ = io.ReadAll(conn)
	c.eventually("the reset measured", func() bool {
		take()
		return sums[resetsSent] == 1
	})
	of := " of " + *e.VpcEndpointId
	for name, want := range map[string]float64{newConnections: 1, bytesProcessed: want, resetsSent: 1} {
		if sums[name] != want || sums[name+of] != want {
			t.Errorf("%s is %v of the service and %v of the endpoint, want %v", name, sums[name], sums[name+of], want)
		}
	}
	if most[activeConnections] != 1 || most[activeConnections+of] != 1 {
		t.Errorf("%v connections of the service and %v of the endpoint", most[activeConnections], most[activeConnections+of])
	}
}
