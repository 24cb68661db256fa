// Package rds is Amazon RDS as far as PrivateLink needs it: DB instances, Aurora and Multi-AZ DB clusters and proxies in a
// VPC, failover with its events and its changes of address. The servers are real; an Engine runs them.
package rds

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/local/ec2"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// Engine makes database servers. It is called without the world's lock and may take its time.
type Engine interface {
	Create(c ServerConfig) (Server, error)
	CreateVolume(c ServerConfig) (Volume, error)
	Relay(c RelayConfig) (io.Closer, error) // serves one address of a proxy until it is closed

	// Copy makes a server beside s, which has none of the data of s before it takes them.
	Copy(s Server, id string, dnsNames ...string) (Server, error)
	Take(to, from Server) error                // gives to the data of from, which refuses writes afterwards; neither may run
	Rename(s Server, dnsNames ...string) error // gives a server, which may run, a certificate for other names
}

// Server is one database server. What is stopped keeps its data. Its methods are not called at the same time.
type Server interface {
	Start(ctx context.Context, vpc string, at netip.AddrPort) error // returns when the server accepts connections
	Stop()
	Delete() error
}

// Volume is the data that the members of a DB cluster share.
type Volume interface {
	Attach(id string, dnsNames ...string) (Server, error) // the first server writes, the others follow it and refuse writes
	Promote(s Server) error                               // makes s the one that writes; neither it nor the other may run
}

// ServerConfig is what a server, or a volume, needs to know of its instance or cluster.
type ServerConfig struct {
	ID             string // DbiResourceId or DbClusterResourceId
	Engine         string
	DNSNames       []string // for its certificate; a volume has none
	User, Password string
	Database       string                         // "" for none beside the engine's own
	Parameters     map[string]string              // what differs from the engine's default
	Admit          func(user, token string) error // of users who log in by token; nil: nobody does
}

// RelayConfig is what one address of a proxy needs to know of its proxy.
type RelayConfig struct {
	Family     string // MYSQL, POSTGRESQL or SQLSERVER
	DNSName    string // for its certificate
	VPC        string
	At         netip.AddrPort
	RequireTLS bool
	Writer     func() (host string, at netip.AddrPort, ok bool) // the target that takes writes now
	Patience   time.Duration                                    // how long a client waits for it
	Admit      func(user, token string) error                   // of clients, who log in by token; nil: by password
	Password   func(user string) (password string, ok bool)     // the secret with which the proxy logs one of them in to the target
}

// interfaces are the network interfaces of the instances.
type interfaces interface {
	Attach(account, subnet string, groups []string, description string, address netip.Addr) (*ec2.Interface, error)
	Detach(id string)
	SetGroups(id string, groups []string) error
}

// vpcs answer where subnets and security groups are.
type vpcs interface {
	Subnet(account, id string) (*ec2.Subnet, error)
	SecurityGroup(account, id string) (*ec2.SecurityGroup, error)
	DefaultSecurityGroup(vpc string) (*ec2.SecurityGroup, bool)
	DefaultSubnets(account string) ([]*ec2.Subnet, error)
}

// names publish the instances' endpoints.
type names interface {
	Set(name string, inside map[string][]netip.Addr, outside []netip.Addr, ttl uint32)
	Rotate(name string, among []netip.Addr, most int, ttl uint32) // each answer has most of them, in turn
	Delete(name string)
}

// Service is RDS of every account. The world's lock guards it.
type Service struct {
	world      *model.World
	interfaces interfaces
	vpcs       vpcs
	names      names
	engine     Engine
	connects   Connects

	instances       map[string]*instance // by ARN, like all others
	clusters        map[string]*cluster
	proxies         map[string]*proxy
	deployments     map[string]*deployment
	subnetGroups    map[string]*subnetGroup
	parameterGroups map[string]*parameterGroup
}

// New makes the service.
func New(w *model.World, ec2 *ec2.Service, engine Engine) *Service {
	return newService(w, ec2, ec2, ec2.Records(), engine)
}

func newService(w *model.World, i interfaces, v vpcs, n names, engine Engine) *Service {
	return &Service{
		world: w, interfaces: i, vpcs: v, names: n, engine: engine,
		instances: map[string]*instance{}, clusters: map[string]*cluster{}, proxies: map[string]*proxy{},
		deployments:  map[string]*deployment{},
		subnetGroups: map[string]*subnetGroup{}, parameterGroups: map[string]*parameterGroup{},
	}
}

// limit is how often an account may call. RDS throttles DescribeDBInstances (aws/aws-cli#8604) but publishes no figures;
// these are Elastic Load Balancing's.
var limit = model.Limit{Burst: 40, Rate: 10}

