package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"github.com/rdslink/rdslink/internal/installation"
	"github.com/rdslink/rdslink/internal/preflight"
)

func (t *tool) preflightCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "preflight ASSEMBLY",
		Short: "before a deployment: is what its context names there, and what of an earlier one?",
		Args:  takes("ASSEMBLY"),
		RunE: func(command *cobra.Command, args []string) error {
			return t.beforeDeployment(command.Context(), args[0])
		},
	}
}

func (t *tool) destroyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "destroy",
		Short: "delete the stack after the last exposure, and what it leaves",
		Args:  takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			settings, err := t.settings(command.Context())
			if err != nil {
				return err
			}
			at, err := place(command.Context(), settings)
			if err != nil {
				return err
			}
			return t.account(settings, settings, at).Remove(command.Context(), t.name())
		},
	}
}

// beforeDeployment looks for what an assembly's context says is there, and then at the stack that it will change. cdk tells
// where it will deploy to: --profile gives it credentials that are not in the environment.
func (t *tool) beforeDeployment(ctx context.Context, folder string) error {
	settings, err := config.LoadDefaultConfig(ctx, config.WithDefaultRegion(os.Getenv("CDK_DEFAULT_REGION")))
	if err != nil {
		return fmt.Errorf("load AWS configuration: %w", err)
	}
	at, err := place(ctx, settings)
	if account := os.Getenv("CDK_DEFAULT_ACCOUNT"); err == nil && account != "" && account != at.Account {
		err = fmt.Errorf("cdk deploys to account %s, the environment's credentials are of %s", account, at.Account)
	}
	if err != nil {
		t.say(fmt.Sprintf("not checked: %v (use AWS_PROFILE instead of --profile)", err))
		return nil // cdk has credentials of its own
	}
	if err := t.checkGiven(ctx, settings, folder); err != nil {
		return err
	}
	of, err := installation.ReadAssembly(folder, at)
	if err != nil {
		return err
	}
	return t.account(settings, deploying(ctx, settings, of), at).Prepare(ctx, of)
}

func (t *tool) account(settings, stacks aws.Config, at installation.Place) installation.Account {
	a := installation.New(settings, stacks, at)
	a.Say, a.Ask = t.say, t.ask
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

func (t *tool) checkGiven(ctx context.Context, settings aws.Config, folder string) error {
	given, err := preflight.Read(filepath.Join(folder, preflight.File))
	if err != nil || given.Nothing() {
		return err
	}
	unseen, err := preflight.Checker{Roles: iam.NewFromConfig(settings), Keys: kms.NewFromConfig(settings)}.Check(ctx, given)
	for _, text := range unseen {
		t.say("not checked: " + text)
	}
	return err
}
