package byo

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cloudformationtypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/jackc/pgx/v5"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/operator"
	"github.com/rdslink/rdslink/test/stage"
)

// The values of options that change when the stack is deployed anew, beside the key and the boundary.
const (
	costCenter, anotherCostCenter = "cost-center-one", "cost-center-two"
	anotherApprover               = "arn:aws:iam::" + stage.Customer + ":role/another-approver"
	// partner is a consumer that is no vendor.
	partner = "444455556666"
)

// isDeployedAnew deploys the stack over an exposure that is used and an execution that waits: with another version's code,
// another key, boundary and approver, and another tag. First AWS refuses it half-way, and it is rolled back. A program that
// keeps its connection and one that connects for each write notice neither.
func (a *account) isDeployedAnew(live exposure) (waiting exposure) {
	a.Helper()
	before := a.given
	a.bringsAnotherKeyAndBoundary()
	after := a.given
	next := a.nextAssembly(before.Key, after.Key, before.PermissionsBoundary, after.PermissionsBoundary,
		approver+`"`, anotherApprover+`"`, approver+`\"`, anotherApprover+`\"`, costCenter, anotherCostCenter)
	resolver := deployment.Unnamed.Resolver(a.database.VPC.ID)
	sync, resolves := a.codeOf(deployment.Unnamed.Function("ip-sync")), a.codeOf(resolver)
	a.rekeyed[0] = len(a.calls())
	keeps, connects := a.writes(live, "a program that keeps its connection", 1000, false), a.writes(live, "a program that connects for each write", 500_000, true)

	a.check(a.cloud.Disturb(a.ctx, stage.Fault{Action: "UpdateFunctionConfiguration", Resource: deployment.Unnamed.Function("observer"),
		Kind: "refuse", Code: "ServiceException", Message: "An internal error occurred", Status: 500, Count: 1}))
	if err := a.cloud.DeployAssembly(a.ctx, stage.Customer, next); err == nil {
		a.Fatal("what AWS refuses is deployed")
	}
	if status := a.stackStatus(); status != cloudformationtypes.StackStatusUpdateRollbackComplete {
		a.Fatalf("the deployment that failed leaves %s", status)
	}
	a.given = before
	a.isAs(costCenter)
	if a.codeOf(deployment.Unnamed.Function("ip-sync")) != sync || a.codeOf(resolver) != resolves {
		a.Error("a deployment that was rolled back leaves other code")
	}
	a.isLookedAt(live.id)
	waiting = a.waits(`{"database": "orders-prod", "name": "acme", "principals": ["` + partner + `"]}`)

	a.given = after
	a.check(a.cloud.DeployAssembly(a.ctx, stage.Customer, next))
	for _, log := range []*writeLog{keeps(), connects()} {
		a.Log(log)
		if len(log.failed) > 0 || log.written < 10 {
			a.Errorf("%s: %v", log, errors.Join(log.failed...))
		}
	}
	a.isAs(anotherCostCenter)
	if a.codeOf(deployment.Unnamed.Function("ip-sync")) == sync || a.codeOf(resolver) == resolves {
		a.Error("the deployment leaves the code of the version before")
	}
	a.isLookedAt(live.id)
	a.rekeyed[1] = len(a.calls())

	endpoint := a.connects(&waiting, partner)
	decision := bus.Decision{Exposure: waiting.id, VPCEndpointID: endpoint.ID, Decision: bus.Accept, By: "olga"}
	if err := operator.New(a.approver, deployment.Unnamed).Decide(a.ctx, decision); err == nil {
		a.Error("who is no approver any more decides")
	}
	a.check(operator.New(a.as("another-approver"), deployment.Unnamed).Decide(a.ctx, decision))
	a.succeeds(&waiting)
	for _, e := range []exposure{live, waiting} {
		a.isServed(e)
	}
	return waiting
}

// bringsAnotherKeyAndBoundary makes them, and has the account's own roles use both keys, as they must until the stack is
// deployed.
func (a *account) bringsAnotherKeyAndBoundary() {
	a.Helper()
	old, keys := a.given.Key, kms.NewFromConfig(a.cloud.Config(stage.Customer))
	key, err := keys.CreateKey(a.ctx, &kms.CreateKeyInput{})
	a.check(err)
	a.given.Key = aws.ToString(key.KeyMetadata.Arn)
	a.givesKeyItsPolicy(strings.ReplaceAll(a.needs.keyPolicy, old, a.given.Key))
	for name, permissions := range a.needs.permissions {
		_, err := a.roles.PutRolePolicy(a.ctx, &iam.PutRolePolicyInput{RoleName: aws.String("byo-" + name), PolicyName: aws.String("rdslink-next"),
			PolicyDocument: aws.String(strings.ReplaceAll(permissions, old, a.given.Key))})
		a.check(err)
	}
	a.given.PermissionsBoundary = a.bringsBoundary("another-boundary", "iam:CreateAccessKey")
}

