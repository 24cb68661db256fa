package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/operator"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/test/stage"
)

// linkOutput is what the tests go by in the output of a link's execution.
type linkOutput struct {
	output
	Databases []struct {
		Exposure, DatabaseIdentifier, TLSServerName, Path, TargetGroupARN string
		Port                                                              int
	}
	NotListed           []string
	MonthlyCostEstimate struct{ AmountUSD float64 }
}

// exposure is that of one of the link's databases.
func (o linkOutput) exposure(database stage.Database) string {
	for _, d := range o.Databases {
		if d.DatabaseIdentifier == database.Identifier {
			return d.Exposure
		}
	}
	return ""
}

// ids are those of the exposures that the output is of: of a link its own, and its databases'.
func (o linkOutput) ids() []string {
	all := []string{o.Exposure}
	for _, d := range o.Databases {
		all = append(all, d.Exposure)
	}
	return all
}

func (o linkOutput) names() []string {
	all := append(o.output.names(), o.Connection.VPCEndpointID)
	for _, d := range o.Databases {
		all = append(all, d.Exposure, d.TargetGroupARN)
	}
	return all
}

// asItShould reads the output of a set-up that succeeded, after which all that it has made is as the steps leave it.
func (s story) asItShould(p operator.Progress) (o linkOutput) {
	s.Helper()
	if p.Status != "SUCCEEDED" {
		s.Fatalf("the execution ended %s: %s: %s", p.Status, p.Error, p.Cause)
	}
	s.check(json.Unmarshal([]byte(p.Output), &o))
	o.text = p.Output
	for _, id := range o.ids() {
		s.isWhole(output{Exposure: id}, nil)
	}
	for _, d := range o.Databases {
		if d.Path != "proven" {
			s.Errorf("the path to %s is %s", d.DatabaseIdentifier, d.Path)
		}
	}
	return o
}

// linked follows a link's execution to its end.
func (e execution) linked() linkOutput {
	e.Helper()
	return e.asItShould(e.ends())
}

// listed is the input of a link: its databases, each with its port.
func listed(entries ...string) string {
	return fmt.Sprintf(`{"databases": [%s], "name": "acme", "principals": [%q]}`, strings.Join(entries, ", "), partner)
}

func entry(database stage.Database, port int) string {
	return fmt.Sprintf(`{"database": %q, "listenerPort": %d}`, database.Identifier, port)
}

func TestAConsumerReadsSeveralDatabasesByPortThroughOneEndpoint(t *testing.T) {
	s := begin(t)
	home := s.vpc(stage.Customer)
	instance, err := cloud.NewDatabase(s.ctx, home, "linked-orders", multiAZ)
	s.check(err)
	cluster, err := cloud.NewAurora(s.ctx, home, "linked-books")
	s.check(err)
	third, err := cloud.NewForgivingMySQL(s.ctx, home, "linked-shop") // of another engine, on another port
	s.check(err)
	for _, database := range []stage.Database{instance, cluster} {
		s.check(cloud.Fill(s.ctx, database))
	}
	s.refusesLinks(instance, cluster)
	before := s.inventory(home)

	first := s.starts(listed(entry(instance, 5432), entry(cluster, 5433)))
	handoffs, err := stage.ReadLinkHandoff(s.hears(s.mail, "access to 2 databases", instance.Identifier, cluster.Identifier))
	s.check(err)
	for identifier, h := range handoffs {
		h.Further = append(h.Further, 5434) // whoever makes the endpoint leaves room
		handoffs[identifier] = h
	}
	endpoint := s.connects(s.vpc(partner), handoffs[instance.Identifier])
	link := s.decides(bus.Accept, endpoint)
	made := first.linked()
	if made.Exposure != link || len(made.Databases) != 2 || made.MonthlyCostEstimate.AmountUSD != 16.73 {
		t.Errorf("the output is that of another link: %s", made.text)
	}
	clients := map[string]stage.Client{}
	for _, database := range []stage.Database{instance, cluster} {
		clients[database.Identifier] = s.client(endpoint, handoffs[database.Identifier])
		s.readsOrders(clients[database.Identifier]) // the certificate says whose rows they are
	}

	// One more: nobody has to do anything about those that are there.
	added := s.starts(listed(entry(instance, 5432), entry(cluster, 5433), entry(third, 5434))).linked()
	if added.ServiceName != made.ServiceName || added.Connection.VPCEndpointID != endpoint.ID || s.state(endpoint) != "available" {
		t.Errorf("with one more the service is %s, the connection %+v; they were %s, %s", added.ServiceName, added.Connection,
			made.ServiceName, endpoint.ID)
	}
	handoffs, err = stage.ReadLinkHandoff(s.hears(s.mail, "access to 3 databases", third.Identifier))
	s.check(err)
	for _, database := range []stage.Database{instance, cluster} {
		s.readsOrders(clients[database.Identifier])
	}
	shop := s.client(endpoint, handoffs[third.Identifier])
	_, err = cloud.LogIn(s.ctx, shop)
	s.check(err)
	ids := []string{link}
	for _, d := range added.Databases {
		ids = append(ids, d.Exposure)
	}
	s.listsLink(link, ids[1:])

	// One fails over, and its own sync follows it: the old writer answers, too, and takes no writes.
	writer := s.addresses(cluster)
	_, err = s.databases().FailoverDBCluster(s.ctx, &rds.FailoverDBClusterInput{DBClusterIdentifier: &cluster.Identifier})
	s.check(err)
	s.await("the cluster's endpoint to lead to the reader", func() bool { return !slices.Equal(s.addresses(cluster), writer) })
	s.await("the consumer to write again", func() bool { return s.inserts(clients[cluster.Identifier], "(4, 'tray', 1)") == nil })
	s.readsOrders(clients[instance.Identifier])

	// One that the list leaves out is served until it is removed.
	fewer := s.starts(listed(entry(instance, 5432), entry(cluster, 5433))).linked()
	gone := added.exposure(third)
	if len(fewer.NotListed) != 1 || !strings.Contains(fewer.NotListed[0], gone) {
		t.Errorf("not listed are %q, and not %s", fewer.NotListed, gone)
	}
	_, err = cloud.LogIn(s.ctx, shop)
	s.check(err)
	removing := s.takesAway(fmt.Sprintf(`{"exposure": %q}`, gone))
	s.hears(news, "removal of exposure "+gone+" waits", endpoint.ID, "RemovalDecision")
	removing.waits()
	s.check(s.operator.End(s.ctx, bus.Removal{Exposure: gone, By: "olga"}))
	done := removing.removed()
	for _, kind := range []string{belongings.LoadBalancer, belongings.Service, belongings.Connection} {
		if slices.ContainsFunc(done.Removed, func(thing belongings.Thing) bool { return thing.Kind == kind }) {
			t.Errorf("with one database of several the %s is removed: %v", kind, done.Removed)
		}
	}
	if _, err := cloud.LogIn(s.ctx, shop); err == nil {
		t.Error("the consumer logs in to a database that was removed")
	}
	s.readsOrders(clients[instance.Identifier])
	s.check(s.inserts(clients[cluster.Identifier], "(5, 'saucer', 6)"))
	for _, database := range []stage.Database{instance, cluster} {
		s.isWhole(output{Exposure: fewer.exposure(database)}, nil)
	}
	if s.state(endpoint) != "available" {
		t.Errorf("the endpoint is %s", s.state(endpoint))
	}

	s.takesAway(strings.TrimSuffix(listed(entry(cluster, 5433)), "}") + `, "connections": "end"}`).removed()
	s.isGone(home, before, ids...)
	if state := s.state(endpoint); state == "available" {
		t.Errorf("the endpoint is %s", state)
	}
}

