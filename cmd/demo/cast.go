package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rdslink/rdslink/test/stage"
)

const name = "orders-prod"

// cast reads who plays: DATABASE is a kind of database, VENDOR a consumer.
func (d *demo) cast(database, vendor string) error {
	kinds, consumers := stage.Kinds(), stage.Consumers()
	first := stage.Cases()[0]
	database, vendor = cmp.Or(database, first.Database), cmp.Or(vendor, first.Consumer)
	var known bool
	if d.kind, known = kinds[database]; !known {
		return fmt.Errorf("DATABASE=%s: the demo has %s", database, choice(kinds))
	}
	if d.consumer, known = consumers[vendor]; !known {
		return fmt.Errorf("VENDOR=%s: the demo has %s", vendor, choice(consumers))
	}
	if why := d.consumer.Without; why != "" {
		return fmt.Errorf("VENDOR=%s: the demo does not have it: %s", vendor, why)
	}
	return nil
}

func choice[T any](of map[string]T) string {
	return strings.Join(slices.Sorted(maps.Keys(of)), ", ")
}
