package network

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// insideID is the user and group inside, whoever the caller is outside: initdb refuses to run as uid 0.
const insideID = 1000

// Enclose returns a command, not yet started, that runs this program again with args in user, mount, PID, IPC and network
// namespaces of its own. It is PID 1 there, so whatever it started ends with it, and it ends with the thread that starts it:
// callers lock that thread (runtime.LockOSThread). files become file descriptors 3 and up.
func Enclose(args, env []string, files []*os.File) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("enclose: %w", err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = env
	cmd.ExtraFiles = files
	cmd.SysProcAttr = &syscall.SysProcAttr{
		// IPC: PostgreSQL's System V segment would outlive a killed process on the host.
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWNET,
		Pdeathsig:   syscall.SIGKILL,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: insideID, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: insideID, HostID: os.Getgid(), Size: 1}},
		// Capabilities over these namespaces only. Ambient, because exec drops all others of a user that is not 0.
		AmbientCaps: []uintptr{unix.CAP_NET_ADMIN, unix.CAP_SYS_ADMIN, unix.CAP_NET_BIND_SERVICE},
	}
	return cmd, nil
}

// Enter completes the namespaces that Enclose made. It comes before anything else inside.
func Enter() error {
	if os.Getpid() != 1 {
		return errors.New("enter namespaces: this process was not started by Enclose")
	}
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	// Namespaces are opened by paths in /proc, and the host's shows another PID namespace.
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	return nil
}
