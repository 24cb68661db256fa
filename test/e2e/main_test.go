// Package e2e plays the whole of rdslink on a local cloud: the app deployed by cdk, executions of its state machine, a
// vendor's client behind its own endpoint. Each test is a story with a database and VPCs of its own; they play at once.
package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/rdslink/rdslink/internal/deployment"
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
	if err := flag.Set("test.parallel", "1000"); err != nil { // begin says which begin when
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
		if err := errors.Join(checkPermissions(ctx), checkLogs(ctx)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// checkLogs wants every log group that deployment and stories have caused to expire: one that AWS made by itself does not.
func checkLogs(ctx context.Context) error {
	var errs []error
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(cloudwatchlogs.NewFromConfig(cloud.Config(stage.Customer)),
		&cloudwatchlogs.DescribeLogGroupsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("check logs: %w", err)
		}
		for _, group := range page.LogGroups {
			if group.RetentionInDays == nil && strings.Contains(*group.LogGroupName, deployment.Unnamed.Stack()) {
				errs = append(errs, fmt.Errorf("log group %s never expires", *group.LogGroupName))
			}
		}
	}
	return errors.Join(errs...)
}

// open starts the local cloud, deploys the app and begins to record what it says.
func open(ctx context.Context) error {
	if err := checkBuilt(); err != nil {
		return err
	}
	setup, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	var err error
	// What a story leaves lives on beside the others': the account's quota was raised.
	if cloud, err = stage.Start(setup, "--load-balancers", "200"); err != nil {
		return err
	}
	cloud.Context = map[string]string{"tags": `{"` + costCenter + `":"4711"}`}
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
