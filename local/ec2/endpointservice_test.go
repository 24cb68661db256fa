package ec2

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/wire"
)

func TestEndpointServiceRefusals(t *testing.T) {
	create := func(prepare func(*LoadBalancer), in ec2.CreateVpcEndpointServiceConfigurationInput) func(*cloud) error {
		return func(c *cloud) error {
			c.balancers.change(prepare)
			return try(c, provider, c.createEndpointService, in)
		}
	}
	asItIs := func(*LoadBalancer) {}
	abroad := serviceOf(balancer)
	abroad.SupportedRegions = []string{"eu-west-1"}
	nowhere, notEnabled := serviceOf(balancer), serviceOf(balancer)
	nowhere.SupportedRegions, notEnabled.SupportedRegions = []string{"eu-west-9"}, []string{"eu-south-1"}
	withToken := serviceOf(balancer)
	withToken.ClientToken = aws.String("orders-1")
	checkRefusals(t, map[string]refusal{
		"exactly one kind of load balancer": {
			source: "kubernetes-sigs/aws-load-balancer-controller issue 1859", code: "InvalidParameter", words: "exactly one of network_load_balancer_arn",
			do: create(asItIs, serviceOf()),
		},
		"a load balancer that is provisioning": {
			source: "openshift/hypershift, AWS private-link controller", code: "InvalidParameter",
			do: create(func(lb *LoadBalancer) { lb.State = "provisioning" }, serviceOf(balancer)),
		},
		"an Application Load Balancer": {
			source: "vpc/latest/privatelink/create-endpoint-service.html", code: "InvalidParameter",
			do: create(func(lb *LoadBalancer) { lb.Type = "application" }, serviceOf(balancer)),
		},
		"another account's load balancer": {
			source: errorCodes, code: "InvalidNetworkLoadBalancerArn.NotFound",
			do: create(func(lb *LoadBalancer) { lb.Account = consumer }, serviceOf(balancer)),
		},
		"what is no Network Load Balancer's ARN": {
			source: errorCodes, code: "InvalidNetworkLoadBalancerArn.Malformed",
			do: create(asItIs, serviceOf("arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/orders/0123456789abcdef")),
		},
		"a load balancer is associated with a single endpoint service": {
			source: "vpc/latest/privatelink/create-endpoint-service.html", code: "InvalidParameter", words: "already associated with another VPC Endpoint Service Configuration",
			do: func(c *cloud) error {
				c.service()
				return try(c, provider, c.createEndpointService, serviceOf(balancer))
			},
		},
		"a token is for one set of parameters": {
			source: "ec2/latest/devguide/ec2-api-idempotency.html", code: "IdempotentParameterMismatch",
			do: func(c *cloud) error {
				must(c, provider, c.createEndpointService, withToken)
				other := withToken
				other.AcceptanceRequired = aws.Bool(false)
				return try(c, provider, c.createEndpointService, other)
			},
		},
		"cross-Region access from one zone": {
			source: "vpc/latest/privatelink/privatelink-share-your-services.html", code: "InvalidParameter",
			do: create(func(lb *LoadBalancer) { lb.Subnets = lb.Subnets[:1] }, abroad),
		},
		"a Region that does not exist": {
			source: "vpc/latest/privatelink/privatelink-share-your-services.html", code: "InvalidParameter", words: "eu-west-9 does not exist",
			do: create(asItIs, nowhere),
		},
		"a Region that the account has not enabled": {
			source: "vpc/latest/privatelink/privatelink-share-your-services.html", code: "InvalidParameter", words: "eu-south-1 is not enabled",
			do: create(asItIs, notEnabled),
		},
		"a Region that does not exist, of a service that does": {
			source: "vpc/latest/privatelink/privatelink-share-your-services.html", code: "InvalidParameter", words: "eu-west-9 does not exist",
			do: func(c *cloud) error {
				in := ec2.ModifyVpcEndpointServiceConfigurationInput{ServiceId: c.service().ServiceId, AddSupportedRegions: []string{"eu-west-9"}}
				return try(c, provider, c.modifyEndpointService, in)
			},
		},
		"the service's own Region cannot be removed": {
			source: "vpc/latest/privatelink/privatelink-share-your-services.html", code: "InvalidParameter", words: "Cannot remove region",
			do: func(c *cloud) error {
				in := ec2.ModifyVpcEndpointServiceConfigurationInput{ServiceId: c.service().ServiceId, RemoveSupportedRegions: []string{"eu-central-1"}}
				return try(c, provider, c.modifyEndpointService, in)
			},
		},
		"a load balancer with endpoints attached cannot be taken away": {
			source: "vpc/latest/privatelink/configure-endpoint-service.html", code: "ExistingVpcEndpointConnections",
			do: func(c *cloud) error {
				svc, _ := c.connected()
				in := ec2.ModifyVpcEndpointServiceConfigurationInput{ServiceId: svc.ServiceId, RemoveNetworkLoadBalancerArns: []string{balancer}}
				return try(c, provider, c.modifyEndpointService, in)
			},
		},
		"an account is named by the ARN of its root": {
			source: "API_ModifyVpcEndpointServicePermissions.html; wording from hashicorp/terraform-provider-aws#16657", code: "InvalidPrincipal", words: "Invalid Principal: '444455556667'",
			do: func(c *cloud) error {
				in := ec2.ModifyVpcEndpointServicePermissionsInput{ServiceId: c.service().ServiceId, AddAllowedPrincipals: []string{consumer}}
				return try(c, provider, c.modifyPermissions, in)
			},
		},
		"the service does not exist for another account": {
			source: errorCodes, code: "InvalidVpcEndpointServiceId.NotFound",
			do: func(c *cloud) error {
				in := ec2.DescribeVpcEndpointServiceConfigurationsInput{ServiceIds: []string{*c.service().ServiceId}}
				return try(c, consumer, c.describeEndpointServiceConfigurations, in)
			},
		},
		"a dry run": {
			source: errorCodes, code: "DryRunOperation",
			do: func(c *cloud) error {
				in := serviceOf(balancer)
				in.DryRun = aws.Bool(true)
				_, err := serve[ec2.CreateVpcEndpointServiceConfigurationOutput](c, "CreateVpcEndpointServiceConfiguration", in)
				return err
			},
		},
	})
}

