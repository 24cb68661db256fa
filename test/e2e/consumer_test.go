package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/test/stage"
)

// possessions are all that AWS tells of what an account has in a VPC, and of what belongs to no VPC.
func (s story) possessions(vpc stage.VPC) (all []string) {
	s.Helper()
	config := cloud.Config(vpc.Account)
	within := []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{vpc.ID}}}
	groups, err := ec2.NewFromConfig(config).DescribeSecurityGroups(s.ctx, &ec2.DescribeSecurityGroupsInput{Filters: within})
	s.check(err)
	for _, g := range groups.SecurityGroups {
		all = append(all, "group "+*g.GroupId)
	}
	interfaces, err := ec2.NewFromConfig(config).DescribeNetworkInterfaces(s.ctx, &ec2.DescribeNetworkInterfacesInput{Filters: within})
	s.check(err)
	for _, i := range interfaces.NetworkInterfaces {
		if aws.ToBool(i.RequesterManaged) { // else it is a client's, whose connection has just ended
			all = append(all, "interface "+*i.NetworkInterfaceId)
		}
	}
	endpoints, err := ec2.NewFromConfig(config).DescribeVpcEndpoints(s.ctx, &ec2.DescribeVpcEndpointsInput{Filters: within})
	s.check(err)
	for _, e := range endpoints.VpcEndpoints {
		if e.State != ec2types.State("deleted") {
			all = append(all, "endpoint "+*e.VpcEndpointId)
		}
	}
	zones, err := route53.NewFromConfig(config).ListHostedZones(s.ctx, &route53.ListHostedZonesInput{})
	s.check(err)
	for _, z := range zones.HostedZones {
		all = append(all, "zone "+*z.Name)
	}
	alarms, err := cloudwatch.NewFromConfig(config).DescribeAlarms(s.ctx, &cloudwatch.DescribeAlarmsInput{})
	s.check(err)
	for _, a := range alarms.MetricAlarms {
		all = append(all, "alarm "+*a.AlarmName)
	}
	roles, err := iam.NewFromConfig(config).ListRoles(s.ctx, &iam.ListRolesInput{})
	s.check(err)
	for _, r := range roles.Roles {
		if strings.HasPrefix(*r.RoleName, "rdslink") { // else it is the clients'
			all = append(all, "role "+*r.RoleName)
		}
	}
	slices.Sort(all)
	return all
}

// refuses wants a deployment to be refused in these words, and nothing to be made.
func (s story) refuses(stack stage.Connected, words ...string) {
	s.Helper()
	_, err := cloud.DeployConnected(s.ctx, stack)
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			s.Errorf("the deployment says %v, want %q", err, w)
		}
	}
	stacks, err := cloudformation.NewFromConfig(cloud.Config(stack.Account)).ListStacks(s.ctx, &cloudformation.ListStacksInput{})
	s.check(err)
	for _, made := range stacks.StackSummaries {
		if strings.Contains(*made.StackName, stack.Options["vpc"]) {
			s.Errorf("there is the stack %s, %s", *made.StackName, made.StackStatus)
		}
	}
}

// doesNotReach wants a client to come to nothing.
func (s story) doesNotReach(client stage.Client, why string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, 20*time.Second)
	defer cancel()
	if rows, err := cloud.Rows(ctx, client); err == nil {
		s.Errorf("%s: it reads %v", why, rows)
	}
}

