package front

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// leastUnreserved is what reservations must leave to an account's other functions, where its limit is as high as that:
// Lambda guide, "Configuring reserved concurrency for a function". In an account with a lower limit none can be made at
// all (awslabs/fhir-works-on-aws-deployment#691: "below its minimum value of [10]").
const leastUnreserved = 100

// running are the invocations that run, which are bounded for each account: Lambda guide, "Understanding Lambda function
// scaling". All of its functions share the limit, whoever invokes them; what one has reserved is its own.
type running struct {
	mu       sync.Mutex
	limit    int            // of each account
	count    map[string]int // by function ARN
	reserved map[string]int // by function ARN
	most     map[string]int // by account, since the limit was set
	meter    *model.Meter
}

// measure adds to Lambda's metrics: Lambda guide, "Types of metrics for Lambda functions". Those of a function are the
// account's too, which is a metric without dimensions.
func (n *running) measure(functionARN, name string, ofFunction, ofAccount int) {
	account, metric := model.AccountOf(functionARN), model.Metric{Namespace: "AWS/Lambda", Name: name, Unit: "Count"}
	n.meter.Measure(account, metric, float64(ofAccount))
	metric.Dimensions = map[string]string{"FunctionName": functionARN[strings.LastIndex(functionARN, ":")+1:]}
	n.meter.Measure(account, metric, float64(ofFunction))
}

// ended measures an invocation that was let in.
func (n *running) ended(functionARN string, failed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.measure(functionARN, "Invocations", 1, 1)
	if failed {
		n.measure(functionARN, "Errors", 1, 1)
	}
}

func newRunning(limit int, meter *model.Meter) *running {
	return &running{limit: limit, meter: meter, count: map[string]int{}, reserved: map[string]int{}, most: map[string]int{}}
}

// Why a function is not run now (API_Invoke, TooManyRequestsException).
const (
	accountLimit  = "ConcurrentInvocationLimitExceeded"
	functionLimit = "ReservedFunctionConcurrentInvocationLimitExceeded"
)

// begin takes a place for a function until end is called, or says which limit there is none under.
func (n *running) begin(functionARN string) (end func(), reason string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if own, reserves := n.reserved[functionARN]; reserves {
		if n.count[functionARN] >= own {
			n.measure(functionARN, "Throttles", 1, 1)
			return nil, functionLimit
		}
	} else if n.shared(functionARN) >= n.unreserved(functionARN) {
		n.measure(functionARN, "Throttles", 1, 1)
		return nil, accountLimit
	}
	n.count[functionARN]++
	account := model.AccountOf(functionARN)
	n.most[account] = max(n.most[account], n.all(account))
	n.measure(functionARN, "ConcurrentExecutions", n.count[functionARN], n.all(account))
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.count[functionARN]--
	}, ""
}

// all is how many functions run in an account.
func (n *running) all(account string) int {
	total := 0
	for arn, count := range n.count {
		if model.AccountOf(arn) == account {
			total += count
		}
	}
	return total
}

// Limit serves /_local/concurrency: POST {"limit": 10} sets the limit, as AWS does when it raises a quota; GET tells it, and
// the most functions that ran at once since, by account.
func (f *Functions) Limit(w http.ResponseWriter, r *http.Request) {
	n := f.running
	n.mu.Lock()
	defer n.mu.Unlock()
	var set struct{ Limit int }
	switch r.Method {
	case http.MethodGet:
		_ = json.NewEncoder(w).Encode(map[string]any{"limit": n.limit, "most": n.most})
	case http.MethodPost:
		if err := json.NewDecoder(r.Body).Decode(&set); err != nil || set.Limit < 1 {
			http.Error(w, fmt.Sprintf("limit %d: not a number of functions: %v", set.Limit, err), http.StatusBadRequest)
			return
		}
		n.limit, n.most = set.Limit, map[string]int{}
	}
}

// shared is how many functions without reservations run in a function's account.
func (n *running) shared(functionARN string) int {
	total := 0
	for arn, count := range n.count {
		if _, reserves := n.reserved[arn]; !reserves && model.AccountOf(arn) == model.AccountOf(functionARN) {
			total += count
		}
	}
	return total
}

// unreserved is what the functions of a function's account have together.
func (n *running) unreserved(functionARN string) int {
	left := n.limit
	for arn, reserved := range n.reserved {
		if model.AccountOf(arn) == model.AccountOf(functionARN) {
			left -= reserved
		}
	}
	return left
}

// reserve reserves for a function, in place of what it had reserved.
func (n *running) reserve(functionARN string, places int) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	least := min(leastUnreserved, n.limit)
	if places > 0 && n.unreserved(functionARN)+n.reserved[functionARN]-places < least {
		return wire.Errorf("InvalidParameterValueException",
			"Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].",
			least)
	}
	n.reserved[functionARN] = places
	return nil
}

// release ends a function's reservation.
func (n *running) release(functionARN string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.reserved, functionARN)
}

// reserve keeps what MiniStack then stores.
func (f *Functions) reserve(w http.ResponseWriter, r *http.Request, c Call, arn string, forward http.HandlerFunc) {
	places, err := strconv.Atoi(fmt.Sprint(c.Parameters["ReservedConcurrentExecutions"]))
	if err == nil {
		err = f.running.reserve(arn, places)
	}
	if err != nil {
		lambdaService.Refuse(w, c.ID, err)
		return
	}
	answer := capture(forward, r)
	if !answer.ok() {
		f.running.release(arn) // there is no such function
	}
	answer.send(w)
}

// run runs a function if there is a place for it.
func (f *Functions) run(w http.ResponseWriter, r *http.Request, arn string, forward http.HandlerFunc) {
	end, reason := f.running.begin(arn)
	if end == nil {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Amzn-ErrorType", "TooManyRequestsException")
		w.WriteHeader(http.StatusTooManyRequests)
		_ = json.NewEncoder(w).Encode(map[string]string{"Reason": reason, "Type": "User", "message": "Rate Exceeded."})
		return
	}
	defer end()
	defer f.speak(arn)()
	forward(w, r)
	f.running.ended(arn, w.Header().Get("X-Amz-Function-Error") != "")
}

// accountSettings has the account's limit in MiniStack's answer.
func (f *Functions) accountSettings(w http.ResponseWriter, r *http.Request, c Call, forward http.HandlerFunc) {
	answer := capture(forward, r)
	answer.change(func(all map[string]any) {
		if limits, ok := all["AccountLimit"].(map[string]any); ok {
			f.running.mu.Lock()
			defer f.running.mu.Unlock()
			limits["ConcurrentExecutions"] = f.running.limit
			limits["UnreservedConcurrentExecutions"] = f.running.unreserved(f.arn(c))
		}
	})
	answer.send(w)
}
