package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// makeDirectory makes the directory for the logs of a port that this process holds, and removes those of clouds that have
// ended. Everything else that a cloud writes is in memory.
func makeDirectory(tools string, port int) (string, error) {
	all := filepath.Join(tools, "clouds")
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

// claim locks the file lock in a directory, by which others see which process writes there. The lock goes with the process,
// however it ends, or when what is returned is closed.
func claim(dir string) (io.Closer, error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.FcntlFlock(file.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s, where another local cloud may write: %w", dir, err), file.Close())
	}
	return file, nil
}
