package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/ingress"
	"github.com/rdslink/rdslink/internal/inspect"
	"github.com/rdslink/rdslink/internal/operator"
	"github.com/rdslink/rdslink/test/stage"
)

const (
	// patience is how long a story may take on a slow and busy machine.
	patience = 8 * time.Minute
	interval = 400 * time.Millisecond

	multiAZ  = true
	singleAZ = false
)

// story is a test and what it plays with. Whatever goes wrong on the stage itself ends it.
type story struct {
	*testing.T
	ctx      context.Context
	operator *operator.Operator
	stack    deployment.Name
	mail     *record // what the stack's hand-off topic published
	onlooker *operator.Operator
}

// turns are for stories beside each other. They wait more than they work, but each has exposures that are looked at every
// second: of more at once, a machine with two cores would do nothing else.
var turns = make(chan struct{}, 9)

// begin begins a story when it is its turn.
func begin(t *testing.T) story {
	t.Parallel()
	turns <- struct{}{}
	t.Cleanup(func() { <-turns })
	return alone(t)
}

// alone begins a story before all others.
func alone(t *testing.T) story {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return story{t, ctx, operator.New(cloud.Config(stage.Customer), deployment.Unnamed), deployment.Unnamed, mail, nil}
}

func (s story) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// await asks until the answer is yes.
func (s story) await(what string, yes func() bool) {
	s.Helper()
	for !yes() {
		select {
		case <-s.ctx.Done():
			s.Fatalf("waited in vain for %s", what)
		case <-time.After(interval):
		}
	}
}

// vpc makes an account's VPC. All have the same addresses.
func (s story) vpc(account string) stage.VPC {
	s.Helper()
	vpc, err := cloud.NewVPC(s.ctx, account)
	s.check(err)
	return vpc
}

// database makes a customer's VPC with a database in it that has rows.
func (s story) database(identifier string, multiAZ bool) stage.Database {
	s.Helper()
	database, err := cloud.NewDatabase(s.ctx, s.vpc(stage.Customer), identifier, multiAZ)
	s.check(err)
	s.check(cloud.Fill(s.ctx, database))
	return database
}

// hears waits for a text that holds every one of the words.
func (s story) hears(from *record, words ...string) (text string) {
	s.Helper()
	s.await("a message that says "+strings.Join(words, ", "), func() (found bool) {
		text, found = from.find(words...)
		return found
	})
	return text
}

// handoff waits for the message about a database and reads it as the vendor does.
func (s story) handoff(database stage.Database) stage.Handoff {
	s.Helper()
	handoff, err := stage.ReadHandoff(s.hears(s.mail, "the database "+database.Identifier+","))
	s.check(err)
	return handoff
}

// connects makes an endpoint from nothing but the hand-off.
func (s story) connects(vpc stage.VPC, handoff stage.Handoff) stage.Endpoint {
	s.Helper()
	endpoint, err := cloud.NewEndpoint(s.ctx, vpc, handoff)
	s.check(err)
	return endpoint
}

// state is what the endpoint's owner sees.
func (s story) state(endpoint stage.Endpoint) string {
	s.Helper()
	state, _, err := cloud.Describe(s.ctx, endpoint)
	s.check(err)
	return state
}

// command is the part of the operators' message that names the exposure: what they are to put on the bus.
var command = regexp.MustCompile(`exposure[\\":]+([a-z0-9-]+)`)

// asked waits until the operators hear of a request, and returns the exposure that it is for.
func (s story) asked(endpoint stage.Endpoint) (exposure string) {
	s.Helper()
	message := s.hears(news, "asks to connect to", endpoint.ID)
	request := command.FindStringSubmatch(message)
	if request == nil {
		s.Fatalf("the message does not say what the request is for: %s", message)
	}
	return request[1]
}

