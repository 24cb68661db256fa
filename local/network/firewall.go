package network

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Rule allows TCP connections with a peer on a range of destination ports; 0 to 65535 is all.
type Rule struct {
	Peer             netip.Prefix // of IPv4
	FromPort, ToPort uint16
}

// Guard is what an address accepts, what it opens, and which DNS servers it may ask over UDP.
type Guard struct{ Inbound, Outbound, Queries []Rule }

// Firewall guards the addresses of a VPC. A connection needs the outbound rule of its source and the inbound rule of its
// destination. An address without an entry neither accepts nor opens any, except with itself and to DNS.
type Firewall map[netip.Addr]Guard

// securityGroups is the table of a VPC's namespace.
var securityGroups = &nftables.Table{Family: nftables.TableFamilyIPv4, Name: "security-groups"}

// Numbers of the sets within a batch; the library's own counter is not safe for VPCs that change at the same time.
const (
	itselfID = iota + 1
	inboundID
	outboundID
	queriesID
	entrancesID
)

// itself returns the set of the connections that addresses make to themselves: no rule compares two fields of a packet.
func itself() *nftables.Set {
	return &nftables.Set{
		Table: securityGroups, ID: itselfID, Name: "itself", Concatenation: true,
		KeyType: nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeIPAddr),
	}
}

// raiseFirewall makes the table of a VPC: nothing is allowed yet.
//
// The rules themselves never change: whom an address accepts and what it opens are two sets of (address, peer, port) ranges,
// so that a connection costs two look-ups however many rules there are. A table that is replaced would drop what goes on
// meanwhile, and what waits in the queue; a reset is sent once, and whoever waits for it would wait for ever.
func raiseFirewall(namespace int, dns netip.Addr) error {
	conn, err := nftables.New(nftables.WithNetNSFd(namespace))
	if err != nil {
		return err
	}
	conn.AddTable(securityGroups)
	own, queries := itself(), rangeSet(queriesID, "queries")
	inbound, outbound := rangeSet(inboundID, "inbound"), rangeSet(outboundID, "outbound")
	for _, set := range []*nftables.Set{own, inbound, outbound, queries, entranceSet()} {
		if err := conn.AddSet(set, nil); err != nil {
			return err
		}
	}
	permitted := addEntrances(conn)
	unlessAllowed := nftables.ChainPolicyDrop
	chain := conn.AddChain(&nftables.Chain{
		Table: securityGroups, Name: "input", Policy: &unlessAllowed,
		Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter,
	})
	decide := func(verdict expr.Verdict, matches ...[]expr.Any) {
		for _, match := range matches {
			conn.AddRule(&nftables.Rule{Table: securityGroups, Chain: chain, Exprs: append(match, &verdict)})
		}
	}
	accept, drop := expr.Verdict{Kind: expr.VerdictAccept}, expr.Verdict{Kind: expr.VerdictDrop}
	permit := expr.Verdict{Kind: expr.VerdictGoto, Chain: permitted.Name}
	conn.AddRule(&nftables.Rule{Table: securityGroups, Chain: chain, Exprs: resetRefused()})
	decide(accept, toLoopback(), toDNS(dns))
	decide(permit, toItself(own))
	// UDP exists for DNS alone: only a query opens something.
	decide(accept, append(protocol(unix.IPPROTO_UDP), toPort(expr.CmpOpNeq, 53)...),
		append(protocol(unix.IPPROTO_UDP), in(queries, sourceAddress, destinationAddress)...))
	decide(drop, protocol(unix.IPPROTO_UDP))
	decide(accept, notTCP(), notOpening())
	decide(permit, append(in(inbound, destinationAddress, sourceAddress), in(outbound, sourceAddress, destinationAddress)...))
	return conn.Flush()
}

