package network

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Ask finds the far half of a connection that a client is opening, while the client waits. An error that is
// unix.ECONNREFUSED refuses the client; any other leaves it without an answer. ctx ends when the entrance closes.
type Ask func(ctx context.Context, client netip.AddrPort) (Far, error)

// Far is the far half of a connection, open before its near half.
type Far interface {
	Carry(near net.Conn) // joins both, and returns when they are over
	Abandon()            // the client does not come after all
}

// entrance is an address and a port where a client's SYN is answered only when what lies behind has answered.
type entrance struct {
	hall     *hall
	at       netip.AddrPort
	ask      Ask
	listener net.Listener
	ctx      context.Context
	cut      context.CancelFunc

	mu      sync.Mutex
	callers map[netip.AddrPort]*caller
}

// caller is a client from its first SYN to a while after its accepted connection. A SYN that it sends again asks nothing a
// second time, also where it is read when the connection is there: the busier the machine, the longer it waits in the queue.
type caller struct {
	sequence uint32 // of its SYN; another one opens another connection
	asking   bool
	far      Far // until somebody takes it
}

// courtesy is how long the far half waits for a client that was let in and has not come: it has given up meanwhile.
const courtesy = 5 * time.Second

func (e *entrance) decide(s syn) verdict {
	e.mu.Lock()
	if c := e.callers[s.from]; c != nil && c.sequence == s.sequence {
		defer e.mu.Unlock()
		if c.asking {
			return drop
		}
		return accept
	}
	before := e.callers[s.from]
	c := &caller{sequence: s.sequence, asking: true}
	e.callers[s.from] = c
	e.mu.Unlock()
	e.abandon(before)

	far, err := e.ask(e.ctx, s.from)

	e.mu.Lock()
	defer e.mu.Unlock()
	c.asking = false
	current := e.callers[s.from] == c
	if current && err == nil && e.ctx.Err() == nil {
		c.far = far
		time.AfterFunc(courtesy, func() { e.forget(s.from, c) })
		return accept
	}
	if current {
		delete(e.callers, s.from)
	}
	if err == nil {
		go far.Abandon() // it may wait for whoever closes the entrance
	}
	if errors.Is(err, unix.ECONNREFUSED) {
		return refuse
	}
	return drop
}

// take gives the far half of a client's connection to the one who asks first.
func (e *entrance) take(client netip.AddrPort) Far {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.callers[client].takeFar()
}

func (c *caller) takeFar() (far Far) {
	if c != nil {
		far, c.far = c.far, nil
	}
	return far
}

// forget ends a caller whose SYN nobody will send again.
func (e *entrance) forget(client netip.AddrPort, c *caller) {
	e.mu.Lock()
	if e.callers[client] == c {
		delete(e.callers, client)
	}
	e.mu.Unlock()
	e.abandon(c)
}

// abandon gives up the far half of a caller that did not come.
func (e *entrance) abandon(c *caller) {
	e.mu.Lock()
	far := c.takeFar()
	e.mu.Unlock()
	if far != nil {
		far.Abandon()
	}
}

func (e *entrance) serve() {
	for {
		near, err := e.listener.Accept()
		if err != nil {
			return // closed, or its address is gone
		}
		client, _ := netip.ParseAddrPort(near.RemoteAddr().String())
		if far := e.take(client); far != nil {
			go far.Carry(near)
		} else {
			reset(near) // it came too late
		}
	}
}

// Close lets nobody in any more. Connections live on.
func (e *entrance) Close() error {
	e.hall.leave(e)
	e.cut()
	err := e.listener.Close()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.callers {
		if far := c.takeFar(); far != nil {
			go far.Abandon() // it may wait for whoever closes the entrance
		}
	}
	clear(e.callers)
	return err
}

// hall is where the kernel keeps the SYNs to a VPC's entrances until they are decided: the netfilter queue of its namespace.
type hall struct {
	namespace int
	queue     *netlink.Conn

	mu        sync.Mutex
	entrances map[netip.AddrPort]*entrance
}

