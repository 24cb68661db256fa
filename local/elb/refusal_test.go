package elb

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/local/wire"
)

// refused makes a call that must be refused with code.
func refused[I, O any](b *bed, code string, call func(context.Context, *I) (*O, error), in I) {
	b.t.Helper()
	_, err := locked(b, func() (*O, error) { return call(b.ctx, &in) })
	if e, ok := errors.AsType[*wire.Error](err); !ok || e.Code != code {
		b.t.Fatalf("got %v, want %s", err, code)
	}
}

func TestCreateLoadBalancerIsRefused(t *testing.T) {
	for refusal, row := range map[string]struct {
		source, code string
		change       func(*elb.CreateLoadBalancerInput)
	}{
		"a name of more than 32 characters": {"API_CreateLoadBalancer, Name", "ValidationError", func(in *elb.CreateLoadBalancerInput) {
			in.Name = aws.String(strings.Repeat("a", 33))
		}},
		"other characters than alphanumeric ones and hyphens": {"API_CreateLoadBalancer, Name", "ValidationError", func(in *elb.CreateLoadBalancerInput) {
			in.Name = aws.String("orders_prod")
		}},
		"a name that begins with a hyphen": {"API_CreateLoadBalancer, Name", "ValidationError", func(in *elb.CreateLoadBalancerInput) {
			in.Name = aws.String("-orders")
		}},
		"a name that begins with internal-": {"API_CreateLoadBalancer, Name", "ValidationError", func(in *elb.CreateLoadBalancerInput) {
			in.Name = aws.String("internal-orders")
		}},
		"the default type, application": {"only network is modelled", "ValidationError", func(in *elb.CreateLoadBalancerInput) {
			in.Type = ""
		}},
		"the default scheme, internet-facing, in a VPC without an internet gateway": {"elasticloadbalancing/latest/network/load-balancer-troubleshooting.html", "InvalidSubnet",
			func(in *elb.CreateLoadBalancerInput) {
				in.Scheme = ""
			}},
		"two subnets in one Availability Zone": {"API_CreateLoadBalancer, Subnets: You can specify only one subnet per Availability Zone", "InvalidConfigurationRequest",
			func(in *elb.CreateLoadBalancerInput) {
				in.Subnets = []string{"subnet-a", "subnet-a2"}
			}},
		"subnets of two VPCs": {"API_CreateLoadBalancer, InvalidSubnet", "InvalidSubnet", func(in *elb.CreateLoadBalancerInput) {
			in.Subnets = []string{"subnet-a", "subnet-other"}
		}},
		"a subnet that does not exist": {"API_CreateLoadBalancer, SubnetNotFound", "SubnetNotFound", func(in *elb.CreateLoadBalancerInput) {
			in.Subnets = []string{"subnet-0"}
		}},
		"no subnet": {"API_CreateLoadBalancer, Subnets", "ValidationError", func(in *elb.CreateLoadBalancerInput) {
			in.Subnets = nil
		}},
		"both subnets and subnet mappings": {"API_CreateLoadBalancer, Subnets: You must specify either subnets or subnet mappings, but not both", "ValidationError", func(in *elb.CreateLoadBalancerInput) {
			in.SubnetMappings = []types.SubnetMapping{{SubnetId: aws.String("subnet-c")}}
		}},
		"a subnet with fewer than 8 free addresses": {"elasticloadbalancing/latest/network/availability-zones.html; wording from aws/aws-rfdk#621", "InvalidSubnet", func(in *elb.CreateLoadBalancerInput) {
			in.Subnets = []string{"subnet-a", "subnet-full"}
		}},
		"a security group that does not exist": {"API_CreateLoadBalancer, InvalidSecurityGroup", "InvalidSecurityGroup", func(in *elb.CreateLoadBalancerInput) {
			in.SecurityGroups = []string{"sg-0"}
		}},
		"a security group of another VPC": {"API_CreateLoadBalancer, InvalidConfigurationRequest", "InvalidConfigurationRequest", func(in *elb.CreateLoadBalancerInput) {
			in.SecurityGroups = []string{"sg-other"}
		}},
		"a tag key twice": {"API_CreateLoadBalancer, DuplicateTagKeys", "DuplicateTagKeys", func(in *elb.CreateLoadBalancerInput) {
			in.Tags = []types.Tag{{Key: aws.String("k")}, {Key: aws.String("k")}}
		}},
	} {
		t.Run(refusal, func(t *testing.T) {
			b := newBed(t)
			in := loadBalancerInput()
			row.change(&in)
			refused(b, row.code, b.createLoadBalancer, in)
			if len(b.attached) > 0 {
				t.Error("left network interfaces behind")
			}
		})
	}
}