// An account of one's own is connected by a stack of its own, from the hand-off alone. Its clients use the database's own
// name, by which its certificate is verified; nobody else's do. Its VPC has the addresses of the database's.
func TestAConsumerOfOnesOwnReadsRowsByTheDatabasesOwnName(t *testing.T) {
	s := begin(t)
	database, err := cloud.NewTokenDatabase(s.ctx, s.vpc(stage.Customer), "orders-own")
	s.check(err)
	s.check(cloud.Fill(s.ctx, database))
	vpc := s.vpc(stage.Own)
	execution := s.starts(fmt.Sprintf(`{"database": %q, "name": "own", "principals": [%q]}`, database.Identifier, stage.Own))
	s.handoff(database)
	item, there := s.exposureFor(database, "own")
	if !there {
		s.Fatalf("%s has no exposure", database.Identifier)
	}
	exposure := item.ID
	file := s.printsHandOff(exposure)
	clients, err := cloud.NewGroup(s.ctx, vpc, "clients")
	s.check(err)
	strangers, err := cloud.NewGroup(s.ctx, vpc, "strangers")
	s.check(err)
	before := s.possessions(vpc)
	stack := stage.ConsumerStack(vpc, file, map[string]string{"clients": clients, "host": "orders.db.internal"})

	s.refuses(stack, "context vpc: "+vpc.ID+" has enableDnsHostnames off", "--enable-dns-hostnames")
	s.check(cloud.EnableDNS(s.ctx, vpc))
	if now := s.possessions(vpc); !slices.Equal(now, before) {
		s.Errorf("what was refused has made %v", without(now, before))
	}

	outputs, err := cloud.DeployConnected(s.ctx, stack)
	s.check(err)
	endpoint := stage.Endpoint{ID: outputs["EndpointId"], VPC: vpc}
	if state := s.state(endpoint); state != "pendingAcceptance" {
		s.Errorf("the endpoint is %s before anybody has decided", state)
	}
	own := func(subnet, group string) stage.Client {
		client := byOwnName(vpc, database, database.Port)
		client.Place.Subnet, client.Place.SecurityGroup = subnet, group
		return client
	}
	s.doesNotReach(own(vpc.SubnetIDs()[0], clients), "before the connection is accepted")
	s.decides(bus.Accept, endpoint)
	execution.succeeds()

	for _, subnet := range vpc.SubnetIDs() {
		s.readsOrders(own(subnet, clients))
	}
	named := own(vpc.SubnetIDs()[0], clients)
	named.Host = "orders.db.internal"
	s.readsOrders(named)
	if named.ServerName = named.Host; true {
		s.doesNotReach(named, "the certificate does not carry the name of one's choice")
	}
	s.doesNotReach(own(vpc.SubnetIDs()[0], strangers), "a client that is not in the group")
	elsewhere := s.vpc(stage.Own) // the zone is the VPC's, and no other's of the account
	s.doesNotReach(byOwnName(elsewhere, database, database.Port), "a client in another VPC")
	s.looksAfter(outputs["RoleArn"], endpoint, exposure)
	s.logsInByToken(database, exposure, file, own(vpc.SubnetIDs()[0], clients), s.endpointName(endpoint))

	s.check(cloud.DestroyConnected(s.ctx, stack))
	s.await("nothing to be left", func() bool { return slices.Equal(s.possessions(vpc), before) })
}

// printsHandOff prints what an exposure hands over into a file.
func (s story) printsHandOff(exposure string) (file string) {
	s.Helper()
	file = filepath.Join(s.TempDir(), "handoff.json")
	s.check(cloud.PrintHandOff(s.ctx, exposure, file))
	return file
}

// byOwnName is a client in a VPC that knows nothing of an endpoint: it takes the database's own name, and verifies it.
func byOwnName(vpc stage.VPC, database stage.Database, port int) stage.Client {
	return stage.Client{Place: stage.Place{Account: vpc.Account, Subnet: vpc.SubnetIDs()[0]},
		Host: database.Host, Port: port, ServerName: database.Host}
}

// branch is a further account of the customer's: possessions are an account's, and the story above counts its own.
const branch = "222233335555"

