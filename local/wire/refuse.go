package wire

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// How AWS words what is wrong with a request depends on the service's framework. EC2's codes are in its error table
// (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html); the other services share one validator,
// which answers "1 validation error detected: …" as ValidationError (query), ValidationException (JSON) or InvalidInput
// (Route 53).

// under is the path of the member name of what is at at.
func (s *Service) under(at, name string) string {
	if s.Protocol != "ec2" {
		name = strings.ToLower(name[:1]) + name[1:]
	}
	if at == "" {
		return name
	}
	return at + "." + name
}

// element is the path of the i-th element of the list at at.
func (s *Service) element(at string, i int) string {
	if s.Protocol == "ec2" {
		return at + "." + strconv.Itoa(i)
	}
	return at + "." + strconv.Itoa(i) + ".member"
}

func (s *Service) violation(at, value, constraint string) error {
	code := "ValidationException"
	switch s.Protocol {
	case "query":
		code = "ValidationError"
	case "rest-xml":
		code = "InvalidInput"
	}
	return Errorf(code, "1 validation error detected: Value %s at '%s' failed to satisfy constraint: %s", value, at, constraint)
}

func quoted(value string) string { return "'" + value + "'" }

func (s *Service) missing(at string) error {
	if s.Protocol == "ec2" {
		return Errorf("MissingParameter", "The request must contain the parameter %s", at)
	}
	return s.violation(at, "null", "Member must not be null")
}

func (s *Service) unknown(at string) error {
	switch s.Protocol {
	case "ec2":
		return Errorf("UnknownParameter", "The parameter %s is not recognized", at)
	case "query":
		return Errorf("ValidationError", "The parameter %s is not recognized", at)
	case "rest-xml":
		return Errorf("MalformedInput", "The parameter %s is not recognized", at)
	}
	return Errorf("ValidationException", "The parameter %s is not recognized", at)
}

func (s *Service) unreadable(at, value string) error {
	switch s.Protocol {
	case "ec2":
		return Errorf("InvalidParameterValue", "Value (%s) for parameter %s is invalid.", value, at)
	case "query", "rest-xml":
		return Errorf("MalformedInput", "Value %s at '%s' cannot be read", quoted(value), at)
	}
	return Errorf("SerializationException", "Value %s at '%s' cannot be read", quoted(value), at)
}

func (s *Service) mistyped(at string, want kind) error {
	return Errorf("SerializationException", "The value at '%s' is not a %s", at, want)
}

func (s *Service) checkString(at string, sh *shape, value string) error {
	if len(sh.Enum) > 0 && !slices.Contains(sh.Enum, value) {
		if s.Protocol == "ec2" {
			return s.unreadable(at, value)
		}
		return s.violation(at, quoted(value), "Member must satisfy enum value set: ["+strings.Join(sh.Enum, ", ")+"]")
	}
	if err := s.length(at, sh, quoted(value), utf8.RuneCountInString(value)); err != nil {
		return err
	}
	if sh.pattern != nil && !sh.pattern.MatchString(value) {
		if s.Protocol == "ec2" {
			return s.unreadable(at, value)
		}
		return s.violation(at, quoted(value), "Member must satisfy regular expression pattern: "+sh.Pattern)
	}
	return nil
}

func (s *Service) length(at string, sh *shape, value string, n int) error {
	return s.within(at, sh, value, float64(n), "length")
}

func (s *Service) bounds(at string, sh *shape, value string, n float64) error {
	return s.within(at, sh, quoted(value), n, "value")
}

func (s *Service) within(at string, sh *shape, value string, n float64, what string) error {
	var than string
	switch {
	case sh.Min != nil && n < *sh.Min:
		than = fmt.Sprintf("greater than or equal to %.0f", *sh.Min)
	case sh.Max != nil && n > *sh.Max:
		than = fmt.Sprintf("less than or equal to %.0f", *sh.Max)
	default:
		return nil
	}
	if s.Protocol == "ec2" {
		return Errorf("InvalidParameterValue", "Value ( %.0f ) for parameter %s is invalid. Expecting a %s %s.", n, at, what, than)
	}
	return s.violation(at, value, "Member must have "+what+" "+than)
}
