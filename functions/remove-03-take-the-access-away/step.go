package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/hostedzone"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
)

// Input is the exposure.
type Input struct {
	Execution string `json:"execution"`
	Exposure  string `json:"exposure"`

	Members []string `json:"members"` // of a link, the exposures on it
}

// Output is what stays: a record that somebody has changed.
type Output struct {
	Left []belongings.Left `json:"left"`
}

type serviceAPI interface {
	DescribeVpcEndpointServicePermissions(context.Context, *ec2.DescribeVpcEndpointServicePermissionsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointServicePermissionsOutput, error)
	ModifyVpcEndpointServicePermissions(context.Context, *ec2.ModifyVpcEndpointServicePermissionsInput, ...func(*ec2.Options)) (*ec2.ModifyVpcEndpointServicePermissionsOutput, error)
	RejectVpcEndpointConnections(context.Context, *ec2.RejectVpcEndpointConnectionsInput, ...func(*ec2.Options)) (*ec2.RejectVpcEndpointConnectionsOutput, error)
	DeleteVpcEndpointConnectionNotifications(context.Context, *ec2.DeleteVpcEndpointConnectionNotificationsInput, ...func(*ec2.Options)) (*ec2.DeleteVpcEndpointConnectionNotificationsOutput, error)
	DeleteVpcEndpointServiceConfigurations(context.Context, *ec2.DeleteVpcEndpointServiceConfigurationsInput, ...func(*ec2.Options)) (*ec2.DeleteVpcEndpointServiceConfigurationsOutput, error)
}

type scheduleAPI interface {
	DeleteSchedule(context.Context, *scheduler.DeleteScheduleInput, ...func(*scheduler.Options)) (*scheduler.DeleteScheduleOutput, error)
}

type registryAPI interface {
	Get(ctx context.Context, id string) (registry.Exposure, error)
	Remove(ctx context.Context, id, execution string) error
}

type takeTheAccessAway struct {
	found     belongings.Cloud
	services  serviceAPI
	schedules scheduleAPI
	zones     hostedzone.Changer
	registry  registryAPI
}

// run marks the exposure first, so that nobody takes for trouble what is meant.
func (s takeTheAccessAway) run(ctx context.Context, in Input) (Output, error) {
	for _, id := range belongings.With(in.Exposure, in.Members) {
		if err := s.registry.Remove(ctx, id, in.Execution); err != nil {
			return Output{}, err
		}
		if err := s.deleteSchedule(ctx, id); err != nil {
			return Output{}, err
		}
	}
	services, err := s.found.Services(ctx, in.Exposure)
	if err != nil {
		return Output{}, err
	}
	for _, service := range services {
		if err := s.close(ctx, service); err != nil {
			return Output{}, err
		}
	}
	return s.deleteRecord(ctx, in.Exposure)
}

// deleteRecord takes the proof of the service's private DNS name out of its domain, if a step has put it there. The name has
// gone with the service.
func (s takeTheAccessAway) deleteRecord(ctx context.Context, id string) (Output, error) {
	out := Output{Left: []belongings.Left{}}
	exposure, err := s.registry.Get(ctx, id)
	if err != nil || exposure.PrivateName == nil || exposure.PrivateName.ZoneID == "" {
		return out, err
	}
	name := exposure.PrivateName
	why, err := hostedzone.TXT{ZoneID: name.ZoneID, Name: name.Record, Value: name.Value}.Delete(ctx, s.zones)
	if why != "" {
		out.Left = append(out.Left, belongings.Left{Thing: belongings.Thing{Kind: belongings.TXTRecord, ID: name.Record}, Why: why})
	}
	return out, err
}

func (s takeTheAccessAway) deleteSchedule(ctx context.Context, id string) error {
	there, err := s.found.HasSchedule(ctx, id)
	if err != nil || !there {
		return err
	}
	group := s.found.Owner.Name.ScheduleGroup()
	slog.InfoContext(ctx, "delete schedule", "name", id)
	_, err = s.schedules.DeleteSchedule(ctx, &scheduler.DeleteScheduleInput{Name: &id, GroupName: &group})
	if _, gone := errors.AsType[*schedulertypes.ResourceNotFoundException](err); err != nil && !gone {
		return fmt.Errorf("delete schedule %s: %w", id, err)
	}
	return nil
}

// close takes principals before connections: a consumer that is still let in asks again as soon as it is rejected.
func (s takeTheAccessAway) close(ctx context.Context, service types.ServiceConfiguration) error {
	id := aws.ToString(service.ServiceId)
	if strings.EqualFold(string(service.ServiceState), string(types.ServiceStateDeleting)) {
		return outcome.NotReady("endpoint service %s is being deleted", id)
	}
	if err := s.removePrincipals(ctx, id); err != nil {
		return err
	}
	if err := s.reject(ctx, id); err != nil {
		return err
	}
	if err := s.deleteNotifications(ctx, id); err != nil {
		return err
	}
	return s.deleteService(ctx, id)
}

