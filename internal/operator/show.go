package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/inspect"
	"github.com/rdslink/rdslink/internal/nearest"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

// Shown is an exposure in full.
type Shown struct {
	Overview
	Accounts    []string          `json:"accounts"` // whose requests are expected
	ServiceName string            `json:"serviceName,omitempty"`
	Port        int32             `json:"port,omitempty"` // that consumers connect to
	RequestedBy string            `json:"requestedBy,omitempty"`
	RequestedAt time.Time         `json:"requestedAt,omitzero"`
	Started     time.Time         `json:"executionStarted,omitzero"`
	Failure     string            `json:"executionError,omitempty"`
	Decisions   []Decided         `json:"decisions"`
	LastHour    *Traffic          `json:"lastHour,omitempty"`
	Hops        []inspect.Hop     `json:"hops"`
	Drift       []inspect.Finding `json:"drift"`
	On          []Overview        `json:"on,omitempty"` // the exposures of a link
	Report      inspect.Report    `json:"-"`            // the hops and the drift, and what could not be read
}

// Decided is what was done about a connection, on whose word. By is what the event claims.
type Decided struct {
	VPCEndpointID string    `json:"vpcEndpointId"`
	Decision      string    `json:"decision"`
	By            string    `json:"by,omitempty"`
	Reason        string    `json:"reason,omitempty"`
	At            time.Time `json:"at"`
}

// Show is an exposure as the registry has it, without what no person may read, and what AWS describes of it.
func (o *Operator) Show(ctx context.Context, id string) (Shown, error) {
	s, e, err := o.look(ctx, id)
	if err != nil {
		return Shown{}, err
	}
	var trafficErr error
	if s.LastHour, trafficErr = traffic(ctx, cloudwatch.NewFromConfig(o.config), e, time.Now()); trafficErr != nil {
		s.Report.Err = errors.Join(s.Report.Err, trafficErr)
	}
	return s, nil
}

// Look is Show without the last hour's traffic, for whoever looks again and again.
func (o *Operator) Look(ctx context.Context, id string) (Shown, error) {
	s, _, err := o.look(ctx, id)
	return s, err
}

func (o *Operator) look(ctx context.Context, id string) (Shown, registry.Exposure, error) {
	shown, stack, e, err := o.find(ctx, id)
	if err != nil {
		return Shown{}, e, err
	}
	report := inspect.New(o.config, shown, stack.owner, stack.patience).Inspect(ctx, []registry.Exposure{e})[0]
	var found []connection.Connection
	var connectionsErr error
	if e.ServiceID != "" {
		found, connectionsErr = connection.To(ctx, ec2.NewFromConfig(o.config), e.ServiceID)
	}
	execution, executionErr := o.execution(ctx, e.Claim)
	s := shownOf(e, report, overview(e, found, connectionsErr == nil, string(execution.Status), time.Now()))
	if e.IsLink() {
		var onErr error
		if s.On, onErr = o.on(ctx, shown, id); onErr != nil {
			s.Report.Err = errors.Join(s.Report.Err, onErr)
		}
	}
	s.Started = aws.ToTime(execution.StartDate)
	s.Failure = strings.TrimSuffix(aws.ToString(execution.Error)+": "+aws.ToString(execution.Cause), ": ")
	if connectionsErr != nil || executionErr != nil {
		s.Report.Err = errors.Join(s.Report.Err, connectionsErr, executionErr)
	}
	return s, e, nil
}

// on are the exposures of a link, without what Step Functions says of them.
func (o *Operator) on(ctx context.Context, shown registry.Living, link string) (on []Overview, err error) {
	all, _, err := shown.Survey(ctx)
	for _, e := range all {
		if e.OnLink() && e.Link == link {
			on = append(on, overview(e, nil, false, "", time.Now()))
		}
	}
	return on, err
}

