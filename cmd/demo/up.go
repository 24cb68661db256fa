package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rdslink/rdslink/test/stage"
)

// aside says how long a part of the work took, apart from the environment on standard output.
var aside = stage.Timed(os.Stderr)

// detached is a local cloud that goes on without the process that starts it.
type detached struct {
	*stage.Cloud
	port    int
	account string // whose environment is wanted
}

func readDetached(command string, args []string) (d detached, err error) {
	flags := flag.NewFlagSet("demo "+command, flag.ExitOnError)
	flags.IntVar(&d.port, "port", 4566, "of the API, on localhost")
	flags.StringVar(&d.account, "account", stage.Customer, "whose root user the printed environment is for")
	_ = flags.Parse(args) // exits on an error
	d.Cloud, err = stage.At(d.port)
	return d, err
}

// up starts the cloud unless it runs, deploys the app unless it is there, and prints the environment.
func up(args []string) error {
	d, err := readDetached("up", args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if d.Running() != 0 {
		fmt.Fprintf(os.Stderr, "The local cloud runs already on %s.\n", d.Endpoint)
	} else if err := aside("start the local cloud", func() error { return d.start(ctx) }); err != nil {
		return err
	}
	if _, err := d.Output(ctx, "StateMachineArn"); err != nil {
		if err := d.Install(ctx, aside); err != nil {
			return errors.Join(err, d.End()) // a cloud without the app is of use to nobody
		}
	}
	d.printEnvironment()
	fmt.Fprintf(os.Stderr, guide, d.Endpoint, stage.Customer, stage.PushMetrics)
	return nil
}

const guide = `
For your shell: eval "$(make -s local-env)"
aws, build/node_modules/.bin/cdk and make then act on %[1]s as account %[2]s.
As the vendor, or any other account: eval "$(make -s local-env ACCOUNT=%[3]s)"

  make start DATABASE=… VENDOR=pushmetrics    make approve EXPOSURE=…    make reject EXPOSURE=…

To stand in a subnet, be a client of its proxy; the VPC resolves HOST:
  curl -v -p -x %[1]s --proxy-header 'X-Local-Account: %[2]s' --proxy-header 'X-Local-Subnet: subnet-…' telnet://HOST:5432

make local-down ends the local cloud, and nothing of it stays.
`

// down ends what up started.
func down(args []string) error {
	d, err := readDetached("down", args)
	if err != nil {
		return err
	}
	if d.Running() == 0 {
		fmt.Fprintf(os.Stderr, "No local cloud of this checkout runs on port %d.\n", d.port)
		return nil
	}
	if err := d.End(); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "The local cloud has ended.")
	return nil
}

// environment prints what a shell needs to act on the cloud as an account.
func environment(args []string) error {
	d, err := readDetached("env", args)
	if err != nil {
		return err
	}
	if d.Running() == 0 {
		return fmt.Errorf("no local cloud of this checkout runs on port %d: `make local` starts it", d.port)
	}
	d.printEnvironment()
	return nil
}

func (d detached) printEnvironment() {
	// A profile or a session token from before would be mixed in.
	fmt.Println("unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN")
	for _, variable := range d.Environment(d.account) {
		fmt.Println("export " + variable)
	}
}

// start starts the cloud in a session of its own, which no terminal ends, and waits until it answers.
func (d detached) start(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(d.Dir()), 0o755); err != nil {
		return fmt.Errorf("start local cloud: %w", err)
	}
	log, err := os.Create(d.Dir() + ".log")
	if err != nil {
		return fmt.Errorf("start local cloud: %w", err)
	}
	defer func() { _ = log.Close() }()
	cmd := d.Serve()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start local cloud: %w", err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // the log says why
	if err := awaitReady(ctx, log.Name(), ended); err != nil {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		return fmt.Errorf("start local cloud: %w", err)
	}
	return nil
}

// awaitReady waits until the log says that the cloud is ready.
func awaitReady(ctx context.Context, log string, ended <-chan struct{}) error {
	for {
		said, err := os.ReadFile(log)
		if err != nil || strings.Contains(string(said), "ready http") {
			return err
		}
		select {
		case <-ended:
			said, err := os.ReadFile(log) // what it said last
			return errors.Join(errors.New(strings.TrimSpace(string(said))), err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
