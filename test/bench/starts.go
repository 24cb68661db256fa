package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/rdslink/rdslink/test/stage"
)

// rounds is how often every program is started. In a round each has its turn, so that whatever else this machine does at a
// time meets all of them.
const rounds = 20

// sample is the document's function in Python and what was measured of it.
type sample struct {
	role    string
	program program
	version string // of Python and boto3

	starts durations
	begun  float64
}

const (
	python       = "build/bench/bin/python"
	sampleFolder = "test/bench/sample"
)

// prepareSample gives it a role, and finds out what of it is true before the set-up: for a start, any target group
// and any database will do.
func (b *bench) prepareSample(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, filepath.Join(b.cloud.Root, python), "-c",
		`import platform, boto3; print("Python", platform.python_version() + ", boto3", boto3.__version__)`).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ask Python for its version: %w: %s", err, out)
	}
	b.sample.version = strings.TrimSpace(string(out))
	policy, err := os.ReadFile(filepath.Join(b.cloud.Root, sampleFolder, "policy.json"))
	if err != nil {
		return fmt.Errorf("read the sample's policy: %w", err)
	}
	if b.sample.role, err = b.cloud.NewRole(ctx, stage.Customer, "sample", string(policy)); err != nil {
		return err
	}
	b.sample.program = b.sampleFor("none", "none", "127.0.0.1", 5432)
	return nil
}

func (b *bench) sampleFor(targetGroup, host, address string, port int) program {
	// -B: what Python compiles of the sample is not left beside it.
	command := []string{filepath.Join(b.cloud.Root, python), "-B", filepath.Join(b.cloud.Root, sampleFolder, "runtime.py")}
	return program{"the sample", command, append(b.session(b.sample.role, session("sample")),
		"TARGET_GROUP_ARN="+targetGroup, "RDS_ENDPOINT="+host, "RDS_ADDRESS="+address, fmt.Sprintf("RDS_PORT=%d", port))}
}

// sampleOfExposure is the sample as people would configure it for the database of the set-up.
func (b *bench) sampleOfExposure(ctx context.Context) (program, error) {
	groups, err := elb.NewFromConfig(b.cloud.Config(stage.Customer)).DescribeTargetGroups(ctx,
		&elb.DescribeTargetGroupsInput{Names: []string{b.exposure}})
	if err != nil {
		return program{}, fmt.Errorf("describe target group %s: %w", b.exposure, err)
	}
	inside := stage.Place{Account: stage.Customer, Subnet: b.database.VPC.SubnetIDs()[0]}
	addresses, err := b.cloud.Lookup(ctx, inside, b.database.Host)
	if err != nil {
		return program{}, err
	}
	return b.sampleFor(aws.ToString(groups.TargetGroups[0].TargetGroupArn), b.database.Host, addresses[0].String(), b.database.Port), nil
}

// start starts every program, round after round.
func (b *bench) start(ctx context.Context) error {
	memory := map[string][]float64{}
	for range rounds {
		for _, f := range b.functions {
			if err := startOnce(ctx, f.program, &f.starts, memory); err != nil {
				return err
			}
		}
		if err := startOnce(ctx, b.sample.program, &b.sample.starts, memory); err != nil {
			return err
		}
	}
	for _, f := range b.functions {
		f.begun = middle(memory[f.program.name])
	}
	b.sample.begun = middle(memory[b.sample.program.name])
	return nil
}

func startOnce(ctx context.Context, p program, starts *durations, memory map[string][]float64) error {
	r, err := p.start(ctx)
	if err != nil {
		return err
	}
	defer r.stop()
	resident, err := r.memory()
	if err != nil {
		return err
	}
	*starts = append(*starts, r.took)
	memory[p.name] = append(memory[p.name], resident)
	return nil
}

// middle is the upper median.
func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
