package network

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
)

// probeName is the name under which Check runs this program again to try what Enclose, Enter and the firewall need. What
// forbids it (AppArmor, a container's seccomp filter, a missing module) shows only where it happens: inside.
const probeName = "network-probe"

func init() {
	if os.Args[0] != probeName {
		return
	}
	if err := probe(); err != nil {
		fmt.Fprint(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

const noFirewall = "use nf_tables"

func probe() error {
	if err := Enter(); err != nil {
		return err
	}
	const here = 0 // instead of a file descriptor: this thread's network namespace
	if err := errors.Join(raiseFirewall(here, outsideDNS.Addr()), Firewall{}.apply(here)); err != nil {
		return fmt.Errorf("%s: %w", noFirewall, err)
	}
	hall, err := openHall(here)
	if err != nil {
		return fmt.Errorf("%s: %w", noFirewall, err)
	}
	hall.close()
	return nil
}

// Check says whether this machine allows what the network needs, and if not, what to do about it.
func Check() error {
	cmd, err := Enclose(nil, nil, nil)
	if err != nil {
		return err
	}
	cmd.Args = []string{probeName}
	var reason bytes.Buffer
	cmd.Stderr = &reason
	err = cmd.Run()
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		err = errors.New(reason.String())
	}
	return fmt.Errorf("make namespaces: %w\n%s", err, remedy(err, os.Geteuid() == 0, os.DirFS("/proc/sys")))
}

// remedy says what to do about err. sysctls is /proc/sys.
func remedy(err error, root bool, sysctls fs.FS) string {
	switch {
	case strings.HasPrefix(err.Error(), noFirewall):
		return "the kernel lacks nf_tables, or is older than Linux 5.6: try " +
			"`sudo modprobe -a nf_tables nft_compat xt_NFQUEUE nfnetlink_queue nft_reject_ipv4`"
	case sysctl(sysctls, "user/max_user_namespaces") == "0":
		return "user namespaces are switched off: `sudo sysctl -w user.max_user_namespaces=10000`"
	case !root && sysctl(sysctls, "kernel/unprivileged_userns_clone") == "0":
		return "only root may make user namespaces: use sudo, or `sudo sysctl -w kernel.unprivileged_userns_clone=1`"
	case !root && sysctl(sysctls, "kernel/apparmor_restrict_unprivileged_userns") == "1":
		return "AppArmor restricts the user namespaces of ordinary users (Ubuntu 23.10 and later): use sudo, " +
			"or `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`"
	default:
		return "a container's seccomp or AppArmor profile may forbid it: start the container with " +
			"`--privileged`, or run outside of it"
	}
}

func sysctl(sysctls fs.FS, name string) string {
	value, err := fs.ReadFile(sysctls, name)
	if err != nil {
		return "" // this kernel does not have it
	}
	return strings.TrimSpace(string(value))
}
