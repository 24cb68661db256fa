package rds

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/local/wire"
)

// parameterGroup is a DB parameter group, or a DB cluster's, with the parameters that matter here.
type parameterGroup struct {
	arn, account, name, family string
	values                     map[string]string // what differs from the engine's default
}

// parameters are the ones that decide whether a server blocks hosts, by family: with the engine's default and whether it can
// be modified. Aurora MySQL never resolves names, and shows it (AuroraMySQL.Reference.ParameterGroups).
var parameters = map[string]map[string]types.Parameter{
	"mysql":        {"max_connect_errors": parameter("", true, dynamic), "skip_name_resolve": parameter("", true, static)},
	"mariadb":      {"max_connect_errors": parameter("", true, dynamic), "skip_name_resolve": parameter("", true, static)},
	"aurora-mysql": {"max_connect_errors": parameter("", true, dynamic), "skip_name_resolve": parameter("1", false, static)},
}

// When a parameter takes effect: at once, or when the server starts.
const (
	dynamic = "dynamic"
	static  = "static"
)

func parameter(value string, modifiable bool, applies string) types.Parameter {
	p := types.Parameter{IsModifiable: aws.Bool(modifiable), Source: aws.String("engine-default"), ApplyType: &applies}
	if value != "" {
		p.ParameterValue, p.Source = &value, aws.String("system")
	}
	return p
}

// known are the parameters of a family, such as aurora-mysql8.0.
func known(family string) map[string]types.Parameter {
	return parameters[strings.TrimRight(family, "0123456789.")]
}

// The kinds of parameter groups, as in their ARNs. A cluster's holds for all its instances.
const (
	instanceGroup = "pg"
	clusterGroup  = "cluster-pg"
)

// defaultParameterGroup is what instances or clusters of an engine have without being asked.
func (s *Service) defaultParameterGroup(kind, account, family string) *parameterGroup {
	name := "default." + family
	return &parameterGroup{arn: s.arn(account, kind, name), account: account, name: name, family: family}
}

// parameterGroup finds one of the caller's groups, or the default one of a family.
func (s *Service) parameterGroup(ctx context.Context, kind, name string) (*parameterGroup, error) {
	account, name := wire.CallerOf(ctx).Account, strings.ToLower(name)
	if g := s.parameterGroups[s.arn(account, kind, name)]; g != nil {
		return g, nil
	}
	if family, ok := strings.CutPrefix(name, "default."); ok && slices.Contains(families(), family) {
		return s.defaultParameterGroup(kind, account, family), nil
	}
	if kind == clusterGroup {
		return nil, notFound("DBParameterGroupNotFound", "DBClusterParameterGroup not found: %s", name)
	}
	return nil, notFound("DBParameterGroupNotFound", "DBParameterGroup not found: %s", name)
}

// parameterGroupOrDefault is the group that is named, if what is of a family can have it, or else the family's default one.
func (s *Service) parameterGroupOrDefault(ctx context.Context, kind, family string, name *string) (*parameterGroup, error) {
	if name == nil {
		return s.defaultParameterGroup(kind, wire.CallerOf(ctx).Account, family), nil
	}
	g, err := s.parameterGroup(ctx, kind, *name)
	if err == nil && g.family != family {
		return nil, wire.Errorf("InvalidParameterCombination",
			"The Parameter Group %s with DBParameterGroupFamily %s cannot be used for this instance. "+
				"Please use a Parameter Group with DBParameterGroupFamily %s", g.name, g.family, family)
	}
	return g, err
}

func (s *Service) createDBParameterGroup(
	ctx context.Context, in *rds.CreateDBParameterGroupInput,
) (*rds.CreateDBParameterGroupOutput, error) {
	g, err := s.newParameterGroup(ctx, instanceGroup, *in.DBParameterGroupName, *in.DBParameterGroupFamily)
	if err != nil {
		return nil, err
	}
	return &rds.CreateDBParameterGroupOutput{DBParameterGroup: &types.DBParameterGroup{
		DBParameterGroupArn: &g.arn, DBParameterGroupName: &g.name, DBParameterGroupFamily: &g.family, Description: in.Description,
	}}, nil
}

func (s *Service) createDBClusterParameterGroup(
	ctx context.Context, in *rds.CreateDBClusterParameterGroupInput,
) (*rds.CreateDBClusterParameterGroupOutput, error) {
	g, err := s.newParameterGroup(ctx, clusterGroup, *in.DBClusterParameterGroupName, *in.DBParameterGroupFamily)
	if err != nil {
		return nil, err
	}
	return &rds.CreateDBClusterParameterGroupOutput{DBClusterParameterGroup: &types.DBClusterParameterGroup{
		DBClusterParameterGroupArn: &g.arn, DBClusterParameterGroupName: &g.name, DBParameterGroupFamily: &g.family, Description: in.Description,
	}}, nil
}