func (c *cloud) configuration(id string) types.ServiceConfiguration {
	c.t.Helper()
	in := ec2.DescribeVpcEndpointServiceConfigurationsInput{ServiceIds: []string{id}}
	return must(c, provider, c.describeEndpointServiceConfigurations, in).ServiceConfigurations[0]
}

func TestATokenMakesAServiceOnceAndAnswersTheDead(t *testing.T) {
	c := newCloud(t)
	in := serviceOf(balancer)
	in.ClientToken = aws.String("orders-1")
	first := must(c, provider, c.createEndpointService, in).ServiceConfiguration
	again := must(c, provider, c.createEndpointService, in).ServiceConfiguration
	must(c, provider, c.deleteEndpointServices, ec2.DeleteVpcEndpointServiceConfigurationsInput{ServiceIds: []string{*first.ServiceId}})
	c.eventually("service gone", func() bool { return len(c.services) == 0 })
	dead := must(c, provider, c.createEndpointService, in).ServiceConfiguration
	if *again.ServiceId != *first.ServiceId || *dead.ServiceId != *first.ServiceId || dead.ServiceState != types.ServiceStateDeleted {
		t.Errorf("made %s, then %s, then %s in state %s", *first.ServiceId, *again.ServiceId, *dead.ServiceId, dead.ServiceState)
	}
}

func TestAServiceBecomesAvailableAndHoldsItsLoadBalancerUntilDeleted(t *testing.T) {
	c := newCloud(t)
	c.world.Delays.EndpointService = time.Hour
	pendingService := must(c, provider, c.createEndpointService, serviceOf(balancer)).ServiceConfiguration
	if pendingService.ServiceState != types.ServiceStatePending {
		t.Errorf("born %s", pendingService.ServiceState)
	}
	// Zones go by the names that the account has for them. Their ids are in the model, and in no recording of an answer.
	if got := pendingService.AvailabilityZones; len(got) != 2 || pendingService.AvailabilityZoneIds != nil {
		t.Errorf("in the zones %v with the ids %v", got, pendingService.AvailabilityZoneIds)
	}
	must(c, provider, c.deleteEndpointServices, ec2.DeleteVpcEndpointServiceConfigurationsInput{ServiceIds: []string{*pendingService.ServiceId}})
	if state := c.configuration(*pendingService.ServiceId).ServiceState; state != types.ServiceStateDeleting {
		t.Errorf("after deletion %s", state)
	}
	if id, inUse := c.ServiceOf(balancer); !inUse || id != *pendingService.ServiceId {
		t.Error("the load balancer is free while its service is deleting")
	}
}

