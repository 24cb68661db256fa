package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/jsii-runtime-go"

	"github.com/rdslink/rdslink/internal/golden"
	"github.com/rdslink/rdslink/internal/handoff"
)

const theRole = "arn:aws:iam::555566667777:role/app"

// fakeDatabases are an account's.
type fakeDatabases struct {
	host    string // of the one that is exposed
	kind    string // instance, cluster or proxy
	byToken bool
}

func (f *fakeDatabases) hostOf(kind string) *string {
	if f.kind == kind {
		return &f.host
	}
	return aws.String("other.c0ffee123456.eu-central-1.rds.amazonaws.com")
}

func (f *fakeDatabases) DescribeDBInstances(context.Context, *rds.DescribeDBInstancesInput, ...func(*rds.Options)) (*rds.DescribeDBInstancesOutput, error) {
	return &rds.DescribeDBInstancesOutput{DBInstances: []types.DBInstance{{DBInstanceIdentifier: aws.String("being-made")}, {
		DBInstanceIdentifier: aws.String("orders-prod"), DbiResourceId: aws.String("db-ABC"), IAMDatabaseAuthenticationEnabled: &f.byToken,
		Endpoint: &types.Endpoint{Address: f.hostOf("instance"), Port: aws.Int32(5433)},
	}}}, nil
}

func (f *fakeDatabases) DescribeDBClusters(context.Context, *rds.DescribeDBClustersInput, ...func(*rds.Options)) (*rds.DescribeDBClustersOutput, error) {
	return &rds.DescribeDBClustersOutput{DBClusters: []types.DBCluster{{
		DBClusterIdentifier: aws.String("orders-prod"), DbClusterResourceId: aws.String("cluster-ABC"), IAMDatabaseAuthenticationEnabled: &f.byToken,
		Endpoint: f.hostOf("cluster"), Port: aws.Int32(3306),
	}}}, nil
}

func (f *fakeDatabases) DescribeDBProxies(context.Context, *rds.DescribeDBProxiesInput, ...func(*rds.Options)) (*rds.DescribeDBProxiesOutput, error) {
	mode := types.IAMAuthModeDisabled
	if f.byToken {
		mode = types.IAMAuthModeRequired
	}
	return &rds.DescribeDBProxiesOutput{DBProxies: []types.DBProxy{{
		DBProxyName: aws.String("orders-prod"), DBProxyArn: aws.String("arn:aws:rds:eu-central-1:111122223333:db-proxy:prx-abc"),
		Endpoint: f.hostOf("proxy"), EngineFamily: aws.String("MYSQL"), Auth: []types.UserAuthConfigInfo{{IAMAuth: mode}},
	}}}, nil
}

func loginOf(t *testing.T, f *fakeDatabases, typed map[string]any) (login, error) {
	t.Helper()
	d, l, err := loginOptions(awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false), Context: &typed}).Node())
	if err != nil {
		return l, err
	}
	a := account{id: "111122223333", region: "eu-central-1", databases: f}
	return a.lookForDatabase(t.Context(), d, l)
}

func TestALoginIsToTheDatabaseOfTheHandOff(t *testing.T) {
	inFolder(t)
	for kind, want := range map[string]login{
		"instance": {Resource: "db-ABC", Port: 5433}, "cluster": {Resource: "cluster-ABC", Port: 3306}, "proxy": {Resource: "prx-abc", Port: 3306},
	} {
		got, err := loginOf(t, &fakeDatabases{databaseHost, kind, true}, map[string]any{
			"handoff": printed(t, func(*handoff.Facts) {}), "user": "app_reader", "trusted": theRole})
		if err != nil || got.Resource != want.Resource || got.Port != want.Port || got.Host != databaseHost || got.Account != "111122223333" ||
			got.stackName() != "rdslink-login-orders-prod-acme-17ac466a-app-reader" {
			t.Errorf("%s: %+v, %v, want %+v", kind, got, err, want)
		}
	}
}

