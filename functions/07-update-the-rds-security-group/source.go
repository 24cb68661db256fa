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
	"github.com/rdslink/rdslink/internal/outcome"
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

// nodeAddresses are the addresses of the load balancer's nodes, one per zone. ELB's API does not tell them; the description
// of their network interfaces does (Knowledge Center, "Find the IP addresses of a Network Load Balancer").
func (s updateTheRDSSecurityGroup) nodeAddresses(ctx context.Context, in Input) ([]string, error) {
	_, name, _ := strings.Cut(in.LoadBalancerARN, ":loadbalancer/")
	pages := ec2.NewDescribeNetworkInterfacesPaginator(s.network, &ec2.DescribeNetworkInterfacesInput{
		Filters: []types.Filter{{Name: aws.String("description"), Values: []string{"ELB " + name}}},
	})
	var cidrs []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describe network interfaces of %s: %w", name, err)
		}
		for _, node := range page.NetworkInterfaces {
			cidrs = append(cidrs, aws.ToString(node.PrivateIpAddress)+"/32")
		}
	}
	if len(cidrs) < len(in.SubnetIDs) {
		return nil, outcome.NotReady("describe network interfaces of %s: %d of %d nodes have an address yet", name, len(cidrs), len(in.SubnetIDs))
	}
	return cidrs, nil
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