func TestCreateTargetGroupIsRefused(t *testing.T) {
	for refusal, row := range map[string]struct {
		source, code string
		change       func(*elb.CreateTargetGroupInput)
	}{
		"a name that ends with a hyphen": {"API_CreateTargetGroup, Name", "ValidationError", func(in *elb.CreateTargetGroupInput) {
			in.Name = aws.String("orders-")
		}},
		"the default target type, instance": {"only ip is modelled", "ValidationError", func(in *elb.CreateTargetGroupInput) {
			in.TargetType = ""
		}},
		"UDP": {"only TCP is modelled", "UnsupportedProtocol", func(in *elb.CreateTargetGroupInput) {
			in.Protocol = types.ProtocolEnumUdp
		}},
		"no port": {"API_CreateTargetGroup, Port", "ValidationError", func(in *elb.CreateTargetGroupInput) {
			in.Port = nil
		}},
		"a VPC that does not exist": {"API_CreateTargetGroup, VpcId", "ValidationError", func(in *elb.CreateTargetGroupInput) {
			in.VpcId = aws.String("vpc-0")
		}},
		"an interval under 5 s": {"API_CreateTargetGroup, HealthCheckIntervalSeconds: The range is 5-300", "ValidationError", func(in *elb.CreateTargetGroupInput) {
			in.HealthCheckIntervalSeconds, in.HealthCheckTimeoutSeconds = aws.Int32(4), aws.Int32(2)
		}},
		"a threshold over 10": {"API_CreateTargetGroup, UnhealthyThresholdCount: The range is 2-10", "ValidationError", func(in *elb.CreateTargetGroupInput) {
			in.UnhealthyThresholdCount = aws.Int32(11)
		}},
		"a health check port that is none": {"API_CreateTargetGroup, HealthCheckPort", "ValidationError", func(in *elb.CreateTargetGroupInput) {
			in.HealthCheckPort = aws.String("postgres")
		}},
		"no health checks for addresses": {"API_CreateTargetGroup, HealthCheckEnabled: If the target type is instance, ip, or alb, health checks are always enabled and can't be disabled",
			"InvalidConfigurationRequest", func(in *elb.CreateTargetGroupInput) {
				in.HealthCheckEnabled = aws.Bool(false)
			}},
	} {
		t.Run(refusal, func(t *testing.T) {
			b := newBed(t)
			in := targetGroupInput()
			row.change(&in)
			refused(b, row.code, b.createTargetGroup, in)
		})
	}
}

