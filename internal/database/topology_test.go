package database

import (
	"context"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/internal/step"
)

const orders = "arn:aws:rds:eu-central-1:111122223333:db:orders"

type fakeRDS []types.DBInstance

func (f fakeRDS) DescribeDBInstances(_ context.Context, in *rds.DescribeDBInstancesInput, _ ...func(*rds.Options)) (*rds.DescribeDBInstancesOutput, error) {
	if *in.DBInstanceIdentifier != "orders" || len(f) == 0 {
		return nil, &types.DBInstanceNotFoundFault{}
	}
	return &rds.DescribeDBInstancesOutput{DBInstances: f}, nil
}

func TestObserve(t *testing.T) {
	instance := types.DBInstance{DBInstanceIdentifier: aws.String("orders"), DBInstanceStatus: aws.String("available"), MultiAZ: aws.Bool(true),
		Endpoint: &types.Endpoint{Address: aws.String("orders.example"), Port: aws.Int32(5432)},
		VpcSecurityGroups: []types.VpcSecurityGroupMembership{
			{VpcSecurityGroupId: aws.String("sg-1"), Status: aws.String("active")},
			{VpcSecurityGroupId: aws.String("sg-2"), Status: aws.String("removing")}}}
	creating := types.DBInstance{DBInstanceIdentifier: aws.String("orders"), DBInstanceStatus: aws.String("creating")}
	other := types.DBInstance{DBInstanceIdentifier: aws.String("another")}
	for name, row := range map[string]struct {
		api  fakeRDS
		want Topology
	}{
		"available": {fakeRDS{instance}, Topology{Exists: true, Status: "available", Host: "orders.example", Port: 5432, MultiAZ: true,
			SecurityGroupIDs: []string{"sg-1"}}},
		"without an endpoint": {fakeRDS{creating}, Topology{Exists: true, Status: "creating"}},
		"gone":                {fakeRDS{}, Topology{}},
		"another came back":   {fakeRDS{other}, Topology{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Observe(t.Context(), row.api, orders, Instance, Writer)
			if err != nil || !reflect.DeepEqual(got, row.want) {
				t.Errorf("Observe = %+v, %v, want %+v", got, err, row.want)
			}
		})
	}
}

func TestObserveKnowsItsKinds(t *testing.T) {
	if _, err := Observe(t.Context(), fakeRDS{}, orders, "proxy", Writer); step.Classify(err) != "Failed" {
		t.Errorf("error = %v", err)
	}
}
