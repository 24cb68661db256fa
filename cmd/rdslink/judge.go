package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/vendor"
)

// judge refuses an input without which no execution can succeed: it would only fail, and alarm. Step 1 judges all else:
// it sees the database.
func judge(input string) error {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(input), &fields) != nil || fields == nil {
		return errors.New(`the input is a JSON object, such as {"database": "orders-prod", "vendor": "pushmetrics"}`)
	}
	given := func(name string) bool {
		return len(fields[name]) > 0 && fields[name][0] != 'n' && string(fields[name]) != `""` && string(fields[name]) != `[]`
	}
	switch {
	case !given("database"):
		return errors.New("database is missing: which one is to be reached? (--database; DATABASE after make)")
	case !given("vendor") && !given("name") && !given("principals"):
		return errors.New("vendor is missing: for whom? (--vendor; VENDOR after make; " + vendor.Listed +
			"; or NAME and PRINCIPALS for somebody else)")
	case !given("vendor") && !given("principals"):
		return errors.New("principals are missing: which accounts may connect? (--principals; PRINCIPALS after make)")
	case !given("vendor") && !given("name"):
		return errors.New("name is missing: who are these principals? (--name; NAME after make)")
	}
	var preset string
	if given("vendor") && json.Unmarshal(fields["vendor"], &preset) == nil {
		if _, known := vendor.Find(preset); !known {
			return fmt.Errorf("vendor %q is not known; %s", outcome.Typed(preset), vendor.Instead(preset))
		}
	}
	return nil
}
