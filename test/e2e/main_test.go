// Package e2e plays the whole of rdslink on a local cloud: the app deployed by cdk, executions of its state machine, a
// vendor's client behind its own endpoint. Each test is a story with a database and VPCs of its own; they play at once.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rdslink/rdslink/test/stage"
)

// What all stories share.
var (
	cloud *stage.Cloud
	mail  = new(record) // what the hand-off topic published
	news  = new(record) // what the operators' topic published
	heard = new(record) // what was put on rdslink's event bus
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The stories wait more than they work: all of them fit on any machine.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(play(m))
}

func play(m *testing.M) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer func() {
		if cloud != nil {
			cloud.Stop()
		}
	}()
	if err := open(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "set the stage:", err)
		return 1
	}
	code := m.Run()
	if code == 0 {
		if err := checkPermissions(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// open starts the local cloud, deploys the app and begins to record what it says.
func open(ctx context.Context) error {
	if err := checkBuilt(); err != nil {
		return err
	}
	setup, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	var err error
	if cloud, err = stage.Start(setup); err != nil {
		return err
	}
	quietly := func(_ string, work func() error) error { return work() }
	if err := cloud.Install(setup, quietly); err != nil {
		return err
	}
	return listen(ctx)
}

// checkBuilt finds what these tests run and do not build.
func checkBuilt() error {
	root, err := stage.Root()
	if err != nil {
		return err
	}
	for _, path := range []string{"local/build/bin/local", "build/bin/infra", "build/functions/resolver/bootstrap", "build/node_modules/.bin/cdk", "local/build/ministack/bin/python"} {
		if _, err := os.Stat(filepath.Join(root, path)); err != nil {
			return fmt.Errorf("%s is missing: `make test` builds it first", path)
		}
	}
	return nil
}
