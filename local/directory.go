package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// makeDirectory makes the directory for the logs of a port that this process holds, and removes those of clouds that have
// ended. Everything else that a cloud writes is in memory.
func makeDirectory(tools string, port int) (string, error) {
	all := filepath.Join(tools, "local")
	others, err := os.ReadDir(all)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	for _, other := range others {
		if !other.IsDir() {
			continue
		}
		// A cloud has its port before it has its directory, and as long as it lives.
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", other.Name()))
		if err != nil {
			continue
		}
		if err := errors.Join(os.RemoveAll(filepath.Join(all, other.Name())), listener.Close()); err != nil {
			return "", err
		}
	}
	dir := filepath.Join(all, strconv.Itoa(port))
	return dir, os.MkdirAll(dir, 0o755)
}

const lockFile = "lock"

// claim locks a directory. The lock goes with the process, however it ends, or when what is returned is closed.
func claim(dir string) (io.Closer, error) {
	file, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.FcntlFlock(file.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s, where another local cloud may write: %w", dir, err), file.Close())
	}
	return file, nil
}

// running is the process that has claimed a directory, or 0.
func running(dir string) int {
	file, err := os.Open(filepath.Join(dir, lockFile))
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

// end ends the cloud that has claimed a directory, and waits until it has ended.
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
