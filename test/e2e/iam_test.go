package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rdslink/rdslink/test/stage"
)

// limited makes a role in an account with one policy, and maybe a boundary, and acts in it.
func (s story) limited(account, name, statement, boundary string) aws.Config {
	s.Helper()
	document := func(statement string) *string {
		return aws.String(`{"Version":"2012-10-17","Statement":[` + statement + `]}`)
	}
	client := iam.NewFromConfig(cloud.Config(account))
	in := &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: document(`{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"sts:AssumeRole"}`)}
	if boundary != "" {
		made, err := client.CreatePolicy(s.ctx, &iam.CreatePolicyInput{PolicyName: aws.String(name + "-boundary"), PolicyDocument: document(boundary)})
		s.check(err)
		in.PermissionsBoundary = made.Policy.Arn
	}
	role, err := client.CreateRole(s.ctx, in)
	s.check(err)
	_, err = client.PutRolePolicy(s.ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("own"), PolicyDocument: document(statement)})
	s.check(err)
	out, err := sts.NewFromConfig(cloud.Config(account)).AssumeRole(s.ctx, &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("tester")})
	s.check(err)
	config := cloud.Config(account)
	config.Credentials = credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	return config
}

func (s story) listsTopics(c aws.Config) error {
	_, err := sns.NewFromConfig(c).ListTopics(s.ctx, &sns.ListTopicsInput{})
	return err
}

// What the evaluator cannot judge fails the call, and the message names the statement: nothing fails open.
func TestAPolicyThatCannotBeJudgedFailsTheCall(t *testing.T) {
	s := begin(t)
	for name, row := range map[string]struct{ statement, said string }{
		"operator":  {`{"Sid":"Odd","Effect":"Allow","Action":"sns:ListTopics","Resource":"*","Condition":{"StringSortOfEquals":{"aws:PrincipalAccount":"1"}}}`, "StringSortOfEquals"},
		"key":       {`{"Sid":"Odd","Effect":"Allow","Action":"sns:ListTopics","Resource":"*","Condition":{"StringEquals":{"sns:Weather":"fine"}}}`, "sns:Weather"},
		"action":    {`{"Sid":"Odd","Effect":"Allow","Action":"sns:ListTopic","Resource":"*"}`, "sns:ListTopic"},
		"unmodeled": {`{"Sid":"Odd","Effect":"Allow","Action":"sns:ListTopics","Resource":"*","Condition":{"StringEquals":{"aws:SourceVpce":"vpce-1"}}}`, "not modelled"},
	} {
		err := s.listsTopics(s.limited(stage.Customer, "judged-"+name, row.statement, ""))
		if err == nil || code(err) != "LocalCloudCannotJudge" || !strings.Contains(err.Error(), row.said) || !strings.Contains(err.Error(), "Odd") {
			s.Errorf("%s: %v", name, err)
		}
	}
}

func TestABoundaryLimitsARole(t *testing.T) {
	s := begin(t)
	const all = `{"Effect":"Allow","Action":"sns:*","Resource":"*"}`
	s.check(s.listsTopics(s.limited(stage.Customer, "within", all, all)))
	err := s.listsTopics(s.limited(stage.Customer, "beyond", all, `{"Effect":"Allow","Action":"sqs:*","Resource":"*"}`))
	s.denied("a role beyond its boundary", err)
	if err != nil && !strings.Contains(err.Error(), "because no permissions boundary allows the sns:ListTopics action") {
		s.Error(err)
	}
}

// A consumer's role may be held to one service by its name.
func TestAConsumersRoleIsHeldToAServiceByItsName(t *testing.T) {
	s := begin(t)
	const service = "com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0"
	vpc := s.vpc(partner)
	consumer := s.limited(partner, "consumer", `{"Effect":"Allow","Action":"ec2:CreateVpcEndpoint","Resource":"*","Condition":{"StringEquals":{"ec2:VpceServiceName":"`+service+`"}}},
		{"Effect":"Allow","Action":"ec2:CreateVpcEndpoint","Resource":["arn:aws:ec2:*:*:vpc/*","arn:aws:ec2:*:*:subnet/*"]}`, "")
	asks := func(name string) error {
		_, err := ec2.NewFromConfig(consumer).CreateVpcEndpoint(s.ctx,
			&ec2.CreateVpcEndpointInput{VpcEndpointType: "Interface", VpcId: &vpc.ID, ServiceName: &name, SubnetIds: []string{*vpc.Subnets[0].SubnetId}})
		return err
	}
	if err := asks(service); code(err) != "InvalidServiceName" { // allowed, and there is no such service
		s.Errorf("its own service: %v", err)
	}
	s.denied("another service", asks(strings.Replace(service, "0123", "9876", 1)))
}
