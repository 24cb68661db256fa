package ec2

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/network/networktest"
)

func TestMain(m *testing.M) { networktest.TestMain(m) }

// dropped is how long a refused connection is given: its packets vanish, so that nothing ever answers.
const dropped = 300 * time.Millisecond

func dial(t *testing.T, n *network.Network, vpc string, from netip.Addr, to string, patience time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return n.Dial(ctx, vpc, from, netip.MustParseAddrPort(to))
}

func TestAConsumerReachesAServiceOnlyThroughItsEndpointAndItsSecurityGroup(t *testing.T) {
	n := networktest.New(t)
	c := newCloudIn(t, n, n)
	n.SetResolver(c.Records())
	_, e := c.connected()
	endpoint := c.firstAddress(e, 5432)
	group, _ := c.DefaultSecurityGroup(c.consumerVPC)
	member, stranger := c.attach(consumer, c.consumerSubnets[2], group.ID), c.attach(consumer, c.consumerSubnets[2], c.group(consumer, c.consumerVPC, "stranger"))

	conn, err := dial(t, n, c.consumerVPC, member.Address, endpoint, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := greeting(t, conn), "euc1-az2 port 5432 from "+member.Address.String(); got != want {
		t.Errorf("arrived at %s, want %s", got, want)
	}
	if _, err := dial(t, n, c.consumerVPC, stranger.Address, endpoint, dropped); err == nil {
		t.Error("who is not in the endpoint's group reaches it")
	}
	elsewhere := c.attach(provider, c.providerSubnets[2])
	if _, err := dial(t, n, c.providerVPC, elsewhere.Address, endpoint, dropped); err == nil {
		t.Error("the endpoint is reached from another VPC")
	}

	must(c, consumer, c.deleteEndpoints, ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{*e.VpcEndpointId}})
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("the connection ended with %v, want it cut", err)
	}
	c.eventually("endpoint gone", func() bool { return len(c.endpoints) == 0 })
}

func TestARuleOpensAnAddressAndRevokingItCloses(t *testing.T) {
	n := networktest.New(t)
	c := newCloudIn(t, n, n)
	group := c.group(provider, c.providerVPC, "database")
	database, client := c.attach(provider, c.providerSubnets[0], group), c.attach(provider, c.providerSubnets[1])
	at := netip.AddrPortFrom(database.Address, 5432)
	l, err := n.Listen(c.providerVPC, at)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	reach := func(patience time.Duration) error {
		conn, err := dial(t, n, c.providerVPC, client.Address, at.String(), patience)
		if err == nil {
			conn.Close()
		}
		return err
	}
	if reach(dropped) == nil {
		t.Error("open before any rule")
	}
	c.permit(group, tcp("10.0.2.0/24"))
	if err := reach(10 * time.Second); err != nil {
		t.Error(err)
	}
	must(c, provider, c.revokeIngress, ec2.RevokeSecurityGroupIngressInput{GroupId: aws.String(group), IpPermissions: tcp("10.0.2.0/24")})
	if reach(dropped) == nil {
		t.Error("open after the rule was revoked")
	}
}
