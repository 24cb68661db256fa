package front

import (
	"sync"
	"testing"
)

// Two functions of a VPC have security groups of their own: none may speak from the other's interface.
func TestFunctionsOfAVPCTakeTurns(t *testing.T) {
	turns := newTurns()
	var mu sync.Mutex
	speaker, together := "", 0
	var all sync.WaitGroup
	for i := range 60 {
		function := []string{"a", "b", "c"}[i%3]
		all.Go(func() {
			end := turns.begin("vpc-1", function, func() {
				mu.Lock()
				defer mu.Unlock()
				speaker = function
			})
			defer end()
			mu.Lock()
			defer mu.Unlock()
			if speaker != function {
				t.Errorf("%s speaks from the interface of %s", function, speaker)
			}
		})
	}
	all.Wait()

	// The same function's invocations, and those in another VPC, wait for nobody.
	var ends []func()
	for _, begin := range [][2]string{{"vpc-1", "a"}, {"vpc-1", "a"}, {"vpc-2", "b"}} {
		ends = append(ends, turns.begin(begin[0], begin[1], func() { together++ }))
	}
	for _, end := range ends {
		end()
	}
	if together != 2 {
		t.Errorf("%d had the first turn", together)
	}
}
