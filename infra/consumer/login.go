package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/rdslink/rdslink/internal/handoff"
)

// login is what the stack of a login is made of: in the database's account a role, which clients of the other account take
// to log in as one user of the database with IAM's tokens. RDS lets in nobody of another account
// (docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html).
type login struct {
	Account  string   `json:"account,omitempty"`
	Region   string   `json:"region,omitempty"`
	Exposure string   `json:"exposure"`
	User     string   `json:"user"`
	Trusted  []string `json:"trusted"`
	Resource string   `json:"resource"` // the database's resource id: names are given anew
	Host     string   `json:"host"`
	Port     int      `json:"port"` // the database's own, whatever the listener's
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9]+`)

// stackName is one for each exposure and user.
func (l login) stackName() string {
	return "rdslink-login-" + l.Exposure + "-" + strings.Trim(notInNames.ReplaceAllString(l.User, "-"), "-")
}

// userName is one that needs no quotes, and that an ARN takes.
var userName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,62}$`)

// loginOptions reads the options of a login.
func loginOptions(node constructs.Node) (d handoff.Document, l login, err error) {
	var file, trusted string
	if err := errors.Join(readText(node, "handoff", &file), readText(node, "user", &l.User), readText(node, "trusted", &trusted)); err != nil {
		return d, l, err
	}
	l.Trusted = items(trusted)
	d, err = readHandoff(file)
	errs := []error{err, checkTrusted(l.Trusted)}
	switch {
	case l.User == "":
		errs = append(errs, errors.New("context user: it is missing: give the user of the database that clients log in as, DB_USER=app"))
	case !userName.MatchString(l.User) || strings.Trim(notInNames.ReplaceAllString(l.User, "-"), "-") == "":
		errs = append(errs, fmt.Errorf("context user: %q is not a name of letters, digits, _, . and -: give the name of one such user", l.User))
	}
	if len(l.Trusted) == 0 {
		errs = append(errs, errors.New("context trusted: it is missing: give the ARN of the clients' role in the other account, "+
			"TRUSTED=arn:aws:iam::555566667777:role/app"))
	}
	l.Exposure, l.Host = d.Exposure, d.TLSServerName
	return d, l, errors.Join(errs...)
}

// databasesAPI is RDS, as the login looks for the database that is exposed.
type databasesAPI interface {
	rds.DescribeDBInstancesAPIClient
	rds.DescribeDBClustersAPIClient
	rds.DescribeDBProxiesAPIClient
}

// lookForDatabase finds the database that has the hand-off's endpoint, and whether it takes tokens.
func (a account) lookForDatabase(ctx context.Context, d handoff.Document, l login) (login, error) {
	l.Account, l.Region = a.id, a.region
	if len(d.Databases) > 0 {
		return l, fmt.Errorf("context handoff: %s is a link with %d databases, and a login is to one: give the hand-off of that one's "+
			"exposure, such as rdslink handoff %s --output json", d.Exposure, len(d.Databases), d.Databases[0].Exposure)
	}
	if err := a.checkService(d); err != nil {
		return l, err
	}
	finds := []func(context.Context, databasesAPI, *login) (found bool, on string, err error){findInstance, findCluster, findProxy}
	for _, find := range finds {
		found, on, err := find(ctx, a.databases, &l)
		switch {
		case err != nil:
			return l, err
		case found && on != "":
			return l, fmt.Errorf("context handoff: IAM database authentication of %s is off: switch it on, %s", l.Host, on)
		case found:
			return l, nil
		}
	}
	return l, fmt.Errorf("context handoff: account %s has no database with the endpoint %s in %s: "+
		"deploy this with the credentials of the database's account", a.id, l.Host, a.region)
}

