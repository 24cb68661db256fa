package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/installation"
	"github.com/rdslink/rdslink/internal/preflight"
)

// beforeDeployment looks for what an assembly's context says is there, and then at the stack that it will change. cdk tells
// where it will deploy to: --profile gives it credentials that are not in the environment.
func beforeDeployment(ctx context.Context, folder string) error {
	settings, err := config.LoadDefaultConfig(ctx, config.WithDefaultRegion(os.Getenv("CDK_DEFAULT_REGION")))
	if err != nil {
		return fmt.Errorf("load AWS configuration: %w", err)
	}
	at, err := place(ctx, settings)
	if account := os.Getenv("CDK_DEFAULT_ACCOUNT"); err == nil && account != "" && account != at.Account {
		err = fmt.Errorf("cdk deploys to account %s, the environment's credentials are of %s", account, at.Account)
	}
	if err != nil {
		say(fmt.Sprintf("not checked: %v (use AWS_PROFILE instead of --profile)", err))
		return nil // cdk has credentials of its own
	}
	if err := checkGiven(ctx, settings, folder); err != nil {
		return err
	}
	of, err := installation.ReadAssembly(folder, at)
	if err != nil {
		return err
	}
	return account(settings, deploying(ctx, settings, of), at).Prepare(ctx, of)
}

// destroy deletes a deployment after its last exposure.
func destroy(ctx context.Context, settings aws.Config, name deployment.Name) error {
	at, err := place(ctx, settings)
	if err != nil {
		return err
	}
	return account(settings, settings, at).Remove(ctx, name)
}

func account(settings, stacks aws.Config, at installation.Place) installation.Account {
	a := installation.New(settings, stacks, at)
	a.Say, a.Ask = say, ask
	return a
}

// place is where the credentials lead to.
func place(ctx context.Context, settings aws.Config) (installation.Place, error) {
	who, err := sts.NewFromConfig(settings).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return installation.Place{}, fmt.Errorf("get caller identity: %w", err)
	}
	caller, err := arn.Parse(aws.ToString(who.Arn))
	if err != nil {
		return installation.Place{}, fmt.Errorf("parse caller identity: %w", err)
	}
	return installation.Place{Partition: caller.Partition, Account: caller.AccountID, Region: settings.Region}, nil
}

// deploying are the settings with which cdk deploys: its own role's, unless the deployer may not assume it.
func deploying(ctx context.Context, settings aws.Config, of installation.Assembly) aws.Config {
	if of.DeployRole == "" {
		return settings
	}
	assumed, err := sts.NewFromConfig(settings).AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: &of.DeployRole, RoleSessionName: aws.String("rdslink"),
	})
	if err != nil {
		return settings
	}
	own, c := settings.Copy(), assumed.Credentials
	own.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{
			AccessKeyID: aws.ToString(c.AccessKeyId), SecretAccessKey: aws.ToString(c.SecretAccessKey), SessionToken: aws.ToString(c.SessionToken),
		}, nil
	})
	return own
}

func checkGiven(ctx context.Context, settings aws.Config, folder string) error {
	given, err := preflight.Read(filepath.Join(folder, preflight.File))
	if err != nil || given.Nothing() {
		return err
	}
	unseen, err := preflight.Checker{Roles: iam.NewFromConfig(settings), Keys: kms.NewFromConfig(settings)}.Check(ctx, given)
	for _, text := range unseen {
		say("not checked: " + text)
	}
	return err
}

func say(text string) { fmt.Fprintln(os.Stderr, "rdslink:", text) }

// ask asks whoever sits at the terminal: cdk keeps the standard input from its app. YES=1 answers where nobody does.
func ask(question string) (bool, error) {
	if os.Getenv("YES") == "1" {
		return true, nil
	}
	terminal, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return false, errors.New("nobody is there to be asked: set YES=1 if that is meant")
	}
	defer func() { _ = terminal.Close() }() // nothing was buffered
	return prompt(terminal, question)
}

func prompt(terminal io.ReadWriter, question string) (bool, error) {
	fmt.Fprintf(terminal, "rdslink: %s [y/N] ", question)
	answer, err := bufio.NewReader(terminal).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read answer: %w", err)
	}
	return slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(answer))), nil
}
