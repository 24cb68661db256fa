package database

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

// families are what a proxy can stand in front of. DescribeDBProxies tells no port: a proxy listens on the default one of
// its engine family, whatever the port of the database behind it (RDS guide, "Connecting to a database through RDS Proxy").
var families = map[string]struct {
	engine string
	port   int
}{
	string(types.EngineFamilyPostgresql): {"postgres", 5432},
	string(types.EngineFamilyMysql):      {"mysql", 3306},
	string(types.EngineFamilySqlserver):  {"sqlserver", 1433},
}

func findProxy(ctx context.Context, api API, identifier string) (Database, bool, error) {
	proxy, found, err := describeProxy(ctx, api, identifier)
	if err != nil || !found {
		return Database{}, found, err
	}
	name := aws.ToString(proxy.DBProxyName)
	if err := exposableProxy(ctx, proxy, name); err != nil {
		return Database{}, true, err
	}
	family := families[aws.ToString(proxy.EngineFamily)]
	subnets := slices.Clone(proxy.VpcSubnetIds)
	slices.Sort(subnets)
	return Database{
		ARN:              aws.ToString(proxy.DBProxyArn),
		Kind:             Proxy,
		Identifier:       name,
		Endpoint:         Writer,
		Engine:           family.engine,
		Host:             aws.ToString(proxy.Endpoint),
		Port:             family.port,
		VPCID:            aws.ToString(proxy.VpcId),
		SubnetIDs:        subnets,
		SecurityGroupIDs: proxy.VpcSecurityGroupIds,
	}, true, nil
}

// describeProxy finds a proxy by its name or by the id in its ARN, which is another one and which DescribeDBProxies does not
// take: hence the list. RDS keeps the case of a proxy's name and compares without it.
func describeProxy(ctx context.Context, api TopologyAPI, identifier string) (types.DBProxy, bool, error) {
	proxies, err := listProxies(ctx, api)
	if err != nil {
		return types.DBProxy{}, false, err
	}
	i := slices.IndexFunc(proxies, func(p types.DBProxy) bool {
		return strings.EqualFold(aws.ToString(p.DBProxyName), identifier) ||
			strings.HasSuffix(aws.ToString(p.DBProxyArn), ":db-proxy:"+identifier)
	})
	if i < 0 {
		return types.DBProxy{}, false, nil
	}
	return proxies[i], true, nil
}

func proxyNames(ctx context.Context, api API) ([]string, error) {
	proxies, err := listProxies(ctx, api)
	var all []string
	for _, proxy := range proxies {
		all = append(all, aws.ToString(proxy.DBProxyName))
	}
	return all, err
}

func listProxies(ctx context.Context, api TopologyAPI) ([]types.DBProxy, error) {
	var all []types.DBProxy
	pages := rds.NewDescribeDBProxiesPaginator(api, &rds.DescribeDBProxiesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list DB proxies: %w", err)
		}
		all = append(all, page.DBProxies...)
	}
	return all, nil
}

// exposableProxy reports, as an error, why the proxy cannot be exposed as it is.
func exposableProxy(ctx context.Context, proxy types.DBProxy, name string) error {
	if _, known := families[aws.ToString(proxy.EngineFamily)]; !known {
		return outcome.BadInput("database %s is a proxy for %s: %s", name, aws.ToString(proxy.EngineFamily), supported)
	}
	if err := judge(ctx, proxyStatuses, "database "+name, string(proxy.Status)); err != nil {
		return err
	}
	if proxy.Endpoint == nil {
		return outcome.BadInput("database %s has no endpoint yet, it is %s: wait until it is available, then start again", name, proxy.Status)
	}
	return checkGroups(name, proxy.VpcSecurityGroupIds)
}

func observeProxy(ctx context.Context, api TopologyAPI, identifier string) (Topology, error) {
	proxy, found, err := describeProxy(ctx, api, identifier)
	if err != nil || !found {
		return Topology{}, err
	}
	return Topology{
		Exists:           true,
		Status:           string(proxy.Status),
		Host:             aws.ToString(proxy.Endpoint),
		Port:             families[aws.ToString(proxy.EngineFamily)].port,
		SecurityGroupIDs: proxy.VpcSecurityGroupIds,
	}, nil
}
