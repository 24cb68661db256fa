package rds

import (
	"time"

	"github.com/rdslink/rdslink/local/wire"
)

// resource is what instances, clusters and proxies have in common.
type resource struct {
	kind             string // as in its ARN: db, cluster or db-proxy
	arn, account, id string
	created          time.Time
	status           string
	tags             tags
}

func (s *Service) newResource(account, kind, id string, tagged tags) resource {
	return resource{kind: kind, arn: s.arn(account, kind, id), account: account, id: id, created: time.Now(), status: creating, tags: tagged}
}

// seen says whether a describe by account shows r.
func (s *Service) seen(r *resource, account string) bool {
	return r.account == account && s.world.Visible(r.created)
}

// ofTheCluster refuses what a member of a cluster has from its cluster.
func ofTheCluster(what string) error {
	return wire.Errorf("InvalidParameterCombination", "The requested DB Instance will be a member of a DB Cluster. Set %s for the DB Cluster.", what)
}
