package front_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rdslink/rdslink/local/ec2"
	"github.com/rdslink/rdslink/local/front"
	"github.com/rdslink/rdslink/local/front/identity"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/network/networktest"
)

func TestMain(m *testing.M) { networktest.TestMain(m) }

// vpcCloud is a door with EC2 and with Functions around a Lambda that remembers configurations.
type vpcCloud struct {
	t         *testing.T
	world     *model.World
	network   *network.Network
	service   *ec2.Service
	lambda    *lambda.Client
	ec2       *awsec2.Client
	url       string
	vpc       string
	subnet    string
	group     string
	invoked   []string // with their type
	later     []string
	functions map[string]map[string]any
}

func newVPCCloud(t *testing.T, speed float64) *vpcCloud {
	c := &vpcCloud{t: t, world: &model.World{Region: "eu-central-1", Speed: speed, Delays: model.Delays{FunctionInVPC: time.Minute}}, functions: map[string]map[string]any{}}
	backend := httptest.NewServer(http.HandlerFunc(c.serveLambda))
	t.Cleanup(backend.Close)
	door, err := front.New(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	n := networktest.New(t)
	service := ec2.New(c.world, n)
	c.network, c.service = n, service
	n.SetResolver(service.Records())
	functions := front.NewFunctions(c.world, service, n, 1000)
	functions.Later = func(_ context.Context, arn string, payload []byte) {
		c.later = append(c.later, arn+" "+string(payload))
	}
	door.Tunnel = &front.Tunnel{World: c.world, VPCs: service, DNS: service.Records(), Network: n}
	if err := door.Own("ec2", "ec2", c.world.Locked(service.Operations())); err != nil {
		t.Fatal(err)
	}
	if err := door.Around("lambda", "lambda", functions.Serve); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(door)
	t.Cleanup(server.Close)
	c.url = server.URL
	config := identity.Config(server.URL, "eu-central-1", identity.Root(account))
	config.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	c.lambda, c.ec2 = lambda.NewFromConfig(config), awsec2.NewFromConfig(config)
	c.vpc, c.subnet, c.group = c.place("10.0.0.0/16", "10.0.1.0/24")
	return c
}

func (c *vpcCloud) serveLambda(w http.ResponseWriter, r *http.Request) {
	name := strings.Split(strings.Trim(strings.TrimPrefix(r.URL.Path, "/2015-03-31/functions"), "/"), "/")[0]
	switch {
	case strings.HasSuffix(r.URL.Path, "/invocations"):
		c.invoked = append(c.invoked, r.Header.Get("X-Amz-Invocation-Type"))
		if r.Header.Get("X-Amz-Invocation-Type") == "DryRun" {
			w.WriteHeader(http.StatusNoContent)
		}
		return
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method == http.MethodPost || r.Method == http.MethodPut:
		var config map[string]any
		_ = json.NewDecoder(r.Body).Decode(&config)
		if name == "" {
			name = config["FunctionName"].(string)
			w.WriteHeader(http.StatusCreated)
		}
		config["State"], config["LastUpdateStatus"] = "Active", "Successful"
		c.functions[name] = config
	}
	_ = json.NewEncoder(w).Encode(c.functions[name])
}

// place makes a VPC with a subnet and a security group.
func (c *vpcCloud) place(block, subnetBlock string) (vpc, subnet, group string) {
	c.t.Helper()
	ctx := context.Background()
	v, err := c.ec2.CreateVpc(ctx, &awsec2.CreateVpcInput{CidrBlock: aws.String(block)})
	if err != nil {
		c.t.Fatal(err)
	}
	s, err := c.ec2.CreateSubnet(ctx, &awsec2.CreateSubnetInput{VpcId: v.Vpc.VpcId, CidrBlock: aws.String(subnetBlock)})
	if err != nil {
		c.t.Fatal(err)
	}
	g, err := c.ec2.CreateSecurityGroup(ctx, &awsec2.CreateSecurityGroupInput{VpcId: v.Vpc.VpcId, GroupName: aws.String("g"), Description: aws.String("g")})
	if err != nil {
		c.t.Fatal(err)
	}
	return *v.Vpc.VpcId, *s.Subnet.SubnetId, *g.GroupId
}

func (c *vpcCloud) create(subnet, group string) (*lambda.CreateFunctionOutput, error) {
	return c.lambda.CreateFunction(context.Background(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("resolver"), Role: aws.String(role), Code: &lambdatypes.FunctionCode{ZipFile: []byte("x")},
		VpcConfig: &lambdatypes.VpcConfig{SubnetIds: []string{subnet}, SecurityGroupIds: []string{group}},
	})
}

func (c *vpcCloud) interfaces() []types.NetworkInterface {
	c.t.Helper()
	out, err := c.ec2.DescribeNetworkInterfaces(context.Background(), &awsec2.DescribeNetworkInterfacesInput{})
	if err != nil {
		c.t.Fatal(err)
	}
	return out.NetworkInterfaces
}

// eventually polls until is holds.
func (c *vpcCloud) eventually(what string, is func() bool) {
	c.t.Helper()
	for range 6000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.t.Fatal("never: " + what)
}

func TestAFunctionInAVPCIsPendingUntilItsInterfacesAreThere(t *testing.T) {
	ctx, c := context.Background(), newVPCCloud(t, 1)
	made, err := c.create(c.subnet, c.group)
	if err != nil {
		t.Fatal(err)
	}
	if made.State != lambdatypes.StatePending || made.StateReasonCode != lambdatypes.StateReasonCodeCreating || *made.VpcConfig.VpcId != c.vpc {
		t.Errorf("made %+v in %+v", made.State, made.VpcConfig)
	}
	got, err := c.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("resolver")})
	if err != nil || got.State != lambdatypes.StatePending {
		t.Error(got, err)
	}
	if all := c.interfaces(); len(all) != 1 || !strings.HasPrefix(*all[0].Description, "AWS Lambda VPC ENI-resolver-") || *all[0].Groups[0].GroupId != c.group {
		t.Errorf("%+v", all)
	}
	// docs.aws.amazon.com/lambda/latest/dg/functions-states.html
	_, invoke := c.lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("arn:aws:lambda:eu-central-1:111122223333:function:resolver")})
	_, update := c.lambda.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: aws.String("resolver"), ZipFile: []byte("y")})
	for _, err := range []error{invoke, update} {
		if code(err) != "ResourceConflictException" || !strings.Contains(err.Error(), "currently in the following state: Pending") {
			t.Error(err)
		}
	}
	if len(c.invoked) != 0 {
		t.Error("it was invoked")
	}
}

