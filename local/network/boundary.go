package network

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Boundary is a subnet's network ACL: what may enter the subnet and what may leave it. Each packet is judged by itself,
// answers like questions; what stays within the subnet is not. Of entries that overlap the first counts, and after the last
// all else is denied.
type Boundary struct {
	Subnet          netip.Prefix
	Ingress, Egress []Entry
}

// Entry allows or denies packets by their peer and destination port.
type Entry struct {
	Allow            bool
	Protocol         byte // TCP's or UDP's number, or AnyProtocol
	Peer             netip.Prefix
	FromPort, ToPort uint16
}

// AnyProtocol is the protocol of an entry for all of them.
const AnyProtocol = 255

// networkACLs is the other table of a VPC's namespace. It comes before the security groups.
var networkACLs = &nftables.Table{Family: nftables.TableFamilyIPv4, Name: "network-acls"}

// within are the connections of subnets to themselves.
func within() *nftables.Set {
	return &nftables.Set{
		Table: networkACLs, ID: 1, Name: "within", Interval: true, Concatenation: true,
		KeyType: nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeIPAddr),
	}
}

// raiseBoundaries makes the table of a VPC: nothing is denied yet.
func raiseBoundaries(namespace int, dns netip.Addr) error {
	conn, err := nftables.New(nftables.WithNetNSFd(namespace))
	if err != nil {
		return err
	}
	conn.AddTable(networkACLs)
	same, ingress, egress := within(), deniedSet(2, "ingress"), deniedSet(3, "egress")
	for _, set := range []*nftables.Set{same, ingress, egress} {
		if err := conn.AddSet(set, nil); err != nil {
			return err
		}
	}
	chain := conn.AddChain(&nftables.Chain{
		Table: networkACLs, Name: "input", Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput,
		Priority: nftables.ChainPriorityRef(*nftables.ChainPriorityFilter - 1),
	})
	decide := func(verdict expr.VerdictKind, match []expr.Any) {
		conn.AddRule(&nftables.Rule{Table: networkACLs, Chain: chain, Exprs: append(match, &expr.Verdict{Kind: verdict})})
	}
	// The Amazon DNS server answers whatever the ACLs are (vpc/latest/userguide/vpc-network-acls.html).
	decide(expr.VerdictAccept, toDNS(dns))
	decide(expr.VerdictAccept, fromAddress(dns))
	decide(expr.VerdictAccept, []expr.Any{
		load(expr.PayloadBaseNetworkHeader, sourceAddress, 4, firstRegister),
		load(expr.PayloadBaseNetworkHeader, destinationAddress, 4, firstRegister+1),
		&expr.Lookup{SourceRegister: firstRegister, SetName: same.Name, SetID: same.ID},
	})
	decide(expr.VerdictDrop, denied(ingress, destinationAddress, sourceAddress))
	decide(expr.VerdictDrop, denied(egress, sourceAddress, destinationAddress))
	return conn.Flush()
}

// applyBoundaries replaces the network ACLs of a VPC in one batch. The kernel knows what they deny.
func applyBoundaries(namespace int, boundaries []Boundary) error {
	conn, err := nftables.New(nftables.WithNetNSFd(namespace), nftables.WithSockOptions(enlarge))
	if err != nil {
		return err
	}
	var same, in, out []nftables.SetElement
	for _, b := range boundaries {
		first, end := b.Subnet.Masked().Addr().AsSlice(), last(b.Subnet).AsSlice()
		same = append(same, nftables.SetElement{Key: slices.Concat(first, first), KeyEnd: slices.Concat(end, end)})
		in = append(in, deniedElements(b.Subnet, b.Ingress)...)
		out = append(out, deniedElements(b.Subnet, b.Egress)...)
	}
	if err := errors.Join(
		replaceElements(conn, within(), same),
		replaceElements(conn, deniedSet(2, "ingress"), in),
		replaceElements(conn, deniedSet(3, "egress"), out),
	); err != nil {
		return err
	}
	return conn.Flush()
}

func fromAddress(a netip.Addr) []expr.Any {
	return []expr.Any{load(expr.PayloadBaseNetworkHeader, sourceAddress, 4, firstRegister), compare(expr.CmpOpEq, a.AsSlice()...)}
}

func deniedSet(id uint32, name string) *nftables.Set {
	return &nftables.Set{
		Table: networkACLs, ID: id, Name: name, Interval: true, Concatenation: true,
		KeyType: nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeIPAddr, nftables.TypeInetService, nftables.TypeInetProto),
	}
}

// denied matches when set has the packet's address at offset own, the one at offset peer, its destination port and its
// protocol.
func denied(set *nftables.Set, own, peer uint32) []expr.Any {
	matches := in(set, own, peer)
	lookup := matches[len(matches)-1]
	return append(matches[:len(matches)-1], &expr.Meta{Key: expr.MetaKeyL4PROTO, Register: firstRegister + 3}, lookup)
}

// deniedElements are what a list of entries denies to a subnet, cut so that no two overlap.
func deniedElements(subnet netip.Prefix, entries []Entry) []nftables.SetElement {
	var elements []nftables.SetElement
	for _, protocol := range []byte{unix.IPPROTO_TCP, unix.IPPROTO_UDP} {
		ofProtocol := slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return e.Protocol != protocol && e.Protocol != AnyProtocol })
		cuts := []int{0, 65536}
		for _, e := range ofProtocol {
			cuts = append(cuts, int(e.FromPort), int(e.ToPort)+1)
		}
		slices.Sort(cuts)
		cuts = slices.Compact(cuts)
		for i, from := range cuts[:len(cuts)-1] {
			to := uint16(cuts[i+1] - 1)
			onPort := slices.DeleteFunc(slices.Clone(ofProtocol), func(e Entry) bool { return e.FromPort > uint16(from) || e.ToPort < to })
			for _, peer := range deniedPeers(onPort, netip.PrefixFrom(netip.IPv4Unspecified(), 0)) {
				end := func(own, peer netip.Addr, port uint16) []byte {
					k := binary.BigEndian.AppendUint16(slices.Concat(own.AsSlice(), peer.AsSlice()), port)
					return append(k, 0, 0, protocol, 0, 0, 0)
				}
				elements = append(elements, nftables.SetElement{
					Key:    end(subnet.Masked().Addr(), peer.Addr(), uint16(from)),
					KeyEnd: end(last(subnet), last(peer), to),
				})
			}
		}
	}
	return elements
}

// deniedPeers are the parts of a network that entries for one port deny. The first entry that overlaps it decides; where it
// covers only a part, each half is asked about by itself.
func deniedPeers(entries []Entry, network netip.Prefix) []netip.Prefix {
	for i, e := range entries {
		switch {
		case !e.Peer.Overlaps(network):
		case e.Peer.Bits() > network.Bits():
			low := netip.PrefixFrom(network.Addr(), network.Bits()+1)
			high := netip.PrefixFrom(last(low).Next(), network.Bits()+1)
			return append(deniedPeers(entries[i:], low), deniedPeers(entries[i:], high)...)
		case e.Allow:
			return nil
		default:
			return []netip.Prefix{network}
		}
	}
	return []netip.Prefix{network}
}
