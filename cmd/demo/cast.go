package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/test/stage"
)

// consumer is who is to read the database: what a person types of it, and the account from which it connects.
type consumer struct {
	name    string
	account string
	input   map[string]any
}

// The accounts of consumers whose account nobody knows beforehand.
const (
	tenant = "444455556666" // what a vendor's console shows to this customer
	acme   = "555566667777"
)

var consumers = map[string]consumer{
	"pushmetrics": {"PushMetrics", stage.PushMetrics, map[string]any{"vendor": "pushmetrics"}},
	"fivetran":    {"Fivetran", "834469178297", map[string]any{"vendor": "fivetran"}},
	"tidb-cloud": {"TiDB Cloud", tenant, map[string]any{
		"vendor": "tidb-cloud", "vendorAccount": tenant, "vendorAvailabilityZoneIds": []string{"euc1-az2", "euc1-az3"},
	}},
	"principals": {"acme", acme, map[string]any{"name": "acme", "principals": []string{acme}}},
}

// kind is a kind of database: how the customer comes by it and fills it, and how a vendor reads it.
type kind struct {
	create func(context.Context, *stage.Cloud, stage.VPC) (stage.Database, error)
	fill   func(*stage.Cloud, context.Context, stage.Database) error
	read   func(*stage.Cloud, context.Context, stage.Client) ([]string, error)
	health types.TargetHealthStateEnum // of its target: where no check may reach the server, unhealthy, and traffic goes all the same
}

func postgreSQL(create func(context.Context, *stage.Cloud, stage.VPC) (stage.Database, error)) kind {
	return kind{create, (*stage.Cloud).Fill, (*stage.Cloud).Rows, types.TargetHealthStateEnumHealthy}
}

var kinds = map[string]kind{
	"instance": postgreSQL(func(ctx context.Context, c *stage.Cloud, vpc stage.VPC) (stage.Database, error) {
		return c.NewDatabase(ctx, vpc, name, true)
	}),
	"aurora": postgreSQL(func(ctx context.Context, c *stage.Cloud, vpc stage.VPC) (stage.Database, error) {
		return c.NewAurora(ctx, vpc, name)
	}),
	"cluster": postgreSQL(func(ctx context.Context, c *stage.Cloud, vpc stage.VPC) (stage.Database, error) {
		return c.NewMultiAZ(ctx, vpc, name)
	}),
	"proxy": postgreSQL(func(ctx context.Context, c *stage.Cloud, vpc stage.VPC) (stage.Database, error) {
		behind, err := c.NewDatabase(ctx, vpc, name+"-1", true)
		if err != nil {
			return stage.Database{}, err
		}
		return c.NewProxy(ctx, behind, name)
	}),
	// Of MySQL the local cloud has the beginning of a connection, and no data.
	"mysql": {
		create: func(ctx context.Context, c *stage.Cloud, vpc stage.VPC) (stage.Database, error) {
			return c.NewMySQL(ctx, vpc, name)
		},
		fill: func(c *stage.Cloud, ctx context.Context, d stage.Database) error {
			_, err := c.LogIn(ctx, d.Application())
			return err
		},
		read:   (*stage.Cloud).LogIn,
		health: types.TargetHealthStateEnumUnhealthy,
	},
}

const name = "orders-prod"

// cast reads who plays: DATABASE is a kind of database, VENDOR a consumer.
func (d *demo) cast(database, vendor string) error {
	database, vendor = cmp.Or(database, "instance"), cmp.Or(vendor, "pushmetrics")
	var known bool
	if d.kind, known = kinds[database]; !known {
		return fmt.Errorf("DATABASE=%s: the demo has %s", database, choice(kinds))
	}
	if d.consumer, known = consumers[vendor]; !known {
		return fmt.Errorf("VENDOR=%s: the demo has %s", vendor, choice(consumers))
	}
	return nil
}

func choice[T any](of map[string]T) string {
	return strings.Join(slices.Sorted(maps.Keys(of)), ", ")
}

// input is what a person types.
func (d *demo) input() (string, error) {
	in := map[string]any{"database": name}
	maps.Copy(in, d.consumer.input)
	text, err := json.Marshal(in)
	return string(text), err
}
