package sfn

import "time"

// visitChoice takes the first comparison that holds. What a comparison names and the input does not have fails the state:
// docs.aws.amazon.com/step-functions/latest/dg/state-choice.html.
func (r *run) visitChoice(s *State, at position) (any, string, *failure) {
	for _, c := range s.Choices {
		value, err := c.Variable.find(scope{at.input, r.contextObject()})
		if err != nil { // AWS's words are not recorded
			return nil, "", runtime(at, causef("Invalid path '%s': The choice state's condition path references an invalid value.", c.Variable.text))
		}
		if value == c.Equals {
			return at.input, c.Next, nil
		}
	}
	return at.input, s.Default, nil
}

// visitWait waits until a moment, which is the same on everybody's clock, or for a while, which the world's speed shortens.
// Wording: test_wait.snapshot.json of 11 Dec 2023, and of 22 Mar 2024.
func (r *run) visitWait(s *State, at position) (any, string, *failure) {
	if s.While != nil {
		d, err := seconds("SecondsPath", *s.While, scope{at.input, r.contextObject()})
		if err != nil {
			return nil, "", runtime(at, err)
		}
		r.service.rest(r.ctx, r.service.world.Scale(d))
		return at.input, s.Next, nil
	}
	v, err := s.Until.find(scope{at.input, r.contextObject()})
	if err != nil {
		return nil, "", runtime(at, err)
	}
	text, _ := v.(string)
	until, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, "", runtime(at, causef(
			"The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: %s == %v", s.Until.text, v))
	}
	r.service.rest(r.ctx, time.Until(until))
	return at.input, s.Next, nil
}
