package targets

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// oneTarget is a load balancer with a target in some state.
type oneTarget struct {
	ELB
	state types.TargetHealthStateEnum
}

func (o oneTarget) DescribeTargetHealth(context.Context, *elb.DescribeTargetHealthInput, ...func(*elb.Options)) (*elb.DescribeTargetHealthOutput, error) {
	return &elb.DescribeTargetHealthOutput{TargetHealthDescriptions: []types.TargetHealthDescription{{
		Target: &types.TargetDescription{Id: aws.String("10.0.1.1"), Port: aws.Int32(5432)}, TargetHealth: &types.TargetHealth{State: o.state},
	}}}, nil
}

// What ELB may say of a target comes from the SDK: a state that it learns has to be judged.
func TestEveryHealthIsJudged(t *testing.T) {
	judged := map[types.TargetHealthStateEnum]struct{ registered, serves bool }{
		"initial": {registered: true}, "healthy": {true, true}, "unhealthy": {registered: true}, "unhealthy.draining": {}, "unused": {registered: true},
		"draining": {}, "unavailable": {registered: true}, "meditating": {registered: true},
	}
	for _, state := range append(types.TargetHealthStateEnum("").Values(), "meditating") {
		var log bytes.Buffer
		before := slog.Default()
		slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
		found, err := Deps{ELB: oneTarget{state: state}}.targetHealth(t.Context(), "arn")
		slog.SetDefault(before)
		if err != nil {
			t.Fatal(err)
		}
		o := observation{health: found}
		want, known := judged[state]
		got := len(o.registered(memory{})) == 1
		if serves := o.serves(target{"10.0.1.1", 5432}); !known || got != want.registered || serves != want.serves {
			t.Errorf("%s: registered %t, serves %t, want %+v", state, got, serves, want)
		}
		if loud := strings.Contains(log.String(), "level=ERROR"); loud != (state == "meditating") {
			t.Errorf("%s is logged as %q", state, log.String())
		}
	}
}