// Of a link one stack connects all databases, each by its own name. One that leaves the link leaves the stack, and the
// endpoint that the owner has accepted stays.
func TestAConsumerOfOnesOwnReadsEveryDatabaseOfALinkByItsOwnName(t *testing.T) {
	s := begin(t)
	home, vpc := s.vpc(stage.Customer), s.vpc(branch)
	instance, err := cloud.NewDatabase(s.ctx, home, "branch-orders", singleAZ)
	s.check(err)
	cluster, err := cloud.NewAurora(s.ctx, home, "branch-books")
	s.check(err)
	const ordersAt, booksAt = 5432, 5433 // the listeners' ports
	s.check(cloud.Fill(s.ctx, instance))
	s.check(cloud.Fill(s.ctx, cluster))
	s.check(cloud.EnableDNS(s.ctx, vpc))
	before := s.possessions(vpc)
	execution := s.starts(fmt.Sprintf(`{"databases": [%s, %s], "name": "branch", "principals": [%q]}`,
		entry(instance, ordersAt), entry(cluster, booksAt), branch))
	execution.waits()
	item, there := s.exposureFor(instance, "branch")
	if !there {
		s.Fatalf("%s has no exposure", instance.Identifier)
	}
	const host = "databases.branch.internal"
	stack := stage.ConsumerStack(vpc, s.printsHandOff(item.Link), map[string]string{"host": host})
	outputs, err := cloud.DeployConnected(s.ctx, stack)
	s.check(err)
	endpoint := stage.Endpoint{ID: outputs["EndpointId"], VPC: vpc}
	s.decides(bus.Accept, endpoint)
	made := execution.linked()

	for _, c := range []struct {
		database stage.Database
		port     int
	}{{instance, ordersAt}, {cluster, booksAt}} {
		id := strings.ReplaceAll(made.exposure(c.database), "-", "")
		if outputs["DatabaseHost"+id] != c.database.Host || outputs["DatabasePort"+id] != strconv.Itoa(c.port) {
			s.Errorf("%s at %d is not in the outputs %v", c.database.Host, c.port, outputs)
		}
		client := byOwnName(vpc, c.database, c.port)
		s.readsOrders(client)
		client.Host = host
		s.readsOrders(client)
	}
	s.doesNotReach(byOwnName(vpc, instance, booksAt), "the port of another, whose certificate does not carry the name")

	s.takesAway(fmt.Sprintf(`{"exposure": %q, "connections": "end"}`, made.exposure(instance))).removed()
	stack.Options["handoff"] = s.printsHandOff(item.Link)
	fewer, err := cloud.DeployConnected(s.ctx, stack)
	s.check(err)
	if fewer["EndpointId"] != endpoint.ID || s.state(endpoint) != "available" || len(fewer) != len(outputs)-2 {
		s.Errorf("with one less it puts out %v, and %v before", fewer, outputs)
	}
	s.readsOrders(byOwnName(vpc, cluster, booksAt))

	s.check(cloud.DestroyConnected(s.ctx, stack))
	s.await("nothing to be left", func() bool { return slices.Equal(s.possessions(vpc), before) })
}

// looksAfter takes the stack's role: it sees the endpoint, and makes and deletes none but to this service with the stack's
// tag.
func (s story) looksAfter(role string, endpoint stage.Endpoint, exposure string) {
	s.Helper()
	_, err := sts.NewFromConfig(cloud.Config(stage.Own)).AssumeRole(s.ctx, &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("ann")})
	s.check(err)
	client := ec2.NewFromConfig(cloud.As(role, "ann"))
	found, err := client.DescribeVpcEndpoints(s.ctx, &ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{endpoint.ID}})
	s.check(err)
	made := found.VpcEndpoints[0]
	tags := func(value string) []ec2types.TagSpecification {
		return []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeVpcEndpoint,
			Tags: []ec2types.Tag{{Key: aws.String("rdslink:consumes"), Value: &value}}}}
	}
	in := ec2.CreateVpcEndpointInput{
		VpcEndpointType: ec2types.VpcEndpointTypeInterface, VpcId: made.VpcId, ServiceName: made.ServiceName, SubnetIds: made.SubnetIds,
		SecurityGroupIds: []string{*made.Groups[0].GroupId}, TagSpecifications: tags(exposure),
	}
	for why, change := range map[string]func(*ec2.CreateVpcEndpointInput){
		"to another service":   func(in *ec2.CreateVpcEndpointInput) { in.ServiceName = aws.String(*made.ServiceName + "0") },
		"with another tag":     func(in *ec2.CreateVpcEndpointInput) { in.TagSpecifications = tags("another") },
		"without the tag":      func(in *ec2.CreateVpcEndpointInput) { in.TagSpecifications = nil },
		"with the VPC's group": func(in *ec2.CreateVpcEndpointInput) { in.SecurityGroupIds = []string{s.defaultGroup(endpoint.VPC)} },
	} {
		other := in
		change(&other)
		if _, err := client.CreateVpcEndpoint(s.ctx, &other); code(err) != "UnauthorizedOperation" {
			s.Errorf("the role makes an endpoint %s: %v", why, err)
		}
	}
	second, err := client.CreateVpcEndpoint(s.ctx, &in)
	s.check(err)
	_, err = client.DeleteVpcEndpoints(s.ctx, &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{*second.VpcEndpoint.VpcEndpointId}})
	s.check(err)
}

