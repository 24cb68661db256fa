package rds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/local/ec2"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

const account = "111122223333"

// cloud is the rest of the local cloud: subnets a and b, addresses and names without a kernel, servers without processes.
type cloud struct {
	subnets  map[string]*ec2.Subnet
	defaults []*ec2.Subnet // of a default VPC
	attached map[string]*ec2.Interface
	records  map[string]answer
	events   []model.Event

	mu      sync.Mutex // servers work outside the world's lock
	refuses bool       // to create servers
	actions []string   // what servers were told to do, in order
	judges  []func(user, token string) error
	relays  []RelayConfig
}

type answer struct {
	inside  map[string][]netip.Addr
	outside []netip.Addr
	most    int
	ttl     uint32
}

func newCloud() *cloud {
	c := &cloud{subnets: map[string]*ec2.Subnet{}, attached: map[string]*ec2.Interface{}, records: map[string]answer{}}
	for i, zone := range []string{"a", "b", "c"} {
		id := "subnet-" + zone
		c.subnets[id] = &ec2.Subnet{ID: id, VPC: "vpc-1", Zone: "eu-central-1" + zone, CIDR: netip.MustParsePrefix(fmt.Sprintf("10.0.%d.0/24", i+1))}
	}
	c.subnets["subnet-other"] = &ec2.Subnet{ID: "subnet-other", VPC: "vpc-2", Zone: "eu-central-1b"}
	return c
}

// Attach gives out the lowest free address, as a freed one may be given to anybody.
func (c *cloud) Attach(_, subnet string, groups []string, description string, _ netip.Addr) (*ec2.Interface, error) {
	in := c.subnets[subnet]
	address := in.CIDR.Addr().Next().Next().Next().Next()
	for slices.ContainsFunc(c.all(), func(i *ec2.Interface) bool { return i.Address == address }) {
		address = address.Next()
	}
	i := &ec2.Interface{ID: model.ID("eni"), Subnet: subnet, VPC: in.VPC, Zone: in.Zone, Address: address, Groups: groups, Description: description}
	c.attached[i.ID] = i
	return i, nil
}

func (c *cloud) all() []*ec2.Interface {
	var all []*ec2.Interface
	for _, i := range c.attached {
		all = append(all, i)
	}
	return all
}

func (c *cloud) Detach(id string) { delete(c.attached, id) }

func (c *cloud) SetGroups(id string, groups []string) error {
	c.attached[id].Groups = groups
	return nil
}

func (c *cloud) Subnet(_, id string) (*ec2.Subnet, error) {
	if subnet := c.subnets[id]; subnet != nil {
		return subnet, nil
	}
	return nil, errors.New("no such subnet")
}

func (c *cloud) SecurityGroup(_, id string) (*ec2.SecurityGroup, error) {
	vpcs := map[string]string{"sg-1": "vpc-1", "sg-2": "vpc-1", "sg-other": "vpc-2"}
	if vpc := vpcs[id]; vpc != "" {
		return &ec2.SecurityGroup{ID: id, VPC: vpc}, nil
	}
	return nil, errors.New("no such group")
}

// DefaultSubnets are those that a test gives the account.
func (c *cloud) DefaultSubnets(string) ([]*ec2.Subnet, error) { return c.defaults, nil }

func (c *cloud) DefaultSecurityGroup(string) (*ec2.SecurityGroup, bool) {
	return &ec2.SecurityGroup{ID: "sg-default"}, true
}

func (c *cloud) Set(name string, inside map[string][]netip.Addr, outside []netip.Addr, ttl uint32) {
	c.records[name] = answer{inside: inside, outside: outside, ttl: ttl}
}
func (c *cloud) Rotate(name string, among []netip.Addr, most int, ttl uint32) {
	c.records[name] = answer{outside: among, most: most, ttl: ttl}
}
func (c *cloud) Delete(name string) { delete(c.records, name) }

func (c *cloud) act(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.actions = append(c.actions, fmt.Sprintf(format, args...))
}

func (c *cloud) Create(config ServerConfig) (Server, error) {
	c.act("create for %s", strings.Join(config.DNSNames, ", "))
	c.judges = append(c.judges, config.Admit)
	if c.refuses {
		return nil, errors.New("disk full")
	}
	return server{cloud: c}, nil
}

func (c *cloud) CreateVolume(config ServerConfig) (Volume, error) {
	c.act("create volume for %s", config.User)
	c.judges = append(c.judges, config.Admit)
	return &volumeOf{cloud: c}, nil
}

func (c *cloud) Relay(config RelayConfig) (io.Closer, error) {
	c.act("relay on %s", config.At)
	c.relays = append(c.relays, config)
	return relayAt{c, config.At}, nil
}

