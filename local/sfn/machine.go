package sfn

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rdslink/rdslink/local/wire"
)

// Machine is a state machine that Parse has found to be sound.
type Machine struct {
	StartAt string
	States  map[string]*State
	Timeout time.Duration // 0: none
}

// State is one state; which fields it has depends on its type.
type State struct {
	Name, Type string
	Next       string // "" ends the execution

	// Task
	Partition      string // of the resource
	Token          bool   // .waitForTaskToken
	Function       string
	Payload        template
	ResultSelector template // nil: none
	ResultPath     *Path    // nil for null: the result is dropped
	OutputPath     Path
	Timeout        timeout
	Retry          []Retrier

	// Wait: until a moment, or for a while
	Until Path
	While *Path

	// Choice
	Choices []Choice
	Default string
}

// Choice is one element of Choices: a comparison of what is true or false, the only one here.
type Choice struct {
	Variable Path
	Equals   bool
	Next     string
}

// timeout is TimeoutSeconds or TimeoutSecondsPath.
type timeout struct {
	seconds int64 // 0: none
	path    *Path
}

// Retrier is one element of Retry.
type Retrier struct {
	ErrorEquals []string
	Interval    time.Duration
	MaxAttempts int
	BackoffRate float64
	MaxDelay    time.Duration // 0: none
	Jitter      bool
}

// Codes of problems, as AWS's ValidateStateMachineDefinition gives them.
const (
	schema  = "SCHEMA_VALIDATION_FAILED"
	target  = "MISSING_TRANSITION_TARGET"
	invalid = "INVALID_JSON_DESCRIPTION"
	// What AWS takes and this interpreter does not know: the code and the words are ours.
	notModelled = "NOT_MODELLED"
)

// Problem is one reason why AWS refuses a definition.
type Problem struct {
	Code     string `json:"code"`
	Message  string `json:"message"`
	Location string `json:"location,omitempty"`
}

func (p Problem) String() string {
	if p.Location == "" {
		return p.Code + ": " + p.Message
	}
	return p.Code + ": " + p.Message + " at " + p.Location
}

// Parse reads a definition. What AWS would refuse, and what this interpreter does not know, is InvalidDefinition.
func Parse(definition []byte) (*Machine, error) {
	m, problems := parse(definition)
	if len(problems) == 0 {
		return m, nil
	}
	return nil, invalidDefinition(problems)
}

// invalidDefinition is worded as in test_sfn_api.snapshot.json (test_create_delete_invalid_sm of 4 Aug 2023).
func invalidDefinition(problems []Problem) *wire.Error {
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = p.String()
	}
	return wire.Errorf("InvalidDefinition", "Invalid State Machine Definition: '%s'", strings.Join(texts, ", "))
}

// maxDefinition is the limit of a definition, in bytes.
const maxDefinition = 1 << 20

func parse(definition []byte) (*Machine, []Problem) {
	if len(definition) > maxDefinition {
		return nil, []Problem{{Code: schema, Message: "Definition is longer than 1 MB"}}
	}
	d, err := decode(definition)
	if err != nil {
		return nil, []Problem{{Code: invalid, Message: err.Error()}}
	}
	fields, ok := d.(map[string]any)
	if !ok {
		return nil, []Problem{{Code: schema, Message: "Definition must be a valid JSON object"}}
	}
	var problems []Problem
	r := newReader("machine", fields, "", &problems)
	m := r.machine()
	if m != nil {
		m.check(&problems)
	}
	slices.SortFunc(problems, func(a, b Problem) int { return strings.Compare(a.Location, b.Location) })
	return m, problems
}

// machine reads the top level; nil when nothing can be said about transitions.
func (r *reader) machine() *Machine {
	r.require("States", "StartAt")
	r.text("Comment")
	m := &Machine{StartAt: r.text("StartAt"), States: map[string]*State{}, Timeout: r.seconds("TimeoutSeconds", 1)}
	states, ok := r.fields["States"].(map[string]any)
	if !ok || m.StartAt == "" {
		return nil
	}
	for name, s := range states {
		if fields, ok := s.(map[string]any); ok {
			m.States[name] = r.state(name, fields)
		}
	}
	return m
}

// check follows the transitions. AWS's words are in the reproduction that came with LocalStack's pull request 12487.
func (m *Machine) check(problems *[]Problem) {
	if m.States[m.StartAt] == nil {
		*problems = append(*problems, Problem{target, fmt.Sprintf("Missing 'Next' target: %s", m.StartAt), "/StartAt"})
	}
	reached := map[string]bool{}
	open := []string{m.StartAt}
	for len(open) > 0 {
		s := m.States[open[0]]
		open = open[1:]
		if s == nil || reached[s.Name] {
			continue
		}
		reached[s.Name] = true
		for at, next := range s.transitions() {
			open = append(open, next)
			if m.States[next] == nil {
				*problems = append(*problems, missingTarget(s, at, next))
			}
		}
	}
	for name, s := range m.States {
		if reached[name] {
			continue
		}
		*problems = append(*problems, Problem{target, fmt.Sprintf("State \"%s\" is not reachable.", name), "/States/" + name})
		for at, next := range s.transitions() {
			if m.States[next] == nil {
				*problems = append(*problems, missingTarget(s, at, next))
			}
		}
	}
}

func missingTarget(s *State, at, next string) Problem {
	field := at[strings.LastIndex(at, "/")+1:]
	return Problem{target, fmt.Sprintf("Missing '%s' target: %s", field, next), "/States/" + s.Name + "/" + at}
}

// transitions are the states that may follow, by the field that names them.
func (s *State) transitions() map[string]string {
	next := map[string]string{}
	if s.Next != "" {
		next["Next"] = s.Next
	}
	for i, c := range s.Choices {
		next[fmt.Sprintf("Choices[%d]/Next", i)] = c.Next
	}
	if s.Default != "" {
		next["Default"] = s.Default
	}
	return next
}
