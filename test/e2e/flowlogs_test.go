package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/ingress"
	"github.com/rdslink/rdslink/internal/inspect"
	"github.com/rdslink/rdslink/test/stage"
)

// The saved query answers who talked to the database, out of the records of real connections. What is recorded, and by what,
// is taken away with the rest.
func TestTheSavedQueryTellsWhoTalkedToTheDatabase(t *testing.T) {
	s := begin(t)
	database := s.database("recorded", singleAZ)
	before := s.inventory(database.VPC)
	input := fmt.Sprintf(`{"database": %q, "vendor": "pushmetrics", "flowLogs": true}`, database.Identifier)
	link := s.connected(database, s.starts(input))

	const bytes = 300_000
	conn, err := cloud.Connect(s.ctx, link.client)
	s.check(err)
	_, err = conn.Exec(s.ctx, "select length($1)", strings.Repeat("x", bytes))
	s.check(err)
	s.check(conn.Close(s.ctx))
	nodes := s.nodeInterfaces(link.output)
	client := s.addressesIn(link.client.Place)
	var answered []answer
	s.await("the client among those who talked to the database", func() bool {
		answered = slices.DeleteFunc(s.asks(), func(a answer) bool {
			return !slices.Contains(nodes, a.by["node"]) || !slices.Contains(client, a.by["source"])
		})
		return len(answered) > 0 && answered[0].sum >= bytes
	})
	if a := answered[0]; a.by["port"] != strconv.Itoa(link.client.Port) || a.by["action"] != "ACCEPT" || a.sum > 2*bytes {
		s.Errorf("answered is %+v", answered)
	}

	s.onlooker = s.looker()
	logs := s.flowLogs(link.output)
	if len(logs) != len(nodes) {
		s.Errorf("%d flow logs of %d nodes", len(logs), len(nodes))
	}
	_, err = s.network().DeleteFlowLogs(s.ctx, &ec2.DeleteFlowLogsInput{FlowLogIds: logs[:1]})
	s.check(err)
	s.await("the flow log to be missed", func() bool {
		return slices.ContainsFunc(s.shows(link.output).Drift, func(f inspect.Finding) bool { return strings.Contains(f.Detail, logs[0]+" is gone") })
	})
	again := s.starts(input)
	again.succeeds()
	if now := s.flowLogs(link.output); len(now) != len(nodes) || slices.Contains(now, logs[0]) {
		s.Errorf("started again, the flow logs are %v, and were %v", now, logs)
	}
	s.starts(strings.Replace(input, "true", "false", 1)).succeeds()
	if now := s.flowLogs(link.output); len(now) > 0 {
		s.Errorf("not wanted any more, the flow logs are %v", now)
	}
	s.starts(input).succeeds()
	s.takesAway(fmt.Sprintf(`{"exposure": %q, "connections": "end"}`, link.Exposure)).removed()
	if now := s.flowLogs(link.output); len(now) > 0 {
		s.Errorf("removed, the flow logs are %v", now)
	}
	s.isGone(database.VPC, before, link.Exposure)
}

// flowLogs are the ids of an exposure's, in order.
func (s story) flowLogs(o output) (ids []string) {
	s.Helper()
	out, err := s.network().DescribeFlowLogs(s.ctx, &ec2.DescribeFlowLogsInput{Filter: []ec2types.Filter{{Name: aws.String("tag:rdslink:exposure"), Values: []string{o.Exposure}}}})
	s.check(err)
	for _, l := range out.FlowLogs {
		ids = append(ids, *l.FlowLogId)
	}
	slices.Sort(ids)
	return ids
}

// nodeInterfaces are the ids of the load balancer's.
func (s story) nodeInterfaces(o output) (ids []string) {
	s.Helper()
	found, err := ingress.NodeInterfaces(s.ctx, s.network(), o.Resources.LoadBalancerARN, 1)
	s.check(err)
	for _, node := range found {
		ids = append(ids, *node.NetworkInterfaceId)
	}
	return ids
}

// addressesIn are those that a machine at a place may have.
func (s story) addressesIn(place stage.Place) (addresses []string) {
	s.Helper()
	out, err := ec2.NewFromConfig(cloud.Config(place.Account)).DescribeSubnets(s.ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{place.Subnet}})
	s.check(err)
	prefix := strings.TrimSuffix(*out.Subnets[0].CidrBlock, "0/24")
	for n := range 255 {
		addresses = append(addresses, prefix+strconv.Itoa(n))
	}
	return addresses
}

// answer is a row of what a query finds: what it is grouped by, and the sum that it begins with.
type answer struct {
	by  map[string]string
	sum float64
}

// asks evaluates the query that the stack has saved on all records that there are. The local cloud runs no such queries.
func (s story) asks() (answers []answer) {
	s.Helper()
	client := cloudwatchlogs.NewFromConfig(cloud.Config(stage.Customer))
	saved, err := client.DescribeQueryDefinitions(s.ctx, &cloudwatchlogs.DescribeQueryDefinitionsInput{QueryDefinitionNamePrefix: aws.String("rdslink/")})
	s.check(err)
	q := readQuery(*saved.QueryDefinitions[0].QueryString)
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(client, &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &saved.QueryDefinitions[0].LogGroupNames[0], StartTime: aws.Int64(time.Now().Add(-time.Hour).UnixMilli()),
	})
	groups := map[string]int{}
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.ctx)
		s.check(err)
		for _, event := range page.Events {
			record, fits := q.read(*event.Message)
			if !fits {
				continue
			}
			by := map[string]string{}
			for _, name := range q.by {
				by[name] = record[name]
			}
			n, seen := groups[fmt.Sprint(by)]
			if !seen {
				n = len(answers)
				groups[fmt.Sprint(by)], answers = n, append(answers, answer{by: by})
			}
			value, _ := strconv.ParseFloat(record[q.summed], 64)
			answers[n].sum += value
		}
	}
	slices.SortFunc(answers, func(a, b answer) int { return int(b.sum - a.sum) })
	return answers
}

// savedQuery is one of the form: parse @message "* …" as …, filter … and …, stats sum(…) as …, … by …
type savedQuery struct {
	names, conditions, by []string
	summed                string
}

func readQuery(text string) savedQuery {
	between := func(from, to string) string {
		_, rest, _ := strings.Cut(text, from)
		found, _, _ := strings.Cut(rest, to)
		return found
	}
	return savedQuery{
		names: strings.Split(between(`" as `, "\n"), ", "), conditions: strings.Split(between("| filter ", "\n"), " and "),
		by: strings.Split(between(" by ", "\n"), ", "), summed: between("stats sum(", ")"),
	}
}

// read is a record by its fields' names, and whether the conditions hold of it.
func (q savedQuery) read(message string) (record map[string]string, fits bool) {
	values := strings.Fields(message)
	if len(values) != len(q.names) {
		return nil, false
	}
	record = map[string]string{}
	for i, name := range q.names {
		record[name] = values[i]
	}
	value := func(word string) string {
		if text, quoted := strings.CutPrefix(word, `"`); quoted {
			return strings.TrimSuffix(text, `"`)
		}
		return record[word]
	}
	for _, condition := range q.conditions {
		words := strings.Fields(condition) // a name, = or <, a name or a text
		left, right := value(words[0]), value(words[2])
		switch words[1] {
		case "=":
			fits = left == right
		case "<":
			a, _ := strconv.Atoi(left)
			b, _ := strconv.Atoi(right)
			fits = a < b
		}
		if !fits {
			return nil, false
		}
	}
	return record, true
}
