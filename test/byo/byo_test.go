// Package byo deploys the app into an account that brings its own roles, key and permissions boundary, and plays what
// becomes of such a deployment: an execution to its end, the next version with other options, and the loss of the registry.
package byo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/installation"
	"github.com/rdslink/rdslink/internal/operator"
	"github.com/rdslink/rdslink/internal/preflight"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/test/stage"
)

// brought are the roles that the account has. The stack makes the others, so that the boundary has somewhere to be.
var brought = []string{"setup", "schedules", "resolver", "ip-sync", "observer", "decision", "resolve-private-ip", "update-the-rds-security-group", "share-the-service-name"}

// approver is the one role that may decide about connections.
const approver = "arn:aws:iam::" + stage.Customer + ":role/approver"

// forbidden is what the account's administrators forbid by the boundary or, in the role of step 8, by a policy of their own:
// what a set-up does not rest on. The execution succeeds all the same.
var forbidden = []string{"elasticloadbalancing:DescribeAccountLimits", "sns:ListSubscriptionsByTopic"}

// account is a customer's account, before and after the deployment.
type account struct {
	*testing.T
	ctx   context.Context
	cloud *stage.Cloud
	roles *iam.Client
	given preflight.Given
	needs struct { // what `make roles` prints
		permissions map[string]string
		keyPolicy   string
	}
	approver aws.Config     // of who may decide
	mail     *stage.Mailbox // what the hand-off topic publishes
	news     *stage.Mailbox // and the operators' topic
	database stage.Database
	rekeyed  [2]int // between which calls the key of table, topics and roles changed
}

func TestAnAccountThatBringsItsRolesKeyAndBoundary(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	checkBuilt(t)
	cloud, err := stage.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer cloud.Stop()
	a := &account{T: t, ctx: ctx, cloud: cloud, roles: iam.NewFromConfig(cloud.Config(stage.Customer))}
	a.bringsKeyAndBoundary()
	a.bringsRoles()
	a.passesThePreflight()

	a.check(cloud.Install(ctx, func(_ string, work func() error) error { return work() }))
	a.asksBeforeItLosesThem()
	a.hasTheBoundaryOnEveryRole()
	a.usesTheKey()
	live := a.exposesADatabase()
	a.letsOnlyApproversDecide()
	other := a.isDeployedAnew(live)
	a.losesItsRegistry(live, other)
	a.usedItsRoles()
}

// asksBeforeItLosesThem deploys again, as far as that needs no cdk: with the same options, and with none.
func (a *account) asksBeforeItLosesThem() {
	a.Helper()
	said, err := a.cloud.Run(a.ctx, stage.Customer, "build/bin/rdslink", "preflight", a.cloud.Assembly())
	a.check(err)
	if !strings.Contains(string(said), "the stack rdslink of account "+stage.Customer) || !strings.Contains(string(said), "and has no exposure") {
		a.Errorf("the same options are met with %q", said)
	}
	calls, err := a.cloud.Calls(a.ctx, 0)
	a.check(err)
	if !slices.ContainsFunc(strings.Split(string(calls), "\n"), func(call string) bool {
		return strings.Contains(call, `"ListStackResources"`) && strings.Contains(call, ":role/cdk-hnb659fds-deploy-role-")
	}) {
		a.Error("the stack was not looked at with cdk's role")
	}
	config := a.cloud.Config(stage.Customer)
	owner := installation.New(config, config, installation.Place{Partition: "aws", Account: stage.Customer, Region: stage.Region})
	var named string
	asked := 0
	owner.Say = func(text string) { named += text + "\n" }
	owner.Ask = func(string) (bool, error) { asked++; return false, nil }
	of, err := installation.ReadAssembly(a.cloud.Assembly(), owner.Place)
	a.check(err)
	of.Template.Metadata[installation.OptionsKey] = json.RawMessage("{}")
	if err := owner.Prepare(a.ctx, of); err == nil || asked != 1 {
		a.Errorf("options are lost without a word: asked %d times, %v", asked, err)
	}
	for name := range a.cloud.Context {
		if !strings.Contains(named, "the option "+name+" would be lost") {
			a.Errorf("nothing is said of the option %s: %q", name, named)
		}
	}
}

func checkBuilt(t *testing.T) {
	t.Helper()
	root, err := stage.Root()
	if err == nil {
		_, err = os.Stat(filepath.Join(root, "build/bin/infra"))
	}
	if err != nil {
		t.Fatalf("`make test` builds what this needs: %v", err)
	}
}

