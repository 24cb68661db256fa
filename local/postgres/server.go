package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Config is what CreateDBInstance says of a server.
type Config struct {
	Name     string   // of its directory, unique in the run
	DNSNames []string // its endpoints: the names in the certificate
	User     string   // MasterUsername
	Password string   // MasterUserPassword
	Database string   // DBName; "" makes none beside postgres
	// Admit judges the token with which a member of rds_iam logs in. nil: there is no login by token.
	Admit func(user, token string) error
}

// Server is a PostgreSQL server. One that is stopped keeps its data.
type Server struct {
	installation *Installation
	name, dir    string
	volume       string // the name of the volume that it is a member of; "" for a server with data of its own
	admit        func(user, token string) error

	mu     sync.Mutex    // held while the server starts or stops
	gate   *gate         // nil: none, or stopped
	cmd    *exec.Cmd     // nil: stopped
	exited chan struct{} // closed when the process has ended
}

// Create makes a server and its data; Start starts it.
func (i *Installation) Create(c Config) (*Server, error) {
	s, err := i.newServer(c.Name, c.DNSNames, func(data string) error { return i.createData(data, c) })
	if err != nil {
		return nil, err
	}
	return s, s.takeTokens(c.Admit)
}

// takeTokens lets users log in with tokens, if somebody judges them.
func (s *Server) takeTokens(admit func(user, token string) error) error {
	if s.admit = admit; admit == nil {
		return nil
	}
	return s.writeGateRules()
}

// newServer makes a server whose data fill brings.
func (i *Installation) newServer(name string, dnsNames []string, fill func(data string) error) (*Server, error) {
	s := &Server{installation: i, name: name, dir: filepath.Join(i.dir, "servers", name)}
	if err := i.makeDir(s.dir); err != nil {
		return nil, fmt.Errorf("create PostgreSQL server %s: %w", name, err)
	}
	err := fill(s.data())
	if err == nil {
		err = i.authority.write(dnsNames, s.certificate(), s.key())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create PostgreSQL server %s: %w", name, err), os.RemoveAll(s.dir))
	}
	return s, nil
}

// makeDir makes a new directory, and those above it.
func (i *Installation) makeDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	return os.Mkdir(dir, 0o755)
}

func (s *Server) data() string        { return filepath.Join(s.dir, "data") }
func (s *Server) certificate() string { return filepath.Join(s.dir, "server.crt") }
func (s *Server) key() string         { return filepath.Join(s.dir, "server.key") }

// createData makes a data directory with a master user.
func (i *Installation) createData(dir string, c Config) error {
	template, err := i.template()
	if err != nil {
		return err
	}
	if err := copyData(dir, template); err != nil {
		return err
	}
	if err := admitOnlyTLS(dir); err != nil {
		return err
	}
	return i.makeMasterUser(dir, c)
}

func copyData(to, from string) error {
	if err := os.Mkdir(to, 0o700); err != nil { // PostgreSQL refuses a directory that others may enter
		return err
	}
	return os.CopyFS(to, os.DirFS(from))
}

// admitOnlyTLS is rds.force_ssl=1, the default since PostgreSQL 15:
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html
// The members of a volume follow each other on a socket that nobody but this machine's processes reach.
func admitOnlyTLS(data string) error {
	const rules = "hostssl all all 0.0.0.0/0 scram-sha-256\n" + followers
	return os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte(rules), 0o600)
}

const followers = "local replication " + superuser + " trust\n"

// makeMasterUser runs the server alone, without network, on statements that each end with their line.
func (i *Installation) makeMasterUser(data string, c Config) error {
	user := identifier(c.User)
	statements := "CREATE ROLE " + tokenRole + ";\nCREATE ROLE " + user + " LOGIN SUPERUSER PASSWORD " + literal(c.Password) + ";\n"
	if c.Database != "" && c.Database != "postgres" {
		statements += "CREATE DATABASE " + identifier(c.Database) + " OWNER " + user + ";\n"
	}
	cmd := i.command("postgres", "--single", "-D", data, "-c", "fsync=off", "-c", maxConnections, "-c", "exit_on_error=on",
		"-c", "log_min_error_statement=panic", "postgres") // an error must not show the password
	cmd.Stdin = strings.NewReader(statements)
	return run(cmd)
}

// maxConnections is in the data too, of which no standby may admit less.
const maxConnections = "max_connections=60"

func identifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
func literal(s string) string    { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Start starts the server on an address of a VPC and returns when it accepts connections.
func (s *Server) Start(ctx context.Context, vpc string, at netip.AddrPort) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.start(ctx, vpc, at); err != nil {
		return fmt.Errorf("start PostgreSQL server %s on %s: %w", s.name, at, err)
	}
	return nil
}

// Stop ends the server and cuts its connections. A server that does not run stays so.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
}

// Move takes the server, with its data, to another address: what clients see of a failover.
func (s *Server) Move(ctx context.Context, vpc string, at netip.AddrPort) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
	if err := s.start(ctx, vpc, at); err != nil {
		return fmt.Errorf("move PostgreSQL server %s to %s: %w", s.name, at, err)
	}
	return nil
}

