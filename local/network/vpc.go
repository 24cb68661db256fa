package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// vpc is a network namespace whose addresses all lie on lo.
type vpc struct {
	ns      *namespace
	kernel  *netlink.Handle
	hall    *hall
	lo      netlink.Link
	dns     netip.Addr
	servers []io.Closer                // DNS servers
	others  map[netip.Addr][]io.Closer // DNS servers that are asked instead
	asked   []netip.Addr               // the others, in order

	mu        sync.Mutex
	addresses []netip.Addr
	source    netip.Addr // of sockets that bind no address; invalid: each address speaks to itself
}

func newVPC(dns netip.Addr) (*vpc, error) {
	ns, err := newNamespace()
	if err != nil {
		return nil, err
	}
	v := &vpc{ns: ns, dns: dns}
	if v.kernel, err = netlink.NewHandleAt(ns.handle, unix.NETLINK_ROUTE, unix.NETLINK_INET_DIAG); err != nil {
		return nil, errors.Join(fmt.Errorf("open netlink: %w", err), ns.close())
	}
	if v.hall, err = openHall(int(ns.handle)); err != nil {
		v.kernel.Close()
		return nil, errors.Join(err, ns.close())
	}
	if err := v.setUp(); err != nil {
		v.close()
		return nil, err
	}
	return v, nil
}

func (v *vpc) setUp() error {
	var err error
	if v.lo, err = v.kernel.LinkByName("lo"); err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	if err := v.kernel.LinkSetUp(v.lo); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	if err := v.swallowStrays(); err != nil {
		return err
	}
	if err := errors.Join(raiseFirewall(int(v.ns.handle), v.dns), raiseBoundaries(int(v.ns.handle), v.dns)); err != nil {
		return fmt.Errorf("set firewall: %w", err)
	}
	return v.add(v.dns)
}

// swallowStrays makes addresses that nobody has silent: in a VPC a connection to one times out. Without a route it would be
// refused at once as unreachable; what a default route sends through lo comes back to a host that does not forward.
func (v *vpc) swallowStrays() error {
	everywhere := &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}
	err := v.kernel.RouteReplace(&netlink.Route{LinkIndex: v.lo.Attrs().Index, Dst: everywhere, Scope: netlink.SCOPE_LINK})
	if err != nil {
		return fmt.Errorf("route strays: %w", err)
	}
	return nil
}

func (v *vpc) serveDNS(names *names, id string) error {
	return v.ns.do(func() (err error) {
		v.servers, err = names.serve(id, netip.AddrPortFrom(v.dns, 53))
		return err
	})
}

// askOthers has DNS asked of servers that are not the VPC's own; without any, of its own.
func (v *vpc) askOthers(names *names, servers []netip.Addr) error {
	for server, open := range v.others {
		closeAll(open)
		v.remove(server)
	}
	v.others, v.asked = map[netip.Addr][]io.Closer{}, nil
	for _, server := range servers {
		if err := v.add(server); err != nil {
			return fmt.Errorf("add address %s: %w", server, err)
		}
		v.others[server], v.asked = nil, append(v.asked, server)
		err := v.ns.do(func() (err error) {
			v.others[server], err = names.serve("", netip.AddrPortFrom(server, 53))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *vpc) nameservers() []netip.Addr {
	if len(v.asked) > 0 {
		return v.asked
	}
	return []netip.Addr{v.dns}
}

func closeAll(servers []io.Closer) {
	for _, server := range servers {
		_ = server.Close()
	}
}

func (v *vpc) close() {
	closeAll(v.servers)
	for _, servers := range v.others {
		closeAll(servers)
	}
	v.kernel.Close()
	v.hall.close()
	_ = v.ns.close()
}

// path opens as the network namespace in every process that shares this one's /proc.
func (v *vpc) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), int(v.ns.handle)) }

func (v *vpc) add(a netip.Addr) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if slices.Contains(v.addresses, a) {
		return errors.New("it is there already")
	}
	if err := welcome(int(v.ns.handle), a); err != nil {
		return err
	}
	if err := v.kernel.AddrAdd(v.lo, onLo(a)); err != nil {
		return err
	}
	v.addresses = append(v.addresses, a)
	return v.route(a)
}

