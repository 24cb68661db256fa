package main

import (
	"testing"
	"time"
)

func TestMedianAndWorst(t *testing.T) {
	for name, row := range map[string]struct {
		of            durations
		median, worst time.Duration
	}{
		"none":              {},
		"one":               {durations{7}, 7, 7},
		"an odd number":     {durations{9, 1, 4}, 4, 9},
		"an even number":    {durations{9, 1, 4, 6}, 5, 9},
		"one that is off":   {durations{2, 3, 900}, 3, 900},
		"all of them equal": {durations{5, 5, 5}, 5, 5},
	} {
		t.Run(name, func(t *testing.T) {
			given := append(durations(nil), row.of...)
			if got := row.of.median(); got != row.median {
				t.Errorf("median is %d, want %d", got, row.median)
			}
			if got := row.of.worst(); got != row.worst {
				t.Errorf("worst is %d, want %d", got, row.worst)
			}
			for i := range given {
				if row.of[i] != given[i] {
					t.Fatalf("the order has changed: %v, was %v", row.of, given)
				}
			}
		})
	}
}

func TestRatio(t *testing.T) {
	for name, row := range map[string]struct {
		ours, theirs float64
		want         string
	}{
		"less":           {4, 400, "1 : 100"},
		"a little less":  {10, 15, "1 : 1.5"},
		"the same":       {3, 3, "1 : 1.0"},
		"more":           {20, 5, "4.0 : 1"},
		"not measured":   {0, 5, "-"},
		"nothing beside": {5, 0, "-"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ratio(row.ours, row.theirs); got != row.want {
				t.Errorf("ratio is %s, want %s", got, row.want)
			}
		})
	}
}
