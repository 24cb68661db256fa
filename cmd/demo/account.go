package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/rdslink/rdslink/internal/operator"
	"github.com/rdslink/rdslink/test/stage"
)

// own is the customer's other account as the consumer.
var own = stage.Consumer{Name: "apps", Account: stage.Own,
	Input: map[string]any{"name": "own", "principals": []string{stage.Own}}}

// castAccount reads CONSUMER: the consumer is an account of the customer's own, and the database one that takes tokens.
func (d *demo) castAccount(consumer, database, vendor string) error {
	switch {
	case consumer == "":
		return d.cast(database, vendor)
	case consumer != "account":
		return fmt.Errorf("CONSUMER=%s: the demo has account", consumer)
	case vendor != "" || database != "" && database != "instance":
		return errors.New("CONSUMER=account is a consumer of its own, of an instance: leave VENDOR and DATABASE out")
	}
	d.kind, d.consumer, d.account = stage.Kinds()["instance"], own, true
	d.kind.Create = func(ctx context.Context, c *stage.Cloud, vpc stage.VPC, identifier string) (stage.Database, error) {
		return c.NewTokenDatabase(ctx, vpc, identifier)
	}
	return nil
}

// connectAsAccount deploys the consumer's stack in the other account, from the hand-off alone.
func (d *demo) connectAsAccount(ctx context.Context, o *operator.Operator) error {
	message, err := d.mail.Next(ctx, "Service name")
	if err != nil {
		return err
	}
	if d.handoff, err = stage.ReadHandoff(message); err != nil {
		return err
	}
	all, err := o.List(ctx)
	if err != nil || len(all.Exposures) != 1 {
		return fmt.Errorf("%d exposures, want one: %w", len(all.Exposures), errors.Join(err, all.Err))
	}
	d.file = filepath.Join(d.cloud.Dir(), "handoff.json")
	if err := d.cloud.PrintHandOff(ctx, all.Exposures[0].Exposure, d.file); err != nil {
		return err
	}
	text, err := os.ReadFile(d.file)
	if err != nil {
		return fmt.Errorf("read hand-off: %w", err)
	}
	fmt.Printf("\nrdslink handoff %s --output json >handoff.json\n%s\n\n", all.Exposures[0].Exposure, indent(string(text)))
	vpc, err := d.cloud.NewVPC(ctx, d.consumer.Account)
	if err != nil {
		return err
	}
	if err := d.cloud.EnableDNS(ctx, vpc); err != nil {
		return err
	}
	err = phase("make deploy-consumer, account "+d.consumer.Account, func() error {
		d.outputs, err = d.cloud.DeployConnected(ctx, stage.ConsumerStack(vpc, d.file, nil))
		return err
	})
	if err != nil {
		return err
	}
	d.endpoint = stage.Endpoint{ID: d.outputs["EndpointId"], VPC: vpc}
	fmt.Printf("It made %s in %s, whose addresses are those of the database's VPC, too.\n", d.endpoint.ID, vpc.ID)
	return d.hearOfTheRequest(ctx)
}

// readAsAccount reads the rows from each of the other account's subnets by the database's own name, with its certificate
// verified, and then as a user who logs in by IAM.
func (d *demo) readAsAccount(ctx context.Context) error {
	host, port := d.outputs["DatabaseHost"], d.outputs["DatabasePort"]
	fmt.Printf("\nIn account %s: psql \"host=%s port=%s dbname=orders sslmode=verify-full\"\n", d.consumer.Account, host, port)
	client := stage.Client{Host: host, Port: d.handoff.Port, ServerName: host}
	for _, subnet := range d.endpoint.VPC.SubnetIDs() {
		client.Place = stage.Place{Account: d.consumer.Account, Subnet: subnet}
		if err := d.readRows(ctx, client); err != nil {
			return err
		}
		fmt.Printf("from %s:\n%s\n", subnet, indent(strings.Join(d.rows, "\n")))
	}
	if err := d.cloud.TokenUser(ctx, d.database, "app"); err != nil {
		return err
	}
	app, err := d.cloud.NewRole(ctx, d.consumer.Account, "app",
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]}`)
	if err != nil {
		return err
	}
	var login map[string]string
	err = phase("make deploy-login, account "+stage.Customer, func() error {
		login, err = d.cloud.DeployConnected(ctx, stage.LoginStack(d.file, "app", app))
		return err
	})
	if err != nil {
		return err
	}
	let, err := d.cloud.Assume(ctx, d.cloud.As(app, "demo"), login["RoleArn"], "demo")
	if err != nil {
		return err
	}
	token, err := stage.Token(ctx, let, host+":"+port, "app", time.Now())
	if err != nil {
		return err
	}
	client.User, client.Password = "app", token
	if err := d.readRows(ctx, client); err != nil {
		return err
	}
	shown, _, _ := strings.Cut(token, "&X-Amz-Security-Token")
	fmt.Printf("as app, in the role %s, with the token\n%s…\n%s\n", login["RoleArn"], indent(shown), indent(strings.Join(d.rows, "\n")))
	return d.showStacks(ctx)
}

func (d *demo) readRows(ctx context.Context, client stage.Client) (err error) {
	if d.rows, err = d.cloud.Rows(ctx, client); err == nil && len(d.rows) == 0 {
		err = errors.New("the other account reads no rows")
	}
	return err
}

// showStacks lists what there is in both accounts.
func (d *demo) showStacks(ctx context.Context) error {
	for _, account := range []string{stage.Customer, d.consumer.Account} {
		client := cloudformation.NewFromConfig(d.cloud.Config(account))
		stacks, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
		if err != nil {
			return fmt.Errorf("describe stacks of account %s: %w", account, err)
		}
		fmt.Printf("\nThe stacks of account %s\n", account)
		for _, s := range stacks.Stacks {
			made, err := client.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: s.StackName})
			if err != nil {
				return fmt.Errorf("describe stack %s: %w", aws.ToString(s.StackName), err)
			}
			fmt.Printf("  %-75s %3d resources\n", aws.ToString(s.StackName), len(made.StackResources))
			for _, r := range made.StackResources {
				if account != stage.Customer {
					fmt.Printf("    %-32s %s\n", aws.ToString(r.ResourceType), aws.ToString(r.PhysicalResourceId))
				}
			}
		}
	}
	return nil
}