// Beside makes a server of its own, without any of the data of s: Take brings them.
func (s *Server) Beside(name string, dnsNames ...string) (*Server, error) {
	return s.installation.newServer(name, dnsNames, func(data string) error {
		template, err := s.installation.template()
		if err != nil {
			return err
		}
		if err := copyData(data, template); err != nil {
			return err
		}
		return admitOnlyTLS(data)
	})
}

// Take replaces the server's data with those of another, which refuses writes from then on. Neither may run.
func (s *Server) Take(from *Server) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := os.RemoveAll(s.data())
	if err == nil {
		err = copyData(s.data(), from.data())
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(from.data(), "postgresql.auto.conf"), []byte("default_transaction_read_only = on\n"), 0o600)
	}
	if err != nil {
		return fmt.Errorf("give PostgreSQL server %s the data of %s: %w", s.name, from.name, err)
	}
	return nil
}

// Rename gives the server a certificate for other names, which new connections see.
func (s *Server) Rename(dnsNames ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.installation.authority.write(dnsNames, s.certificate(), s.key()); err != nil {
		return fmt.Errorf("rename PostgreSQL server %s: %w", s.name, err)
	}
	if s.cmd == nil {
		return nil
	}
	return s.cmd.Process.Signal(syscall.SIGHUP)
}

// Delete stops the server and removes its data.
func (s *Server) Delete() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("delete PostgreSQL server %s: %w", s.name, err)
	}
	return nil
}

func (s *Server) start(ctx context.Context, vpc string, at netip.AddrPort) error {
	if s.cmd != nil {
		return errors.New("it runs already")
	}
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := s.installation.command("postgres", s.arguments(at)...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := s.installation.network.Start(vpc, cmd); err != nil {
		return err
	}
	s.cmd, s.exited = cmd, make(chan struct{})
	go func(exited chan<- struct{}) {
		_ = cmd.Wait()
		close(exited)
	}(s.exited)
	err = s.waitUntilReady(ctx)
	if err == nil && s.admit != nil {
		err = s.openGate(vpc, at)
	}
	if err != nil {
		s.stop()
	}
	return err
}

func (s *Server) log() string { return filepath.Join(s.dir, "log") }

func (s *Server) arguments(at netip.AddrPort) []string {
	var settings []string
	if s.admit != nil {
		at, settings = loopback(at), []string{"hba_file=" + s.gateRules()}
	}
	settings = append(settings,
		"listen_addresses="+at.Addr().String(),
		"port="+strconv.Itoa(int(at.Port())),
		"ssl=on",
		"ssl_cert_file="+s.certificate(),
		"ssl_key_file="+s.key(),
		// The data ends with the run and usually lies in memory, which is scarce.
		"fsync=off",
		"full_page_writes=off",
		"synchronous_commit=off",
		"shared_buffers=4MB",
		maxConnections,
		"min_wal_size=2MB",
		"max_wal_size=16MB",
		"io_method=sync",
		"max_logical_replication_workers=0",
	)
	settings = append(settings, s.replication(at.Port())...)
	args := []string{"-D", s.data()}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}

// replication are the settings by which the members of a volume follow its writer; a server that is alone keeps no log for
// others. The socket is an abstract one, which exists in the VPC's namespace alone: a socket in the file system may not have
// a path of more than 107 bytes.
func (s *Server) replication(port uint16) []string {
	if s.volume == "" {
		return []string{"unix_socket_directories=", "max_wal_senders=0", "wal_level=minimal"}
	}
	shared := []string{"wal_level=replica", "max_wal_senders=16", "wal_keep_size=256MB", "wal_retrieve_retry_interval=100ms"}
	if s.follows() {
		return append(shared, "unix_socket_directories=", fmt.Sprintf("primary_conninfo=host=@%s port=%d user=%s", s.volume, port, superuser))
	}
	return append(shared, "unix_socket_directories=@"+s.volume)
}

const readinessInterval = 5 * time.Millisecond

// waitUntilReady reads the server's status file, as pg_ctl does: its port is open before it serves.
func (s *Server) waitUntilReady(ctx context.Context) error {
	tick := time.NewTicker(readinessInterval)
	defer tick.Stop()
	for !s.ready() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.exited:
			log, _ := os.ReadFile(s.log())
			return fmt.Errorf("it ended: %s", strings.TrimSpace(string(log)))
		case <-tick.C:
		}
	}
	return nil
}

func (s *Server) ready() bool {
	status, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	const statusLine = 7 // LOCK_FILE_LINE_PM_STATUS in PostgreSQL's pidfile.h is 8, counted from 1
	lines := strings.Split(string(status), "\n")
	return err == nil && len(lines) > statusLine && strings.TrimSpace(lines[statusLine]) == "ready"
}

const patience = 5 * time.Second

func (s *Server) stop() {
	if s.cmd == nil {
		return
	}
	if s.gate != nil {
		_ = s.gate.listener.Close()
		s.gate = nil
	}
	_ = s.cmd.Process.Signal(syscall.SIGINT) // PostgreSQL's fast shutdown
	select {
	case <-s.exited:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
	s.cmd = nil
}
