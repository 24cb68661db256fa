package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/test/stage"
)

// logsInFromOutside exposes a database, and has a role of the consumer's account log in to it through the endpoint, with a
// token of the role that the login's stack makes. Of others it wants the refusals.
func (s story) logsInFromOutside(database stage.Database, user, refusal string) {
	s.Helper()
	execution := s.starts(fmt.Sprintf(`{"database": %q, "name": "tokens", "principals": [%q]}`, database.Identifier, stage.Own))
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(stage.Own), handoff)
	exposure := s.decides(bus.Accept, endpoint)
	execution.succeeds()
	file := filepath.Join(s.TempDir(), database.Identifier+".json")
	s.check(cloud.PrintHandOff(s.ctx, exposure, file))
	app, err := cloud.NewRole(s.ctx, stage.Own, "app-of-"+database.Identifier,
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]}`)
	s.check(err)
	reader, err := cloud.NewRole(s.ctx, stage.Customer, "reader-of-"+database.Identifier,
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "rds-db:connect", "Resource": "arn:aws:rds-db:*:*:dbuser:db-*/*"}]}`)
	s.check(err)
	outputs, err := cloud.DeployConnected(s.ctx, stage.LoginStack(file, user, app))
	s.check(err)
	let, err := cloud.Assume(s.ctx, cloud.As(app, "ann"), outputs["RoleArn"], "ann")
	s.check(err)

	client := s.client(endpoint, handoff)
	client.User = user
	logIn := func(c aws.Credentials, host string, signed time.Time) error {
		token, err := stage.Token(s.ctx, c, fmt.Sprintf("%s:%d", host, database.Port), user, signed)
		s.check(err)
		client.Password = token
		rows, err := cloud.Rows(s.ctx, client)
		if err == nil && strings.Join(rows, "\n") != orders {
			s.Errorf("the user reads %v", rows)
		}
		return err
	}
	s.check(logIn(let, database.Host, time.Now()))
	for why, err := range map[string]error{
		"for the endpoint's name":            logIn(let, s.endpointName(endpoint), time.Now()),
		"of sixteen minutes ago":             logIn(let, database.Host, time.Now().Add(-16*time.Minute)),
		"of who may connect to instances":    logIn(stage.Credentials(reader, "bob"), database.Host, time.Now()),
		"of the other account's role itself": logIn(stage.Credentials(app, "ann"), database.Host, time.Now()),
	} {
		if err == nil || !strings.Contains(err.Error(), refusal) {
			s.Errorf("a token %s: %v", why, err)
		}
	}
}

func TestAClientLogsInByTokenToACluster(t *testing.T) {
	s := begin(t)
	database, err := cloud.NewTokenAurora(s.ctx, s.vpc(stage.Customer), "tokens-aurora")
	s.check(err)
	s.check(cloud.Fill(s.ctx, database))
	s.check(cloud.TokenUser(s.ctx, database, "app"))
	s.logsInFromOutside(database, "app", `PAM authentication failed for user "app"`)
}

func TestAClientLogsInByTokenToAProxy(t *testing.T) {
	s := begin(t)
	behind := s.database("tokens-behind", singleAZ)
	proxy, err := cloud.NewTokenProxy(s.ctx, behind, "tokens-proxy")
	s.check(err)
	s.logsInFromOutside(proxy, "orders", "The IAM authentication failed for the role orders.")
	if _, err := cloud.Rows(s.ctx, proxy.Application()); err == nil || !strings.Contains(err.Error(), "The IAM authentication failed") {
		t.Errorf("a password where a token is due: %v", err)
	}
}
