package rds

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdslink/rdslink/local/wire"
)

// How long an operation takes for which nobody has published a figure.
const (
	reboot     = time.Minute
	stopOrWake = 2 * time.Minute
)

// restartLag is how long after "failover completed" the instance reports that it restarted
// (repost.aws/knowledge-center/rds-connections-reboot-failover).
const restartLag = 15 * time.Second

// work runs slow without the lock, for as long as AWS takes or as it takes here, and then done with it.
func (s *Service) work(r *resource, takes time.Duration, slow func(context.Context) error, done func()) {
	until := time.Now().Add(s.world.Takes(r.arn, takes))
	go func() {
		err := slow(context.Background())
		time.Sleep(time.Until(until))
		s.world.Lock()
		defer s.world.Unlock()
		if err != nil {
			slog.Error("database failed", "resource", r.arn, "status", r.status, "error", err)
			r.status = failed
			return
		}
		done()
	}()
}

// start is the work of starting the server where the instance's address now is.
func (i *instance) start() func(context.Context) error {
	server, vpc, at := i.server, i.subnetGroup.vpc, i.addrPort()
	return func(ctx context.Context) error { return server.Start(ctx, vpc, at) }
}

// stop is the work of stopping the server.
func (i *instance) stop() func(context.Context) error {
	server := i.server
	return func(context.Context) error {
		server.Stop()
		return nil
	}
}

// idle finds an instance that an operation may begin with.
func (s *Service) idle(ctx context.Context, id *string) (*instance, error) {
	i, err := s.instance(ctx, aws.ToString(id))
	if err != nil {
		return nil, err
	}
	if i.status != available {
		return nil, wire.Errorf("InvalidDBInstanceState", "Instance %s is not in available state.", i.id)
	}
	return i, nil
}

// rebootDBInstance restarts the server, or makes the standby the primary.
func (s *Service) rebootDBInstance(ctx context.Context, in *rds.RebootDBInstanceInput) (*rds.RebootDBInstanceOutput, error) {
	i, err := s.idle(ctx, in.DBInstanceIdentifier)
	if err != nil {
		return nil, err
	}
	over := aws.ToBool(in.ForceFailover)
	if over && !i.multiAZ {
		return nil, wire.Errorf("InvalidParameterCombination", "Cannot reboot with failover an instance that is not Multi-AZ: %s", i.id)
	}
	i.status = rebooting
	if over {
		s.failOver(i)
	} else {
		s.restart(i)
	}
	return &rds.RebootDBInstanceOutput{DBInstance: s.describe(i)}, nil
}

func (s *Service) restart(i *instance) {
	server, start := i.server, i.start()
	s.work(&i.resource, reboot, func(ctx context.Context) error {
		server.Stop()
		return start(ctx)
	}, func() {
		i.status = available
		s.publish(&i.resource, instanceRestarted)
	})
}

// failOver takes the primary down, and the standby's zone over when AWS's time has passed. The events come in the order of
// repost.aws/knowledge-center/rds-connections-reboot-failover: 0013, 0049, and 0006 last.
func (s *Service) failOver(i *instance) {
	s.publish(&i.resource, failoverStarted)
	s.work(&i.resource, s.world.Delays.DatabaseFailover, i.stop(), func() { s.promote(i) })
}

// promote starts the server with a new address in the standby's zone. The old address is free then, for anyone.
func (s *Service) promote(i *instance) {
	nic, err := s.attach(i, i.secondary)
	if err != nil {
		slog.Error("DB instance cannot fail over", "instance", i.arn, "error", err)
		i.status = failed
		return
	}
	s.interfaces.Detach(i.nic.ID)
	i.nic = nic
	i.zone, i.secondary = i.secondary, i.zone
	s.work(&i.resource, 0, i.start(), func() {
		s.publishName(i)
		s.publish(&i.resource, failoverCompleted)
		s.world.After(restartLag, func() {
			i.status = available
			s.publish(&i.resource, instanceRestarted)
		})
	})
}

func (s *Service) stopDBInstance(ctx context.Context, in *rds.StopDBInstanceInput) (*rds.StopDBInstanceOutput, error) {
	i, err := s.idle(ctx, in.DBInstanceIdentifier)
	if err != nil {
		return nil, err
	}
	if i.cluster != nil {
		return nil, wire.Errorf("InvalidDBInstanceState",
			"The local cloud does not stop members of DB clusters: %s is one of %s.", i.id, i.cluster.id)
	}
	i.status = stopping
	s.work(&i.resource, stopOrWake, i.stop(), func() {
		i.status = stopped
		s.publish(&i.resource, instanceStopped)
	})
	return &rds.StopDBInstanceOutput{DBInstance: s.describe(i)}, nil
}

func (s *Service) startDBInstance(ctx context.Context, in *rds.StartDBInstanceInput) (*rds.StartDBInstanceOutput, error) {
	i, err := s.instance(ctx, aws.ToString(in.DBInstanceIdentifier))
	if err != nil {
		return nil, err
	}
	if i.status != stopped {
		return nil, wire.Errorf("InvalidDBInstanceState", "Instance %s is not stopped or is in an invalid state.", i.id)
	}
	i.status = starting
	s.work(&i.resource, stopOrWake, i.start(), func() {
		i.status = available
		s.publish(&i.resource, instanceStarted)
	})
	return &rds.StartDBInstanceOutput{DBInstance: s.describe(i)}, nil
}