// apply replaces what is allowed in a VPC, in one batch.
func (f Firewall) apply(namespace int) error {
	conn, err := nftables.New(nftables.WithNetNSFd(namespace), nftables.WithSockOptions(enlarge))
	if err != nil {
		return err
	}
	for _, set := range []struct {
		*nftables.Set
		rules func(Guard) []Rule
	}{
		{rangeSet(inboundID, "inbound"), func(g Guard) []Rule { return g.Inbound }},
		{rangeSet(outboundID, "outbound"), func(g Guard) []Rule { return g.Outbound }},
		{rangeSet(queriesID, "queries"), func(g Guard) []Rule { return g.Queries }},
	} {
		ranges := f.ranges(set.rules)
		elements := make([]nftables.SetElement, len(ranges))
		for i, r := range ranges {
			elements[i] = r.element()
		}
		if err := replaceElements(conn, set.Set, elements); err != nil {
			return err
		}
	}
	return conn.Flush()
}

// welcome lets an address that joins the VPC speak to itself.
func welcome(namespace int, a netip.Addr) error {
	return changeItself(namespace, a, (*nftables.Conn).SetAddElements)
}

// dismiss undoes welcome.
func dismiss(namespace int, a netip.Addr) error {
	return changeItself(namespace, a, (*nftables.Conn).SetDeleteElements)
}

func changeItself(namespace int, a netip.Addr, how changeElements) error {
	return changeSet(namespace, itself(), append(a.AsSlice(), a.AsSlice()...), how)
}

// changeElements adds elements to a set, or takes them away.
type changeElements func(*nftables.Conn, *nftables.Set, []nftables.SetElement) error

// changeSet changes one element of a set.
func changeSet(namespace int, set *nftables.Set, key []byte, how changeElements) error {
	conn, err := nftables.New(nftables.WithNetNSFd(namespace))
	if err != nil {
		return err
	}
	if err := how(conn, set, []nftables.SetElement{{Key: key}}); err != nil {
		return err
	}
	return conn.Flush()
}

// enlarge makes room for a large ruleset: the kernel takes a batch as one message.
func enlarge(conn *netlink.Conn) error { return conn.SetWriteBuffer(1 << 20) }

const (
	sourceAddress      = 12 // offset in the IPv4 header
	destinationAddress = 16
	firstRegister      = 8 // NFT_REG32_00, the first of sixteen of four bytes
)

func load(base expr.PayloadBase, offset, length, register uint32) *expr.Payload {
	return &expr.Payload{Base: base, Offset: offset, Len: length, DestRegister: register}
}

func compare(op expr.CmpOp, data ...byte) *expr.Cmp {
	return &expr.Cmp{Op: op, Register: firstRegister, Data: data}
}

func mask(bits ...byte) *expr.Bitwise {
	return &expr.Bitwise{SourceRegister: firstRegister, DestRegister: firstRegister, Len: uint32(len(bits)), Mask: bits,
		Xor: make([]byte, len(bits))}
}

func notTCP() []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: firstRegister}, compare(expr.CmpOpNeq, unix.IPPROTO_TCP)}
}

func protocol(number byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: firstRegister}, compare(expr.CmpOpEq, number)}
}

func toPort(op expr.CmpOp, port byte) []expr.Any {
	return []expr.Any{load(expr.PayloadBaseTransportHeader, 2, 2, firstRegister), compare(op, 0, port)}
}

func opening() []expr.Any    { return flags(expr.CmpOpEq) }
func notOpening() []expr.Any { return flags(expr.CmpOpNeq) }

// flags compares with those of the packet that opens a connection.
func flags(op expr.CmpOp) []expr.Any {
	const offset, syn, ack = 13, 0x02, 0x10
	return []expr.Any{load(expr.PayloadBaseTransportHeader, offset, 1, firstRegister), mask(syn | ack), compare(op, syn)}
}

func toLoopback() []expr.Any {
	return []expr.Any{load(expr.PayloadBaseNetworkHeader, destinationAddress, 1, firstRegister), compare(expr.CmpOpEq, 127)}
}

func toDNS(server netip.Addr) []expr.Any {
	return []expr.Any{
		load(expr.PayloadBaseNetworkHeader, destinationAddress, 4, firstRegister), compare(expr.CmpOpEq, server.AsSlice()...),
		load(expr.PayloadBaseTransportHeader, 2, 2, firstRegister), compare(expr.CmpOpEq, 0, 53),
	}
}

