package rds

import (
	"fmt"
	"time"

	"github.com/rdslink/rdslink/local/model"
)

// event is a kind of RDS event (AmazonRDS/latest/UserGuide/USER_Events.Messages.html).
type event struct{ id, category, message string }

var (
	instanceDeleted   = event{"RDS-EVENT-0003", "deletion", "DB instance deleted"}
	instanceShutDown  = event{"RDS-EVENT-0004", "availability", "DB instance shutdown"}
	instanceCreated   = event{"RDS-EVENT-0005", "creation", "DB instance created"}
	instanceRestarted = event{"RDS-EVENT-0006", "availability", "DB instance restarted"}
	failoverStarted   = event{"RDS-EVENT-0013", "failover", "Multi-AZ instance failover started."}
	failoverCompleted = event{"RDS-EVENT-0049", "failover", "Multi-AZ instance failover completed."}
	instanceStopped   = event{"RDS-EVENT-0087", "notification", "DB instance stopped"}
	instanceStarted   = event{"RDS-EVENT-0088", "notification", "DB instance started"}
	topologyUpdated   = event{"RDS-EVENT-0385", "notification", "Cluster topology is updated."}

	deploymentCreated = event{"RDS-EVENT-0244", "creation",
		"Blue/green deployment tasks completed. You can make more modifications to the green environment databases " +
			"or switch over the deployment."}
	switchoverCompleted = event{"RDS-EVENT-0248", "notification", "Switchover completed on blue/green deployment."}

	clusterCreated = event{"RDS-EVENT-0170", "creation", "DB cluster created"}
	clusterDeleted = event{"RDS-EVENT-0171", "deletion", "DB cluster deleted"}
)

// The events that name the instance that takes over.

func clusterFailoverCompleted(to *instance) event {
	return event{"RDS-EVENT-0071", "failover", "Completed failover to DB instance: " + to.id}
}

func clusterFailoverStarted(from, to *instance) event {
	if from.zone == to.zone {
		return event{"RDS-EVENT-0072", "failover", "Started same AZ failover to DB instance: " + to.id}
	}
	return event{"RDS-EVENT-0073", "failover", "Started cross AZ failover to DB instance: " + to.id}
}

// Those of a blue/green deployment, which are about the deployment, not about its databases.

func switchoverStarted(d *deployment) event {
	return event{"RDS-EVENT-0247", "notification", fmt.Sprintf("Switchover from %s to %s started.", d.blue.id, d.green.id)}
}

func memberSwitchoverStarted(d *deployment) event {
	return event{"RDS-EVENT-0250", "notification", fmt.Sprintf("Switchover from primary %s to %s started.", d.blue.id, d.green.id)}
}

// memberSwitchoverCompleted is told when both have their new names; was is what the green one was called before.
func memberSwitchoverCompleted(d *deployment, was string) event {
	return event{"RDS-EVENT-0251", "notification", fmt.Sprintf("Switchover from primary %s to %s completed. Renamed %s to %s and %s to %s.",
		d.green.id, was, d.green.id, d.blue.id, was, d.green.id)}
}

// Those of proxies (AmazonRDS/latest/UserGuide/rds-proxy.events.html). None says that a proxy's addresses changed.

func proxyCreated(p *proxy) event {
	return event{"RDS-EVENT-0203", "creation", "RDS created DB proxy " + p.id + "."}
}

// sources are the event's detail type and source type, by the kind of a resource.
var sources = map[string]struct{ detailType, sourceType string }{
	"db":       {"RDS DB Instance Event", "DB_INSTANCE"},
	"cluster":  {"RDS DB Cluster Event", "CLUSTER"},
	"db-proxy": {"RDS DB Proxy Event", "DB_PROXY"},

	"deployment": {"RDS Blue Green Deployment Event", "BLUE_GREEN_DEPLOYMENT"},
}

// detail is what an RDS event carries in EventBridge (AmazonRDS/latest/UserGuide/rds-cloud-watch-events.html).
type detail struct {
	EventCategories  []string
	SourceType       string
	SourceArn        string
	Date             string
	Message          string
	SourceIdentifier string
	EventID          string
}

func (s *Service) publish(r *resource, e event) {
	if s.world.Publish == nil {
		return
	}
	source := sources[r.kind]
	s.world.Publish(model.Event{
		Account: r.account, Source: "aws.rds", DetailType: source.detailType, Resources: []string{r.arn},
		Detail: detail{
			EventCategories: []string{e.category}, SourceType: source.sourceType, SourceArn: r.arn,
			Date:    time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
			Message: e.message, SourceIdentifier: r.id, EventID: e.id,
		},
	})
}
