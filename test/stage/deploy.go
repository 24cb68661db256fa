package stage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"golang.org/x/sync/errgroup"
)

// Install deploys the app: bootstrap and synthesis, which do not need each other, then the deployment. phase runs a part
// and may tell of it.
func (c *Cloud) Install(ctx context.Context, phase func(title string, work func() error) error) error {
	err := AtOnce(ctx, func(ctx context.Context) error {
		return phase("cdk synth", func() error { return c.Synth(ctx) })
	}, func(ctx context.Context) error {
		return phase("cdk bootstrap", func() error { return c.Bootstrap(ctx) })
	})
	if err != nil {
		return err
	}
	return phase("cdk deploy", func() error { return c.Deploy(ctx) })
}

// AtOnce does all of the work at once. What fails first ends the rest.
func AtOnce(ctx context.Context, work ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, do := range work {
		group.Go(func() error { return do(ctx) })
	}
	return group.Wait()
}

// Timed runs parts of the work and says on w how long each took.
func Timed(w io.Writer) func(title string, work func() error) error {
	return func(title string, work func() error) error {
		start := time.Now()
		err := work()
		mark := "ok"
		if err != nil {
			mark = "failed"
		}
		fmt.Fprintf(w, "%-46s %6.1f s  %s\n", title, time.Since(start).Seconds(), mark)
		return err
	}
}

// Bootstrap prepares the customer's account and region for the CDK, as anybody does once, and those who want to hold the key
// of everything: the functions' code is encrypted with a key of the customer's.
func (c *Cloud) Bootstrap(ctx context.Context) error {
	key, err := kms.NewFromConfig(c.Config(Customer)).CreateKey(ctx, &kms.CreateKeyInput{Description: aws.String("the CDK's bucket")})
	if err != nil {
		return fmt.Errorf("create the key of the CDK's bucket: %w", err)
	}
	// Outside the app's folder: the app need not be synthesized for this.
	_, err = c.cdk(ctx, "bootstrap", "aws://"+Customer+"/"+Region, "--app", "", "--bootstrap-kms-key-id", aws.ToString(key.KeyMetadata.KeyId))
	return err
}

// Synth synthesizes the app with the programs that are built, for Deploy. What was made of the same programs serves again.
func (c *Cloud) Synth(ctx context.Context) error {
	all := filepath.Join(c.Root, "build", "cdk.out")
	if err := os.MkdirAll(all, 0o755); err != nil {
		return fmt.Errorf("make a folder for assemblies: %w", err)
	}
	key, err := c.synthesisKey()
	if err != nil {
		return err
	}
	c.assembly = filepath.Join(all, key)
	now := time.Now()
	if os.Chtimes(c.assembly, now, now) == nil {
		return nil
	}
	// Under its name when it is complete: another run may look for the same.
	made, err := os.MkdirTemp(all, "new-")
	if err != nil {
		return fmt.Errorf("make a folder for the assembly: %w", err)
	}
	defer func() { _ = os.RemoveAll(made) }() // unless it has its name
	if _, err := c.cdk(ctx, append([]string{"synth", "--quiet", "--app", filepath.Join(c.Root, "build/bin/infra"), "--output", made},
		c.contextArguments()...)...); err != nil {
		return err
	}
	if err := os.Rename(made, c.assembly); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("name the assembly: %w", err)
	}
	return removeUnused(all)
}

// Assembly is the folder with what Synth made.
func (c *Cloud) Assembly() string { return c.assembly }

// Patience is what deployments have on the local cloud, whose schedules tick sixty times as often as AWS's, while the
// functions' clocks are everybody's.
const Patience = 5 * time.Second

// contextArguments give the options to cdk.
func (c *Cloud) contextArguments() (args []string) {
	options := map[string]string{"patience": Patience.String()}
	maps.Copy(options, c.Context)
	for _, name := range slices.Sorted(maps.Keys(options)) {
		args = append(args, "--context", name+"="+options[name])
	}
	return args
}

// Roles prints what `make roles` does: the documents of every role, as JSON.
func (c *Cloud) Roles(ctx context.Context) ([]byte, error) {
	out, err := os.MkdirTemp("", "rdslink-roles")
	if err != nil {
		return nil, fmt.Errorf("make a folder for roles: %w", err)
	}
	defer func() { _ = os.RemoveAll(out) }()
	if _, err := c.cdk(ctx, append([]string{"synth", "--quiet", "--app", filepath.Join(c.Root, "build/bin/infra") + " roles", "--output", out},
		c.contextArguments()...)...); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(out, "rdslink.roles.json"))
}

// synthesisKey stands for everything that the assembly is made of: the app's program, in which the definitions are, the
// functions, the context, the tools and the architecture.
func (c *Cloud) synthesisKey() (string, error) {
	files, err := filepath.Glob(filepath.Join(c.Root, "build/functions/*/bootstrap"))
	if err != nil {
		return "", fmt.Errorf("find functions: %w", err)
	}
	for _, name := range []string{"build/bin/infra", "build/package-lock.json", "cdk.json"} {
		files = append(files, filepath.Join(c.Root, name))
	}
	slices.Sort(files)
	hash := sha256.New()
	fmt.Fprintln(hash, os.Getenv("ARCH"), c.contextArguments())
	for _, name := range files {
		if err := hashFile(hash, name); err != nil {
			return "", fmt.Errorf("hash what the assembly is made of: %w", err)
		}
	}
	return fmt.Sprintf("%x", hash.Sum(nil)[:8]), nil
}

func hashFile(hash io.Writer, name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	size, err := io.Copy(hash, file)
	if err != nil {
		return err
	}
	fmt.Fprintln(hash, name, size)
	return nil
}

// removeUnused removes the assemblies that nobody has asked for in the last hour.
func removeUnused(all string) error {
	assemblies, err := os.ReadDir(all)
	if err != nil {
		return fmt.Errorf("list assemblies: %w", err)
	}
	for _, a := range assemblies {
		info, err := a.Info()
		if err != nil || time.Since(info.ModTime()) < time.Hour {
			continue // another run has removed it, or may use it
		}
		if err := os.RemoveAll(filepath.Join(all, a.Name())); err != nil {
			return fmt.Errorf("remove assembly: %w", err)
		}
	}
	return nil
}

// Deploy deploys what Synth made: the same app as for AWS, with the real cdk.
func (c *Cloud) Deploy(ctx context.Context) error {
	return c.DeployAssembly(ctx, Customer, c.assembly)
}

// DeployAssembly deploys what is in a folder.
func (c *Cloud) DeployAssembly(ctx context.Context, account, folder string) error {
	_, err := c.Run(ctx, account, filepath.Join(c.Root, "build/node_modules/.bin/cdk"),
		"deploy", "--app", folder, "--require-approval", "never", "--progress", "events")
	return err
}

func (c *Cloud) cdk(ctx context.Context, args ...string) ([]byte, error) {
	return c.Run(ctx, Customer, filepath.Join(c.Root, "build/node_modules/.bin/cdk"), args...)
}
