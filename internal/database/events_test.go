package database

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

func TestMeant(t *testing.T) {
	fake := account()
	// As the AWS CLI's examples of describe-blue-green-deployments have them, before and after a switchover.
	switched := func(id string, members ...string) {
		d := types.BlueGreenDeployment{BlueGreenDeploymentIdentifier: &id, Source: aws.String(arnOf(members[0])), Target: aws.String(arnOf(members[1]))}
		for i := 0; i < len(members); i += 2 {
			d.SwitchoverDetails = append(d.SwitchoverDetails, types.SwitchoverDetail{
				SourceMember: aws.String(arnOf(members[i])), TargetMember: aws.String(arnOf(members[i+1]))})
		}
		fake.deployments = append(fake.deployments, d)
	}
	switched("bgd-before", "db:orders", "db:orders-green-rkfbpe")
	switched("bgd-after", "cluster:ledger-old1", "cluster:ledger", "db:ledger-1-old1", "db:ledger-1",
		"cluster-endpoint:reports-old1", "cluster-endpoint:reports")
	fake.deployments = append(fake.deployments, types.BlueGreenDeployment{
		BlueGreenDeploymentIdentifier: aws.String("bgd-new"), Source: aws.String(arnOf("db:orders")),
		SwitchoverDetails: []types.SwitchoverDetail{{SourceMember: aws.String(arnOf("db:orders"))}},
	})
	for source, want := range map[string][]string{
		"db:ledger-2":           {"cluster:ledger"},
		"db:orders":             nil,
		"db:payroll":            nil,
		"cluster:ledger":        nil,
		"deployment:bgd-before": {"db:orders", "db:orders-green-rkfbpe"},
		"deployment:bgd-after":  {"cluster:ledger", "cluster:ledger-old1", "db:ledger-1", "db:ledger-1-old1"},
		"deployment:bgd-new":    {"db:orders"},
		"deployment:bgd-gone":   nil,
	} {
		var wanted []string
		for _, resource := range want {
			wanted = append(wanted, arnOf(resource))
		}
		if got, err := Meant(t.Context(), fake, arnOf(source)); err != nil || !slices.Equal(got, wanted) {
			t.Errorf("Meant(%s) = %v, %v, want %v", source, got, err, wanted)
		}
	}
}

// What no event in Moves is about is said, not dropped.
func TestMeantKnowsItsSources(t *testing.T) {
	for _, source := range []string{arnOf("snapshot:orders"), arnOf("db-proxy:prx-0a1b"), arnOf("pg:default"), "orders", ""} {
		if _, err := Meant(t.Context(), account(), source); outcome.Name(err) != "BadInput" {
			t.Errorf("Meant(%s): %v", source, err)
		}
	}
}

// Every event that starts the sync is about something that Meant understands.
func TestMeantKnowsEveryMove(t *testing.T) {
	seen := map[string]bool{}
	for _, event := range Moves {
		if _, err := Meant(t.Context(), account(), arnOf(event.About+":orders")); err != nil {
			t.Errorf("%s: %v", event.ID, err)
		}
		if seen[event.ID] {
			t.Errorf("%s stands there twice", event.ID)
		}
		seen[event.ID] = true
	}
}
