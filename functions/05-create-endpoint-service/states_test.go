package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

// What ELB and EC2 may say comes from the SDK: a state that it learns has to be judged.
func TestEveryStateIsJudged(t *testing.T) {
	balancers := map[elbtypes.LoadBalancerStateEnum]string{"active": "", "active_impaired": "", "provisioning": "NotReady", "failed": "Failed", "melting": "NotReady"}
	for _, state := range append(elbtypes.LoadBalancerStateEnum("").Values(), "melting") {
		want, judged := balancers[state]
		err := active(t.Context(), "arn", elbtypes.LoadBalancerState{Code: state})
		check(t, string(state), err, want, judged)
	}
	services := map[types.ServiceState]string{"Available": "", "Pending": "NotReady", "Deleting": "NotReady", "Deleted": "NotReady", "Failed": "NotReady", "melting": "NotReady"}
	for _, state := range append(types.ServiceState("").Values(), "melting") {
		want, judged := services[state]
		check(t, string(state), ready(t.Context(), types.ServiceConfiguration{ServiceId: aws.String("vpce-svc-1"), ServiceState: state}), want, judged)
	}
}

func check(t *testing.T, state string, err error, want string, judged bool) {
	t.Helper()
	unknown := err != nil && strings.Contains(err.Error(), "does not know")
	if !judged || outcome.Name(err) != want || unknown != (state == "melting") {
		t.Errorf("%s: %v, want %q", state, err, want)
	}
}
