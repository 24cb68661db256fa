package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/rdslink/rdslink/internal/confirm"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/test/stage"
)

// shown are the rows of docs/assumptions.md that an exposure whose database has failed over shows here to be as they say.
var shown = []int{1, 4, 5, 6, 11, 12, 14, 17, 18, 20, 22, 23, 24, 26, 28, 29, 32, 35, 39, 41, 56, 58, 61}

// confirms holds the assumptions against what a story has left behind, in a role that may only read, and then in one that
// may read less.
func (s story) confirms(database stage.Database, o output) (role string) {
	s.Helper()
	role = s.person("rdslink-confirmer", "rdslink-confirmer")
	var report confirm.Report
	s.await("the assumptions to be confirmed", func() bool {
		report = s.confirmation(s.as(role, "clara"), database, o)
		return !slices.ContainsFunc(shown, func(row int) bool { return report.Row(row).Verdict == confirm.NotSeen })
	})
	for _, row := range shown {
		if r := report.Row(row); r.Verdict != confirm.Confirmed {
			s.Errorf("row %d is %s: %s", row, r.Verdict, r.Because)
		}
	}
	for question, words := range map[string]string{"standby": "10.", "failovers": ", then ", "notification": `"Sns"`} {
		fact := report.Gathered[slices.IndexFunc(report.Gathered, func(f confirm.Fact) bool { return strings.Contains(f.Question, question) })]
		if !strings.Contains(strings.Join(fact.Seen, "\n"), words) {
			s.Errorf("%s %v", fact.Question, fact.Seen)
		}
	}

	half := s.limited(stage.Customer, "half-a-confirmer", `{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}`, "")
	report = s.confirmation(half, database, o)
	for row, action := range map[int]string{1: "logs:FilterLogEvents", 18: "elasticloadbalancing:DescribeAccountLimits", 22: "rds:DescribeDBInstances",
		32: "cloudwatch:GetMetricStatistics", 35: "states:ListExecutions", 39: "servicequotas:GetServiceQuota", 53: "lambda:GetFunctionConfiguration"} {
		if r := report.Row(row); r.Verdict != confirm.NotSeen || r.Because != "denied: "+action {
			s.Errorf("row %d is %s: %s; want denied: %s", row, r.Verdict, r.Because, action)
		}
	}
	return role
}

// contradicts makes two of the assumptions false.
func (s story) contradicts(role string, database stage.Database, o output) {
	s.Helper()
	s.rests(o)
	var report confirm.Report
	s.await("a rule and a target that contradict", func() bool {
		s.pretends(database, o)
		report = s.confirmation(s.as(role, "clara"), database, o)
		return report.Row(15).Verdict == confirm.Contradicted && report.Row(22).Verdict == confirm.Contradicted
	})
	for row, words := range map[int]string{15: elsewhere, 22: "0 network interfaces"} {
		if r := report.Row(row); !strings.Contains(r.Because, words) || !strings.Contains(r.Do, "If it is wrong: ") {
			s.Errorf("row %d is %s: %s %s", row, r.Verdict, r.Because, r.Do)
		}
	}
}

// confirmation is what `rdslink confirm EXPOSURE` finds; DNS is that of the database's VPC.
func (s story) confirmation(config aws.Config, database stage.Database, o output) confirm.Report {
	s.Helper()
	page, err := os.ReadFile(filepath.Join(cloud.Root, "docs/assumptions.md"))
	s.check(err)
	lookup := func(context.Context, string) ([]string, error) { return s.interfaces(database), nil }
	report, err := confirm.Run(s.ctx, confirm.New(config, deployment.Unnamed, lookup), confirm.Rows(string(page)), o.Exposure)
	s.check(err)
	return report
}

// elsewhere is an address of the VPC at which nothing is.
const elsewhere = "10.0.1.99"

// rests stops the ticks of an exposure's sync, which would put its targets right, and has it go through an address that is
// no node's.
func (s story) rests(o output) {
	s.Helper()
	schedules := scheduler.NewFromConfig(cloud.Config(stage.Customer))
	group := deployment.Unnamed.ScheduleGroup()
	now, err := schedules.GetSchedule(s.ctx, &scheduler.GetScheduleInput{Name: &o.Resources.ScheduleName, GroupName: &group})
	s.check(err)
	var input map[string]any
	s.check(json.Unmarshal([]byte(*now.Target.Input), &input))
	input["nodes"] = []string{elsewhere}
	text, err := json.Marshal(input)
	s.check(err)
	now.Target.Input = aws.String(string(text))
	_, err = schedules.UpdateSchedule(s.ctx, &scheduler.UpdateScheduleInput{Name: now.Name, GroupName: &group, State: "DISABLED",
		ScheduleExpression: now.ScheduleExpression, FlexibleTimeWindow: now.FlexibleTimeWindow, Target: now.Target})
	s.check(err)
}

// pretends registers a target that is no database.
func (s story) pretends(database stage.Database, o output) {
	s.Helper()
	_, err := elb.NewFromConfig(cloud.Config(stage.Customer)).RegisterTargets(s.ctx, &elb.RegisterTargetsInput{TargetGroupArn: &o.Resources.TargetGroupARN,
		Targets: []elbtypes.TargetDescription{{Id: aws.String(elsewhere), Port: aws.Int32(int32(database.Port))}}})
	s.check(err)
}
