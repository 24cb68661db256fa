// Step 5 of a removal closes the database's security group, and deletes the load balancer's.
package main

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() { step.Serve(function) }

var function = step.New(func(config aws.Config, table *registry.Table) step.Run[Input, Output] {
	network := ec2.NewFromConfig(config)
	return closeTheSecurityGroups{
		found:    belongings.Cloud{Owner: owned.FromEnv(), Network: network},
		groups:   network,
		registry: table,
		tagged:   owned.OnlyTaggedGroups(),
	}.run
})
