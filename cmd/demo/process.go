package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// running is the local cloud that has the directory and the lock in it, or 0.
func running(dir string) int {
	file, err := os.Open(filepath.Join(dir, "lock"))
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

// end ends the local cloud that has the directory, and waits until it has ended.
func end(dir string) error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		pid := running(dir)
		if pid == 0 {
			return nil
		}
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("end local cloud, process %d: %w", pid, err)
		}
		for range 100 {
			if running(dir) != pid {
				return nil
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return fmt.Errorf("end local cloud, process %d: it goes on after SIGKILL", running(dir))
}
