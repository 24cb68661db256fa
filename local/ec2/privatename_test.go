package ec2

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

const dnsNames = "vpc/latest/privatelink/manage-dns-names.html"

// domains are the TXT records of public DNS, and the private zones of VPCs.
type domains struct {
	texts   map[string][]string
	private string
}

func (d *domains) Texts(name string) []string      { return d.texts[name] }
func (d *domains) Conflicts(vpc, name string) bool { return d.private == vpc+" "+name }
func (c *cloud) domains() *domains {
	d := &domains{texts: map[string][]string{}}
	c.SetHostedZones(d)
	return d
}
func (c *cloud) rename(id *string, name string) error {
	return try(c, provider, c.modifyEndpointService, ec2.ModifyVpcEndpointServiceConfigurationInput{ServiceId: id, PrivateDnsName: &name})
}

func (c *cloud) private(id *string) *types.PrivateDnsNameConfiguration {
	c.t.Helper()
	return must(c, provider, c.describeEndpointServiceConfigurations,
		ec2.DescribeVpcEndpointServiceConfigurationsInput{ServiceIds: []string{*id}}).ServiceConfigurations[0].PrivateDnsNameConfiguration
}

func (c *cloud) startVerifying(id *string) {
	c.t.Helper()
	must(c, provider, c.startVerification, ec2.StartVpcEndpointServicePrivateDnsVerificationInput{ServiceId: id})
}

// named is a service with a verified private name.
func (c *cloud) named() *types.ServiceConfiguration {
	c.t.Helper()
	const name = "db.example.com"
	d, svc := c.domains(), c.service()
	if err := c.rename(svc.ServiceId, name); err != nil {
		c.t.Fatal(err)
	}
	p := c.private(svc.ServiceId)
	d.texts[*p.Name+"."+name] = []string{*p.Value}
	c.startVerifying(svc.ServiceId)
	c.eventually("verified", func() bool { return c.services[0].private.state == types.DnsNameStateVerified })
	return svc
}

func (c *cloud) switchOn(e *types.VpcEndpoint) error {
	return try(c, consumer, c.modifyEndpoint, ec2.ModifyVpcEndpointInput{VpcEndpointId: e.VpcEndpointId, PrivateDnsEnabled: aws.Bool(true)})
}

func (c *cloud) hostnames(vpc string) {
	c.t.Helper()
	must(c, consumer, c.modifyVPCAttribute, ec2.ModifyVpcAttributeInput{VpcId: &vpc, EnableDnsHostnames: &types.AttributeBooleanValue{Value: aws.Bool(true)}})
}

