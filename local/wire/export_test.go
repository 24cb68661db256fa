package wire

// Shape names the shapes of an operation's input and output, empty for none.
func (s *Service) Shape(action string) (input, output string) {
	o := s.Operations[action]
	if o.Input != nil {
		input = o.Input.Shape
	}
	if o.Output != nil {
		output = o.Output.Shape
	}
	return input, output
}
