package e2e

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/rdslink/rdslink/local/permissions"
	"github.com/rdslink/rdslink/test/stage"
)

// checkPermissions holds the policies of the app's roles against what they needed in all stories, and keeps both for `make
// permissions`. When only some stories were played, what the others need counts as needed.
func checkPermissions(ctx context.Context) error {
	lines, err := cloud.Calls(ctx, 0)
	if err != nil {
		return err
	}
	record, err := permissions.Collect(ctx, cloud.Config(stage.Customer), lines)
	if err != nil {
		return err
	}
	if missing := record.Refused(); len(missing) > 0 {
		return fmt.Errorf("called without permission:\n%s", strings.Join(missing, "\n"))
	}
	if flag.Lookup("test.run").Value.String() != "" {
		return nil
	}
	if err := record.Write(filepath.Join(cloud.Root, permissions.File)); err != nil {
		return err
	}
	return permissions.Prove(record, permissions.Known)
}
