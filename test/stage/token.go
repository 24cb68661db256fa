package stage

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Token is what `aws rds generate-db-auth-token` prints: a signed request to connect to a database's endpoint, good for
// fifteen minutes, without its scheme.
func Token(ctx context.Context, c aws.Credentials, endpoint, user string, signed time.Time) (string, error) {
	const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // the hash of an empty body
	query := url.Values{"Action": {"connect"}, "DBUser": {user}, "X-Amz-Expires": {"900"}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+endpoint+"/?"+query.Encode(), nil)
	if err != nil {
		return "", fmt.Errorf("make token for %s: %w", endpoint, err)
	}
	uri, _, err := v4.NewSigner().PresignHTTP(ctx, c, request, nothing, "rds-db", Region, signed)
	if err != nil {
		return "", fmt.Errorf("sign token for %s: %w", endpoint, err)
	}
	return strings.TrimPrefix(uri, "https://"), nil
}

// Assume takes a role, as somebody in a session of another one.
func (c *Cloud) Assume(ctx context.Context, as aws.Config, role, session string) (aws.Credentials, error) {
	out, err := sts.NewFromConfig(as).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: &session})
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("assume %s: %w", role, err)
	}
	given := out.Credentials
	return aws.Credentials{AccessKeyID: aws.ToString(given.AccessKeyId), SecretAccessKey: aws.ToString(given.SecretAccessKey),
		SessionToken: aws.ToString(given.SessionToken)}, nil
}

// NewTokenDatabase is a PostgreSQL instance with IAM database authentication.
func (c *Cloud) NewTokenDatabase(ctx context.Context, vpc VPC, identifier string) (Database, error) {
	d, err := c.surround(ctx, vpc, identifier, postgreSQLPort)
	if err != nil {
		return Database{}, err
	}
	if err := c.createInstance(ctx, d, &rds.CreateDBInstanceInput{
		Engine: aws.String("postgres"), DBName: aws.String("orders"), EnableIAMDatabaseAuthentication: aws.Bool(true),
	}); err != nil {
		return Database{}, err
	}
	return c.awaitInstance(ctx, d)
}

// TokenUser makes a user of the database who logs in with tokens, and reads the orders.
func (c *Cloud) TokenUser(ctx context.Context, d Database, name string) error {
	conn, err := c.Connect(ctx, d.Application())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "create user "+name+"; grant rds_iam to "+name+"; grant select on orders to "+name); err != nil {
		return fmt.Errorf("create user %s of %s: %w", name, d.Identifier, err)
	}
	return nil
}

// LoginStack is the stack of a login by IAM, in the database's account.
func LoginStack(handoff, user, trusted string) Connected {
	return Connected{Account: Customer, Options: map[string]string{"handoff": handoff, "user": user, "trusted": trusted}, arguments: "login"}
}
