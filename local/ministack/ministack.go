// Package ministack runs MiniStack, which carries what the local cloud does not model itself: CloudFormation, Lambda,
// DynamoDB, SNS, EventBridge, S3, IAM's store and more.
package ministack

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

//go:embed start.py
var startUp []byte

// Options are what MiniStack is started with.
type Options struct {
	Python   string // of an environment that has ministack 1.5.33
	Dir      string // for its start-up file and its functions' code
	Log      string // the file for what it prints
	Subnets  string // the directory with one entry per subnet that functions may be born in
	Port     int    // of its API, on 127.0.0.1
	Endpoint string // of the front, for functions and for what MiniStack hands over
	Region   string
	Account  string  // the default one
	Speed    float64 // divides AWS's durations; 0 is AWS's own
}

// Server is a running MiniStack.
type Server struct {
	URL string
	// Exited is closed when the process has ended.
	Exited chan struct{}

	process *os.Process
}

// Start starts MiniStack and returns when it answers. The environment is clean: functions inherit the server's.
func Start(ctx context.Context, o Options) (*Server, error) {
	file := filepath.Join(o.Dir, "start.py")
	if err := os.WriteFile(file, startUp, 0o644); err != nil {
		return nil, err
	}
	log, err := os.Create(o.Log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(o.Python, "-I", file)
	cmd.Dir, cmd.Stdout, cmd.Stderr = o.Dir, log, log
	cmd.Env = []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + o.Dir, "TMPDIR=" + o.Dir,
		"AUTH=false", "BIND_HOST=127.0.0.1", "GATEWAY_PORT=" + strconv.Itoa(o.Port), "AWS_ENDPOINT_URL=" + o.Endpoint,
		"MINISTACK_REGION=" + o.Region, "MINISTACK_ACCOUNT_ID=" + o.Account, "LOCAL_SUBNETS=" + o.Subnets,
		"LOCAL_SPEED=" + strconv.FormatFloat(o.Speed, 'f', -1, 64),
		"LAMBDA_ACCOUNT_CONCURRENCY=0", // the front bounds what runs
		"LAMBDA_WARM_TTL_SECONDS=60",
	}
	// To move functions into namespaces, which it owns as the rest of the local cloud does.
	cmd.SysProcAttr = &syscall.SysProcAttr{AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN}}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start MiniStack: %w", err)
	}
	s := &Server{URL: fmt.Sprintf("http://127.0.0.1:%d", o.Port), Exited: make(chan struct{}), process: cmd.Process}
	go func() {
		_ = cmd.Wait() // the log says why
		close(s.Exited)
	}()
	if err := s.awaitReady(ctx); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start MiniStack: %w; see %s", err, log.Name())
	}
	return s, nil
}

func (s *Server) awaitReady(ctx context.Context) error {
	for {
		answer, err := http.Get(s.URL + "/_ministack/health")
		if err == nil {
			return answer.Body.Close()
		}
		select {
		case <-s.Exited:
			return fmt.Errorf("it ended")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop ends MiniStack and its functions.
func (s *Server) Stop() {
	_ = s.process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-s.Exited:
	case <-time.After(3 * time.Second):
		_ = s.process.Kill()
		<-s.Exited
	}
}
