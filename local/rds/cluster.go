package rds

import (
	"cmp"
	"context"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// cluster is a DB cluster: Aurora's, whose members are created one by one, or a Multi-AZ DB cluster, which is born with a
// writer and two readers.
type cluster struct {
	resource
	resourceID      string
	engine, version string
	class           string // of a Multi-AZ DB cluster's members; "" for Aurora
	user, database  string
	password        string // the master user's
	tokens          bool   // users may log in by IAM
	port            int32
	protected       bool // from deletion
	capacity        *types.ServerlessV2ScalingConfigurationInfo
	subnetGroup     *subnetGroup
	groups          []string // VPC security groups, of all members
	parameters      *parameterGroup
	volume          Volume // nil until it is created
	members         []*instance
	writer          *instance
	left            Server          // the last member's, which was deleted: it has the data
	joined          <-chan struct{} // the last member has joined, or failed to
}

const failingOver = "failing-over"

func (c *cluster) aurora() bool { return strings.HasPrefix(c.engine, aurora) }

// The TTLs of the endpoints: AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.BestPractices.FastFailover.html has that of
// the reader endpoint.
const readerTTL = 1

func (s *Service) createDBCluster(ctx context.Context, in *rds.CreateDBClusterInput) (*rds.CreateDBClusterOutput, error) {
	id := strings.ToLower(aws.ToString(in.DBClusterIdentifier))
	if err := validateCluster(in, id); err != nil {
		return nil, err
	}
	c, err := s.newCluster(ctx, id, in)
	if err != nil {
		return nil, err
	}
	if s.clusters[c.arn] != nil {
		return nil, wire.Errorf("DBClusterAlreadyExistsFault", "DB Cluster already exists")
	}
	if !c.aurora() {
		if err := s.populate(c); err != nil {
			return nil, err
		}
	}
	s.clusters[c.arn] = c
	s.form(c)
	return &rds.CreateDBClusterOutput{DBCluster: s.describeCluster(c)}, nil
}

func validateCluster(in *rds.CreateDBClusterInput, id string) error {
	if err := validateIdentifier("DBClusterIdentifier", id); err != nil {
		return err
	}
	engine, multiAZ := aws.ToString(in.Engine), in.DBClusterInstanceClass != nil
	switch {
	case aws.ToBool(in.EnableIAMDatabaseAuthentication) && !isPostgreSQL(engine):
		return noTokens()
	case !clustered(engine):
		return wire.Errorf("InvalidParameterValue", "Invalid DB engine for a DB cluster: %s", engine)
	case strings.HasPrefix(engine, aurora) == multiAZ:
		return wire.Errorf("InvalidParameterCombination", "DBClusterInstanceClass is required for Multi-AZ DB clusters, and only for them")
	case aws.ToBool(in.ManageMasterUserPassword):
		return wire.Errorf("InvalidParameterCombination", "The local cloud has no Secrets Manager: MasterUserPassword must be given")
	}
	if err := validatePort(engine, in.Port); err != nil {
		return err
	}
	return validateMasterUser(aws.ToString(in.MasterUsername), aws.ToString(in.MasterUserPassword))
}

func (s *Service) newCluster(ctx context.Context, id string, in *rds.CreateDBClusterInput) (*cluster, error) {
	g, err := s.subnetGroupOrDefault(ctx, in.DBSubnetGroupName)
	if err != nil {
		return nil, err
	}
	account := wire.CallerOf(ctx).Account
	groups, err := s.groupsOr(account, g.vpc, in.VpcSecurityGroupIds)
	if err != nil {
		return nil, err
	}
	version, family, err := resolve(*in.Engine, in.EngineVersion)
	if err != nil {
		return nil, err
	}
	parameters, err := s.parameterGroupOrDefault(ctx, clusterGroup, family, in.DBClusterParameterGroupName)
	if err != nil {
		return nil, err
	}
	capacity, err := scaling(*in.Engine, in.ServerlessV2ScalingConfiguration)
	if err != nil {
		return nil, err
	}
	e, ready := engines[*in.Engine], make(chan struct{})
	close(ready)
	return &cluster{
		resource:   s.newResource(account, "cluster", id, tags(nil).with(in.Tags)),
		resourceID: "cluster-" + strings.ToUpper(model.Hex(26)),
		engine:     *in.Engine, version: version, class: aws.ToString(in.DBClusterInstanceClass),
		user: *in.MasterUsername, password: *in.MasterUserPassword, database: aws.ToString(in.DatabaseName),
		tokens: aws.ToBool(in.EnableIAMDatabaseAuthentication), port: cmp.Or(aws.ToInt32(in.Port), e.port),
		protected: aws.ToBool(in.DeletionProtection), subnetGroup: g, groups: groups, parameters: parameters, joined: ready, capacity: capacity,
	}, nil
}

// volumeCreation is how long an Aurora cluster takes until it can have members. Nobody has published a figure.
const volumeCreation = time.Minute

// form makes the cluster's volume, and starts the members that there are already.
func (s *Service) form(c *cluster) {
	config := ServerConfig{
		ID: c.resourceID, Engine: c.engine, User: c.user, Password: c.password, Database: c.database, Parameters: maps.Clone(c.parameters.values),
	}
	if c.tokens {
		config.Admit = s.admits(func() login { return s.clusterLogin(c) })
	}
	var v Volume
	s.work(&c.resource, volumeCreation, func(context.Context) (err error) {
		v, err = s.engine.CreateVolume(config)
		return err
	}, func() {
		c.volume = v
		for _, i := range c.members {
			s.join(i)
		}
		s.settle(c)
	})
}

// settle makes a new cluster available when all its members are.
func (s *Service) settle(c *cluster) {
	waits := func(i *instance) bool { return i.status != available }
	if c.status == creating && !slices.ContainsFunc(c.members, waits) {
		c.status = available
		s.publish(&c.resource, clusterCreated)
	}
}

func (s *Service) describeDBClusters(ctx context.Context, in *rds.DescribeDBClustersInput) (*rds.DescribeDBClustersOutput, error) {
	by, err := filters(in.Filters, "clone-group-id", "db-cluster-id", "db-cluster-resource-id", "domain", "engine")
	if err != nil {
		return nil, err
	}
	found, err := described(ctx, s, s.clusters, in.DBClusterIdentifier, s.cluster, clusterNotFound)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(c *cluster) bool {
		return !matches(map[string][]string{"db-cluster-id": {c.id, c.arn}, "db-cluster-resource-id": {c.resourceID}, "engine": {c.engine}}, by)
	})
	found, next, err := page(found, func(c *cluster) string { return c.arn }, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBClustersOutput{Marker: next}
	for _, c := range found {
		out.DBClusters = append(out.DBClusters, *s.describeCluster(c))
	}
	return out, nil
}

// describeCluster has the subnet group's name only: VPC and subnets are for DescribeDBSubnetGroups to tell.
func (s *Service) describeCluster(c *cluster) *types.DBCluster {
	d := &types.DBCluster{
		DBClusterArn: &c.arn, DBClusterIdentifier: aws.String(c.id), DbClusterResourceId: &c.resourceID,
		Status: aws.String(c.status), ClusterCreateTime: &c.created,
		Engine: &c.engine, EngineVersion: &c.version, EngineMode: aws.String("provisioned"),
		MasterUsername: &c.user, Port: aws.Int32(c.port),
		Endpoint: aws.String(s.writerEndpoint(c)), ReaderEndpoint: aws.String(s.readerEndpoint(c)),
		DBClusterParameterGroup: &c.parameters.name,
		DBSubnetGroup:           &c.subnetGroup.name, AvailabilityZones: c.subnetGroup.zones(), NetworkType: aws.String("IPV4"),
		VpcSecurityGroups: memberships(c.groups), DeletionProtection: aws.Bool(c.protected),
		IAMDatabaseAuthenticationEnabled: aws.Bool(c.tokens),
		MultiAZ:                          aws.Bool(c.spread()), TagList: slices.Clone(c.tags), ServerlessV2ScalingConfiguration: c.capacity,
	}
	if c.database != "" {
		d.DatabaseName = &c.database
	}
	if !c.aurora() {
		d.DBClusterInstanceClass, d.PubliclyAccessible = &c.class, aws.Bool(false)
	}
	for _, i := range c.members {
		d.DBClusterMembers = append(d.DBClusterMembers, types.DBClusterMember{
			DBInstanceIdentifier: aws.String(i.id), IsClusterWriter: aws.Bool(i == c.writer),
			DBClusterParameterGroupStatus: aws.String("in-sync"), PromotionTier: aws.Int32(i.tier),
		})
	}
	return d
}

// spread says whether the members are in more than one zone.
func (c *cluster) spread() bool {
	return slices.ContainsFunc(c.members, func(i *instance) bool { return i.zone != c.members[0].zone })
}

func (s *Service) writerEndpoint(c *cluster) string { return s.dnsName(c.account, c.id, "cluster-") }
func (s *Service) readerEndpoint(c *cluster) string { return s.dnsName(c.account, c.id, "cluster-ro-") }

// publishNames makes the cluster's endpoints resolve: to the writer, and to the readers in turn. A cluster without readers
// reads from its writer (AmazonRDS/latest/AuroraUserGuide/Aurora.Endpoints.Reader.html).
func (s *Service) publishNames(c *cluster) {
	if c.writer == nil || !c.writer.reachable {
		return
	}
	writer := []netip.Addr{c.writer.nic.Address}
	s.names.Set(s.writerEndpoint(c), nil, writer, dnsTTL)
	var readers []netip.Addr
	for _, i := range c.members {
		if i != c.writer && i.reachable {
			readers = append(readers, i.nic.Address)
		}
	}
	if len(readers) == 0 {
		readers = writer
	}
	s.names.Rotate(s.readerEndpoint(c), readers, 1, readerTTL)
}

// cluster finds the caller's cluster by identifier or ARN.
func (s *Service) cluster(ctx context.Context, id string) (*cluster, error) {
	if c, ok := find(ctx, s, "cluster", s.clusters, id); ok {
		return c, nil
	}
	return nil, clusterNotFound(id)
}

func clusterNotFound(id string) error {
	return notFound("DBClusterNotFoundFault", "DBCluster %s not found.", id)
}
