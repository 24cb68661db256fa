package confirm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// Fact is an answer to a question that no document of AWS's answers.
type Fact struct {
	Question string   `json:"question"`
	Seen     []string `json:"seen"` // or why nothing was
}

// gather reads what somebody should publish.
func gather(ctx context.Context, v *view) []Fact {
	facts := []Fact{}
	for _, g := range []struct {
		question string
		ask      func(context.Context, *view) ([]string, error)
		first    string // what must happen
	}{
		{"Has the standby of a Multi-AZ instance a network interface that is seen?", standbys, "expose a Multi-AZ DB instance"},
		{"Does the standby keep its address over failovers?", sequences, "reboot a test database with failover, twice"},
		{"How long after its registration did a target serve?", durations, "reboot a test database with failover"},
		{"What is in a connection notification?", bodies, noConnection},
	} {
		seen, err := g.ask(ctx, v)
		switch {
		case err != nil:
			seen = []string{NotSeen + ": " + unread(err)}
		case len(seen) == 0:
			seen = []string{NotSeen + ": " + g.first}
		}
		facts = append(facts, Fact{g.question, seen})
	}
	return facts
}

// standbys tells of each exposed Multi-AZ instance which of RDS's interfaces carry its groups, and where.
func standbys(ctx context.Context, v *view) (seen []string, err error) {
	instances, err := v.instances(ctx)
	if err != nil {
		return nil, err
	}
	exposures, err := v.exposures(ctx)
	for _, e := range exposures {
		b, bound, err := v.binding(ctx, e)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(instances, func(i rdstypes.DBInstance) bool {
			return bound && aws.ToString(i.DBInstanceArn) == b.DatabaseARN && aws.ToBool(i.MultiAZ)
		})
		if i < 0 {
			continue
		}
		text, err := v.standby(ctx, instances[i], b.VPCID)
		if err != nil {
			return nil, err
		}
		seen = append(seen, text)
	}
	return seen, err
}

func (v *view) standby(ctx context.Context, i rdstypes.DBInstance, vpc string) (string, error) {
	all, err := v.interfaces(ctx, "description", "RDSNetworkInterface")
	if err != nil {
		return "", err
	}
	groups := groupIDs(i.VpcSecurityGroups)
	var found []string
	for _, n := range all {
		if carries(n, groups) && aws.ToString(n.VpcId) == vpc {
			found = append(found, fmt.Sprintf("%s in %s", aws.ToString(n.PrivateIpAddress), aws.ToString(n.AvailabilityZone)))
		}
	}
	return fmt.Sprintf("%s is in %s, its standby in %s. Interfaces with its groups: %s", aws.ToString(i.DBInstanceIdentifier),
		aws.ToString(i.AvailabilityZone), aws.ToString(i.SecondaryAvailabilityZone), strings.Join(found, ", ")), nil
}

// sequences are the addresses that each exposure's database has had, in their order.
func sequences(ctx context.Context, v *view) (seen []string, err error) {
	lines, err := v.moves(ctx)
	addresses := map[string][]string{}
	for _, l := range lines {
		e, target := l.Text("exposure"), l.Text("target")
		if had := addresses[e]; l.Text("msg") == "register target" && (len(had) == 0 || had[len(had)-1] != target) {
			addresses[e] = append(had, target)
		}
	}
	for _, e := range sorted(addresses) {
		if len(addresses[e]) > 1 {
			seen = append(seen, e+": "+strings.Join(addresses[e], ", then "))
		}
	}
	return seen, err
}

func durations(ctx context.Context, v *view) (seen []string, err error) {
	took, err := v.served(ctx)
	for _, what := range sorted(took) {
		seen = append(seen, what+": at most "+took[what].Round(time.Second).String())
	}
	return seen, err
}

func bodies(ctx context.Context, v *view) ([]string, error) {
	body, err := notification(ctx, v)
	if body == "" || err != nil {
		return nil, err
	}
	return []string{body}, nil
}
