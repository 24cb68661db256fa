package ec2

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/wire"
)

func TestEndpointRefusals(t *testing.T) {
	create := func(change func(*cloud, *ec2.CreateVpcEndpointInput)) func(*cloud) error {
		return func(c *cloud) error {
			in := c.endpointTo(c.service())
			change(c, &in)
			return try(c, consumer, c.createEndpoint, in)
		}
	}
	checkRefusals(t, map[string]refusal{
		"a service that does not exist": {
			source: errorCodes, code: "InvalidServiceName", words: "does not exist",
			do: create(func(_ *cloud, in *ec2.CreateVpcEndpointInput) {
				in.ServiceName = aws.String("com.amazonaws.vpce.eu-central-1.vpce-svc-0")
			}),
		},
		"a service that the account may not use does not exist for it": {
			source: "vpc/latest/privatelink/configure-endpoint-service.html", code: "InvalidServiceName", words: "does not exist",
			do: create(func(c *cloud, in *ec2.CreateVpcEndpointInput) {
				svc := c.services[0]
				remove := ec2.ModifyVpcEndpointServicePermissionsInput{ServiceId: &svc.ID, RemoveAllowedPrincipals: []string{"arn:aws:iam::" + consumer + ":root"}}
				must(c, provider, c.modifyPermissions, remove)
			}),
		},
		"a zone that the service is not in": {
			source: "aws/aws-sdk-go-v2 issue 1024", code: "InvalidParameter", words: "does not support the availability zone of the subnet: subnet-",
			do: create(func(c *cloud, in *ec2.CreateVpcEndpointInput) { in.SubnetIds = c.consumerSubnets }),
		},
		"two subnets in a zone": {
			source: "API_CreateVpcEndpoint.html", code: "DuplicateSubnetsInSameZone",
			do: create(func(c *cloud, in *ec2.CreateVpcEndpointInput) {
				twin := ec2.CreateSubnetInput{VpcId: &c.consumerVPC, CidrBlock: aws.String("10.0.9.0/24"), AvailabilityZoneId: aws.String("euc1-az2")}
				in.SubnetIds = append(slices.Clone(in.SubnetIds), *must(c, consumer, c.createSubnet, twin).Subnet.SubnetId)
			}),
		},
		"private DNS without a private name": {
			source: errorCodes, code: "InvalidParameter", words: "does not provide a private DNS name",
			do: create(func(_ *cloud, in *ec2.CreateVpcEndpointInput) { in.PrivateDnsEnabled = aws.Bool(true) }),
		},
		"a group that does not exist": {
			source: errorCodes, code: "InvalidGroup.NotFound",
			do: create(func(_ *cloud, in *ec2.CreateVpcEndpointInput) { in.SecurityGroupIds = []string{"sg-00000000000000000"} }),
		},
		"an endpoint that does not exist": {
			source: errorCodes, code: "InvalidVpcEndpointId.NotFound",
			do: func(c *cloud) error {
				return try(c, consumer, c.describeEndpoints, ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{"vpce-00000000000000000"}})
			},
		},
	})
}

// decision accepts or rejects, as the service's owner.
func (c *cloud) decision(svc *types.ServiceConfiguration, e *types.VpcEndpoint, decision func(*endpoint) *wire.Error) []types.UnsuccessfulItem {
	c.t.Helper()
	c.world.Lock()
	defer c.world.Unlock()
	ctx := wire.WithCaller(c.t.Context(), wire.Caller{Account: provider})
	items, err := c.decide(ctx, svc.ServiceId, []string{*e.VpcEndpointId}, decision)
	if err != nil {
		c.t.Fatal(err)
	}
	return items
}

func (c *cloud) connectionState(svc *types.ServiceConfiguration) types.State {
	c.t.Helper()
	filter := types.Filter{Name: aws.String("service-id"), Values: []string{*svc.ServiceId}}
	return must(c, provider, c.describeConnections, ec2.DescribeVpcEndpointConnectionsInput{Filters: []types.Filter{filter}}).VpcEndpointConnections[0].VpcEndpointState
}

