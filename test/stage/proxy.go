package stage

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// NewProxy makes an RDS Proxy in front of a PostgreSQL instance, with a security group of its own which the instance's
// admits, and waits until it is available. What it returns is the proxy.
func (c *Cloud) NewProxy(ctx context.Context, instance Database, name string) (Database, error) {
	return c.newProxy(ctx, instance, name, nil)
}

// NewTokenProxy is one whose clients log in by IAM, as the master user, of whom it has the secret.
func (c *Cloud) NewTokenProxy(ctx context.Context, instance Database, name string) (Database, error) {
	return c.newProxy(ctx, instance, name, []types.UserAuthConfig{{
		AuthScheme: types.AuthSchemeSecrets, IAMAuth: types.IAMAuthModeRequired,
		SecretArn: aws.String("arn:aws:secretsmanager:" + Region + ":" + instance.VPC.Account + ":secret:" + name + "-AbCdEf"),
	}})
}

func (c *Cloud) newProxy(ctx context.Context, instance Database, name string, auth []types.UserAuthConfig) (Database, error) {
	vpc := instance.VPC
	group, err := c.newDatabaseGroup(ctx, vpc, name, postgreSQLPort)
	if err != nil {
		return Database{}, err
	}
	if _, err := ec2.NewFromConfig(c.Config(vpc.Account)).AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &instance.SecurityGroup,
		IpPermissions: []ec2types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(int32(instance.Port)), ToPort: aws.Int32(int32(instance.Port)),
			UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: &group}},
		}},
	}); err != nil {
		return Database{}, fmt.Errorf("admit %s to %s: %w", name, instance.Identifier, err)
	}
	client := rds.NewFromConfig(c.Config(vpc.Account))
	if _, err := client.CreateDBProxy(ctx, &rds.CreateDBProxyInput{
		DBProxyName: &name, EngineFamily: types.EngineFamilyPostgresql, RequireTLS: aws.Bool(true),
		RoleArn: aws.String("arn:aws:iam::" + vpc.Account + ":role/proxy"), Auth: auth,
		VpcSubnetIds: vpc.SubnetIDs(), VpcSecurityGroupIds: []string{group},
	}); err != nil {
		return Database{}, fmt.Errorf("create DB proxy %s: %w", name, err)
	}
	d := Database{Identifier: name, Port: postgreSQLPort, SecurityGroup: group, VPC: vpc}
	err = poll(ctx, func() (bool, error) {
		out, err := client.DescribeDBProxies(ctx, &rds.DescribeDBProxiesInput{DBProxyName: &name})
		if err != nil || len(out.DBProxies) != 1 {
			return false, err
		}
		d.Host = aws.ToString(out.DBProxies[0].Endpoint)
		return out.DBProxies[0].Status == types.DBProxyStatusAvailable, nil
	})
	if err != nil {
		return Database{}, fmt.Errorf("wait for DB proxy %s: %w", name, err)
	}
	if _, err := client.RegisterDBProxyTargets(ctx, &rds.RegisterDBProxyTargetsInput{
		DBProxyName: &name, DBInstanceIdentifiers: []string{instance.Identifier},
	}); err != nil {
		return Database{}, fmt.Errorf("register %s with %s: %w", instance.Identifier, name, err)
	}
	return d, nil
}
