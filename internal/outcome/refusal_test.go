package outcome

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
)

func TestRefusalNamesTheAction(t *testing.T) {
	for name, row := range map[string]struct {
		service, operation, code string
		want                     string
	}{
		"EC2":            {"EC2", "CreateSecurityGroup", "UnauthorizedOperation", "ec2:CreateSecurityGroup is not allowed"},
		"ELB":            {"Elastic Load Balancing v2", "CreateLoadBalancer", "AccessDenied", "elasticloadbalancing:CreateLoadBalancer is not allowed"},
		"SNS":            {"SNS", "Subscribe", "AuthorizationError", "sns:Subscribe is not allowed"},
		"a key":          {"SNS", "Publish", "KMSAccessDenied", "sns:Publish is not allowed"},
		"Step Functions": {"SFN", "DescribeExecution", "AccessDeniedException", "states:DescribeExecution is not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			err := fmt.Errorf("create: %w", &smithy.OperationError{ServiceID: row.service, OperationName: row.operation,
				Err: &smithy.GenericAPIError{Code: row.code}})
			got := Message(err)
			if !strings.HasPrefix(got, row.want) || !strings.Contains(got, "check service control policies and permissions boundaries") ||
				!strings.Contains(got, "whether what it is about still exists") {
				t.Errorf("message = %q", got)
			}
			if !DoWithout(t.Context(), err, "a look") {
				t.Error("it is no refusal")
			}
			if action, denied := Denied(err); !denied || !strings.HasPrefix(row.want, action+" ") {
				t.Errorf("denied is %q", action)
			}
		})
	}
}

// AWS asks for more than the call: the one that was refused is the one to allow.
func TestRefusalNamesTheActionThatAWSNames(t *testing.T) {
	err := &smithy.OperationError{ServiceID: "Elastic Load Balancing v2", OperationName: "CreateLoadBalancer", Err: &smithy.GenericAPIError{
		Code: "AccessDenied", Message: "User: arn:aws:sts::111122223333:assumed-role/r/s is not authorized to perform: ec2:GetSecurityGroupsForVpc",
	}}
	if got := Message(err); !strings.HasPrefix(got, "ec2:GetSecurityGroupsForVpc is not allowed") {
		t.Errorf("message = %q", got)
	}
}

func TestOnlyARefusalIsDoneWithout(t *testing.T) {
	for name, err := range map[string]error{
		"no error": nil, "a throttle": &smithy.GenericAPIError{Code: "Throttling"}, "not ready": NotReady("look"), "anything else": errors.New("boom"),
	} {
		if DoWithout(t.Context(), err, "a look") {
			t.Errorf("%s is done without", name)
		}
	}
}

// A refusal may be of another action than the one that was called, and says so; what is no refusal names none.
func TestDeniedNamesTheActionThatIsMissing(t *testing.T) {
	of := func(code, message string) error {
		return &smithy.OperationError{ServiceID: "DynamoDB", OperationName: "Scan", Err: &smithy.GenericAPIError{Code: code, Message: message}}
	}
	if action, denied := Denied(of("AccessDeniedException", "User: x is not authorized to perform: kms:Decrypt on resource: y")); action != "kms:Decrypt" || !denied {
		t.Errorf("denied is %q", action)
	}
	if action, denied := Denied(of("ResourceNotFoundException", "gone")); action != "" || denied {
		t.Errorf("denied is %q", action)
	}
}

