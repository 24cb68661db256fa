package rds

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdslink/rdslink/local/ec2"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// engine is the one that has real servers, and defaultVersion what they are.
const (
	engine         = "postgres"
	defaultVersion = "18.4"
)

// interfaceDescription is what RDS writes on its network interfaces.
const interfaceDescription = "RDSNetworkInterface"

func (s *Service) createDBInstance(ctx context.Context, in *rds.CreateDBInstanceInput) (*rds.CreateDBInstanceOutput, error) {
	id := strings.ToLower(aws.ToString(in.DBInstanceIdentifier))
	if err := validateInstance(in, id); err != nil {
		return nil, err
	}
	if in.DBSubnetGroupName == nil { // no account here has a default VPC
		return nil, wire.Errorf("InvalidSubnet", "No default subnet detected in VPC. Please contact AWS Support to recreate the default Subnets.")
	}
	g, err := s.subnetGroup(ctx, *in.DBSubnetGroupName)
	if err != nil {
		return nil, err
	}
	account := wire.CallerOf(ctx).Account
	i := &instance{
		arn: s.arn(account, "db", id), account: account, id: id, resourceID: "db-" + strings.ToUpper(model.Hex(26)),
		created: time.Now(), status: creating, class: *in.DBInstanceClass, version: cmp.Or(aws.ToString(in.EngineVersion), defaultVersion),
		user: *in.MasterUsername, database: aws.ToString(in.DBName),
		storage: cmp.Or(aws.ToInt32(in.AllocatedStorage), 20), port: cmp.Or(aws.ToInt32(in.Port), 5432),
		multiAZ: aws.ToBool(in.MultiAZ), public: aws.ToBool(in.PubliclyAccessible), protected: aws.ToBool(in.DeletionProtection),
		subnetGroup: g, groups: in.VpcSecurityGroupIds, tags: tags(nil).with(in.Tags),
	}
	if s.instances[i.arn] != nil {
		return nil, wire.Errorf("DBInstanceAlreadyExists", "DB instance already exists")
	}
	if err := s.place(i, aws.ToString(in.AvailabilityZone)); err != nil {
		return nil, err
	}
	s.instances[i.arn] = i
	s.launch(i, *in.MasterUserPassword)
	return &rds.CreateDBInstanceOutput{DBInstance: s.describe(i)}, nil
}

func validateInstance(in *rds.CreateDBInstanceInput, id string) error {
	if err := validateIdentifier("DBInstanceIdentifier", id); err != nil {
		return err
	}
	password := aws.ToString(in.MasterUserPassword)
	switch {
	case aws.ToString(in.Engine) != engine:
		return wire.Errorf("InvalidParameterValue", "The local cloud has the DB engine '%s' only, not '%s'", engine, aws.ToString(in.Engine))
	case in.DBClusterIdentifier != nil:
		return clusterNotFound(*in.DBClusterIdentifier)
	case aws.ToBool(in.ManageMasterUserPassword):
		return wire.Errorf("InvalidParameterCombination", "The local cloud has no Secrets Manager: MasterUserPassword must be given")
	case aws.ToString(in.MasterUsername) == "":
		return wire.Errorf("InvalidParameterValue", "The parameter MasterUsername must be provided and must not be blank.")
	case password == "":
		return wire.Errorf("InvalidParameterValue", "The parameter MasterUserPassword must be provided and must not be blank.")
	case len(password) < 8:
		return wire.Errorf("InvalidParameterValue", "The parameter MasterUserPassword is not a valid password because it is shorter than 8 characters.")
	case strings.ContainsAny(password, `/@" `):
		return wire.Errorf("InvalidParameterValue", "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', '@', '\"', ' ' may be used.")
	case aws.ToBool(in.MultiAZ) && in.AvailabilityZone != nil:
		return wire.Errorf("InvalidParameterCombination", "Requesting a specific availability zone is not valid for Multi-AZ instances.")
	}
	return nil
}

// place gives i its zones, its security groups and its address.
func (s *Service) place(i *instance, wanted string) error {
	if err := s.validateGroups(i.account, i.subnetGroup.vpc, i.groups); err != nil {
		return err
	}
	if len(i.groups) == 0 {
		group, _ := s.vpcs.DefaultSecurityGroup(i.subnetGroup.vpc) // every VPC has one
		i.groups = []string{group.ID}
	}
	i.zone = cmp.Or(wanted, i.subnetGroup.subnets[0].Zone)
	if i.multiAZ {
		i.secondary = i.subnetGroup.zoneBeside(i.zone)
	}
	var err error
	i.nic, err = s.attach(i, i.zone)
	return err
}

func (s *Service) validateGroups(account, vpc string, groups []string) error {
	for _, id := range groups {
		group, err := s.vpcs.SecurityGroup(account, id)
		if err != nil {
			return wire.Errorf("InvalidParameterValue", "Invalid security group , groupId= %s, groupName=.", id)
		}
		if group.VPC != vpc {
			return wire.Errorf("InvalidParameterCombination", "The DB instance and EC2 security group are in different VPCs. The DB instance is in %s and the EC2 security group is in %s", vpc, group.VPC)
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
	return nil, wire.Errorf("InvalidVPCNetworkStateFault", "The DB subnet group %s has no subnet with a free address in %s", i.subnetGroup.name, zone)
}

// launch creates the server. The instance has an endpoint only when it is available.
func (s *Service) launch(i *instance, password string) {
	config := ServerConfig{ID: i.resourceID, DNSName: s.endpoint(i), User: i.user, Password: password, Database: i.database}
	vpc, at := i.subnetGroup.vpc, i.addrPort()
	var server Server
	s.work(i, s.world.Delays.DatabaseCreation, func(ctx context.Context) (err error) {
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
		s.publish(i, instanceCreated)
	})
}
