package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience is far more than a process takes to start, or for an invocation.
const patience = 30 * time.Second

// program is what Lambda would run: a command, and the environment that the function's configuration gives it.
type program struct {
	name        string // as in the table
	command     []string
	environment []string
}

// process is a program that runs under a Runtime API of its own.
type process struct {
	name   string
	api    *runtimeAPI
	cmd    *exec.Cmd
	output bytes.Buffer // to be read when it has ended
	ended  chan struct{}
	took   time.Duration // from its start to its first call of the Runtime API
}

// start starts a program and waits for its first call. What runs here ends with this process, whose first thread starts it.
func (p program) start(ctx context.Context) (*process, error) {
	api, err := newRuntimeAPI()
	if err != nil {
		return nil, err
	}
	r := &process{name: p.name, api: api, ended: make(chan struct{}), cmd: exec.CommandContext(ctx, p.command[0], p.command[1:]...)}
	r.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "AWS_LAMBDA_RUNTIME_API=" + api.address}, p.environment...)
	r.cmd.Stdout, r.cmd.Stderr = &r.output, &r.output
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	begin := time.Now()
	if err := r.cmd.Start(); err != nil {
		api.close()
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	go func() {
		_ = r.cmd.Wait() // what it wrote says why
		close(r.ended)
	}()
	select {
	case first := <-api.ready:
		r.took = first.Sub(begin)
		return r, nil
	case <-r.ended:
		err = errEnded
	case <-ctx.Done():
		err = ctx.Err()
	case <-time.After(patience):
		err = errors.New("it does not call the Runtime API")
	}
	r.stop()
	return nil, fmt.Errorf("start %s: %w: %s", p.name, err, bytes.TrimSpace(r.output.Bytes()))
}

func (r *process) invoke(ctx context.Context, event []byte) (time.Duration, error) {
	took, err := r.api.invoke(ctx, r.ended, event)
	if err != nil {
		return 0, fmt.Errorf("invoke %s: %w", r.name, err)
	}
	return took, nil
}

func (r *process) memory() (float64, error) { return residentMemory(r.cmd.Process.Pid) }

func (r *process) stop() {
	_ = r.cmd.Process.Kill() // it may have ended
	<-r.ended
	r.api.close()
}

// residentMemory is how many MB of a process are in memory.
func residentMemory(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read memory of process %d: %w", pid, err)
	}
	return parseResident(string(status))
}

// parseResident reads VmRSS, which the kernel counts in KiB.
func parseResident(status string) (float64, error) {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
			if err != nil {
				return 0, fmt.Errorf("read memory: %w", err)
			}
			return float64(kib) * 1024 / 1e6, nil
		}
	}
	return 0, errors.New("read memory: no VmRSS: the process has ended")
}

// servedMemory is the resident memory of the functions that run in the local cloud, by function name. Of several
// environments of one function the largest counts.
func servedMemory(endpoint string) (map[string]float64, error) {
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return nil, fmt.Errorf("find processes: %w", err)
	}
	found := map[string]float64{}
	for _, file := range files {
		environment, err := os.ReadFile(file)
		if err != nil {
			continue // somebody else's, or gone
		}
		name, ok := functionOf(string(environment), endpoint)
		if !ok {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return nil, fmt.Errorf("read process id of %s: %w", file, err)
		}
		if resident, err := residentMemory(pid); err == nil {
			found[name] = max(found[name], resident)
		}
	}
	return found, nil
}

// functionOf is the function that a process with this environment is, if it is one of the cloud at endpoint.
func functionOf(environment, endpoint string) (name string, ok bool) {
	here := false
	for variable := range strings.SplitSeq(environment, "\x00") {
		if value, found := strings.CutPrefix(variable, "AWS_LAMBDA_FUNCTION_NAME="); found {
			name, ok = value, true
		}
		here = here || variable == "AWS_ENDPOINT_URL="+endpoint
	}
	return name, ok && here
}