func TestAFunctionInAVPCBecomesActiveAndItsInterfacesOutliveIt(t *testing.T) {
	ctx, c := context.Background(), newVPCCloud(t, 10000)
	if _, err := c.create(c.subnet, c.group); err != nil {
		t.Fatal(err)
	}
	c.eventually("active", func() bool {
		got, err := c.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("resolver")})
		return err == nil && got.State == lambdatypes.StateActive && got.LastUpdateStatus == lambdatypes.LastUpdateStatusSuccessful
	})
	if _, err := c.lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("resolver")}); err != nil {
		t.Fatal(err)
	}
	// The same place again is no move, and nothing is in progress.
	same := &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("resolver"),
		VpcConfig: &lambdatypes.VpcConfig{SubnetIds: []string{c.subnet}, SecurityGroupIds: []string{c.group}}}
	if out, err := c.lambda.UpdateFunctionConfiguration(ctx, same); err != nil || out.LastUpdateStatus != lambdatypes.LastUpdateStatusSuccessful || len(c.interfaces()) != 1 {
		t.Error(out, err)
	}
	c.world.Lock()
	c.world.Speed = 1
	c.world.Unlock()
	if _, err := c.lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: aws.String("resolver")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ec2.DeleteSecurityGroup(ctx, &awsec2.DeleteSecurityGroupInput{GroupId: aws.String(c.group)}); code(err) != "DependencyViolation" {
		t.Errorf("the group of a function's interface: %v", err)
	}
}

func TestInterfacesGoAWhileAfterTheirFunction(t *testing.T) {
	c := newVPCCloud(t, 100000)
	if _, err := c.create(c.subnet, c.group); err != nil {
		t.Fatal(err)
	}
	if _, err := c.lambda.DeleteFunction(context.Background(), &lambda.DeleteFunctionInput{FunctionName: aws.String("resolver")}); err != nil {
		t.Fatal(err)
	}
	c.eventually("no interface", func() bool { return len(c.interfaces()) == 0 })
}

