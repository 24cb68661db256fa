package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/test/stage"
)

// The benchmark's steady ticks make one of the calls of the documented function; its role is allowed all of them.
func TestTheSampleOfTheBenchmarkMayMakeItsCalls(t *testing.T) {
	s := begin(t)
	folder := filepath.Join(cloud.Root, "test/bench/sample")
	policy, err := os.ReadFile(filepath.Join(folder, "policy.json"))
	s.check(err)
	code, err := os.ReadFile(filepath.Join(folder, "sync.py"))
	s.check(err)
	role, err := cloud.NewRole(s.ctx, stage.Customer, "sample", string(policy))
	s.check(err)
	vpc := s.vpc(stage.Customer)
	made, err := s.balancers().CreateTargetGroup(s.ctx, &elb.CreateTargetGroupInput{
		Name: aws.String("sample"), Protocol: types.ProtocolEnumTcp, Port: aws.Int32(5432), VpcId: &vpc.ID, TargetType: types.TargetTypeEnumIp,
	})
	s.check(err)
	group, targets := made.TargetGroups[0].TargetGroupArn, []types.TargetDescription{{Id: aws.String("10.0.1.9"), Port: aws.Int32(5432)}}
	client := elb.NewFromConfig(s.as(role, "sample"))
	calls := map[string]func() error{
		"describe_target_health": func() error {
			_, err := client.DescribeTargetHealth(s.ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: group})
			return err
		},
		"register_targets": func() error {
			_, err := client.RegisterTargets(s.ctx, &elb.RegisterTargetsInput{TargetGroupArn: group, Targets: targets})
			return err
		},
		"deregister_targets": func() error {
			_, err := client.DeregisterTargets(s.ctx, &elb.DeregisterTargetsInput{TargetGroupArn: group, Targets: targets})
			return err
		},
	}
	found := regexp.MustCompile(`elbv2\.(\w+)\(`).FindAllSubmatch(code, -1)
	if len(found) != len(calls) {
		s.Errorf("the sample makes %d calls, and %d are tried here", len(found), len(calls))
	}
	for _, call := range found {
		try := calls[string(call[1])]
		if try == nil {
			s.Fatalf("the sample calls %s, which is not tried here", call[1])
		}
		if err := try(); err != nil {
			s.Errorf("%s: %v", call[1], err)
		}
	}
}
