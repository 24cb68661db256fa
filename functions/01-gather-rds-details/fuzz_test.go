package main

import (
	"encoding/json"
	"testing"

	"github.com/rdslink/rdslink/internal/outcome"
)

// Whatever a person types is either a plan or a BadInput, and only a plan claims.
func FuzzInput(f *testing.F) {
	f.Add([]byte(usual))
	for _, row := range refusals {
		if len(row.input) < 1000 {
			f.Add([]byte(row.input))
		}
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		fake := newFake()
		_, err := fake.step().run(t.Context(), Input{Execution: ourExecution, Input: json.RawMessage(input)})
		if err != nil && outcome.Name(err) != "BadInput" {
			t.Errorf("error = %v", err)
		}
		if claimed := len(fake.claimed) == 1; claimed != (err == nil) {
			t.Errorf("claimed %+v, error = %v", fake.claimed, err)
		}
	})
}
