package confirm

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/metric"
	"github.com/rdslink/rdslink/internal/outcome"
)

const noExecution = "start an execution first"

// step is a state of the execution by the beginning of its name; false if it has not come there.
func (e Execution) step(number string) (Step, bool) {
	i := slices.IndexFunc(e.Steps, func(s Step) bool { return strings.HasPrefix(s.Name, number) })
	if i < 0 {
		return Step{}, false
	}
	return e.Steps[i], true
}

func (e Execution) done(number string) bool {
	s, found := e.step(number)
	return found && !s.Ended.IsZero()
}

// failedIn says whether the execution ended in a step.
func (e Execution) failedIn(number string) bool {
	s, found := e.step(number)
	return found && s.Ended.IsZero() && e.Error != ""
}

func (e Execution) name() string { return e.ARN[strings.LastIndex(e.ARN, ":")+1:] }

// denied contradicts what rests on a permission when an execution failed in a step for want of it.
func denied(ctx context.Context, v *view, f *findings, actions, do string, numbers ...string) error {
	pattern := regexp.MustCompile(actions)
	runs, err := v.executions(ctx)
	for _, e := range runs {
		for _, number := range numbers {
			if e.failedIn(number) && pattern.MatchString(e.Cause) {
				f.contradict(do, "execution %s failed in step %s: %s", e.name(), strings.Trim(number, "."), e.Cause)
			}
		}
	}
	return err
}

// steps makes the check of what holds when steps succeed, and not when one fails and its cause names one of the actions.
func steps(actions, do string, numbers ...string) func(context.Context, *view, *findings) error {
	return func(ctx context.Context, v *view, f *findings) error {
		if err := denied(ctx, v, f, actions, do, numbers...); err != nil {
			return err
		}
		runs, err := v.executions(ctx)
		for _, e := range runs {
			if !slices.ContainsFunc(numbers, func(number string) bool { return !e.done(number) }) {
				f.confirm("done in execution %s", e.name())
			}
		}
		f.miss("%s, and let it come past step %s", noExecution, strings.Trim(numbers[len(numbers)-1], "."))
		return err
	}
}

// ours are the names of errors that are no exception of Lambda's.
var ours = []string{outcome.NameNotReady, outcome.NameBadInput, outcome.NameConflict, outcome.NameThrottled, outcome.NameFailed,
	outcome.NameConnectionRejected}

func errorsAreNamed(ctx context.Context, v *view, f *findings) error {
	runs, err := v.executions(ctx)
	for _, e := range runs {
		for _, s := range e.Steps {
			for _, failure := range s.Failures {
				kind, _, _ := strings.Cut(failure, ".")
				switch {
				case kind == "Lambda":
					f.confirm("%s", failure)
				case slices.Contains(ours, failure) || slices.Contains([]string{"States", "Sandbox", "Runtime"}, kind):
				default:
					f.contradict("Redrive the execution, and add the name to the Retry rules of statemachine/setup.asl.json.",
						"execution %s: %s", e.name(), failure)
				}
			}
		}
	}
	f.miss("nothing to be done: no attempt has met such an error yet")
	return err
}

func metricsAreMade(ctx context.Context, v *view, f *findings) error {
	days, err := v.Values(ctx, metric.SyncAge.Name)
	if err != nil {
		return err
	}
	if days > 0 {
		f.confirm("%s has values on %d of the last 14 days", metric.SyncAge.Name, days)
		return nil
	}
	lines, err := v.log(ctx, "ip-sync", "synced")
	if len(lines) > 0 {
		f.contradict("Watch for it by a metric filter on the log of ip-sync instead.",
			"ip-sync has logged %s %d times, and there is no such metric", metric.SyncAge.Name, len(lines))
	}
	f.miss("let an execution end, and ask again after some minutes")
	return err
}

func waitIsTold(ctx context.Context, v *view, f *findings) error {
	runs, err := v.executions(ctx)
	for _, e := range runs {
		s, found := e.step("9.")
		if e.Status != "RUNNING" || !found || !s.Ended.IsZero() {
			continue
		}
		switch {
		case e.Last == "TaskSubmitted" && strings.HasSuffix(e.LastResource, "invoke.waitForTaskToken"):
			f.confirm("execution %s waits: TaskSubmitted, %s", e.name(), e.LastResource)
		case slices.Contains([]string{"TaskStateEntered", "TaskScheduled", "TaskStarted"}, e.Last):
			f.miss("execution %s begins to wait: ask again", e.name())
		default:
			f.contradict("Correct functions/decision/complete.go.", "execution %s waits, and its last event is %s of %q", e.name(), e.Last,
				e.LastResource)
		}
	}
	f.miss("ask while an execution waits in step 9")
	return err
}

func waitEnds(ctx context.Context, v *view, f *findings) error {
	runs, err := v.executions(ctx)
	for _, e := range runs {
		switch {
		case e.Status == "TIMED_OUT" && e.failedOrStoppedIn("9."):
			f.contradict("Nothing is lost: the other of the two alarms goes off.", "execution %s ended as TIMED_OUT", e.name())
		case e.Status == "FAILED" && e.Error == "States.Timeout" && e.failedOrStoppedIn("9."):
			f.confirm("execution %s ended as FAILED with States.Timeout", e.name())
		}
	}
	f.miss("let an execution with `\"acceptance\": {\"timeoutDays\": 1}` wait in vain")
	return err
}

