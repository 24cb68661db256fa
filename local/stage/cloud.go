// Package stage sets up what the demo and the end-to-end tests play on: a running local cloud with the app deployed, a
// customer with a database, a vendor with a VPC. All of it goes through the ordinary AWS APIs, as the accounts in question.
package stage

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
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

	process *exec.Cmd
	output  *bytes.Buffer
}

// Start starts the local cloud on a free port. Its output is kept, and shown if it does not come up.
func Start(ctx context.Context) (*Cloud, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	c := &Cloud{Endpoint: fmt.Sprintf("http://localhost:%d", port), Root: root, output: new(bytes.Buffer)}
	c.process = exec.Command(filepath.Join(root, "build/bin/local"), "serve", "--port", strconv.Itoa(port))
	c.process.Dir = root
	c.process.Stderr = c.output
	// A terminal's Ctrl-C reaches the demo alone, which then ends the cloud in order.
	c.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	ready, err := c.process.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start local cloud: %w", err)
	}
	if err := c.process.Start(); err != nil {
		return nil, fmt.Errorf("start local cloud: %w", err)
	}
	if err := c.awaitReady(ctx, ready); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// awaitReady waits for the first line that the local cloud writes, and then keeps on reading.
func (c *Cloud) awaitReady(ctx context.Context, out io.Reader) error {
	lines := make(chan string, 1)
	go func() {
		scanner := bufio.NewScanner(out)
		if scanner.Scan() {
			lines <- scanner.Text()
		}
		close(lines)
		_, _ = io.Copy(io.Discard, out)
	}()
	select {
	case _, up := <-lines:
		if up {
			return nil
		}
		_ = c.process.Wait()
		return fmt.Errorf("start local cloud: %s", strings.TrimSpace(c.output.String()))
	case <-ctx.Done():
		return fmt.Errorf("start local cloud: %w: %s", ctx.Err(), c.output)
	}
}

// Stop ends the local cloud and everything in it.
func (c *Cloud) Stop() {
	if c.process == nil || c.process.ProcessState != nil {
		return
	}
	_ = c.process.Process.Signal(syscall.SIGTERM)
	ended := make(chan struct{})
	go func() { _ = c.process.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		_ = c.process.Process.Kill()
		<-ended
	}
}

// Config is an AWS configuration with which account acts as its root user.
func (c *Cloud) Config(account string) aws.Config {
	settings, err := config.LoadDefaultConfig(context.Background(),
		config.WithRegion(Region),
		config.WithBaseEndpoint(c.Endpoint),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(account, "local", "")),
		config.WithSharedConfigFiles(nil), config.WithSharedCredentialsFiles(nil),
	)
	if err != nil {
		panic(err) // static settings: nothing is read that could fail
	}
	return settings
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

// Run runs a command in the checkout with the account's environment and returns what it prints.
func (c *Cloud) Run(ctx context.Context, account, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = c.Root
	cmd.Env = append(cleanEnvironment(), c.Environment(account)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return out, fmt.Errorf("run %s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return out, nil
}

// cleanEnvironment is the environment without anybody's AWS settings.
func cleanEnvironment() []string {
	var kept []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "AWS_") {
			kept = append(kept, variable)
		}
	}
	return kept
}

// Calls returns the log of all calls since the n-th, one JSON object a line.
func (c *Cloud) Calls(ctx context.Context, since int) ([]byte, error) {
	return c.get(ctx, fmt.Sprintf("/_local/calls?since=%d", since))
}

// Authority returns the certificate, PEM, that signed the databases' certificates.
func (c *Cloud) Authority(ctx context.Context) ([]byte, error) {
	return c.get(ctx, "/_local/rds-ca.pem")
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
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodConnect})
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("dial %s from %s: %w", address, at.Subnet, err)
	}
	if response.StatusCode != http.StatusOK {
		reason, _ := io.ReadAll(response.Body)
		_ = conn.Close()
		return nil, fmt.Errorf("dial %s from %s: %s", address, at.Subnet, strings.TrimSpace(string(reason)))
	}
	_ = conn.SetDeadline(time.Time{})
	return conn, nil
}

// Root is the checkout: the nearest folder upwards with a go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find checkout: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		return "", errors.New("find checkout: no go.mod here or above")
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