func TestAnIdleFunctionInAVPCIsInactiveAndTheInvocationThatWakesItFails(t *testing.T) {
	ctx, c := context.Background(), newVPCCloud(t, 10_000_000) // fourteen days are an eighth of a second
	if _, err := c.create(c.subnet, c.group); err != nil {
		t.Fatal(err)
	}
	c.eventually("inactive", func() bool {
		got, err := c.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("resolver")})
		return err == nil && got.State == lambdatypes.StateInactive && got.StateReasonCode == lambdatypes.StateReasonCodeIdle
	})
	if all := c.interfaces(); len(all) != 0 {
		t.Errorf("it holds %d interfaces", len(all))
	}
	// docs.aws.amazon.com/lambda/latest/dg/functions-states.html
	if _, err := c.lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("resolver")}); code(err) != "ResourceNotReadyException" {
		t.Error(err)
	}
	c.eventually("invoked", func() bool {
		_, err := c.lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("resolver")})
		return err == nil
	})
}

func TestAVPCConfigurationThatEC2RefusesIsNoFunction(t *testing.T) {
	c := newVPCCloud(t, 1)
	_, otherSubnet, otherGroup := c.place("10.1.0.0/16", "10.1.1.0/24")
	for name, k := range map[string]struct{ subnet, group, message string }{
		// The wording is field knowledge: Lambda passes EC2's on.
		"a subnet that does not exist": {"subnet-00000000000000000", c.group, "EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The subnet ID 'subnet-00000000000000000' does not exist"},
		"a group that does not exist":  {c.subnet, "sg-00000000000000000", "EC2 Error Code: InvalidGroup.NotFound"},
		"a group of another VPC":       {c.subnet, otherGroup, "Security Groups are required to be in the same VPC."},
		"a subnet of another VPC":      {otherSubnet, c.group, "Security Groups are required to be in the same VPC."},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.create(k.subnet, k.group)
			if code(err) != "InvalidParameterValueException" || !strings.Contains(err.Error(), k.message) {
				t.Error(err)
			}
			if len(c.functions) != 0 {
				t.Error("it was made")
			}
		})
	}
}

func TestAZoneThatLambdaDoesNotHaveIsRefused(t *testing.T) {
	c := newVPCCloud(t, 1)
	out, err := c.ec2.DescribeSubnets(context.Background(), &awsec2.DescribeSubnetsInput{SubnetIds: []string{c.subnet}})
	if err != nil {
		t.Fatal(err)
	}
	c.world.Without = []string{"lambda:" + *out.Subnets[0].AvailabilityZoneId}
	if _, err := c.create(c.subnet, c.group); code(err) != "InvalidParameterValueException" || !strings.Contains(err.Error(),
		"The provided subnets contain availability zone Lambda doesn't support. Please use a different set of subnets.") {
		t.Error(err)
	}
	if len(c.functions) != 0 {
		t.Error("it was made")
	}
}

// docs.aws.amazon.com/lambda/latest/dg/functions-states.html;
// API_UpdateFunctionCode and API_TagResource, ResourceConflictException
func TestAFunctionThatTakesItsCodeOverIsBusy(t *testing.T) {
	ctx, c := context.Background(), newVPCCloud(t, 10000)
	if _, err := c.create(c.subnet, c.group); err != nil {
		t.Fatal(err)
	}
	function, arn := aws.String("resolver"), aws.String("arn:aws:lambda:eu-central-1:111122223333:function:resolver")
	state := func() lambdatypes.LastUpdateStatus {
		got, err := c.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: function})
		if err != nil {
			t.Fatal(err)
		}
		return got.LastUpdateStatus
	}
	c.eventually("made", func() bool { return state() == lambdatypes.LastUpdateStatusSuccessful })
	c.world.Lock()
	c.world.Speed, c.world.Delays.FunctionUpdate = 1, time.Second
	c.world.Unlock()
	code1, code2 := &lambda.UpdateFunctionCodeInput{FunctionName: function, ZipFile: []byte("y")}, &lambda.UpdateFunctionCodeInput{FunctionName: function, ZipFile: []byte("z")}
	made, err := c.lambda.UpdateFunctionCode(ctx, code1)
	if err != nil || made.LastUpdateStatus != lambdatypes.LastUpdateStatusInProgress {
		t.Fatal(made, err)
	}
	tag := &lambda.TagResourceInput{Resource: arn, Tags: map[string]string{"version": "y"}}
	_, tagged := c.lambda.TagResource(ctx, tag)
	_, updated := c.lambda.UpdateFunctionCode(ctx, code2)
	for _, err := range []error{tagged, updated} {
		if code(err) != "ResourceConflictException" || !strings.Contains(err.Error(), "An update is in progress for resource: "+*arn) {
			t.Error(err)
		}
	}
	c.eventually("updated", func() bool { return state() == lambdatypes.LastUpdateStatusSuccessful })
	if _, err := c.lambda.TagResource(ctx, tag); err != nil {
		t.Error(err)
	}
}