func (v *vpc) remove(a netip.Addr) {
	v.mu.Lock()
	defer v.mu.Unlock()
	i := slices.Index(v.addresses, a)
	if i < 0 {
		return
	}
	if a == v.source {
		// The kernel drops every route whose preferred source goes, and the other addresses with them.
		_ = v.reroute(netip.Addr{})
	}
	v.addresses = slices.Delete(v.addresses, i, i+1)
	_ = v.kernel.RouteReplace(v.local(a, a)) // the kernel removes only the route that it made itself
	_ = v.kernel.AddrDel(v.lo, onLo(a))
	_ = dismiss(int(v.ns.handle), a)
	v.abort(a)
}

func onLo(a netip.Addr) *netlink.Addr { return &netlink.Addr{IPNet: hostNet(a)} }

func hostNet(a netip.Addr) *net.IPNet {
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(32, 32)}
}

func (v *vpc) setSource(a netip.Addr) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if a.IsValid() && !slices.Contains(v.addresses, a) {
		return errors.New("the VPC does not have this address")
	}
	return v.reroute(a)
}

func (v *vpc) reroute(source netip.Addr) error {
	v.source = source
	for _, a := range v.addresses {
		if err := v.route(a); err != nil {
			return err
		}
	}
	return nil
}

// route chooses who speaks to a when the socket leaves it open. By default the kernel takes a local address itself, so that
// a database would see its own.
func (v *vpc) route(a netip.Addr) error {
	source := a
	if v.source.IsValid() {
		source = v.source
	}
	if err := v.kernel.RouteReplace(v.local(a, source)); err != nil {
		return fmt.Errorf("route to %s from %s: %w", a, source, err)
	}
	return nil
}

func (v *vpc) local(a, source netip.Addr) *netlink.Route {
	return &netlink.Route{
		LinkIndex: v.lo.Attrs().Index,
		Table:     unix.RT_TABLE_LOCAL,
		Type:      unix.RTN_LOCAL,
		Scope:     netlink.SCOPE_HOST,
		Protocol:  unix.RTPROT_KERNEL,
		Dst:       hostNet(a),
		Src:       source.AsSlice(),
	}
}

// abort ends all connections of a, at both ends, and its listeners. It follows the removal of a, so none can come up again.
// A kernel built without CONFIG_INET_DIAG_DESTROY refuses: there the connections hang instead.
func (v *vpc) abort(a netip.Addr) {
	sockets, _ := v.kernel.SocketDiagTCP(unix.AF_INET) // an interrupted dump still has sockets
	for _, s := range sockets {
		if s.ID.Source.Equal(a.AsSlice()) || s.ID.Destination.Equal(a.AsSlice()) {
			_ = v.kernel.SocketDestroy(
				&net.TCPAddr{IP: s.ID.Source, Port: int(s.ID.SourcePort)},
				&net.TCPAddr{IP: s.ID.Destination, Port: int(s.ID.DestinationPort)})
		}
	}
}

func (v *vpc) answer(at netip.AddrPort, ask Ask) (io.Closer, error) {
	listener, err := v.listen(at)
	if err != nil {
		return nil, err
	}
	e, err := v.hall.enter(listener, at, ask)
	if err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("open entrance: %w", err)
	}
	return e, nil
}

func (v *vpc) listen(at netip.AddrPort) (l net.Listener, err error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false) // abort does not see multipath sockets
	err = v.ns.do(func() error {
		l, err = config.Listen(context.Background(), "tcp4", at.String())
		return err
	})
	return l, err
}

func (v *vpc) dial(ctx context.Context, from netip.Addr, to netip.AddrPort) (c net.Conn, err error) {
	var dialer net.Dialer
	if from.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	err = v.ns.doApart(func() error {
		c, err = dialer.DialContext(ctx, "tcp4", to.String())
		return err
	})
	return c, err
}
