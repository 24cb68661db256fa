package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/ingress"
)

type networkAPI interface {
	DescribeSubnets(context.Context, *ec2.DescribeSubnetsInput, ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error)
	DescribeNetworkInterfaces(context.Context, *ec2.DescribeNetworkInterfacesInput, ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error)
}

// sources are the load balancer's nodes, by subnet or by address, and the resolver's group. The load balancer's own group is
// no source: AWS does not promise that a rule which names it admits PrivateLink traffic while inbound rules are not enforced
// on that (NLB guide, "Target security groups").
func (s updateTheRDSSecurityGroup) sources(ctx context.Context, in Input) ([]ingress.Source, error) {
	blocks := s.subnetCIDRs
	if in.Ingress == ingress.Addresses {
		blocks = s.nodeAddresses
	}
	cidrs, err := blocks(ctx, in)
	if err != nil {
		return nil, err
	}
	slices.Sort(cidrs)
	var want []ingress.Source
	for _, cidr := range cidrs {
		want = append(want, ingress.Source{CIDR: cidr})
	}
	if in.ResolverSecurityGroupID != "" {
		want = append(want, ingress.Source{GroupID: in.ResolverSecurityGroupID})
	}
	return want, nil
}

func (s updateTheRDSSecurityGroup) subnetCIDRs(ctx context.Context, in Input) ([]string, error) {
	out, err := s.network.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: in.SubnetIDs})
	if err != nil {
		return nil, fmt.Errorf("describe subnets %s: %w", strings.Join(in.SubnetIDs, ", "), err)
	}
	var cidrs []string
	for _, subnet := range out.Subnets {
		cidrs = append(cidrs, aws.ToString(subnet.CidrBlock))
	}
	return cidrs, nil
}

func (s updateTheRDSSecurityGroup) nodeAddresses(ctx context.Context, in Input) ([]string, error) {
	nodes, err := ingress.Nodes(ctx, s.network, in.LoadBalancerARN, len(in.SubnetIDs))
	for i := range nodes {
		nodes[i] += "/32"
	}
	return nodes, err
}

func (s updateTheRDSSecurityGroup) permission(sources []ingress.Source, port int32) types.IpPermission {
	description := aws.String(s.owner.Name.Stack())
	p := types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: &port, ToPort: &port}
	for _, source := range sources {
		if source.GroupID != "" {
			p.UserIdGroupPairs = append(p.UserIdGroupPairs, types.UserIdGroupPair{GroupId: &source.GroupID, Description: description})
			continue
		}
		p.IpRanges = append(p.IpRanges, types.IpRange{CidrIp: &source.CIDR, Description: description})
	}
	return p
}
