package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/drift"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

// Input is what the state machine passes.
type Input struct {
	Execution           string   `json:"execution"`
	RetryCount          int      `json:"retryCount"`
	Exposure            string   `json:"exposure"`
	DatabaseARN         string   `json:"databaseArn"`
	LoadBalancerARN     string   `json:"loadBalancerArn"`
	VendorZoneSubnetIDs []string `json:"vendorZoneSubnetIds"`
	SupportedRegions    []string `json:"supportedRegions"`
	PrivateDNSName      string   `json:"privateDnsName"` // empty for none
}

// Output is what consumers and later steps need. AZ names differ from account to account, so the AZs go by their ids.
type Output struct {
	ServiceID           string   `json:"serviceId"`
	ServiceName         string   `json:"serviceName"`
	AvailabilityZoneIDs []string `json:"availabilityZoneIds"`
	ZoneIDsLeftOut      []string `json:"zoneIdsLeftOut"` // the load balancer is there, and PrivateLink is not
	PrivateDNSName      string   `json:"privateDnsName"` // empty while it is not verified
	NameOpen            bool     `json:"nameOpen"`       // and is to be looked at again
	LookSeconds         int      `json:"lookSeconds"`    // after so long
}

type balancerAPI interface {
	DescribeLoadBalancers(context.Context, *elb.DescribeLoadBalancersInput, ...func(*elb.Options)) (*elb.DescribeLoadBalancersOutput, error)
}

type serviceAPI interface {
	owned.EC2TagAPI
	DescribeVpcEndpointServiceConfigurations(context.Context, *ec2.DescribeVpcEndpointServiceConfigurationsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointServiceConfigurationsOutput, error)
	CreateVpcEndpointServiceConfiguration(context.Context, *ec2.CreateVpcEndpointServiceConfigurationInput, ...func(*ec2.Options)) (*ec2.CreateVpcEndpointServiceConfigurationOutput, error)
	ModifyVpcEndpointServiceConfiguration(context.Context, *ec2.ModifyVpcEndpointServiceConfigurationInput, ...func(*ec2.Options)) (*ec2.ModifyVpcEndpointServiceConfigurationOutput, error)
	StartVpcEndpointServicePrivateDnsVerification(context.Context, *ec2.StartVpcEndpointServicePrivateDnsVerificationInput, ...func(*ec2.Options)) (*ec2.StartVpcEndpointServicePrivateDnsVerificationOutput, error)
}

type registryAPI interface {
	Get(ctx context.Context, id string) (registry.Exposure, error)
	Held(ctx context.Context, id, execution string) error
	Record(ctx context.Context, id, execution string, made func(*registry.Made)) error
}

type createEndpointService struct {
	balancers     balancerAPI
	subnets       subnetAPI
	services      serviceAPI
	notifications notificationAPI
	domains       zonesAPI
	topics        topicAPI
	registry      registryAPI
	topic         string
	operators     string
	owner         owned.Owner
	now           func() time.Time
}

func (s createEndpointService) run(ctx context.Context, in Input) (Output, error) {
	balancer, err := s.activeBalancer(ctx, in.LoadBalancerARN)
	if err != nil {
		return Output{}, err
	}
	service, exposure, err := s.service(ctx, in)
	if err != nil {
		return Output{}, err
	}
	if err := s.record(ctx, in, service, exposure); err != nil {
		return Output{}, err
	}
	if err := ready(ctx, service); err != nil {
		return Output{}, err
	}
	if err := s.correct(ctx, in, service, balancer, exposure.ServiceChange); err != nil {
		return Output{}, err
	}
	served, leftOut, err := s.zones(ctx, in, service, balancer)
	if err != nil {
		return Output{}, err
	}
	err = s.notify(ctx, in, exposure.Generation, aws.ToString(service.ServiceId))
	if err != nil && !outcome.DoWithout(ctx, err, "notifications of connections, which the observer sees a minute later") {
		return Output{}, err
	}
	out := Output{
		ServiceID:           aws.ToString(service.ServiceId),
		ServiceName:         aws.ToString(service.ServiceName),
		AvailabilityZoneIDs: served,
		ZoneIDsLeftOut:      leftOut,
	}
	if out.PrivateDNSName, out.NameOpen, err = s.privateName(ctx, in, service, exposure); err != nil {
		return Output{}, err
	}
	if out.NameOpen {
		out.LookSeconds = lookSeconds
	}
	return out, nil
}

