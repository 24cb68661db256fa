package rds

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdslink/rdslink/local/ec2"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// interfaceDescription is what RDS writes on its network interfaces.
const interfaceDescription = "RDSNetworkInterface"

func (s *Service) createDBInstance(ctx context.Context, in *rds.CreateDBInstanceInput) (*rds.CreateDBInstanceOutput, error) {
	id := strings.ToLower(aws.ToString(in.DBInstanceIdentifier))
	if err := validateInstance(in, id); err != nil {
		return nil, err
	}
	construct := s.newInstance
	if in.DBClusterIdentifier != nil {
		construct = s.newMember
	}
	i, err := construct(ctx, id, in)
	if err != nil {
		return nil, err
	}
	if s.instances[i.arn] != nil {
		return nil, wire.Errorf("DBInstanceAlreadyExists", "DB instance already exists")
	}
	if err := s.place(i, aws.ToString(in.AvailabilityZone)); err != nil {
		return nil, err
	}
	s.instances[i.arn] = i
	if i.cluster != nil {
		i.cluster.add(i)
		s.join(i)
	} else {
		s.launch(i)
	}
	return &rds.CreateDBInstanceOutput{DBInstance: s.describe(i)}, nil
}

// newInstance is an instance by itself.
func (s *Service) newInstance(ctx context.Context, id string, in *rds.CreateDBInstanceInput) (*instance, error) {
	if err := validateMaster(in); err != nil {
		return nil, err
	}
	g, err := s.subnetGroupOrDefault(ctx, in.DBSubnetGroupName)
	if err != nil {
		return nil, err
	}
	version, family, err := resolve(*in.Engine, in.EngineVersion)
	if err != nil {
		return nil, err
	}
	account, e := wire.CallerOf(ctx).Account, engines[*in.Engine]
	parameters, err := s.parameterGroupOrDefault(ctx, instanceGroup, family, in.DBParameterGroupName)
	if err != nil {
		return nil, err
	}
	return &instance{
		resource:   s.newResource(account, "db", id, tags(nil).with(in.Tags)),
		resourceID: "db-" + strings.ToUpper(model.Hex(26)),
		class:      *in.DBInstanceClass, engine: *in.Engine, version: version,
		user: *in.MasterUsername, database: aws.ToString(in.DBName),
		password: *in.MasterUserPassword,
		storage:  cmp.Or(aws.ToInt32(in.AllocatedStorage), 20), port: cmp.Or(aws.ToInt32(in.Port), e.port),
		multiAZ: aws.ToBool(in.MultiAZ), public: aws.ToBool(in.PubliclyAccessible), protected: aws.ToBool(in.DeletionProtection),
		subnetGroup: g, groups: in.VpcSecurityGroupIds, parameters: parameters, tokens: aws.ToBool(in.EnableIAMDatabaseAuthentication),
	}, nil
}

func validateInstance(in *rds.CreateDBInstanceInput, id string) error {
	if err := validateIdentifier("DBInstanceIdentifier", id); err != nil {
		return err
	}
	engine := aws.ToString(in.Engine)
	_, known := engines[engine]
	switch {
	case !known:
		return wire.Errorf("InvalidParameterValue", "Invalid DB engine: %s", engine)
	case strings.HasPrefix(engine, aurora) && in.DBClusterIdentifier == nil:
		return wire.Errorf("InvalidParameterCombination",
			"The engine mode provisioned requires a DB cluster: create one with CreateDBCluster, then its instances")
	case aws.ToBool(in.EnableIAMDatabaseAuthentication) && in.DBClusterIdentifier != nil:
		return ofTheCluster("IAM database authentication")
	case aws.ToBool(in.EnableIAMDatabaseAuthentication) && !isPostgreSQL(engine):
		return noTokens()
	case aws.ToBool(in.MultiAZ) && in.AvailabilityZone != nil:
		return wire.Errorf("InvalidParameterCombination", "Requesting a specific availability zone is not valid for Multi-AZ instances.")
	}
	return validatePort(engine, in.Port)
}

func noTokens() error {
	return wire.Errorf("InvalidParameterCombination",
		"IAM database authentication is part of this local cloud for PostgreSQL only")
}

// validatePort has the rules of API_CreateDBInstance, Port.
func validatePort(engine string, port *int32) error {
	if port == nil {
		return nil
	}
	reserved := []int32{1234, 1434, 3260, 3343, 3389, 47001, 49152, 49153, 49154, 49155, 49156}
	if *port < 1150 || *port > 65535 || strings.HasPrefix(engine, "sqlserver-") && slices.Contains(reserved, *port) {
		return wire.Errorf("InvalidParameterValue", "Invalid value %d for Port.", *port)
	}
	return nil
}

