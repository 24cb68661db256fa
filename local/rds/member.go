package rds

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// multiAZMembers is how many instances a Multi-AZ DB cluster has: a writer and two readable standbys, each in a zone of its
// own (AmazonRDS/latest/UserGuide/multi-az-db-clusters-concepts.html).
const multiAZMembers = 3

// newMember is an instance of an Aurora cluster.
func (s *Service) newMember(ctx context.Context, id string, in *rds.CreateDBInstanceInput) (*instance, error) {
	c, err := s.cluster(ctx, *in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	switch {
	case c.engine != *in.Engine:
		return nil, wire.Errorf("InvalidParameterCombination",
			"The engine name requested for your DB instance (%s) doesn't match the engine name of your DB cluster (%s).", *in.Engine, c.engine)
	case !c.aurora():
		return nil, wire.Errorf("InvalidParameterCombination", "DB cluster %s is a Multi-AZ DB cluster, which creates its instances itself", c.id)
	case *in.DBInstanceClass == serverlessClass && c.capacity == nil:
		return nil, wire.Errorf("InvalidParameterCombination", "Set the Serverless v2 scaling configuration on the parent DB cluster "+
			"before creating a Serverless v2 DB instance.")
	case c.status != available:
		return nil, wire.Errorf("InvalidDBClusterStateFault", "DB cluster %s is not in available state.", c.id)
	case c.writer != nil && c.writer.status == deleting:
		return nil, wire.Errorf("InvalidDBClusterStateFault", "The local cloud adds no member while the writer %s is deleted.", c.writer.id)
	case in.MasterUsername != nil || in.MasterUserPassword != nil:
		return nil, ofTheCluster("master user name and password")
	case len(in.VpcSecurityGroupIds) > 0:
		return nil, ofTheCluster("vpc security groups")
	case in.Port != nil || in.DBName != nil:
		return nil, ofTheCluster("port and database name")
	case aws.ToBool(in.MultiAZ):
		return nil, wire.Errorf("InvalidParameterCombination", "VPC Multi-AZ DB Instances are not available for engine: %s", c.engine)
	case aws.ToBool(in.PubliclyAccessible):
		return nil, wire.Errorf("InvalidParameterCombination", "The local cloud has no publicly accessible clusters")
	}
	i := s.memberOf(c, id)
	i.class, i.tags, i.tier = *in.DBInstanceClass, tags(nil).with(in.Tags), 1
	if in.PromotionTier != nil {
		i.tier = *in.PromotionTier
	}
	return i, nil
}

func (s *Service) memberOf(c *cluster, id string) *instance {
	_, family, _ := resolve(c.engine, &c.version) // as when the cluster was made
	return &instance{
		resource:   s.newResource(c.account, "db", id, nil),
		resourceID: "db-" + strings.ToUpper(model.Hex(26)),
		class:      c.class, engine: c.engine, version: c.version, user: c.user, database: c.database, storage: 1, port: c.port,
		subnetGroup: c.subnetGroup, groups: c.groups, parameters: s.defaultParameterGroup(instanceGroup, c.account, family),
		cluster: c, tokens: c.tokens,
	}
}

// populate gives a Multi-AZ DB cluster its members.
func (s *Service) populate(c *cluster) error {
	if zones := c.subnetGroup.zones(); len(zones) < multiAZMembers {
		return wire.Errorf("DBSubnetGroupDoesNotCoverEnoughAZs",
			"The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. "+
				"Current AZ coverage: %s. Add subnets to cover at least %d AZs.", strings.Join(zones, ", "), multiAZMembers)
	}
	for n := range multiAZMembers {
		i := s.memberOf(c, fmt.Sprintf("%s-instance-%d", c.id, n+1))
		if err := s.place(i, ""); err != nil {
			return err
		}
		s.instances[i.arn] = i
		c.add(i)
	}
	return nil
}

// add makes i a member; the first one is the writer.
func (c *cluster) add(i *instance) {
	c.members = append(c.members, i)
	if c.writer == nil {
		c.writer = i
	}
}

// join creates a member's server on the cluster's volume, after those of the members before it: the first server writes.
func (s *Service) join(i *instance) {
	c := i.cluster
	names := []string{s.endpoint(i), s.writerEndpoint(c), s.readerEndpoint(c)}
	before, joined := c.joined, make(chan struct{})
	c.joined = joined
	volume, id, vpc, at := c.volume, i.resourceID, c.subnetGroup.vpc, i.addrPort()
	server := c.left
	c.left = nil
	s.work(&i.resource, s.world.Delays.DatabaseCreation, func(ctx context.Context) (err error) {
		defer close(joined)
		<-before
		if server == nil {
			server, err = volume.Attach(id, names...)
		} else {
			err = s.engine.Rename(server, names...)
		}
		if err != nil {
			return err
		}
		if err := server.Start(ctx, vpc, at); err != nil {
			return errors.Join(err, server.Delete())
		}
		return nil
	}, func() {
		i.server, i.status = server, available
		s.publishName(i)
		s.publishNames(c)
		s.publish(&i.resource, instanceCreated)
		s.publish(&i.resource, topologyUpdated)
		s.settle(c)
	})
}