// decides puts somebody's decision on the bus when the operators have heard of the request.
func (s story) decides(decision string, endpoint stage.Endpoint) (exposure string) {
	s.Helper()
	exposure = s.asked(endpoint)
	s.check(s.operator.Decide(s.ctx, bus.Decision{
		Exposure: exposure, VPCEndpointID: endpoint.ID, Decision: decision, By: "olga", Reason: "ticket 4711",
	}))
	return exposure
}

// client is a program in the vendor's VPC, behind the endpoint.
func (s story) client(endpoint stage.Endpoint, handoff stage.Handoff) stage.Client {
	s.Helper()
	client, err := cloud.Client(s.ctx, endpoint, handoff)
	s.check(err)
	return client
}

const orders = "1  kettle   2\n2  teapot   1\n3  cup      6"

// readsOrders reads, through a client, the rows that the database was filled with.
func (s story) readsOrders(client stage.Client) {
	s.Helper()
	rows, err := cloud.Rows(s.ctx, client)
	s.check(err)
	if got := strings.Join(rows, "\n"); got != orders {
		s.Errorf("the client reads\n%s\nand not\n%s", got, orders)
	}
}

// execution is an execution of a story.
type execution struct {
	story
	arn string
}

// starting is locked while the state machine is not what was deployed.
var starting sync.RWMutex

// starts starts an execution.
func (s story) starts(input string) execution {
	s.Helper()
	starting.RLock()
	defer starting.RUnlock()
	return s.startsNow(input)
}

func (s story) startsNow(input string) execution {
	s.Helper()
	arn, err := s.operator.Start(s.ctx, input)
	s.check(err)
	return execution{s, arn}
}

// exposes starts an execution for PushMetrics.
func (s story) exposes(database stage.Database) execution {
	s.Helper()
	return s.starts(fmt.Sprintf(`{"database": %q, "vendor": "pushmetrics"}`, database.Identifier))
}

// redrive lets an execution that failed go on.
func (e execution) redrive() {
	e.Helper()
	_, err := sfn.NewFromConfig(cloud.Config(stage.Customer)).RedriveExecution(e.ctx, &sfn.RedriveExecutionInput{ExecutionArn: &e.arn})
	e.check(err)
}

func (e execution) follow(until func(operator.Progress) bool) operator.Progress {
	e.Helper()
	p, err := e.operator.Follow(e.ctx, e.arn, interval, until)
	e.check(err)
	return p
}

// waits follows the execution until it waits for people.
func (e execution) waits() {
	e.Helper()
	p := e.follow(func(p operator.Progress) bool { return p.Waiting() != nil })
	if p.Done() {
		e.Fatalf("the execution ended %s: %s: %s", p.Status, p.Error, p.Cause)
	}
}

// ends follows the execution to its end.
func (e execution) ends() operator.Progress {
	e.Helper()
	return e.follow(func(operator.Progress) bool { return false })
}

// succeeds follows the execution to its end, and reads its output. Nothing is left that is not as the steps leave it, but
// for findings that begin so.
func (e execution) succeeds(but ...string) output {
	e.Helper()
	p := e.ends()
	if p.Status != "SUCCEEDED" {
		e.Fatalf("the execution ended %s: %s: %s", p.Status, p.Error, p.Cause)
	}
	var o output
	e.check(json.Unmarshal([]byte(p.Output), &o))
	o.text = p.Output
	e.Cleanup(func() { e.leaveAlone(o) })
	e.isWhole(o, but)
	return o
}

// isWhole waits until AWS describes all that an exposure consists of as the steps leave it: each zone has its rule, each
// rule its reason, and nothing between a consumer and the database is broken.
func (s story) isWhole(o output, but []string) {
	s.Helper()
	var report inspect.Report
	defer func() {
		if s.Failed() {
			s.Logf("last seen of %s:\n%s", o.Exposure, printed(report))
		}
	}()
	s.await("all of "+o.Exposure+" to be as the steps leave it", func() bool {
		shown, err := s.operator.Look(s.ctx, o.Exposure)
		s.check(errors.Join(err, shown.Report.Err))
		report = shown.Report
		_, broken := report.Broken()
		return !broken && !slices.ContainsFunc(report.Drift, func(f inspect.Finding) bool {
			return !slices.ContainsFunc(but, func(beginning string) bool { return strings.HasPrefix(f.Key, beginning) })
		})
	})
}

