package sfn

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

func jsonInt(n int) json.Number { return json.Number(strconv.Itoa(n)) }

// choose applies InputPath or OutputPath.
func choose(p *Path, in scope) (any, error) {
	if p == nil {
		return map[string]any{}, nil
	}
	return p.find(in)
}

// evaluate computes a template, or returns the input when there is none.
func evaluate(template expression, in scope) (any, error) {
	if template == nil {
		return in.input, nil
	}
	return template(in)
}

// place puts a state's result where ResultPath says and applies OutputPath.
func place(s *State, at position, result any, context any) (any, *failure) {
	output := at.input
	if s.ResultPath != nil {
		var err error
		if output, err = s.ResultPath.put(at.input, result); err != nil {
			return nil, failed("States.ResultPathMatchFailure",
				fmt.Sprintf("Unable to apply step \"%s\" to input %s", s.ResultPath.text, encode(at.input)))
		}
	}
	output, err := choose(s.OutputPath, scope{output, context})
	if err != nil {
		return nil, runtime(at, err)
	}
	return output, nil
}

func (r *run) visitPass(s *State, at position) (any, string, *failure) {
	context := r.contextObject(at)
	input, err := choose(s.InputPath, scope{at.input, context})
	if err != nil {
		return nil, "", runtime(at, err)
	}
	result, err := evaluate(s.Parameters, scope{input, context})
	if err != nil {
		return nil, "", runtime(at, err)
	}
	if s.HasResult {
		result = s.Result
	}
	output, f := place(s, at, result, context)
	return output, s.Next, f
}

// through is InputPath and OutputPath for states that pass their input on.
func (r *run) through(s *State, at position) (input, output any, f *failure) {
	context := r.contextObject(at)
	input, err := choose(s.InputPath, scope{at.input, context})
	if err != nil {
		return nil, nil, runtime(at, err)
	}
	output, err = choose(s.OutputPath, scope{input, context})
	if err != nil {
		return nil, nil, runtime(at, err)
	}
	return input, output, nil
}

func (r *run) visitSucceed(s *State, at position) (any, string, *failure) {
	_, output, f := r.through(s, at)
	return output, "", f
}

// visitChoice takes the first comparison that holds. What a comparison names and the input does not have fails the state:
// docs.aws.amazon.com/step-functions/latest/dg/state-choice.html.
func (r *run) visitChoice(s *State, at position) (any, string, *failure) {
	input, output, f := r.through(s, at)
	if f != nil {
		return nil, "", f
	}
	for _, c := range s.Choices {
		value, err := c.Variable.find(scope{input, r.contextObject(at)})
		if err != nil { // AWS's words are not recorded
			return nil, "", runtime(at, causef("Invalid path '%s': The choice state's condition path references an invalid value.", c.Variable.text))
		}
		if value == c.Equals {
			return output, c.Next, nil
		}
	}
	return output, s.Default, nil
}

func (r *run) visitWait(s *State, at position) (any, string, *failure) {
	input, output, f := r.through(s, at)
	if f != nil {
		return nil, "", f
	}
	d, err := s.Wait.length(scope{input, r.contextObject(at)}, "SecondsPath")
	if err != nil {
		return nil, "", runtime(at, err)
	}
	if s.Wait.untilPath != nil || s.Wait.until != nil {
		r.service.rest(r.ctx, d) // a moment is the same on everybody's clock
	} else {
		r.service.sleep(r.ctx, d)
	}
	return output, s.Next, nil
}

// length is the duration from now on; 0 if none is given. Wording: test_wait.snapshot.json of 22 Mar 2024.
func (d duration) length(in scope, field string) (time.Duration, error) {
	switch {
	case d.secondsPath != nil:
		v, err := d.secondsPath.find(in)
		if err != nil {
			return 0, err
		}
		n, _ := v.(json.Number)
		seconds, err := n.Int64()
		if err != nil {
			return 0, causef("The %s parameter cannot be parsed as a long value: %s == %s", field, d.secondsPath.text, encode(v))
		}
		if seconds > maxInteger { // AWS's limit; the words are ours
			return 0, causef("The %s parameter references a value above %d: %s == %d", field, maxInteger, d.secondsPath.text, seconds)
		}
		if seconds < 0 {
			return 0, causef("The %s parameter references a negative value: %s == %d", field, d.secondsPath.text, seconds)
		}
		return time.Duration(seconds) * time.Second, nil
	case d.untilPath != nil:
		v, err := d.untilPath.find(in)
		if err != nil {
			return 0, err
		}
		until, ok := timestamp(v)
		if !ok {
			return 0, causef("The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: %s == %v",
				d.untilPath.text, v)
		}
		return time.Until(until), nil
	case d.until != nil:
		return time.Until(*d.until), nil
	}
	return time.Duration(d.seconds) * time.Second, nil
}

func timestamp(v any) (time.Time, bool) {
	text, _ := v.(string)
	t, err := time.Parse(time.RFC3339, text)
	return t, err == nil
}

func ptr[T any](v T) *T { return &v }