func (s *Service) newParameterGroup(ctx context.Context, kind, name, family string) (*parameterGroup, error) {
	account, name := wire.CallerOf(ctx).Account, strings.ToLower(name)
	if !slices.Contains(families(), family) {
		return nil, wire.Errorf("InvalidParameterValue", "ParameterGroupFamily %s is not a valid parameter group family", family)
	}
	g := &parameterGroup{arn: s.arn(account, kind, name), account: account, name: name, family: family, values: map[string]string{}}
	if s.parameterGroups[g.arn] != nil {
		return nil, wire.Errorf("DBParameterGroupAlreadyExists", "Parameter group %s already exists", name)
	}
	s.parameterGroups[g.arn] = g
	return g, nil
}

func (s *Service) modifyDBParameterGroup(
	ctx context.Context, in *rds.ModifyDBParameterGroupInput,
) (*rds.ModifyDBParameterGroupOutput, error) {
	g, err := s.parameterGroup(ctx, instanceGroup, *in.DBParameterGroupName)
	if err == nil {
		err = g.set(in.Parameters)
	}
	return &rds.ModifyDBParameterGroupOutput{DBParameterGroupName: in.DBParameterGroupName}, err
}

func (s *Service) modifyDBClusterParameterGroup(
	ctx context.Context, in *rds.ModifyDBClusterParameterGroupInput,
) (*rds.ModifyDBClusterParameterGroupOutput, error) {
	g, err := s.parameterGroup(ctx, clusterGroup, *in.DBClusterParameterGroupName)
	if err == nil {
		err = g.set(in.Parameters)
	}
	return &rds.ModifyDBClusterParameterGroupOutput{DBClusterParameterGroupName: in.DBClusterParameterGroupName}, err
}

// set changes parameters. What a server reads when it starts alone cannot change at once (AmazonRDS/latest/UserGuide,
// "Modifying parameters in a DB parameter group").
func (g *parameterGroup) set(parameters []types.Parameter) error {
	if g.values == nil {
		return wire.Errorf("InvalidDBParameterGroupState", "Default DBParameterGroup can't be modified: %s", g.name)
	}
	for _, p := range parameters {
		name := aws.ToString(p.ParameterName)
		k, found := known(g.family)[name]
		switch {
		case !found:
			return wire.Errorf("InvalidParameterValue", "Could not find parameter with name: %s", name)
		case !*k.IsModifiable:
			return wire.Errorf("InvalidParameterValue", "The parameter %s cannot be modified.", name)
		case *k.ApplyType == static && p.ApplyMethod == types.ApplyMethodImmediate:
			return wire.Errorf("InvalidParameterCombination", "cannot use immediate apply method for static parameter")
		}
		g.values[name] = aws.ToString(p.ParameterValue)
	}
	return nil
}

func (s *Service) describeDBParameters(ctx context.Context, in *rds.DescribeDBParametersInput) (*rds.DescribeDBParametersOutput, error) {
	g, err := s.parameterGroup(ctx, instanceGroup, aws.ToString(in.DBParameterGroupName))
	if err != nil {
		return nil, err
	}
	all, next, err := g.describe(in.Source, in.Filters, in.Marker, in.MaxRecords)
	return &rds.DescribeDBParametersOutput{Parameters: all, Marker: next}, err
}

func (s *Service) describeDBClusterParameters(
	ctx context.Context, in *rds.DescribeDBClusterParametersInput,
) (*rds.DescribeDBClusterParametersOutput, error) {
	g, err := s.parameterGroup(ctx, clusterGroup, aws.ToString(in.DBClusterParameterGroupName))
	if err != nil {
		return nil, err
	}
	all, next, err := g.describe(in.Source, in.Filters, in.Marker, in.MaxRecords)
	return &rds.DescribeDBClusterParametersOutput{Parameters: all, Marker: next}, err
}

// describe lists a group's parameters: those that a source has set, or all.
func (g *parameterGroup) describe(
	source *string, filtered []types.Filter, marker *string, most *int32,
) ([]types.Parameter, *string, error) {
	if _, err := filters(filtered); err != nil {
		return nil, nil, err
	}
	if source != nil && !slices.Contains([]string{"user", "system", "engine-default"}, *source) {
		return nil, nil, wire.Errorf("InvalidParameterValue", "Invalid parameter source: %s", *source)
	}
	var all []types.Parameter
	for name, p := range known(g.family) {
		p.ParameterName = &name
		if value, set := g.values[name]; set {
			p.ParameterValue, p.Source = &value, aws.String("user")
		}
		if source == nil || *source == *p.Source {
			all = append(all, p)
		}
	}
	return page(all, func(p types.Parameter) string { return *p.ParameterName }, marker, most)
}
