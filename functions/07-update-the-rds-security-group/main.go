// Step 7 opens the database's security group to the load balancer's nodes and to the resolver, and to nothing else.
package main

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() { step.Serve(function) }

var function = step.New(func(config aws.Config, table *registry.Table) step.Run[Input, Output] {
	client := ec2.NewFromConfig(config)
	return updateTheRDSSecurityGroup{
		rules:    client,
		network:  client,
		registry: table,
		owner:    owned.FromEnv(),
		tagged:   owned.OnlyTaggedGroups(),
	}.run
})
