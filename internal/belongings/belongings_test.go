package belongings_test

import (
	"slices"
	"testing"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/belongings/belongingstest"
	"github.com/rdslink/rdslink/internal/registry"
)

// What belongs to an exposure is told in the order in which a removal takes it away.
func TestTheRecordOfAPrivateNameIsTheLastOfWhatGivesAccess(t *testing.T) {
	mine := &registry.PrivateName{Name: "db.example.com", ZoneID: "Z1", Record: "_abc.example.com", Value: "vpce:abc"}
	const service, schedule, balancer = belongings.Service, belongings.Schedule, belongings.LoadBalancer
	for name, row := range map[string]struct {
		there []string
		named *registry.PrivateName
		link  string
		want  []string
	}{
		"after the service": {
			there: []string{schedule, belongings.Connection, belongings.Notification, service, belongings.FlowLog, balancer}, named: mine,
			want: []string{schedule, belongings.Connection, belongings.Notification, service, belongings.TXTRecord, belongings.FlowLog, balancer},
		},
		"of a link, which comes last": {
			there: []string{schedule, belongings.TargetGroup, schedule, belongings.TargetGroup, service, balancer}, named: mine, link: "orders",
			want: []string{schedule, belongings.TargetGroup, schedule, belongings.TargetGroup, service, belongings.TXTRecord, balancer},
		},
		"without a service any more": {there: []string{schedule, balancer}, named: mine, want: []string{schedule, belongings.TXTRecord, balancer}},
		"which alone is left":        {named: mine, want: []string{belongings.TXTRecord}},
		"without a private name":     {there: []string{service}, want: []string{service}},
		"a person's own": {
			there: []string{service}, named: &registry.PrivateName{Name: "db.example.com", Told: "vpce:abc"}, want: []string{service},
		},
		"a name that was taken back":      {there: []string{service}, named: &registry.PrivateName{Execution: "this"}, want: []string{service}},
		"a link's, of one exposure of it": {there: []string{schedule}, named: mine, link: "link", want: []string{schedule}},
	} {
		t.Run(name, func(t *testing.T) {
			var found belongings.Found
			for _, kind := range row.there {
				found.Things = append(found.Things, belongings.Thing{Kind: kind, ID: kind})
			}
			found.Proven(registry.Exposure{ID: "orders", Link: row.link, Made: registry.Made{PrivateName: row.named}})
			var kinds []string
			for _, thing := range found.Things {
				kinds = append(kinds, thing.Kind)
				if thing.Kind == belongings.TXTRecord && thing.String() != "TXT record _abc.example.com" {
					t.Errorf("it is told as %s", thing)
				}
			}
			if !slices.Equal(kinds, row.want) {
				t.Errorf("found are %q, want %q", kinds, row.want)
			}
		})
	}
}

func TestAllOfAnExposureIsFoundInTheOrderOfItsRemoval(t *testing.T) {
	found, err := belongingstest.Whole().Found().Each(t.Context(), belongings.With(belongingstest.Exposure, nil))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, thing := range found.Things {
		all = append(all, thing.String())
	}
	if want := []string{
		"schedule " + belongingstest.Exposure, "connection vpce-1", "connection notification vpce-nfn-1", "endpoint service vpce-svc-1",
		"flow log fl-1", "flow log fl-2", "load balancer balancer-1", "target group targets-1", "security group rule sgr-1", "security group rule sgr-2", "security group sg-1",
	}; !slices.Equal(all, want) {
		t.Errorf("found are\n%q, want\n%q", all, want)
	}
	if len(found.Live) != 1 || found.VPCID != belongingstest.VPC || found.DatabaseARN != belongingstest.Database {
		t.Errorf("found %+v", found)
	}
}
