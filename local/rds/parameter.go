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

// parameterGroup is a DB parameter group with the parameters that matter here.
type parameterGroup struct {
	arn, account, name, family string
	values                     map[string]string // what differs from the engine's default
}

// parameters are the ones that decide whether a server blocks hosts, by family: with the engine's default and whether it can
// be modified. Aurora MySQL never resolves names, and shows it (AuroraMySQL.Reference.ParameterGroups).
var parameters = map[string]map[string]types.Parameter{
	"mysql":        {"max_connect_errors": parameter("", true), "skip_name_resolve": parameter("", true)},
	"mariadb":      {"max_connect_errors": parameter("", true), "skip_name_resolve": parameter("", true)},
	"aurora-mysql": {"max_connect_errors": parameter("", true), "skip_name_resolve": parameter("1", false)},
}

func parameter(value string, modifiable bool) types.Parameter {
	p := types.Parameter{IsModifiable: aws.Bool(modifiable), Source: aws.String("engine-default"), ApplyType: aws.String("dynamic")}
	if value != "" {
		p.ParameterValue, p.Source = &value, aws.String("system")
	}
	return p
}

// known are the parameters of a family, such as aurora-mysql8.0.
func known(family string) map[string]types.Parameter {
	return parameters[strings.TrimRight(family, "0123456789.")]
}

// defaultParameterGroup is what instances of an engine have without being asked.
func (s *Service) defaultParameterGroup(account, family string) *parameterGroup {
	name := "default." + family
	return &parameterGroup{arn: s.arn(account, "pg", name), account: account, name: name, family: family}
}

// parameterGroup finds one of the caller's groups, or the default one of a family.
func (s *Service) parameterGroup(ctx context.Context, name string) (*parameterGroup, error) {
	account, name := wire.CallerOf(ctx).Account, strings.ToLower(name)
	if g := s.parameterGroups[s.arn(account, "pg", name)]; g != nil {
		return g, nil
	}
	if family, ok := strings.CutPrefix(name, "default."); ok && slices.Contains(families(), family) {
		return s.defaultParameterGroup(account, family), nil
	}
	return nil, notFound("DBParameterGroupNotFound", "DBParameterGroup not found: %s", name)
}

// parameterGroupOrDefault is the group that is named, if an instance of a family can have it, or else the family's default
// one.
func (s *Service) parameterGroupOrDefault(ctx context.Context, family string, name *string) (*parameterGroup, error) {
	if name == nil {
		return s.defaultParameterGroup(wire.CallerOf(ctx).Account, family), nil
	}
	g, err := s.parameterGroup(ctx, *name)
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
	account, name, family := wire.CallerOf(ctx).Account, strings.ToLower(*in.DBParameterGroupName), *in.DBParameterGroupFamily
	if !slices.Contains(families(), family) {
		return nil, wire.Errorf("InvalidParameterValue", "ParameterGroupFamily %s is not a valid parameter group family", family)
	}
	g := &parameterGroup{arn: s.arn(account, "pg", name), account: account, name: name, family: family, values: map[string]string{}}
	if s.parameterGroups[g.arn] != nil {
		return nil, wire.Errorf("DBParameterGroupAlreadyExists", "Parameter group %s already exists", name)
	}
	s.parameterGroups[g.arn] = g
	return &rds.CreateDBParameterGroupOutput{DBParameterGroup: &types.DBParameterGroup{
		DBParameterGroupArn: &g.arn, DBParameterGroupName: &g.name, DBParameterGroupFamily: &g.family, Description: in.Description,
	}}, nil
}

func (s *Service) modifyDBParameterGroup(
	ctx context.Context, in *rds.ModifyDBParameterGroupInput,
) (*rds.ModifyDBParameterGroupOutput, error) {
	g, err := s.parameterGroup(ctx, *in.DBParameterGroupName)
	if err != nil {
		return nil, err
	}
	if g.values == nil {
		return nil, wire.Errorf("InvalidDBParameterGroupState", "Default DBParameterGroup can't be modified: %s", g.name)
	}
	for _, p := range in.Parameters {
		name := aws.ToString(p.ParameterName)
		k, found := known(g.family)[name]
		if !found {
			return nil, wire.Errorf("InvalidParameterValue", "Could not find parameter with name: %s", name)
		}
		if !*k.IsModifiable {
			return nil, wire.Errorf("InvalidParameterValue", "The parameter %s cannot be modified.", name)
		}
		g.values[name] = aws.ToString(p.ParameterValue)
	}
	return &rds.ModifyDBParameterGroupOutput{DBParameterGroupName: &g.name}, nil
}

func (s *Service) describeDBParameters(ctx context.Context, in *rds.DescribeDBParametersInput) (*rds.DescribeDBParametersOutput, error) {
	g, err := s.parameterGroup(ctx, aws.ToString(in.DBParameterGroupName))
	if err != nil {
		return nil, err
	}
	var all []types.Parameter
	for name, p := range known(g.family) {
		p.ParameterName = &name
		if value, set := g.values[name]; set {
			p.ParameterValue, p.Source = &value, aws.String("user")
		}
		if in.Source == nil || *in.Source == *p.Source {
			all = append(all, p)
		}
	}
	all, next, err := page(all, func(p types.Parameter) string { return *p.ParameterName }, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	return &rds.DescribeDBParametersOutput{Parameters: all, Marker: next}, nil
}
