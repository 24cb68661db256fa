package resolver

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

// The texts are Lambda's, as reports have them.
func TestARefusedFunctionIsJudgedByItsText(t *testing.T) {
	for text, want := range map[string]string{
		"The role defined for the function cannot be assumed by Lambda.":                                                                                  "NotReady",
		"The provided execution role does not have permissions to call CreateNetworkInterface on EC2":                                                     "NotReady",
		"Your access has been denied by EC2, please make sure your function execution role have permission":                                               "NotReady",
		"Your request has been throttled by EC2, please make sure you have enough API rate limit.":                                                        "Throttled",
		"Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. EC2 Error Message: The security group 'sg-1' does not exist": "NotReady",
		"Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The subnet ID 'subnet-1' does not exist":      "Failed",
		"Security Groups are required to be in the same VPC.":                                                                                             "Failed",
		"Uncompressed layer size is more than what Lambda has ever been asked for":                                                                        "Failed",
	} {
		t.Run(text, func(t *testing.T) {
			err := judged("rdslink-resolver-vpc-1", &types.InvalidParameterValueException{Message: aws.String(text)})
			if outcome.Name(err) != want || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v, want %s", outcome.Name(err), err, want)
			}
		})
	}
	for want, err := range map[string]error{
		"NotReady": &types.ResourceConflictException{}, "Failed": errors.New("not allowed"), "Throttled": &types.TooManyRequestsException{},
	} {
		if got := outcome.Name(judged("rdslink-resolver-vpc-1", err)); got != want {
			t.Errorf("%T is %s, want %s", err, got, want)
		}
	}
}

type subnets struct{}

func (subnets) DescribeSubnets(context.Context, *ec2.DescribeSubnetsInput, ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error) {
	return &ec2.DescribeSubnetsOutput{Subnets: []ec2types.Subnet{
		{SubnetId: aws.String("subnet-1"), AvailabilityZone: aws.String("us-east-1e"), AvailabilityZoneId: aws.String("use1-az3")},
	}}, nil
}

func TestWhereLambdaTakesNoZoneTheRefusalNamesItAndTheWayOut(t *testing.T) {
	err := noZone(t.Context(), subnets{}, "rdslink-resolver-vpc-1", []string{"subnet-1"}, errors.New("doesn't support"))
	for _, want := range []string{"us-east-1e (use1-az3, subnet-1)", `"resolver": "none"`, "doesn't support"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	if outcome.Name(err) != "BadInput" {
		t.Errorf("it is %s", outcome.Name(err))
	}
}

// What Lambda may say of a function comes from the SDK: a value that it learns has to be judged here.
func TestEveryStateOfAFunctionIsJudged(t *testing.T) {
	state := map[types.State]string{
		types.StateActive: "", types.StateInactive: "", types.StatePending: "NotReady", types.StateDeleting: "NotReady",
		types.StateFailed: "Failed", types.StateDeactivating: "Failed", types.StateDeactivated: "Failed", types.StateActiveNonInvocable: "Failed",
	}
	update := map[types.LastUpdateStatus]string{
		types.LastUpdateStatusSuccessful: "", types.LastUpdateStatusInProgress: "NotReady", types.LastUpdateStatusFailed: "Failed",
	}
	judge := func(state types.State, update types.LastUpdateStatus, known bool, want string) {
		err := Usable(t.Context(), types.FunctionConfiguration{State: state, LastUpdateStatus: update})
		if !known || outcome.Name(err) != want || err != nil && strings.Contains(err.Error(), "does not know") {
			t.Errorf("state %q, update %q: %v, want %q", state, update, err, want)
		}
	}
	for _, value := range types.State("").Values() {
		want, known := state[value]
		judge(value, types.LastUpdateStatusSuccessful, known, want)
	}
	for _, value := range types.LastUpdateStatus("").Values() {
		want, known := update[value]
		judge(types.StateActive, value, known, want)
	}
	for _, function := range []types.FunctionConfiguration{
		{State: "Meditating", LastUpdateStatus: types.LastUpdateStatusSuccessful}, {State: types.StateActive, LastUpdateStatus: "Pondering"}, {},
	} {
		if err := Usable(t.Context(), function); outcome.Name(err) != "NotReady" || !strings.Contains(err.Error(), "does not know") {
			t.Errorf("%q, %q: %v", function.State, function.LastUpdateStatus, err)
		}
	}
}

func TestChoices(t *testing.T) {
	var all []string
	for _, choice := range choices([]string{"a", "b", "c"}) {
		all = append(all, strings.Join(choice, ""))
	}
	if want := []string{"ab", "ac", "bc", "a", "b", "c"}; !slices.Equal(all, want) {
		t.Errorf("%v, want %v", all, want)
	}
}
