package rds

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/local/ec2"
)

// instance is a DB instance, alone or a member of a cluster.
type instance struct {
	resource
	resourceID      string
	class           string
	engine, version string
	user, database  string
	password        string // the master user's
	storage, port   int32
	multiAZ, public bool
	protected       bool // from deletion
	tokens          bool // users may log in by IAM
	subnetGroup     *subnetGroup
	groups          []string // VPC security groups
	parameters      *parameterGroup
	zone, secondary string // secondary is where the standby is
	nic             *ec2.Interface
	server          Server // nil until it is created
	reachable       bool   // the endpoint is known
	cluster         *cluster
	tier            int32 // the order in which members of a cluster take over
}

// The statuses that an instance can have here (AmazonRDS/latest/UserGuide/accessing-monitoring.html). Only one operation at
// a time: what is not available, or stopped, refuses others.
const (
	available = "available"
	creating  = "creating"
	rebooting = "rebooting"
	modifying = "modifying"
	deleting  = "deleting"
	stopping  = "stopping"
	stopped   = "stopped"
	starting  = "starting"
	failed    = "failed"
)

// dnsTTL is "the default for RDS DNS zones" (AmazonRDS/latest/UserGuide/blue-green-deployments-switching.html).
const dnsTTL = 5

func (s *Service) describeDBInstances(ctx context.Context, in *rds.DescribeDBInstancesInput) (*rds.DescribeDBInstancesOutput, error) {
	by, err := filters(in.Filters, "db-cluster-id", "db-instance-id", "dbi-resource-id", "domain", "engine")
	if err != nil {
		return nil, err
	}
	found, err := described(ctx, s, s.instances, in.DBInstanceIdentifier, s.instance, instanceNotFound)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(i *instance) bool { return !i.matches(by) })
	found, next, err := page(found, func(i *instance) string { return i.arn }, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBInstancesOutput{Marker: next}
	for _, i := range found {
		out.DBInstances = append(out.DBInstances, *s.describe(i))
	}
	return out, nil
}

func (i *instance) matches(by map[string][]string) bool {
	have := map[string][]string{
		"db-instance-id":  {i.id, i.arn},
		"dbi-resource-id": {i.resourceID},
		"engine":          {i.engine},
	}
	if i.cluster != nil {
		have["db-cluster-id"] = []string{i.cluster.id, i.cluster.arn}
	}
	return matches(have, by)
}

// matches says whether what has these values passes every filter; a filter passes what has one of its values.
func matches(have, by map[string][]string) bool {
	for name, values := range by {
		if !slices.ContainsFunc(have[name], func(v string) bool { return slices.Contains(values, v) }) {
			return false
		}
	}
	return true
}

func (s *Service) describe(i *instance) *types.DBInstance {
	d := &types.DBInstance{
		DBInstanceArn: &i.arn, DBInstanceIdentifier: aws.String(i.id), DbiResourceId: &i.resourceID,
		DBInstanceClass: &i.class, DBInstanceStatus: aws.String(i.status), InstanceCreateTime: &i.created,
		Engine: &i.engine, EngineVersion: &i.version, LicenseModel: aws.String(engines[i.engine].license),
		MasterUsername: &i.user, AllocatedStorage: &i.storage, StorageType: aws.String("gp2"),
		AvailabilityZone: aws.String(i.zone), MultiAZ: aws.Bool(i.multiAZ), NetworkType: aws.String("IPV4"),
		IAMDatabaseAuthenticationEnabled: aws.Bool(i.tokens),
		PubliclyAccessible:               aws.Bool(i.public), DeletionProtection: aws.Bool(i.protected), DbInstancePort: aws.Int32(0),
		DBSubnetGroup: i.subnetGroup.describe(), TagList: slices.Clone(i.tags),
		CACertificateIdentifier: aws.String(certificateAuthority),
		CertificateDetails: &types.CertificateDetails{CAIdentifier: aws.String(certificateAuthority),
			ValidTill: aws.Time(certificateAuthorityValidTill)},
		DBParameterGroups: []types.DBParameterGroupStatus{{DBParameterGroupName: aws.String(i.parameters.name),
			ParameterApplyStatus: aws.String("in-sync")}},
	}
	if i.database != "" {
		d.DBName = &i.database
	}
	if i.cluster != nil {
		d.DBClusterIdentifier, d.PromotionTier = &i.cluster.id, aws.Int32(i.tier)
	}
	if i.multiAZ {
		d.SecondaryAvailabilityZone = aws.String(i.secondary)
	}
	d.VpcSecurityGroups = memberships(i.groups)
	if i.reachable {
		d.Endpoint = &types.Endpoint{Address: aws.String(s.endpoint(i)), Port: aws.Int32(i.port)}
	}
	return d
}

func memberships(groups []string) []types.VpcSecurityGroupMembership {
	var m []types.VpcSecurityGroupMembership
	for _, id := range groups {
		m = append(m, types.VpcSecurityGroupMembership{VpcSecurityGroupId: &id, Status: aws.String("active")})
	}
	return m
}

// endpoint is the DNS name of an instance.
func (s *Service) endpoint(i *instance) string { return s.dnsName(i.account, i.id, "") }

// dnsName is a name in the account's zone, such as id.cluster-cxxxxxxxxxxx.eu-central-1.rds.amazonaws.com: an account and
// Region have one hash for all their databases.
func (s *Service) dnsName(account, id, prefix string) string {
	sum := sha256.Sum256([]byte(account + s.world.Region))
	hash := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))
	return id + "." + prefix + "c" + hash[:11] + "." + s.world.Region + ".rds.amazonaws.com"
}

// publishName makes the endpoint resolve: to the private address everywhere, or, if the instance is public, to its public
// address outside the VPC (API_DBInstance, PubliclyAccessible).
func (s *Service) publishName(i *instance) {
	i.reachable = true
	address := []netip.Addr{i.nic.Address}
	if !i.public {
		s.names.Set(s.endpoint(i), nil, address, dnsTTL)
		return
	}
	s.names.Set(s.endpoint(i), map[string][]netip.Addr{i.subnetGroup.vpc: address}, []netip.Addr{publicAddress(i.nic.Address)}, dnsTTL)
}

// publicAddress stands for the public address of an interface: one that nobody has, of RFC 5737.
func publicAddress(private netip.Addr) netip.Addr {
	return netip.AddrFrom4([4]byte{203, 0, 113, private.As4()[3]})
}

func (i *instance) addrPort() netip.AddrPort {
	return netip.AddrPortFrom(i.nic.Address, uint16(i.port))
}

// instance finds the caller's instance by identifier or ARN.
func (s *Service) instance(ctx context.Context, id string) (*instance, error) {
	if i, ok := find(ctx, s, "db", s.instances, id); ok {
		return i, nil
	}
	return nil, instanceNotFound(id)
}

func instanceNotFound(id string) error {
	return notFound("DBInstanceNotFound", "DBInstance %s not found.", id)
}
