package ec2

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdslink/rdslink/local/wire"
)

// Share is what AWS RAM does for the owner of a subnet: account may see it and its VPC, and put things of its own there. It
// may not change either (docs.aws.amazon.com/vpc/latest/userguide/vpc-share-limitations.html).
func (s *Service) Share(subnet, account string) error {
	n, ok := s.subnets.find(subnet)
	if !ok {
		return fmt.Errorf("share subnet %s: it does not exist", subnet)
	}
	v, _ := s.vpcs.find(n.VPC)
	for _, with := range []*[]string{&n.participants, &v.participants} {
		if !slices.Contains(*with, account) {
			*with = append(*with, account)
		}
	}
	return nil
}

// seenVPC is a VPC that the caller owns or takes part in.
func (s *Service) seenVPC(ctx context.Context, id *string) (*vpc, error) {
	if aws.ToString(id) == "" {
		return nil, missing("vpcId")
	}
	v, ok := s.vpcs.find(*id)
	if !ok || !seenBy(v, wire.CallerOf(ctx).Account) {
		return nil, vpcKind.unknown(*id)
	}
	return v, nil
}

// seenBy tells whether a resource exists for an account: its own do, and what others share with it.
func seenBy(r resource, account string) bool {
	return ownedBy(r, account) || slices.Contains(r.shared().participants, account)
}
