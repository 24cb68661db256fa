package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/rdslink/rdslink/internal/golden"
)

// finances is the stack of synthesized, under a name.
var finances = sync.OnceValue(func() synthesis {
	return synthesisOf(options{
		name:      "finance",
		approvers: []string{"arn:aws:iam::111122223333:role/approver"},
		tags:      map[string]string{"CostCenter": "4711"},
		operators: "operators@example.com",
	})
})

// physical are the properties that name something for its account and region.
var physical = []string{
	"AlarmName", "DashboardName", "EventBusName", "FunctionName", "GroupName", "LogGroupName", "ManagedPolicyName", "Name", "Namespace", "QueueName", "RoleName",
	"StateMachineName", "StatementId", "TableName", "TopicName",
}

// names are what a stack calls things, a line each.
func (s synthesis) names(t *testing.T) string {
	t.Helper()
	document, is := home{"aws", "eu-central-1"}.fills(decoded(t, s.template.ToJSON())).(map[string]any)
	if !is {
		t.Fatal("the template is no object")
	}
	lines := []string{"stack " + *s.stack.StackName()}
	for _, r := range document["Resources"].(map[string]any) {
		properties, _ := r.(map[string]any)["Properties"].(map[string]any)
		for _, property := range physical {
			// What refers to another resource names nothing, and some namespaces are AWS's.
			if name, is := properties[property].(string); is && !strings.HasPrefix(name, "<") && !strings.HasPrefix(name, "AWS/") {
				lines = append(lines, fmt.Sprintf("%v %s %s", r.(map[string]any)["Type"], property, name))
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n") + "\n"
}

func decoded(t *testing.T, document any) any {
	t.Helper()
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	var all any
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// Schedules, resolvers, scripts and people refer to names: a changed one is a broken installation, and one that two stacks
// have keeps the second from being deployed.
func TestNames(t *testing.T) {
	golden.Compare(t, "names.txt", synthesized().names(t))
	golden.Compare(t, "names-finance.txt", finances().names(t))
	first, second := strings.Split(synthesized().names(t), "\n"), strings.Split(finances().names(t), "\n")
	for _, line := range first {
		if line != "" && slices.Contains(second, line) {
			t.Errorf("both stacks have %s", line)
		}
	}
}

// What is proven of the roles of a stack without a name holds for every other: its roles may do the same, to what carries
// its own name.
func TestTheRolesOfAStackWithANameMayDoTheSameToTheirOwn(t *testing.T) {
	documents := func(s synthesis) string {
		text, err := json.MarshalIndent(s.required(s.json, options{}, target{"111122223333", "eu-central-1"}), "", " ")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	own, others := documents(synthesized()), documents(finances())
	if strings.Contains(own, "finance") {
		t.Fatal("the stack without a name speaks of finance")
	}
	if back := strings.NewReplacer("rdslink_finance_", "rdslink-", "rdslink-finance", "rdslink", `"finance"`, `"true"`).Replace(others); back != own {
		t.Errorf("with names put aside, the documents differ:\n%s\nand without a name\n%s", back, own)
	}
	// "rdslink" is also the source of its events.
	strange := regexp.MustCompile(`rdslink[-_/*]`)
	ours := strings.NewReplacer("rdslink_finance_", "", "rdslink-finance", "").Replace(others)
	if found := strange.FindString(ours); found != "" {
		t.Errorf("the roles of finance speak of %s… of another stack", found)
	}
	if managed := regexp.MustCompile(`Tag/rdslink:managed": "(?:true|finance)"`).FindAllString(ours, -1); len(managed) < 10 {
		t.Errorf("only %d conditions on the tag: %v", len(managed), managed)
	}
}

func TestAName(t *testing.T) {
	for name, refused := range map[string]string{
		"finance": "", "": "", "Finance": "lower-case", "a2345678901234567": "at most 16", "true": "choose another",
	} {
		app := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false), Context: &map[string]any{"name": name}})
		o, err := contextOptions(app.Node(), target{})
		switch {
		case refused == "" && (err != nil || string(o.name) != name):
			t.Errorf("%q: %q, %v", name, o.name, err)
		case refused != "" && (err == nil || !strings.Contains(err.Error(), "context name: ") || !strings.Contains(err.Error(), refused)):
			t.Errorf("%q: %v, want a refusal that says %q", name, err, refused)
		}
	}
}
