package targets

import (
	"testing"

	"github.com/rdslink/rdslink/internal/golden"
)

// The sync goes on with what an earlier version remembered.
func TestMemoryOfEarlierVersionsIsUnderstood(t *testing.T) {
	read, write := golden.JSON[memory]()
	golden.Formats(t, "memory", read, write)
}
