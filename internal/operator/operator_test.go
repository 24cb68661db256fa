package operator

import "testing"

// What was typed stays as it was typed.
func TestAnInputSaysWhoAsked(t *testing.T) {
	const by = `arn:aws:sts::111122223333:assumed-role/Operators/o"lga`
	for input, want := range map[string]string{
		`{"database": "orders"}`:                      `{"requestedBy":"arn:aws:sts::111122223333:assumed-role/Operators/o\"lga","database": "orders"}`,
		" {\n  \"database\": 1, \"database\": 2\n}\n": " {\"requestedBy\":\"arn:aws:sts::111122223333:assumed-role/Operators/o\\\"lga\",\n  \"database\": 1, \"database\": 2\n}\n",
		`{}`:                            `{"requestedBy":"arn:aws:sts::111122223333:assumed-role/Operators/o\"lga"}`,
		`{"requestedBy":"anton","a":1}`: `{"requestedBy":"anton","a":1}`,
		`{"requestedBy":null}`:          `{"requestedBy":null}`,
		`["orders"]`:                    `["orders"]`,
		`null`:                          `null`,
		`"{"`:                           `"{"`,
		`{"a":`:                         `{"a":`,
	} {
		if got := requested(input, by); got != want {
			t.Errorf("%s became\n%s, want\n%s", input, got, want)
		}
	}
}
