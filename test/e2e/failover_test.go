package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/test/stage"
)

func TestAfterAFailoverTheVendorWritesToTheNewPrimary(t *testing.T) {
	s := begin(t)
	database := s.database("orders-failover", multiAZ)
	execution := s.exposes(database)
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.decides(bus.Accept, endpoint)
	execution.succeeds()
	client := s.client(endpoint, handoff)
	s.check(s.inserts(client, "(4, 'tray', 1)"))

	before := s.zone(database)
	_, err := s.databases().RebootDBInstance(s.ctx, &rds.RebootDBInstanceInput{DBInstanceIdentifier: &database.Identifier, ForceFailover: new(true)})
	s.check(err)
	s.await("the standby to take over", func() bool { return s.zone(database) != before })
	s.await("the vendor to write again", func() bool { return s.inserts(client, "(5, 'spoon', 12)") == nil })

	s.readsAgain(client, orders+"\n4  tray     1\n5  spoon    12")
}

// readsAgain waits until a client reads rows. For a while after a change of targets, the load balancer still sends some
// connections to an address that is gone, and nobody answers there.
func (s story) readsAgain(client stage.Client, want string) {
	s.Helper()
	s.await("the vendor to read\n"+want, func() bool {
		attempt, cancel := context.WithTimeout(s.ctx, 5*time.Second)
		defer cancel()
		rows, err := cloud.Rows(attempt, client)
		return err == nil && strings.Join(rows, "\n") == want
	})
}

// zone is where the primary is.
func (s story) zone(database stage.Database) string {
	s.Helper()
	out, err := s.databases().DescribeDBInstances(s.ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &database.Identifier})
	s.check(err)
	return *out.DBInstances[0].AvailabilityZone
}

// inserts writes an order. A write whose answer got lost may be repeated.
func (s story) inserts(client stage.Client, values string) error {
	conn, err := cloud.Connect(s.ctx, client)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(s.ctx) }()
	_, err = conn.Exec(s.ctx, "insert into orders values "+values+" on conflict do nothing")
	return err
}
