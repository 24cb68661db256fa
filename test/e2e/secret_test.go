package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/test/stage"
)

// pasted is a password that somebody types where none belongs.
const pasted = "Gr0undhog-4711"

func TestTheTaskTokenIsNowhereButInTheRegistry(t *testing.T) {
	s := begin(t)
	database := s.database("orders-secret", singleAZ)
	refused := s.starts(fmt.Sprintf(`{"database": "postgres://olga:%s@%s:5432/orders", "vendor": "pushmetrics"}`, pasted, database.Identifier))
	refused.fails("BadInput")
	execution := s.starts(fmt.Sprintf(`{"database": %q, "vendor": "pushmetrics", "requestedBy": "olga, password=%s"}`, database.Identifier, pasted))
	handoff := s.handoff(database)
	execution.waits()
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	exposure := s.asked(endpoint)
	token := s.token(exposure)
	word := bus.Decision{Exposure: exposure, Decision: "allow", By: "olga", Reason: "postgres://olga:" + pasted + "@orders"}
	s.check(s.operator.Decide(s.ctx, word))
	s.hears(news, exposure, `it is neither "accept" nor "reject"`)
	word.Decision, word.VPCEndpointID = bus.Accept, endpoint.ID
	s.check(s.operator.Decide(s.ctx, word))
	output := execution.succeeds()
	s.hears(news, endpoint.ID, "is connected to")
	s.hears(heard, endpoint.ID, "ConnectionAvailable")
	shown, err := s.operator.Show(s.ctx, exposure)
	s.check(err)

	removing := s.takesAway(fmt.Sprintf(`{"exposure": %q, "requestedBy": "password=%s"}`, exposure, pasted))
	s.hears(news, "removal of exposure "+exposure+" waits", endpoint.ID)
	removing.waits()
	ofRemoval := s.removalToken(exposure)
	s.check(s.operator.End(s.ctx, bus.Removal{Exposure: exposure, By: "olga", Reason: "password=" + pasted}))
	removing.removed()

	calls, err := cloud.Calls(s.ctx, 0)
	s.check(err)
	for where, text := range map[string]string{
		"the log of calls":               string(calls),
		"a message for the vendor":       strings.Join(mail.all(), "\n"),
		"a message for operators":        strings.Join(news.all(), "\n"),
		"an event":                       strings.Join(s.reports(), "\n"),
		"the execution's output":         output.text,
		"the removal's output":           removing.ends().Output,
		"the history":                    s.told(execution),
		"the history of the removal":     s.told(removing),
		"the history of what is refused": s.told(refused),
		"what make show prints":          fmt.Sprintf("%+v", shown),
		"a log":                          s.logs(""),
		"a metric":                       s.metrics(),
	} {
		for what, secret := range map[string]string{"the task token": token, "the removal's task token": ofRemoval, "a password": pasted} {
			if strings.Contains(text, secret) {
				s.Errorf("%s is in %s", what, where)
			}
		}
		if text == "" {
			s.Errorf("%s is empty, and proves nothing", where)
		}
	}
}

// reports are the events that rdslink itself put on its bus: a decision is somebody's own word.
func (s story) reports() (all []string) {
	for _, text := range heard.all() {
		if !slices.ContainsFunc(bus.Decisions, func(kind string) bool { return strings.Contains(text, `"`+kind+`"`) }) {
			all = append(all, text)
		}
	}
	return all
}

// told is an execution's history but for what Step Functions itself shows of what it was given: the input, and what it hands
// to each function, with the token of one that waits.
func (s story) told(e execution) string {
	s.Helper()
	pages := sfn.NewGetExecutionHistoryPaginator(sfn.NewFromConfig(cloud.Config(stage.Customer)),
		&sfn.GetExecutionHistoryInput{ExecutionArn: &e.arn, IncludeExecutionData: aws.Bool(true)})
	var all []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.ctx)
		s.check(err)
		for _, event := range page.Events {
			if first := event.StateEnteredEventDetails; first != nil && strings.HasPrefix(aws.ToString(first.Name), "1. ") {
				first.Input = nil
			}
			event.ExecutionStartedEventDetails = nil
			event.TaskScheduledEventDetails = nil
			text, err := json.Marshal(event)
			s.check(err)
			all = append(all, string(text))
		}
	}
	return strings.Join(all, "\n")
}

// metrics are the names and dimensions of all metrics.
func (s story) metrics() string {
	s.Helper()
	pages := cloudwatch.NewListMetricsPaginator(cloudwatch.NewFromConfig(cloud.Config(stage.Customer)), &cloudwatch.ListMetricsInput{})
	var all []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.ctx)
		s.check(err)
		for _, metric := range page.Metrics {
			text, err := json.Marshal(metric)
			s.check(err)
			all = append(all, string(text))
		}
	}
	return strings.Join(all, "\n")
}

// logs is what all functions have logged whose names begin so; without a name, all that is in any log.
func (s story) logs(functions string) string {
	s.Helper()
	client := cloudwatchlogs.NewFromConfig(cloud.Config(stage.Customer))
	in := &cloudwatchlogs.DescribeLogGroupsInput{}
	if functions != "" {
		in.LogGroupNamePrefix = new(deployment.Log(functions))
	}
	groups := cloudwatchlogs.NewDescribeLogGroupsPaginator(client, in)
	var lines []string
	for groups.HasMorePages() {
		found, err := groups.NextPage(s.ctx)
		s.check(err)
		for _, group := range found.LogGroups {
			pages := cloudwatchlogs.NewFilterLogEventsPaginator(client, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: group.LogGroupName})
			for pages.HasMorePages() {
				page, err := pages.NextPage(s.ctx)
				s.check(err)
				for _, event := range page.Events {
					lines = append(lines, *event.Message)
				}
			}
		}
	}
	return strings.Join(lines, "\n")
}

// token is what the registry keeps as long as the execution waits.
func (s story) token(exposure string) string {
	s.Helper()
	return s.kept(exposure, func(e registry.Exposure) *registry.Token { return e.Token })
}

// removalToken is what the registry keeps as long as a removal waits.
func (s story) removalToken(exposure string) string {
	s.Helper()
	return s.kept(exposure, func(e registry.Exposure) *registry.Token { return e.Removal })
}

func (s story) kept(exposure string, token func(registry.Exposure) *registry.Token) string {
	s.Helper()
	found, err := s.registry().Get(s.ctx, exposure)
	s.check(err)
	kept := token(found)
	if kept == nil || len(kept.Value) < 20 {
		s.Fatalf("the registry has no token of %s", exposure)
	}
	return kept.Value
}

// registry is the app's, as its functions see it.
func (s story) registry() *registry.Table {
	s.Helper()
	return registry.New(dynamodb.NewFromConfig(cloud.Config(stage.Customer)), s.registryTable())
}

// theTable is the name of the registry of the stack that all have in common: who waits for an item asks often.
var theTable atomic.Value

func (s story) registryTable() string {
	s.Helper()
	if name, known := theTable.Load().(string); known && s.stack == deployment.Unnamed {
		return name
	}
	name := s.function(s.stack.Function("observer")).Environment.Variables["REGISTRY_TABLE"]
	if s.stack == deployment.Unnamed {
		theTable.Store(name)
	}
	return name
}

func (s story) functionARN(name string) string {
	s.Helper()
	return *s.function(name).FunctionArn
}

func (s story) function(name string) *lambda.GetFunctionConfigurationOutput {
	s.Helper()
	function, err := lambda.NewFromConfig(cloud.Config(stage.Customer)).GetFunctionConfiguration(s.ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
	s.check(err)
	return function
}