// What each service in use calls a refusal for want of permission (Common Errors in its API reference).
func TestARefusalOfAnyServiceIsWordedAsOne(t *testing.T) {
	of := map[string]struct {
		prefix string // of the actions in policies
		codes  []string
	}{
		"cloudformation":         {"cloudformation", []string{"AccessDenied", "AccessDeniedException", "NotAuthorized"}},
		"cloudwatch":             {"cloudwatch", []string{"AccessDenied", "AccessDeniedException"}},
		"cloudwatchlogs":         {"logs", []string{"AccessDeniedException"}},
		"dynamodb":               {"dynamodb", []string{"AccessDeniedException"}},
		"ec2":                    {"ec2", []string{"UnauthorizedOperation"}},
		"elasticloadbalancingv2": {"elasticloadbalancing", []string{"AccessDenied", "AccessDeniedException"}},
		"eventbridge":            {"events", []string{"AccessDeniedException"}},
		"iam":                    {"iam", []string{"AccessDenied", "AccessDeniedException", "NotAuthorized"}},
		"kms":                    {"kms", []string{"AccessDeniedException", "NotAuthorized"}},
		"lambda":                 {"lambda", []string{"AccessDeniedException", "EC2AccessDeniedException", "KMSAccessDeniedException"}},
		"rds":                    {"rds", []string{"AccessDenied", "AccessDeniedException", "NotAuthorized"}},
		"route53":                {"route53", []string{"AccessDenied", "AccessDeniedException", "NotAuthorized"}},
		"scheduler":              {"scheduler", []string{"AccessDeniedException"}},
		"servicequotas":          {"servicequotas", []string{"AccessDeniedException", "DependencyAccessDeniedException"}},
		"sfn":                    {"states", []string{"AccessDeniedException", "KmsAccessDeniedException"}},
		"sns":                    {"sns", []string{"AuthorizationError", "AuthorizationErrorException", "KMSAccessDenied", "KMSAccessDeniedException"}},
		"sqs":                    {"sqs", []string{"AccessDenied", "AccessDeniedException", "KmsAccessDenied"}},
		"sts":                    {"sts", []string{"AccessDenied", "AccessDeniedException"}},
	}
	id := regexp.MustCompile(`const ServiceID = "(.+)"`)
	for service, dir := range directories(t, operations(t)) {
		client, err := os.ReadFile(filepath.Join(dir, "api_client.go"))
		found := id.FindSubmatch(client)
		if err != nil || found == nil {
			t.Fatalf("%s: no id: %v", service, err)
		}
		if len(of[service].codes) == 0 {
			t.Errorf("how does %s refuse?", service)
		}
		for _, code := range of[service].codes {
			err := fmt.Errorf("do: %w", &smithy.OperationError{ServiceID: string(found[1]), OperationName: "Do", Err: &smithy.GenericAPIError{Code: code}})
			want := of[service].prefix + ":Do is not allowed: check service control policies"
			if message := Message(err); Name(err) != NameFailed || !strings.HasPrefix(message, want) {
				t.Errorf("%s: %s is %s: %s", service, code, Name(err), message)
			}
			if strings.Contains(Message(err), "the KMS key's policy") != strings.HasPrefix(strings.ToUpper(code), "KMS") {
				t.Errorf("%s: %s: %s", service, code, Message(err))
			}
		}
	}
}

// Every refusal that the SDK declares of a service in use, and every one that all services have in common, says what to do.
func TestEveryRefusalHasItsRemedy(t *testing.T) {
	refuses := regexp.MustCompile(`(?i)denied|authori|optin|^kms|expiredtoken$|^invalidsecurity$`)
	// Common Errors; EC2's are in AWSEC2/latest/APIReference/errors-overview.html.
	all := []string{
		"AuthFailure", "Blocked", "ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "InvalidAccessKeyId", "InvalidClientTokenId",
		"InvalidSignatureException", "MissingAuthenticationToken", "MissingAuthenticationTokenException", "OptInRequired", "PendingVerification", "RequestExpired",
		"SignatureDoesNotMatch", "SubscriptionRequiredException", "UnrecognizedClientException",
	}
	inUse := operations(t)
	for service, dir := range directories(t, inUse) {
		for _, code := range codes(dir, inUse[service]) {
			if refuses.MatchString(code) && !slices.Contains(noRefusals, code) {
				all = append(all, code)
			}
		}
	}
	if !slices.Contains(all, "KMSOptInRequired") || !slices.Contains(all, "AuthorizationErrorException") && !slices.Contains(all, "AuthorizationError") {
		t.Fatalf("the SDK declares %v", all)
	}
	for _, code := range all {
		err := fmt.Errorf("do thing: %w", &smithy.GenericAPIError{Code: code, Message: "AWS's words"})
		switch message := Message(err); {
		case Name(err) == NameThrottled:
		case Name(err) != NameFailed || strings.HasPrefix(message, "do thing") || !strings.HasSuffix(message, "AWS's words"):
			t.Errorf("%s is %s: %s", code, Name(err), message)
		}
	}
}

// noRefusals are codes that look like one.
var noRefusals = []string{
	"AuthorizationNotFound", "AuthorizationAlreadyExists", "AuthorizationQuotaExceeded",
	"KMSInternalException", "KMSInvalidMacException", "KMSInvalidSignatureException", // of KMS itself
}

// A refusal that a step speaks of is left as it is.
func TestARefusalThatAStepSpeaksOfIsNotExplainedTwice(t *testing.T) {
	err := Failed("publish: %w", &smithy.GenericAPIError{Code: "KMSDisabled"})
	if got := Message(err); !strings.HasPrefix(got, "publish") {
		t.Errorf("message = %q", got)
	}
}
