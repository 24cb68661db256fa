// Package network makes the VPCs of the local cloud out of Linux network namespaces: real addresses, a DNS server for each
// VPC, and a firewall. A VPC's addresses all lie on its loopback interface, so nothing in one VPC can reach another, even
// one of the same CIDR; what joins two VPCs is a process that has a socket in each.
package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// outsideDNS is where programs outside every VPC find their DNS server.
var outsideDNS = netip.MustParseAddrPort("127.0.0.53:53")

// Network is the set of VPCs of one run.
type Network struct {
	dir     string
	names   names
	outside []io.Closer // DNS servers

	withdrawn withdrawals

	mu      sync.Mutex
	vpcs    map[string]*vpc
	subnets map[string]string // VPC by subnet
}

// New starts a network without VPCs, which keeps its files in dir. The process must be enclosed and have entered.
func New(dir string) (*Network, error) {
	n := &Network{dir: dir, vpcs: map[string]*vpc{}, subnets: map[string]string{}}
	var err error
	if n.outside, err = n.names.serve("", outsideDNS); err != nil {
		return nil, err
	}
	if err := n.replaceResolvConf(); err != nil {
		n.closeOutside()
		return nil, err
	}
	return n, nil
}

const resolvConf = "/etc/resolv.conf"

// replaceResolvConf makes programs in this mount namespace ask the DNS server of the outside.
func (n *Network) replaceResolvConf() error {
	file := filepath.Join(n.dir, "resolv.conf")
	if err := writeResolvConf(file, outsideDNS.Addr()); err != nil {
		return err
	}
	if err := unix.Mount(file, resolvConf, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("replace %s: %w", resolvConf, err)
	}
	return nil
}

func writeResolvConf(file string, servers ...netip.Addr) error {
	var text strings.Builder
	for _, server := range servers {
		text.WriteString("nameserver " + server.String() + "\n")
	}
	return os.WriteFile(file, []byte(text.String()), 0o644)
}

// Close deletes all VPCs and gives the outside its own DNS back.
func (n *Network) Close() {
	n.mu.Lock()
	vpcs := make([]string, 0, len(n.vpcs))
	for id := range n.vpcs {
		vpcs = append(vpcs, id)
	}
	n.mu.Unlock()
	for _, id := range vpcs {
		n.DeleteVPC(id)
	}
	_ = unix.Unmount(resolvConf, unix.MNT_DETACH)
	n.closeOutside()
}

func (n *Network) closeOutside() {
	for _, server := range n.outside {
		_ = server.Close()
	}
}

// SetResolver sets what the DNS servers answer from. Until then no name exists.
func (n *Network) SetResolver(r Resolver) { n.names.resolver.Store(&r) }

// CreateVPC makes a VPC of base, its primary CIDR, with its DNS server on base + 2. Its firewall refuses everything until
// SetFirewall.
func (n *Network) CreateVPC(id string, base netip.Prefix) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.vpcs[id]; ok {
		return fmt.Errorf("create VPC %s: it exists", id)
	}
	v, err := newVPC(base.Masked().Addr().Next().Next())
	if err != nil {
		return fmt.Errorf("create VPC %s: %w", id, err)
	}
	if err := v.serveDNS(&n.names, id); err != nil {
		v.close()
		return fmt.Errorf("create VPC %s: %w", id, err)
	}
	n.vpcs[id] = v
	return nil
}

// SetDNS makes who lives in a VPC ask these servers; without any, its own. They stand for servers far away: to them all who
// ask are outside every VPC, and to reach them needs a rule, as VPC's own does not.
func (n *Network) SetDNS(id string, servers []netip.Addr) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	v, ok := n.vpcs[id]
	if !ok {
		return fmt.Errorf("set DNS: VPC %s does not exist", id)
	}
	if err := v.askOthers(&n.names, servers); err != nil {
		return fmt.Errorf("set DNS of VPC %s: %w", id, err)
	}
	for subnet, owner := range n.subnets {
		if owner != id {
			continue
		}
		if err := writeResolvConf(filepath.Join(n.subnetDir(subnet), "resolv.conf"), v.nameservers()...); err != nil {
			return fmt.Errorf("set DNS of subnet %s: %w", subnet, err)
		}
	}
	return nil
}

// DeleteVPC forgets a VPC and withdraws its subnets. Who has sockets or processes there ends them.
func (n *Network) DeleteVPC(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	v, ok := n.vpcs[id]
	if !ok {
		return
	}
	for subnet, owner := range n.subnets {
		if owner == id {
			n.withdraw(subnet)
		}
	}
	v.close()
	delete(n.vpcs, id)
}

func (n *Network) vpc(id string) (*vpc, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	v, ok := n.vpcs[id]
	if !ok {
		return nil, fmt.Errorf("VPC %s does not exist", id)
	}
	return v, nil
}

