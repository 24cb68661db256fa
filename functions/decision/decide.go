package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
)

// decide follows a ConnectionDecision as far as it holds.
func (d decision) decide(ctx context.Context, in events.EventBridgeEvent) error {
	var asked bus.Decision
	if err := json.Unmarshal(in.Detail, &asked); err != nil {
		return d.refuse(ctx, bus.Decision{}, "its detail does not read: "+err.Error())
	}
	asked = brief(asked)
	exposure, found, err := d.lookAbout(ctx, asked)
	if errors.Is(err, registry.ErrNotFound) {
		return d.refuse(ctx, asked, "there is no such exposure")
	}
	if err != nil {
		return err
	}
	asked.VPCEndpointID = remembered(exposure, in.ID, asked.VPCEndpointID)
	request, refusal := judge(exposure, found, asked)
	if refusal != "" {
		return d.refuse(ctx, asked, refusal)
	}
	if happened(asked.Decision, request) {
		return d.complete(ctx, exposure, found, request.VPCEndpointID)
	}
	return d.act(ctx, exposure, request, in.Time, registry.Decision{
		Action: asked.Decision, By: asked.By, Reason: asked.Reason, EventID: in.ID,
	})
}

// brief keeps what is stored, sent and looked up within what DynamoDB and SNS take, whatever an event holds. What people say
// is repeated in messages, logs and an execution's cause: without a password in it.
func brief(asked bus.Decision) bus.Decision {
	const longest, enough = 256, 4 << 10 // enough: of what is looked through
	for _, text := range []*string{&asked.Exposure, &asked.ServiceID, &asked.VPCEndpointID, &asked.Decision, &asked.By, &asked.Reason} {
		*text = outcome.Discreet((*text)[:min(len(*text), enough)])
		if len(*text) > longest {
			*text = strings.ToValidUTF8((*text)[:longest], "") + "..."
		}
	}
	return asked
}

// lookAbout looks at what the decision names, by its exposure or by its service.
func (d decision) lookAbout(ctx context.Context, asked bus.Decision) (registry.Exposure, []connection.Connection, error) {
	if asked.Exposure != "" {
		exposure, found, err := d.look(ctx, asked.Exposure)
		if err == nil && exposure.OnLink() { // who decides about one of its exposures decides about the link
			return d.look(ctx, exposure.Link)
		}
		return exposure, found, err
	}
	if asked.ServiceID == "" {
		return registry.Exposure{}, nil, registry.ErrNotFound
	}
	owner, known, err := d.registry.ByService(ctx, asked.ServiceID)
	if err != nil {
		return registry.Exposure{}, nil, err
	}
	if !known {
		return registry.Exposure{}, nil, registry.ErrNotFound
	}
	return d.look(ctx, owner.ID)
}

// remembered is the endpoint that the same event chose when it was delivered before, or else the one it names: by now, the
// only pending request may be another one.
func remembered(exposure registry.Exposure, eventID, named string) string {
	for _, past := range exposure.Decisions {
		if past.EventID == eventID && eventID != "" {
			return past.EndpointID
		}
	}
	return named
}

// judge finds the connection that a decision is about, or says why the decision does not hold. What the decision asks for
// may have happened already. A rejection also ends what was accepted
// (docs.aws.amazon.com/vpc/latest/privatelink/accept-reject-endpoint-requests.html).
func judge(exposure registry.Exposure, found []connection.Connection, asked bus.Decision) (request connection.Connection, refusal string) {
	if asked.Decision != bus.Accept && asked.Decision != bus.Reject {
		return request, fmt.Sprintf("it is neither %q nor %q", bus.Accept, bus.Reject)
	}
	if exposure.Removing != "" {
		return request, fmt.Sprintf("exposure %s is being removed by execution %s", exposure.ID, exposure.Removing)
	}
	if asked.ServiceID != "" && asked.ServiceID != exposure.ServiceID {
		return request, fmt.Sprintf("the service of exposure %s is %s", exposure.ID, exposure.ServiceID)
	}
	if exposure.ServiceID == "" {
		return request, fmt.Sprintf("exposure %s has no endpoint service yet, and nothing can have asked for it", exposure.ID)
	}
	request, refusal = requested(exposure, found, asked.VPCEndpointID)
	switch {
	case refusal != "":
		return request, refusal
	case happened(asked.Decision, request):
		return request, ""
	case asked.Decision == bus.Reject && request.Live():
		return request, ""
	case request.State != connection.PendingAcceptance:
		return request, fmt.Sprintf("endpoint %s is %s and not %s", request.VPCEndpointID, request.State, connection.PendingAcceptance)
	case !connection.Expected(exposure, request.Owner):
		return request, fmt.Sprintf("endpoint %s belongs to account %s, which exposure %s was not made for", request.VPCEndpointID,
			request.Owner, exposure.ID)
	}
	return request, ""
}