// openHall binds the queue. The namespace's own tables say what comes here.
func openHall(namespace int) (*hall, error) {
	queue, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: namespace})
	if err != nil {
		return nil, fmt.Errorf("open netfilter queue: %w", err)
	}
	h := &hall{namespace: namespace, queue: queue, entrances: map[netip.AddrPort]*entrance{}}
	if err := h.bind(); err != nil {
		_ = queue.Close()
		return nil, fmt.Errorf("bind netfilter queue: %w", err)
	}
	go h.receive()
	return h, nil
}

// The messages and attributes of linux/netfilter/nfnetlink_queue.h.
const (
	queuePacket  = unix.NFNL_SUBSYS_QUEUE << 8
	queueVerdict = unix.NFNL_SUBSYS_QUEUE<<8 | 1
	queueConfig  = unix.NFNL_SUBSYS_QUEUE<<8 | 2

	configCommand, configParameters      = 1, 2
	packetHeader, packetPayload          = 1, 10
	verdictHeader, verdictMark           = 2, 3
	bindQueue, copyPacket           byte = 1, 2

	queueNumber = 0
	headers     = 128 // bytes: IP and TCP, with all options
)

func (h *hall) bind() error {
	if err := h.configure(configCommand, []byte{bindQueue, 0, 0, unix.AF_INET}); err != nil {
		return err
	}
	if err := h.queue.SetOption(netlink.NoENOBUFS, true); err != nil { // what does not fit is sent again by its client
		return err
	}
	return h.configure(configParameters, append(binary.BigEndian.AppendUint32(nil, headers), copyPacket))
}

func (h *hall) configure(attribute uint16, data []byte) error {
	message, err := queueMessage(queueConfig, netlink.Attribute{Type: attribute, Data: data})
	if err != nil {
		return err
	}
	message.Header.Flags |= netlink.Acknowledge
	_, err = h.queue.Execute(message)
	return err
}

func queueMessage(kind netlink.HeaderType, attributes ...netlink.Attribute) (netlink.Message, error) {
	data, err := netlink.MarshalAttributes(attributes)
	generic := []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, queueNumber}
	return netlink.Message{Header: netlink.Header{Type: kind, Flags: netlink.Request}, Data: append(generic, data...)}, err
}

// receive has every SYN decided at the same time, because a decision takes as long as what lies behind takes to answer.
func (h *hall) receive() {
	for {
		messages, err := h.queue.Receive()
		if errors.Is(err, net.ErrClosed) || errors.Is(err, unix.EBADF) {
			return
		}
		for _, m := range messages {
			if s, ok := readSYN(m); ok {
				go h.decide(s)
			}
		}
	}
}

func (h *hall) decide(s syn) {
	h.mu.Lock()
	e := h.entrances[s.to]
	h.mu.Unlock()
	v := accept // nobody listens there any more: the kernel refuses it
	if e != nil {
		v = e.decide(s)
	}
	message, err := queueMessage(queueVerdict,
		netlink.Attribute{Type: verdictHeader, Data: append(binary.BigEndian.AppendUint32(nil, uint32(v)), s.id...)},
		netlink.Attribute{Type: verdictMark, Data: binary.BigEndian.AppendUint32(nil, v.mark())})
	if err == nil {
		_, _ = h.queue.Send(message) // the queue may be closed, and its packets gone
	}
}

// verdict is netfilter's. A refused packet goes through the rules again, marked.
type verdict uint32

const (
	drop   verdict = 0
	accept verdict = 1
	refuse verdict = 4 // NF_REPEAT
)

const refusedMark = 1

func (v verdict) mark() uint32 {
	if v == refuse {
		return refusedMark
	}
	return 0
}

// syn is a packet that waits.
type syn struct {
	id       []byte
	from, to netip.AddrPort
	sequence uint32
}

