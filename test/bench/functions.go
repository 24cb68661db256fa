package main

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/test/stage"
)

// function is one of rdslink's functions and what was measured of it.
type function struct {
	folder  string // below functions/
	program program

	zip    float64 // MB, as Lambda has it
	starts durations
	begun  float64 // resident MB at its first call of the Runtime API: the median run's
	served float64 // resident MB in the local cloud, after a set-up and more executions
}

// name is the function's on AWS; the resolver's goes on with its VPC.
func (f *function) name() string { return "rdslink-" + strings.TrimLeft(f.folder, "0123456789-") }

// numbered says whether the function is a step.
func (f *function) numbered() bool { return f.folder[0] >= '0' && f.folder[0] <= '9' }

// sync is the function of a tick.
func (b *bench) sync() *function {
	return b.functions[slices.IndexFunc(b.functions, func(f *function) bool { return f.folder == "ip-sync" })]
}

// resolver is what the resolver of the database's VPC is called.
func (b *bench) resolver() string { return deployment.Unnamed.Resolver(b.database.VPC.ID) }

// find finds the functions that are built, and how Lambda would run each of them.
func (b *bench) find(ctx context.Context) error {
	deployed, err := b.deployed(ctx)
	if err != nil {
		return err
	}
	binaries, err := filepath.Glob(filepath.Join(b.cloud.Root, "build/functions/*/bootstrap"))
	if err != nil {
		return fmt.Errorf("find functions: %w", err)
	}
	for _, binary := range binaries {
		f := &function{folder: filepath.Base(filepath.Dir(binary))}
		f.program = program{f.folder, []string{binary}, b.environment(deployed[f.name()])}
		b.functions = append(b.functions, f)
	}
	return nil
}

// deployed are the functions of the customer's account by name.
func (b *bench) deployed(ctx context.Context) (map[string]types.FunctionConfiguration, error) {
	found := map[string]types.FunctionConfiguration{}
	pages := lambda.NewListFunctionsPaginator(lambda.NewFromConfig(b.cloud.Config(stage.Customer)), &lambda.ListFunctionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list functions: %w", err)
		}
		for _, c := range page.Functions {
			found[aws.ToString(c.FunctionName)] = c
		}
	}
	return found, nil
}

// environment is what Lambda tells a function. The resolver, which nobody has deployed yet, needs no more than that.
func (b *bench) environment(c types.FunctionConfiguration) []string {
	name := aws.ToString(c.FunctionName)
	environment := append(b.session(aws.ToString(c.Role), session(name)), "AWS_LAMBDA_FUNCTION_NAME="+name,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256")
	if c.Environment != nil {
		for _, key := range slices.Sorted(maps.Keys(c.Environment.Variables)) {
			environment = append(environment, key+"="+c.Environment.Variables[key])
		}
	}
	return environment
}

// session is how the log of calls names what runs here, to tell it from what runs in the local cloud.
func session(name string) string { return "bench-" + name }

// session is what a process needs to act on the local cloud as a session of a role.
func (b *bench) session(role, name string) []string {
	c := stage.Credentials(role, name)
	return []string{
		"AWS_ENDPOINT_URL=" + b.cloud.Endpoint, "AWS_REGION=" + stage.Region, "AWS_DEFAULT_REGION=" + stage.Region,
		"AWS_ACCESS_KEY_ID=" + c.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + c.SecretAccessKey, "AWS_SESSION_TOKEN=" + c.SessionToken,
	}
}

// weigh reads what only a cloud in use can tell: the zips that Lambda has, and the memory of functions that have served.
func (b *bench) weigh(ctx context.Context) error {
	deployed, err := b.deployed(ctx)
	if err != nil {
		return err
	}
	memory, err := servedMemory(b.cloud.Endpoint)
	if err != nil {
		return err
	}
	for _, f := range b.functions {
		for name, c := range deployed {
			if name == f.name() || f.folder == "resolver" && name == b.resolver() {
				f.zip = float64(c.CodeSize) / 1e6
				f.served = memory[name]
			}
		}
		if f.zip == 0 || f.served == 0 {
			return fmt.Errorf("%s: no deployed function, or no process of it: %.2f MB zipped, %.1f MB in memory", f.folder, f.zip, f.served)
		}
	}
	return nil
}
