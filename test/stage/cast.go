package stage

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/internal/vendor"
)

// Consumer is who is to read a database: what a person types of it, and as whom it connects.
type Consumer struct {
	Name    string // as people are told
	Account string
	Role    string // of its account, which alone may connect; empty: all of the account
	Region  string // in which it makes its endpoint
	Input   map[string]any
	Without string // why it is not played; empty: it is
}

// The accounts of consumers whose account nobody knows beforehand.
const (
	tenant = "444455556666" // what a vendor's console shows to this customer
	acme   = "555566667777"
)

// WithoutPreset is the consumer that is no vendor of a preset.
const WithoutPreset = "principals"

// Consumers are the vendors of the presets, by id, and one without a preset.
func Consumers() map[string]Consumer {
	all := map[string]Consumer{
		WithoutPreset: {Name: "acme", Account: acme, Region: Region, Input: map[string]any{"name": "acme", "principals": []string{acme}}},
	}
	for _, v := range vendor.All() {
		all[v.ID] = consumer(v)
	}
	return all
}

// abroad are the other regions of which the local cloud has the consumers' side.
var abroad = []string{"us-east-1", "us-east-2", "eu-west-1"}

func consumer(v vendor.Vendor) Consumer {
	c := Consumer{Name: v.Name, Account: tenant, Region: Region, Input: map[string]any{"vendor": v.ID}}
	told := map[string]any{vendor.Account: tenant, vendor.Zones: []string{"euc1-az2", "euc1-az3"}, vendor.Principals: []string{tenant}}
	for _, field := range v.Asks {
		c.Input[field] = told[field]
	}
	if len(v.Regions) > 0 && !slices.Contains(v.Regions, Region) {
		at := slices.IndexFunc(abroad, func(region string) bool { return slices.Contains(v.Regions, region) })
		if at < 0 || !v.AcrossRegions {
			c.Without = "its endpoints are in other regions"
		} else {
			c.Region = abroad[at]
			c.Input["vendorRegion"] = c.Region
		}
	}
	for _, principal := range v.Allowed(c.Region) {
		parts := strings.Split(principal, ":")
		if len(parts) < 6 {
			c.Without = "AWS itself connects, which the local cloud does not have"
			continue
		}
		if c.Account = parts[4]; parts[5] != "root" {
			c.Role = principal
		}
	}
	return c
}

// Kind is a kind of database: how a customer comes by it and fills it, and how a consumer reads it.
type Kind struct {
	Name   string // for people
	Engine string // as RDS spells it
	Create func(ctx context.Context, c *Cloud, vpc VPC, identifier string) (Database, error)
	Fill   func(c *Cloud, ctx context.Context, d Database) error
	Read   func(c *Cloud, ctx context.Context, from Client) ([]string, error)
	Proof  string                      // what Read shows: rows, a login, or no more than TCP
	Health types.TargetHealthStateEnum // of its target: where no check may reach the server, unhealthy, and traffic goes all the same
}

// What can be shown of a database.
const (
	ReadsRows = "rows"
	LogsIn    = "log-in only" // the local cloud's server has no data
	TCPOnly   = "TCP only"    // nor a log-in
)

// Kinds are the kinds of databases that the local cloud has, by what DATABASE says.
func Kinds() map[string]Kind {
	return map[string]Kind{
		"instance": postgreSQL("PostgreSQL instance, Multi-AZ", "postgres",
			func(ctx context.Context, c *Cloud, vpc VPC, identifier string) (Database, error) {
				return c.NewDatabase(ctx, vpc, identifier, true)
			}),
		"aurora": postgreSQL("Aurora PostgreSQL cluster", "aurora-postgresql",
			func(ctx context.Context, c *Cloud, vpc VPC, identifier string) (Database, error) {
				return c.NewAurora(ctx, vpc, identifier)
			}),
		"cluster": postgreSQL("Multi-AZ DB cluster, PostgreSQL", "postgres",
			func(ctx context.Context, c *Cloud, vpc VPC, identifier string) (Database, error) {
				return c.NewMultiAZ(ctx, vpc, identifier)
			}),
		"proxy": postgreSQL("RDS Proxy for PostgreSQL", "postgres",
			func(ctx context.Context, c *Cloud, vpc VPC, identifier string) (Database, error) {
				behind, err := c.NewDatabase(ctx, vpc, identifier+"-1", true)
				if err != nil {
					return Database{}, err
				}
				return c.NewProxy(ctx, behind, identifier)
			}),
		"mysql": {
			Name: "MySQL instance", Engine: "mysql",
			Create: func(ctx context.Context, c *Cloud, vpc VPC, identifier string) (Database, error) {
				return c.NewMySQL(ctx, vpc, identifier)
			},
			Fill: func(c *Cloud, ctx context.Context, d Database) error {
				_, err := c.LogIn(ctx, d.Application())
				return err
			},
			Read: (*Cloud).LogIn, Proof: LogsIn, Health: types.TargetHealthStateEnumUnhealthy,
		},
		"sqlserver": greeter("SQL Server instance", "sqlserver-se", 1433),
		"oracle":    greeter("Oracle instance", "oracle-ee", 1521),
	}
}