func requested(exposure registry.Exposure, found []connection.Connection, endpoint string) (request connection.Connection, refusal string) {
	if endpoint != "" {
		at := slices.IndexFunc(found, func(c connection.Connection) bool { return c.VPCEndpointID == endpoint })
		if at < 0 {
			return request, fmt.Sprintf("endpoint %s is not connected to %s", endpoint, exposure.ServiceID)
		}
		return found[at], ""
	}
	var pending []connection.Connection
	for _, c := range found {
		if c.State == connection.PendingAcceptance && connection.Expected(exposure, c.Owner) {
			pending = append(pending, c)
		}
	}
	switch len(pending) {
	case 0:
		return request, nobodyAsks(exposure, found)
	case 1:
		return pending[0], ""
	}
	return request, fmt.Sprintf("%d requests are pending: name one as vpcEndpointId (%s)", len(pending), listed(pending))
}

// nobodyAsks says what is waited for, who makes it, and which connections there are to name instead.
func nobodyAsks(exposure registry.Exposure, found []connection.Connection) string {
	if connection.AllowsNobody(exposure) {
		return fmt.Sprintf("nobody may ask yet: %s tells whom to allow once it has the service name %s; start again with the same input "+
			"and that ARN in principals", exposure.Consumer, exposure.ServiceName)
	}
	who := exposure.Consumer
	if len(exposure.Accounts) > 0 {
		who += " (account " + strings.Join(exposure.Accounts, " or ") + ")"
	}
	text := fmt.Sprintf("no request is pending. %s has to ask first, by making a VPC endpoint for the service %s; "+
		"this topic tells when it has, and how to decide", who, exposure.ServiceName)
	if live := slices.DeleteFunc(slices.Clone(found), func(c connection.Connection) bool { return !c.Live() }); len(live) > 0 {
		text += ". For another connection, name it as vpcEndpointId: " + listed(live)
	}
	return text
}

func listed(connections []connection.Connection) string {
	var all []string
	for _, c := range connections {
		all = append(all, fmt.Sprintf("%s of account %s is %s", c.VPCEndpointID, c.Owner, c.State))
	}
	return strings.Join(all, ", ")
}

func happened(decision string, c connection.Connection) bool {
	if decision == bus.Accept {
		return c.Accepted()
	}
	return c.State == connection.Rejected
}

// acceptExpected accepts a request without a person, where the exposure says so: only of a named account, and only up to the
// number of connections that were asked for, because a vendor's account serves all its tenants and does not prove that the
// request is for us.
func (d decision) acceptExpected(
	ctx context.Context, in events.EventBridgeEvent, exposure registry.Exposure, found []connection.Connection, endpoint string,
) error {
	if exposure.Acceptance.Mode != connection.ExpectedAccount || exposure.Removing != "" {
		return nil
	}
	for _, request := range admitted(exposure, found) {
		if request.VPCEndpointID == endpoint && request.State == connection.PendingAcceptance {
			return d.act(ctx, exposure, request, in.Time, registry.Decision{
				Action: bus.Accept, By: registry.Self, Reason: "acceptance is " + connection.ExpectedAccount, EventID: in.ID,
			})
		}
	}
	slog.InfoContext(ctx, "left to a person", "exposure", exposure.ID, "vpcEndpointId", endpoint)
	return nil
}

