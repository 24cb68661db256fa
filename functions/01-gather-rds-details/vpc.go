package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/outcome"
)

// surroundings are what the plan holds of the database's VPC.
type surroundings struct {
	cidrs      []string // IPv4: every address of the database lies in one of them
	dnsServers []string // IPv4, those that are not Amazon's
}

// around describes the database's VPC, and refuses one in which the rest could not work.
func around(ctx context.Context, api networkAPI, db database.Database, r request, home database.Home) (surroundings, error) {
	out, err := api.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{db.VPCID}})
	if err != nil {
		return surroundings{}, fmt.Errorf("describe VPC %s: %w", db.VPCID, err)
	}
	if len(out.Vpcs) != 1 {
		return surroundings{}, outcome.Failed("describe VPC %s: got %d of it: start again", db.VPCID, len(out.Vpcs))
	}
	vpc := out.Vpcs[0]
	// A participant may put interfaces and security groups into a VPC that another account shares; of endpoint services AWS
	// does not say so, and our permissions end at our own account's VPCs (VPC guide, "Responsibilities and permissions for
	// owners and participants").
	if owner := aws.ToString(vpc.OwnerId); owner != home.Account {
		return surroundings{}, outcome.BadInput("VPC %s of database %s is shared by account %s, "+
			"and rdslink works in VPCs of its own account only: "+
			"restore the database into a VPC of account %s", db.VPCID, db.Identifier, owner, home.Account)
	}
	found := surroundings{cidrs: cidrs(vpc), dnsServers: []string{}}
	if len(found.cidrs) == 0 {
		return surroundings{}, outcome.BadInput("VPC %s of database %s has no IPv4 block: add one, with subnets", db.VPCID, db.Identifier)
	}
	if r.resolver == resolverNone {
		return found, nil
	}
	servers, err := dnsServers(ctx, api, vpc)
	if outcome.DoWithout(ctx, err, "the DNS servers in the VPC's DHCP options") {
		return found, nil
	}
	if err != nil {
		return surroundings{}, err
	}
	if len(servers) == 0 {
		return found, checkDNS(ctx, api, db)
	}
	found.dnsServers = servers
	return found, nil
}

func cidrs(vpc types.Vpc) []string {
	all := []string{}
	for _, block := range vpc.CidrBlockAssociationSet {
		if block.CidrBlockState != nil && block.CidrBlockState.State == types.VpcCidrBlockStateCodeAssociated {
			all = append(all, aws.ToString(block.CidrBlock))
		}
	}
	slices.Sort(all)
	return all
}

// dnsServers are those that the VPC's DHCP options name instead of Amazon's: functions in a VPC ask them, too, and a
// security group holds for them, which it does not for Amazon's.
func dnsServers(ctx context.Context, api networkAPI, vpc types.Vpc) ([]string, error) {
	id := aws.ToString(vpc.DhcpOptionsId)
	if id == "" || id == "default" { // the VPC has none
		return nil, nil
	}
	out, err := api.DescribeDhcpOptions(ctx, &ec2.DescribeDhcpOptionsInput{DhcpOptionsIds: []string{id}})
	if err != nil {
		return nil, fmt.Errorf("describe DHCP options %s: %w", id, err)
	}
	var servers []string
	for _, options := range out.DhcpOptions {
		for _, option := range options.DhcpConfigurations {
			if aws.ToString(option.Key) != "domain-name-servers" {
				continue
			}
			for _, value := range option.Values {
				server, err := netip.ParseAddr(aws.ToString(value.Value))
				if err == nil && server.Is4() && !slices.Contains(amazonDNS(vpc), server) {
					servers = append(servers, server.String())
				}
			}
		}
	}
	return servers, nil
}

// amazonDNS is where Amazon's DNS answers in a VPC, for those who do not say AmazonProvidedDNS (VPC guide, "Amazon DNS
// server").
func amazonDNS(vpc types.Vpc) []netip.Addr {
	at := []netip.Addr{netip.AddrFrom4([4]byte{169, 254, 169, 253})}
	if block, err := netip.ParsePrefix(aws.ToString(vpc.CidrBlock)); err == nil {
		at = append(at, block.Masked().Addr().Next().Next())
	}
	return at
}

// checkDNS asks for what Amazon's DNS needs to answer in the VPC, and to answer with private addresses (VPC guide, "DNS
// attributes in your VPC"). Servers of one's own may do with less.
func checkDNS(ctx context.Context, api networkAPI, db database.Database) error {
	support, err := attribute(ctx, api, db.VPCID, types.VpcAttributeNameEnableDnsSupport)
	if err != nil {
		return err
	}
	if !support {
		return outcome.BadInput("VPC %s of database %s has no DNS support, so nothing in it can resolve the database's name: "+
			"turn on the VPC's attribute enableDnsSupport", db.VPCID, db.Identifier)
	}
	if !db.Public {
		return nil
	}
	hostnames, err := attribute(ctx, api, db.VPCID, types.VpcAttributeNameEnableDnsHostnames)
	if err != nil {
		return err
	}
	if !hostnames {
		return outcome.BadInput("database %s is publicly accessible and VPC %s has no DNS hostnames, "+
			"so its name is its public address there, too: "+
			"turn on the VPC's attribute enableDnsHostnames, or make the database not publicly accessible", db.Identifier, db.VPCID)
	}
	return nil
}

func attribute(ctx context.Context, api networkAPI, vpcID string, name types.VpcAttributeName) (bool, error) {
	out, err := api.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: &vpcID, Attribute: name})
	if outcome.DoWithout(ctx, err, "whether the VPC has DNS") {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("describe attribute %s of VPC %s: %w", name, vpcID, err)
	}
	for _, value := range []*types.AttributeBooleanValue{out.EnableDnsSupport, out.EnableDnsHostnames} {
		if value != nil {
			return aws.ToBool(value.Value), nil
		}
	}
	return false, nil
}
