package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// What a function may take. Megabytes are millions of bytes.
const (
	zipLimit    = 6.0                   // MB
	startLimit  = 20 * time.Millisecond // at the median
	memoryLimit = 40.0                  // MB
)

// excess says what of a function is over its limits, if anything is.
func (f *function) excess() string {
	var over []string
	if f.zip > zipLimit {
		over = append(over, fmt.Sprintf("zip of %.2f MB", f.zip))
	}
	if start := f.starts.median(); start > startLimit {
		over = append(over, fmt.Sprintf("start of %.1f ms", millis(start)))
	}
	if memory := max(f.begun, f.served); memory > memoryLimit {
		over = append(over, fmt.Sprintf("memory of %.1f MB", memory))
	}
	return strings.Join(over, ", ")
}

// judge is an error that names every function that is over a limit.
func (b *bench) judge() error {
	var all []string
	for _, f := range b.functions {
		if over := f.excess(); over != "" {
			all = append(all, f.folder+": "+over)
		}
	}
	if len(all) > 0 {
		return errors.New("over the limit: " + strings.Join(all, "; "))
	}
	return nil
}
