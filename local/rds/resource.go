package rds

import (
	"context"
	"strings"
	"time"

	"github.com/rdslink/rdslink/local/wire"
)

// resource is what instances, clusters, proxies and blue/green deployments have in common.
type resource struct {
	kind             string // as in its ARN: db, cluster, db-proxy or deployment
	arn, account, id string
	created          time.Time
	status           string
	tags             tags
}

func (s *Service) newResource(account, kind, id string, tagged tags) resource {
	return resource{kind: kind, arn: s.arn(account, kind, id), account: account, id: id, created: time.Now(), status: creating, tags: tagged}
}

func (r *resource) common() *resource { return r }

// find finds the caller's resource of a kind by its identifier or ARN.
func find[T any](ctx context.Context, s *Service, kind string, all map[string]T, id string) (found T, ok bool) {
	own, arn := s.arn(wire.CallerOf(ctx).Account, kind, ""), strings.ToLower(id)
	if !strings.HasPrefix(arn, "arn:") {
		arn = own + arn
	}
	found, ok = all[arn]
	return found, ok && strings.HasPrefix(arn, own)
}

// described are the resources that a describe is about: the one that it names, or else all of the caller's. What
// was just made may be missed.
func described[T interface{ common() *resource }](
	ctx context.Context, s *Service, all map[string]T, id *string, byID func(context.Context, string) (T, error), notFound func(string) error,
) (found []T, err error) {
	if id != nil {
		one, err := byID(ctx, *id)
		if err == nil && !s.world.Visible(*id, one.common().created) {
			err = notFound(*id)
		}
		return []T{one}, err
	}
	for _, one := range all {
		if r := one.common(); r.account == wire.CallerOf(ctx).Account && s.world.Visible(r.arn, r.created) {
			found = append(found, one)
		}
	}
	return found, nil
}

// ofTheCluster refuses what a member of a cluster has from its cluster.
func ofTheCluster(what string) error {
	return wire.Errorf("InvalidParameterCombination",
		"The requested DB Instance will be a member of a DB Cluster. Set %s for the DB Cluster.", what)
}