// leaveAlone ends the syncs of an exposure whose story is over, and has nobody watch it any more: every minute is a second
// here, and the others need the machine.
func (s story) leaveAlone(o output) {
	s.ctx = context.WithoutCancel(s.ctx)
	group := s.stack.ScheduleGroup()
	_, err := scheduler.NewFromConfig(cloud.Config(stage.Customer)).DeleteSchedule(s.ctx, &scheduler.DeleteScheduleInput{
		Name: &o.Resources.ScheduleName, GroupName: &group,
	})
	if err != nil && code(err) != "ResourceNotFoundException" { // two executions have the same
		s.Error(err)
	}
	// Without it the load balancer checks no target any more, which costs each database a process at each node.
	_, err = s.balancers().DeleteListener(s.ctx, &elb.DeleteListenerInput{ListenerArn: &o.Resources.ListenerARN})
	if err != nil && code(err) != "ListenerNotFound" {
		s.Error(err)
	}
	s.forgets(o.Exposure)
}

// forgets takes an exposure out of the registry.
func (s story) forgets(exposure string) {
	s.Helper()
	_, err := dynamodb.NewFromConfig(cloud.Config(stage.Customer)).DeleteItem(s.ctx, &dynamodb.DeleteItemInput{
		TableName: new(s.registryTable()), Key: map[string]dynamodbtypes.AttributeValue{"id": &dynamodbtypes.AttributeValueMemberS{Value: exposure}},
	})
	s.check(err)
}

// fails follows the execution to its end, which must be an error whose cause holds every one of the words.
func (e execution) fails(name string, words ...string) operator.Progress {
	e.Helper()
	p := e.ends()
	if p.Status != "FAILED" || p.Error != name {
		e.Fatalf("the execution ended %s: %s: %s, and not with %s", p.Status, p.Error, p.Cause, name)
	}
	for _, w := range words {
		if !strings.Contains(p.Cause, w) {
			e.Errorf("the cause does not say %q: %s", w, p.Cause)
		}
	}
	return p
}

// output is what the tests go by in an execution's output.
type output struct {
	Exposure                   string
	ServiceID                  string
	ServiceName                string
	AvailabilityZoneIDsLeftOut struct{ LoadBalancer, EndpointService []string }
	Connection                 struct{ VPCEndpointID, State, Path string }
	UnexpectedConnections      []struct{ VPCEndpointID, Owner, State string }
	StillSubscribed            []string
	Resources                  struct {
		TargetGroupARN, LoadBalancerARN, ListenerARN         string
		LoadBalancerSecurityGroupID, DatabaseSecurityGroupID string
		SecurityGroupRuleIDs                                 []string
		BorrowedRules                                        []ingress.Borrowed
		ScheduleName, ResolverFunction                       string
	}

	text string
}

// names are all names by which calls may speak of the exposure's resources.
func (o output) names() []string {
	r := o.Resources
	return append(r.SecurityGroupRuleIDs, o.Exposure, o.ServiceID, r.TargetGroupARN, r.LoadBalancerARN, r.ListenerARN,
		r.LoadBalancerSecurityGroupID, r.DatabaseSecurityGroupID, r.ResolverFunction)
}

func (s story) network() *ec2.Client { return ec2.NewFromConfig(cloud.Config(stage.Customer)) }

func (s story) databases() *rds.Client { return rds.NewFromConfig(cloud.Config(stage.Customer)) }

// serviceID is the last part of a service's name.
func serviceID(handoff stage.Handoff) string {
	return handoff.ServiceName[strings.LastIndex(handoff.ServiceName, ".")+1:]
}

// code is AWS's name of an error.
func code(err error) string {
	if refused, ok := errors.AsType[smithy.APIError](err); ok {
		return refused.ErrorCode()
	}
	return ""
}