func postgreSQL(name, engine string, create func(context.Context, *Cloud, VPC, string) (Database, error)) Kind {
	return Kind{name, engine, create, (*Cloud).Fill, (*Cloud).Rows, ReadsRows, types.TargetHealthStateEnumHealthy}
}

// greeter is a kind of which the local cloud has the beginning of a connection.
func greeter(name, engine string, port int32) Kind {
	return Kind{
		Name: name, Engine: engine, Proof: TCPOnly, Health: types.TargetHealthStateEnumHealthy,
		Create: func(ctx context.Context, c *Cloud, vpc VPC, identifier string) (Database, error) {
			return c.NewGreeter(ctx, vpc, identifier, engine, port)
		},
		Fill: func(*Cloud, context.Context, Database) error { return nil },
		Read: func(c *Cloud, ctx context.Context, from Client) ([]string, error) {
			conn, err := c.Dial(ctx, from.Place, net.JoinHostPort(from.Host, strconv.Itoa(from.Port)))
			if err != nil {
				return nil, err
			}
			return []string{name + " takes the connection"}, conn.Close()
		},
	}
}

// Case is a kind of database for a consumer.
type Case struct{ Database, Consumer string }

// Cases are those that are played: each kind of database, and each consumer, with a database to which it connects.
func Cases() []Case {
	all := []Case{
		{"instance", "pushmetrics"}, {"aurora", WithoutPreset}, {"cluster", WithoutPreset}, {"proxy", "fivetran"}, {"mysql", "tidb-cloud"},
		{"sqlserver", "fivetran"}, {"oracle", WithoutPreset},
	}
	kinds, consumers := Kinds(), Consumers()
	for _, id := range slices.Sorted(maps.Keys(consumers)) {
		if consumers[id].Without != "" || slices.ContainsFunc(all, func(k Case) bool { return k.Consumer == id }) {
			continue
		}
		for _, database := range []string{"instance", "aurora", "proxy", "mysql"} {
			if v, _ := vendor.Find(id); v.Connects(kinds[database].Engine) {
				all = append(all, Case{database, id})
				break
			}
		}
	}
	return all
}

// Command is what plays the case.
func (c Case) Command() string {
	if c == Cases()[0] {
		return "make demo"
	}
	return fmt.Sprintf("make demo DATABASE=%s VENDOR=%s", c.Database, c.Consumer)
}

// Principal is whom the endpoint service allows.
func (c Consumer) Principal() string { return cmp.Or(c.Role, "arn:aws:iam::"+c.Account+":root") }

// InputFor is what a person gives an execution for a database.
func (c Consumer) InputFor(identifier string) (string, error) {
	in := map[string]any{"database": identifier}
	maps.Copy(in, c.Input)
	text, err := json.Marshal(in)
	return string(text), err
}

// Connects has the consumer make an endpoint from nothing but the hand-off, in its role if it has one.
func (c *Cloud) Connects(ctx context.Context, as Consumer, vpc VPC, h Handoff) (Endpoint, error) {
	if as.Role == "" {
		return c.NewEndpoint(ctx, vpc, h)
	}
	var err error
	const mayConnect = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["ec2:*", "vpce:*"], "Resource": "*"}]}`
	vpc.Role, err = c.NewRole(ctx, as.Account, as.Role[strings.LastIndex(as.Role, "/")+1:], mayConnect)
	if err != nil {
		return Endpoint{}, err
	}
	return c.NewEndpoint(ctx, vpc, h)
}