func TestAnEndpointWaitsForAcceptanceAndThenForAWS(t *testing.T) {
	c := newCloud(t)
	svc := c.service()
	e := c.endpoint(svc)
	if state := c.connectionState(svc); state != "pendingAcceptance" {
		t.Errorf("at first %s", state)
	}
	c.world.Delays.EndpointAvailable = time.Hour
	c.decision(svc, e, c.accept)
	if state := c.connectionState(svc); state != "pending" {
		t.Errorf("accepted %s", state)
	}
}

func TestAnEndpointOfAnOpenServiceIsAvailableByItself(t *testing.T) {
	c := newCloud(t)
	svc := c.service()
	must(c, provider, c.modifyEndpointService, ec2.ModifyVpcEndpointServiceConfigurationInput{ServiceId: svc.ServiceId, AcceptanceRequired: aws.Bool(false)})
	c.becomes(c.endpoint(svc), available)
}

func TestARejectionOutrunsAnAcceptance(t *testing.T) {
	c := newCloud(t)
	svc := c.service()
	e := c.endpoint(svc)
	c.world.Delays.EndpointAvailable = time.Millisecond
	c.decision(svc, e, c.accept)
	c.decision(svc, e, c.reject)
	later := make(chan struct{})
	c.world.After(2*time.Millisecond, func() { close(later) })
	<-later
	if state := c.connectionState(svc); state != rejected {
		t.Errorf("it is %s", state)
	}
}

func TestDecisionsThatDoNotFitAreItemsOfTheAnswer(t *testing.T) {
	for sentence, row := range map[string]struct {
		before, decide func(*cloud, *endpoint) *wire.Error
		code           string
	}{
		"accepting twice":             {accepting, accepting, "InvalidState"},
		"accepting a rejected one":    {rejecting, accepting, "InvalidState"},
		"rejecting twice":             {rejecting, rejecting, "InvalidState"},
		"rejecting an accepted one":   {accepting, rejecting, ""},
		"accepting an expired one":    {expiring, accepting, "InvalidState"},
		"rejecting an expired one":    {expiring, rejecting, "InvalidState"},
		"accepting one that has gone": {removing, accepting, "InvalidVpcEndpoint.NotFound"},
	} {
		t.Run(sentence, func(t *testing.T) {
			c := newCloud(t)
			svc := c.service()
			e := c.endpoint(svc)
			bound := func(f func(*cloud, *endpoint) *wire.Error) func(*endpoint) *wire.Error {
				return func(e *endpoint) *wire.Error { return f(c, e) }
			}
			c.decision(svc, e, bound(row.before))
			var code string
			if items := c.decision(svc, e, bound(row.decide)); len(items) > 0 {
				code = *items[0].Error.Code
			}
			if code != row.code {
				t.Errorf("got %q, want %q", code, row.code)
			}
		})
	}
}

func accepting(c *cloud, e *endpoint) *wire.Error { return c.accept(e) }
func rejecting(c *cloud, e *endpoint) *wire.Error { return c.reject(e) }
func expiring(c *cloud, e *endpoint) *wire.Error {
	if err := c.Expire(e.ID); err != nil {
		c.t.Error(err)
	}
	return nil
}
func removing(c *cloud, e *endpoint) *wire.Error {
	c.endpoints.remove(e.ID)
	return nil
}

// Nothing tells of it, and only a request expires.
func TestARequestExpiresInSilence(t *testing.T) {
	c := newCloud(t)
	svc := c.service()
	e := c.endpoint(svc)
	before := len(c.sent)
	if err := c.Expire(*e.VpcEndpointId); err != nil {
		t.Fatal(err)
	}
	if state := c.connectionState(svc); state != expired || len(c.sent) != before {
		t.Errorf("it is %s, and %d notifications were sent", state, len(c.sent)-before)
	}
	if err := c.Expire(*e.VpcEndpointId); err == nil {
		t.Error("it expires twice")
	}
}

