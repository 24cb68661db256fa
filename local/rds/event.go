package rds

import (
	"time"

	"github.com/rdslink/rdslink/local/model"
)

// event is a kind of RDS event (AmazonRDS/latest/UserGuide/USER_Events.Messages.html).
type event struct{ id, category, message string }

var (
	instanceDeleted   = event{"RDS-EVENT-0003", "deletion", "DB instance deleted"}
	instanceCreated   = event{"RDS-EVENT-0005", "creation", "DB instance created"}
	instanceRestarted = event{"RDS-EVENT-0006", "availability", "DB instance restarted"}
	failoverStarted   = event{"RDS-EVENT-0013", "failover", "Multi-AZ instance failover started."}
	failoverCompleted = event{"RDS-EVENT-0049", "failover", "Multi-AZ instance failover completed."}
	instanceStopped   = event{"RDS-EVENT-0087", "notification", "DB instance stopped"}
	instanceStarted   = event{"RDS-EVENT-0088", "notification", "DB instance started"}
)

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

func (s *Service) publish(i *instance, e event) {
	if s.world.Publish == nil {
		return
	}
	s.world.Publish(model.Event{
		Account: i.account, Source: "aws.rds", DetailType: "RDS DB Instance Event", Resources: []string{i.arn},
		Detail: detail{
			EventCategories: []string{e.category}, SourceType: "DB_INSTANCE", SourceArn: i.arn,
			Date:    time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
			Message: e.message, SourceIdentifier: i.id, EventID: e.id,
		},
	})
}
