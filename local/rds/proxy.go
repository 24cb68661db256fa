package rds

import (
	"cmp"
	"context"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/local/ec2"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// proxy is an RDS Proxy: several addresses in subnets of its own, which lead to the database that takes writes. When that
// fails over, the addresses stay (AmazonRDS/latest/UserGuide/rds-proxy.howitworks.html); when the proxy scales, they change.
type proxy struct {
	resource
	family     string
	role       string
	auth       []types.UserAuthConfigInfo
	requireTLS bool
	vpc        string
	subnets    []*ec2.Subnet
	groups     []string
	nodes      []*node
	cluster    *cluster  // the target, if it is a cluster
	instance   *instance // the target, if it is an instance
}

// node is one address of a proxy.
type node struct {
	nic   *ec2.Interface
	relay io.Closer // nil until it serves
}

// proxyPorts are where a proxy listens, by its engine family: no describe tells.
var proxyPorts = map[string]uint16{"MYSQL": 3306, "POSTGRESQL": 5432, "SQLSERVER": 1433}

const (
	proxyInterfaceDescription = "Network interface for DBProxy "
	addressesPerAnswer        = 2                // an answer need not have all addresses of a proxy
	borrowTimeout             = 2 * time.Minute  // ConnectionBorrowTimeout's default
	leastPatience             = 10 * time.Second // however fast the world's clock runs, a connection takes this machine's time
	proxyCreation             = 3 * time.Minute  // nobody has published a figure
	withdrawal                = time.Minute      // how long an address that is out of the name still serves; no figure either
)

func (s *Service) createDBProxy(ctx context.Context, in *rds.CreateDBProxyInput) (*rds.CreateDBProxyOutput, error) {
	p, err := s.newProxy(ctx, in)
	if err != nil {
		return nil, err
	}
	if s.proxyNamed(p.account, p.id) != nil {
		return nil, wire.Errorf("DBProxyAlreadyExistsFault", "A DB proxy with the specified name %s already exists.", p.id)
	}
	for _, subnet := range p.subnets {
		if err := s.addNode(p, subnet.ID); err != nil {
			return nil, err
		}
	}
	s.proxies[p.arn] = p
	s.work(&p.resource, proxyCreation, s.serve(p, p.nodes...), func() {
		p.status = available
		s.publishProxy(p)
		s.publish(&p.resource, proxyCreated(p))
	})
	return &rds.CreateDBProxyOutput{DBProxy: s.describeProxy(p)}, nil
}

func (s *Service) newProxy(ctx context.Context, in *rds.CreateDBProxyInput) (*proxy, error) {
	name, account := strings.ToLower(aws.ToString(in.DBProxyName)), wire.CallerOf(ctx).Account
	if err := validateIdentifier("DBProxyName", name); err != nil {
		return nil, err
	}
	p := &proxy{
		resource: s.newResource(account, "db-proxy", name, tags(nil).with(in.Tags)),
		family:   string(in.EngineFamily), role: aws.ToString(in.RoleArn), requireTLS: aws.ToBool(in.RequireTLS),
	}
	p.arn = s.arn(account, "db-proxy", "prx-"+model.Hex(17)) // it does not have the name
	for _, a := range in.Auth {
		p.auth = append(p.auth, types.UserAuthConfigInfo{
			AuthScheme: a.AuthScheme, SecretArn: a.SecretArn, IAMAuth: a.IAMAuth, UserName: a.UserName, Description: a.Description,
			ClientPasswordAuthType: a.ClientPasswordAuthType,
		})
	}
	if p.byToken() && p.family != "POSTGRESQL" {
		return nil, noTokens()
	}
	for _, id := range in.VpcSubnetIds {
		subnet, err := s.vpcs.Subnet(account, id)
		if err != nil || p.vpc != "" && p.vpc != subnet.VPC {
			return nil, wire.Errorf("InvalidSubnet", "The requested subnet %s is invalid, or subnets of more than one VPC were requested.", id)
		}
		p.vpc, p.subnets = subnet.VPC, append(p.subnets, subnet)
	}
	inOneZone := func(subnet *ec2.Subnet) bool { return subnet.Zone == p.subnets[0].Zone }
	if !slices.ContainsFunc(p.subnets, func(subnet *ec2.Subnet) bool { return !inOneZone(subnet) }) {
		return nil, wire.Errorf("InvalidSubnet", "The VPC subnets of a DB proxy must cover at least two Availability Zones.")
	}
	var err error
	p.groups, err = s.groupsOr(account, p.vpc, in.VpcSecurityGroupIds)
	return p, err
}

// addNode gives p an address more.
func (s *Service) addNode(p *proxy, subnet string) error {
	nic, err := s.interfaces.Attach(p.account, subnet, p.groups, proxyInterfaceDescription+p.id, netip.Addr{})
	if err != nil {
		return err
	}
	p.nodes = append(p.nodes, &node{nic: nic})
	return nil
}

// serve is the work of letting some of the addresses serve.
func (s *Service) serve(p *proxy, nodes ...*node) func(context.Context) error {
	config := RelayConfig{
		Family: p.family, DNSName: s.proxyEndpoint(p), VPC: p.vpc, RequireTLS: p.requireTLS,
		Writer: func() (string, netip.AddrPort, bool) { return s.writerBehind(p) }, Patience: max(s.world.Scale(borrowTimeout), leastPatience),
	}
	if p.byToken() {
		config.Admit = s.admits(func() login { return s.proxyLogin(p) })
		config.Password = func(user string) (string, bool) { return s.secretOf(p, user) }
	}
	return func(context.Context) error {
		for _, n := range nodes {
			config.At = netip.AddrPortFrom(n.nic.Address, proxyPorts[p.family])
			relay, err := s.engine.Relay(config)
			if err != nil {
				return err
			}
			s.world.Lock()
			n.relay = relay
			s.world.Unlock()
		}
		return nil
	}
}

// byToken says whether clients log in by IAM, and no more by password.
func (p *proxy) byToken() bool {
	return slices.ContainsFunc(p.auth, func(a types.UserAuthConfigInfo) bool { return a.IAMAuth == types.IAMAuthModeRequired })
}

// resourceID is the end of its ARN, as IAM's policies name it.
func (p *proxy) resourceID() string { return p.arn[strings.LastIndex(p.arn, ":")+1:] }

// secretOf is the password with which a proxy logs a user in to its target. Whatever secret the proxy was given holds the
// master user's: there is no Secrets Manager here. It is called without the lock.
func (s *Service) secretOf(p *proxy, user string) (password string, ok bool) {
	s.world.Lock()
	defer s.world.Unlock()
	switch {
	case p.cluster != nil && p.cluster.user == user:
		return p.cluster.password, true
	case p.instance != nil && p.instance.user == user:
		return p.instance.password, true
	}
	return "", false
}

// writerBehind is where the target that takes writes is now. It is called without the lock.
func (s *Service) writerBehind(p *proxy) (host string, at netip.AddrPort, ok bool) {
	s.world.Lock()
	defer s.world.Unlock()
	i := p.writer()
	if i == nil || !i.reachable || s.instances[i.arn] != i {
		return "", netip.AddrPort{}, false
	}
	return s.endpoint(i), i.addrPort(), true
}

func (p *proxy) writer() *instance {
	if p.cluster != nil {
		return p.cluster.writer
	}
	return p.instance
}

// publishProxy makes the proxy's endpoint resolve to some of its addresses in turn.
func (s *Service) publishProxy(p *proxy) {
	var addresses []netip.Addr
	for _, n := range p.nodes {
		addresses = append(addresses, n.nic.Address)
	}
	s.names.Rotate(s.proxyEndpoint(p), addresses, addressesPerAnswer, dnsTTL)
}

// scaleProxiesOf scales the proxies in front of an instance whose class changes: they have addresses according to it
// (AmazonRDS/latest/UserGuide/rds-proxy-network-prereqs.html).
func (s *Service) scaleProxiesOf(i *instance) {
	for _, p := range s.proxies {
		if p.instance == i || i.cluster != nil && p.cluster == i.cluster {
			s.scale(p)
		}
	}
}

// scale replaces the first of the proxy's addresses by one more in every subnet. No event tells
// (AmazonRDS/latest/UserGuide/rds-proxy.events.html).
func (s *Service) scale(p *proxy) {
	before := len(p.nodes)
	for _, subnet := range p.subnets {
		if s.addNode(p, subnet.ID) != nil {
			break // a subnet without a free address: the proxy stays as it is
		}
	}
	old, added := p.nodes[0], p.nodes[before:]
	if len(added) == 0 {
		return
	}
	p.nodes = p.nodes[1:]
	s.work(&p.resource, 0, s.serve(p, added...), func() {
		s.publishProxy(p)
		s.world.After(withdrawal, func() { s.withdraw(old) })
	})
}

// withdraw ends an address.
func (s *Service) withdraw(n *node) {
	if n.relay != nil {
		_ = n.relay.Close()
	}
	s.interfaces.Detach(n.nic.ID)
}

func (s *Service) describeDBProxies(ctx context.Context, in *rds.DescribeDBProxiesInput) (*rds.DescribeDBProxiesOutput, error) {
	if _, err := filters(in.Filters); err != nil {
		return nil, err
	}
	found, err := described(ctx, s, s.proxies, in.DBProxyName, s.proxy, proxyNotFound)
	if err != nil {
		return nil, err
	}
	found, next, err := page(found, func(p *proxy) string { return p.arn }, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBProxiesOutput{Marker: next}
	for _, p := range found {
		out.DBProxies = append(out.DBProxies, *s.describeProxy(p))
	}
	return out, nil
}

func (s *Service) describeProxy(p *proxy) *types.DBProxy {
	d := &types.DBProxy{
		DBProxyArn: &p.arn, DBProxyName: &p.id, EngineFamily: &p.family, Status: types.DBProxyStatus(p.status),
		CreatedDate: &p.created, UpdatedDate: &p.created, Endpoint: aws.String(s.proxyEndpoint(p)), Auth: p.auth, RoleArn: &p.role,
		RequireTLS: &p.requireTLS, IdleClientTimeout: aws.Int32(1800), DebugLogging: aws.Bool(false),
		VpcId: &p.vpc, VpcSecurityGroupIds: p.groups, EndpointNetworkType: types.EndpointNetworkTypeIpv4,
		TargetConnectionNetworkType: types.TargetConnectionNetworkTypeIpv4,
	}
	for _, subnet := range p.subnets {
		d.VpcSubnetIds = append(d.VpcSubnetIds, subnet.ID)
	}
	return d
}

func (s *Service) proxyEndpoint(p *proxy) string { return s.dnsName(p.account, p.id, "proxy-") }

func (s *Service) idleProxy(ctx context.Context, name *string) (*proxy, error) {
	p, err := s.proxy(ctx, aws.ToString(name))
	if err == nil && p.status != available {
		return nil, wire.Errorf("InvalidDBProxyStateFault", "DB proxy %s is not in available state.", p.id)
	}
	return p, err
}

// proxy finds the caller's proxy by name.
func (s *Service) proxy(ctx context.Context, name string) (*proxy, error) {
	if p := s.proxyNamed(wire.CallerOf(ctx).Account, strings.ToLower(name)); p != nil {
		return p, nil
	}
	return nil, proxyNotFound(name)
}

func (s *Service) proxyNamed(account, name string) *proxy {
	for _, p := range s.proxies {
		if p.account == account && p.id == name {
			return p
		}
	}
	return nil
}

func proxyNotFound(name string) error {
	return notFound("DBProxyNotFoundFault",
		"The specified proxy name %s doesn't correspond to a proxy owned by "+
			"your Amazon Web Services account in the specified Amazon Web Services Region.", name)
}

// targetGroup is the name of a proxy's only target group.
const targetGroup = "default"

func checkTargetGroup(name *string) error {
	if got := cmp.Or(aws.ToString(name), targetGroup); got != targetGroup {
		return notFound("DBProxyTargetGroupNotFoundFault",
			"The specified target group %s isn't available for a proxy owned by your Amazon Web Services account.", got)
	}
	return nil
}