// shownOf adds to an overview what the registry has beside, and what is seen now: that comes before what the watch has told.
func shownOf(e registry.Exposure, report inspect.Report, o Overview) Shown {
	s := Shown{
		Overview: o, Accounts: e.Accounts, ServiceName: e.ServiceName, Port: e.ListenerPort,
		Decisions: []Decided{}, Hops: report.Hops, Drift: report.Drift, Report: report,
	}
	if e.Requested != nil {
		s.RequestedBy, s.RequestedAt = e.Requested.By, e.Requested.At
	}
	for _, d := range e.Decisions {
		s.Decisions = append(s.Decisions, Decided{d.EndpointID, d.Action, d.By, d.Reason, d.Time})
	}
	if hop, cut := report.CutOff(); cut && e.ScheduleName != "" {
		s.State, s.Why = CutOff, hop.Name+": "+hop.Detail
	}
	if report.Err == nil {
		s.ChangedByHand = []string{}
		for _, f := range report.Drift {
			s.ChangedByHand = append(s.ChangedByHand, f.Key)
		}
	}
	return s
}

// execution is what Step Functions tells of one; its status is forgotten where it does not know it any more.
func (o *Operator) execution(ctx context.Context, arn string) (sfn.DescribeExecutionOutput, error) {
	if arn == "" {
		return sfn.DescribeExecutionOutput{}, nil
	}
	out, err := o.executions.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if _, gone := errors.AsType[*sfntypes.ExecutionDoesNotExist](err); gone {
		return sfn.DescribeExecutionOutput{Status: forgotten}, nil
	}
	if err != nil {
		return sfn.DescribeExecutionOutput{}, fmt.Errorf("describe execution %s: %s", arn, outcome.Message(err))
	}
	return *out, nil
}

// find reads an exposure from the registry, as people may read it.
func (o *Operator) find(ctx context.Context, id string) (registry.Living, installed, registry.Exposure, error) {
	found, err := o.installed(ctx)
	if err != nil {
		return registry.Living{}, installed{}, registry.Exposure{}, err
	}
	shown := registry.NewShown(dynamodb.NewFromConfig(o.config), found.table).Living()
	exposure, err := shown.ByLink(ctx, id)
	if errors.Is(err, registry.ErrNotFound) {
		err = o.nobodyKnows(ctx, id)
	}
	return shown, found, exposure, err
}

// installed is what a stack says of itself.
type installed struct {
	table    string      // the registry's
	owner    owned.Owner // with the tags that the deployer wants on everything
	patience time.Duration
}

func (o *Operator) installed(ctx context.Context) (installed, error) {
	name := o.name.Stack()
	out, err := cloudformation.NewFromConfig(o.config).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		return installed{}, fmt.Errorf("describe stack %s: %w", name, o.at(ctx, err))
	}
	found := installed{owner: owned.Owner{Name: o.name, Tags: map[string]string{}}}
	outputs := map[string]string{}
	for _, stack := range out.Stacks {
		for _, tag := range stack.Tags {
			found.owner.Tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
		for _, output := range stack.Outputs {
			outputs[aws.ToString(output.OutputKey)] = aws.ToString(output.OutputValue)
		}
	}
	if found.table = outputs[deployment.RegistryTableOutput]; found.table == "" {
		return installed{}, fmt.Errorf("stack %s has no output %s: it is of an earlier version, deploy this one", name,
			deployment.RegistryTableOutput)
	}
	if found.patience, err = deployment.ParsePatience(outputs[deployment.PatienceOutput]); err != nil {
		return installed{}, fmt.Errorf("output %s of stack %s: %w", deployment.PatienceOutput, name, err)
	}
	return found, nil
}

// nobodyKnows says which exposures have ids like one that the registry does not know: endpoint services carry them.
func (o *Operator) nobodyKnows(ctx context.Context, id string) error {
	var ids []string
	pages := ec2.NewDescribeVpcEndpointServiceConfigurationsPaginator(ec2.NewFromConfig(o.config),
		&ec2.DescribeVpcEndpointServiceConfigurationsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("no exposure %s, and endpoint services cannot be listed: %w", id, err)
		}
		for _, service := range page.ServiceConfigurations {
			if tags := owned.FromEC2(service.Tags); (owned.Owner{Name: o.name}).Manages(tags) && tags[owned.ExposureTag] != "" {
				ids = append(ids, tags[owned.ExposureTag])
			}
		}
	}
	near := nearest.To(id, ids)
	switch {
	case len(near) > 0:
		return fmt.Errorf("no exposure %s; did you mean %s?", id, strings.Join(near, " or "))
	case len(ids) > 0:
		return fmt.Errorf("no exposure %s; there are %d others, %s among them", id, len(ids), ids[0])
	}
	return fmt.Errorf("no exposure %s, nor any other with an endpoint service", id)
}
