package rds

import (
	"context"
	"reflect"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdslink/rdslink/local/wire"
)

// modifyDBInstance changes security groups, the port, Multi-AZ, the class, the parameter group and the protection from
// deletion, at once: there is no maintenance window here.
func (s *Service) modifyDBInstance(ctx context.Context, in *rds.ModifyDBInstanceInput) (*rds.ModifyDBInstanceOutput, error) {
	i, err := s.idle(ctx, in.DBInstanceIdentifier)
	if err != nil {
		return nil, err
	}
	if err := s.modifiable(ctx, i, in); err != nil {
		return nil, err
	}
	if in.DBParameterGroupName != nil {
		g, err := s.parameterGroupOrDefault(ctx, instanceGroup, i.parameters.family, in.DBParameterGroupName)
		if err != nil {
			return nil, err
		}
		i.parameters = g
	}
	if len(in.VpcSecurityGroupIds) > 0 {
		if err := s.setGroups(i, in.VpcSecurityGroupIds); err != nil {
			return nil, err
		}
	}
	if in.MultiAZ != nil {
		i.multiAZ, i.secondary = *in.MultiAZ, i.subnetGroup.zoneBeside(i.zone)
	}
	if in.DeletionProtection != nil {
		i.protected = *in.DeletionProtection
	}
	class, port := aws.ToString(in.DBInstanceClass), aws.ToInt32(in.DBPortNumber)
	rescaled, moved := class != "" && class != i.class, port != 0 && port != i.port
	if rescaled {
		i.class = class
		s.scaleProxiesOf(i)
	}
	if moved { // whatever ApplyImmediately says (API_ModifyDBInstance, DBPortNumber)
		i.port = port
	}
	if rescaled || moved {
		i.status = modifying
		s.restart(i)
	}
	return &rds.ModifyDBInstanceOutput{DBInstance: s.describe(i)}, nil
}

// modifiable refuses changes that AWS refuses, and those that would have no effect here.
func (s *Service) modifiable(ctx context.Context, i *instance, in *rds.ModifyDBInstanceInput) error {
	if (in.MultiAZ != nil || in.DBInstanceClass != nil) && !aws.ToBool(in.ApplyImmediately) {
		return wire.Errorf("InvalidParameterCombination",
			"The local cloud has no maintenance window: to change MultiAZ or DBInstanceClass, ApplyImmediately must be true")
	}
	rest := *in
	rest.DBInstanceIdentifier, rest.ApplyImmediately = nil, nil
	rest.VpcSecurityGroupIds, rest.MultiAZ, rest.DBInstanceClass, rest.DBParameterGroupName = nil, nil, nil, nil
	rest.DBPortNumber, rest.DBSubnetGroupName, rest.DeletionProtection = nil, nil, nil
	if !reflect.DeepEqual(rest, rds.ModifyDBInstanceInput{}) {
		return wire.Errorf("InvalidParameterCombination",
			"The local cloud can modify VpcSecurityGroupIds, DBPortNumber, MultiAZ, DBInstanceClass, DBParameterGroupName and "+
				"DeletionProtection only")
	}
	switch {
	case i.cluster != nil && len(in.VpcSecurityGroupIds) > 0:
		return ofTheCluster("vpc security groups")
	case i.cluster != nil && in.DBPortNumber != nil:
		return ofTheCluster("port")
	case in.DBSubnetGroupName != nil:
		return s.movable(ctx, i, *in.DBSubnetGroupName)
	}
	if err := s.validateGroups(i.account, i.subnetGroup.vpc, in.VpcSecurityGroupIds); err != nil {
		return err
	}
	return validatePort(i.engine, in.DBPortNumber)
}

