package elb

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/local/wire"
)

// fields are the inputs that hold ARNs, with AWS's word for what they name.
var fields = map[string]string{
	"LoadBalancerArn": "load balancer", "LoadBalancerArns": "load balancer", "TargetGroupArn": "target group", "TargetGroupArns": "target group",
	"ListenerArn": "listener", "ListenerArns": "listener", "ResourceArns": "load balancer", // the first kind that is tried
}

// Every operation that takes an ARN answers ValidationError to one that cannot be any of the caller's here, and looks
// nothing up: aws/aws-cli#3260 (another kind), #3673 (another place), hashicorp/terraform-provider-aws#4552 (another
// account).
func TestAMalformedARNIsRefusedByEveryOperation(t *testing.T) {
	b := newBed(t)
	b.world.Speed = 1_000_000_000 // no bucket runs empty
	const here = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:"
	asked := map[string]int{}
	for operation, serve := range b.Operations() {
		for field, kind := range fields {
			for what, arn := range map[string]string{
				"no ARN":             "orders",
				"a short id":         here + "loadbalancer/net/orders/0123",
				"another kind":       here + "rule/net/orders/0123456789abcdef",
				"another service":    "arn:aws:ec2:eu-central-1:111122223333:loadbalancer/net/orders/0123456789abcdef",
				"another Region's":   "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/orders/0123456789abcdef",
				"another account's":  "arn:aws:elasticloadbalancing:eu-central-1:999999999999:targetgroup/orders/0123456789abcdef",
				"another's listener": "arn:aws:elasticloadbalancing:eu-central-1:999999999999:listener/net/orders/0123456789abcdef/0123456789abcdef",
			} {
				var takes bool
				_, err := locked(b, func() (any, error) {
					return serve(b.ctx, func(in any) error {
						takes = fill(in, field, arn)
						if !takes {
							return errors.New("it has no such field")
						}
						return nil
					})
				})
				if !takes {
					continue
				}
				asked[field]++
				refused, _ := errors.AsType[*wire.Error](err)
				if want := "'" + arn + "' is not a valid " + kind + " ARN"; refused == nil || refused.Code != "ValidationError" || refused.Message != want {
					t.Errorf("%s answers %v to %s in %s", operation, err, what, field)
				}
			}
		}
	}
	for field := range fields {
		if asked[field] == 0 {
			t.Errorf("no operation takes %s", field)
		}
	}
}

// fill sets a field of an operation's input, if it has it.
func fill(in any, field, arn string) bool {
	f := reflect.ValueOf(in).Elem().FieldByName(field)
	switch {
	case !f.IsValid():
		return false
	case f.Kind() == reflect.Slice:
		f.Set(reflect.ValueOf([]string{arn}))
	default:
		f.Set(reflect.ValueOf(&arn))
	}
	return true
}

// No field may hold ARNs that the test above does not know.
func TestAllFieldsOfARNsAreKnown(t *testing.T) {
	for operation, serve := range newBed(t).Operations() {
		_, _ = serve(t.Context(), func(in any) error {
			for f := range reflect.TypeOf(in).Elem().Fields() {
				if _, known := fields[f.Name]; !known && strings.Contains(f.Name, "Arn") {
					t.Errorf("%s has %s", operation, f.Name)
				}
			}
			return errors.New("only asked")
		})
	}
}

func TestAnActionsTargetGroupARNIsRefusedToo(t *testing.T) {
	b := newBed(t)
	lb := b.makeLoadBalancer()
	in := listenerInput(lb, lb) // another kind
	refused(b, "ValidationError", b.createListener, in)
	in.DefaultActions[0] = types.Action{Type: types.ActionTypeEnumForward, ForwardConfig: &types.ForwardActionConfig{TargetGroups: []types.TargetGroupTuple{{}}}}
	refused(b, "ValidationError", b.createListener, in)
}

func TestAnARNThatNobodyHasIsNotFound(t *testing.T) {
	b := newBed(t)
	lb, group := b.chain()
	listener := *must(b, b.describeListeners, elb.DescribeListenersInput{LoadBalancerArn: &lb}).Listeners[0].ListenerArn
	for arn, code := range map[string]string{lb: "LoadBalancerNotFound", group: "TargetGroupNotFound", listener: "ListenerNotFound"} {
		nobodys := arn[:len(arn)-16] + "0123456789abcdef"
		refused(b, code, b.describeTags, elb.DescribeTagsInput{ResourceArns: []string{nobodys}})
		refused(b, code, b.addTags, elb.AddTagsInput{ResourceArns: []string{arn, nobodys}, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
		if tags, _ := b.Tags(account, arn); tags["k"] != "" {
			t.Errorf("a refused call tags %s", arn)
		}
		must(b, b.addTags, elb.AddTagsInput{ResourceArns: []string{arn}, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
		if tags, _ := b.Tags(account, arn); tags["k"] != "v" {
			t.Errorf("%s carries %v", arn, tags)
		}
		if _, known := b.Tags(account, arn); !known {
			t.Errorf("%s is not found", arn)
		}
	}
}