func TestAZoneThatPrivateLinkNeverEnablesStaysOutWhateverIsModified(t *testing.T) {
	c := newCloud(t)
	closed := c.subnetsIn("euc1-az3")[0]
	c.world.Closed = func(service, zone, zoneID, subnet string) bool {
		return service == "vpce" && zone == closed.Zone && zoneID == closed.ZoneID && subnet == closed.ID
	}
	svc := c.service()
	for range 2 {
		if got, open := c.configuration(*svc.ServiceId).AvailabilityZones, c.subnetsIn("euc1-az2")[0].Zone; !slices.Equal(got, []string{open}) {
			t.Errorf("in the zones %v, want %s", got, open)
		}
		must(c, provider, c.modifyEndpointService, ec2.ModifyVpcEndpointServiceConfigurationInput{ServiceId: svc.ServiceId})
	}
}

func TestAModificationReadsTheLoadBalancersZonesAgain(t *testing.T) {
	c := newCloud(t)
	svc := c.service()
	c.balancers.change(func(lb *LoadBalancer) { lb.Subnets = c.subnetsIn("euc1-az1", "euc1-az2", "euc1-az3") })
	if got := c.configuration(*svc.ServiceId).AvailabilityZones; len(got) != 2 {
		t.Errorf("zones %v without a modification", got)
	}
	must(c, provider, c.modifyEndpointService, ec2.ModifyVpcEndpointServiceConfigurationInput{ServiceId: svc.ServiceId})
	if got := c.configuration(*svc.ServiceId).AvailabilityZones; len(got) != 3 {
		t.Errorf("zones %v after one", got)
	}
}

func TestARefusedModificationChangesNothing(t *testing.T) {
	c := newCloud(t)
	svc := c.service()
	in := ec2.ModifyVpcEndpointServiceConfigurationInput{ServiceId: svc.ServiceId, AcceptanceRequired: aws.Bool(false), AddSupportedRegions: []string{"eu-west-1"},
		RemoveSupportedRegions: []string{"eu-west-2"}}
	if err := try(c, provider, c.modifyEndpointService, in); err == nil {
		t.Fatal("not refused")
	}
	if now := c.configuration(*svc.ServiceId); !*now.AcceptanceRequired || len(now.SupportedRegions) != 1 {
		t.Errorf("changed to %+v", now)
	}
}

func TestDeletingAServiceThatEndpointsUse(t *testing.T) {
	for sentence, row := range map[string]struct {
		prepare func(*cloud, *types.ServiceConfiguration)
		code    string // empty: deleted
	}{
		"without endpoints":                  {func(*cloud, *types.ServiceConfiguration) {}, ""},
		"with one that waits for acceptance": {func(c *cloud, svc *types.ServiceConfiguration) { c.endpoint(svc) }, "ExistingVpcEndpointConnections"},
		"with one that is on its way": {func(c *cloud, svc *types.ServiceConfiguration) {
			c.world.Delays.EndpointAvailable = time.Hour
			c.decision(svc, c.endpoint(svc), c.accept)
		}, "ExistingVpcEndpointConnections"},
		"with a rejected one": {func(c *cloud, svc *types.ServiceConfiguration) { c.decision(svc, c.endpoint(svc), c.reject) }, ""},
	} {
		t.Run(sentence, func(t *testing.T) {
			c := newCloud(t)
			svc := c.service()
			row.prepare(c, svc)
			in := ec2.DeleteVpcEndpointServiceConfigurationsInput{ServiceIds: []string{*svc.ServiceId}}
			var code string
			if items := must(c, provider, c.deleteEndpointServices, in).Unsuccessful; len(items) > 0 {
				code = *items[0].Error.Code
			}
			if code != row.code {
				t.Errorf("got %q, want %q", code, row.code)
			}
		})
	}
}

