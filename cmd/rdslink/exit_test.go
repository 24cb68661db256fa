package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
)

const execution = "arn:aws:states:eu-central-1:111122223333:execution:rdslink-setup:olga"

// answers are what AWS says to each operation: a refusal where that has a __type.
type answers map[string]map[string]any

func (a answers) serve(t *testing.T, asked func(operation string)) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		asked(operation)
		if operation == "" { // STS speaks another protocol
			fmt.Fprint(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account>`+
				`<Arn>arn:aws:iam::111122223333:user/olga</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if a[operation] == nil || a[operation]["__type"] != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
		_ = json.NewEncoder(w).Encode(a[operation])
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
}

// alone leaves nothing of whoever runs the tests in the environment.
func alone(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "", "AWS_REGION": "eu-central-1",
		"AWS_DEFAULT_REGION": "", "AWS_PROFILE": "", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
		"RDSLINK_NAME": "", "YES": "", "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1",
	} {
		t.Setenv(name, value)
	}
}

// played is what the program says when it is called so, and how it ends.
func played(t *testing.T, args ...string) (code int, out, said string) {
	t.Helper()
	var result, talk strings.Builder
	code = newTool("rdslink", strings.NewReader(""), &result, &talk).run(t.Context(), args)
	return code, result.String(), talk.String()
}

func TestAnExecutionsEndIsTheExitCode(t *testing.T) {
	ended := map[string]any{"events": []any{}}
	describe := func(values ...any) answers {
		answer := map[string]any{"executionArn": execution}
		for i := 0; i < len(values); i += 2 {
			answer[values[i].(string)] = values[i+1]
		}
		return answers{"DescribeExecution": answer, "GetExecutionHistory": ended, "StartExecution": {"executionArn": execution}}
	}
	for what, row := range map[string]struct {
		aws       answers
		args      []string
		code      int
		out, said string
	}{
		"done":                {describe("status", "SUCCEEDED", "output", `{"port":5432}`), nil, exitDone, `{"port":5432}` + "\n", ""},
		"done, for a program": {describe("status", "SUCCEEDED", "output", `{"port":5432}`), []string{"--output", "json"}, exitDone, `"port": 5432`, ""},
		"failed": {describe("status", "FAILED", "error", "BadInput", "cause", `{"errorMessage":"database \"x\" is not there","errorType":"BadInput"}`),
			nil, exitFailed, "", `rdslink: the execution failed: BadInput: database "x" is not there`},
		"failed, for a program": {describe("status", "FAILED", "error", "BadInput", "cause", `{"errorMessage":"no \"x\""}`),
			[]string{"-o", "json"}, exitFailed, `"cause": "no \"x\""`, ""},
		"stopped without a word":     {describe("status", "ABORTED"), nil, exitFailed, "", "rdslink: the execution was stopped\n"},
		"stopped, and said why":      {describe("status", "ABORTED", "cause", "wrong database"), nil, exitFailed, "", "was stopped: wrong database\n"},
		"out of time":                {describe("status", "TIMED_OUT", "error", "States.Timeout"), nil, exitFailed, "", "ran out of time: States.Timeout\n"},
		"still at it":                {describe("status", "RUNNING"), []string{"--timeout", "1ms"}, exitWaiting, "", "to follow it again: rdslink follow " + execution},
		"still at it, of a stack":    {describe("status", "RUNNING"), []string{"--timeout", "1ms", "--stack", "finance"}, exitWaiting, "", "again: rdslink --stack finance follow arn"},
		"about to go on":             {describe("status", "PENDING_REDRIVE"), []string{"--timeout", "1ms"}, exitWaiting, "", "the execution goes on"},
		"still at it, for a program": {describe("status", "RUNNING"), []string{"--timeout", "1ms", "-o", "json"}, exitWaiting, `"status": "RUNNING"`, ""},
		"forgotten":                  {answers{"DescribeExecution": {"__type": "ExecutionDoesNotExist", "message": "no"}}, nil, exitFailed, "", "no execution " + execution},
	} {
		t.Run(what, func(t *testing.T) {
			alone(t)
			row.aws.serve(t, func(string) {})
			calls := [][]string{{"follow", execution}}
			if row.aws["StartExecution"] != nil {
				calls = append(calls, []string{"start", "--database", "orders", "--vendor", "pushmetrics"})
			}
			for _, call := range calls {
				code, out, said := played(t, append(call, row.args...)...)
				if code != row.code || !strings.Contains(out, row.out) || !strings.Contains(said, row.said) {
					t.Errorf("%s ends with %d, prints %q and says %q", call[0], code, out, said)
				}
			}
		})
	}
}

// Whoever presses Ctrl-C is told how to come back, and a script that nothing failed.
func TestCtrlCLeavesTheExecutionAndSaysHowToFollowIt(t *testing.T) {
	alone(t)
	var pressed sync.Once
	answers{"DescribeExecution": {"status": "RUNNING"}, "GetExecutionHistory": {"events": []any{}}}.serve(t, func(string) {
		pressed.Do(func() { _ = syscall.Kill(syscall.Getpid(), syscall.SIGINT) })
	})
	code, _, said := played(t, "follow", execution)
	if code != exitWaiting || !strings.Contains(said, "rdslink follow "+execution) {
		t.Errorf("it ends with %d and says %q", code, said)
	}
}

// A start's input is what was typed, whatever way it was typed.
func TestAStartsInputIsWhatWasTyped(t *testing.T) {
	const whole = `{"database": "it's", "vendor": "$5"}`
	for what, row := range map[string]struct {
		in   string
		args []string
		want string
	}{
		"flags":   {"", []string{"--database", "orders", "--vendor", "pushmetrics"}, `{"database":"orders","vendor":"pushmetrics"}`},
		"lists":   {"", []string{"--database", "o", "--name", "acme", "--principals", "1,2", "--principals", "3"}, `{"database":"o","name":"acme","principals":["1","2","3"]}`},
		"no list": {"", []string{"--database", "o", "--supported-regions", ""}, `{"database":"o","supportedRegions":[]}`},
		"numbers": {"", []string{"--database", "o", "--listener-port", "5433", "--timeout-days", "3", "--accept", "manual"},
			`{"acceptance":{"mode":"manual","timeoutDays":3},"database":"o","listenerPort":5433}`},
		"JSON":     {"", []string{"--input", whole}, whole},
		"standard": {whole, []string{"--input", "-"}, whole},
	} {
		it := newTool("rdslink", strings.NewReader(row.in), io.Discard, io.Discard)
		command := it.startCommand()
		if err := command.ParseFlags(row.args); err != nil {
			t.Fatal(err)
		}
		input, err := command.Flags().GetString("input")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := it.inputOf(command.Flags(), input); got != row.want || err != nil {
			t.Errorf("%s: %s, %v", what, got, err)
		}
	}
}
