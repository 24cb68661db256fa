package rds

import (
	"context"
	"errors"
	"reflect"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdslink/rdslink/local/wire"
)

func (s *Service) stopDBCluster(ctx context.Context, in *rds.StopDBClusterInput) (*rds.StopDBClusterOutput, error) {
	c, err := s.idleCluster(ctx, in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	c.become(stopping)
	s.work(&c.resource, stopOrWake, c.all(func(i *instance) func(context.Context) error { return i.stop() }), func() {
		c.become(stopped)
		s.publish(&c.resource, clusterStopped)
	})
	return &rds.StopDBClusterOutput{DBCluster: s.describeCluster(c)}, nil
}

func (s *Service) startDBCluster(ctx context.Context, in *rds.StartDBClusterInput) (*rds.StartDBClusterOutput, error) {
	c, err := s.cluster(ctx, aws.ToString(in.DBClusterIdentifier))
	if err != nil {
		return nil, err
	}
	if c.status != stopped {
		return nil, wire.Errorf("InvalidDBClusterStateFault", "DB cluster %s is not stopped or is in an invalid state.", c.id)
	}
	c.become(starting)
	s.work(&c.resource, stopOrWake, c.all(func(i *instance) func(context.Context) error { return i.start() }), func() {
		c.become(available)
		s.publish(&c.resource, clusterStarted)
	})
	return &rds.StartDBClusterOutput{DBCluster: s.describeCluster(c)}, nil
}

// become gives the cluster and its members a status.
func (c *cluster) become(status string) {
	c.status = status
	for _, i := range c.members {
		i.status = status
	}
}

// all is the work of doing something with every member, the writer first.
func (c *cluster) all(work func(*instance) func(context.Context) error) func(context.Context) error {
	var works []func(context.Context) error
	for _, i := range c.members {
		w := work(i)
		if i == c.writer {
			works = slices.Insert(works, 0, w)
		} else {
			works = append(works, w)
		}
	}
	return func(ctx context.Context) error {
		var errs []error
		for _, w := range works {
			errs = append(errs, w(ctx))
		}
		return errors.Join(errs...)
	}
}

// modifyDBCluster changes security groups and deletion protection, at once.
func (s *Service) modifyDBCluster(ctx context.Context, in *rds.ModifyDBClusterInput) (*rds.ModifyDBClusterOutput, error) {
	c, err := s.idleCluster(ctx, in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	if err := modifiableCluster(in); err != nil {
		return nil, err
	}
	if len(in.VpcSecurityGroupIds) > 0 {
		if err := s.validateGroups(c.account, c.subnetGroup.vpc, in.VpcSecurityGroupIds); err != nil {
			return nil, err
		}
		c.groups = in.VpcSecurityGroupIds
		for _, i := range c.members {
			if err := s.interfaces.SetGroups(i.nic.ID, c.groups); err != nil {
				return nil, err
			}
			i.groups = c.groups
		}
	}
	if in.DeletionProtection != nil {
		c.protected = *in.DeletionProtection
	}
	return &rds.ModifyDBClusterOutput{DBCluster: s.describeCluster(c)}, nil
}

// modifiableCluster refuses changes that would have no effect here.
func modifiableCluster(in *rds.ModifyDBClusterInput) error {
	rest := *in
	rest.DBClusterIdentifier, rest.ApplyImmediately, rest.VpcSecurityGroupIds, rest.DeletionProtection = nil, nil, nil, nil
	if !reflect.DeepEqual(rest, rds.ModifyDBClusterInput{}) {
		return wire.Errorf("InvalidParameterCombination", "The local cloud can modify VpcSecurityGroupIds and DeletionProtection of a cluster only")
	}
	return nil
}

func (s *Service) deleteDBCluster(ctx context.Context, in *rds.DeleteDBClusterInput) (*rds.DeleteDBClusterOutput, error) {
	c, err := s.cluster(ctx, aws.ToString(in.DBClusterIdentifier))
	if err != nil {
		return nil, err
	}
	switch {
	case c.status != available && c.status != stopped && c.status != failed:
		return nil, wire.Errorf("InvalidDBClusterStateFault", "DB cluster %s is currently %s - try again later.", c.id, c.status)
	case c.protected:
		return nil, wire.Errorf("InvalidParameterCombination", "Cannot delete protected Cluster, please disable deletion protection and try again.")
	case !aws.ToBool(in.SkipFinalSnapshot) && in.FinalDBSnapshotIdentifier == nil:
		return nil, wire.Errorf("InvalidParameterCombination", "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
	case c.aurora() && len(c.members) > 0:
		return nil, wire.Errorf("InvalidDBClusterStateFault", "Cluster cannot be deleted, it still contains DB instances in non-deleting state.")
	}
	c.status = deleting
	if len(c.members) == 0 {
		s.removeCluster(c)
	}
	for _, i := range slices.Clone(c.members) {
		s.remove(i, func() {
			if len(c.members) == 0 {
				s.removeCluster(c)
			}
		})
	}
	return &rds.DeleteDBClusterOutput{DBCluster: s.describeCluster(c)}, nil
}

// removeCluster deletes a cluster without members.
func (s *Service) removeCluster(c *cluster) {
	volume := c.volume
	s.work(&c.resource, 0, func(context.Context) error {
		if volume == nil { // its creation failed
			return nil
		}
		return volume.Delete()
	}, func() {
		delete(s.clusters, c.arn)
		s.publish(&c.resource, clusterDeleted)
	})
}