func toItself(set *nftables.Set) []expr.Any {
	return []expr.Any{
		load(expr.PayloadBaseNetworkHeader, sourceAddress, 8, firstRegister), // and the destination, which follows
		&expr.Lookup{SourceRegister: firstRegister, SetName: set.Name, SetID: set.ID},
	}
}

// in matches when set has the packet's address at offset own, the one at offset peer, and its destination port.
func in(set *nftables.Set, own, peer uint32) []expr.Any {
	return []expr.Any{
		load(expr.PayloadBaseNetworkHeader, own, 4, firstRegister),
		load(expr.PayloadBaseNetworkHeader, peer, 4, firstRegister+1),
		load(expr.PayloadBaseTransportHeader, 2, 2, firstRegister+2),
		&expr.Lookup{SourceRegister: firstRegister, SetName: set.Name, SetID: set.ID},
	}
}

// portRange is an address's rule as a set element: the peers and ports of two ranges of one address never overlap, which the
// kernel demands.
type portRange struct {
	own      netip.Addr
	peer     netip.Prefix
	from, to uint16
}

func (r portRange) element() nftables.SetElement {
	return nftables.SetElement{Key: key(r.own, r.peer.Addr(), r.from), KeyEnd: key(r.own, last(r.peer), r.to)}
}

// key concatenates the fields, each filling a register of four bytes.
func key(own, peer netip.Addr, port uint16) []byte {
	k := append(own.AsSlice(), peer.AsSlice()...)
	return append(binary.BigEndian.AppendUint16(k, port), 0, 0)
}

func last(p netip.Prefix) netip.Addr {
	a := p.Addr().As4()
	hosts := uint32(1<<(32-p.Bits()) - 1)
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, binary.BigEndian.Uint32(a[:])|hosts)))
}

func rangeSet(id uint32, name string) *nftables.Set {
	return &nftables.Set{
		Table: securityGroups, ID: id, Name: name, Interval: true, Concatenation: true,
		KeyType: nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeIPAddr, nftables.TypeInetService),
	}
}

// replaceElements replaces all elements of a set.
func replaceElements(conn *nftables.Conn, set *nftables.Set, elements []nftables.SetElement) error {
	conn.FlushSet(set)
	const perMessage = 500 // an attribute ends at 64 KiB
	for chunk := range slices.Chunk(elements, perMessage) {
		if err := conn.SetAddElements(set, chunk); err != nil {
			return err
		}
	}
	return nil
}

// ranges are the rules of all addresses for one direction.
func (f Firewall) ranges(direction func(Guard) []Rule) []portRange {
	var all []portRange
	for own, guard := range f {
		all = append(all, disjoint(own, direction(guard))...)
	}
	return all
}

// disjoint cuts rules at each other's ports, so that between two cuts the same peers are allowed throughout.
func disjoint(own netip.Addr, rules []Rule) []portRange {
	var ranges []portRange
	cuts := portCuts(rules)
	for i, from := range cuts[:len(cuts)-1] {
		to := uint16(cuts[i+1] - 1)
		for _, peer := range allowed(rules, uint16(from)) {
			ranges = append(ranges, portRange{own, peer, uint16(from), to})
		}
	}
	return ranges
}

// portCuts are the ports, in order, at which the peers may change, from 0 to past the last.
func portCuts(rules []Rule) []int {
	cuts := []int{0, 65536}
	for _, r := range rules {
		cuts = append(cuts, int(r.FromPort), int(r.ToPort)+1)
	}
	slices.Sort(cuts)
	return slices.Compact(cuts)
}

// allowed are the peers that may use port, without those that lie within another.
func allowed(rules []Rule, port uint16) []netip.Prefix {
	var peers []netip.Prefix
	for _, r := range rules {
		if r.FromPort <= port && port <= r.ToPort {
			peers = append(peers, r.Peer.Masked())
		}
	}
	slices.SortFunc(peers, netip.Prefix.Compare) // a network comes before what lies within it
	outermost := peers[:0]
	for _, p := range peers {
		if n := len(outermost); n == 0 || !outermost[n-1].Overlaps(p) {
			outermost = append(outermost, p)
		}
	}
	return outermost
}
