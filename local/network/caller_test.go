package network

import (
	"context"
	"net"
	"net/netip"
	"testing"
)

type half struct{ abandoned bool }

func (h *half) Carry(net.Conn) {}
func (h *half) Abandon()       { h.abandoned = true }

// On a busy machine a SYN that was sent again may be read when its connection is there, or over.
func TestASYNIsAskedForOnceHoweverLateItsLikeIsRead(t *testing.T) {
	var asked []*half
	e := &entrance{ctx: t.Context(), callers: map[netip.AddrPort]*caller{}, ask: func(context.Context, netip.AddrPort) (Far, error) {
		asked = append(asked, &half{})
		return asked[len(asked)-1], nil
	}}
	client := netip.MustParseAddrPort("10.0.1.200:40000")
	decide := func(sequence uint32, wantAsked int) {
		t.Helper()
		if v := e.decide(syn{from: client, sequence: sequence}); v != accept {
			t.Errorf("the verdict is %d", v)
		}
		if len(asked) != wantAsked {
			t.Errorf("asked %d times, want %d", len(asked), wantAsked)
		}
	}
	decide(1, 1)
	decide(1, 1)
	if e.take(client) != asked[0] {
		t.Error("the client does not get its far half")
	}
	decide(1, 1)
	if far := e.take(client); far != nil {
		t.Error("the client gets another far half")
	}
	decide(2, 2) // another connection, from the same port
	decide(3, 3) // and another, whose like never came
	if !asked[1].abandoned || asked[0].abandoned || asked[2].abandoned {
		t.Errorf("abandoned: %v %v %v", asked[0].abandoned, asked[1].abandoned, asked[2].abandoned)
	}
	if e.take(client) != asked[2] {
		t.Error("the client does not get the far half of its last connection")
	}
}
