package main

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rdslink/rdslink/local/delivery"
	"github.com/rdslink/rdslink/local/front"
	"github.com/rdslink/rdslink/local/front/identity"
)

const serveVariable = "LOCAL_TEST_SERVE"

// TestMain lets the test binary be the program.
func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// run starts the program and returns it when it is ready, with its endpoint and directory.
func run(t *testing.T) (cmd *exec.Cmd, endpoint, dir string) {
	t.Helper()
	dir = t.TempDir()
	cmd = exec.Command("/proc/self/exe", "serve", "--port", "0", "--dir", dir, "--tools", "build")
	cmd.Env = append(os.Environ(), serveVariable+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	endpoint, ready := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if err != nil || !ready {
		t.Fatalf("it prints %q, error %v", line, err)
	}
	return cmd, endpoint, dir
}

func TestEveryPartAnswers(t *testing.T) {
	ctx := context.Background()
	_, endpoint, _ := run(t)
	config := identity.Config(endpoint, "eu-central-1", identity.Root("111122223333"))
	for name, call := range map[string]func() error{
		"sts": func() error { return failed(sts.NewFromConfig(config).GetCallerIdentity(ctx, nil)) },
		"ec2": func() error { return failed(ec2.NewFromConfig(config).DescribeVpcs(ctx, nil)) },
		"elasticloadbalancing": func() error {
			return failed(elb.NewFromConfig(config).DescribeLoadBalancers(ctx, nil))
		},
		"rds":                   func() error { return failed(rds.NewFromConfig(config).DescribeDBInstances(ctx, nil)) },
		"states, of MiniStack":  func() error { return failed(sfn.NewFromConfig(config).ListStateMachines(ctx, nil)) },
		"schedules":             func() error { return failed(scheduler.NewFromConfig(config).ListSchedules(ctx, nil)) },
		"schedule groups":       func() error { return failed(scheduler.NewFromConfig(config).ListScheduleGroups(ctx, nil)) },
		"lambda, of MiniStack":  func() error { return failed(lambda.NewFromConfig(config).ListFunctions(ctx, nil)) },
		"events, of MiniStack":  func() error { return failed(eventbridge.NewFromConfig(config).ListRules(ctx, nil)) },
		"the databases' CA":     func() error { return get(endpoint + "/_local/ca.pem") },
		"the log of every call": func() error { return get(endpoint + "/_local/calls") },
	} {
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func failed[T any](_ T, err error) error { return err }

func get(url string) error {
	answer, err := http.Get(url)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

func TestHoweverItEndsNothingIsLeft(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			cmd, endpoint, dir := run(t)
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			for range 3000 {
				if len(processes(t, dir)) == 0 {
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
			if left := processes(t, dir); len(left) != 0 {
				t.Errorf("processes are left: %q", left)
			}
			if answer, err := http.Get(endpoint); err == nil {
				_ = answer.Body.Close()
				t.Error("the port still answers")
			}
			if files, err := os.ReadDir(filepath.Join(dir, "run")); err != nil || len(files) != 0 {
				t.Errorf("files are left: %v, error %v", files, err)
			}
		})
	}
}

// processes are the command lines that name dir.
func processes(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err == nil && bytes.Contains(line, []byte(dir)) {
			found = append(found, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return found
}

func TestAFaultDisturbsDeliveries(t *testing.T) {
	for kind, want := range map[front.FaultKind]delivery.Disturbance{
		"":              {},
		front.Drop:      {Drop: true},
		front.Delay:     {Delay: time.Second},
		front.Duplicate: {Duplicates: 1},
	} {
		f := front.Fault{Kind: kind, Delay: want.Delay}
		if got := disturbance(f); got != want {
			t.Errorf("%q makes %+v", kind, got)
		}
	}
	c := deliveryCall(delivery.Invocation{Principal: "events.amazonaws.com", FunctionARN: "arn:aws:lambda:eu-central-1:111122223333:function:ip-sync"})
	if c.Service+":"+c.Action != "events:Deliver" || c.Resources()[0] != "arn:aws:lambda:eu-central-1:111122223333:function:ip-sync" {
		t.Errorf("a rule sees %+v", c)
	}
	if c := front.ZoneCall("vpce", "eu-central-1c", "euc1-az1", "subnet-1"); c.Service+":"+c.Action != "vpce:Zone" ||
		!slices.Equal(c.Resources(), []string{"eu-central-1c", "euc1-az1", "subnet-1"}) {
		t.Errorf("a rule sees %+v", c.Resources())
	}
	if c := changeCall("vpce-0123456789abcdef0"); c.Action != "Change" || c.Resources()[0] != "vpce-0123456789abcdef0" {
		t.Errorf("a rule sees %+v", c)
	}
}