func (s takeTheAccessAway) removePrincipals(ctx context.Context, id string) error {
	var allowed []string
	pages := ec2.NewDescribeVpcEndpointServicePermissionsPaginator(s.services, &ec2.DescribeVpcEndpointServicePermissionsInput{ServiceId: &id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("describe permissions of endpoint service %s: %w", id, outcome.Unseen(err))
		}
		for _, p := range page.AllowedPrincipals {
			allowed = append(allowed, aws.ToString(p.Principal))
		}
	}
	if len(allowed) == 0 {
		return nil
	}
	slog.InfoContext(ctx, "modify endpoint service permissions", "serviceId", id, "remove", allowed)
	_, err := s.services.ModifyVpcEndpointServicePermissions(ctx, &ec2.ModifyVpcEndpointServicePermissionsInput{
		ServiceId: &id, RemoveAllowedPrincipals: allowed,
	})
	if err != nil {
		return fmt.Errorf("modify permissions of endpoint service %s: %w", id, outcome.Unseen(err))
	}
	return nil
}

// reject ends the connections. What comes of it the next look shows: a 200 is not success.
func (s takeTheAccessAway) reject(ctx context.Context, id string) error {
	live, err := s.live(ctx, id)
	if err != nil || len(live) == 0 {
		return err
	}
	slog.InfoContext(ctx, "reject connections", "serviceId", id, "vpcEndpointIds", live)
	out, err := s.services.RejectVpcEndpointConnections(ctx, &ec2.RejectVpcEndpointConnectionsInput{ServiceId: &id, VpcEndpointIds: live})
	if err != nil {
		return fmt.Errorf("reject connections of endpoint service %s: %w", id, outcome.Unseen(err))
	}
	if live, err = s.live(ctx, id); err != nil || len(live) == 0 {
		return err
	}
	return outcome.NotReady("connections %s of endpoint service %s are live yet%s", strings.Join(live, ", "), id, reason(out.Unsuccessful))
}

func (s takeTheAccessAway) live(ctx context.Context, id string) (endpoints []string, err error) {
	all, err := connection.To(ctx, s.found.Network, id)
	for _, c := range all {
		if c.Live() {
			endpoints = append(endpoints, c.VPCEndpointID)
		}
	}
	return endpoints, err
}

func (s takeTheAccessAway) deleteNotifications(ctx context.Context, id string) error {
	all, err := s.found.Notifications(ctx, id)
	if err != nil || len(all) == 0 {
		return err
	}
	slog.InfoContext(ctx, "delete connection notifications", "connectionNotificationIds", all)
	out, err := s.services.DeleteVpcEndpointConnectionNotifications(ctx, &ec2.DeleteVpcEndpointConnectionNotificationsInput{
		ConnectionNotificationIds: all,
	})
	if err != nil {
		return fmt.Errorf("delete connection notifications of endpoint service %s: %w", id, err)
	}
	if len(out.Unsuccessful) > 0 {
		return outcome.NotReady("connection notifications of endpoint service %s are there yet%s", id, reason(out.Unsuccessful))
	}
	return nil
}

// deleteService waits for the deletion: a load balancer cannot be deleted before. While EC2 still counts a connection that
// was rejected, it refuses.
func (s takeTheAccessAway) deleteService(ctx context.Context, id string) error {
	slog.InfoContext(ctx, "delete endpoint service", "serviceId", id)
	out, err := s.services.DeleteVpcEndpointServiceConfigurations(ctx,
		&ec2.DeleteVpcEndpointServiceConfigurationsInput{ServiceIds: []string{id}})
	if err != nil {
		return fmt.Errorf("delete endpoint service %s: %w", id, outcome.Unseen(err))
	}
	for _, item := range out.Unsuccessful {
		err := error(&smithy.GenericAPIError{Code: aws.ToString(item.Error.Code), Message: aws.ToString(item.Error.Message)})
		if aws.ToString(item.Error.Code) == "ExistingVpcEndpointConnections" {
			return outcome.NotReady("delete endpoint service %s: %w", id, err)
		}
		if err := outcome.Unseen(err); err != nil {
			return fmt.Errorf("delete endpoint service %s: %w", id, err)
		}
	}
	return outcome.NotReady("endpoint service %s is being deleted", id)
}

// reason is what EC2 says of what it did not do.
func reason(items []types.UnsuccessfulItem) string {
	if len(items) == 0 {
		return ""
	}
	return fmt.Sprintf(": %s: %s", aws.ToString(items[0].Error.Code), aws.ToString(items[0].Error.Message))
}
