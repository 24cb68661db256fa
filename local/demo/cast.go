package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rdslink/rdslink/local/stage"
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

// kinds of database, each with how the customer comes by one named orders-prod.
var kinds = map[string]func(context.Context, *stage.Cloud, stage.VPC) (stage.Database, error){
	"instance": func(ctx context.Context, c *stage.Cloud, vpc stage.VPC) (stage.Database, error) {
		return c.NewDatabase(ctx, vpc, name, true)
	},
	"aurora": func(ctx context.Context, c *stage.Cloud, vpc stage.VPC) (stage.Database, error) {
		return c.NewAurora(ctx, vpc, name)
	},
	"cluster": func(ctx context.Context, c *stage.Cloud, vpc stage.VPC) (stage.Database, error) {
		return c.NewMultiAZ(ctx, vpc, name)
	},
	"proxy": func(ctx context.Context, c *stage.Cloud, vpc stage.VPC) (stage.Database, error) {
		behind, err := c.NewDatabase(ctx, vpc, name+"-1", true)
		if err != nil {
			return stage.Database{}, err
		}
		return c.NewProxy(ctx, behind, name)
	},
}

const name = "orders-prod"

// cast reads who plays: DATABASE is a kind of database, VENDOR a consumer.
func (d *demo) cast(database, vendor string) error {
	database, vendor = cmp.Or(database, "instance"), cmp.Or(vendor, "pushmetrics")
	var known bool
	if d.newDatabase, known = kinds[database]; !known {
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
