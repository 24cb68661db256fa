package operator

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

// Belongings is what a removal of an exposure would find, but for what it shares with others.
func (o *Operator) Belongings(ctx context.Context, id string) (belongings.Found, error) {
	stack, err := o.installed(ctx)
	if err != nil {
		return belongings.Found{}, err
	}
	all, _, err := registry.NewShown(dynamodb.NewFromConfig(o.config), stack.table).Survey(ctx)
	if err != nil {
		return belongings.Found{}, err
	}
	var members []string
	link := ""
	var own registry.Exposure
	for _, e := range all {
		if e.ID == id {
			own = e
		}
		switch {
		case e.OnLink() && e.Link == id:
			members = append(members, e.ID)
		case e.OnLink() && e.ID == id:
			link = e.Link
		}
	}
	found, err := o.belongings().Each(ctx, belongings.With(id, members))
	found.Proven(own)
	if err == nil && link != "" {
		found.Live, err = o.belongings().Live(ctx, link)
	}
	return found, err
}

func (o *Operator) belongings() belongings.Cloud {
	return belongings.Cloud{
		Owner:     owned.Owner{Name: o.name},
		Network:   ec2.NewFromConfig(o.config),
		Balancing: elb.NewFromConfig(o.config),
		Schedules: scheduler.NewFromConfig(o.config),
	}
}
