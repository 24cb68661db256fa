package rds

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdslink/rdslink/local/wire"
)

// nameLag is how long the cluster's endpoint still leads to the old writer when that has come back as a reader: a client
// that reconnects at once reaches a server that answers and refuses writes (brianmario/mysql2#772).
const nameLag = 5 * time.Second

func (s *Service) failoverDBCluster(ctx context.Context, in *rds.FailoverDBClusterInput) (*rds.FailoverDBClusterOutput, error) {
	c, err := s.idleCluster(ctx, in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	to, err := s.successor(ctx, c, in.TargetDBInstanceIdentifier)
	if err != nil {
		return nil, err
	}
	c.status = failingOver
	s.failOverTo(c, to)
	return &rds.FailoverDBClusterOutput{DBCluster: s.describeCluster(c)}, nil
}

// idleCluster finds a cluster that an operation may begin with.
func (s *Service) idleCluster(ctx context.Context, id *string) (*cluster, error) {
	c, err := s.cluster(ctx, aws.ToString(id))
	if err != nil {
		return nil, err
	}
	if c.status != available {
		return nil, wire.Errorf("InvalidDBClusterStateFault", "DB cluster %s is not in available state.", c.id)
	}
	return c, nil
}

// successor is the reader that is asked for, or the one of the lowest promotion tier.
func (s *Service) successor(ctx context.Context, c *cluster, asked *string) (*instance, error) {
	if asked != nil {
		i, err := s.instance(ctx, *asked)
		if err != nil {
			return nil, err
		}
		if i.cluster != c || i == c.writer || i.status != available {
			return nil, wire.Errorf("InvalidDBInstanceState", "Instance %s is not an available reader of DB cluster %s.", i.id, c.id)
		}
		return i, nil
	}
	readers := slices.DeleteFunc(slices.Clone(c.members), func(i *instance) bool { return i == c.writer || i.status != available })
	if len(readers) == 0 {
		return nil, wire.Errorf("InvalidDBClusterStateFault", "Cannot failover DB cluster %s because it has no available readers.", c.id)
	}
	return slices.MinFunc(readers, func(a, b *instance) int { return cmp.Compare(a.tier, b.tier) }), nil
}

// failOverTo takes the writer down, and lets another member write when AWS's time has passed. Every member keeps its
// address: it is the cluster's endpoint that moves.
func (s *Service) failOverTo(c *cluster, to *instance) {
	from := c.writer
	s.publish(&c.resource, clusterFailoverStarted(from, to))
	volume, next := c.volume, to.server
	s.work(&c.resource, s.world.Delays.ClusterFailover, func(context.Context) error {
		from.server.Stop()
		next.Stop()
		return volume.Promote(next)
	}, func() { s.comeBack(c, from, to) })
}

// comeBack starts the new writer, and the old one as a reader.
func (s *Service) comeBack(c *cluster, from, to *instance) {
	writer, reader := to.start(), from.start()
	s.work(&c.resource, 0, func(ctx context.Context) error { return errors.Join(writer(ctx), reader(ctx)) }, func() {
		c.writer = to
		s.publish(&from.resource, instanceShutDown)
		s.publish(&to.resource, instanceRestarted)
		s.publish(&from.resource, instanceRestarted)
		s.world.After(nameLag, func() {
			c.status = available
			s.publishNames(c)
			s.publish(&c.resource, clusterFailoverCompleted(to))
			s.publish(&to.resource, topologyUpdated)
			s.publish(&from.resource, topologyUpdated)
		})
	})
}
