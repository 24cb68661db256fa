package database

import (
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

// documented are the statuses of RDS's pages, in their order.
var documented = map[string][]string{
	// docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html#Overview.DBInstance.Status
	"an instance": {
		"available", "backing-up", "configuring-enhanced-monitoring", "configuring-iam-database-auth", "configuring-log-exports", "converting-to-vpc",
		"creating", "delete-precheck", "deleting", "failed", "inaccessible-encryption-credentials", "inaccessible-encryption-credentials-recoverable",
		"incompatible-network", "incompatible-option-group", "incompatible-parameters", "incompatible-restore", "insufficient-capacity", "maintenance",
		"modifying", "moving-to-vpc", "rebooting", "resetting-master-credentials", "renaming", "restore-error", "starting", "stopped", "stopping",
		"storage-config-upgrade", "storage-full", "storage-initialization", "storage-optimization", "upgrading",
	},
	// docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/accessing-monitoring.html#Aurora.Status
	"a cluster": {
		"available", "backing-up", "backtracking", "cloning-failed", "creating", "deleting", "failing-over", "inaccessible-encryption-credentials",
		"inaccessible-encryption-credentials-recoverable", "maintenance", "migrating", "migration-failed", "modifying", "promoting",
		"preparing-data-migration", "renaming", "resetting-master-credentials", "starting", "stopped", "stopping", "storage-optimization",
		"update-iam-db-auth", "upgrading",
	},
	// docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/accessing-monitoring.html#Overview.DBInstance.Status
	"a member": {
		"available", "backing-up", "backtracking", "configuring-enhanced-monitoring", "configuring-iam-database-auth", "configuring-log-exports",
		"converting-to-vpc", "creating", "deleting", "failed", "inaccessible-encryption-credentials", "inaccessible-encryption-credentials-recoverable",
		"incompatible-network", "incompatible-option-group", "incompatible-parameters", "incompatible-restore", "insufficient-capacity", "maintenance",
		"modifying", "moving-to-vpc", "rebooting", "resetting-master-credentials", "renaming", "restore-error", "starting", "stopped", "stopping",
		"storage-optimization", "update-iam-db-auth", "upgrading",
	},
	// github.com/hashicorp/terraform-provider-aws, internal/service/rds/consts.go
	"met by others": {"incompatible-create", "rebooting", "scaling-capacity", "scaling-compute", "scaling-storage"},
}

func TestEveryStatusIsJudged(t *testing.T) {
	seen := map[string]bool{}
	for page, all := range documented {
		for _, status := range all {
			seen[status] = true
			if _, known := statuses[status]; !known {
				t.Errorf("%s can be %s, which nobody has judged", page, status)
			}
		}
	}
	for status := range statuses {
		if !seen[status] {
			t.Errorf("%s is judged, and no page has it", status)
		}
	}
	var proxies []string
	for _, status := range types.DBProxyStatus("").Values() {
		proxies = append(proxies, string(status))
	}
	slices.Sort(proxies)
	if known := slices.Sorted(maps.Keys(proxyStatuses)); !slices.Equal(known, proxies) {
		t.Errorf("of proxies %v are judged, and RDS's model has %v", known, proxies)
	}
}

func TestAVerdictIsAWordForTheStateMachine(t *testing.T) {
	for _, known := range []map[string]verdict{statuses, proxyStatuses} {
		for status, v := range known {
			want := map[int]string{serves: "", passes: outcome.NameNotReady, refused: outcome.NameBadInput}[v.kind]
			if got := outcome.Name(judge(t.Context(), known, "database orders", status)); got != want {
				t.Errorf("%s comes to %q, want %q", status, got, want)
			}
			if (v.remedy != "") != (v.kind == refused) {
				t.Errorf("%s has the remedy %q", status, v.remedy)
			}
		}
		if got := outcome.Name(judge(t.Context(), known, "database orders", "dreaming")); got != outcome.NameNotReady {
			t.Errorf("an unknown status comes to %q", got)
		}
	}
}
