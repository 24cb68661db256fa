package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// VPC is an account's network: one private subnet per Availability Zone, without a way out.
type VPC struct {
	Account string
	ID      string
	Subnets []types.Subnet
	Default bool   // the one that the account was born with
	Role    string // the ARN of the role that makes endpoints in it; empty for the account's root
	Region  string // empty for that of the deployment
}

// Acting is who makes what a VPC has in it.
func (c *Cloud) Acting(v VPC) aws.Config {
	settings := c.Config(v.Account)
	if v.Role != "" {
		settings = c.As(v.Role, "vendor")
	}
	if v.Region != "" {
		settings.Region = v.Region
	}
	return settings
}

// SubnetIDs are the ids of the subnets.
func (v VPC) SubnetIDs() []string {
	var ids []string
	for _, s := range v.Subnets {
		ids = append(ids, aws.ToString(s.SubnetId))
	}
	return ids
}

// NewVPC makes a VPC 10.0.0.0/16 with one subnet per Availability Zone of the account. Everybody's VPC has these same
// addresses: PrivateLink does not mind.
func (c *Cloud) NewVPC(ctx context.Context, account string) (VPC, error) {
	return c.NewVPCIn(ctx, account, Region)
}

// NewVPCIn is NewVPC in another region. Of that the local cloud has what consumers need.
func (c *Cloud) NewVPCIn(ctx context.Context, account, region string) (VPC, error) {
	vpc := VPC{Account: account, Region: region}
	client := ec2.NewFromConfig(c.Acting(vpc))
	made, err := client.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if err != nil {
		return VPC{}, fmt.Errorf("create VPC: %w", err)
	}
	vpc.ID = aws.ToString(made.Vpc.VpcId)
	zones, err := client.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{})
	if err != nil {
		return VPC{}, fmt.Errorf("describe Availability Zones: %w", err)
	}
	for i, zone := range zones.AvailabilityZones {
		subnet, err := client.CreateSubnet(ctx, &ec2.CreateSubnetInput{
			VpcId:            made.Vpc.VpcId,
			AvailabilityZone: zone.ZoneName,
			CidrBlock:        aws.String(fmt.Sprintf("10.0.%d.0/24", i+1)),
		})
		if err != nil {
			return VPC{}, fmt.Errorf("create subnet in %s: %w", aws.ToString(zone.ZoneName), err)
		}
		vpc.Subnets = append(vpc.Subnets, *subnet.Subnet)
	}
	return vpc, nil
}

// DefaultVPC is the VPC that an account was born with.
func (c *Cloud) DefaultVPC(ctx context.Context, account string) (VPC, error) {
	client := ec2.NewFromConfig(c.Config(account))
	subnets, err := client.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{
		Filters: []types.Filter{{Name: aws.String("default-for-az"), Values: []string{"true"}}},
	})
	if err != nil {
		return VPC{}, fmt.Errorf("describe default subnets of %s: %w", account, err)
	}
	if len(subnets.Subnets) == 0 {
		return VPC{}, fmt.Errorf("describe default subnets of %s: it has none", account)
	}
	return VPC{Account: account, ID: aws.ToString(subnets.Subnets[0].VpcId), Subnets: subnets.Subnets, Default: true, Region: Region}, nil
}

// Share lets another account put databases of its own into a VPC, and answers that VPC as the other account sees it.
func (c *Cloud) Share(ctx context.Context, vpc VPC, account string) (VPC, error) {
	for _, subnet := range vpc.SubnetIDs() {
		body, err := json.Marshal(map[string]string{"subnet": subnet, "account": account})
		if err != nil {
			return VPC{}, fmt.Errorf("encode share: %w", err)
		}
		if err := c.send(ctx, http.MethodPost, "/_local/share", body); err != nil {
			return VPC{}, err
		}
	}
	vpc.Account = account
	return vpc, nil
}

// resolver is where a VPC's DNS server listens: at the base of its addresses plus two.
const resolver = "10.0.0.2:53"

// Lookup resolves a name as nslookup does on a machine at a place: the VPC there answers.
func (c *Cloud) Lookup(ctx context.Context, at Place, name string) ([]netip.Addr, error) {
	inside := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return c.Dial(ctx, at, resolver)
	}}
	addresses, err := inside.LookupNetIP(ctx, "ip4", name+".")
	if err != nil {
		return nil, fmt.Errorf("look up %s from %s: %w", name, at.Subnet, err)
	}
	return addresses, nil
}
