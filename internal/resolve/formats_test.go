package resolve

import (
	"testing"

	"github.com/rdslink/rdslink/internal/golden"
)

// A resolver of an earlier version answers until it is upgraded.
func TestAnswersOfEarlierVersionsAreUnderstood(t *testing.T) {
	read, write := golden.JSON[Answer]()
	golden.Formats(t, "answer", read, write)
}