func findInstance(ctx context.Context, api databasesAPI, l *login) (found bool, on string, err error) {
	pages := rds.NewDescribeDBInstancesPaginator(api, &rds.DescribeDBInstancesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return false, "", fmt.Errorf("list DB instances: %w", err)
		}
		for _, i := range page.DBInstances {
			if i.Endpoint == nil || aws.ToString(i.Endpoint.Address) != l.Host {
				continue
			}
			l.Resource, l.Port = aws.ToString(i.DbiResourceId), int(aws.ToInt32(i.Endpoint.Port))
			if !aws.ToBool(i.IAMDatabaseAuthenticationEnabled) {
				on = "aws rds modify-db-instance --db-instance-identifier " + aws.ToString(i.DBInstanceIdentifier) +
					" --enable-iam-database-authentication --apply-immediately"
			}
			return true, on, nil
		}
	}
	return false, "", nil
}

func findCluster(ctx context.Context, api databasesAPI, l *login) (found bool, on string, err error) {
	pages := rds.NewDescribeDBClustersPaginator(api, &rds.DescribeDBClustersInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return false, "", fmt.Errorf("list DB clusters: %w", err)
		}
		for _, c := range page.DBClusters {
			if aws.ToString(c.Endpoint) != l.Host {
				continue
			}
			l.Resource, l.Port = aws.ToString(c.DbClusterResourceId), int(aws.ToInt32(c.Port))
			if !aws.ToBool(c.IAMDatabaseAuthenticationEnabled) {
				on = "aws rds modify-db-cluster --db-cluster-identifier " + aws.ToString(c.DBClusterIdentifier) +
					" --enable-iam-database-authentication --apply-immediately"
			}
			return true, on, nil
		}
	}
	return false, "", nil
}

// proxyPorts are those of a proxy's engine family: it tells none.
var proxyPorts = map[string]int{
	string(types.EngineFamilyPostgresql): 5432, string(types.EngineFamilyMysql): 3306, string(types.EngineFamilySqlserver): 1433,
}

// findProxy: of a proxy the resource is the id at the end of its ARN, and each secret says whether tokens are taken.
func findProxy(ctx context.Context, api databasesAPI, l *login) (found bool, on string, err error) {
	pages := rds.NewDescribeDBProxiesPaginator(api, &rds.DescribeDBProxiesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return false, "", fmt.Errorf("list DB proxies: %w", err)
		}
		for _, p := range page.DBProxies {
			if aws.ToString(p.Endpoint) != l.Host {
				continue
			}
			arn := aws.ToString(p.DBProxyArn)
			l.Resource, l.Port = arn[strings.LastIndex(arn, ":")+1:], proxyPorts[aws.ToString(p.EngineFamily)]
			if !slices.ContainsFunc(p.Auth, func(a types.UserAuthConfigInfo) bool { return a.IAMAuth != types.IAMAuthModeDisabled }) {
				on = "aws rds modify-db-proxy --db-proxy-name " + aws.ToString(p.DBProxyName) + " --auth … with IAMAuth=REQUIRED"
			}
			return true, on, nil
		}
	}
	return false, "", nil
}

// newLogin makes the role.
func newLogin(scope constructs.Construct, l login) awscdk.Stack {
	stack := newEmptyLogin(scope, l)
	role := awsiam.NewRole(stack, ptr("Role"), &awsiam.RoleProps{
		Description: ptr("logs in to " + l.Exposure + " as " + l.User), AssumedBy: trust(l.Trusted),
	})
	role.AddToPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions: jsii.Strings("rds-db:connect"),
		Resources: jsii.Strings("arn:" + *stack.Partition() + ":rds-db:" + *stack.Region() + ":" + *stack.Account() +
			":dbuser:" + l.Resource + "/" + l.User),
	}))
	output(stack, "RoleArn", *role.RoleArn(), "Clients of the other account take this role")
	output(stack, "TokenCommand", "aws rds generate-db-auth-token --hostname "+l.Host+" --port "+strconv.Itoa(l.Port)+
		" --username "+l.User+" --region "+*stack.Region(), "In the role's session this prints a token, the password for fifteen minutes")
	return stack
}

func newEmptyLogin(scope constructs.Construct, l login) awscdk.Stack {
	return newBareStack(scope, l.stackName(), "rdslink: a login to an exposed database by IAM", l.Account, l.Region, l.Exposure)
}
