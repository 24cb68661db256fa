// Local is a cloud on this machine: a part of AWS behind one endpoint.
//
//	local serve         is the cloud, which ends with this process
//	local check         says whether this machine allows what the cloud needs
//	local permissions   holds the policies of an app's roles against what they needed on the cloud
//
// The front and what it starts live in Linux namespaces of their own and end with this process, however it ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/rdslink/rdslink/local/network"
)

// insideVariable tells the process that it is the one inside.
const insideVariable = "LOCAL_INSIDE"

var commands = map[string]func(args []string) error{"serve": serve, "check": check, "permissions": prove}

func main() {
	var run func([]string) error
	if len(os.Args) > 1 {
		run = commands[os.Args[1]]
	}
	if run == nil {
		fmt.Fprintln(os.Stderr, "usage: local serve|check|permissions [flags]; --help lists the flags")
		os.Exit(2)
	}
	if err := run(os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}

func serve(args []string) error {
	o := readOptions(args)
	if os.Getenv(insideVariable) != "" {
		return inside(o)
	}
	return enclose(o)
}

func check([]string) error { return network.Check() }

// options are what a run is told.
type options struct {
	Port         int
	Dir          string
	Tools        string
	Region       string
	Account      string
	Speed        float64
	TimeoutSpeed float64
	Concurrency  int
	Balancers    int
	Documented   bool
	Without      string
	Instead      string
}

func readOptions(args []string) options {
	o := options{}
	flags := flag.NewFlagSet("local serve", flag.ExitOnError)
	flags.IntVar(&o.Port, "port", 4566, "of the API, on localhost; 0 takes a free one")
	flags.StringVar(&o.Dir, "dir", "", "for logs; default: clouds/PORT among the tools")
	flags.StringVar(&o.Tools, "tools", "build", "where ministack/ and node_modules/ are")
	flags.StringVar(&o.Region, "region", "eu-central-1", "the one region")
	flags.StringVar(&o.Account, "account", "111122223333", "MiniStack's default account")
	flags.Float64Var(&o.Speed, "speed", 60, "AWS's durations, retries and schedules are this many times shorter")
	flags.Float64Var(&o.TimeoutSpeed, "timeout-speed", 1, "timeouts of state machines are this many times shorter")
	flags.IntVar(&o.Concurrency, "concurrency", 1000, "how many functions an account may run at once; new ones of AWS may run 10")
	flags.IntVar(&o.Balancers, "load-balancers", 0, "how many Network Load Balancers an account may have; 0 is AWS's default")
	flags.BoolVar(&o.Documented, "documented", false, "a describe may miss what was just made, as AWS's documents warn")
	flags.StringVar(&o.Without, "without", "", "what services lack, zones and quotas: lambda:euc1-az1,servicequotas:L-0EA8095F")
	flags.StringVar(&o.Instead, "instead", "", "states of connections that answers name in place of others: available=partial")
	_ = flags.Parse(args) // exits on an error
	return o
}

// enclose opens the API's port here and runs this program again inside namespaces.
func enclose(o options) error {
	// The inner process ends with the thread that starts it.
	runtime.LockOSThread()
	if err := network.Check(); err != nil {
		return err
	}
	var err error
	if o.Tools, err = filepath.Abs(o.Tools); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port)))
	if err != nil {
		return err
	}
	o.Port = listener.Addr().(*net.TCPAddr).Port
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	if o.Dir == "" {
		if o.Dir, err = makeDirectory(o.Tools, o.Port); err != nil {
			return err
		}
	}
	lock, err := claim(o.Dir)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	cmd, err := network.Enclose(o.args(), append(os.Environ(), insideVariable+"=1"), []*os.File{file})
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	// A terminal's Ctrl-C goes to its whole process group: only this process decides how it ends.
	cmd.SysProcAttr.Setpgid = true
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start inside: %w", err)
	}
	return await(ctx, cmd)
}

// await waits until the inner process ends, or ends it: it is PID 1 there, so everything that it started ends too.
func await(ctx context.Context, cmd *exec.Cmd) error {
	var end error
	ended := make(chan struct{})
	go func() { end = cmd.Wait(); close(ended) }()
	select {
	case <-ended:
		return end
	case <-ctx.Done():
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-ended:
	case <-time.After(2 * time.Second):
		_ = cmd.Process.Kill()
		<-ended
	}
	return nil
}

func (o options) args() []string {
	return []string{
		"serve", "--port", strconv.Itoa(o.Port), "--dir", o.Dir, "--tools", o.Tools, "--region", o.Region, "--account", o.Account,
		"--speed", fmt.Sprint(o.Speed), "--timeout-speed", fmt.Sprint(o.TimeoutSpeed),
		"--concurrency", strconv.Itoa(o.Concurrency), "--load-balancers", strconv.Itoa(o.Balancers),
		"--documented=" + strconv.FormatBool(o.Documented), "--without", o.Without, "--instead", o.Instead,
	}
}
