package front

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// signalCaller ends or stops the process at the other end of a request's connection, as happens to a function whose machine
// is lost, or hangs.
func signalCaller(r *http.Request, signal unix.Signal) error {
	caller, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return fmt.Errorf("signal the caller: %w", err)
	}
	socket, err := socketOf(caller)
	if err != nil {
		return fmt.Errorf("signal the caller: %w", err)
	}
	files, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return fmt.Errorf("signal the caller: %w", err)
	}
	for _, file := range files {
		if to, _ := os.Readlink(file); to != socket {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(file, "/")[2])
		if err != nil || pid == os.Getpid() {
			continue
		}
		return unix.Kill(pid, signal)
	}
	return fmt.Errorf("signal the caller: nobody has %s", socket)
}

// socketOf is how /proc names the socket of a process here that is bound to an address.
func socketOf(local netip.AddrPort) (string, error) {
	file, err := os.Open("/proc/self/net/tcp")
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	address := local.Addr().Unmap().As4()
	slices.Reverse(address[:]) // in the machine's order: every one that this runs on is little-endian
	want := fmt.Sprintf("%s:%04X", strings.ToUpper(hex.EncodeToString(address[:])), local.Port())
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 9 && fields[1] == want {
			return "socket:[" + fields[9] + "]", nil
		}
	}
	return "", fmt.Errorf("no process has %s: %w", local, os.ErrNotExist)
}
