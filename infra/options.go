package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"runtime"

	"github.com/aws/constructs-go/constructs/v10"
)

// options are what a deployer may say, as CDK context (cdk deploy -c name=value, or cdk.json).
type options struct {
	// approvers are the ARNs of the roles that may put ConnectionDecision events. Empty: whoever IAM lets put events on the bus.
	approvers []string
	// tags are added to everything, also to what the steps create: service control policies may demand them.
	tags map[string]string
	// operators is an e-mail address that hears of pending connections, failures and alarms. Empty: subscribe to the topic yourself.
	operators string
	// architecture is Lambda's: arm64 or x86_64. The functions must have been built for it.
	architecture string
	// functions is the directory that holds one directory per function with its bootstrap binary.
	functions string
}

var roleARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/.+$`)

// contextOptions reads the options from node's context.
func contextOptions(node constructs.Node) (options, error) {
	o := options{architecture: architecture(), functions: "build/functions"}
	if err := read(node, "approvers", &o.approvers); err != nil {
		return options{}, err
	}
	for _, role := range o.approvers {
		if !roleARN.MatchString(role) {
			return options{}, fmt.Errorf("context approvers: %q is not the ARN of a role", role)
		}
	}
	if err := read(node, "tags", &o.tags); err != nil {
		return options{}, err
	}
	if v, ok := node.TryGetContext(ptr("operators")).(string); ok {
		o.operators = v
	}
	return o, nil
}

// read decodes the context value name, given as JSON text on the command line or as JSON in cdk.json.
func read(node constructs.Node, name string, into any) error {
	value := node.TryGetContext(ptr(name))
	if value == nil {
		return nil
	}
	text, ok := value.(string)
	if !ok {
		b, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("context %s: %w", name, err)
		}
		text = string(b)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("context %s: %q: %w", name, text, err)
	}
	return nil
}

// architecture is what the Makefile built the functions for (ARCH, as Go names it), else this machine's.
func architecture() string {
	arch := os.Getenv("ARCH")
	if arch == "" {
		arch = runtime.GOARCH
	}
	if arch == "arm64" {
		return "arm64"
	}
	return "x86_64"
}
