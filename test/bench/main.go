// Command bench measures rdslink: how big its functions are, how soon they are up, what memory they take, how often a set-up
// and a tick of the sync call AWS; and beside the sync the function that the documented procedure has people deploy. Its
// exit status says whether the functions are within their limits.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/operator"
	"github.com/rdslink/rdslink/test/stage"
)

// What is measured ends with the thread that starts it, at the latest: let that be the first one.
func init() { runtime.LockOSThread() }

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "\nThe benchmark failed:", err)
		os.Exit(1)
	}
}

// bench is what is played, and what was measured so far.
type bench struct {
	cloud    *stage.Cloud
	operator *operator.Operator
	database stage.Database
	exposure string

	functions    []*function
	sample       sample
	first        execution // the set-up
	later        []execution
	ours, theirs ticking
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	cloud, err := stage.Start(ctx)
	if err != nil {
		return err
	}
	defer cloud.Stop()
	b := &bench{cloud: cloud, operator: operator.New(cloud.Config(stage.Customer), deployment.Unnamed)}
	for _, part := range []struct {
		title string
		work  func(context.Context) error
	}{
		{"deploy to a local cloud", b.deploy},
		{"find the functions", b.find},
		{"find the sample", b.prepareSample},
		{fmt.Sprintf("start each of them %d times", rounds), b.start},
		{"one set-up", b.setUp},
		{fmt.Sprintf("the same input %d times more", again), b.repeat},
		{"look at the functions that served", b.weigh},
		{fmt.Sprintf("%d ticks of each sync", ticks), b.tick},
	} {
		if err := phase(part.title, func() error { return part.work(ctx) }); err != nil {
			return err
		}
	}
	b.print(os.Stdout)
	return b.judge()
}

func (b *bench) deploy(ctx context.Context) error {
	return b.cloud.Install(ctx, func(_ string, work func() error) error { return work() })
}

var phase = stage.Timed(os.Stderr)
