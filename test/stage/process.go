package stage

import (
	"bufio"
	"bytes"
	"context"
	"errors"
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

	"golang.org/x/sys/unix"
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

// boundWithChildren is bound for a command and whatever it starts: it is the first process of a PID namespace.
func boundWithChildren() (*syscall.SysProcAttr, error) {
	attributes := bound()
	attributes.Cloneflags = unix.CLONE_NEWUSER | unix.CLONE_NEWPID
	attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
	attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
	if os.Geteuid() != 0 {
		return attributes, nil
	}
	// Root stays master of everybody's files.
	var err error
	if attributes.UidMappings, err = everyID("/proc/self/uid_map"); err != nil {
		return nil, err
	}
	attributes.GidMappings, err = everyID("/proc/self/gid_map")
	attributes.GidMappingsEnableSetgroups = true
	return attributes, err
}

// everyID maps each id of this process's user namespace to itself.
func everyID(file string) ([]syscall.SysProcIDMap, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var ids []syscall.SysProcIDMap
	for line := range strings.Lines(string(text)) {
		var first, outside, count int
		if _, err := fmt.Sscan(line, &first, &outside, &count); err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		ids = append(ids, syscall.SysProcIDMap{ContainerID: first, HostID: first, Size: count})
	}
	return ids, nil
}

// Serve is the command that is the local cloud on its port, with options of it besides.
func (c *Cloud) Serve(options ...string) *exec.Cmd {
	args := append([]string{"serve", "--port", strconv.Itoa(c.port)}, options...)
	cmd := exec.Command(filepath.Join(c.Root, "local/build/bin/local"), args...)
	cmd.Dir = filepath.Join(c.Root, "local") // where its tools are
	return cmd
}

// startProcess starts the local cloud and waits until it answers.
func startProcess(ctx context.Context, command *exec.Cmd) (*process, error) {
	p := &process{cmd: command, ended: make(chan struct{})}
	p.cmd.Stderr, p.cmd.SysProcAttr = &p.stderr, bound()
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

// Running is the process of the local cloud that has this directory, which has locked a file in it, or 0.
func (c *Cloud) Running() int {
	file, err := os.Open(filepath.Join(c.Dir(), "lock"))
	if err != nil {
		return 0 // nobody ever did
	}
	defer func() { _ = file.Close() }()
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_GETLK, &lock); err != nil || lock.Type == unix.F_UNLCK {
		return 0
	}
	return int(lock.Pid)
}

// End ends the local cloud that has this directory, whoever started it, and waits until it has ended.
func (c *Cloud) End() error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		pid := c.Running()
		if pid == 0 {
			return nil
		}
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("end local cloud, process %d: %w", pid, err)
		}
		for range 100 {
			if c.Running() != pid {
				return nil
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return fmt.Errorf("end local cloud, process %d: it goes on after SIGKILL", c.Running())
}

// Run runs a command in the checkout with the account's environment and returns what it prints. What the command starts ends
// with it, and what it leaves in the directory for temporary files goes with the cloud's own.
func (c *Cloud) Run(ctx context.Context, account, name string, args ...string) (out []byte, err error) {
	if err := os.MkdirAll(c.temporary(), 0o755); err != nil {
		return nil, fmt.Errorf("run %s: %w", filepath.Base(name), err)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = c.Root
	cmd.Env = append(append(cleanEnvironment(), "TMPDIR="+c.temporary()), c.Environment(account)...)
	if cmd.SysProcAttr, err = boundWithChildren(); err != nil {
		return nil, fmt.Errorf("run %s: %w", filepath.Base(name), err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	out, err = cmd.CombinedOutput()
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
