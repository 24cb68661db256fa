package ec2

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// allowedPrincipal may create endpoints for a service.
type allowedPrincipal struct {
	ID, Account string
	service     string
	principal   string
	kind        types.PrincipalType
	common
}

func (p *allowedPrincipal) identity() (id, account string) { return p.ID, p.Account }

// The forms of a principal (privatelink/configure-endpoint-service.html, "Manage permissions"). ARNs with a path are not
// supported (API_ModifyVpcEndpointServicePermissions).
var principalForms = []struct {
	form *regexp.Regexp
	kind types.PrincipalType
}{
	{regexp.MustCompile(`^\*$`), types.PrincipalTypeAll},
	{regexp.MustCompile(`^arn:aws:iam::\d{12}:root$`), types.PrincipalTypeAccount},
	{regexp.MustCompile(`^arn:aws:iam::\d{12}:role/[\w+=,.@-]+$`), types.PrincipalTypeRole},
	{regexp.MustCompile(`^arn:aws:iam::\d{12}:user/[\w+=,.@-]+$`), types.PrincipalTypeUser},
	{regexp.MustCompile(`^[a-z0-9.-]+\.amazonaws\.com$`), types.PrincipalTypeService},
}

func principalKind(principal string) (types.PrincipalType, error) {
	for _, f := range principalForms {
		if f.form.MatchString(principal) {
			return f.kind, nil
		}
	}
	return "", wire.Errorf("InvalidPrincipal", "Invalid Principal: '%s'", principal)
}

// allows says whether caller may create an endpoint: by its account, its role or user, or because everyone may.
func (svc *endpointService) allows(caller wire.Caller) bool {
	root := "arn:aws:iam::" + caller.Account + ":root"
	return slices.ContainsFunc(svc.principals, func(p *allowedPrincipal) bool {
		switch p.kind {
		case types.PrincipalTypeAll:
			return true
		case types.PrincipalTypeRole:
			return caller.Role != "" && p.principal == withoutPath(caller.Role)
		default:
			return p.principal == root || p.principal == caller.ARN
		}
	})
}

// withoutPath is the ARN of a role as a principal is written: arn:aws:iam::111122223333:role/NAME.
func withoutPath(role string) string {
	prefix, rest, _ := strings.Cut(role, ":role/")
	return prefix + ":role/" + rest[strings.LastIndexByte(rest, '/')+1:]
}

// modifyPermissions takes principals away before it adds. Connections that exist live on
// (privatelink/configure-endpoint-service.html). What is there already, or gone already, is passed over: no AWS page says
// that it is refused.
func (s *Service) modifyPermissions(
	ctx context.Context, in *ec2.ModifyVpcEndpointServicePermissionsInput,
) (*ec2.ModifyVpcEndpointServicePermissionsOutput, error) {
	svc, err := s.endpointService(ctx, in.ServiceId)
	if err != nil {
		return nil, err
	}
	if len(in.AddAllowedPrincipals)+len(in.RemoveAllowedPrincipals) == 0 {
		return nil, missing("AddAllowedPrincipals or RemoveAllowedPrincipals")
	}
	fresh, err := svc.newPrincipals(in.AddAllowedPrincipals)
	if err != nil {
		return nil, err
	}
	svc.principals = svc.principals.where(func(p *allowedPrincipal) bool { return !slices.Contains(in.RemoveAllowedPrincipals, p.principal) })
	svc.principals = append(svc.principals, fresh...)
	out := &ec2.ModifyVpcEndpointServicePermissionsOutput{ReturnValue: aws.Bool(true)}
	for _, p := range fresh {
		out.AddedPrincipals = append(out.AddedPrincipals, types.AddedPrincipal{
			ServiceId: &svc.ID, ServicePermissionId: &p.ID, Principal: &p.principal, PrincipalType: p.kind,
		})
	}
	return out, nil
}

func (svc *endpointService) newPrincipals(names []string) (table[*allowedPrincipal], error) {
	var fresh table[*allowedPrincipal]
	for _, name := range names {
		kind, err := principalKind(name)
		if err != nil {
			return nil, err
		}
		named := func(p *allowedPrincipal) bool { return p.principal == name }
		if !slices.ContainsFunc(svc.principals, named) && !slices.ContainsFunc(fresh, named) {
			fresh.add(&allowedPrincipal{ID: model.ID("vpce-svc-perm"), Account: svc.Account, service: svc.ID, principal: name,
				kind: kind, common: born(nil)})
		}
	}
	return fresh, nil
}

var principalFilters = filterable[*allowedPrincipal]{
	"principal":      func(p *allowedPrincipal) []string { return []string{p.principal} },
	"principal-type": func(p *allowedPrincipal) []string { return []string{string(p.kind)} },
}

func (s *Service) describePermissions(
	ctx context.Context, in *ec2.DescribeVpcEndpointServicePermissionsInput,
) (*ec2.DescribeVpcEndpointServicePermissionsOutput, error) {
	svc, err := s.endpointService(ctx, in.ServiceId)
	if err != nil {
		return nil, err
	}
	q := query{filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken}
	found, next, err := list(ctx, s, svc.principals, q, principalFilters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcEndpointServicePermissionsOutput{NextToken: next}
	for _, p := range found {
		out.AllowedPrincipals = append(out.AllowedPrincipals, types.AllowedPrincipal{
			ServiceId: &svc.ID, ServicePermissionId: &p.ID, Principal: &p.principal, PrincipalType: p.kind,
		})
	}
	return out, nil
}
