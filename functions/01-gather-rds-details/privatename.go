package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
)

type servicesAPI interface {
	ec2.DescribeVpcEndpointServiceConfigurationsAPIClient
	connection.API
}

// A label as AWS takes it, in small letters: 63 characters at most, and 255 for the whole name
// (docs.aws.amazon.com/vpc/latest/privatelink/manage-dns-names.html).
var dnsLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Domains that nobody proves to be theirs: AWS's own, those of no public DNS
// (iana.org/assignments/special-use-domain-names), and what registries keep for themselves below a country's domain.
var (
	domainsOfAWS = []string{"amazonaws.com", "amazonaws.com.cn", "aws.amazon.com", "api.aws", "on.aws"}
	notPublic    = []string{"arpa", "internal", "invalid", "lan", "local", "localhost", "onion", "test"}
	registries   = []string{"ac", "co", "com", "edu", "gov", "net", "org"}
)

// checkPrivateName checks what can be told of a name without asking anybody.
func checkPrivateName(name string) error {
	typed, labels := outcome.Typed(name), strings.Split(name, ".")
	top := labels[len(labels)-1]
	address := strings.Trim(top, "0123456789") == ""
	if address || outcome.Harmless(name) != name || len(name) > 255 || len(labels) < 2 ||
		slices.ContainsFunc(labels, func(l string) bool { return !dnsLabel.MatchString(l) }) {
		return outcome.BadInput("privateDnsName: %q is not a DNS name that an endpoint service can have: "+
			"give one in full, without a wildcard, such as db.example.com", typed)
	}
	suffix := len(labels) == 2 && len(top) == 2 && slices.Contains(registries, labels[0])
	if suffix || slices.Contains(notPublic, top) || slices.ContainsFunc(domainsOfAWS, func(d string) bool { return within(name, d) }) {
		return outcome.BadInput("privateDnsName: AWS verifies a name by a record in public DNS, and nobody can make one for %q: "+
			"give a name of a domain of yours, such as db.example.com", typed)
	}
	return nil
}

func gone(state ec2types.ServiceState) bool {
	return strings.EqualFold(string(state), string(ec2types.ServiceStateDeleting)) ||
		strings.EqualFold(string(state), string(ec2types.ServiceStateDeleted))
}

func within(name, domain string) bool { return name == domain || strings.HasSuffix(name, "."+domain) }

// checkName refuses a name that another endpoint service of the account has: a consumer of both could use neither. While a
// name is new, AWS denies requests: one that waits for acceptance is to be decided about before.
func (s gatherRDSDetails) checkName(ctx context.Context, plan Output) error {
	if plan.PrivateDNSName == "" || plan.PrivateDNSName == noName {
		return nil
	}
	pages := ec2.NewDescribeVpcEndpointServiceConfigurationsPaginator(s.network, &ec2.DescribeVpcEndpointServiceConfigurationsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("describe endpoint services: %w", err)
		}
		for _, service := range page.ServiceConfigurations {
			if err := s.checkService(ctx, plan, service); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s gatherRDSDetails) checkService(ctx context.Context, plan Output, service ec2types.ServiceConfiguration) error {
	id, has := aws.ToString(service.ServiceId), aws.ToString(service.PrivateDnsName) == plan.PrivateDNSName
	switch ours := s.owner.Has(owned.FromEC2(service.Tags), plan.Exposure); {
	case ours == has || gone(service.ServiceState):
		return nil
	case has:
		return outcome.BadInput("privateDnsName: endpoint service %s has %s already: give another name, or take it from that one "+
			"(aws ec2 modify-vpc-endpoint-service-configuration --service-id %s --remove-private-dns-name), then start again",
			id, plan.PrivateDNSName, id)
	}
	all, err := connection.To(ctx, s.network, id)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.State == connection.PendingAcceptance {
			return outcome.BadInput("privateDnsName: %s waits to be accepted, and while a name is new AWS denies requests: "+
				"make approve or make reject EXPOSURE=%s ENDPOINT=%s first, then start again", c.VPCEndpointID, plan.Exposure, c.VPCEndpointID)
		}
	}
	return nil
}
