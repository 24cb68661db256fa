package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/test/stage"
)

func TestAfterAFailoverAndASwitchoverTheVendorWritesToTheNewPrimary(t *testing.T) {
	s := begin(t)
	database := s.database("orders-failover", multiAZ)
	execution := s.exposes(database)
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.decides(bus.Accept, endpoint)
	output := execution.succeeds()
	client := s.client(endpoint, handoff)
	s.check(s.inserts(client, "(4, 'tray', 1)"))

	before := s.zone(database)
	_, err := s.databases().RebootDBInstance(s.ctx, &rds.RebootDBInstanceInput{DBInstanceIdentifier: &database.Identifier, ForceFailover: new(true)})
	s.check(err)
	s.await("the standby to take over", func() bool { return s.zone(database) != before })
	s.await("the vendor to write again", func() bool { return s.inserts(client, "(5, 'spoon', 12)") == nil })

	s.readsAgain(client, orders+"\n4  tray     1\n5  spoon    12")
	role := s.confirms(database, output)

	s.switchesOver(database)
	s.await("the vendor to write to the green instance", func() bool { return s.inserts(client, "(6, 'cup', 6)") == nil })
	s.readsAgain(client, orders+"\n4  tray     1\n5  spoon    12\n6  cup      6")
	s.contradicts(role, database, output)
}

// switchesOver has a green instance take the database's name, and all that was written before. The blue one goes on, under
// another name, and refuses writes.
func (s story) switchesOver(database stage.Database) {
	s.Helper()
	var before rdstypes.DBInstance
	s.await("the database to be available", func() bool {
		before = s.instance(database)
		return *before.DBInstanceStatus == "available"
	})
	made, err := s.databases().CreateBlueGreenDeployment(s.ctx, &rds.CreateBlueGreenDeploymentInput{
		BlueGreenDeploymentName: &database.Identifier, Source: before.DBInstanceArn})
	s.check(err)
	id := made.BlueGreenDeployment.BlueGreenDeploymentIdentifier
	becomes := func(status string) func() bool {
		return func() bool {
			out, err := s.databases().DescribeBlueGreenDeployments(s.ctx, &rds.DescribeBlueGreenDeploymentsInput{BlueGreenDeploymentIdentifier: id})
			s.check(err)
			return *out.BlueGreenDeployments[0].Status == status
		}
	}
	s.await("a green environment", becomes("AVAILABLE"))
	_, err = s.databases().SwitchoverBlueGreenDeployment(s.ctx, &rds.SwitchoverBlueGreenDeploymentInput{BlueGreenDeploymentIdentifier: id})
	s.check(err)
	s.await("the switchover", becomes("SWITCHOVER_COMPLETED"))
	if after := s.instance(database); *after.DBInstanceArn != *before.DBInstanceArn || *after.DbiResourceId == *before.DbiResourceId {
		s.Errorf("%s is still %s", *after.DBInstanceArn, *after.DbiResourceId)
	}
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
	return *s.instance(database).AvailabilityZone
}

func (s story) instance(database stage.Database) rdstypes.DBInstance {
	s.Helper()
	out, err := s.databases().DescribeDBInstances(s.ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &database.Identifier})
	s.check(err)
	return out.DBInstances[0]
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