func TestRemovingAPrincipalLeavesItsConnections(t *testing.T) {
	c := newCloud(t)
	svc, e := c.connected()
	must(c, provider, c.modifyPermissions, ec2.ModifyVpcEndpointServicePermissionsInput{ServiceId: svc.ServiceId, RemoveAllowedPrincipals: []string{"arn:aws:iam::" + consumer + ":root"}})
	if state := c.state(*e.VpcEndpointId); state != available {
		t.Errorf("it is %s", state)
	}
}

func TestConnectionsPageAndFilter(t *testing.T) {
	c := newCloud(t)
	svc := c.service()
	var first *types.VpcEndpoint
	for i := range 7 {
		if e := c.endpoint(svc); i == 0 {
			first = e
		}
	}
	c.decision(svc, first, c.reject)
	waiting := types.Filter{Name: aws.String("vpc-endpoint-state"), Values: []string{"pendingAcceptance"}}
	in := ec2.DescribeVpcEndpointConnectionsInput{Filters: []types.Filter{waiting}, MaxResults: aws.Int32(5)}
	page := must(c, provider, c.describeConnections, in)
	in.NextToken = page.NextToken
	rest := must(c, provider, c.describeConnections, in)
	if len(page.VpcEndpointConnections) != 5 || len(rest.VpcEndpointConnections) != 1 || rest.NextToken != nil {
		t.Errorf("pages of %d and %d", len(page.VpcEndpointConnections), len(rest.VpcEndpointConnections))
	}
	if owner := *page.VpcEndpointConnections[0].VpcEndpointOwner; owner != consumer {
		t.Errorf("owner %s", owner)
	}
	if others := must(c, consumer, c.describeConnections, ec2.DescribeVpcEndpointConnectionsInput{}); len(others.VpcEndpointConnections) != 0 {
		t.Error("the consumer sees the provider's connections")
	}
}

func TestAnEndpointsNamesResolveEverywhereUntilItIsDeleted(t *testing.T) {
	c := newCloud(t)
	svc, e := c.connected()
	regional, zonal := *e.DnsEntries[0].DnsName, *e.DnsEntries[1].DnsName
	base := ".vpce-svc-" + strings.TrimPrefix(*svc.ServiceId, "vpce-svc-") + ".eu-central-1.vpce.amazonaws.com"
	if !strings.HasSuffix(regional, base) || !strings.HasPrefix(regional, *e.VpcEndpointId+"-") {
		t.Errorf("regional name %s", regional)
	}
	for name, want := range map[string]int{regional: 2, zonal: 1} {
		for _, vpc := range []string{"", c.consumerVPC, c.providerVPC} {
			if addresses, _, found := c.Records().Lookup(vpc, name); !found || len(addresses) != want {
				t.Errorf("%s in %q is %s", name, vpc, addresses)
			}
		}
	}
	must(c, consumer, c.deleteEndpoints, ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{*e.VpcEndpointId}})
	c.eventually("endpoint gone", func() bool { return len(c.endpoints) == 0 })
	if _, _, found := c.Records().Lookup("", regional); found || len(c.network.addresses[c.consumerVPC]) != 0 {
		t.Errorf("its name or addresses %s live on", c.network.addresses[c.consumerVPC])
	}
}

func TestDeletingAnEndpointThatDoesNotExistIsAnItemOfTheAnswer(t *testing.T) {
	c := newCloud(t)
	_, e := c.connected()
	items := must(c, provider, c.deleteEndpoints, ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{*e.VpcEndpointId}}).Unsuccessful
	if len(items) != 1 || *items[0].Error.Code != "InvalidVpcEndpoint.NotFound" {
		t.Errorf("another account's endpoint: %+v", items)
	}
}

