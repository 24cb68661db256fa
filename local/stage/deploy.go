package stage

import (
	"context"
	"path/filepath"
)

// Bootstrap prepares the customer's account and region for the CDK, as anybody does once.
func (c *Cloud) Bootstrap(ctx context.Context) error {
	// Outside the app's folder: the app need not be synthesized for this.
	_, err := c.cdk(ctx, "bootstrap", "aws://"+Customer+"/"+Region, "--app", "")
	return err
}

// Synth synthesizes the app with the programs that are built, into a folder of the build.
func (c *Cloud) Synth(ctx context.Context) error {
	_, err := c.cdk(ctx, "synth", "--quiet", "--app", filepath.Join(c.Root, "build/bin/infra"), "--output", c.assembly())
	return err
}

// Deploy deploys what Synth made: the same app as for AWS, with the real cdk.
func (c *Cloud) Deploy(ctx context.Context) error {
	_, err := c.cdk(ctx, "deploy", "--app", c.assembly(), "--require-approval", "never", "--progress", "events")
	return err
}

func (c *Cloud) assembly() string { return filepath.Join(c.Root, "build/cdk.out") }

func (c *Cloud) cdk(ctx context.Context, args ...string) ([]byte, error) {
	return c.Run(ctx, Customer, filepath.Join(c.Root, "build/node_modules/.bin/cdk"), args...)
}