// defaultGroup is that of a VPC.
func (s story) defaultGroup(vpc stage.VPC) string {
	s.Helper()
	groups, err := ec2.NewFromConfig(cloud.Config(vpc.Account)).DescribeSecurityGroups(s.ctx, &ec2.DescribeSecurityGroupsInput{Filters: []ec2types.Filter{
		{Name: aws.String("vpc-id"), Values: []string{vpc.ID}}, {Name: aws.String("group-name"), Values: []string{"default"}},
	}})
	s.check(err)
	return *groups.SecurityGroups[0].GroupId
}

// endpointName is the name that AWS gives an endpoint.
func (s story) endpointName(endpoint stage.Endpoint) string {
	s.Helper()
	_, name, err := cloud.Describe(s.ctx, endpoint)
	s.check(err)
	return name
}

// logsInByToken lets a role of the other account log in by IAM: with a token for the database's own name and port, as the
// user and within the time that it says, from whom rds-db:connect lets in. Nobody else takes the role for it.
func (s story) logsInByToken(database stage.Database, exposure, file string, client stage.Client, endpointName string) {
	s.Helper()
	s.check(cloud.TokenUser(s.ctx, database, "app"))
	role := func(account, name, action string) string {
		arn, err := cloud.NewRole(s.ctx, account, name,
			`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "`+action+`", "Resource": "*"}]}`)
		s.check(err)
		return arn
	}
	app, stranger := role(stage.Own, "app-of-orders", "sts:AssumeRole"), role(stage.Own, "stranger-to-orders", "sts:AssumeRole")
	reader := role(stage.Customer, "reader-of-orders", "rds:DescribeDBInstances")
	stack := stage.LoginStack(file, "app", app)
	outputs, err := cloud.DeployConnected(s.ctx, stack)
	s.check(err)
	login := outputs["RoleArn"]
	if _, err := cloud.Assume(s.ctx, cloud.As(stranger, "eve"), login, "eve"); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		s.Errorf("a role that the login does not trust takes it: %v", err)
	}
	let, err := cloud.Assume(s.ctx, cloud.As(app, "ann"), login, "ann")
	s.check(err)

	at := func(host string, port int) string { return fmt.Sprintf("%s:%d", host, port) }
	own := at(database.Host, database.Port)
	logIn := func(c aws.Credentials, endpoint, user string, signed time.Time) error {
		token, err := stage.Token(s.ctx, c, endpoint, user, signed)
		s.check(err)
		client.User, client.Password = "app", token
		rows, err := cloud.Rows(s.ctx, client)
		if err == nil && strings.Join(rows, "\n") != orders {
			s.Errorf("the user reads %v", rows)
		}
		return err
	}
	s.check(logIn(let, own, "app", time.Now()))
	for why, err := range map[string]error{
		"for the endpoint's name":          logIn(let, at(endpointName, database.Port), "app", time.Now()),
		"for another port":                 logIn(let, at(database.Host, database.Port+1), "app", time.Now()),
		"for another user":                 logIn(let, own, "orders", time.Now()),
		"of sixteen minutes ago":           logIn(let, own, "app", time.Now().Add(-16*time.Minute)),
		"of a role without rds-db:connect": logIn(stage.Credentials(reader, "bob"), own, "app", time.Now()),
		"of the other account's own role":  logIn(stage.Credentials(app, "ann"), own, "app", time.Now()),
		"with another secret":              logIn(aws.Credentials{AccessKeyID: let.AccessKeyID, SecretAccessKey: "guess", SessionToken: let.SessionToken}, own, "app", time.Now()),
	} {
		if err == nil || !strings.Contains(err.Error(), `PAM authentication failed for user "app"`) {
			s.Errorf("a token %s: %v", why, err)
		}
	}
	stacks := cloudformation.NewFromConfig(cloud.Config(stage.Customer))
	_, err = stacks.DeleteStack(s.ctx, &cloudformation.DeleteStackInput{StackName: aws.String("rdslink-login-" + exposure + "-app")})
	s.check(err)
	s.await("the role to be gone", func() bool {
		name := login[strings.LastIndex(login, "/")+1:]
		_, err := iam.NewFromConfig(cloud.Config(stage.Customer)).GetRole(s.ctx, &iam.GetRoleInput{RoleName: &name})
		return err != nil
	})
	if err := logIn(let, own, "app", time.Now()); err == nil {
		s.Error("a session of the role that is gone logs in")
	}
}
