package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/handoff"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
)

// unexpected are the connections, and the requests, of accounts that the exposure is not made for. A principal that is taken
// away keeps what it has (docs.aws.amazon.com/vpc/latest/privatelink/configure-endpoint-service.html), so they are rejected
// where the input says so, and else told: here to whoever started the execution, to the operators by the observer.
func (s allowPrincipals) unexpected(ctx context.Context, in Input, exposure registry.Exposure) ([]handoff.Unexpected, error) {
	all := []handoff.Unexpected{}
	found, err := connection.To(ctx, s.services, in.ServiceID)
	if in.Removed != connection.RejectRemoved && outcome.DoWithout(ctx, err, "who is connected, which the observer tells") {
		return all, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look who is connected: %w", outcome.Unseen(err))
	}
	for _, c := range found {
		if !c.Live() || connection.Expected(exposure, c.Owner) {
			continue
		}
		slog.WarnContext(ctx, "connection of an account that is not expected", "exposure", in.Exposure, "vpcEndpointId", c.VPCEndpointID,
			"owner", c.Owner, "state", c.State)
		u := handoff.StillConnected(in.Exposure, in.Region, c)
		if in.Removed == connection.RejectRemoved {
			if err := s.reject(ctx, in, c); err != nil {
				return nil, err
			}
			u.State, u.Next = connection.Rejected, `rejected by this execution, as "removed" in its input says`
		}
		all = append(all, u)
	}
	return all, nil
}

// reject records what it is about to do, as every decision is.
func (s allowPrincipals) reject(ctx context.Context, in Input, c connection.Connection) error {
	now := s.now()
	decision := registry.Decision{
		EndpointID: c.VPCEndpointID, Action: bus.Reject, By: registry.Self, Reason: "removed is reject in " + in.Execution, Time: now,
	}
	// The input has the last word: whatever was decided before gives way.
	if _, err := s.registry.AddDecision(ctx, in.Exposure, decision, now.Add(registry.Settled)); err != nil {
		return err
	}
	out, err := s.services.RejectVpcEndpointConnections(ctx, &ec2.RejectVpcEndpointConnectionsInput{
		ServiceId: &in.ServiceID, VpcEndpointIds: []string{c.VPCEndpointID},
	})
	if err != nil {
		return fmt.Errorf("reject connection %s: %w", c.VPCEndpointID, err)
	}
	if len(out.Unsuccessful) == 0 {
		return nil
	}
	return s.refused(ctx, in, c, aws.ToString(out.Unsuccessful[0].Error.Message))
}

// refused looks once more at a connection that EC2 did not reject: somebody may have been faster.
func (s allowPrincipals) refused(ctx context.Context, in Input, c connection.Connection, why string) error {
	found, err := connection.To(ctx, s.services, in.ServiceID)
	if err != nil {
		return err
	}
	for _, now := range found {
		if now.VPCEndpointID == c.VPCEndpointID && now.Live() {
			return outcome.NotReady("reject connection %s of account %s, which is %s: %s", c.VPCEndpointID, c.Owner, now.State, why)
		}
	}
	return nil
}
