package model

import (
	"fmt"
	"sync"
	"time"
)

// Metric is one of CloudWatch's. Values with other dimensions are those of another metric.
type Metric struct {
	Namespace, Name, Unit string
	Dimensions            map[string]string
}

// Meter is what services have measured and nobody has taken to CloudWatch yet. A service measures by the minute: of the
// values of a minute there are their number, their sum, the least and the most. The zero Meter is empty.
type Meter struct {
	mu       sync.Mutex
	measured map[string]*Measured
}

// Measured are a metric's values of one minute.
type Measured struct {
	account string
	Metric
	Time                    float64 // of the last one, in Unix seconds
	Count, Sum, Least, Most float64
}

// Measure adds a value to an account's metric.
func (m *Meter) Measure(account string, metric Metric, value float64) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.measured == nil {
		m.measured = map[string]*Measured{}
	}
	key := fmt.Sprint(account, metric, now.Unix()/60) // maps are printed in the order of their keys
	s := m.measured[key]
	if s == nil {
		s = &Measured{account: account, Metric: metric, Least: value, Most: value}
		m.measured[key] = s
	}
	s.Time = float64(now.UnixMilli()) / 1000
	s.Count, s.Sum, s.Least, s.Most = s.Count+1, s.Sum+value, min(s.Least, value), max(s.Most, value)
}

// Take gives what was measured for an account since it was taken last.
func (m *Meter) Take(account string) []Measured {
	m.mu.Lock()
	defer m.mu.Unlock()
	taken := []Measured{}
	for key, s := range m.measured {
		if s.account == account {
			taken = append(taken, *s)
			delete(m.measured, key)
		}
	}
	return taken
}
