// Command consumer is the CDK app of one's own other account: one stack that connects a VPC there to an exposed database,
// from the hand-off alone. It looks at the account before it synthesizes, and refuses what AWS would refuse or quietly break
// later. With login it is another stack, in the database's account: a role with which clients there log in by IAM.
//
//	consumer [login]             the stack, of what a look at the account finds
//	consumer [login] name        the stack's name alone, for cdk destroy
//	consumer [login] plan FILE   the stack of a plan that was written down, without a look
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

func main() {
	err := run(context.Background(), os.Args[1:])
	jsii.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	app := awscdk.NewApp(nil)
	var err error
	if len(args) > 0 && args[0] == "login" {
		err = synthesizeLogin(ctx, app, args[1:])
	} else {
		err = synthesize(ctx, app, args)
	}
	if err != nil {
		return err
	}
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(nil), nil)
	app.Synth(nil)
	return nil
}

var nameAlone = []string{"name"}

func synthesize(ctx context.Context, app awscdk.App, args []string) error {
	if len(args) == 2 && args[0] == "plan" {
		p, err := readPlan[plan](args[1])
		if err == nil {
			newStack(app, p)
		}
		return err
	}
	if len(args) > 0 && !slices.Equal(args, nameAlone) {
		return errUsage
	}
	o, err := contextOptions(app.Node())
	if err != nil {
		return err
	}
	account, err := enter(ctx)
	if err != nil {
		return err
	}
	if len(args) > 0 {
		p, err := account.find(ctx, o)
		if err == nil {
			newEmptyStack(app, p)
		}
		return err
	}
	p, err := account.look(ctx, o)
	if err == nil {
		newStack(app, p)
	}
	return err
}

func synthesizeLogin(ctx context.Context, app awscdk.App, args []string) error {
	if len(args) == 2 && args[0] == "plan" {
		l, err := readPlan[login](args[1])
		if err == nil {
			newLogin(app, l)
		}
		return err
	}
	if len(args) > 0 && !slices.Equal(args, nameAlone) {
		return errUsage
	}
	d, l, err := loginOptions(app.Node())
	if err != nil {
		return err
	}
	account, err := enter(ctx)
	if err != nil {
		return err
	}
	if len(args) > 0 {
		l.Account, l.Region = account.id, account.region
		newEmptyLogin(app, l)
		return account.findStack(ctx, "user", l.stackName(), "the user")
	}
	l, err = account.lookForDatabase(ctx, d, l)
	if err == nil {
		newLogin(app, l)
	}
	return err
}

var errUsage = errors.New("usage: consumer [login] [name | plan FILE]")

// readPlan reads what was found before.
func readPlan[T any](file string) (p T, err error) {
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return p, fmt.Errorf("read plan: %w", err)
	}
	return p, nil
}