func TestRefusals(t *testing.T) {
	for refusal, row := range map[string]struct {
		source string
		try    func(b *bed, lb, group string)
	}{
		"the load balancer's name with other settings": {"API_CreateLoadBalancer, DuplicateLoadBalancerName", func(b *bed, _, _ string) {
			in := loadBalancerInput()
			in.Subnets = []string{"subnet-a"}
			refused(b, "DuplicateLoadBalancerName", b.createLoadBalancer, in)
		}},
		"the target group's name with other settings": {"API_CreateTargetGroup, DuplicateTargetGroupName", func(b *bed, _, _ string) {
			in := targetGroupInput()
			in.Port = aws.Int32(3306)
			refused(b, "DuplicateTargetGroupName", b.createTargetGroup, in)
		}},
		"a second listener on the port": {"API_CreateListener, DuplicateListener", func(b *bed, lb, _ string) {
			in := targetGroupInput()
			in.Name = aws.String("other")
			other := must(b, b.createTargetGroup, in).TargetGroups[0].TargetGroupArn
			refused(b, "DuplicateListener", b.createListener, listenerInput(lb, *other))
		}},
		"a target group that another load balancer uses": {"elasticloadbalancing/latest/APIReference/API_CreateListener.html, TargetGroupAssociationLimit", func(b *bed, _, group string) {
			in := loadBalancerInput()
			in.Name = aws.String("other")
			other := must(b, b.createLoadBalancer, in).LoadBalancers[0].LoadBalancerArn
			refused(b, "TargetGroupAssociationLimit", b.createListener, listenerInput(*other, group))
		}},
		"a listener for a load balancer that does not exist": {"API_CreateListener, LoadBalancerNotFound", func(b *bed, lb, group string) {
			refused(b, "LoadBalancerNotFound", b.createListener, listenerInput(lb[:len(lb)-16]+"0123456789abcdef", group))
		}},
		"deleting a target group that a listener uses": {"API_DeleteTargetGroup, ResourceInUse", func(b *bed, _, group string) {
			refused(b, "ResourceInUse", b.deleteTargetGroup, elb.DeleteTargetGroupInput{TargetGroupArn: &group})
		}},
		"deleting a load balancer that an endpoint service uses": {"elasticloadbalancing/latest/network/load-balancer-delete.html", func(b *bed, lb, _ string) {
			b.inUse[lb] = true
			refused(b, "ResourceInUse", b.deleteLoadBalancer, elb.DeleteLoadBalancerInput{LoadBalancerArn: &lb})
		}},
		"deleting a load balancer with deletion protection": {"API_DeleteLoadBalancer, OperationNotPermitted", func(b *bed, lb, _ string) {
			must(b, b.modifyLoadBalancerAttributes,
				elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &lb, Attributes: []types.LoadBalancerAttribute{{Key: aws.String(deletionProtection), Value: aws.String("true")}}})
			refused(b, "OperationNotPermitted", b.deleteLoadBalancer, elb.DeleteLoadBalancerInput{LoadBalancerArn: &lb})
		}},
		"security groups for a load balancer born without": {"elasticloadbalancing/latest/network/load-balancer-security-groups.html; wording from kubernetes-sigs/cluster-api-provider-aws#4790",
			func(b *bed, _, _ string) {
				in := loadBalancerInput()
				in.Name, in.SecurityGroups = aws.String("bare"), nil
				bare := must(b, b.createLoadBalancer, in).LoadBalancers[0].LoadBalancerArn
				refused(b, "InvalidConfigurationRequest", b.setSecurityGroups, elb.SetSecurityGroupsInput{LoadBalancerArn: bare, SecurityGroups: []string{"sg-1"}})
			}},
		"taking all security groups away": {"elasticloadbalancing/latest/network/load-balancer-security-groups.html", func(b *bed, lb, _ string) {
			refused(b, "InvalidConfigurationRequest", b.setSecurityGroups, elb.SetSecurityGroupsInput{LoadBalancerArn: &lb})
		}},
		"exchanging a zone's subnet in one step": {"elasticloadbalancing/latest/network/availability-zones.html", func(b *bed, lb, _ string) {
			refused(b, "InvalidConfigurationRequest", b.setSubnets, elb.SetSubnetsInput{LoadBalancerArn: &lb, Subnets: []string{"subnet-a2", "subnet-b"}})
		}},
		"taking a zone away from an endpoint service": {"elasticloadbalancing/latest/network/availability-zones.html", func(b *bed, lb, _ string) {
			b.inUse[lb] = true
			refused(b, "InvalidConfigurationRequest", b.setSubnets, elb.SetSubnetsInput{LoadBalancerArn: &lb, Subnets: []string{"subnet-a"}})
		}},
		"a zone whose subnet has fewer than 8 free addresses": {"elasticloadbalancing/latest/network/availability-zones.html", func(b *bed, lb, _ string) {
			refused(b, "InvalidSubnet", b.setSubnets, elb.SetSubnetsInput{LoadBalancerArn: &lb, Subnets: []string{"subnet-a", "subnet-b", "subnet-full"}})
		}},
		"an attribute that does not exist": {"API_LoadBalancerAttribute", func(b *bed, lb, _ string) {
			refused(b, "InvalidConfigurationRequest", b.modifyLoadBalancerAttributes,
				elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &lb, Attributes: []types.LoadBalancerAttribute{{Key: aws.String("idle_timeout.timeout_seconds"), Value: aws.String("60")}}})
		}},
		"a deregistration delay over an hour": {"API_TargetGroupAttribute: The range is 0-3600 seconds", func(b *bed, _, group string) {
			refused(b, "InvalidConfigurationRequest", b.modifyTargetGroupAttributes,
				elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &group, Attributes: []types.TargetGroupAttribute{{Key: aws.String(deregistrationDelay), Value: aws.String("3601")}}})
		}},
		"an address outside the subnets": {"kubernetes-sigs/aws-load-balancer-controller#3714", func(b *bed, _, group string) {
			refused(b, "ValidationError", b.registerTargets, elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: targets("10.0.200.1")})
		}},
		"a zone for an address inside": {"kubernetes-sigs/aws-load-balancer-controller#561", func(b *bed, _, group string) {
			all := targets("10.0.1.10")
			all[0].AvailabilityZone = aws.String("all")
			refused(b, "ValidationError", b.registerTargets, elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: all})
		}},
		"a public address": {"API_TargetDescription: You can't specify publicly routable IP addresses", func(b *bed, _, group string) {
			refused(b, "InvalidTarget", b.registerTargets, elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: targets("203.0.113.1")})
		}},
		"another account's load balancer": {"hashicorp/terraform-provider-aws#4552", func(b *bed, lb, _ string) {
			b.ctx = wire.WithCaller(context.Background(), wire.Caller{Account: "999999999999"})
			refused(b, "ValidationError", b.describeLoadBalancers, elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{lb}})
		}},
		"a name that nobody has": {"API_DescribeLoadBalancers, LoadBalancerNotFound", func(b *bed, _, _ string) {
			refused(b, "LoadBalancerNotFound", b.describeLoadBalancers, elb.DescribeLoadBalancersInput{Names: []string{"nobody"}})
		}},
		"what was just made, to a describe": {"API_CreateLoadBalancer is eventually consistent", func(b *bed, _, _ string) {
			b.world.Delays.Visibility, b.world.Speed = time.Hour, 1
			in := targetGroupInput()
			in.Name = aws.String("young")
			must(b, b.createTargetGroup, in)
			refused(b, "TargetGroupNotFound", b.describeTargetGroups, elb.DescribeTargetGroupsInput{Names: []string{"young"}})
		}},
	} {
		t.Run(refusal, func(t *testing.T) {
			b := newBed(t)
			lb, group := b.chain()
			row.try(b, lb, group)
		})
	}
}

func TestABurstIsThrottled(t *testing.T) { // elasticloadbalancing/latest/userguide/elb-api-throttling.html
	b := newBed(t)
	b.world.Speed = 0.001 // nothing comes back to the buckets
	group := b.makeTargetGroup()
	ops := b.Operations()
	// refusals counts those of fifty calls in a row.
	refusals := func(operation string, fill func(in any)) (n int) {
		for range 50 {
			_, err := locked(b, func() (any, error) {
				return ops[operation](b.ctx, func(in any) error { fill(in); return nil })
			})
			if e, ok := errors.AsType[*wire.Error](err); ok && e.Code == "Throttling" {
				n++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	health := func(in any) { in.(*elb.DescribeTargetHealthInput).TargetGroupArn = &group }
	if got := refusals("DescribeTargetHealth", health); got != 10 {
		t.Errorf("%d of 50 reads refused, want 10", got)
	}
	register := func(in any) {
		*in.(*elb.RegisterTargetsInput) = elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: targets("10.0.1.10")}
	}
	if got := refusals("RegisterTargets", register); got != 30 {
		t.Errorf("%d of 50 registrations refused, want 30", got)
	}
}
