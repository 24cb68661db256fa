package nearest

import (
	"slices"
	"testing"
)

func TestTo(t *testing.T) {
	known := []string{"orders-prod", "orders-test", "billing", "db"}
	for name, row := range map[string]struct {
		word string
		want []string
	}{
		"a letter is missing":      {"orders-pro", []string{"orders-prod"}},
		"letters are swapped":      {"blilling", []string{"billing"}},
		"a part is typed":          {"orders", []string{"orders-prod", "orders-test"}},
		"case does not matter":     {"BILLING", []string{"billing"}},
		"nothing is like it":       {"warehouse", nil},
		"short words do not match": {"xyz", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := To(row.word, known); !slices.Equal(got, row.want) {
				t.Errorf("To(%q) = %v, want %v", row.word, got, row.want)
			}
		})
	}
}
