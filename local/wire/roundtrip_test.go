package wire_test

import (
	"bytes"
	"context"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/rdslink/rdslink/local/wire"
)

// loopback hands the SDK's requests to a handler without a network between them.
type loopback struct{ http.Handler }

func (l loopback) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = io.NopCloser(bytes.NewReader(nil))
	}
	w := httptest.NewRecorder()
	l.ServeHTTP(w, r)
	return w.Result(), nil
}

func clients(h http.Handler) map[string]any {
	c := aws.Config{
		Region: "eu-central-1", HTTPClient: loopback{h}, BaseEndpoint: aws.String("http://localhost"),
		Credentials: credentials.NewStaticCredentialsProvider("111122223333", "local", ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
	return map[string]any{
		"ec2": ec2.NewFromConfig(c), "elbv2": elb.NewFromConfig(c), "rds": rds.NewFromConfig(c),
		"stepfunctions": sfn.NewFromConfig(c), "scheduler": scheduler.NewFromConfig(c), "sts": sts.NewFromConfig(c), "route53": route53.NewFromConfig(c),
	}
}

// TestWhatTheSDKSendsAndReadsIsWhatAHandlerGetsAndReturns goes through every operation of every model: the input that the
// SDK's client was given must arrive, and the output that a handler returned must come back.
func TestWhatTheSDKSendsAndReadsIsWhatAHandlerGetsAndReturns(t *testing.T) {
	for service, client := range clients(nil) {
		s, err := wire.Lookup(service)
		if err != nil {
			t.Fatal(err)
		}
		for action := range s.Operations {
			method, ok := reflect.TypeOf(client).MethodByName(action)
			if !ok {
				t.Errorf("the SDK's %s has no %s", service, action)
				continue
			}
			t.Run(service+"/"+action, func(t *testing.T) {
				for seed := range 5 {
					roundTrip(t, s, calls(s, method).Example(seed))
				}
			})
		}
	}
}

// call is one call of an operation: what the client sends and what the handler answers, both pointers to SDK structs.
type call struct {
	action  string
	in, out reflect.Value
}

func calls(s *wire.Service, method reflect.Method) *rapid.Generator[call] {
	return rapid.Custom(func(t *rapid.T) call {
		c := call{method.Name, reflect.New(method.Type.In(2).Elem()), reflect.New(method.Type.Out(0).Elem())}
		input, output := s.Shape(method.Name)
		fill(t, s, input, c.in.Elem(), 0)
		fill(t, s, output, c.out.Elem(), 0)
		return c
	})
}

func roundTrip(t *testing.T, s *wire.Service, c call) {
	var got any
	handler, err := wire.Handler(s.Name, wire.Operations{c.action: func(_ context.Context, decode func(any) error) (any, error) {
		got = reflect.New(c.in.Type().Elem()).Interface()
		return c.out.Interface(), decode(got)
	}})
	if err != nil {
		t.Fatal(err)
	}
	client := reflect.ValueOf(clients(handler)[s.Name])
	answer := client.MethodByName(c.action).Call([]reflect.Value{reflect.ValueOf(context.Background()), c.in})
	if err, _ := answer[1].Interface().(error); err != nil {
		t.Fatalf("%v\ninput %+v", err, c.in.Elem())
	}
	same := cmp.Options{
		cmpopts.EquateEmpty(),
		cmp.Exporter(func(reflect.Type) bool { return true }),
		cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".ResultMetadata" }, cmp.Ignore()),
		// The SDK reads JSON's seconds as a float and cuts off what is below a millisecond.
		cmp.Comparer(func(a, b time.Time) bool { return a.Sub(b).Abs() <= time.Millisecond }),
	}
	if diff := cmp.Diff(c.in.Interface(), got, same); diff != "" {
		t.Fatalf("input: %s", diff)
	}
	if diff := cmp.Diff(c.out.Interface(), answer[0].Interface(), same); diff != "" {
		t.Fatalf("output: %s", diff)
	}
}

// fill gives v a random value that the shape allows.
func fill(t *rapid.T, s *wire.Service, shape string, v reflect.Value, depth int) {
	sh := s.Shapes[shape]
	if sh == nil {
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	low, high := limits(sh.Min, sh.Max)
	switch sh.Type {
	case "structure":
		for i, m := range sh.Members {
			// A form cannot say that a structure without members is there.
			must := i == 0 && depth > 0 || m.IdempotencyToken || slices.Contains(sh.Required, m.Name)
			if must || depth < 6 && rapid.IntRange(0, depth).Draw(t, m.Name) == 0 {
				fill(t, s, m.Shape, v.FieldByName(string(m.Name[0]&^0x20)+m.Name[1:]), depth+1)
			}
		}
	case "list":
		n := max(1, low)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(t, s, sh.Member.Shape, v.Index(i), depth+1)
		}
	case "map":
		value := reflect.New(v.Type().Elem()).Elem()
		fill(t, s, sh.Value.Shape, value, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("a"), value)
	case "string":
		if s.Name == "route53" && strings.HasSuffix(shape, "Id") {
			sh.Pattern = "[A-Z0-9]+" // the SDK cuts off what comes before an id's last slash
		}
		v.SetString(word(sh.Enum, sh.Pattern, low, high).Draw(t, shape))
	case "boolean":
		v.SetBool(rapid.Bool().Draw(t, shape))
	case "integer", "long":
		v.SetInt(int64(rapid.IntRange(low, high).Draw(t, shape)))
	case "float", "double":
		v.SetFloat(float64(rapid.IntRange(low, high).Draw(t, shape)))
	case "timestamp":
		v.Set(reflect.ValueOf(time.UnixMilli(rapid.Int64Range(1, 2e12).Draw(t, shape)).UTC()))
	case "blob":
		v.SetBytes(rapid.SliceOfN(rapid.Byte(), 1, 8).Draw(t, shape))
	default:
		t.Fatalf("%s: type %s", shape, sh.Type)
	}
}

func limits(least, most *float64) (low, high int) {
	low, high = 0, math.MaxInt32
	if least != nil {
		low = int(max(*least, 0))
	}
	if most != nil {
		high = int(min(*most, math.MaxInt32))
	}
	return low, high
}

func word(enum []string, pattern string, low, high int) *rapid.Generator[string] {
	if len(enum) > 0 {
		return rapid.SampledFrom(enum)
	}
	if pattern != "" {
		return rapid.StringMatching("^(?:" + pattern + ")$").Filter(func(w string) bool {
			return w != "" && len(w) >= low && len([]rune(w)) <= high
		})
	}
	letters := rapid.SampledFrom([]rune("abcXYZ019-/<&>\"' .é"))
	return rapid.StringOfN(letters, max(1, low), min(high, low+12), -1).Filter(func(w string) bool { return w[0] != ' ' && w[len(w)-1] != ' ' })
}
