package database

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/rdslink/rdslink/internal/outcome"
)

// Topology is what RDS says now of a database that is exposed already.
type Topology struct {
	Exists           bool
	Status           string
	Host             string // empty while the database has no endpoint
	Port             int
	SecurityGroupIDs []string // the active ones
	Members          []Member // of a cluster
}

// Member is an instance of a cluster.
type Member struct {
	Identifier string
	Host       string // its own endpoint; empty while it has none
	Writer     bool
}

// Writer is the one member that takes writes. There is none while RDS cannot tell.
func (t Topology) Writer() (Member, bool) {
	var writers []Member
	for _, member := range t.Members {
		if member.Writer {
			writers = append(writers, member)
		}
	}
	if len(writers) != 1 || writers[0].Host == "" {
		return Member{}, false
	}
	return writers[0], true
}

// Observe asks RDS for the topology behind the endpoint of a database. A database that is gone is an answer, not an error.
func Observe(ctx context.Context, api TopologyAPI, databaseARN, kind, endpoint string) (Topology, error) {
	parsed, err := arn.Parse(databaseARN)
	if err != nil {
		return Topology{}, fmt.Errorf("observe database %s: %w", databaseARN, err)
	}
	observe, known := map[string]func(context.Context, TopologyAPI, string) (Topology, error){
		Instance: observeInstance, Cluster: observeCluster, Proxy: observeProxy,
	}[kind]
	if !known || endpoint != Writer {
		return Topology{}, outcome.Failed("observe database %s: no topology for endpoint %s of kind %s: report it as a fault of rdslink",
			databaseARN, endpoint, kind)
	}
	_, identifier, _ := strings.Cut(parsed.Resource, ":")
	return observe(ctx, api, strings.ToLower(identifier))
}