// record keeps which service is the exposure's. What was read just now need not be read again to be left as it is.
func (s createEndpointService) record(ctx context.Context, in Input, service types.ServiceConfiguration, exposure registry.Exposure) error {
	id, name := aws.ToString(service.ServiceId), aws.ToString(service.ServiceName)
	if exposure.Claim == in.Execution && exposure.ServiceID == id && exposure.ServiceName == name &&
		exposure.ConnectionsTopicARN == s.topic && slices.Equal(exposure.SupportedRegions, in.SupportedRegions) {
		return nil
	}
	return s.registry.Record(ctx, in.Exposure, in.Execution, func(m *registry.Made) {
		m.ServiceID, m.ServiceName = id, name
		m.ConnectionsTopicARN, m.SupportedRegions = s.topic, in.SupportedRegions
	})
}

// activeBalancer waits for the load balancer: an endpoint service is refused before it is active, which takes minutes.
func (s createEndpointService) activeBalancer(ctx context.Context, arn string) (elbtypes.LoadBalancer, error) {
	out, err := s.balancers.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{arn}})
	if _, unknown := errors.AsType[*elbtypes.LoadBalancerNotFoundException](err); unknown {
		return elbtypes.LoadBalancer{}, outcome.NotReady("load balancer %s does not show yet: %w", arn, err)
	}
	if err != nil {
		return elbtypes.LoadBalancer{}, fmt.Errorf("describe load balancer %s: %w", arn, err)
	}
	if len(out.LoadBalancers) == 0 || out.LoadBalancers[0].State == nil {
		return elbtypes.LoadBalancer{}, outcome.NotReady("load balancer %s does not show yet", arn)
	}
	balancer := out.LoadBalancers[0]
	return balancer, active(ctx, arn, *balancer.State)
}

// active judges every state of a load balancer.
func active(ctx context.Context, arn string, state elbtypes.LoadBalancerState) error {
	switch state.Code {
	case elbtypes.LoadBalancerStateEnumActive, elbtypes.LoadBalancerStateEnumActiveImpaired:
		return nil
	case elbtypes.LoadBalancerStateEnumFailed:
		return outcome.Failed("load balancer %s failed: %s; delete it and start again", arn, aws.ToString(state.Reason))
	case elbtypes.LoadBalancerStateEnumProvisioning:
		return outcome.NotReady("load balancer %s is %s", arn, state.Code)
	}
	return outcome.Unknown(ctx, "state", "load balancer "+arn, string(state.Code))
}

// ready judges every state of an endpoint service that service lets through.
func ready(ctx context.Context, service types.ServiceConfiguration) error {
	id := aws.ToString(service.ServiceId)
	switch {
	case is(service, types.ServiceStateAvailable):
		return nil
	case is(service, types.ServiceStatePending), gone(service):
		return outcome.NotReady("endpoint service %s is %s", id, service.ServiceState)
	}
	return outcome.Unknown(ctx, "state", "endpoint service "+id, string(service.ServiceState))
}

// service finds or creates the exposure's endpoint service. The exposure is of the generation that it is of by then.
func (s createEndpointService) service(ctx context.Context, in Input) (types.ServiceConfiguration, registry.Exposure, error) {
	exposure, err := s.registry.Get(ctx, in.Exposure)
	if err != nil {
		return types.ServiceConfiguration{}, exposure, err
	}
	found, err := s.find(ctx, in, exposure.ServiceID)
	if err != nil {
		return types.ServiceConfiguration{}, exposure, err
	}
	if found != nil {
		if err := s.verify(in, *found); err != nil {
			return types.ServiceConfiguration{}, exposure, err
		}
		return *found, exposure, owned.RetagEC2(ctx, s.services, map[string]map[string]string{
			aws.ToString(found.ServiceId): owned.FromEC2(found.Tags),
		}, s.owner.ExposureTags(in.Exposure, in.DatabaseARN))
	}
	if exposure.ServiceID != "" {
		if exposure.Generation, err = s.raise(ctx, in, exposure); err != nil {
			return types.ServiceConfiguration{}, exposure, err
		}
		exposure.ServiceID = ""
	}
	made, err := s.create(ctx, in, exposure.Generation)
	if err != nil {
		return types.ServiceConfiguration{}, exposure, err
	}
	if gone(made) {
		// The token was used before, for a service that was deleted since: AWS answers with the dead one.
		if _, err := s.raise(ctx, in, exposure); err != nil {
			return types.ServiceConfiguration{}, exposure, err
		}
		return types.ServiceConfiguration{}, exposure, outcome.NotReady("endpoint service %s is gone: the next attempt makes another",
			aws.ToString(made.ServiceId))
	}
	return made, exposure, nil
}

