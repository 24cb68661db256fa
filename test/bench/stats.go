package main

import (
	"fmt"
	"slices"
	"time"
)

// durations are the durations of runs of the same thing.
type durations []time.Duration

// median is the middle one, or half way between the middle two; 0 of none.
func (d durations) median() time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

func (d durations) worst() time.Duration {
	if len(d) == 0 {
		return 0
	}
	return slices.Max(d)
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// ratio says how ours stands to theirs, with the smaller one as 1.
func ratio(ours, theirs float64) string {
	switch {
	case ours <= 0 || theirs <= 0:
		return "-"
	case ours <= theirs:
		return "1 : " + short(theirs/ours)
	}
	return short(ours/theirs) + " : 1"
}

// short has as many digits as are worth reading.
func short(x float64) string {
	if x >= 10 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.1f", x)
}
