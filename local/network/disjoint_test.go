package network

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// few keeps peers and ports so close to each other that rules overlap.
var (
	fewAddresses = rapid.Map(rapid.Uint32Range(0x0A000000, 0x0A00000F), func(n uint32) netip.Addr {
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n)))
	})
	fewPorts = rapid.SampledFrom([]uint16{0, 1, 2, 3, 65534, 65535})
	fewRules = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Rule {
		from, to := fewPorts.Draw(t, "from"), fewPorts.Draw(t, "to")
		return Rule{
			Peer:     netip.PrefixFrom(fewAddresses.Draw(t, "peer"), rapid.SampledFrom([]int{0, 28, 30, 31, 32}).Draw(t, "bits")),
			FromPort: min(from, to), ToPort: max(from, to),
		}
	}), 0, 8)
)

// The kernel refuses elements that overlap, so a packet must find one range exactly when a rule allows it.
func TestDisjointRangesAllowWhatTheRulesAllow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := fewRules.Draw(t, "rules")
		peer, port := fewAddresses.Draw(t, "address"), fewPorts.Draw(t, "port")
		want := 0
		for _, r := range rules {
			if r.Peer.Contains(peer) && r.FromPort <= port && port <= r.ToPort {
				want = 1
			}
		}
		got := 0
		for _, r := range disjoint(netip.MustParseAddr("10.0.1.15"), rules) {
			if r.peer.Contains(peer) && r.from <= port && port <= r.to {
				got++
			}
		}
		if got != want {
			t.Fatalf("%d ranges hold %s:%d, want %d", got, peer, port, want)
		}
	})
}
