// Command infra is the CDK app: one stack that deploys rdslink into one account and region. With the argument roles it
// writes, beside the template, which policies and trust the roles need that a deployer makes by other means.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"github.com/rdslink/rdslink/internal/preflight"
)

func main() {
	err := synthesize(len(os.Args) > 1 && os.Args[1] == "roles")
	jsii.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func synthesize(roles bool) error {
	app := awscdk.NewApp(nil)
	to := destination()
	o, err := contextOptions(app.Node(), to)
	if err != nil {
		return err
	}
	if roles {
		return writeRoles(app, o, to)
	}
	newStack(app, o)
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(nil), nil)
	return o.given().Write(filepath.Join(*app.Synth(nil).Directory(), preflight.File))
}
