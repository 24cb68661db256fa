package front_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rdslink/rdslink/local/front"
	"github.com/rdslink/rdslink/local/front/identity"
	"github.com/rdslink/rdslink/local/model"
)

// small is an account that may run ten functions at once, in front of a Lambda whose functions run until they are released.
type small struct {
	*testing.T
	url     string
	begun   chan string
	through chan struct{} // ends one of those that run
	ended   chan error
}

func newSmall(t *testing.T, limit int) *small {
	s := &small{T: t, begun: make(chan string, 100), through: make(chan struct{}), ended: make(chan error, 100)}
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/invocations") && r.Header.Get("X-Amz-Invocation-Type") != "DryRun":
			s.begun <- r.URL.Path
			<-s.through
			if strings.Contains(r.URL.Path, "/fails/") {
				w.Header().Set("X-Amz-Function-Error", "Unhandled")
			}
			_, _ = w.Write([]byte("{}"))
		case strings.HasSuffix(r.URL.Path, "/invocations"):
			w.WriteHeader(http.StatusNoContent)
		case strings.Contains(r.URL.Path, "/nobody/"):
			w.Header().Set("X-Amzn-ErrorType", "ResourceNotFoundException")
			w.WriteHeader(http.StatusNotFound)
		case strings.Contains(r.URL.Path, "/account-settings"):
			_, _ = w.Write([]byte(`{"AccountLimit":{"ConcurrentExecutions":1000},"AccountUsage":{}}`))
		case r.Method == http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		default:
			_, _ = w.Write([]byte("{}"))
		}
	}))
	t.Cleanup(backend.Close)
	door, err := front.New(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	world := &model.World{Region: "eu-central-1"}
	functions := front.NewFunctions(world, nil, nil, limit)
	functions.Later = func(context.Context, string, []byte) {}
	door.Handle("/_local/concurrency", http.HandlerFunc(functions.Limit))
	door.Handle("/_local/metrics", front.Metrics(&world.Meter))
	if err := door.Around("lambda", "lambda", functions.Serve); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(door)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *small) lambda(account string) *lambda.Client {
	config := identity.Config(s.url, "eu-central-1", identity.Root(account))
	config.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	return lambda.NewFromConfig(config)
}

// run invokes a function, which is busy when run returns.
func (s *small) run(account, function string) {
	s.Helper()
	go func() {
		_, err := s.lambda(account).Invoke(context.Background(), &lambda.InvokeInput{FunctionName: &function})
		s.ended <- err
	}()
	select {
	case <-s.begun:
	case err := <-s.ended:
		s.Fatal(err)
	}
	s.Cleanup(func() {
		s.through <- struct{}{}
		if err := <-s.ended; err != nil {
			s.Error(err)
		}
	})
}

// refused is why a function is not run, or empty for another answer.
func (s *small) refused(function string) types.ThrottleReason {
	ctx, cancel := context.WithTimeout(s.Context(), 10*time.Second) // what runs does not end by itself
	defer cancel()
	_, err := s.lambda(account).Invoke(ctx, &lambda.InvokeInput{FunctionName: &function})
	refusal, throttled := errors.AsType[*types.TooManyRequestsException](err)
	if !throttled || aws.ToString(refusal.Message) != "Rate Exceeded." {
		s.Errorf("got %v", err)
		return ""
	}
	return refusal.Reason
}

// API_Invoke, TooManyRequestsException; Lambda guide, "Understanding Lambda function scaling".
func TestAnAccountRunsSoManyFunctionsAtOnce(t *testing.T) {
	s := newSmall(t, 10)
	t.Run("and no more", func(t *testing.T) {
		s := &small{t, s.url, s.begun, s.through, s.ended}
		for n := range 10 {
			s.run(account, []string{"ip-sync", "resolver"}[n%2])
		}
		for _, function := range []string{"ip-sync", "resolver", "arn:aws:lambda:eu-central-1:" + account + ":function:other"} {
			if reason := s.refused(function); reason != types.ThrottleReasonConcurrentInvocationLimitExceeded {
				t.Errorf("%s: %s", function, reason)
			}
		}
		// An event is accepted all the same, and asking whether one may invoke runs nothing. Another account has its own
		// limit.
		for _, kind := range []types.InvocationType{types.InvocationTypeEvent, types.InvocationTypeDryRun} {
			if _, err := s.lambda(account).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("ip-sync"), InvocationType: kind}); err != nil {
				t.Error(kind, err)
			}
		}
		s.run("133737826969", "ip-sync")
		if limit, most := s.limit(); limit != 10 || most[account] != 10 || most["133737826969"] != 1 {
			t.Errorf("limit %d, most %v", limit, most)
		}
	})
	s.run(account, "ip-sync") // they are over
}

func TestALimitIsRaised(t *testing.T) {
	s := newSmall(t, 1)
	s.run(account, "a")
	s.refused("a")
	for body, status := range map[string]int{`{"limit":2}`: http.StatusOK, `{"limit":0}`: http.StatusBadRequest, `2`: http.StatusBadRequest} {
		answer, err := http.Post(s.url+"/_local/concurrency", "application/json", strings.NewReader(body))
		if err != nil || answer.StatusCode != status || answer.Body.Close() != nil {
			t.Errorf("%s: %v, %v", body, answer, err)
		}
	}
	s.run(account, "a")
	if limit, most := s.limit(); limit != 2 || most[account] != 2 {
		t.Errorf("limit %d, most %v", limit, most)
	}
}

