package e2e

import (
	"context"
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/rdslink/rdslink/test/stage"
)

// intruder is the session of those who are refused on purpose: what they try is no need of the app's.
const intruder = "intruder"

// checkPermissions holds the policies of the app's roles against what they needed in all stories, and keeps both for `make
// permissions`. When only some stories were played, what the others need counts as needed.
func checkPermissions(ctx context.Context) error {
	// What the last stories set off may still be under way, and needs permissions, too.
	if err := cloud.Rest(ctx); err != nil {
		return err
	}
	check := exec.CommandContext(ctx, filepath.Join(cloud.Root, "local/build/bin/local"), "permissions", "--from", cloud.Endpoint, "--account", stage.Customer,
		"--rules", filepath.Join(cloud.Root, "test/e2e/permissions.json"), "--record", filepath.Join(cloud.Root, "build/permissions.json"))
	if flag.Lookup("test.run").Value.String() != "" {
		check.Args = append(check.Args, "--partial")
	}
	if out, err := check.CombinedOutput(); err != nil {
		return fmt.Errorf("check permissions: %w\n%s", err, out)
	}
	return nil
}