func TestAnAsynchronousInvocationIsHandedOver(t *testing.T) {
	c := newVPCCloud(t, 1)
	out, err := c.lambda.Invoke(context.Background(), &lambda.InvokeInput{
		FunctionName: aws.String("observer"), InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(`{"sweep":"all"}`),
	})
	if err != nil || out.StatusCode != http.StatusAccepted {
		t.Fatal(out, err)
	}
	if strings.Join(c.invoked, " ") != "DryRun" || strings.Join(c.later, " ") != `arn:aws:lambda:eu-central-1:111122223333:function:observer {"sweep":"all"}` {
		t.Error(c.invoked, c.later)
	}
}

func TestAClientStandsInASubnetAsLongAsItsConnectionLives(t *testing.T) {
	c := newVPCCloud(t, 1)
	allow := &awsec2.AuthorizeSecurityGroupIngressInput{GroupId: aws.String(c.group), IpPermissions: []types.IpPermission{
		{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(0), ToPort: aws.Int32(65535), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: aws.String(c.group)}}},
	}}
	if _, err := c.ec2.AuthorizeSecurityGroupIngress(context.Background(), allow); err != nil {
		t.Fatal(err)
	}
	server := c.listen()
	conn := c.connect(t, map[string]string{"X-Local-Account": account, "X-Local-Subnet": c.subnet, "X-Local-Groups": c.group}, server.String(), http.StatusOK)
	said, err := io.ReadAll(conn)
	client, _, _ := strings.Cut(string(said), ":")
	if err != nil || !netip.MustParsePrefix("10.0.1.0/24").Contains(netip.MustParseAddr(client)) || client == server.Addr().String() {
		t.Errorf("the server saw %q, error %v", said, err)
	}
	_ = conn.Close()
	c.eventually("the client's interface is gone", func() bool { return len(c.interfaces()) == 1 })
}

func TestAClientIsToldWhyItCannotStandOrReach(t *testing.T) {
	c := newVPCCloud(t, 1)
	here := map[string]string{"X-Local-Account": account, "X-Local-Subnet": c.subnet}
	for name, k := range map[string]struct {
		headers map[string]string
		host    string
		status  int
	}{
		"no subnet":          {nil, "10.0.1.9:1", http.StatusBadRequest},
		"another's subnet":   {map[string]string{"X-Local-Account": "133737826969", "X-Local-Subnet": c.subnet}, "10.0.1.9:1", http.StatusBadRequest},
		"a name that is not": {here, "nobody.test:5432", http.StatusBadGateway},
	} {
		t.Run(name, func(t *testing.T) { _ = c.connect(t, k.headers, k.host, k.status).Close() })
	}
	if all := c.interfaces(); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

// listen serves, at an interface with the group, who says to each client where it comes from.
func (c *vpcCloud) listen() netip.AddrPort {
	c.t.Helper()
	c.world.Lock()
	defer c.world.Unlock()
	i, err := c.service.Attach(account, c.subnet, []string{c.group}, "a server", netip.Addr{})
	if err != nil {
		c.t.Fatal(err)
	}
	at := netip.AddrPortFrom(i.Address, 5432)
	l, err := c.network.Listen(c.vpc, at)
	if err != nil {
		c.t.Fatal(err)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(conn, conn.RemoteAddr())
			_ = conn.Close()
		}
	}()
	return at
}

// connect asks the door for a tunnel and checks how it answers.
func (c *vpcCloud) connect(t *testing.T, headers map[string]string, host string, status int) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", host, host)
	for name, value := range headers {
		fmt.Fprintf(conn, "%s: %s\r\n", name, value)
	}
	fmt.Fprint(conn, "\r\n")
	r := bufio.NewReader(conn)
	answer, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
	if err != nil || answer.StatusCode != status {
		t.Fatal(answer, err)
	}
	_ = answer.Body.Close() // the connection stays open
	return buffered{conn, r}
}

// buffered is a connection of which a reader has taken a part.
type buffered struct {
	net.Conn
	r *bufio.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.r.Read(p) }
