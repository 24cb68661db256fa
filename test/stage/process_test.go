package stage

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const rootVariable = "RDSLINK_TEST_ROOT"

// TestMain lets the test binary be a program that runs a command.
func TestMain(m *testing.M) {
	if root := os.Getenv(rootVariable); root != "" {
		fmt.Fprintln(os.Stderr, runFamily(context.Background(), root))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// runFamily runs a command that has a child, in root.
func runFamily(ctx context.Context, root string) error {
	_, err := (&Cloud{Root: root}).Run(ctx, Customer, "sh", "-c", "sleep 600 & wait")
	return err
}

func TestWhatACommandStartsEndsWhen(t *testing.T) {
	tests := map[string]func(t *testing.T, root string) (end func()){
		"whoever runs it is killed": func(t *testing.T, root string) func() {
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), rootVariable+"="+root)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			return func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
		},
		"its context ends": func(_ *testing.T, root string) func() {
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan struct{})
			go func() { _ = runFamily(ctx, root); close(ended) }()
			return func() { cancel(); <-ended }
		},
	}
	for name, start := range tests {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			end := start(t, root)
			await(t, root, 2)
			end()
			await(t, root, 0)
		})
	}
}

// await waits until so many processes have dir as their working directory.
func await(t *testing.T, dir string, want int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		links, err := filepath.Glob("/proc/[0-9]*/cwd")
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for _, link := range links {
			if where, err := os.Readlink(link); err == nil && where == dir {
				got++
			}
		}
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d processes in %s, want %d", got, dir, want)
		}
	}
}