// nextAssembly is the deployed assembly with other code of the resolver, the sync and the observer, and with the values of
// options replaced, pair by pair: they stand in the template as they are given, and a synthesis takes a quarter of a minute.
func (a *account) nextAssembly(options ...string) (folder string) {
	a.Helper()
	now, folder := a.cloud.Assembly(), a.TempDir()
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(now, name))
		a.check(err)
		return string(text)
	}
	var assets struct {
		Files map[string]struct{ DisplayName string }
	}
	a.check(json.Unmarshal([]byte(read("rdslink.assets.json")), &assets))
	changed := map[string]string{} // the code that is, and the code that will be; the template, too, goes by what is in it
	for hash, asset := range assets.Files {
		if slices.Contains([]string{"ResolverCode", "ip-sync/Code", "observer/Code", "rdslink Template"}, asset.DisplayName) {
			changed[hash] = fmt.Sprintf("%x", sha256.Sum256([]byte("next "+hash)))
			options = append(options, hash, changed[hash])
		}
	}
	if len(changed) != 4 {
		a.Fatalf("%d of the assets change", len(changed))
	}
	entries, err := os.ReadDir(now)
	a.check(err)
	for _, e := range entries {
		hash, _ := strings.CutPrefix(e.Name(), "asset.")
		switch other := changed[hash]; {
		case !e.IsDir():
			a.check(os.WriteFile(filepath.Join(folder, e.Name()), []byte(strings.NewReplacer(options...).Replace(read(e.Name()))), 0o644))
		case other == "":
			a.check(os.Symlink(filepath.Join(now, e.Name()), filepath.Join(folder, e.Name())))
		default:
			code := filepath.Join(folder, "asset."+other)
			a.check(os.Mkdir(code, 0o755))
			a.check(os.Symlink(filepath.Join(now, e.Name(), "bootstrap"), filepath.Join(code, "bootstrap")))
			a.check(os.WriteFile(filepath.Join(code, "VERSION"), []byte("the next"), 0o644))
		}
	}
	return folder
}

// isAs holds what is deployed against the options.
func (a *account) isAs(costCenter string) {
	a.Helper()
	a.hasTheBoundaryOnEveryRole()
	a.usesTheKey()
	out, err := lambda.NewFromConfig(a.cloud.Config(stage.Customer)).GetFunction(a.ctx, &lambda.GetFunctionInput{FunctionName: aws.String(deployment.Unnamed.Function("watch"))})
	a.check(err)
	for where, text := range map[string]string{"tags": fmt.Sprint(out.Tags), "settings": fmt.Sprint(out.Configuration.Environment.Variables)} {
		if !strings.Contains(text, costCenter) {
			a.Errorf("the %s of watch do not say %s: %s", where, costCenter, text)
		}
	}
}

func (a *account) codeOf(function string) string {
	a.Helper()
	out, err := lambda.NewFromConfig(a.cloud.Config(stage.Customer)).GetFunctionConfiguration(a.ctx,
		&lambda.GetFunctionConfigurationInput{FunctionName: &function})
	a.check(err)
	return aws.ToString(out.CodeSha256)
}

func (a *account) stackStatus() cloudformationtypes.StackStatus {
	a.Helper()
	out, err := cloudformation.NewFromConfig(a.cloud.Config(stage.Customer)).DescribeStacks(a.ctx,
		&cloudformation.DescribeStacksInput{StackName: aws.String(deployment.Unnamed.Stack())})
	a.check(err)
	return out.Stacks[0].StackStatus
}

// writeLog is what a program wrote, and how it fared.
type writeLog struct {
	program string
	written int
	failed  []error
	took    time.Duration
	longest time.Duration // from one write that succeeded to the next
}

func (l *writeLog) String() string {
	return fmt.Sprintf("%s: %d writes in %.1f s, %d failed, longest gap %.2f s", l.program, l.written, l.took.Seconds(), len(l.failed), l.longest.Seconds())
}

// pause is how long a program waits before it writes again.
const pause = 100 * time.Millisecond

// writes has a program write an order after the other, from a number on, until it is told to end.
func (a *account) writes(e exposure, program string, first int, anew bool) (end func() *writeLog) {
	a.Helper()
	log, ended, stop := &writeLog{program: program}, make(chan struct{}), make(chan struct{})
	begun := time.Now()
	var conn *pgx.Conn
	write := func(id int) (err error) {
		if conn == nil {
			if conn, err = a.cloud.Connect(a.ctx, e.client); err != nil {
				return err
			}
		}
		_, err = conn.Exec(a.ctx, "insert into orders values ($1, 'spoon', 1)", id)
		if anew {
			err = errors.Join(err, conn.Close(a.ctx))
			conn = nil
		}
		return err
	}
	go func() {
		defer close(ended)
		last := begun
		for id := first; ; id++ {
			select {
			case <-stop:
				return
			case <-time.After(pause):
			}
			if err := write(id); err != nil {
				log.failed = append(log.failed, err)
				continue
			}
			log.written++
			log.longest, last = max(log.longest, time.Since(last)), time.Now()
		}
	}()
	return sync.OnceValue(func() *writeLog {
		close(stop)
		<-ended
		log.took = time.Since(begun)
		if conn != nil {
			_ = conn.Close(a.ctx)
		}
		return log
	})
}