// Operations are the service's operations; they must run under the world's lock.
func (s *Service) Operations() wire.Operations {
	return s.world.Limited(wire.Operations{
		"CreateDBSubnetGroup":    wire.Op(s.createDBSubnetGroup),
		"DescribeDBSubnetGroups": wire.Op(s.describeDBSubnetGroups),
		"ModifyDBSubnetGroup":    wire.Op(s.modifyDBSubnetGroup),
		"CreateDBInstance":       wire.Op(s.createDBInstance),
		"DescribeDBInstances":    wire.Op(s.describeDBInstances),
		"ModifyDBInstance":       wire.Op(s.modifyDBInstance),
		"DeleteDBInstance":       wire.Op(s.deleteDBInstance),
		"RebootDBInstance":       wire.Op(s.rebootDBInstance),
		"StopDBInstance":         wire.Op(s.stopDBInstance),
		"StartDBInstance":        wire.Op(s.startDBInstance),
		"CreateDBCluster":        wire.Op(s.createDBCluster),
		"DescribeDBClusters":     wire.Op(s.describeDBClusters),
		"ModifyDBCluster":        wire.Op(s.modifyDBCluster),
		"DeleteDBCluster":        wire.Op(s.deleteDBCluster),
		"FailoverDBCluster":      wire.Op(s.failoverDBCluster),
		"DescribeGlobalClusters": wire.Op(s.describeGlobalClusters),
		"CreateDBProxy":          wire.Op(s.createDBProxy),
		"DescribeDBProxies":      wire.Op(s.describeDBProxies),
		"ModifyDBProxy":          wire.Op(s.modifyDBProxy),
		"RegisterDBProxyTargets": wire.Op(s.registerDBProxyTargets),
		"CreateDBParameterGroup": wire.Op(s.createDBParameterGroup),
		"ModifyDBParameterGroup": wire.Op(s.modifyDBParameterGroup),
		"DescribeDBParameters":   wire.Op(s.describeDBParameters),

		"CreateDBClusterParameterGroup": wire.Op(s.createDBClusterParameterGroup),
		"ModifyDBClusterParameterGroup": wire.Op(s.modifyDBClusterParameterGroup),
		"DescribeDBClusterParameters":   wire.Op(s.describeDBClusterParameters),

		"CreateBlueGreenDeployment":     wire.Op(s.createBlueGreenDeployment),
		"DescribeBlueGreenDeployments":  wire.Op(s.describeBlueGreenDeployments),
		"SwitchoverBlueGreenDeployment": wire.Op(s.switchoverBlueGreenDeployment),
	}, limit)
}

func (s *Service) arn(account, kind, id string) string {
	return fmt.Sprintf("arn:aws:rds:%s:%s:%s:%s", s.world.Region, account, kind, id)
}

func notFound(code, format string, args ...any) error {
	return &wire.Error{Code: code, Message: fmt.Sprintf(format, args...), Status: 404}
}

// validateIdentifier holds identifiers to the rules of API_CreateDBInstance, which clusters and proxies share.
func validateIdentifier(parameter, id string) error {
	letter := func(r rune) bool { return 'a' <= r && r <= 'z' }
	foreign := func(r rune) bool { return !letter(r) && r != '-' && (r < '0' || r > '9') }
	if id == "" || len(id) > 63 || !letter(rune(id[0])) || strings.ContainsFunc(id, foreign) || strings.HasSuffix(id, "-") ||
		strings.Contains(id, "--") {
		return wire.Errorf("InvalidParameterValue",
			"The parameter %s is not a valid identifier. Identifiers must begin with a letter; "+
				"must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens.", parameter)
	}
	return nil
}

// page reads MaxRecords and Marker, and gives the next Marker.
func page[T any](items []T, arn func(T) string, marker *string, most *int32) ([]T, *string, error) {
	n := int32(100)
	if most != nil {
		n = *most
	}
	if n < 20 || n > 100 {
		return nil, nil, wire.Errorf("InvalidParameterValue", "Invalid value %d for MaxRecords. Must be between 20 and 100", n)
	}
	items, next := model.Page(items, arn, aws.ToString(marker), int(n))
	if next == "" {
		return items, nil, nil
	}
	return items, &next, nil
}

// filters are a describe's filters by name. Those that the operation does not have are refused.
func filters(in []types.Filter, known ...string) (map[string][]string, error) {
	byName := map[string][]string{}
	for _, f := range in {
		name := aws.ToString(f.Name)
		if !slices.Contains(known, name) {
			return nil, wire.Errorf("InvalidParameterValue", "Unrecognized filter name: %s", name)
		}
		byName[name] = f.Values
	}
	return byName, nil
}