func TestPrivateNameRefusals(t *testing.T) {
	name := func(name string) func(*cloud) error {
		return func(c *cloud) error { return c.rename(c.service().ServiceId, name) }
	}
	checkRefusals(t, map[string]refusal{
		"a name in upper case":       {source: dnsNames, code: "InvalidParameter", words: "not valid", do: name("DB.example.com")},
		"a name without a domain":    {source: dnsNames, code: "InvalidParameter", words: "not valid", do: name("db")},
		"a label of 64 characters":   {source: dnsNames, code: "InvalidParameter", words: "not valid", do: name(strings.Repeat("a", 64) + ".example.com")},
		"a name of 256 characters":   {source: dnsNames, code: "InvalidParameter", words: "not valid", do: name(strings.Repeat("a.", 125) + "ex.com")},
		"a wildcard is not modelled": {source: dnsNames, code: "InvalidParameter", words: "local cloud", do: name("*.example.com")},
		"a name and its removal": {source: errorCodes, code: "InvalidParameterCombination", do: func(c *cloud) error {
			return try(c, provider, c.modifyEndpointService, ec2.ModifyVpcEndpointServiceConfigurationInput{
				ServiceId: c.service().ServiceId, PrivateDnsName: aws.String("db.example.com"), RemovePrivateDnsName: aws.Bool(true)})
		}},
		"the verification of no name": {source: errorCodes, code: "InvalidParameter", do: func(c *cloud) error {
			return try(c, provider, c.startVerification, ec2.StartVpcEndpointServicePrivateDnsVerificationInput{ServiceId: c.service().ServiceId})
		}},
		"a request before the name is verified": {source: dnsNames, code: "InvalidParameter", words: "not verified", do: func(c *cloud) error {
			svc := c.service()
			if err := c.rename(svc.ServiceId, "db.example.com"); err != nil {
				return err
			}
			return try(c, consumer, c.createEndpoint, c.endpointTo(svc))
		}},
		"private DNS in a VPC without DNS hostnames": {source: "many issues", code: "InvalidParameter", words: "requires both enableDnsSupport and enableDnsHostnames", do: func(c *cloud) error {
			svc := c.named()
			e := c.endpoint(svc)
			c.decision(svc, e, c.accept)
			return c.switchOn(e)
		}},
		"private DNS before acceptance": {source: "many issues", code: "InvalidParameter", words: "only be enabled after the endpoint connection is accepted", do: func(c *cloud) error {
			c.hostnames(c.consumerVPC)
			return c.switchOn(c.endpoint(c.named()))
		}},
		"private DNS beside a private zone": {source: "many issues", code: "InvalidParameter", words: "conflicting DNS domain for db.example.com", do: func(c *cloud) error {
			svc := c.named()
			c.hostnames(c.consumerVPC)
			c.hostedZones.(*domains).private = c.consumerVPC + " db.example.com"
			e := c.endpoint(svc)
			c.decision(svc, e, c.accept)
			return c.switchOn(e)
		}},
		"a second endpoint with the private name": {source: "many issues", code: "InvalidParameter", words: "conflicting DNS domain for db.example.com", do: func(c *cloud) error {
			svc := c.named()
			c.hostnames(c.consumerVPC)
			first, second := c.endpoint(svc), c.endpoint(svc)
			c.decision(svc, first, c.accept)
			c.decision(svc, second, c.accept)
			if err := c.switchOn(first); err != nil {
				return err
			}
			return c.switchOn(second)
		}},
		"another change of an endpoint": {source: "not modelled", code: "InvalidParameter", words: "local cloud", do: func(c *cloud) error {
			e := c.endpoint(c.service())
			return try(c, consumer, c.modifyEndpoint, ec2.ModifyVpcEndpointInput{VpcEndpointId: e.VpcEndpointId, AddSubnetIds: []string{"subnet-1"}})
		}},
	})
}

// The record may be below the name or a domain that it is in, with its own name or without it, and has to match to the
// letter.
func TestADomainIsVerifiedByItsRecord(t *testing.T) {
	for sentence, row := range map[string]struct {
		at     func(record string) string
		value  func(string) string
		proven bool
	}{
		"below the name":         {func(r string) string { return r + ".db.shop.example" }, nil, true},
		"below the domain":       {func(r string) string { return r + ".shop.example" }, nil, true},
		"at the domain":          {func(string) string { return "shop.example" }, nil, true},
		"below another domain":   {func(r string) string { return r + ".shop.test" }, nil, false},
		"below the last label":   {func(r string) string { return r + ".example" }, nil, false},
		"another case":           {func(r string) string { return r + ".shop.example" }, strings.ToUpper, false},
		"another service's name": {func(string) string { return "_0.shop.example" }, nil, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			c := newCloud(t)
			d, svc := c.domains(), c.service()
			if err := c.rename(svc.ServiceId, "db.shop.example"); err != nil {
				t.Fatal(err)
			}
			p := c.private(svc.ServiceId)
			if p.State != types.DnsNameStatePendingVerification || *p.Type != "TXT" || !strings.HasPrefix(*p.Value, "vpce:") || !strings.HasPrefix(*p.Name, "_") {
				t.Error(*p.Name, *p.Value, p.State)
			}
			value := *p.Value
			if row.value != nil {
				value = row.value(value)
			}
			d.texts[row.at(*p.Name)] = []string{"another", value}
			if got := c.proven(c.services[0].private); got != row.proven {
				t.Errorf("proven: %v", got)
			}
		})
	}
}

