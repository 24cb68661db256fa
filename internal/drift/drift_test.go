package drift

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

func TestWithout(t *testing.T) {
	all, others := []string{"a", "b", "c"}, []string{"b", "d"}
	if got := Without(all, others); !slices.Equal(got, []string{"a", "c"}) || !slices.Equal(all, []string{"a", "b", "c"}) {
		t.Errorf("%v, and %v is left", got, all)
	}
}

func TestAttributes(t *testing.T) {
	want := map[string]string{"cross_zone": "true", "protection": "true", "delay": "0"}
	for name, row := range map[string]struct{ have, change []string }{
		"all are there":              {have: []string{"cross_zone", "true", "protection", "true", "delay", "0", "other", "1"}},
		"one is missing":             {have: []string{"cross_zone", "true", "delay", "0"}, change: []string{"protection", "true"}},
		"two differ, in their order": {have: []string{"protection", "false", "delay", "300", "cross_zone", "true"}, change: []string{"delay", "0", "protection", "true"}},
	} {
		t.Run(name, func(t *testing.T) {
			var have []types.LoadBalancerAttribute
			for pair := range slices.Chunk(row.have, 2) {
				have = append(have, types.LoadBalancerAttribute{Key: &pair[0], Value: &pair[1]})
			}
			var got []string
			for _, a := range Attributes(want, have) {
				got = append(got, aws.ToString(a.Key), aws.ToString(a.Value))
			}
			if !slices.Equal(got, row.change) {
				t.Errorf("change %v, want %v", got, row.change)
			}
		})
	}
}