func TestDeletingAServiceThatDoesNotExistIsAnItemOfTheAnswer(t *testing.T) {
	c := newCloud(t)
	in := ec2.DeleteVpcEndpointServiceConfigurationsInput{ServiceIds: []string{"vpce-svc-0"}}
	items := must(c, provider, c.deleteEndpointServices, in).Unsuccessful
	if len(items) != 1 || *items[0].ResourceId != "vpce-svc-0" || *items[0].Error.Code != "InvalidVpcEndpointService.NotFound" {
		t.Errorf("got %+v", items)
	}
}

func TestPrincipals(t *testing.T) {
	role := wire.Caller{Account: consumer, ARN: "arn:aws:sts::" + consumer + ":assumed-role/agent/x", Role: "arn:aws:iam::" + consumer + ":role/team/agent"}
	for sentence, row := range map[string]struct {
		principal string
		caller    wire.Caller
		kind      types.PrincipalType // empty: refused
		allowed   bool
	}{
		"an account, for its roles":        {"arn:aws:iam::" + consumer + ":root", role, types.PrincipalTypeAccount, true},
		"an account, for no other":         {"arn:aws:iam::" + provider + ":root", role, types.PrincipalTypeAccount, false},
		"a role, without its path":         {"arn:aws:iam::" + consumer + ":role/agent", role, types.PrincipalTypeRole, true},
		"a role, for no other":             {"arn:aws:iam::" + consumer + ":role/other", role, types.PrincipalTypeRole, false},
		"a role, with its path":            {principal: "arn:aws:iam::" + consumer + ":role/team/agent"},
		"a user":                           {"arn:aws:iam::" + consumer + ":user/ann", wire.Caller{Account: consumer, ARN: "arn:aws:iam::" + consumer + ":user/ann"}, types.PrincipalTypeUser, true},
		"everyone":                         {"*", role, types.PrincipalTypeAll, true},
		"a service":                        {"firehose.amazonaws.com", role, types.PrincipalTypeService, false},
		"an account without ARN":           {principal: consumer},
		"a principal of another partition": {principal: "arn:aws-cn:iam::" + consumer + ":root"},
	} {
		t.Run(sentence, func(t *testing.T) {
			c := newCloud(t)
			svc := must(c, provider, c.createEndpointService, serviceOf(balancer)).ServiceConfiguration
			out, err := ask(c, provider, c.modifyPermissions, ec2.ModifyVpcEndpointServicePermissionsInput{ServiceId: svc.ServiceId, AddAllowedPrincipals: []string{row.principal}})
			if row.kind == "" {
				if err == nil {
					t.Error("not refused")
				}
				return
			}
			if err != nil || out.AddedPrincipals[0].PrincipalType != row.kind {
				t.Fatalf("added %+v, %v", out, err)
			}
			made, _ := c.services.find(*svc.ServiceId)
			if got := made.allows(row.caller); got != row.allowed {
				t.Errorf("allowed %v, want %v", got, row.allowed)
			}
		})
	}
}

func TestPermissionsAreTheDifference(t *testing.T) {
	c := newCloud(t)
	svc := c.service()
	other := "arn:aws:iam::" + provider + ":root"
	in := ec2.ModifyVpcEndpointServicePermissionsInput{
		ServiceId: svc.ServiceId, AddAllowedPrincipals: []string{other, "arn:aws:iam::" + consumer + ":root"},
		RemoveAllowedPrincipals: []string{"arn:aws:iam::999999999999:root"},
	}
	if added := must(c, provider, c.modifyPermissions, in).AddedPrincipals; len(added) != 1 || *added[0].Principal != other {
		t.Errorf("added %+v", added)
	}
	must(c, provider, c.modifyPermissions, ec2.ModifyVpcEndpointServicePermissionsInput{ServiceId: svc.ServiceId, RemoveAllowedPrincipals: []string{other}})
	left := must(c, provider, c.describePermissions, ec2.DescribeVpcEndpointServicePermissionsInput{ServiceId: svc.ServiceId}).AllowedPrincipals
	if len(left) != 1 || *left[0].Principal != "arn:aws:iam::"+consumer+":root" || left[0].PrincipalType != types.PrincipalTypeAccount {
		t.Errorf("left %+v", left)
	}
}
