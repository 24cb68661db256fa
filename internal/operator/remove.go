package operator

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/owned"
)

// Belongings is what a removal of an exposure would find, but for what it shares with others.
func (o *Operator) Belongings(ctx context.Context, id string) (belongings.Found, error) {
	return o.belongings().All(ctx, id)
}

func (o *Operator) belongings() belongings.Cloud {
	return belongings.Cloud{
		Owner:     owned.Owner{Name: o.name},
		Network:   ec2.NewFromConfig(o.config),
		Balancing: elb.NewFromConfig(o.config),
		Schedules: scheduler.NewFromConfig(o.config),
	}
}