// movable refuses to give an instance another subnet group: within a VPC AWS does so (hashicorp/terraform#11715), from one
// to another the local cloud.
func (s *Service) movable(ctx context.Context, i *instance, name string) error {
	g, err := s.subnetGroup(ctx, name)
	switch {
	case err != nil:
		return err
	case g.vpc == i.subnetGroup.vpc:
		return wire.Errorf("InvalidVPCNetworkStateFault", "You cannot move DB instance %s to subnet group %s. "+
			"The specified DB subnet group and DB instance are in the same VPC. "+
			"Choose a DB subnet group in different VPC than the specified DB instance and try again.", i.id, g.name)
	default:
		return wire.Errorf("InvalidParameterCombination", "The local cloud moves no DB instance to another VPC")
	}
}

// setGroups gives an instance's interface other security groups.
func (s *Service) setGroups(i *instance, groups []string) error {
	if err := s.interfaces.SetGroups(i.nic.ID, groups); err != nil {
		return err
	}
	i.groups = groups
	return nil
}

// modifyDBCluster changes the security groups of all members, the port, on which all of them restart at once
// (AmazonRDS/latest/AuroraUserGuide/Aurora.Modifying.html, "Database port"), and the protection from deletion.
func (s *Service) modifyDBCluster(ctx context.Context, in *rds.ModifyDBClusterInput) (*rds.ModifyDBClusterOutput, error) {
	c, err := s.idleCluster(ctx, in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	rest := *in
	rest.DBClusterIdentifier, rest.ApplyImmediately = nil, nil
	rest.VpcSecurityGroupIds, rest.Port, rest.DeletionProtection = nil, nil, nil
	if !reflect.DeepEqual(rest, rds.ModifyDBClusterInput{}) {
		return nil, wire.Errorf("InvalidParameterCombination",
			"The local cloud can modify VpcSecurityGroupIds, Port and DeletionProtection of a DB cluster only")
	}
	if err := s.validateGroups(c.account, c.subnetGroup.vpc, in.VpcSecurityGroupIds); err != nil {
		return nil, err
	}
	if err := validatePort(c.engine, in.Port); err != nil {
		return nil, err
	}
	moves := in.Port != nil && *in.Port != c.port
	if moves && slices.ContainsFunc(c.members, func(i *instance) bool { return i.status != available }) {
		return nil, wire.Errorf("InvalidDBClusterStateFault", "DB cluster %s has instances that are not in available state.", c.id)
	}
	if len(in.VpcSecurityGroupIds) > 0 {
		c.groups = in.VpcSecurityGroupIds
		for _, i := range c.members {
			if err := s.setGroups(i, c.groups); err != nil {
				return nil, err
			}
		}
	}
	if in.DeletionProtection != nil {
		c.protected = *in.DeletionProtection
	}
	if moves {
		c.port = *in.Port
		for _, i := range c.members {
			i.port, i.status = c.port, modifying
			s.restart(i)
		}
	}
	return &rds.ModifyDBClusterOutput{DBCluster: s.describeCluster(c)}, nil
}

// modifyDBProxy changes the security groups of a proxy's interfaces.
func (s *Service) modifyDBProxy(ctx context.Context, in *rds.ModifyDBProxyInput) (*rds.ModifyDBProxyOutput, error) {
	p, err := s.idleProxy(ctx, in.DBProxyName)
	if err != nil {
		return nil, err
	}
	rest := *in
	rest.DBProxyName, rest.SecurityGroups = nil, nil
	if !reflect.DeepEqual(rest, rds.ModifyDBProxyInput{}) {
		return nil, wire.Errorf("InvalidParameterCombination", "The local cloud can modify SecurityGroups of a DB proxy only")
	}
	if err := s.validateGroups(p.account, p.vpc, in.SecurityGroups); err != nil {
		return nil, err
	}
	if len(in.SecurityGroups) > 0 {
		p.groups = in.SecurityGroups
		for _, n := range p.nodes {
			if err := s.interfaces.SetGroups(n.nic.ID, p.groups); err != nil {
				return nil, err
			}
		}
	}
	return &rds.ModifyDBProxyOutput{DBProxy: s.describeProxy(p)}, nil
}