func (a *account) check(err error) {
	a.Helper()
	if err != nil {
		a.Fatal(err)
	}
}

func (a *account) bringsKeyAndBoundary() {
	a.Helper()
	key, err := kms.NewFromConfig(a.cloud.Config(stage.Customer)).CreateKey(a.ctx, &kms.CreateKeyInput{})
	a.check(err)
	a.given.PermissionsBoundary, a.given.Key = a.bringsBoundary("boundary", "iam:CreateUser"), aws.ToString(key.KeyMetadata.Arn)
	a.cloud.Context = map[string]string{"permissionsBoundary": a.given.PermissionsBoundary, "key": a.given.Key, "databaseGroups": "tagged",
		"approvers": `["` + approver + `"]`, "tags": `{"CostCenter": "` + costCenter + `"}`}
}

// bringsBoundary makes a boundary that forbids a few things, and this one.
func (a *account) bringsBoundary(name, action string) (arn string) {
	a.Helper()
	boundary, err := a.roles.CreatePolicy(a.ctx, &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: aws.String(
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"},
			{"Effect": "Deny", "Action": ["iam:CreateRole", "` + action + `", "iam:CreatePolicy", "` + forbidden[0] + `"], "Resource": "*"}]}`)})
	a.check(err)
	return aws.ToString(boundary.Policy.Arn)
}

func (a *account) givesKeyItsPolicy(policy string) {
	a.Helper()
	_, err := kms.NewFromConfig(a.cloud.Config(stage.Customer)).PutKeyPolicy(a.ctx,
		&kms.PutKeyPolicyInput{KeyId: &a.given.Key, PolicyName: aws.String("default"), Policy: &policy})
	a.check(err)
}

// bringsRoles makes the roles from what `make roles` prints, and gives the key the policy that it prints.
func (a *account) bringsRoles() {
	a.Helper()
	arns := map[string]string{}
	for _, name := range brought {
		arns[name] = fmt.Sprintf("arn:aws:iam::%s:role/team/byo-%s", stage.Customer, name)
	}
	given, err := json.Marshal(arns)
	a.check(err)
	a.cloud.Context["roles"] = string(given)

	printed, err := a.cloud.Roles(a.ctx)
	a.check(err)
	var needs struct {
		Roles     map[string]struct{ Trust, Permissions json.RawMessage }
		KeyPolicy json.RawMessage
	}
	a.check(json.Unmarshal(printed, &needs))
	a.needs.permissions, a.needs.keyPolicy = map[string]string{}, string(needs.KeyPolicy)
	for name, arn := range arns {
		role := needs.Roles[name]
		a.needs.permissions[name] = string(role.Permissions)
		made, err := a.roles.CreateRole(a.ctx, &iam.CreateRoleInput{RoleName: aws.String("byo-" + name), Path: aws.String("/team/"), AssumeRolePolicyDocument: aws.String(string(role.Trust))})
		a.check(err)
		if aws.ToString(made.Role.Arn) != arn {
			a.Fatalf("made %s, want %s", aws.ToString(made.Role.Arn), arn)
		}
		_, err = a.roles.PutRolePolicy(a.ctx, &iam.PutRolePolicyInput{RoleName: made.Role.RoleName, PolicyName: aws.String("rdslink"), PolicyDocument: aws.String(string(role.Permissions))})
		a.check(err)
		if name == "share-the-service-name" {
			_, err = a.roles.PutRolePolicy(a.ctx, &iam.PutRolePolicyInput{RoleName: made.Role.RoleName, PolicyName: aws.String("administrators"), PolicyDocument: aws.String(
				`{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "` + forbidden[1] + `", "Resource": "*"}]}`)})
			a.check(err)
		}
		a.given.Roles = append(a.given.Roles, preflight.Role{Name: name, ARN: arn, Service: map[string]string{"setup": "states.amazonaws.com", "schedules": "scheduler.amazonaws.com"}[name]})
	}
	for i, role := range a.given.Roles {
		if role.Service == "" {
			a.given.Roles[i].Service = "lambda.amazonaws.com"
		}
	}
	a.givesKeyItsPolicy(a.needs.keyPolicy)
}

func (a *account) passesThePreflight() {
	a.Helper()
	checker := preflight.Checker{Roles: a.roles, Keys: kms.NewFromConfig(a.cloud.Config(stage.Customer))}
	if unseen, err := checker.Check(a.ctx, a.given); err != nil || len(unseen) > 0 {
		a.Errorf("what is there is found wanting: %v, %v", unseen, err)
	}
	missing := preflight.Given{Roles: []preflight.Role{{Name: "ip-sync", ARN: "arn:aws:iam::" + stage.Customer + ":role/nobody", Service: "lambda.amazonaws.com"}}}
	if _, err := checker.Check(a.ctx, missing); err == nil || !strings.Contains(err.Error(), "role arn:aws:iam::"+stage.Customer+":role/nobody does not exist") {
		a.Errorf("a role that does not exist: %v", err)
	}
}

// hasTheBoundaryOnEveryRole looks at every role that the stack made.
func (a *account) hasTheBoundaryOnEveryRole() {
	a.Helper()
	made := 0
	pages := iam.NewListRolesPaginator(a.roles, &iam.ListRolesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(a.ctx)
		a.check(err)
		for _, listed := range page.Roles {
			if !strings.HasPrefix(aws.ToString(listed.RoleName), "rdslink-") {
				continue
			}
			made++
			// ListRoles does not tell the boundary.
			role, err := a.roles.GetRole(a.ctx, &iam.GetRoleInput{RoleName: listed.RoleName})
			a.check(err)
			if boundary := boundaryOf(role.Role); boundary != a.given.PermissionsBoundary {
				a.Errorf("%s has the boundary %q", aws.ToString(listed.RoleName), boundary)
			}
		}
	}
	const all = 27
	if want := all - len(brought); made != want {
		a.Errorf("the stack made %d roles, want %d", made, want)
	}
}

func boundaryOf(role *iamtypes.Role) string {
	if role.PermissionsBoundary == nil {
		return ""
	}
	return aws.ToString(role.PermissionsBoundary.PermissionsBoundaryArn)
}

func (a *account) usesTheKey() {
	a.Helper()
	tables := dynamodb.NewFromConfig(a.cloud.Config(stage.Customer))
	listed, err := tables.ListTables(a.ctx, &dynamodb.ListTablesInput{})
	a.check(err)
	for _, name := range listed.TableNames {
		table, err := tables.DescribeTable(a.ctx, &dynamodb.DescribeTableInput{TableName: &name})
		a.check(err)
		if encryption := table.Table.SSEDescription; encryption == nil || aws.ToString(encryption.KMSMasterKeyArn) != a.given.Key {
			a.Errorf("table %s is encrypted with %+v", name, encryption)
		}
	}
	keys, err := kms.NewFromConfig(a.cloud.Config(stage.Customer)).ListKeys(a.ctx, &kms.ListKeysInput{})
	a.check(err)
	for _, key := range keys.Keys {
		described, err := kms.NewFromConfig(a.cloud.Config(stage.Customer)).DescribeKey(a.ctx, &kms.DescribeKeyInput{KeyId: key.KeyId})
		a.check(err)
		if strings.HasPrefix(aws.ToString(described.KeyMetadata.Description), "rdslink") {
			a.Errorf("the stack made the key %s", aws.ToString(key.KeyArn))
		}
	}
}

// exposure is one of the database's, and who is connected to it.
type exposure struct {
	id, input, execution string
	handoff              stage.Handoff
	client               stage.Client
	output               string
}

// exposesADatabase plays an execution, without a tag on the database's security group and then with it.
func (a *account) exposesADatabase() (live exposure) {
	a.Helper()
	var err error
	a.mail, err = a.cloud.NewMailbox(a.ctx, "byo-mail", "HandOffTopicArn")
	a.check(err)
	a.news, err = a.cloud.NewMailbox(a.ctx, "byo-news", "OperatorsTopicArn")
	a.check(err)
	home, err := a.cloud.NewVPC(a.ctx, stage.Customer)
	a.check(err)
	a.database, err = a.cloud.NewDatabase(a.ctx, home, "orders-prod", false)
	a.check(err)
	a.check(a.cloud.Fill(a.ctx, a.database))
	live.input = `{"database": "orders-prod", "vendor": "pushmetrics", "acceptance": {"mode": "expected-account"}, "notify": ["dba@example.com"]}`

	refused := exposure{input: live.input, execution: a.starts(live.input)}
	if p := a.ends(refused); p.Error != "BadInput" || !strings.Contains(p.Cause, "rdslink:ingress=allowed") {
		a.Errorf("without the tag the execution ends %s: %s: %s", p.Status, p.Error, p.Cause)
	}
	_, err = ec2.NewFromConfig(a.cloud.Config(stage.Customer)).CreateTags(a.ctx, &ec2.CreateTagsInput{Resources: []string{a.database.SecurityGroup},
		Tags: []ec2types.Tag{{Key: aws.String("rdslink:ingress"), Value: aws.String("allowed")}}})
	a.check(err)

	live = a.waits(live.input)
	a.connects(&live, stage.PushMetrics)
	a.succeeds(&live)
	if !strings.Contains(live.output, "dba@example.com: nobody may see") {
		a.Errorf("the output does not say who did not hear: %s", live.output)
	}
	return live
}

func (a *account) people() *operator.Operator {
	return operator.New(a.cloud.Config(stage.Customer), deployment.Unnamed)
}

func (a *account) starts(input string) (execution string) {
	a.Helper()
	execution, err := a.people().Start(a.ctx, input)
	a.check(err)
	return execution
}

// waits starts an execution, and follows it until it waits for somebody to connect.
func (a *account) waits(input string) exposure {
	a.Helper()
	e := exposure{input: input, execution: a.starts(input)}
	p, err := a.people().Follow(a.ctx, e.execution, 100*time.Millisecond, func(p operator.Progress) bool { return p.Waiting() != nil })
	a.check(err)
	if p.Done() {
		a.Fatalf("the execution ends %s: %s: %s", p.Status, p.Error, p.Cause)
	}
	listing, err := a.people().List(a.ctx)
	a.check(err)
	for _, o := range listing.Exposures {
		if o.Execution == e.execution {
			e.id = o.Exposure
		}
	}
	text, err := a.mail.Next(a.ctx, "the database orders-prod,")
	a.check(err)
	e.handoff, err = stage.ReadHandoff(text)
	a.check(err)
	return e
}

// connects makes an account's endpoint to what was handed off.
func (a *account) connects(e *exposure, account string) stage.Endpoint {
	a.Helper()
	vpc, err := a.cloud.NewVPC(a.ctx, account)
	a.check(err)
	endpoint, err := a.cloud.NewEndpoint(a.ctx, vpc, e.handoff)
	a.check(err)
	e.client, err = a.cloud.Client(a.ctx, endpoint, e.handoff)
	a.check(err)
	return endpoint
}

// succeeds follows an execution to its end, and has whoever is connected read.
func (a *account) succeeds(e *exposure) {
	a.Helper()
	p := a.ends(*e)
	if p.Status != "SUCCEEDED" {
		a.Fatalf("the execution ends %s: %s: %s", p.Status, p.Error, p.Cause)
	}
	e.output = p.Output
	a.reads(*e)
}

const orders = "1  kettle   2\n2  teapot   1\n3  cup      6"

func (a *account) reads(e exposure) {
	a.Helper()
	rows, err := a.cloud.Rows(a.ctx, e.client)
	a.check(err)
	if got := strings.Join(rows, "\n"); !strings.HasPrefix(got, orders) {
		a.Errorf("%s reads\n%s", e.client.Place.Account, got)
	}
}

func (a *account) ends(e exposure) operator.Progress {
	p, err := a.people().Follow(a.ctx, e.execution, 100*time.Millisecond, func(operator.Progress) bool { return false })
	if err != nil {
		a.Error(err)
	}
	return p
}

// isLookedAt waits until a tick of the exposure's schedule has found that it is served, and left a sign of it.
func (a *account) isLookedAt(id string) {
	a.Helper()
	since := time.Now()
	a.await("a good look at "+id, func() bool {
		e, err := a.registry().Living().Get(a.ctx, id)
		a.check(err)
		return e.Life.Ticked.After(since) && e.Life.Good.After(since)
	})
}

func (a *account) registry() *registry.Table {
	a.Helper()
	return registry.New(dynamodb.NewFromConfig(a.cloud.Config(stage.Customer)), a.table())
}

// table is the registry's name.
func (a *account) table() string {
	a.Helper()
	name, err := a.cloud.Output(a.ctx, deployment.RegistryTableOutput)
	a.check(err)
	return name
}

// isServed waits until the exposure is listed as one that is served, and nothing of it is broken.
func (a *account) isServed(e exposure) {
	a.Helper()
	var shown operator.Shown
	defer func() {
		if a.Failed() {
			a.Logf("last seen of %s: %+v", e.id, shown)
		}
	}()
	a.await(e.id+" to be served", func() (served bool) {
		var err error
		shown, err = a.people().Look(a.ctx, e.id)
		a.check(errors.Join(err, shown.Report.Err))
		_, broken := shown.Report.Broken()
		return shown.State == operator.Live && !broken
	})
	a.reads(e)
}

// await asks until the answer is yes.
func (a *account) await(what string, yes func() bool) {
	a.Helper()
	for !yes() {
		select {
		case <-a.ctx.Done():
			a.Fatalf("waited in vain for %s", what)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// letsOnlyApproversDecide has two people with the same permissions decide, of whom one is an
// approver, and the account's root.
func (a *account) letsOnlyApproversDecide() {
	a.Helper()
	for _, who := range []struct {
		role, refusal string
	}{{"approver", ""}, {"bystander", "explicit deny in a resource-based policy"}, {"", "explicit deny in a resource-based policy"}} {
		config := a.cloud.Config(stage.Customer)
		if who.role != "" {
			config = a.as(who.role)
		}
		if who.refusal == "" {
			a.approver = config
		}
		err := operator.New(config, deployment.Unnamed).Decide(a.ctx, bus.Decision{Exposure: "nobody-acme-00000000", VPCEndpointID: "vpce-0123456789abcdef0", Decision: bus.Accept})
		if (err == nil) != (who.refusal == "") || err != nil && !strings.Contains(err.Error(), who.refusal) {
			a.Errorf("%q decides: %v", who.role, err)
		}
	}
}

// as makes a role that may put events, and acts in it.
func (a *account) as(name string) aws.Config {
	a.Helper()
	made, err := a.roles.CreateRole(a.ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::` + stage.Customer + `:root"}, "Action": "sts:AssumeRole"}]}`)})
	a.check(err)
	_, err = a.roles.PutRolePolicy(a.ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("decides"), PolicyDocument: aws.String(
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "events:PutEvents", "Resource": "*"}]}`)})
	a.check(err)
	out, err := sts.NewFromConfig(a.cloud.Config(stage.Customer)).AssumeRole(a.ctx, &sts.AssumeRoleInput{RoleArn: made.Role.Arn, RoleSessionName: aws.String("person")})
	a.check(err)
	config := a.cloud.Config(stage.Customer)
	config.Credentials = credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	return config
}

// usedItsRoles reads from the log of calls who called.
func (a *account) usedItsRoles() {
	a.Helper()
	for _, name := range brought {
		if name == "resolver" {
			continue // it calls nothing
		}
		a.await("somebody who calls as "+name, func() bool { return a.called("byo-" + name) })
	}
	a.check(a.cloud.Rest(a.ctx))
	seen := map[string]bool{}
	for n, c := range a.calls() {
		for _, p := range c.Permissions {
			// CloudFormation gives the table another key before it lets the roles use that.
			if n >= a.rekeyed[0] && n < a.rekeyed[1] && strings.HasPrefix(p.Action, "kms:") {
				continue
			}
			if p.Refused == "" || !strings.Contains(p.Role, "/rdslink-") && !strings.Contains(p.Role, "/byo-") {
				continue
			}
			if seen[p.Action] = true; !slices.Contains(forbidden, p.Action) || !strings.Contains(p.Refused, "explicit deny") {
				a.Errorf("%s was refused %s on %s %s", p.Role, p.Action, p.Resource, p.Refused)
			}
		}
	}
	if len(seen) != len(forbidden) {
		a.Errorf("of %v, only %v was tried", forbidden, seen)
	}
}

// called says whether somebody has called in a role of that name.
func (a *account) called(role string) bool {
	a.Helper()
	return slices.ContainsFunc(a.calls(), func(c stage.Call) bool { return strings.HasSuffix(c.Role, role) })
}

func (a *account) calls() (all []stage.Call) {
	a.Helper()
	lines, err := a.cloud.Calls(a.ctx, 0)
	a.check(err)
	for line := range strings.Lines(string(lines)) {
		var c stage.Call
		a.check(json.Unmarshal([]byte(line), &c))
		all = append(all, c)
	}
	return all
}