// PublishSubnet tells other programs how to join a subnet: dir/subnets/SUBNET/net opens as the VPC's network namespace, and
// resolv.conf beside it belongs on /etc/resolv.conf.
func (n *Network) PublishSubnet(id, subnet string) error {
	v, err := n.vpc(id)
	if err != nil {
		return fmt.Errorf("publish subnet %s: %w", subnet, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.withdraw(subnet)
	dir := n.subnetDir(subnet)
	if err := errors.Join(
		os.MkdirAll(dir, 0o755),
		os.Symlink(v.path(), filepath.Join(dir, "net")),
		writeResolvConf(filepath.Join(dir, "resolv.conf"), v.nameservers()...),
	); err != nil {
		return fmt.Errorf("publish subnet %s: %w", subnet, err)
	}
	n.subnets[subnet] = id
	return nil
}

// WithdrawSubnet undoes PublishSubnet; who has joined stays.
func (n *Network) WithdrawSubnet(subnet string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.withdraw(subnet)
}

func (n *Network) withdraw(subnet string) {
	_ = os.RemoveAll(n.subnetDir(subnet))
	delete(n.subnets, subnet)
}

func (n *Network) subnetDir(subnet string) string { return filepath.Join(n.dir, "subnets", subnet) }

// AddAddress gives the VPC an address to listen on and to dial from.
func (n *Network) AddAddress(id string, a netip.Addr) error {
	v, err := n.vpc(id)
	if err != nil {
		return fmt.Errorf("add address %s: %w", a, err)
	}
	if err := v.add(a); err != nil {
		return fmt.Errorf("add address %s to VPC %s: %w", a, id, err)
	}
	return nil
}

// RemoveAddress takes an address away. Its listeners and connections, and their other ends, are aborted.
func (n *Network) RemoveAddress(id string, a netip.Addr) {
	if v, err := n.vpc(id); err == nil {
		v.remove(a)
	}
}

// SetDefaultSource makes sockets that bind no address speak from a: what a function's network interface does for it. The
// zero Addr undoes it, and so does removing a.
func (n *Network) SetDefaultSource(id string, a netip.Addr) error {
	v, err := n.vpc(id)
	if err != nil {
		return fmt.Errorf("set default source %s: %w", a, err)
	}
	if err := v.setSource(a); err != nil {
		return fmt.Errorf("set default source %s of VPC %s: %w", a, id, err)
	}
	return nil
}

// SetFirewall replaces the VPC's firewall in one step. Connections live on: only what opens one is judged, as security
// groups track connections. What is refused is dropped, so that whoever dials times out.
func (n *Network) SetFirewall(id string, f Firewall) error {
	v, err := n.vpc(id)
	if err != nil {
		return fmt.Errorf("set firewall: %w", err)
	}
	if err := f.apply(int(v.ns.handle)); err != nil {
		return fmt.Errorf("set firewall of VPC %s: %w", id, err)
	}
	return nil
}

// SetBoundaries replaces the VPC's network ACLs in one step, for connections that are open as well. A subnet that has none
// lets everything through.
func (n *Network) SetBoundaries(id string, boundaries []Boundary) error {
	v, err := n.vpc(id)
	if err != nil {
		return fmt.Errorf("set network ACLs: %w", err)
	}
	if err := applyBoundaries(int(v.ns.handle), boundaries); err != nil {
		return fmt.Errorf("set network ACLs of VPC %s: %w", id, err)
	}
	return nil
}

// Listen listens on an address of the VPC.
func (n *Network) Listen(id string, at netip.AddrPort) (net.Listener, error) {
	v, err := n.vpc(id)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", at, err)
	}
	return v.listen(at)
}

// Answer lets clients in at an address of the VPC as far as ask finds something behind it: until then their SYN has no
// answer, so that they see of what lies behind what they would see if they went there. Closing lets nobody in any more;
// connections live on.
func (n *Network) Answer(id string, at netip.AddrPort, ask Ask) (io.Closer, error) {
	v, err := n.vpc(id)
	if err != nil {
		return nil, fmt.Errorf("answer on %s: %w", at, err)
	}
	return v.answer(at, ask)
}

// Dial connects within the VPC from an address of its own; the zero Addr leaves the choice to the kernel.
func (n *Network) Dial(ctx context.Context, id string, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	v, err := n.vpc(id)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", to, err)
	}
	return v.dial(ctx, from, to)
}

// Start starts cmd as a process that lives in the VPC. If cmd has a Pdeathsig, it comes when the VPC is deleted.
func (n *Network) Start(id string, cmd *exec.Cmd) error {
	v, err := n.vpc(id)
	if err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return v.ns.do(cmd.Start)
}