func validateMaster(in *rds.CreateDBInstanceInput) error {
	if aws.ToBool(in.ManageMasterUserPassword) {
		return wire.Errorf("InvalidParameterCombination", "The local cloud has no Secrets Manager: MasterUserPassword must be given")
	}
	return validateMasterUser(aws.ToString(in.MasterUsername), aws.ToString(in.MasterUserPassword))
}

func validateMasterUser(name, password string) error {
	switch {
	case name == "":
		return wire.Errorf("InvalidParameterValue", "The parameter MasterUsername must be provided and must not be blank.")
	case password == "":
		return wire.Errorf("InvalidParameterValue", "The parameter MasterUserPassword must be provided and must not be blank.")
	case len(password) < 8:
		return wire.Errorf("InvalidParameterValue",
			"The parameter MasterUserPassword is not a valid password because it is shorter than 8 characters.")
	case strings.ContainsAny(password, `/@" `):
		return wire.Errorf("InvalidParameterValue",
			"The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', '@', '\"', ' ' may be used.")
	}
	return nil
}

// place gives i its zones, its security groups and its address.
func (s *Service) place(i *instance, wanted string) (err error) {
	if i.groups, err = s.groupsOr(i.account, i.subnetGroup.vpc, i.groups); err != nil {
		return err
	}
	i.zone = cmp.Or(wanted, i.preferredZone())
	if i.multiAZ {
		i.secondary = i.subnetGroup.zoneBeside(i.zone)
	}
	i.nic, err = s.attach(i, i.zone)
	return err
}

// preferredZone is the first subnet's; the members of a cluster go to one zone after the other.
func (i *instance) preferredZone() string {
	if i.cluster == nil {
		return i.subnetGroup.subnets[0].Zone
	}
	zones := i.subnetGroup.zones()
	return zones[len(i.cluster.members)%len(zones)]
}

// groupsOr are the security groups that were asked for, or the VPC's default one.
func (s *Service) groupsOr(account, vpc string, asked []string) ([]string, error) {
	if len(asked) > 0 {
		return asked, s.validateGroups(account, vpc, asked)
	}
	group, _ := s.vpcs.DefaultSecurityGroup(vpc) // every VPC has one
	return []string{group.ID}, nil
}

func (s *Service) validateGroups(account, vpc string, groups []string) error {
	for _, id := range groups {
		group, err := s.vpcs.SecurityGroup(account, id)
		if err != nil {
			return wire.Errorf("InvalidParameterValue", "Invalid security group , groupId= %s, groupName=.", id)
		}
		if group.VPC != vpc {
			return wire.Errorf("InvalidParameterCombination",
				"The DB instance and EC2 security group are in different VPCs. The DB instance is in %s and the EC2 security group is in %s",
				vpc, group.VPC)
		}
	}
	return nil
}

// attach makes a network interface for i in one of its subnets of a zone.
func (s *Service) attach(i *instance, zone string) (*ec2.Interface, error) {
	for _, subnet := range i.subnetGroup.subnets {
		if subnet.Zone != zone {
			continue
		}
		nic, err := s.interfaces.Attach(i.account, subnet.ID, i.groups, interfaceDescription, netip.Addr{})
		if err == nil {
			return nic, nil
		}
	}
	return nil, wire.Errorf("InvalidVPCNetworkStateFault", "The DB subnet group %s has no subnet with a free address in %s",
		i.subnetGroup.name, zone)
}

// launch creates the server. The instance has an endpoint only when it is available.
func (s *Service) launch(i *instance) {
	config := ServerConfig{
		ID: i.resourceID, Engine: i.engine, DNSNames: []string{s.endpoint(i)},
		User: i.user, Password: i.password, Database: i.database, Parameters: maps.Clone(i.parameters.values),
	}
	if i.tokens {
		config.Admit = s.admits(func() login { return s.instanceLogin(i) })
	}
	vpc, at := i.subnetGroup.vpc, i.addrPort()
	var server Server
	s.work(&i.resource, s.world.Delays.DatabaseCreation, func(ctx context.Context) (err error) {
		if server, err = s.engine.Create(config); err != nil {
			return err
		}
		if err := server.Start(ctx, vpc, at); err != nil {
			return errors.Join(err, server.Delete())
		}
		return nil
	}, func() {
		i.server, i.status = server, available
		s.publishName(i)
		s.publish(&i.resource, instanceCreated)
	})
}