func readSYN(m netlink.Message) (syn, bool) {
	const generic = 4
	if m.Header.Type != queuePacket || len(m.Data) < generic {
		return syn{}, false
	}
	attributes, err := netlink.UnmarshalAttributes(m.Data[generic:])
	if err != nil {
		return syn{}, false
	}
	var s syn
	var packet []byte
	for _, a := range attributes {
		switch a.Type {
		case packetHeader:
			s.id = a.Data[:4]
		case packetPayload:
			packet = a.Data
		}
	}
	const leastIP, sequence, leastTCP = 20, 4, 8
	if s.id == nil || len(packet) < leastIP {
		return syn{}, false
	}
	tcp := int(packet[0]&0x0f) * 4
	if len(packet) < tcp+leastTCP {
		return syn{}, false
	}
	end := func(address, port int) netip.AddrPort {
		a := netip.AddrFrom4([4]byte(packet[address : address+4]))
		return netip.AddrPortFrom(a, binary.BigEndian.Uint16(packet[tcp+port:]))
	}
	s.from, s.to, s.sequence = end(sourceAddress, 0), end(destinationAddress, 2), binary.BigEndian.Uint32(packet[tcp+sequence:])
	return s, true
}

// enter takes over an address and a port of the VPC.
func (h *hall) enter(listener net.Listener, at netip.AddrPort, ask Ask) (*entrance, error) {
	ctx, cut := context.WithCancel(context.Background())
	e := &entrance{hall: h, at: at, ask: ask, listener: listener, ctx: ctx, cut: cut, callers: map[netip.AddrPort]*caller{}}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.change(at, (*nftables.Conn).SetAddElements); err != nil {
		cut()
		return nil, err
	}
	h.entrances[at] = e
	go e.serve()
	return e, nil
}

func (h *hall) leave(e *entrance) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.entrances[e.at] == e {
		_ = h.change(e.at, (*nftables.Conn).SetDeleteElements)
		delete(h.entrances, e.at)
	}
}

// change adds an entrance to the kernel's set of them or takes it away.
func (h *hall) change(at netip.AddrPort, how changeElements) error {
	return changeSet(h.namespace, entranceSet(), entranceKey(at), how)
}

func (h *hall) close() { _ = h.queue.Close() }

func entranceSet() *nftables.Set {
	return &nftables.Set{
		Table: securityGroups, ID: entrancesID, Name: "entrances", Concatenation: true,
		KeyType: nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetService),
	}
}

func entranceKey(at netip.AddrPort) []byte {
	return append(binary.BigEndian.AppendUint16(at.Addr().AsSlice(), at.Port()), 0, 0)
}

// addEntrances makes the chain that every permitted packet comes to: what opens a connection to an entrance waits in the
// queue. nftables' own statement for that needs CONFIG_NFT_QUEUE; iptables' target is in more kernels.
func addEntrances(conn *nftables.Conn) *nftables.Chain {
	set := entranceSet()
	chain := conn.AddChain(&nftables.Chain{Table: securityGroups, Name: "permitted"})
	toNumber := xt.Unknown{queueNumber, 0, 0, 0, 0, 0, 0, 0} // struct xt_NFQ_info, aligned
	conn.AddRule(&nftables.Rule{Table: securityGroups, Chain: chain, Exprs: slices.Concat(
		protocol(unix.IPPROTO_TCP), opening(),
		[]expr.Any{
			load(expr.PayloadBaseNetworkHeader, destinationAddress, 4, firstRegister),
			load(expr.PayloadBaseTransportHeader, 2, 2, firstRegister+1),
			&expr.Lookup{SourceRegister: firstRegister, SetName: set.Name, SetID: set.ID},
			&expr.Target{Name: "NFQUEUE", Info: &toNumber},
		})})
	conn.AddRule(&nftables.Rule{Table: securityGroups, Chain: chain, Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}})
	return chain
}

// resetRefused answers what came back from the queue with a mark, as a host does where nobody listens.
func resetRefused() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: firstRegister},
		&expr.Cmp{Op: expr.CmpOpEq, Register: firstRegister, Data: binary.NativeEndian.AppendUint32(nil, refusedMark)},
		&expr.Reject{Type: unix.NFT_REJECT_TCP_RST},
	}
}