var loginRefusals = []struct {
	option, condition string
	value             any
	link              bool // the hand-off is a link's
	databases         fakeDatabases
	message, remedy   string
}{
	{option: "user", condition: "missing", value: missing, message: "it is missing", remedy: "DB_USER=app"},
	{option: "user", condition: "a name with other letters", value: `app"; drop`, message: "is not a name of letters", remedy: "give the name of one such user"},
	{option: "trusted", condition: "missing", value: missing, message: "it is missing", remedy: "TRUSTED=arn:aws:iam::555566667777:role/app"},
	{option: "trusted", condition: "an account's number", value: "555566667777", message: "is not the ARN of a role", remedy: "such as arn:aws:iam::555566667777:role/dba"},
	{option: "handoff", condition: "of a database in another account", databases: fakeDatabases{databaseHost, "elsewhere", true},
		message: "account 111122223333 has no database with the endpoint " + databaseHost, remedy: "with the credentials of the database's account"},
	{option: "handoff", condition: "of a link", link: true, databases: fakeDatabases{databaseHost, "instance", true},
		message: "is a link with 2 databases, and a login is to one", remedy: "rdslink handoff orders-prod-acme-6f2e8a01 --output json"},
	{option: "handoff", condition: "of a DB instance without IAM authentication", databases: fakeDatabases{databaseHost, "instance", false},
		message: "is off", remedy: "aws rds modify-db-instance --db-instance-identifier orders-prod --enable-iam-database-authentication"},
	{option: "handoff", condition: "of a DB cluster without it", databases: fakeDatabases{databaseHost, "cluster", false}, message: "is off", remedy: "aws rds modify-db-cluster"},
	{option: "handoff", condition: "of a proxy without it", databases: fakeDatabases{databaseHost, "proxy", false}, message: "is off", remedy: "IAMAuth=REQUIRED"},
}

func TestLoginRefusalsAreDocumented(t *testing.T) {
	var table strings.Builder
	table.WriteString("| Option | Condition | Message |\n|---|---|---|\n")
	t.Run("rows", func(t *testing.T) {
		inFolder(t)
		for _, row := range loginRefusals {
			typed := map[string]any{"handoff": printed(t, func(*handoff.Facts) {}), "user": "app", "trusted": theRole}
			if row.link {
				typed["handoff"] = printedLink(t, unchanged)
			}
			if row.value != nil {
				maps.Copy(typed, map[string]any{row.option: row.value})
			}
			l, err := loginOf(t, &row.databases, typed)
			if err == nil || !strings.HasPrefix(err.Error(), "context "+row.option+": ") || !strings.Contains(err.Error(), row.message) ||
				!strings.Contains(err.Error(), row.remedy) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%s, %s: %+v, %v, want %q and %q", row.option, row.condition, l, err, row.message, row.remedy)
			}
			fmt.Fprintf(&table, "| `%s` | %s | %s |\n", row.option, row.condition, strings.TrimPrefix(err.Error(), "context "+row.option+": "))
		}
	})
	golden.ComparePage(t, "consumer.md", "login refusals", table.String())
}

// The role may log in as one user to one database, whatever it is called later, and nobody but the clients may take it.
func TestALoginIsOneRole(t *testing.T) {
	l, err := readPlan[login]("testdata/login.json")
	if err != nil {
		t.Fatal(err)
	}
	stack := newLogin(awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false)}), l)
	text, err := json.Marshal(assertions.Template_FromStack(stack, nil).ToJSON())
	if err != nil {
		t.Fatal(err)
	}
	var s synthesis
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	if types := s.types(); len(types) != 2 || types[0] != "AWS::IAM::Policy" || types[1] != "AWS::IAM::Role" {
		t.Errorf("it makes %v", types)
	}
	for _, want := range []string{
		`"Principal":{"AWS":"arn:aws:iam::555566667777:role/app"}`, `"Action":"rds-db:connect"`, `:dbuser:db-ABCDEFGHIJKLMNOPQRSTUVWXYZ/app_reader"`,
		"--hostname orders-prod.c0ffee123456.eu-central-1.rds.amazonaws.com --port 5433 --username app_reader",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
}

// Whoever logs in is told in the page what the app reads.
func TestTheLoginsOptionsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/consumer.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"make deploy-login HANDOFF=", "DB_USER=", "TRUSTED="} {
		if !strings.Contains(string(page), want) {
			t.Errorf("docs/consumer.md does not say %s", want)
		}
	}
}
