package outcome

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
)

// EC2 declares no errors. These are the quotas among its codes (AWSEC2/latest/APIReference/errors-overview.html) that the
// calls in use can meet.
var ofEC2 = []string{
	"SecurityGroupLimitExceeded", "RulesPerSecurityGroupLimitExceeded", "SecurityGroupsPerInterfaceLimitExceeded",
	"NetworkInterfaceLimitExceeded", "VpcEndpointLimitExceeded", "TagLimitExceeded",
}

// Whatever quota a call in use can meet, by what the SDK declares, is named with how to raise it; a throttle is none.
func TestEveryQuotaOfTheCallsInUseIsNamedWithItsRemedy(t *testing.T) {
	declared := map[string][]string{"ec2": ofEC2}
	inUse := operations(t)
	for service, dir := range directories(t, inUse) {
		for _, code := range codes(dir, inUse[service]) {
			if quotaCode.MatchString(code) {
				declared[service] = append(declared[service], code)
			}
		}
	}
	if len(declared["elasticloadbalancingv2"]) < 5 || len(declared["lambda"]) < 3 || len(declared["sns"]) < 2 || len(declared["scheduler"]) < 1 {
		t.Fatalf("the SDK declares %v", declared)
	}
	for service, all := range declared {
		for _, code := range all {
			err := fmt.Errorf("create thing: %w", &smithy.GenericAPIError{Code: code, Message: "AWS's words"})
			message := Message(err)
			switch name := Name(err); {
			case name == NameThrottled:
			case name != NameBadInput || !strings.Contains(message, "then redrive this execution: create thing") || !strings.Contains(message, "AWS's words"):
				t.Errorf("%s: %s is %s: %s", service, code, name, message)
			case !strings.Contains(message, "Service Quotas") && fixed[code] == "":
				t.Errorf("%s: %s names neither a quota nor another way: %s", service, code, message)
			case quotas[code] == quota{} && fixed[code] == "" && !slices.Contains(elsewhere, code):
				t.Errorf("%s: which quota is it that %s means?", service, code)
			}
		}
	}
}

// elsewhere are codes that the SDK declares of a service and not of an operation, and that the operations in use cannot
// give.
var elsewhere = []string{
	"AliasLimitExceededException", "CapacityProviderLimitExceededException", "FunctionVersionsPerCapacityProviderLimitExceededException",
	"ItemCollectionSizeLimitExceededException", "LimitExceededException", "LimitExceededFault", "OverLimit", "ReplayLimitExceeded",
	"QuotaExceededException", "ServiceQuotaTemplateNotInUseException", "TooManyEntriesInBatchRequest",
	"TooManyTagsException",
}

// A refusal that says what to do itself is left as it is.
func TestAQuotaThatAStepSpeaksOfIsNotExplainedTwice(t *testing.T) {
	err := BadInput("make room: %w", &smithy.GenericAPIError{Code: "TooManyListeners"})
	if got := Message(err); !strings.HasPrefix(got, "make room") {
		t.Errorf("message = %q", got)
	}
}

var (
	imports = regexp.MustCompile(`(?m)^\t(?:(\w+) )?"github.com/aws/aws-sdk-go-v2/service/(\w+)"`)
	calls   = regexp.MustCompile(`\*(\w+)\.(\w+)Input, \.\.\.func`)
)

// operations are the operations in use, by service: those of the narrow interfaces of functions and internal.
func operations(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, root := range []string{"../../functions", ".."} {
		if err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			services := map[string]string{}
			for _, m := range imports.FindAllStringSubmatch(string(text), -1) {
				services[cmp.Or(m[1], m[2])] = m[2]
			}
			for _, m := range calls.FindAllStringSubmatch(string(text), -1) {
				if service := services[m[1]]; service != "" && !slices.Contains(all[service], m[2]) {
					all[service] = append(all[service], m[2])
				}
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

var (
	operationErrors = `(?s)func \w+_deserializeOpError%s\(.*?\n}\n`
	cases           = regexp.MustCompile(`EqualFold\("(\w+)"`)
	defaultCodes    = regexp.MustCompile(`return "(\w+)"`)
)

// directories are where the SDK's clients of the services in use are.
func directories(t *testing.T, inUse map[string][]string) map[string]string {
	t.Helper()
	list := exec.Command("go", "list", "-f", "{{.Dir}}")
	services := slices.Sorted(maps.Keys(inUse))
	for _, service := range services {
		list.Args = append(list.Args, "github.com/aws/aws-sdk-go-v2/service/"+service)
	}
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for i, dir := range strings.Fields(string(out)) {
		found[services[i]] = dir
	}
	return found
}

// codes are the errors that the SDK declares of operations; where it does not declare them of operations, those of the
// service. EC2's client has none, and takes long to read.
func codes(dir string, operations []string) []string {
	read := func(name string) string {
		text, _ := os.ReadFile(filepath.Join(dir, name)) // not every service has each
		return string(text)
	}
	declared := map[string]bool{}
	if strings.Contains(dir, "/ec2@") {
		return nil
	}
	if deserializers := read("deserializers.go"); deserializers != "" {
		for _, operation := range operations {
			one := regexp.MustCompile(fmt.Sprintf(operationErrors, operation)).FindString(deserializers)
			for _, m := range cases.FindAllStringSubmatch(one, -1) {
				declared[m[1]] = true
			}
		}
	} else {
		for _, m := range defaultCodes.FindAllStringSubmatch(read("types/errors.go"), -1) {
			declared[m[1]] = true
		}
	}
	return slices.Sorted(maps.Keys(declared))
}