func (c *cloud) Copy(_ Server, _ string, dnsNames ...string) (Server, error) {
	c.act("create green for %s", strings.Join(dnsNames, ", "))
	return server{c, "green "}, nil
}

func (c *cloud) Take(to, from Server) error {
	c.act("%stakes the data of %s", to.(server).name, from.(server).name)
	return nil
}

func (c *cloud) Rename(s Server, dnsNames ...string) error {
	c.act("%sis %s", s.(server).name, strings.Join(dnsNames, ", "))
	return nil
}

type relayAt struct {
	*cloud
	at netip.AddrPort
}

func (r relayAt) Close() error {
	r.act("close %s", r.at)
	return nil
}

// volumeOf numbers its servers.
type volumeOf struct {
	*cloud
	servers int
}

func (v *volumeOf) Attach(_ string, dnsNames ...string) (Server, error) {
	v.servers++
	name := fmt.Sprintf("server %d ", v.servers)
	v.act("%sis %s", name, strings.Join(dnsNames, ", "))
	return server{v.cloud, name}, nil
}

func (v *volumeOf) Promote(s Server) error {
	v.act("%swrites", s.(server).name)
	return nil
}

type server struct {
	*cloud
	name string // "" for a server without a volume
}

func (s server) Start(_ context.Context, vpc string, at netip.AddrPort) error {
	s.act("%sstart in %s on %s", s.name, vpc, at)
	return nil
}
func (s server) Stop() { s.act("%sstop", s.name) }
func (s server) Delete() error {
	s.act("%sdelete", s.name)
	return nil
}

// bed is a service in a cloud whose clock is fast.
type bed struct {
	*Service
	*cloud
	t   *testing.T
	ctx context.Context
}

// newBed also has the subnet group "private".
func newBed(t *testing.T) *bed {
	c := newCloud()
	w := &model.World{Region: "eu-central-1", Speed: 100_000, Delays: model.Documented}
	w.Publish = func(e model.Event) { c.events = append(c.events, e) }
	s := newService(w, c, c, c, c)
	b := &bed{s, c, t, wire.WithCaller(context.Background(), wire.Caller{Account: account})}
	must(b, b.createDBSubnetGroup, subnetGroupInput())
	return b
}

func subnetGroupInput() rds.CreateDBSubnetGroupInput {
	return rds.CreateDBSubnetGroupInput{DBSubnetGroupName: aws.String("private"), DBSubnetGroupDescription: aws.String("-"), SubnetIds: []string{"subnet-a", "subnet-b"}}
}

// instanceInput is a Multi-AZ instance named orders-prod.
func instanceInput() rds.CreateDBInstanceInput {
	return rds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String("Orders-Prod"), DBInstanceClass: aws.String("db.t4g.micro"), Engine: aws.String("postgres"),
		MasterUsername: aws.String("app"), MasterUserPassword: aws.String("correct-horse"), MultiAZ: aws.Bool(true),
		DBSubnetGroupName: aws.String("private"), VpcSecurityGroupIds: []string{"sg-1"},
	}
}

// call makes a call as the front does, under the world's lock.
func call[I, O any](b *bed, serve func(context.Context, *I) (*O, error), in I) (*O, error) {
	b.world.Lock()
	defer b.world.Unlock()
	return serve(b.ctx, &in)
}

func must[I, O any](b *bed, serve func(context.Context, *I) (*O, error), in I) *O {
	b.t.Helper()
	out, err := call(b, serve, in)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func refused[I, O any](b *bed, code string, serve func(context.Context, *I) (*O, error), in I) {
	b.t.Helper()
	_, err := call(b, serve, in)
	if e, ok := errors.AsType[*wire.Error](err); !ok || e.Code != code {
		b.t.Fatalf("got %v, want %s", err, code)
	}
}

// orders is the instance as DescribeDBInstances has it.
func (b *bed) orders() (types.DBInstance, error) {
	out, err := call(b, b.describeDBInstances, rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String("orders-prod")})
	if err != nil {
		return types.DBInstance{}, err
	}
	return out.DBInstances[0], nil
}

func (b *bed) awaitStatus(want string) (d types.DBInstance) {
	b.t.Helper()
	b.await(want, func() (ok bool) {
		var err error
		d, err = b.orders()
		return err == nil && *d.DBInstanceStatus == want
	})
	return d
}

// await asks until it is so.
func (b *bed) await(what string, so func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if so() {
			return
		}
	}
	b.t.Fatalf("never %s", what)
}

// running makes the instance and waits until it is available.
func (b *bed) running() types.DBInstance {
	b.t.Helper()
	must(b, b.createDBInstance, instanceInput())
	return b.awaitStatus(available)
}
