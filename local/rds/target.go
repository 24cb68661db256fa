package rds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/local/wire"
)

func (s *Service) registerDBProxyTargets(
	ctx context.Context, in *rds.RegisterDBProxyTargetsInput,
) (*rds.RegisterDBProxyTargetsOutput, error) {
	p, err := s.idleProxy(ctx, in.DBProxyName)
	if err != nil {
		return nil, err
	}
	if err := checkTargetGroup(in.TargetGroupName); err != nil {
		return nil, err
	}
	if len(in.DBInstanceIdentifiers)+len(in.DBClusterIdentifiers) != 1 {
		return nil, wire.Errorf("InvalidParameterCombination", "A DB proxy has one DB instance or one DB cluster as its target.")
	}
	if p.instance != nil || p.cluster != nil {
		return nil, wire.Errorf("DBProxyTargetAlreadyRegisteredFault", "The proxy is already associated with a target.")
	}
	if len(in.DBClusterIdentifiers) > 0 {
		c, err := s.cluster(ctx, in.DBClusterIdentifiers[0])
		if err == nil {
			err = p.canServe(c.engine, c.subnetGroup)
		}
		if err != nil {
			return nil, err
		}
		p.cluster = c
	} else {
		i, err := s.instance(ctx, in.DBInstanceIdentifiers[0])
		if err == nil {
			err = p.canServe(i.engine, i.subnetGroup)
		}
		if err != nil {
			return nil, err
		}
		p.instance = i
	}
	return &rds.RegisterDBProxyTargetsOutput{DBProxyTargets: s.targets(p)}, nil
}

func (p *proxy) canServe(engine string, g *subnetGroup) error {
	if engines[engine].proxied != p.family {
		return wire.Errorf("InvalidParameterValue", "The engine %s does not match the engine family %s of DB proxy %s.", engine, p.family, p.id)
	}
	if g.vpc != p.vpc {
		return wire.Errorf("InvalidParameterValue", "The DB proxy %s and its target must be in the same VPC.", p.id)
	}
	return nil
}

// targets lists the target: a cluster is followed by its members.
func (s *Service) targets(p *proxy) []types.DBProxyTarget {
	if p.instance != nil {
		return []types.DBProxyTarget{s.target(p.instance, types.TargetRoleReadWrite)}
	}
	if p.cluster == nil {
		return nil
	}
	all := []types.DBProxyTarget{{
		Type: types.TargetTypeTrackedCluster, RdsResourceId: aws.String(p.cluster.id), TargetArn: &p.cluster.arn,
		Endpoint: aws.String(s.writerEndpoint(p.cluster)), Port: aws.Int32(p.cluster.port), TrackedClusterId: aws.String(p.cluster.id),
	}}
	for _, i := range p.cluster.members {
		role := types.TargetRoleReadOnly
		if i == p.cluster.writer {
			role = types.TargetRoleReadWrite
		}
		all = append(all, s.target(i, role))
	}
	return all
}

func (s *Service) target(i *instance, role types.TargetRole) types.DBProxyTarget {
	health := &types.TargetHealth{State: types.TargetStateAvailable}
	if i.status != available {
		health = &types.TargetHealth{State: types.TargetStateUnavailable, Reason: types.TargetHealthReasonUnreachable,
			Description: aws.String("The target is " + i.status + ".")}
	}
	t := types.DBProxyTarget{
		Type: types.TargetTypeRdsInstance, Role: role, RdsResourceId: aws.String(i.id), TargetArn: &i.arn,
		Endpoint: aws.String(s.endpoint(i)), Port: aws.Int32(i.port), TargetHealth: health,
	}
	if i.cluster != nil {
		t.TrackedClusterId = aws.String(i.cluster.id)
	}
	return t
}
