// Package manual plays the documented procedure by hand: what people type in two AWS accounts that have nothing but the
// ordinary aws CLI. Whatever AWS lets them do, the local cloud must let them do, with the app nowhere in sight.
package manual

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rdslink/rdslink/test/stage"
)

// procedure is what the people have noted down so far.
type procedure struct {
	customer, vendor terminal
	vendorVPC        stage.VPC

	host, port, vpc, securityGroup string
	subnets, cidrs                 []string
	address                        string
	targetGroup, loadBalancer      string
	service, serviceName           string
	endpoint, endpointName         string
}

func TestTheDocumentedProcedureByHand(t *testing.T) {
	p := begin(t)
	for _, step := range []struct {
		title string
		play  func(*testing.T)
	}{
		{"1. Gather your RDS details", p.gatherDetails},
		{"2. Resolve the RDS private IP", p.resolveAddress},
		{"3. Create an NLB target group", p.createTargetGroup},
		{"4. Create an internal Network Load Balancer", p.createLoadBalancer},
		{"5. Create a VPC endpoint service", p.createEndpointService},
		{"6. Whitelist the PushMetrics AWS account", p.allowPrincipal},
		{"7. Update the RDS security group", p.updateSecurityGroup},
		{"8. Share the service name with PushMetrics", p.createEndpoint},
		{"9. Accept the PushMetrics connection", p.acceptConnection},
		{"PushMetrics tests the connection", p.testConnection},
		{"10. IP sync after a failover", p.followFailover},
		{"PushMetrics reconnects", p.reconnect},
		{"AWS refuses what would break it", p.tryWhatAWSRefuses},
		{"PushMetrics reads on", p.testConnection},
	} {
		if !t.Run(step.title, step.play) {
			t.FailNow() // every step stands on those before it
		}
	}
}

// begin is a customer with a filled database and a vendor, each in a VPC with the same addresses.
func begin(t *testing.T) *procedure {
	t.Helper()
	ctx := t.Context()
	cloud, err := stage.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cloud.Stop)
	p := &procedure{customer: terminal{cloud, stage.Customer}, vendor: terminal{cloud, stage.PushMetrics}}
	if p.vendorVPC, err = cloud.NewVPC(ctx, stage.PushMetrics); err != nil {
		t.Fatal(err)
	}
	vpc, err := cloud.NewVPC(ctx, stage.Customer)
	if err != nil {
		t.Fatal(err)
	}
	database, err := cloud.NewDatabase(ctx, vpc, "your-db", true)
	if err != nil {
		t.Fatal(err)
	}
	if err := cloud.Fill(ctx, database); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *procedure) gatherDetails(t *testing.T) {
	said := p.customer.aws(t, `rds describe-db-instances --db-instance-identifier your-db
		--query DBInstances[0].[Endpoint.Address,Endpoint.Port,DBSubnetGroup.VpcId,VpcSecurityGroups[0].VpcSecurityGroupId,DBSubnetGroup.Subnets[].SubnetIdentifier][]`)
	p.host, p.port, p.vpc, p.securityGroup, p.subnets = said[0], said[1], said[2], said[3], said[4:]
	p.cidrs = p.customer.aws(t, `ec2 describe-subnets --subnet-ids %s --query Subnets[].CidrBlock`, strings.Join(p.subnets, " "))
}

func (p *procedure) resolveAddress(t *testing.T) {
	p.address = p.customer.nslookup(t, p.subnets[0], p.host)
	address := netip.MustParseAddr(p.address)
	if !slices.ContainsFunc(p.cidrs, func(cidr string) bool { return netip.MustParsePrefix(cidr).Contains(address) }) {
		t.Errorf("%s is in none of %s", address, p.cidrs)
	}
}

func (p *procedure) createTargetGroup(t *testing.T) {
	p.targetGroup = p.customer.aws(t, `elbv2 create-target-group --name rds-pushmetrics-tg --target-type ip --protocol TCP --port %s
		--vpc-id %s --health-check-protocol TCP --query TargetGroups[0].TargetGroupArn`, p.port, p.vpc)[0]
	p.customer.aws(t, `elbv2 register-targets --target-group-arn %s --targets Id=%s`, p.targetGroup, p.address)
}

// createLoadBalancer gives it no security group, as the document does not. Only an active one can get an endpoint service.
func (p *procedure) createLoadBalancer(t *testing.T) {
	p.loadBalancer = p.customer.aws(t, `elbv2 create-load-balancer --name rds-pushmetrics-nlb --type network --scheme internal
		--subnets %s --query LoadBalancers[0].LoadBalancerArn`, strings.Join(p.subnets, " "))[0]
	p.customer.aws(t, `elbv2 create-listener --load-balancer-arn %s --protocol TCP --port %s
		--default-actions Type=forward,TargetGroupArn=%s`, p.loadBalancer, p.port, p.targetGroup)
	p.customer.aws(t, `elbv2 modify-load-balancer-attributes --load-balancer-arn %s
		--attributes Key=load_balancing.cross_zone.enabled,Value=true`, p.loadBalancer)
	p.customer.until(t, "active", `elbv2 describe-load-balancers --load-balancer-arns %s
		--query LoadBalancers[0].State.Code`, p.loadBalancer)
}

