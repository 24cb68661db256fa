package stage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Own is another account of the customer's.
const Own = "222233334444"

// PrintHandOff prints the hand-off of an exposure into a file, as the database's account does for its consumer.
func (c *Cloud) PrintHandOff(ctx context.Context, exposure, file string) error {
	text, err := c.Run(ctx, Customer, filepath.Join(c.Root, "build/bin/rdslink"), "handoff", exposure, "--output", "json")
	if err == nil {
		err = os.WriteFile(file, text, 0o644)
	}
	if err != nil {
		return fmt.Errorf("print hand-off of %s: %w", exposure, err)
	}
	return nil
}

// Connected is a stack that connects an account to an exposed database, or lets it log in there, with what the CDK app is
// told.
type Connected struct {
	Account string
	Options map[string]string

	arguments string // of the app
}

// ConsumerStack is the stack of the consumer's VPC, from the hand-off in a file.
func ConsumerStack(vpc VPC, handoff string, more map[string]string) Connected {
	options := map[string]string{"handoff": handoff, "vpc": vpc.ID}
	maps.Copy(options, more)
	return Connected{Account: vpc.Account, Options: options}
}

// DeployConnected deploys such a stack as `make deploy-consumer` does, and returns its outputs.
func (c *Cloud) DeployConnected(ctx context.Context, s Connected) (outputs map[string]string, err error) {
	name, err := c.connected(ctx, s, "deploy", s.arguments, "--require-approval", "never", "--progress", "events")
	if err != nil {
		return nil, err
	}
	out, err := cloudformation.NewFromConfig(c.Config(s.Account)).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		return nil, fmt.Errorf("describe stack %s: %w", name, err)
	}
	outputs = map[string]string{}
	for _, o := range out.Stacks[0].Outputs {
		outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	return outputs, nil
}

// DestroyConnected takes it away as `make destroy-consumer` does.
func (c *Cloud) DestroyConnected(ctx context.Context, s Connected) error {
	name, err := c.connected(ctx, s, "destroy", strings.TrimSpace(s.arguments+" name"), "--force")
	if err != nil {
		return err
	}
	stacks := cloudformation.NewListStacksPaginator(cloudformation.NewFromConfig(c.Config(s.Account)), &cloudformation.ListStacksInput{})
	for stacks.HasMorePages() {
		page, err := stacks.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list stacks: %w", err)
		}
		if slices.ContainsFunc(page.StackSummaries, func(s types.StackSummary) bool {
			return aws.ToString(s.StackName) == name && s.StackStatus != types.StackStatusDeleteComplete
		}) {
			return fmt.Errorf("destroy stack %s: it is still there", name)
		}
	}
	return nil
}

// connected runs cdk with the app, and returns the stack's name.
func (c *Cloud) connected(ctx context.Context, s Connected, command, arguments string, flags ...string) (stack string, err error) {
	folder, err := os.MkdirTemp("", "connected")
	if err != nil {
		return "", fmt.Errorf("make a folder for the assembly: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	app := strings.TrimSpace(filepath.Join(c.Root, "build/bin/consumer") + " " + arguments)
	args := append([]string{command, "--app", app, "--output", folder}, flags...)
	for _, name := range slices.Sorted(maps.Keys(s.Options)) {
		args = append(args, "--context", name+"="+s.Options[name])
	}
	if _, err := c.Run(ctx, s.Account, filepath.Join(c.Root, "build/node_modules/.bin/cdk"), args...); err != nil {
		return "", err
	}
	templates, err := filepath.Glob(filepath.Join(folder, "*.template.json"))
	if err != nil || len(templates) != 1 {
		return "", errors.New(command + ": the app makes no stack")
	}
	return strings.TrimSuffix(filepath.Base(templates[0]), ".template.json"), nil
}

// EnableDNS switches on what a VPC needs to see its private hosted zones.
func (c *Cloud) EnableDNS(ctx context.Context, vpc VPC) error {
	on := &ec2types.AttributeBooleanValue{Value: aws.Bool(true)}
	for _, in := range []*ec2.ModifyVpcAttributeInput{{VpcId: &vpc.ID, EnableDnsSupport: on}, {VpcId: &vpc.ID, EnableDnsHostnames: on}} {
		if _, err := ec2.NewFromConfig(c.Config(vpc.Account)).ModifyVpcAttribute(ctx, in); err != nil {
			return fmt.Errorf("enable DNS of %s: %w", vpc.ID, err)
		}
	}
	return nil
}

// NewGroup makes a security group of clients: it admits nobody, and lets everything out.
func (c *Cloud) NewGroup(ctx context.Context, vpc VPC, name string) (string, error) {
	made, err := ec2.NewFromConfig(c.Config(vpc.Account)).CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName: &name, Description: aws.String("clients"), VpcId: &vpc.ID,
	})
	if err != nil {
		return "", fmt.Errorf("create security group %s: %w", name, err)
	}
	return aws.ToString(made.GroupId), nil
}
