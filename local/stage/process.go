package stage

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a local cloud that ends with this process, however that ends.
type process struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	stderr bytes.Buffer // to be read when it has ended
}

// bound lets a command end with the thread that starts it, and keeps a terminal's Ctrl-C from it: this process decides how
// it ends.
func bound() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// startProcess starts the local cloud on a port and waits until it answers.
func startProcess(ctx context.Context, root string, port int) (*process, error) {
	p := &process{ended: make(chan struct{})}
	p.cmd = exec.Command(filepath.Join(root, "build/bin/local"), "serve", "--port", strconv.Itoa(port))
	p.cmd.Dir, p.cmd.Stderr, p.cmd.SysProcAttr = root, &p.stderr, bound()
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start local cloud: %w", err)
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // and keep it until the cloud ends
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // standard error says why
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start local cloud: %w", err)
	}
	if err := p.awaitReady(ctx, out); err != nil {
		p.stop()
		return nil, fmt.Errorf("start local cloud: %w: %s", err, strings.TrimSpace(p.stderr.String()))
	}
	return p, nil
}

// awaitReady waits for the first line that the local cloud writes.
func (p *process) awaitReady(ctx context.Context, out io.Reader) error {
	ready := make(chan bool, 1)
	go func() {
		ready <- bufio.NewScanner(out).Scan()
		_, _ = io.Copy(io.Discard, out)
	}()
	select {
	case yes := <-ready:
		if !yes {
			return io.ErrUnexpectedEOF
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.ended:
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// Run runs a command in the checkout with the account's environment and returns what it prints. What the command starts ends
// with it, and what it leaves in the directory for temporary files goes with the cloud's own.
func (c *Cloud) Run(ctx context.Context, account, name string, args ...string) ([]byte, error) {
	if err := os.MkdirAll(c.temporary(), 0o755); err != nil {
		return nil, fmt.Errorf("run %s: %w", filepath.Base(name), err)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = c.Root
	cmd.Env = append(append(cleanEnvironment(), "TMPDIR="+c.temporary()), c.Environment(account)...)
	cmd.SysProcAttr = bound()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // its children, too
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return out, fmt.Errorf("run %s %s: %w", filepath.Base(name), strings.Join(args, " "), context.Cause(ctx))
	}
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
