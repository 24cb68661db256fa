package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/inspect"
	"github.com/rdslink/rdslink/internal/nearest"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

// Show is an exposure as the registry has it, without what no person may read, and what AWS describes of it.
func (o *Operator) Show(ctx context.Context, id string) (registry.Exposure, inspect.Report, error) {
	table, tags, err := o.installed(ctx)
	if err != nil {
		return registry.Exposure{}, inspect.Report{}, err
	}
	shown := registry.NewShown(dynamodb.NewFromConfig(o.config), table).Living()
	exposure, err := shown.Get(ctx, id)
	if errors.Is(err, registry.ErrNotFound) {
		return exposure, inspect.Report{}, o.nobodyKnows(ctx, id)
	}
	if err != nil {
		return exposure, inspect.Report{}, err
	}
	owner := owned.Owner{Name: o.name, Tags: tags}
	reports := inspect.New(o.config, shown, owner, deployment.DefaultPatience).Inspect(ctx, []registry.Exposure{exposure})
	return exposure, reports[0], nil
}

// installed reads from the stack the name of the registry's table, and the tags that the deployer wants on everything.
func (o *Operator) installed(ctx context.Context) (table string, tags map[string]string, err error) {
	name := o.name.Stack()
	out, err := cloudformation.NewFromConfig(o.config).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		return "", nil, fmt.Errorf("describe stack %s: %w", name, err)
	}
	tags = map[string]string{}
	for _, stack := range out.Stacks {
		for _, tag := range stack.Tags {
			tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
		for _, output := range stack.Outputs {
			if aws.ToString(output.OutputKey) == deployment.RegistryTableOutput {
				table = aws.ToString(output.OutputValue)
			}
		}
	}
	if table == "" {
		return "", nil, fmt.Errorf("stack %s has no output %s: it is of an earlier version, deploy this one", name,
			deployment.RegistryTableOutput)
	}
	return table, tags, nil
}

// nobodyKnows says which exposures have ids like one that the registry does not know: endpoint services carry them.
func (o *Operator) nobodyKnows(ctx context.Context, id string) error {
	var ids []string
	pages := ec2.NewDescribeVpcEndpointServiceConfigurationsPaginator(ec2.NewFromConfig(o.config),
		&ec2.DescribeVpcEndpointServiceConfigurationsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("no exposure %s, and endpoint services cannot be listed: %w", id, err)
		}
		for _, service := range page.ServiceConfigurations {
			if tags := owned.FromEC2(service.Tags); (owned.Owner{Name: o.name}).Manages(tags) && tags[owned.ExposureTag] != "" {
				ids = append(ids, tags[owned.ExposureTag])
			}
		}
	}
	near := nearest.To(id, ids)
	switch {
	case len(near) > 0:
		return fmt.Errorf("no exposure %s; did you mean %s?", id, strings.Join(near, " or "))
	case len(ids) > 0:
		return fmt.Errorf("no exposure %s; there are %d others, %s among them", id, len(ids), ids[0])
	}
	return fmt.Errorf("no exposure %s, nor any other with an endpoint service", id)
}
