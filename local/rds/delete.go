package rds

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdslink/rdslink/local/wire"
)

// deletion is how long it takes to delete a database. Nobody has published a figure.
const deletion = 2 * time.Minute

// deleteDBInstance ends an instance that is alone, or a member of an Aurora cluster. A writer's place is taken by a reader,
// if there is one (AmazonRDS/latest/AuroraUserGuide/USER_DeleteCluster.html).
func (s *Service) deleteDBInstance(ctx context.Context, in *rds.DeleteDBInstanceInput) (*rds.DeleteDBInstanceOutput, error) {
	i, err := s.instance(ctx, aws.ToString(in.DBInstanceIdentifier))
	if err != nil {
		return nil, err
	}
	if err := s.deletable(i, in); err != nil {
		return nil, err
	}
	c := i.cluster
	if c != nil && i == c.writer && len(c.members) > 1 {
		to, err := s.successor(ctx, c, nil)
		if err != nil {
			return nil, err
		}
		i.status, c.status = deleting, failingOver
		s.failOverTo(c, to)
		s.whenSettled(c, func() { s.end(i) })
		return &rds.DeleteDBInstanceOutput{DBInstance: s.describe(i)}, nil
	}
	s.end(i)
	return &rds.DeleteDBInstanceOutput{DBInstance: s.describe(i)}, nil
}

// deletable has the words of AWS: fog/fog-aws#74 and AmazonRDS/latest/UserGuide/USER_DeleteInstance.html.
func (s *Service) deletable(i *instance, in *rds.DeleteDBInstanceInput) error {
	skip, snapshot := aws.ToBool(in.SkipFinalSnapshot), in.FinalDBSnapshotIdentifier != nil
	switch {
	case i.protected:
		return wire.Errorf("InvalidParameterCombination",
			"Cannot delete protected DB Instance, please disable deletion protection and try again.")
	case i.cluster != nil && !i.cluster.aurora():
		return wire.Errorf("InvalidParameterValue", "DB instance %s is a member of a Multi-AZ DB cluster and is deleted with it.", i.id)
	case i.cluster != nil && snapshot:
		return wire.Errorf("InvalidParameterCombination", "FinalDBSnapshotIdentifier can not be specified when deleting a cluster instance")
	case i.cluster != nil && i.cluster.status != available:
		return wire.Errorf("InvalidDBClusterStateFault", "DB cluster %s is not in available state.", i.cluster.id)
	case i.status != available && i.status != stopped && i.status != failed:
		return wire.Errorf("InvalidDBInstanceState", "Instance %s is already being deleted or is in an invalid state.", i.id)
	}
	return finalSnapshot(i.cluster == nil, skip, snapshot)
}

func finalSnapshot(possible, skip, snapshot bool) error {
	switch {
	case skip && snapshot:
		return wire.Errorf("InvalidParameterCombination", "FinalDBSnapshotIdentifier can not be specified when skipping the final snapshot")
	case possible && !skip && !snapshot:
		return wire.Errorf("InvalidParameterCombination", "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
	case snapshot:
		return wire.Errorf("InvalidParameterCombination", "The local cloud makes no snapshots: SkipFinalSnapshot must be true")
	}
	return nil
}

// end stops an instance's server and takes everything away that it had: server, interface, names, and the instance. The last
// member of a cluster leaves its data in the volume, for the next.
func (s *Service) end(i *instance) {
	i.status = deleting
	server, last := i.server, i.cluster != nil && i == i.cluster.writer
	s.work(&i.resource, deletion, func(context.Context) error {
		if server == nil {
			return nil
		}
		server.Stop()
		if last {
			return nil
		}
		return server.Delete()
	}, func() {
		if last {
			i.cluster.left = server
		}
		s.forget(i)
	})
}

func (s *Service) forget(i *instance) {
	delete(s.instances, i.arn)
	s.interfaces.Detach(i.nic.ID)
	s.names.Delete(s.endpoint(i))
	s.publish(&i.resource, instanceDeleted)
	if c := i.cluster; c != nil {
		c.members = slices.DeleteFunc(c.members, func(member *instance) bool { return member == i })
		if c.writer == i {
			c.writer = nil
			s.names.Delete(s.writerEndpoint(c))
			s.names.Delete(s.readerEndpoint(c))
		}
		s.publishNames(c)
	}
}

// whenSettled does what waits for a cluster's failover.
func (s *Service) whenSettled(c *cluster, then func()) {
	s.world.After(time.Second, func() {
		if c.status == failingOver {
			s.whenSettled(c, then)
			return
		}
		then()
	})
}

// deleteDBCluster ends an Aurora cluster without members, or a Multi-AZ DB cluster with its members.
func (s *Service) deleteDBCluster(ctx context.Context, in *rds.DeleteDBClusterInput) (*rds.DeleteDBClusterOutput, error) {
	c, err := s.cluster(ctx, aws.ToString(in.DBClusterIdentifier))
	if err != nil {
		return nil, err
	}
	staying := func(i *instance) bool { return i.status != deleting }
	switch {
	case c.protected:
		return nil, wire.Errorf("InvalidParameterCombination",
			"Cannot delete protected Cluster, please disable deletion protection and try again.")
	case c.aurora() && slices.ContainsFunc(c.members, staying): // aws-controllers-k8s/community#1151
		return nil, wire.Errorf("InvalidDBClusterStateFault", "Cluster cannot be deleted, it still contains DB instances in non-deleting state.")
	case c.status != available:
		return nil, wire.Errorf("InvalidDBClusterStateFault", "DB cluster %s is not in available state.", c.id)
	}
	if err := finalSnapshot(true, aws.ToBool(in.SkipFinalSnapshot), in.FinalDBSnapshotIdentifier != nil); err != nil {
		return nil, err
	}
	c.status = deleting
	for _, i := range slices.DeleteFunc(slices.Clone(c.members), func(i *instance) bool { return !staying(i) }) {
		s.end(i)
	}
	s.vanish(c)
	return &rds.DeleteDBClusterOutput{DBCluster: s.describeCluster(c)}, nil
}

// vanish waits for the members, and takes the cluster away.
func (s *Service) vanish(c *cluster) {
	s.world.After(deletion, func() {
		if len(c.members) > 0 {
			s.vanish(c)
			return
		}
		delete(s.clusters, c.arn)
		s.publish(&c.resource, clusterDeleted)
		if left := c.left; left != nil {
			s.work(&c.resource, 0, func(context.Context) error { return left.Delete() }, func() {})
		}
	})
}
