package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

// The resource types in the ARNs of what RDS events are about.
const (
	ofInstance   = "db"
	ofCluster    = "cluster"
	ofDeployment = "deployment"
)

// Event is a kind of RDS event.
type Event struct{ ID, About, Says string }

// Moves are the RDS events that announce a new address, or that one may be about to come, as the guides of RDS and Aurora
// list them (AmazonRDS/latest/UserGuide/USER_Events.Messages.html, and the page of that name in the AuroraUserGuide). None
// announces that a proxy's addresses changed.
var Moves = []Event{
	{"RDS-EVENT-0005", ofInstance, "DB instance created"}, // again, under a name that is exposed
	{"RDS-EVENT-0006", ofInstance, "DB instance restarted"},
	{"RDS-EVENT-0013", ofInstance, "Multi-AZ instance failover started"},
	{"RDS-EVENT-0014", ofInstance, "Finished applying modification to DB instance class"},
	{"RDS-EVENT-0015", ofInstance, "Multi-AZ failover to standby complete - DNS propagation may take a few minutes"},
	{"RDS-EVENT-0021", ofInstance, "Recovery of the DB instance is complete"},
	{"RDS-EVENT-0027", ofInstance, "Finished applying off-line patches to DB instance"},
	{"RDS-EVENT-0049", ofInstance, "Multi-AZ instance failover completed"},
	{"RDS-EVENT-0050", ofInstance, "Multi-AZ instance activation started"},
	{"RDS-EVENT-0051", ofInstance, "Multi-AZ instance activation completed"},
	{"RDS-EVENT-0065", ofInstance, "Recovered from partial failover"},
	{"RDS-EVENT-0088", ofInstance, "DB instance started"},
	{"RDS-EVENT-0385", ofInstance, "Cluster topology is updated"},

	{"RDS-EVENT-0070", ofCluster, "Promoting previous primary again"},
	{"RDS-EVENT-0071", ofCluster, "Completed failover to DB instance"},
	{"RDS-EVENT-0072", ofCluster, "Started same AZ failover to DB instance"},
	{"RDS-EVENT-0073", ofCluster, "Started cross AZ failover to DB instance"},
	{"RDS-EVENT-0151", ofCluster, "DB cluster started"},
	{"RDS-EVENT-0170", ofCluster, "DB cluster created"},
	{"RDS-EVENT-0172", ofCluster, "Renamed cluster"},

	{"RDS-EVENT-0247", ofDeployment, "Switchover started"},
	{"RDS-EVENT-0248", ofDeployment, "Switchover completed on blue/green deployment"},
	{"RDS-EVENT-0249", ofDeployment, "Switchover canceled on blue/green deployment"},
	{"RDS-EVENT-0250", ofDeployment, "Switchover from primary/read replica started"},
	{"RDS-EVENT-0251", ofDeployment, "Switchover from primary/read replica completed"},
	{"RDS-EVENT-0252", ofDeployment, "Switchover from primary/read replica was canceled"},
	{"RDS-EVENT-0259", ofDeployment, "Switchover from DB cluster started"},
	{"RDS-EVENT-0260", ofDeployment, "Switchover from DB cluster completed"},
	{"RDS-EVENT-0261", ofDeployment, "Switchover from DB cluster was canceled"},
}

// Switchovers are the ids of those events that say that a blue/green deployment was switched over.
var Switchovers = []string{"RDS-EVENT-0248", "RDS-EVENT-0251", "RDS-EVENT-0260"}

// EventAPI is what RDS is asked for when it has sent an event.
type EventAPI interface {
	TopologyAPI
	DescribeBlueGreenDeployments(
		context.Context, *rds.DescribeBlueGreenDeploymentsInput, ...func(*rds.Options),
	) (*rds.DescribeBlueGreenDeploymentsOutput, error)
}

// Meant are the ARNs of the databases that an event's source speaks for beside itself: the cluster of a member, the
// databases of both environments of a blue/green deployment, under the names that they have now.
func Meant(ctx context.Context, api EventAPI, sourceARN string) ([]string, error) {
	parsed, err := arn.Parse(sourceARN)
	if err != nil {
		return nil, outcome.BadInput("find the databases of an RDS event: %q is no ARN", sourceARN)
	}
	switch resource, identifier, _ := strings.Cut(parsed.Resource, ":"); resource {
	case ofInstance:
		cluster, err := clusterOf(ctx, api, parsed, identifier)
		if cluster == "" {
			return nil, err
		}
		return []string{cluster}, err
	case ofCluster:
		return nil, nil
	case ofDeployment:
		return switched(ctx, api, identifier)
	}
	return nil, outcome.BadInput("find the databases of an RDS event: its source is %s, which no event of a move has", sourceARN)
}

// clusterOf is the ARN of the cluster that an instance is a member of; empty for any other, and for one that is gone.
func clusterOf(ctx context.Context, api TopologyAPI, instanceARN arn.ARN, identifier string) (string, error) {
	instance, found, err := describeInstance(ctx, api, strings.ToLower(identifier))
	if err != nil || !found || instance.DBClusterIdentifier == nil {
		return "", err
	}
	instanceARN.Resource = ofCluster + ":" + *instance.DBClusterIdentifier
	return instanceARN.String(), nil
}

// switched are the databases of a blue/green deployment. One that was deleted right after its switchover tells nothing any
// more.
func switched(ctx context.Context, api EventAPI, identifier string) ([]string, error) {
	out, err := api.DescribeBlueGreenDeployments(ctx, &rds.DescribeBlueGreenDeploymentsInput{BlueGreenDeploymentIdentifier: &identifier})
	if _, missing := errors.AsType[*types.BlueGreenDeploymentNotFoundFault](err); missing {
		slog.WarnContext(ctx, "blue/green deployment is gone: the next tick follows what it switched", "deployment", identifier)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("describe blue/green deployment %s: %w", identifier, err)
	}
	var all []string
	for _, d := range out.BlueGreenDeployments {
		all = append(all, aws.ToString(d.Source), aws.ToString(d.Target))
		for _, member := range d.SwitchoverDetails {
			all = append(all, aws.ToString(member.SourceMember), aws.ToString(member.TargetMember))
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(a string) bool { return !isDatabase(a) }), nil
}

func isDatabase(resourceARN string) bool {
	parsed, err := arn.Parse(resourceARN)
	resource, _, _ := strings.Cut(parsed.Resource, ":")
	return err == nil && (resource == ofInstance || resource == ofCluster)
}
