package wire_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/rdslink/rdslink/local/wire"
)

var served = map[string]wire.Operations{
	"ec2": {
		"CreateSubnet": wire.Op(func(context.Context, *ec2.CreateSubnetInput) (*ec2.CreateSubnetOutput, error) {
			return &ec2.CreateSubnetOutput{}, nil
		}),
		"DescribeVpcs": wire.Op(func(context.Context, *ec2.DescribeVpcsInput) (*ec2.DescribeVpcsOutput, error) {
			return &ec2.DescribeVpcsOutput{}, nil
		}),
		"DeleteVpc": wire.Op(func(context.Context, *ec2.DeleteVpcInput) (*ec2.DeleteVpcOutput, error) {
			return nil, errors.New("lost")
		}),
	},
	"elbv2": {
		"CreateTargetGroup": wire.Op(func(context.Context, *elb.CreateTargetGroupInput) (*elb.CreateTargetGroupOutput, error) {
			return nil, wire.Errorf("DuplicateTargetGroupName", "A target group with the same name 'a&b' exists")
		}),
	},
	"stepfunctions": {
		"StartExecution": wire.Op(func(context.Context, *sfn.StartExecutionInput) (*sfn.StartExecutionOutput, error) {
			return nil, wire.Errorf("ExecutionAlreadyExists", "Execution Already Exists: 'x'")
		}),
	},
	"scheduler": {
		"GetSchedule": wire.Op(func(_ context.Context, in *scheduler.GetScheduleInput) (*scheduler.GetScheduleOutput, error) {
			return nil, wire.Errorf("ResourceNotFoundException", "Schedule %s does not exist.", *in.Name)
		}),
	},
}

func TestARequestThatTheModelDoesNotAllowIsRefusedAsAWSRefusesIt(t *testing.T) {
	for name, c := range map[string]struct {
		service, target, body string
		status                int
		code, message         string
	}{
		// Codes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
		"ec2: what is missing":          {"ec2", "", "Action=CreateSubnet", 400, "<Code>MissingParameter</Code>", "The request must contain the parameter VpcId"},
		"ec2: what is unknown":          {"ec2", "", "Action=DescribeVpcs&Vpc.1=a", 400, "<Code>UnknownParameter</Code>", "The parameter Vpc is not recognized"},
		"ec2: a boolean that is none":   {"ec2", "", "Action=DescribeVpcs&DryRun=perhaps", 400, "<Code>InvalidParameterValue</Code>", "Value (perhaps) for parameter DryRun is invalid."},
		"ec2: a page that is too small": {"ec2", "", "Action=DescribeVpcs&MaxResults=4", 400, "<Code>InvalidParameterValue</Code>", "Expecting a value greater than or equal to 5."},
		"ec2: an enumeration's value": {"ec2", "", "Action=CreateSubnet&VpcId=vpc-1&TagSpecification.1.ResourceType=house", 400, "<Code>InvalidParameterValue</Code>",
			"Value (house) for parameter TagSpecification.1.ResourceType is invalid."},
		"ec2: an operation that is absent": {"ec2", "", "Action=RunInstances", 501, "<Code>NotImplemented</Code>", "RunInstances"},
		"ec2: a fault of our own":          {"ec2", "", "Action=DeleteVpc&VpcId=vpc-1", 500, "<Code>InternalFailure</Code>", "lost"},
		// Wording: the shared validator's, as https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/CommonErrors.html has its code.
		"query: what is missing": {"elbv2", "", "Action=CreateTargetGroup", 400, "<Code>ValidationError</Code>",
			"Value null at &#39;name&#39; failed to satisfy constraint: Member must not be null"},
		"query: an enumeration's value": {"elbv2", "", "Action=CreateTargetGroup&Name=a&Protocol=SMTP", 400, "<Code>ValidationError</Code>",
			"Value &#39;SMTP&#39; at &#39;protocol&#39; failed to satisfy constraint: Member must satisfy enum value set: [HTTP, "},
		"query: a number that is out of range": {"elbv2", "", "Action=CreateTargetGroup&Name=a&Port=0", 400, "<Code>ValidationError</Code>", "Member must have value greater than or equal to 1"},
		"query: an element of a list":          {"elbv2", "", "Action=CreateTargetGroup&Name=a&Tags.member.1.Value=b", 400, "<Code>ValidationError</Code>", "at &#39;tags.1.member.key&#39;"},
		"query: the handler's refusal":         {"elbv2", "", "Action=CreateTargetGroup&Name=a", 400, "<Code>DuplicateTargetGroupName</Code>", "&#39;a&amp;b&#39; exists"},
		// https://docs.aws.amazon.com/step-functions/latest/apireference/CommonErrors.html
		"json: what is missing":       {"stepfunctions", "AWSStepFunctions.StartExecution", `{}`, 400, `"__type":"ValidationException"`, "Value null at 'stateMachineArn' failed"},
		"json: null is missing":       {"stepfunctions", "AWSStepFunctions.StartExecution", `{"stateMachineArn":null}`, 400, `"__type":"ValidationException"`, "Value null at 'stateMachineArn' failed"},
		"json: a value of other type": {"stepfunctions", "AWSStepFunctions.StartExecution", `{"stateMachineArn":1}`, 400, `"__type":"SerializationException"`, "stateMachineArn"},
		"json: a name that is too long": {"stepfunctions", "AWSStepFunctions.StartExecution", `{"stateMachineArn":"a","name":"` + strings.Repeat("n", 81) + `"}`, 400,
			`"__type":"ValidationException"`, "Member must have length less than or equal to 80"},
		"json: no JSON":               {"stepfunctions", "AWSStepFunctions.StartExecution", `{`, 400, `"__type":"SerializationException"`, "not a JSON object"},
		"json: the handler's refusal": {"stepfunctions", "AWSStepFunctions.StartExecution", `{"stateMachineArn":"a"}`, 400, `"__type":"ExecutionAlreadyExists"`, "Already Exists"},
		// The status is in the service's model.
		"rest: the handler's refusal":   {"scheduler", "GET /schedules/orders?groupName=g", "", 404, `"__type":"ResourceNotFoundException"`, "Schedule orders does not exist."},
		"rest: a name of wrong letters": {"scheduler", "GET /schedules/a%2Fb", "", 400, `"__type":"ValidationException"`, "Member must satisfy regular expression pattern"},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := wire.Handler(c.service, served[c.service])
			if err != nil {
				t.Fatal(err)
			}
			method, path, rest := strings.Cut(c.target, " ")
			if !rest {
				method, path = "POST", "/"
			}
			r := httptest.NewRequest(method, path, strings.NewReader(c.body))
			r.Header.Set("X-Amz-Target", c.target)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if got := w.Body.String(); w.Code != c.status || !strings.Contains(got, c.code) || !strings.Contains(got, c.message) {
				t.Errorf("answered %d %s", w.Code, got)
			}
		})
	}
}

func TestAnEmptyResultIsAnEmptyList(t *testing.T) {
	h, err := wire.Handler("ec2", served["ec2"])
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("Action=DescribeVpcs")))
	if !strings.Contains(w.Body.String(), "<vpcSet></vpcSet>") {
		t.Error(w.Body.String())
	}
}
