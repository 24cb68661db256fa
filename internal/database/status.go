package database

import (
	"context"
	"slices"

	"github.com/rdslink/rdslink/internal/outcome"
)

// A verdict is what a status means for a database that is to be exposed: it serves, it will by itself, or somebody has to do
// something first.
type verdict struct {
	kind   int
	remedy string
}

const (
	serves = iota
	passes // within minutes, which costs nothing before anything is made
	refused
)

func refuse(remedy string) verdict { return verdict{refused, remedy} }

// statuses are all that RDS documents of instances and clusters (RDS guide, "Viewing Amazon RDS DB instance status"; Aurora
// guide, "Viewing DB cluster status" and "Viewing DB instance status in an Aurora cluster"), and what its users have met
// besides (hashicorp/terraform-provider-aws, internal/service/rds/consts.go). In those that serve, the endpoint does, with
// interruptions at most that a failover has, too.
var statuses = map[string]verdict{
	"available":                       {serves, ""},
	"backing-up":                      {serves, ""},
	"configuring-enhanced-monitoring": {serves, ""},
	"configuring-iam-database-auth":   {serves, ""},
	"configuring-log-exports":         {serves, ""},
	"maintenance":                     {serves, ""},
	"modifying":                       {serves, ""},
	"resetting-master-credentials":    {serves, ""},
	"scaling-capacity":                {serves, ""},
	"scaling-compute":                 {serves, ""},
	"scaling-storage":                 {serves, ""},
	"storage-config-upgrade":          {serves, ""},
	"storage-initialization":          {serves, ""},
	"storage-optimization":            {serves, ""},
	"update-iam-db-auth":              {serves, ""},

	"backtracking":             {passes, ""},
	"converting-to-vpc":        {passes, ""},
	"failing-over":             {passes, ""},
	"migrating":                {passes, ""},
	"moving-to-vpc":            {passes, ""},
	"preparing-data-migration": {passes, ""},
	"promoting":                {passes, ""},
	"rebooting":                {passes, ""},
	"renaming":                 {passes, ""}, // its name and endpoint are about to be others
	"starting":                 {passes, ""},
	"upgrading":                {passes, ""},

	"creating":                            refuse("wait until it is available, then start again"), // an hour, when it is restored
	"deleting":                            refuse("it is going away"),
	"delete-precheck":                     refuse("it is going away"),
	"stopped":                             refuse("start it first"),
	"stopping":                            refuse("wait until it has stopped, and start it again"),
	"failed":                              refuse("restore it from a backup first"),
	"cloning-failed":                      refuse("clone it again first"),
	"migration-failed":                    refuse("restore it again first"),
	"restore-error":                       refuse("restore it again first"),
	"inaccessible-encryption-credentials": refuse("make its KMS key usable again first"),
	"inaccessible-encryption-credentials-recoverable": refuse("make its KMS key usable again and start it first"),

	"incompatible-create":       refuse("create it again first; its events say why it could not be"),
	"incompatible-network":      refuse("repair its subnet group first"),
	"incompatible-option-group": refuse("correct its option group first; its events say what does not fit"),
	"incompatible-parameters":   refuse("correct its parameter group and reboot it first; its events say what does not fit"),
	"incompatible-restore":      refuse("restore it to a compatible point in time first"),
	"insufficient-capacity":     refuse("create it again, of another class or in another zone, first"),
	"storage-full":              refuse("give it more storage first"),
}

// proxyStatuses are all of RDS Proxy's (API_DBProxy).
var proxyStatuses = map[string]verdict{
	"available":                    {serves, ""},
	"modifying":                    {serves, ""},
	"reactivating":                 {passes, ""},
	"creating":                     refuse("wait until it is available, then start again"),
	"deleting":                     refuse("it is going away"),
	"incompatible-network":         refuse("repair its subnets first"),
	"insufficient-resource-limits": refuse("free addresses in its subnets first"),
	"suspended":                    refuse("make it available first: RDS suspends a proxy whose database is gone"),
	"suspending":                   refuse("make it available first: RDS suspends a proxy whose database is gone"),
}

// judge reports, as an error, a status in which a database does not serve.
func judge(ctx context.Context, known map[string]verdict, what, status string) error {
	v, found := known[status]
	switch {
	case !found:
		return outcome.Unknown(ctx, "status", what, status)
	case v.kind == passes:
		return outcome.NotReady("%s is %s: if it stays so, start again when it is available", what, status)
	case v.kind == refused:
		return outcome.BadInput("%s is %s: %s", what, status, v.remedy)
	}
	return nil
}

// Serves tells the statuses of a kind of database in which its endpoint serves, and those that are known at all.
func Serves(kind, status string) (yes, known bool) {
	of := statuses
	if kind == Proxy {
		of = proxyStatuses
	}
	v, known := of[status]
	return known && v.kind == serves, known
}

// Stopped tells the statuses of a database that people have stopped, or are starting again: nothing is wrong with it.
func Stopped(status string) bool {
	return slices.Contains([]string{"stopping", "stopped", "starting"}, status)
}
