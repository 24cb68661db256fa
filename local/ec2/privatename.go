package ec2

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// HostedZones is what EC2 knows of Route 53. The world's lock is held.
type HostedZones interface {
	// Texts are what public DNS answers to who asks for the TXT records of a name.
	Texts(name string) []string
	// Conflicts says whether a VPC has a private zone of that name.
	Conflicts(vpc, name string) bool
}

// SetHostedZones joins EC2 with Route 53: who owns a domain shows in its public records. Without it nobody does.
func (s *Service) SetHostedZones(z HostedZones) { s.hostedZones = z }

// privateName is the private DNS name of an endpoint service. It exists for consumers once its domain was verified
// (docs.aws.amazon.com/vpc/latest/privatelink/manage-dns-names.html).
type privateName struct {
	name      string
	record    string // below the name, or below a domain that it is in
	value     string
	state     types.DnsNameState
	set       time.Time
	verifying int // counts the looks: only the last one's end counts
}

// mostVerification is after which time a name that was never verified has failed. The guide names the state and no time;
// this is SES's, whose verification works alike (docs.aws.amazon.com/ses/latest/APIReference/API_VerifyDomainIdentity.html).
const mostVerification = 72 * time.Hour

var nameLabel = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?$`)

// newPrivateName is a name whose domain is to be verified. "Each DNS label can have up to 63 characters and the whole domain
// name must not exceed a total length of 255 characters." Neither code nor words of the refusal are documented.
func newPrivateName(name string) (*privateName, error) {
	if strings.HasPrefix(name, "*.") {
		return nil, wire.Errorf("InvalidParameter", "Wildcards in private DNS names are not part of this local cloud")
	}
	labels := strings.Split(name, ".")
	if len(name) > 255 || len(labels) < 2 || slices.ContainsFunc(labels, func(l string) bool { return !nameLabel.MatchString(l) }) {
		return nil, wire.Errorf("InvalidParameter", "The private DNS name '%s' is not valid", name)
	}
	return &privateName{
		name: name, record: "_" + model.Hex(20), value: "vpce:" + model.Hex(20), state: types.DnsNameStatePendingVerification, set: time.Now(),
	}, nil
}

func (p *privateName) described() (*string, *types.PrivateDnsNameConfiguration) {
	if p == nil {
		return nil, nil
	}
	return &p.name, &types.PrivateDnsNameConfiguration{Name: &p.record, Type: aws.String("TXT"), Value: &p.value, State: p.state}
}

// modifyPrivateName changes the name of a service that is being modified. The name that it has already stays as it is.
func modifyPrivateName(svc *endpointService, in *ec2.ModifyVpcEndpointServiceConfigurationInput) error {
	switch remove := aws.ToBool(in.RemovePrivateDnsName); {
	case remove && in.PrivateDnsName != nil:
		return wire.Errorf("InvalidParameterCombination", "The parameters PrivateDnsName and RemovePrivateDnsName may not be used together")
	case remove:
		svc.private = nil
	case in.PrivateDnsName != nil && (svc.private == nil || svc.private.name != *in.PrivateDnsName):
		name, err := newPrivateName(*in.PrivateDnsName)
		if err != nil {
			return err
		}
		svc.private = name
	}
	return nil
}

// startVerification has AWS look for the record, which takes it some minutes. A name that was verified stays so meanwhile.
func (s *Service) startVerification(
	ctx context.Context, in *ec2.StartVpcEndpointServicePrivateDnsVerificationInput,
) (*ec2.StartVpcEndpointServicePrivateDnsVerificationOutput, error) {
	svc, err := s.endpointService(ctx, in.ServiceId)
	if err != nil {
		return nil, err
	}
	if svc.private == nil {
		return nil, wire.Errorf("InvalidParameter", "The endpoint service '%s' does not have a private DNS name", svc.ID)
	}
	s.verify(svc.private)
	return &ec2.StartVpcEndpointServicePrivateDnsVerificationOutput{ReturnValue: aws.Bool(true)}, nil
}

func (s *Service) verify(p *privateName) {
	p.verifying++
	look := p.verifying
	if p.state == types.DnsNameStateFailed {
		p.state = types.DnsNameStatePendingVerification
	}
	s.world.After(s.world.Delays.DomainVerification, func() {
		switch {
		case look != p.verifying:
		case s.proven(p):
			p.state = types.DnsNameStateVerified
		case p.state == types.DnsNameStateVerified || time.Since(p.set) >= s.world.Scale(mostVerification):
			p.state = types.DnsNameStateFailed
		}
	})
}

// Reverify is what AWS does now and then by itself: it looks whether the record of a verified name is still there.
func (s *Service) Reverify(service string) error {
	svc, ok := s.services.find(service)
	if !ok || svc.private == nil {
		return fmt.Errorf("verify the private DNS name of %s: it has none", service)
	}
	s.verify(svc.private)
	return nil
}

// proven says whether public DNS has the record: below the name or a domain that it is in, with its own name or without it.
// What the value is has to match in upper and lower case.
func (s *Service) proven(p *privateName) bool {
	if s.hostedZones == nil {
		return false
	}
	for domain := p.name; strings.Contains(domain, "."); _, domain, _ = strings.Cut(domain, ".") {
		if slices.Contains(s.hostedZones.Texts(p.record+"."+domain), p.value) || slices.Contains(s.hostedZones.Texts(domain), p.value) {
			return true
		}
	}
	return false
}

// unverified refuses a request for a service whose name is not verified: "new connection requests are denied but existing
// connections are not affected". With which code and words it says nowhere.
func unverified(svc *endpointService) error {
	if svc.private == nil || svc.private.state == types.DnsNameStateVerified {
		return nil
	}
	return wire.Errorf("InvalidParameter", "The private DNS name of the service %s is not verified.", svc.name)
}

// enablePrivateName has the DNS of the endpoint's VPC answer its private name. The words are those of real refusals, as many
// projects' issues have them.
func (s *Service) enablePrivateName(e *endpoint) error {
	v, _ := s.vpcs.find(e.VPC)
	switch svc := e.service; {
	case svc.private == nil:
		return wire.Errorf("InvalidParameter",
			"Private DNS can't be enabled because the service %s does not provide a private DNS name.", svc.name)
	case svc.private.state != types.DnsNameStateVerified:
		return wire.Errorf("InvalidParameter",
			"Private DNS can't be enabled because the service %s has not verified the private DNS name.", svc.name)
	case !v.dns.support || !v.dns.hostnames:
		return wire.Errorf("InvalidParameter",
			"Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for %s", v.ID)
	case e.state != pending && e.state != available:
		return wire.Errorf("InvalidParameter",
			"Private DNS can only be enabled after the endpoint connection is accepted by the owner of %s.", svc.name)
	case s.records.private(v.ID, svc.private.name) || s.hostedZones != nil && s.hostedZones.Conflicts(v.ID, svc.private.name):
		return wire.Errorf("InvalidParameter",
			"private-dns-enabled cannot be set because there is already a conflicting DNS domain for %s in the VPC %s", svc.private.name, v.ID)
	}
	e.privateName = e.service.private.name
	var addrs []netip.Addr
	for _, i := range e.interfaces {
		addrs = append(addrs, i.Address)
	}
	s.records.setPrivate(e.VPC, e.privateName, addrs)
	return nil
}

func (s *Service) disablePrivateName(e *endpoint) {
	if e.privateName != "" {
		s.records.setPrivate(e.VPC, e.privateName, nil)
		e.privateName = ""
	}
}

// modifyEndpoint switches the private name on and off. AWS has an endpoint pending again for a while when it is modified
// (privatelink/concepts.html, "Pending"); its connections live on.
func (s *Service) modifyEndpoint(ctx context.Context, in *ec2.ModifyVpcEndpointInput) (*ec2.ModifyVpcEndpointOutput, error) {
	e, ok := s.ownEndpoints().of(wire.CallerOf(ctx).Account, aws.ToString(in.VpcEndpointId))
	if !ok || e.state == deleted || e.state == deleting {
		return nil, endpointKind.unknown(aws.ToString(in.VpcEndpointId))
	}
	others := *in
	others.PrivateDnsEnabled, others.VpcEndpointId, others.DryRun = nil, nil, nil
	if !isZero(others) {
		return nil, wire.Errorf("InvalidParameter", "Of an endpoint only its private DNS can be modified in this local cloud")
	}
	switch on := in.PrivateDnsEnabled; {
	case on == nil:
		return nil, missing("PrivateDnsEnabled")
	case !*on:
		s.disablePrivateName(e)
	case e.privateName == "":
		if err := s.enablePrivateName(e); err != nil {
			return nil, err
		}
	}
	return &ec2.ModifyVpcEndpointOutput{Return: aws.Bool(true)}, nil
}

func isZero(in ec2.ModifyVpcEndpointInput) bool {
	return fmt.Sprintf("%+v", in) == fmt.Sprintf("%+v", ec2.ModifyVpcEndpointInput{})
}