// find looks for the service by its tags, and for the recorded one by its id: tags show later than what carries them.
func (s createEndpointService) find(ctx context.Context, in Input, recorded string) (*types.ServiceConfiguration, error) {
	services, err := s.describe(ctx, &ec2.DescribeVpcEndpointServiceConfigurationsInput{
		Filters: []types.Filter{{Name: aws.String("tag:" + owned.ExposureTag), Values: []string{in.Exposure}}},
	})
	if err != nil {
		return nil, fmt.Errorf("describe endpoint services of exposure %s: %w", in.Exposure, err)
	}
	if len(services) == 0 && recorded != "" {
		services, err = s.describe(ctx, &ec2.DescribeVpcEndpointServiceConfigurationsInput{ServiceIds: []string{recorded}})
		if err != nil && !missing(err) {
			return nil, fmt.Errorf("describe endpoint service %s: %w", recorded, err)
		}
	}
	// What has our tags may be of a load balancer that is no more.
	slices.SortStableFunc(services, func(a, b types.ServiceConfiguration) int {
		return cmp.Compare(in.strange(a), in.strange(b))
	})
	for _, service := range services {
		// Services stay visible for a while after their deletion.
		if !gone(service) {
			return &service, nil
		}
		if is(service, types.ServiceStateDeleting) && slices.Contains(service.NetworkLoadBalancerArns, in.LoadBalancerARN) {
			// A load balancer serves one endpoint service at a time.
			return nil, outcome.NotReady("endpoint service %s still holds the load balancer while it is deleted", aws.ToString(service.ServiceId))
		}
	}
	return nil, nil
}

// strange is 1 for a service that is not in front of our load balancer.
func (in Input) strange(service types.ServiceConfiguration) int {
	if slices.Contains(service.NetworkLoadBalancerArns, in.LoadBalancerARN) {
		return 0
	}
	return 1
}

func (s createEndpointService) describe(
	ctx context.Context, in *ec2.DescribeVpcEndpointServiceConfigurationsInput,
) ([]types.ServiceConfiguration, error) {
	var services []types.ServiceConfiguration
	pages := ec2.NewDescribeVpcEndpointServiceConfigurationsPaginator(s.services, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		services = append(services, page.ServiceConfigurations...)
	}
	return services, nil
}

func (s createEndpointService) verify(in Input, service types.ServiceConfiguration) error {
	id := aws.ToString(service.ServiceId)
	if tags := owned.FromEC2(service.Tags); !s.owner.Has(tags, in.Exposure) {
		return owned.Stranger("endpoint service "+id, tags)
	}
	if !slices.Equal(service.NetworkLoadBalancerArns, []string{in.LoadBalancerARN}) {
		return outcome.Conflict("endpoint service %s is in front of %s and should be of %s: "+
			"tear the exposure down first (docs/removing.md), then start again",
			id, strings.Join(service.NetworkLoadBalancerArns, " "), in.LoadBalancerARN)
	}
	return nil
}

// raise starts a new generation, so that nothing asks again with the token of a service that is gone.
func (s createEndpointService) raise(ctx context.Context, in Input, exposure registry.Exposure) (int, error) {
	next := exposure.Generation + 1
	slog.InfoContext(ctx, "recorded endpoint service is gone", "serviceId", exposure.ServiceID, "generation", next)
	return next, s.registry.Record(ctx, in.Exposure, in.Execution, func(m *registry.Made) {
		m.Generation, m.ServiceID, m.ServiceName = next, "", ""
	})
}

func (s createEndpointService) create(ctx context.Context, in Input, generation int) (types.ServiceConfiguration, error) {
	request := &ec2.CreateVpcEndpointServiceConfigurationInput{
		NetworkLoadBalancerArns: []string{in.LoadBalancerARN},
		AcceptanceRequired:      aws.Bool(true),
		SupportedIpAddressTypes: []string{string(types.ServiceConnectivityTypeIpv4)},
		TagSpecifications: owned.EC2TagSpecifications(types.ResourceTypeVpcEndpointService,
			s.owner.ExposureTags(in.Exposure, in.DatabaseARN)),
	}
	if len(in.SupportedRegions) > 0 { // an empty list is refused
		request.SupportedRegions = in.SupportedRegions
	}
	// The token covers every parameter: the same token with other parameters is an IdempotentParameterMismatch.
	request.ClientToken = aws.String(owned.TokenFor(in.Exposure, generation, request))
	slog.InfoContext(ctx, "create endpoint service", "loadBalancerArn", in.LoadBalancerARN, "supportedRegions", in.SupportedRegions)
	out, err := s.services.CreateVpcEndpointServiceConfiguration(ctx, request)
	if err != nil {
		return types.ServiceConfiguration{}, fmt.Errorf("create endpoint service for load balancer %s: %w",
			in.LoadBalancerARN, unknownYet(in, err))
	}
	slog.InfoContext(ctx, "created endpoint service", "serviceId", aws.ToString(out.ServiceConfiguration.ServiceId))
	return *out.ServiceConfiguration, nil
}

// patience is for how many attempts, which are 10 s apart, a change is waited for that AWS has taken and does not show.
const patience = 6

