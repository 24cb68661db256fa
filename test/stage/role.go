package stage

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// NewRole makes a role in which an account may act, with one policy.
func (c *Cloud) NewRole(ctx context.Context, account, name, policy string) (arn string, err error) {
	client := iam.NewFromConfig(c.Config(account))
	made, err := client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "` + account + `"}, "Action": "sts:AssumeRole"}]}`)})
	if err != nil {
		return "", fmt.Errorf("create role %s: %w", name, err)
	}
	if _, err := client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: &name, PolicyDocument: &policy}); err != nil {
		return "", fmt.Errorf("put policy of role %s: %w", name, err)
	}
	return aws.ToString(made.Role.Arn), nil
}