// Lambda guide, "Types of metrics for Lambda functions".
func TestLambdaMeasures(t *testing.T) {
	s := newSmall(t, 2)
	t.Run("two run", func(t *testing.T) {
		s := &small{t, s.url, s.begun, s.through, s.ended}
		s.run(account, "works")
		s.run(account, "fails")
		s.refused("works")
	})
	sums := func(account string) map[string]float64 {
		answer, err := http.Get(s.url + "/_local/metrics?account=" + account)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		var values []model.Measured
		if err := json.NewDecoder(answer.Body).Decode(&values); err != nil {
			t.Error(err)
		}
		sums := map[string]float64{}
		for _, v := range values {
			name := strings.TrimSpace(v.Dimensions["FunctionName"] + " " + v.Name)
			if v.Name == "ConcurrentExecutions" {
				sums[name] = max(sums[name], v.Most)
			} else {
				sums[name] += v.Sum
			}
		}
		return sums
	}
	if got := sums("133737826969"); len(got) > 0 {
		t.Errorf("another account has %v", got)
	}
	want := map[string]float64{
		"Invocations": 2, "works Invocations": 1, "fails Invocations": 1, "Errors": 1, "fails Errors": 1, "Throttles": 1, "works Throttles": 1,
		"ConcurrentExecutions": 2, "works ConcurrentExecutions": 1, "fails ConcurrentExecutions": 1,
	}
	if got := sums(account); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := sums(account); len(got) > 0 {
		t.Errorf("twice: %v", got)
	}
}

// limit is what the cloud tells of it.
func (s *small) limit() (limit int, most map[string]int) {
	s.Helper()
	answer, err := http.Get(s.url + "/_local/concurrency")
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var told struct {
		Limit int
		Most  map[string]int
	}
	if err := json.NewDecoder(answer.Body).Decode(&told); err != nil {
		s.Error(err)
	}
	return told.Limit, told.Most
}

// Lambda guide, "Configuring reserved concurrency for a function".
func TestReservationsLeaveAHundredToTheOthersOrAreRefused(t *testing.T) {
	reserve := func(s *small, function string, places int32) error {
		_, err := s.lambda(account).PutFunctionConcurrency(t.Context(),
			&lambda.PutFunctionConcurrencyInput{FunctionName: &function, ReservedConcurrentExecutions: &places})
		return err
	}
	for _, row := range []struct {
		limit    int
		reserved []int32
		refused  string
	}{
		{1000, []int32{900, 1}, "below its minimum value of [100]"},
		{102, []int32{1, 1, 1}, "below its minimum value of [100]"},
		{10, []int32{1}, "below its minimum value of [10]"},
	} {
		s := newSmall(t, row.limit)
		for n, places := range row.reserved {
			err := reserve(s, string(rune('a'+n)), places)
			last := n == len(row.reserved)-1
			if last && (code(err) != "InvalidParameterValueException" || !strings.Contains(err.Error(), row.refused)) || !last && err != nil {
				t.Errorf("limit %d, reservation %d of %d: %v", row.limit, n, places, err)
			}
		}
		if err := reserve(s, "none", 0); err != nil {
			t.Error("a function that shall not run:", err)
		}
		if reason := s.refused("none"); reason != types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded {
			t.Error(reason)
		}
	}
}

func TestWhatIsReservedIsAFunctionsOwn(t *testing.T) {
	s := newSmall(t, 102)
	own := func(function string, places int32) {
		if _, err := s.lambda(account).PutFunctionConcurrency(t.Context(),
			&lambda.PutFunctionConcurrencyInput{FunctionName: &function, ReservedConcurrentExecutions: &places}); err != nil && function != "nobody" {
			t.Fatal(err)
		}
	}
	own("a", 2)
	own("a", 1) // in place of the two
	own("nobody", 1)
	settings, err := s.lambda(account).GetAccountSettings(t.Context(), &lambda.GetAccountSettingsInput{})
	if err != nil {
		t.Fatal(err)
	}
	if limits := settings.AccountLimit; limits.ConcurrentExecutions != 102 || aws.ToInt32(limits.UnreservedConcurrentExecutions) != 101 {
		t.Errorf("%+v", limits)
	}
	s.run(account, "a")
	if reason := s.refused("a"); reason != types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded {
		t.Error(reason)
	}
	for _, give := range []func() error{
		func() error {
			_, err := s.lambda(account).DeleteFunctionConcurrency(t.Context(), &lambda.DeleteFunctionConcurrencyInput{FunctionName: aws.String("a")})
			return err
		},
		func() error {
			own("a", 1)
			_, err := s.lambda(account).DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String("a")})
			return err
		},
	} {
		if err := give(); err != nil {
			t.Error(err)
		}
		s.run(account, "a")
	}
}