// correct changes what differs, and ends in NotReady after a change: only the next describe shows what came of it. A change
// that does not show is not asked for at each attempt. Zones that stay out after a while are left to zones: some are never
// enabled.
func (s createEndpointService) correct(
	ctx context.Context, in Input, service types.ServiceConfiguration, balancer elbtypes.LoadBalancer, asked *registry.ServiceChange,
) error {
	home, err := arn.Parse(in.LoadBalancerARN)
	if err != nil {
		return fmt.Errorf("read load balancer %q: %w", in.LoadBalancerARN, err)
	}
	change, differs := difference(in, home.Region, service)
	waiting := outside(service, balancer)
	if !differs && len(waiting) == 0 {
		return nil
	}
	id := aws.ToString(service.ServiceId)
	this := registry.ServiceChange{Execution: in.Execution, Attempt: in.RetryCount, Change: describe(change, waiting)}
	if asked != nil && asked.Execution == this.Execution && asked.Change == this.Change {
		switch since := in.RetryCount - asked.Attempt; {
		case since > 0 && since <= patience:
			return outcome.NotReady("endpoint service %s does not show what was changed yet: %s", id, this.Change)
		case !differs:
			return nil
		}
	}
	slog.InfoContext(ctx, "modify endpoint service", "serviceId", id,
		"addRegions", change.AddSupportedRegions, "removeRegions", change.RemoveSupportedRegions, "zones", waiting)
	if _, err := s.services.ModifyVpcEndpointServiceConfiguration(ctx, &change); err != nil {
		return fmt.Errorf("modify endpoint service %s: %w", id, outcome.Unseen(err))
	}
	if err := s.registry.Record(ctx, in.Exposure, in.Execution, func(m *registry.Made) { m.ServiceChange = &this }); err != nil {
		return err
	}
	return outcome.NotReady("endpoint service %s takes the load balancer's AZs and the changed settings over", id)
}

func difference(in Input, home string, service types.ServiceConfiguration) (
	change ec2.ModifyVpcEndpointServiceConfigurationInput, differs bool,
) {
	change.ServiceId = service.ServiceId
	if !aws.ToBool(service.AcceptanceRequired) {
		change.AcceptanceRequired, differs = aws.Bool(true), true
	}
	change.AddSupportedRegions, change.RemoveSupportedRegions = regions(in, home, service)
	if len(change.AddSupportedRegions)+len(change.RemoveSupportedRegions) > 0 {
		differs = true
	}
	return change, differs
}

// describe writes a change down, so that it is known again.
func describe(change ec2.ModifyVpcEndpointServiceConfigurationInput, zones []string) string {
	return fmt.Sprintf("acceptance %t, regions +%s -%s, zones +%s", aws.ToBool(change.AcceptanceRequired),
		strings.Join(change.AddSupportedRegions, " "), strings.Join(change.RemoveSupportedRegions, " "), strings.Join(zones, " "))
}

// regions compares the service's regions with the wanted ones. The service's own region is implied, whether listed or not;
// a removed region stays listed for a while and cannot be removed again.
func regions(in Input, home string, service types.ServiceConfiguration) (add, remove []string) {
	var listed []string
	for _, region := range service.SupportedRegions {
		if state := aws.ToString(region.ServiceState); !strings.EqualFold(state, "Closed") && !strings.EqualFold(state, "Deleting") {
			listed = append(listed, aws.ToString(region.Region))
		}
	}
	return drift.Without(in.SupportedRegions, append(listed, home)), drift.Without(listed, append([]string{home}, in.SupportedRegions...))
}

func gone(service types.ServiceConfiguration) bool {
	return is(service, types.ServiceStateDeleting) || is(service, types.ServiceStateDeleted) || is(service, types.ServiceStateFailed)
}

// is compares states as PrivateLink means them: its documents and its answers do not agree about upper and lower case.
func is(service types.ServiceConfiguration, state types.ServiceState) bool {
	return strings.EqualFold(string(service.ServiceState), string(state))
}

// unknownYet names what EC2 says of a load balancer that ELB shows active and EC2 does not know so yet. No page lists the
// code; HyperShift (openshift/hypershift, awsprivatelink_controller.go) waits on InvalidParameter. Regions can be invalid
// for good.
func unknownYet(in Input, err error) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "InvalidParameter" && len(in.SupportedRegions) == 0 {
		return outcome.NotReady("EC2 does not know the load balancer as active yet: %w", err)
	}
	return outcome.Unseen(err)
}

// missing tells the codes of a service that does not exist; which one comes depends on the action.
func missing(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && (api.ErrorCode() == "InvalidVpcEndpointServiceId.NotFound" || api.ErrorCode() == "InvalidVpcEndpointService.NotFound")
}
