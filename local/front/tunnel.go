package front

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/rdslink/rdslink/local/ec2"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/wire"
)

// Tunnel lets a client outside stand in a subnet: CONNECT host:port with the headers X-Local-Account, X-Local-Subnet and,
// unless the VPC's default security group is meant, X-Local-Groups. The client has a network interface there as long as the
// connection lives, and the VPC's DNS resolves the host.
type Tunnel struct {
	World   *model.World
	VPCs    *ec2.Service
	DNS     network.Resolver
	Network *network.Network
}

func (t *Tunnel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	from, vpcs, err := t.stand(r.Header)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer t.leave(from, vpcs)
	there, err := t.dial(r.Context(), from, r.URL.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	here, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = there.Close()
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if _, err := fmt.Fprint(here, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		_ = there.Close()
		_ = here.Close()
		return
	}
	// A client may have sent more than its request.
	early := make([]byte, buffered.Reader.Buffered())
	_, _ = buffered.Read(early)
	_, _ = there.Write(early) // Pipe meets the same error
	network.Pipe(here, there)
}

// stand puts the client into its subnet, and says which Region's EC2 that is of.
func (t *Tunnel) stand(h http.Header) (*ec2.Interface, *ec2.Service, error) {
	account, subnet := h.Get("X-Local-Account"), h.Get("X-Local-Subnet")
	t.World.Lock()
	defer t.World.Unlock()
	vpcs := t.VPCs.Of(subnet)
	s, err := vpcs.Subnet(account, subnet)
	if err != nil {
		return nil, nil, fmt.Errorf("stand in %s of %s: %w", subnet, account, err)
	}
	groups := strings.FieldsFunc(h.Get("X-Local-Groups"), func(r rune) bool { return r == ',' || r == ' ' })
	if len(groups) == 0 {
		g, ok := vpcs.DefaultSecurityGroup(s.VPC)
		if !ok {
			return nil, nil, fmt.Errorf("stand in %s: %w", subnet, wire.Errorf("InvalidGroup.NotFound", "%s has no default security group", s.VPC))
		}
		groups = []string{g.ID}
	}
	from, err := vpcs.Attach(account, subnet, groups, "A client outside of the local cloud", netip.Addr{})
	return from, vpcs, err
}

func (t *Tunnel) leave(i *ec2.Interface, vpcs *ec2.Service) {
	t.World.Lock()
	defer t.World.Unlock()
	vpcs.Detach(i.ID)
}

func (t *Tunnel) dial(ctx context.Context, from *ec2.Interface, host string) (net.Conn, error) {
	name, portText, err := net.SplitHostPort(host)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, err
	}
	addresses := []netip.Addr{}
	if address, err := netip.ParseAddr(name); err == nil {
		addresses = append(addresses, address)
	} else {
		addresses, _, _ = t.DNS.Lookup(from.VPC, strings.ToLower(name))
	}
	if len(addresses) == 0 {
		return nil, fmt.Errorf("resolve %s in %s: no such host", name, from.VPC)
	}
	for _, a := range addresses {
		var conn net.Conn
		if conn, err = t.Network.Dial(ctx, from.VPC, from.Address, netip.AddrPortFrom(a, uint16(port))); err == nil {
			return conn, nil
		}
	}
	return nil, err
}
