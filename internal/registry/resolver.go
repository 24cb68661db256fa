package registry

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Resolver is the function that resolves names inside a VPC, shared by the VPC's exposures.
type Resolver struct {
	VPCID           string   `dynamodbav:"vpcId"`
	FunctionName    string   `dynamodbav:"functionName"`
	SecurityGroupID string   `dynamodbav:"securityGroupId"`
	SubnetIDs       []string `dynamodbav:"subnetIds"`
	RoleARN         string   `dynamodbav:"roleArn,omitempty"`    // absent in records of earlier versions
	DNSServers      []string `dynamodbav:"dnsServers,omitempty"` // those of the VPC's DHCP options, where they are not Amazon's
}

// resolverPrefix is what the ids of resolvers begin with. No exposure's id has a slash.
const resolverPrefix = "vpc/"

func resolverID(vpcID string) string { return resolverPrefix + vpcID }

// Resolver reads the resolver of a VPC, if there is one. While an execution deletes it, it is not ready to be used.
func (t *Table) Resolver(ctx context.Context, vpcID string) (Resolver, bool, error) {
	found, err := t.item(ctx, resolverID(vpcID))
	if err != nil {
		return Resolver{}, false, fmt.Errorf("get resolver of %s: %w", vpcID, err)
	}
	if err := t.retiring(vpcID, found); err != nil {
		return Resolver{}, false, err
	}
	if found["functionName"] == nil {
		return Resolver{}, false, nil
	}
	var resolver Resolver
	if err := attributevalue.UnmarshalMap(found, &resolver); err != nil {
		return Resolver{}, false, fmt.Errorf("decode resolver of %s: %w", vpcID, err)
	}
	return resolver, true, nil
}

// Resolvers reads the resolvers of all VPCs.
func (t *Table) Resolvers(ctx context.Context) ([]Resolver, error) {
	items, err := t.scan(ctx, expression.Name("functionName").AttributeExists())
	if err != nil {
		return nil, err
	}
	var all []Resolver
	if err := attributevalue.UnmarshalListOfMaps(items, &all); err != nil {
		return nil, fmt.Errorf("decode resolvers: %w", err)
	}
	return all, nil
}

// PutResolver records the resolver of a VPC. Its facts derive from the VPC, so two writers write the same.
func (t *Table) PutResolver(ctx context.Context, resolver Resolver) error {
	values, err := attributevalue.MarshalMap(resolver)
	if err != nil {
		return fmt.Errorf("encode resolver of %s: %w", resolver.VPCID, err)
	}
	values["id"] = key(resolverID(resolver.VPCID))["id"]
	if _, err := t.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &t.name, Item: values}); err != nil {
		return fmt.Errorf("put resolver of %s: %w", resolver.VPCID, err)
	}
	return nil
}
