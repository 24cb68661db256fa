package sfn

import (
	"encoding/json"
	"io"
	"net/http"
)

// validation answers like AWS's ValidateStateMachineDefinition.
type validation struct {
	Result      string       `json:"result"`
	Diagnostics []diagnostic `json:"diagnostics"`
	// Message is the InvalidDefinition that a create or update has to answer with; empty for a sound definition.
	Message string `json:"message,omitempty"`
}

type diagnostic struct {
	Severity string `json:"severity"`
	Problem
}

// ValidateStateMachine serves POST with a definition as its body. Where state machines are kept asks it before it creates or
// updates one.
var ValidateStateMachine = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	definition, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxDefinition))
	if err != nil {
		http.Error(w, "read definition: "+err.Error(), http.StatusBadRequest)
		return
	}
	answer := validation{Result: "OK", Diagnostics: []diagnostic{}}
	_, problems := parse(definition)
	for _, p := range problems {
		answer.Diagnostics = append(answer.Diagnostics, diagnostic{"ERROR", p})
	}
	if len(problems) > 0 {
		answer.Result, answer.Message = "FAIL", invalidDefinition(problems).Message
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // a client that has gone needs no answer
})