func TestAFullSubnetLeavesNoHalfAnEndpoint(t *testing.T) {
	c := newCloud(t)
	svc := c.service()
	in := c.endpointTo(svc)
	small := ec2.CreateSubnetInput{VpcId: &c.consumerVPC, CidrBlock: aws.String("10.0.200.0/28"), AvailabilityZoneId: aws.String("euc1-az3")}
	full := *must(c, consumer, c.createSubnet, small).Subnet.SubnetId
	for range 11 {
		c.attach(consumer, full)
	}
	in.SubnetIds = []string{c.consumerSubnets[0], full}
	err := try(c, consumer, c.createEndpoint, in)
	if err == nil || len(c.endpoints) != 0 || len(c.interfaces) != 11 {
		t.Errorf("%v; %d endpoints, %d interfaces", err, len(c.endpoints), len(c.interfaces))
	}
}

// firstAddress is where the endpoint's first interface listens.
func (c *cloud) firstAddress(e *types.VpcEndpoint, port uint16) string {
	i, _ := c.interfaces.find(e.NetworkInterfaceIds[0])
	return netip.AddrPortFrom(i.Address, port).String()
}

func greeting(t *testing.T, conn net.Conn) string {
	t.Helper()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func TestAnAvailableEndpointCarriesConnectionsToItsZonesNode(t *testing.T) {
	c := newCloud(t)
	_, e := c.connected()
	for i, zone := range []string{"euc1-az2", "euc1-az3"} {
		nic, _ := c.interfaces.find(e.NetworkInterfaceIds[i])
		conn, err := c.network.dial(c.consumerVPC, fmt.Sprintf("%s:5432", nic.Address))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := greeting(t, conn), zone+" port 5432 from 127.0.0.1"; got != want {
			t.Errorf("arrived at %s, want %s", got, want)
		}
		conn.Close()
	}
}

func TestAnEndpointIsCutOff(t *testing.T) {
	for sentence, end := range map[string]func(*cloud, *types.ServiceConfiguration, *types.VpcEndpoint){
		"when it is rejected": func(c *cloud, svc *types.ServiceConfiguration, e *types.VpcEndpoint) { c.decision(svc, e, c.reject) },
		"when it is deleted": func(c *cloud, _ *types.ServiceConfiguration, e *types.VpcEndpoint) {
			must(c, consumer, c.deleteEndpoints, ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{*e.VpcEndpointId}})
		},
		"when the listener goes": func(c *cloud, _ *types.ServiceConfiguration, _ *types.VpcEndpoint) {
			c.balancers.change(func(lb *LoadBalancer) { lb.Ports = nil })
			c.underLock(func() bool { c.PortsChanged(balancer); return true })
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			c := newCloud(t)
			svc, e := c.connected()
			at := c.firstAddress(e, 5432)
			conn, err := c.network.dial(c.consumerVPC, at)
			if err != nil {
				t.Fatal(err)
			}
			greeting(t, conn)
			end(c, svc, e)
			if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
				t.Errorf("the connection ended with %v, want a reset", err)
			}
			if _, err := c.network.dial(c.consumerVPC, at); err == nil {
				t.Error("it still listens")
			}
		})
	}
}

func TestAnEndpointListensOnTheLoadBalancersPorts(t *testing.T) {
	c := newCloud(t)
	_, e := c.connected()
	c.balancers.change(func(lb *LoadBalancer) { lb.Ports = []uint16{5432, 5433} })
	c.underLock(func() bool { c.PortsChanged(balancer); return true })
	conn, err := c.network.dial(c.consumerVPC, c.firstAddress(e, 5433))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := greeting(t, conn); got != "euc1-az2 port 5433 from 127.0.0.1" {
		t.Errorf("arrived at %s", got)
	}
}

// The enum State of AWS's model has Partial, which no page explains, and may learn others.
func TestAConnectionMayBeInAStateThatNoPageExplains(t *testing.T) {
	c := newCloud(t)
	_, e := c.connected()
	for _, state := range []string{"partial", "meditating"} {
		c.world.Instead = map[string]string{"available": state}
		found := must(c, provider, c.describeConnections, ec2.DescribeVpcEndpointConnectionsInput{}).VpcEndpointConnections
		if len(found) != 1 || *found[0].VpcEndpointId != *e.VpcEndpointId || string(found[0].VpcEndpointState) != state {
			t.Errorf("%+v", found)
		}
	}
}
