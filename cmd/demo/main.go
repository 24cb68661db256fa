// Command demo runs the main job of rdslink on a local cloud, whole: the real cdk deploy, one execution, an approval, rows
// read by the vendor through the private link. Its exit status says whether all of it worked.
//
//	demo          plays all of it
//	demo up       starts a local cloud, deploys the app, prints the environment; it goes on until
//	demo down     ends it
//	demo env      prints the environment again
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/rdslink/rdslink/test/stage"
)

var commands = map[string]func(args []string) error{"up": up, "down": down, "env": environment}

func main() {
	if len(os.Args) > 1 {
		command := commands[os.Args[1]]
		if command == nil {
			fmt.Fprintln(os.Stderr, "usage: demo [up|down|env [flags]]; --help lists the flags")
			os.Exit(2)
		}
		if err := command(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "demo:", err)
			os.Exit(1)
		}
		return
	}
	if err := play(); err != nil {
		fmt.Fprintln(os.Stderr, "\nThe demo failed:", err)
		os.Exit(1)
	}
}

func play() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	ask := os.Getenv("APPROVE") == "ask"
	if ask && !term.IsTerminal(int(os.Stdin.Fd())) {
		return errors.New("APPROVE=ask needs a terminal to ask on")
	}
	d := &demo{start: time.Now(), ask: ask}
	if err := d.castAccount(os.Getenv("CONSUMER"), os.Getenv("DATABASE"), os.Getenv("VENDOR")); err != nil {
		return err
	}
	defer d.close()
	for _, scene := range []func(context.Context) error{
		d.openCloud, d.prepare, d.subscribe, d.execute, d.readAsVendor, d.summarize,
	} {
		if err := scene(ctx); err != nil {
			return err
		}
	}
	return nil
}

var phase = stage.Timed(os.Stdout)

// indent sets text off from what the demo itself says.
func indent(text string) string {
	return "    | " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    | ")
}

func (d *demo) openCloud(ctx context.Context) error {
	return phase("start the local cloud", func() (err error) {
		d.cloud, err = stage.Start(ctx)
		return err
	})
}

// prepare deploys the app while the customer makes what it had before rdslink came: neither needs the other.
func (d *demo) prepare(ctx context.Context) error {
	return stage.AtOnce(ctx, func(ctx context.Context) error {
		return d.cloud.Install(ctx, phase)
	}, func(ctx context.Context) error {
		return phase("the customer: VPC, database orders-prod, rows", func() error { return d.makeCustomer(ctx) })
	})
}