func (e Execution) failedOrStoppedIn(number string) bool {
	s, found := e.step(number)
	return found && s.Ended.IsZero()
}

func rulesAreChanged(ctx context.Context, v *view, f *findings) error {
	lines, err := v.log(ctx, "update-the-rds-security-group",
		"tag security group rules", "untag security group rule", "revoke security group ingress", "step failed")
	for _, l := range lines {
		switch {
		case l.Text("msg") != "step failed":
			f.confirm("%s: %s", l.Text("exposure"), l.Text("msg"))
		case strings.Contains(l.Text("message"), "InvalidSecurityGroupRuleId.NotFound"),
			strings.Contains(l.Text("message"), "InvalidPermission.NotFound"):
			f.contradict("Redrive the execution, and have step 7 answer NotReady to it.", "step 7: %s", l.Text("message"))
		}
	}
	f.miss("start again with another `ingress`, or expose the database to a second consumer")
	return err
}

func rulesHaveAQuota(ctx context.Context, v *view, f *findings) error {
	const code, name = "L-0EA8095F", "rules per security group"
	q, err := v.Quota(ctx, code)
	switch {
	case err != nil:
		return err
	case q == nil:
		f.miss("%s has no value of this account's own: see `aws service-quotas get-aws-default-service-quota --service-code vpc "+
			"--quota-code %s`", code, code)
	case strings.Contains(aws.ToString(q.QuotaName), name):
		f.confirm("%s: %.0f", aws.ToString(q.QuotaName), aws.ToFloat64(q.Value))
	default:
		f.contradict("Correct the code in functions/01-gather-rds-details/limits.go.", "%s is %q", code, aws.ToString(q.QuotaName))
	}
	return nil
}

func servicesHaveNoQuota(ctx context.Context, v *view, f *findings) error {
	all, err := v.Quotas(ctx)
	for _, q := range all {
		if strings.Contains(strings.ToLower(aws.ToString(q.QuotaName)), "endpoint service") {
			f.contradict("Count endpoint services in functions/01-gather-rds-details/limits.go.", "%s (%s) is %.0f", aws.ToString(q.QuotaName),
				aws.ToString(q.QuotaCode), aws.ToFloat64(q.Value))
		}
	}
	if len(all) == 0 {
		f.miss("Service Quotas lists no quota of Amazon VPC here")
		return err
	}
	f.confirm("none of %d quotas is about endpoint services", len(all))
	return err
}

func resolverLogs(ctx context.Context, v *view, f *findings) error {
	exposures, err := v.exposures(ctx)
	for _, e := range exposures {
		b, bound, err := v.binding(ctx, e)
		if err != nil {
			return err
		}
		if !bound || b.ResolverFunction == "" {
			f.miss("expose a database with a resolver, and let the execution end")
			continue
		}
		const all = "resolver" // they share a log
		lines, err := once(v, "log of "+all, func() ([]Line, error) { return v.Log(ctx, all, "") })
		if err != nil {
			return err
		}
		if len(lines) == 0 {
			f.contradict("Nothing needs to be done: it works, and has no log.", "the log of the resolvers is empty")
			continue
		}
		f.confirm("the log of the resolvers has lines (whether %s has a NAT gateway you know)", b.VPCID)
	}
	return err
}

func resolverIsMade(ctx context.Context, v *view, f *findings) error {
	lines, err := v.log(ctx, "resolve-private-ip", "created function", "step failed")
	for _, l := range lines {
		switch message := l.Text("message"); {
		case l.Text("msg") == "created function":
			f.confirm("%s was made", l.Text("functionArn"))
		case l.Text("error") == outcome.NameFailed && strings.HasPrefix(message, "create function"):
			f.contradict("Redrive; and add Lambda's words to internal/resolver/refusal.go.", "step 2: %s", message)
		}
	}
	f.miss("expose a database in a VPC without a resolver")
	return err
}

func resolverIsTagged(ctx context.Context, v *view, f *findings) error {
	if err := denied(ctx, v, f, "lambda:TagResource", "Allow it on the resolvers.", "2."); err != nil {
		return err
	}
	lines, err := v.log(ctx, "resolve-private-ip", "created function")
	for _, l := range lines {
		f.confirm("%s was made", l.Text("functionArn"))
	}
	f.miss("expose a database in a VPC without a resolver")
	return err
}

func taggedGroups(ctx context.Context, v *view, f *findings) error {
	variables, err := v.Variables(ctx, "update-the-rds-security-group")
	if err != nil {
		return err
	}
	if variables[deployment.DatabaseGroups] != deployment.OnlyTagged {
		f.miss("deploy with `databaseGroups=tagged`, and start an execution")
		return nil
	}
	look := steps("ec2:AuthorizeSecurityGroupIngress|UnauthorizedOperation", "Leave the resolver out (`\"resolver\": \"none\"`).", "7.")
	return look(ctx, v, f)
}
