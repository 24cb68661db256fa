package front

import (
	"log/slog"
	"net/netip"
	"sync"
)

// turns let each function of a VPC speak from its own network interface. What binds no address has one source in a VPC, so
// functions that share one take turns; the invocations of one function run side by side.
type turns struct {
	mu    sync.Mutex
	ended *sync.Cond
	vpcs  map[string]*turn
}

// turn is the function whose turn it is in a VPC, and how often it runs.
type turn struct {
	function string
	running  int
}

func newTurns() *turns {
	t := &turns{vpcs: map[string]*turn{}}
	t.ended = sync.NewCond(&t.mu)
	return t
}

// begin waits for a function's turn, and calls first if nobody else had it before. The turn lasts until end.
func (t *turns) begin(vpc, function string, first func()) (end func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.vpcs[vpc] == nil {
		t.vpcs[vpc] = &turn{}
	}
	now := t.vpcs[vpc]
	for now.running > 0 && now.function != function {
		t.ended.Wait()
	}
	if now.running == 0 {
		now.function = function
		first()
	}
	now.running++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		now.running--
		t.ended.Broadcast()
	}
}

// speak waits until a function may speak from its network interface; a function outside VPCs has none, and waits for nobody.
func (f *Functions) speak(arn string) (end func()) {
	vpc, address := f.source(arn)
	if vpc == "" {
		return func() {}
	}
	return f.turns.begin(vpc, arn, func() {
		if err := f.network.SetDefaultSource(vpc, address); err != nil {
			slog.Error("function does not speak from its network interface", "functionArn", arn, "error", err)
		}
	})
}

func (f *Functions) source(arn string) (vpc string, address netip.Addr) {
	f.world.Lock()
	defer f.world.Unlock()
	if p := f.placed[arn]; p != nil && len(p.interfaces) > 0 {
		return p.vpc, p.interfaces[0].Address
	}
	return "", netip.Addr{}
}
