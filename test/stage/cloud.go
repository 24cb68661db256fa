// Package stage sets up what the demo and the end-to-end tests play on: a running local cloud with the app deployed, a
// customer with a database, a vendor with a VPC. All of it goes through the ordinary AWS APIs, as the accounts in question.
package stage

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/rdslink/rdslink/internal/deployment"
)

// The accounts of the stage.
const (
	Region      = "eu-central-1"
	Customer    = "111122223333"
	PushMetrics = "133737826969"
	Stranger    = "999988887777"
)

// Cloud is a running local cloud.
type Cloud struct {
	Endpoint string // http://localhost:PORT
	Root     string // of the checkout

	// Context are the options with which the app is deployed; usually none.
	Context map[string]string

	port     int
	process  *process // nil if this process did not start it
	assembly string   // what Synth made
}

// At is the local cloud on a port, whether it runs or not.
func At(port int) (*Cloud, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	return &Cloud{Endpoint: fmt.Sprintf("http://localhost:%d", port), Root: root, port: port}, nil
}

// Beside is the same cloud for another stack of the app.
func (c *Cloud) Beside(name deployment.Name) *Cloud {
	other := *c
	other.Context = maps.Clone(c.Context)
	if other.Context == nil {
		other.Context = map[string]string{}
	}
	other.Context["name"] = string(name)
	return &other
}

// name is the stack's.
func (c *Cloud) name() deployment.Name { return deployment.Name(c.Context["name"]) }

// Start starts the local cloud on a free port, with options of `local serve` besides. It ends with this process at the
// latest.
func Start(ctx context.Context, options ...string) (*Cloud, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	c, err := At(port)
	if err != nil {
		return nil, err
	}
	if c.process, err = startProcess(ctx, c.Serve(options...)); err != nil {
		return nil, err
	}
	return c, nil
}

// Stop ends what Start started, and everything in it. The logs stay.
func (c *Cloud) Stop() {
	c.process.stop()
	_ = os.RemoveAll(c.temporary()) // the next start would do it
}

// Dir is where the local cloud has its logs.
func (c *Cloud) Dir() string {
	return filepath.Join(c.Root, "local/build/clouds", strconv.Itoa(c.port))
}

func (c *Cloud) temporary() string { return filepath.Join(c.Dir(), "tmp") }

// connections are everybody's: a client has its own otherwise, and nobody keeps clients.
var connections = awshttp.NewBuildableClient()

// Config is an AWS configuration with which account acts as its root user.
func (c *Cloud) Config(account string) aws.Config {
	return aws.Config{
		Region: Region, BaseEndpoint: &c.Endpoint, HTTPClient: connections,
		Credentials: credentials.NewStaticCredentialsProvider(account, "local", ""),
	}
}

// As is an AWS configuration with which somebody acts in a session of a role, without having been let into it.
func (c *Cloud) As(roleARN, session string) aws.Config {
	settings := c.Config(Customer)
	settings.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return Credentials(roleARN, session), nil
	})
	return settings
}

// Credentials are those of a session of a role. The local cloud believes what the token says.
func Credentials(roleARN, session string) aws.Credentials {
	token, _ := json.Marshal(map[string]string{"role": roleARN, "session": session}) // two strings
	return aws.Credentials{AccessKeyID: "ASIALOCAL", SecretAccessKey: "local", SessionToken: base64.URLEncoding.EncodeToString(token)}
}

// Environment is what aws, cdk and rdslink need to act as account on this cloud.
func (c *Cloud) Environment(account string) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + c.Endpoint,
		"AWS_ENDPOINT_URL_S3=" + c.Endpoint,
		"AWS_ACCESS_KEY_ID=" + account,
		"AWS_SECRET_ACCESS_KEY=local",
		"AWS_REGION=" + Region,
		"AWS_DEFAULT_REGION=" + Region,
	}
}

// Calls returns the log of all calls since the n-th, one JSON object a line.
func (c *Cloud) Calls(ctx context.Context, since int) ([]byte, error) {
	return c.get(ctx, fmt.Sprintf("/_local/calls?since=%d", since))
}

// Call is a line of that log, as far as it is looked at.
type Call struct {
	Role        string // an ARN, if a role's session called
	Permissions []Permission
}

// Permission is one thing that a call had to be allowed.
type Permission struct {
	Role, Action, Resource string
	Refused                string // why not, in AWS's words
}

// Authority returns the certificate, PEM, that signed the databases' certificates.
func (c *Cloud) Authority(ctx context.Context) ([]byte, error) {
	return c.get(ctx, "/_local/ca.pem")
}

func (c *Cloud) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Endpoint+path, nil)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", path, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", path, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: %s: %s: %w", path, response.Status, body, err)
	}
	return body, nil
}

// A Place is where a machine stands: in a subnet of an account, in a security group; the VPC's default one if empty.
type Place struct{ Account, Subnet, SecurityGroup string }

// Dial opens a TCP connection as a machine at a place. The VPC there resolves the host.
func (c *Cloud) Dial(ctx context.Context, at Place, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(c.Endpoint, "http://"))
	if err != nil {
		return nil, fmt.Errorf("dial local cloud: %w", err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\nX-Local-Account: %s\r\nX-Local-Subnet: %s\r\nX-Local-Groups: %s\r\n\r\n",
		address, address, at.Account, at.Subnet, at.SecurityGroup)
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect})
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("dial %s from %s: %w", address, at.Subnet, err)
	}
	defer func() { _ = response.Body.Close() }() // the connection stays open
	if response.StatusCode != http.StatusOK {
		reason, _ := io.ReadAll(response.Body)
		_ = conn.Close()
		return nil, fmt.Errorf("dial %s from %s: %s", address, at.Subnet, strings.TrimSpace(string(reason)))
	}
	_ = conn.SetDeadline(time.Time{})
	return early{conn, reader}, nil
}

// early is a connection of which something may have come already: MySQL's server speaks first.
type early struct {
	net.Conn
	reader *bufio.Reader
}

func (e early) Read(p []byte) (int, error) { return e.reader.Read(p) }

// Root is the checkout: the nearest folder upwards with the app that cdk deploys.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find checkout: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "cdk.json")); err == nil {
			return dir, nil
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		return "", errors.New("find checkout: no cdk.json here or above")
	}
}

// freePort asks the kernel for a port.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