// AWS looks when it is asked to, and in vain until the record is there; after three days the name has failed.
func TestVerificationPendsFailsAndBeginsAnew(t *testing.T) {
	c := newCloud(t)
	d, svc := c.domains(), c.service()
	if err := c.rename(svc.ServiceId, "db.shop.example"); err != nil {
		t.Fatal(err)
	}
	p := c.private(svc.ServiceId)
	state := func() types.DnsNameState { return c.private(svc.ServiceId).State }
	looked := func() {
		t.Helper()
		c.startVerifying(svc.ServiceId)
		done := make(chan struct{})
		c.world.Lock()
		c.world.After(time.Millisecond, func() { close(done) })
		c.world.Unlock()
		<-done
	}
	if looked(); state() != types.DnsNameStatePendingVerification {
		t.Error(state())
	}
	c.underLock(func() bool { c.services[0].private.set = time.Now().Add(-mostVerification); return true })
	if looked(); state() != types.DnsNameStateFailed {
		t.Error(state())
	}
	d.texts[*p.Name+".shop.example"] = []string{*p.Value}
	c.startVerifying(svc.ServiceId)
	c.eventually("verified", func() bool { return c.services[0].private.state == types.DnsNameStateVerified })
	if err := c.rename(svc.ServiceId, "db.shop.example"); err != nil || state() != types.DnsNameStateVerified || *c.private(svc.ServiceId).Value != *p.Value {
		t.Error("the same name is verified anew", err)
	}
	delete(d.texts, *p.Name+".shop.example")
	if err := c.Reverify(*svc.ServiceId); err != nil {
		t.Fatal(err)
	}
	c.eventually("failed", func() bool { return c.services[0].private.state == types.DnsNameStateFailed })
	must(c, provider, c.modifyEndpointService, ec2.ModifyVpcEndpointServiceConfigurationInput{ServiceId: svc.ServiceId, RemovePrivateDnsName: aws.Bool(true)})
	if c.private(svc.ServiceId) != nil || c.Reverify(*svc.ServiceId) == nil {
		t.Error("the name is still there")
	}
	if err := try(c, consumer, c.createEndpoint, c.endpointTo(svc)); err != nil {
		t.Error(err)
	}
}

func TestAConsumersVPCAnswersThePrivateName(t *testing.T) {
	c := newCloud(t)
	svc := c.named()
	c.hostnames(c.consumerVPC)
	e := c.endpoint(svc)
	c.decision(svc, e, c.accept)
	if err := c.switchOn(e); err != nil {
		t.Fatal(err)
	}
	_, addrs := c.records.Private(c.consumerVPC, "db.example.com")
	all, _, _ := c.records.Lookup("", *e.DnsEntries[0].DnsName)
	if len(addrs) == 0 || !slices.Equal(addrs, all) {
		t.Errorf("%v, and the endpoint's are %v", addrs, all)
	}
	if zones, addrs := c.records.Private(c.providerVPC, "db.example.com"); zones || len(addrs) > 0 {
		t.Error("the provider's VPC answers it, too")
	}
	on := must(c, consumer, c.describeEndpoints, ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{*e.VpcEndpointId}}).VpcEndpoints[0].PrivateDnsEnabled
	must(c, consumer, c.deleteEndpoints, ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{*e.VpcEndpointId}})
	if _, addrs := c.records.Private(c.consumerVPC, "db.example.com"); !*on || len(addrs) > 0 {
		t.Errorf("enabled %v; of the endpoint that is gone it has %v", *on, addrs)
	}
}

// An endpoint of a service that accepts everybody may have the name from the beginning.
func TestAnOpenServicesNameIsThereAtOnce(t *testing.T) {
	c := newCloud(t)
	svc := c.named()
	c.hostnames(c.consumerVPC)
	must(c, provider, c.modifyEndpointService, ec2.ModifyVpcEndpointServiceConfigurationInput{ServiceId: svc.ServiceId, AcceptanceRequired: aws.Bool(false)})
	in := c.endpointTo(svc)
	in.PrivateDnsEnabled = aws.Bool(true)
	e := must(c, consumer, c.createEndpoint, in).VpcEndpoint
	if !*e.PrivateDnsEnabled {
		t.Error("not enabled")
	}
}