// refusesLinks starts links that cannot be, of which nothing is made.
func (s story) refusesLinks(instance, cluster stage.Database) {
	s.Helper()
	elsewhere := s.database("linked-elsewhere", singleAZ)
	for input, words := range map[string][]string{
		listed(entry(instance, 5432), entry(cluster, 5432)):   {"databases[1].listenerPort", "another listenerPort"},
		listed(entry(instance, 5432), entry(instance, 5433)):  {"databases[0] and databases[1]", "leave one out"},
		listed(entry(instance, 5432), entry(elsewhere, 5433)): {"databases[1]", elsewhere.VPC.ID, "a link for each VPC"},
		listed(): {"databases is empty"},
		strings.Replace(listed(entry(instance, 1)), "{", `{"database": "both", `, 1): {"database and databases are both given"},
	} {
		s.starts(input).fails("BadInput", words...)
	}
	for _, vpc := range []stage.VPC{instance.VPC, elsewhere.VPC} {
		if there := s.exposuresIn(vpc); len(there) > 0 {
			s.Errorf("what was refused has left %+v", there)
		}
	}
}

// listsLink wants the list to have a link with what is on it, and its load balancer to be paid for once.
func (s story) listsLink(link string, on []string) {
	s.Helper()
	var found []string
	var usd float64
	s.await("all of "+link+" to be live", func() bool {
		listing, err := s.operator.List(s.ctx)
		s.check(err)
		found, usd = nil, 0
		live := true
		for _, e := range listing.Exposures {
			if e.Link == link {
				found, usd, live = append(found, e.Exposure), usd+e.MonthlyUSD, live && e.State == operator.Live
			}
		}
		return live
	})
	want := slices.Sorted(slices.Values(append([]string{link}, on...)))
	if slices.Sort(found); !slices.Equal(found, want) || usd < 16.8 || usd > 16.9 {
		s.Errorf("on link %s are %v for $%.2f, want %v", link, found, usd, want)
	}
	shown, err := s.operator.Show(s.ctx, link)
	s.check(err)
	if len(shown.On) != len(on) {
		s.Errorf("shown on link %s are %+v", link, shown.On)
	}
	for _, e := range shown.On {
		if e.ListenerPort == 0 || e.DatabaseIdentifier == "" || (registry.Exposure{ID: e.Exposure, Link: e.Link}).IsLink() {
			s.Errorf("shown on link %s is %+v", link, e)
		}
	}
}
