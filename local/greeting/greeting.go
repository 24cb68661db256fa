// Package greeting runs servers that say as much of a database's protocol as the beginning of a connection takes: MySQL's
// and MariaDB's handshake with TLS and log-in, SQL Server's pre-login with TLS and log-in, and an Oracle listener's
// answers. They hold no data. What they do hold is what a load balancer's health checks can break: a count of the
// handshakes that every host began and did not finish.
package greeting

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// Network is where the servers listen.
type Network interface {
	Listen(vpc string, at netip.AddrPort) (net.Listener, error)
	// Withdrawn says of a connection that ended whether its client never came.
	Withdrawn(c net.Conn) bool
}

// Config is what a server needs to know of its instance.
type Config struct {
	Certificate    tls.Certificate
	Speaks         Protocol
	User, Password string // but of Oracle's; no user: whoever comes is let in
	Version        string
	// MaxConnectErrors is how many unfinished handshakes in a row a host may have before it is blocked; 0 blocks nobody, as a
	// server that does not resolve names.
	MaxConnectErrors int
}

// Protocol is what a server speaks.
type Protocol int

// The protocols: an Oracle listener's; MySQL's and MariaDB's, where the server greets first; SQL Server's.
const (
	TNS Protocol = iota
	MySQL
	TDS
)

// Server is one server. It can be stopped and started again, elsewhere.
type Server struct {
	network Network
	config  Config
	hosts   *hosts

	mu       sync.Mutex
	listener net.Listener // nil: stopped
	open     map[net.Conn]struct{}
}

// New makes a server; Start starts it.
func New(n Network, c Config) *Server {
	return &Server{network: n, config: c, hosts: newHosts(c.MaxConnectErrors), open: map[net.Conn]struct{}{}}
}

// Beside makes another server like s, with a certificate of its own.
func (s *Server) Beside(certificate tls.Certificate) *Server {
	config := s.config
	config.Certificate = certificate
	return New(s.network, config)
}

// Present has the server show another certificate from now on.
func (s *Server) Present(certificate tls.Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config.Certificate = certificate
}

// Start listens on an address of a VPC. A server that starts has forgotten which hosts it blocked.
func (s *Server) Start(_ context.Context, vpc string, at netip.AddrPort) error {
	l, err := s.network.Listen(vpc, at)
	if err != nil {
		return fmt.Errorf("start server on %s: %w", at, err)
	}
	s.mu.Lock()
	s.listener = l
	s.mu.Unlock()
	s.hosts.flush()
	go s.accept(l)
	return nil
}

func (s *Server) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil && s.admit(l, conn) {
			go s.serve(conn)
		}
	}
}

// admit notes an open connection, unless the server was stopped meanwhile.
func (s *Server) admit(l net.Listener, conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != l {
		_ = conn.Close()
		return false
	}
	s.open[conn] = struct{}{}
	return true
}

func (s *Server) serve(conn net.Conn) {
	defer s.forget(conn)
	switch s.config.Speaks {
	case MySQL:
		s.converse(conn)
	case TDS:
		s.prelogin(conn)
	case TNS:
		s.listen(conn)
	}
}

func (s *Server) tls() *tls.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &tls.Config{Certificates: []tls.Certificate{s.config.Certificate}}
}

func (s *Server) forget(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
}

// Stop ends the server and cuts its connections. A server that does not run stays so.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return
	}
	_ = s.listener.Close()
	s.listener = nil
	for conn := range s.open {
		_ = conn.Close()
	}
}

// Delete stops the server: there is nothing else of it.
func (s *Server) Delete() error {
	s.Stop()
	return nil
}

// Close stops the server.
func (s *Server) Close() error { return s.Delete() }
