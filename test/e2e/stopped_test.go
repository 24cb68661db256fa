package e2e

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/test/stage"
)

// To stop a database is a choice, and no failure: the sync says so and alarms nobody, and everything is as before when it
// runs again. This one is where databases go for which nobody chose a place.
func TestADatabaseOfTheDefaultVPCIsStoppedAndServesAgain(t *testing.T) {
	s := begin(t)
	home, err := cloud.DefaultVPC(s.ctx, stage.Customer)
	s.check(err)
	database, err := cloud.NewDatabase(s.ctx, home, "orders-stopped", singleAZ)
	s.check(err)
	s.check(cloud.Fill(s.ctx, database))
	execution := s.exposes(database)
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	exposure := s.decides(bus.Accept, endpoint)
	output := execution.succeeds()
	client := s.client(endpoint, handoff)
	s.readsOrders(client)
	s.hears(news, endpoint.ID, "is connected to")
	before := s.targets(output)
	settled := time.Now() // until then the target was new, and not in service

	_, err = s.databases().StopDBInstance(s.ctx, &rds.StopDBInstanceInput{DBInstanceIdentifier: &database.Identifier})
	s.check(err)
	s.await("the sync to say that the database is stopped", func() bool {
		return strings.Contains(s.syncs(exposure), `"state":"stopped","address":"`+before[0]+`","detail":"the database is stopped"`)
	})
	s.lookedAt(output, func() {
		if now := s.targets(output); !slices.Equal(now, before) {
			s.Fatalf("the targets were %v and are %v", before, now)
		}
	})
	s.alarmsNobody(exposure, settled)

	_, err = s.databases().StartDBInstance(s.ctx, &rds.StartDBInstanceInput{DBInstanceIdentifier: &database.Identifier})
	s.check(err)
	s.await("the vendor to read again", func() bool {
		rows, err := cloud.Rows(s.ctx, client)
		return err == nil && strings.Join(rows, "\n") == orders
	})
	if now := s.targets(output); !slices.Equal(now, before) {
		s.Errorf("the targets were %v and are %v", before, now)
	}
	s.alarmsNobody(exposure, settled)
}

// syncs is what the sync has logged about an exposure.
func (s story) syncs(exposure string) string {
	s.Helper()
	about := func(line string) bool { return strings.Contains(line, `"exposure":"`+exposure+`"`) }
	var lines []string
	for line := range strings.Lines(s.logs(s.stack.Function("ip-sync"))) {
		if about(line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

var aged = regexp.MustCompile(`"SyncAge":([0-9.]+)`)

// alarmsNobody says whether no sync of an exposure failed, or measured an age of which an alarm is made, since a time. A
// look that meets the server while it goes down finds the path cut for a moment.
func (s story) alarmsNobody(exposure string, since time.Time) {
	s.Helper()
	log := ""
	for line := range strings.Lines(s.syncs(exposure)) {
		var logged struct{ Time time.Time }
		s.check(json.Unmarshal([]byte(line), &logged))
		if logged.Time.After(since) {
			log += line
		}
	}
	if !strings.Contains(log, `"SyncAge":0,`) {
		s.Errorf("the sync measures nothing:\n%s", log)
	}
	for _, measured := range aged.FindAllStringSubmatch(log, -1) {
		age, err := strconv.ParseFloat(measured[1], 64)
		s.check(err)
		if age >= stage.Patience.Seconds() {
			s.Errorf("the sync measures an age of %g s:\n%s", age, log)
		}
	}
	if strings.Contains(log, "sync failed") {
		s.Errorf("the sync fails:\n%s", log)
	}
}