// admitted are the connections that have a place: the accepted ones first, then the oldest requests. Two events at once come
// to the same answer.
func admitted(exposure registry.Exposure, found []connection.Connection) []connection.Connection {
	var accepted, pending []connection.Connection
	for _, c := range found {
		switch {
		case !slices.Contains(exposure.Accounts, c.Owner):
		case c.Accepted():
			accepted = append(accepted, c)
		case c.State == connection.PendingAcceptance:
			pending = append(pending, c)
		}
	}
	candidates := slices.Concat(accepted, pending)
	return candidates[:min(len(candidates), exposure.Acceptance.MaxConnections)]
}

// act records the decision before it takes effect: nothing may be accepted without a trace. Of two decisions at once the
// first one recorded counts, and who made the other is told: a rejection would undo an acceptance. One that fails stands in
// nobody's way, and one that is delivered again does not undo what was decided since it was said.
func (d decision) act(
	ctx context.Context, exposure registry.Exposure, request connection.Connection, said time.Time, decision registry.Decision,
) error {
	decision.EndpointID, decision.Time = request.VPCEndpointID, d.now()
	if said.IsZero() {
		said = decision.Time
	}
	contrary, err := d.registry.AddDecision(ctx, exposure.ID, decision, said)
	if err != nil {
		return err
	}
	if contrary != nil {
		return d.yield(ctx, exposure, decision, *contrary)
	}
	exposure.Decisions = append(exposure.Decisions, decision)
	slog.InfoContext(ctx, decision.Action+" connection", "exposure", exposure.ID, "vpcEndpointId", request.VPCEndpointID,
		"owner", request.Owner, "by", decision.By, "eventId", decision.EventID)
	found, err := d.carryOut(ctx, exposure, request, decision.Action)
	if err != nil {
		return errors.Join(err, d.registry.FailDecision(context.WithoutCancel(ctx), exposure.ID, decision))
	}
	return d.complete(ctx, exposure, found, request.VPCEndpointID)
}

// carryOut does what was decided, and looks at the connections once more: a 200 is not success, and what EC2 says about a
// request that someone else has answered meanwhile is not documented. The state decides.
func (d decision) carryOut(
	ctx context.Context, exposure registry.Exposure, request connection.Connection, action string,
) ([]connection.Connection, error) {
	unsuccessful, err := d.answer(ctx, request, action)
	if err != nil {
		return nil, fmt.Errorf("%s connection %s: %w", action, request.VPCEndpointID, err)
	}
	found, err := connection.To(ctx, d.connections, exposure.ServiceID)
	if err != nil {
		return nil, err
	}
	after := slices.ContainsFunc(found, func(c connection.Connection) bool {
		return c.VPCEndpointID == request.VPCEndpointID && happened(action, c)
	})
	if len(unsuccessful) > 0 && !after {
		problem := unsuccessful[0].Error
		return nil, fmt.Errorf("%s connection %s: %s: %s", action, request.VPCEndpointID, aws.ToString(problem.Code),
			aws.ToString(problem.Message))
	}
	return found, nil
}

// yield gives way to a decision to the contrary. Nobody made the one that this function makes by itself.
func (d decision) yield(ctx context.Context, exposure registry.Exposure, decision, earlier registry.Decision) error {
	if decision.By == registry.Self {
		return nil
	}
	return d.refuse(ctx, bus.Decision{
		Exposure: exposure.ID, VPCEndpointID: decision.EndpointID, Decision: decision.Action, By: decision.By, Reason: decision.Reason,
	}, fmt.Sprintf("%q has decided %q at %s; if it is still meant, say it again after a minute", earlier.By, earlier.Action,
		earlier.Time.UTC().Format(time.TimeOnly)+" UTC"))
}

func (d decision) answer(ctx context.Context, request connection.Connection, action string) ([]types.UnsuccessfulItem, error) {
	ids := []string{request.VPCEndpointID}
	if action == bus.Reject {
		out, err := d.connections.RejectVpcEndpointConnections(ctx,
			&ec2.RejectVpcEndpointConnectionsInput{ServiceId: &request.ServiceID, VpcEndpointIds: ids})
		if err != nil {
			return nil, err
		}
		return out.Unsuccessful, nil
	}
	out, err := d.connections.AcceptVpcEndpointConnections(ctx,
		&ec2.AcceptVpcEndpointConnectionsInput{ServiceId: &request.ServiceID, VpcEndpointIds: ids})
	if err != nil {
		return nil, err
	}
	return out.Unsuccessful, nil
}
