package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/test/stage"
)

func TestTheTaskTokenIsNowhereButInTheRegistry(t *testing.T) {
	s := begin(t)
	database := s.database("orders-secret", singleAZ)
	execution := s.exposes(database)
	handoff := s.handoff(database)
	execution.waits()
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	token := s.token(s.asked(endpoint))
	s.decides(bus.Accept, endpoint)
	output := execution.succeeds()
	s.hears(news, endpoint.ID, "is connected to")
	s.hears(heard, endpoint.ID, "ConnectionAvailable")

	calls, err := cloud.Calls(s.ctx, 0)
	s.check(err)
	for where, text := range map[string]string{
		"the log of calls":         string(calls),
		"a message for the vendor": strings.Join(mail.all(), "\n"),
		"a message for operators":  strings.Join(news.all(), "\n"),
		"an event":                 strings.Join(heard.all(), "\n"),
		"the execution's output":   output.text,
		"a function's log":         s.logs("rdslink-"),
	} {
		if strings.Contains(text, token) {
			s.Errorf("the task token is in %s", where)
		}
		if text == "" {
			s.Errorf("%s is empty, and proves nothing", where)
		}
	}
}

// logs is what all functions have logged whose names begin so.
func (s story) logs(functions string) string {
	s.Helper()
	client := cloudwatchlogs.NewFromConfig(cloud.Config(stage.Customer))
	groups, err := client.DescribeLogGroups(s.ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: new("/aws/lambda/" + functions)})
	s.check(err)
	var lines []string
	for _, group := range groups.LogGroups {
		pages := cloudwatchlogs.NewFilterLogEventsPaginator(client, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: group.LogGroupName})
		for pages.HasMorePages() {
			page, err := pages.NextPage(s.ctx)
			s.check(err)
			for _, event := range page.Events {
				lines = append(lines, *event.Message)
			}
		}
	}
	return strings.Join(lines, "\n")
}

// token is what the registry keeps as long as the execution waits.
func (s story) token(exposure string) string {
	s.Helper()
	found, err := s.registry().Get(s.ctx, exposure)
	s.check(err)
	if found.Token == nil || len(found.Token.Value) < 20 {
		s.Fatalf("the registry has no token of %s", exposure)
	}
	return found.Token.Value
}

// registry is the app's, as its functions see it.
func (s story) registry() *registry.Table {
	s.Helper()
	return registry.New(dynamodb.NewFromConfig(cloud.Config(stage.Customer)), s.registryTable())
}

func (s story) registryTable() string {
	s.Helper()
	return s.function(s.stack.Function("observer")).Environment.Variables["REGISTRY_TABLE"]
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
