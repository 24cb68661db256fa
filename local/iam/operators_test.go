package iam

import "testing"

// Bounds of the operators of which the table has but one example.
func TestComparisons(t *testing.T) {
	for _, r := range []struct {
		operator, wanted, actual string
		holds                    bool
	}{
		{"NumericEquals", "10", "10.0", true},
		{"NumericEquals", "10", "-10", false},
		{"NumericLessThan", "10", "9", true},
		{"NumericLessThan", "10", "10", false},
		{"NumericLessThanEquals", "10", "10", true},
		{"NumericGreaterThan", "10", "11", true},
		{"NumericGreaterThan", "10", "10", false},
		{"NumericGreaterThanEquals", "10", "10", true},
		{"NumericGreaterThanEquals", "10", "9.9", false},
		{"DateEquals", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", true},
		{"DateEquals", "2026", "1767225600", true}, // a year, and seconds
		{"DateEquals", "2026-01", "2026-01-01T00:00Z", true},
		{"DateLessThan", "2026-01-01", "2025-12-31T23:59:59.9Z", true},
		{"DateLessThan", "2026-01-01", "2026-01-01", false},
		{"DateLessThanEquals", "2026-01-01", "2026-01-01", true},
		{"DateGreaterThan", "2026-01-01", "2026-01-02", true},
		{"DateGreaterThan", "2026-01-01", "2026-01-01", false},
		{"DateGreaterThanEquals", "2026-01-01", "2026-01-01", true},
		{"Bool", "true", "True", true},
		{"BinaryEquals", "QQ==", "Qg==", false},
		{"IpAddress", "203.0.113.0/24", "::ffff:203.0.113.9", true},
		{"IpAddress", "203.0.113.9/24", "203.0.113.1", true},
		{"IpAddress", "203.0.113.0/24", "2001:db8::1", false},
		{"ArnEquals", "arn:aws:sns:*:111122223333:T?pic", topic, false},
		{"ArnEquals", "arn:aws:sns:us-west-2:111122223333:MyTopic", topic, false},
		{"ArnEquals", "arn:aws:sns:*:111122223333:MyT?pic", topic, true},
		{"ArnLike", "arn:aws:lambda:*:*:function:*", function + ":live", true},
		{"ArnLike", "arn:aws:lambda:*:*:*", "MyTopic", false},
	} {
		o, err := parseOperator(r.operator)
		if err != nil {
			t.Fatal(err)
		}
		if holds, err := o.compare(r.actual, glob(r.wanted)); err != nil || holds != r.holds {
			t.Errorf("%s %s of %s: %t, %v", r.operator, r.wanted, r.actual, holds, err)
		}
	}
}