func (p *procedure) createEndpointService(t *testing.T) {
	p.service = p.customer.aws(t, `ec2 create-vpc-endpoint-service-configuration --acceptance-required
		--network-load-balancer-arns %s --query ServiceConfiguration.ServiceId`, p.loadBalancer)[0]
	p.serviceName = p.customer.until(t, "Available", `ec2 describe-vpc-endpoint-service-configurations --service-ids %s
		--query ServiceConfigurations[0].[ServiceState,ServiceName]`, p.service)[1]
}

func (p *procedure) allowPrincipal(t *testing.T) {
	p.customer.aws(t, `ec2 modify-vpc-endpoint-service-permissions --service-id %s
		--add-allowed-principals arn:aws:iam::133737826969:root`, p.service)
}

func (p *procedure) updateSecurityGroup(t *testing.T) {
	for _, cidr := range p.cidrs {
		p.customer.aws(t, `ec2 authorize-security-group-ingress --group-id %s --protocol tcp --port %s --cidr %s`, p.securityGroup, p.port, cidr)
	}
	p.awaitHealth(t)
}

// awaitHealth is done when the load balancer reaches the database.
func (p *procedure) awaitHealth(t *testing.T) {
	t.Helper()
	p.customer.until(t, "healthy", `elbv2 describe-target-health --target-group-arn %s --targets Id=%s
		--query TargetHealthDescriptions[0].TargetHealth.State`, p.targetGroup, p.address)
}

// createEndpoint is the vendor's part: it knows the service name and nothing else.
func (p *procedure) createEndpoint(t *testing.T) {
	p.endpoint = p.vendor.aws(t, `ec2 create-vpc-endpoint --vpc-endpoint-type Interface --service-name %s
		--vpc-id %s --subnet-ids %s --query VpcEndpoint.VpcEndpointId`, p.serviceName, p.vendorVPC.ID, strings.Join(p.vendorVPC.SubnetIDs(), " "))[0]
}

func (p *procedure) acceptConnection(t *testing.T) {
	said := p.customer.aws(t, `ec2 describe-vpc-endpoint-connections --filters Name=service-id,Values=%s
		--query VpcEndpointConnections[].[VpcEndpointId,VpcEndpointOwner,VpcEndpointState]`, p.service)
	if want := []string{p.endpoint, stage.PushMetrics, "pendingAcceptance"}; !slices.Equal(said, want) {
		t.Fatalf("connections %s, want %s", said, want)
	}
	p.customer.aws(t, `ec2 accept-vpc-endpoint-connections --service-id %s --vpc-endpoint-ids %s`, p.service, p.endpoint)
	p.endpointName = p.vendor.until(t, "available", `ec2 describe-vpc-endpoints --vpc-endpoint-ids %s
		--query VpcEndpoints[0].[State,DnsEntries[0].DnsName]`, p.endpoint)[1]
}

// read reads the orders from the vendor's VPC under the endpoint's name. The certificate says the database's own name.
func (p *procedure) read(t *testing.T) error {
	t.Helper()
	port, err := strconv.Atoi(p.port)
	if err != nil {
		return err
	}
	rows, err := p.vendor.cloud.Rows(t.Context(), stage.Client{
		Place: stage.Place{Account: stage.PushMetrics, Subnet: p.vendorVPC.SubnetIDs()[0]},
		Host:  p.endpointName, Port: port, ServerName: p.host,
	})
	if err == nil && len(rows) != 3 {
		err = fmt.Errorf("read %q", rows)
	}
	return err
}

func (p *procedure) testConnection(t *testing.T) {
	if err := p.read(t); err != nil {
		t.Fatal(err)
	}
}

// reconnect tries as a connection pool does: AWS may send new connections to a deregistered target for two minutes more
// (github.com/aws/containers-roadmap/issues/470).
func (p *procedure) reconnect(t *testing.T) {
	err := p.read(t)
	for deadline := time.Now().Add(patience); err != nil && time.Now().Before(deadline); {
		err = p.read(t)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// followFailover does once by hand what the document's function does every minute, but registers before it deregisters: a
// group is never empty then. The function itself would not work here: in a VPC without a way out it reaches no AWS API.
func (p *procedure) followFailover(t *testing.T) {
	before := p.address
	p.customer.aws(t, `rds reboot-db-instance --db-instance-identifier your-db --force-failover`)
	for deadline := time.Now().Add(patience); p.address == before && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		p.address = p.customer.nslookup(t, p.subnets[0], p.host)
	}
	p.customer.aws(t, `elbv2 register-targets --target-group-arn %s --targets Id=%s`, p.targetGroup, p.address)
	p.customer.aws(t, `elbv2 deregister-targets --target-group-arn %s --targets Id=%s`, p.targetGroup, before)
	p.awaitHealth(t)
}
