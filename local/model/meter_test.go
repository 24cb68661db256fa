package model_test

import (
	"testing"

	"github.com/rdslink/rdslink/local/model"
)

func TestAMeterKeepsAMinutesValuesUntilTheyAreTaken(t *testing.T) {
	var m model.Meter
	flows := model.Metric{Namespace: "AWS/NetworkELB", Name: "ActiveFlowCount", Unit: "Count", Dimensions: map[string]string{"LoadBalancer": "net/a/1"}}
	other := flows
	other.Dimensions = map[string]string{"LoadBalancer": "net/b/2"}
	for _, value := range []float64{4, 1, 7} {
		m.Measure("111122223333", flows, value)
	}
	m.Measure("111122223333", other, 5)
	m.Measure("999999999999", flows, 9)
	count, sum, least, most := 0.0, 0.0, 9.0, 0.0 // a minute may have ended meanwhile
	for _, s := range m.Take("111122223333") {
		if s.Dimensions["LoadBalancer"] == "net/a/1" {
			count, sum, least, most = count+s.Count, sum+s.Sum, min(least, s.Least), max(most, s.Most)
		}
	}
	if count != 3 || sum != 12 || least != 1 || most != 7 {
		t.Errorf("%v values, their sum is %v, from %v to %v", count, sum, least, most)
	}
	if again := m.Take("111122223333"); len(again) != 0 {
		t.Errorf("taken twice: %v", again)
	}
	if others := m.Take("999999999999"); len(others) != 1 || others[0].Sum != 9 {
		t.Errorf("another account has %v", others)
	}
}
