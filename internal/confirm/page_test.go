package confirm

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/golden"
)

func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/assumptions.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A row has a check, whose words stand in its last column, or says By hand, and with which command.
func TestEveryAssumptionIsCheckedOrSaysHow(t *testing.T) {
	numbers := map[int]bool{}
	var written strings.Builder
	checked := 0
	for text := range strings.Lines(page(t)) {
		cells := line.FindStringSubmatch(strings.TrimSuffix(text, "\n"))
		if cells == nil {
			written.WriteString(text)
			if strings.HasPrefix(text, "| ") && !strings.HasPrefix(text, "| # |") {
				t.Errorf("not read as a row: %s", text)
			}
			continue
		}
		row := Rows(text)[0]
		if numbers[row.Number] {
			t.Errorf("two rows have the number %d", row.Number)
		}
		numbers[row.Number] = true
		i := slices.IndexFunc(checks, func(c check) bool { return c.row == row.Number })
		manual, says := strings.CutPrefix(row.how, byHand)
		switch {
		case i < 0 && !says:
			t.Errorf("row %d has no check in internal/confirm, and does not say %q", row.Number, byHand)
		case i < 0 && (len(manual) < 20 || !strings.ContainsAny(manual, ":")):
			t.Errorf("row %d does not say what to do and what to expect: %s", row.Number, manual)
		case i >= 0:
			checked++
			text = strings.TrimSuffix(text, row.how+" |\n") + checks[i].reads + " |\n"
		}
		written.WriteString(text)
	}
	for _, c := range checks {
		if !numbers[c.row] {
			t.Errorf("there is a check of row %d, and no such row", c.row)
		}
	}
	if checked < 30 {
		t.Errorf("only %d rows have a check", checked)
	}
	golden.ComparePage(t, "assumptions.md", "", written.String())
}

func TestChecksAreInOrder(t *testing.T) {
	if !slices.IsSortedFunc(checks, func(a, b check) int { return a.row - b.row }) {
		t.Error("the checks are not in the order of their rows")
	}
}
