package postgres

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// Volume is the data of a DB cluster, which several servers, its members, have in common: the first that is attached writes,
// the others follow it as PostgreSQL's hot standbys do, and refuse writes. What a reader shows may be some milliseconds old.
// It replays what was written since the volume was made, of which the writer keeps 256 MB: a reader that is attached after
// more has been written does not start.
type Volume struct {
	installation *Installation
	name, dir    string
	admit        func(user, token string) error

	mu     sync.Mutex
	writer *Server
}

// CreateVolume makes a volume with a master user. The configuration's DNS names belong to no server and are not used.
func (i *Installation) CreateVolume(c Config) (*Volume, error) {
	v := &Volume{installation: i, name: c.Name, dir: filepath.Join(i.dir, "volumes", c.Name), admit: c.Admit}
	if err := i.makeDir(v.dir); err != nil {
		return nil, fmt.Errorf("create volume %s: %w", c.Name, err)
	}
	if err := i.createData(v.seed(), c); err != nil {
		return nil, errors.Join(fmt.Errorf("create volume %s: %w", c.Name, err), os.RemoveAll(v.dir))
	}
	return v, nil
}

// seed is the data as it was when the volume was made.
func (v *Volume) seed() string { return filepath.Join(v.dir, "seed") }

// Attach makes a server on the volume; Start starts it. Readers start after the writer.
func (v *Volume) Attach(name string, dnsNames ...string) (*Server, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s, err := v.installation.newServer(name, dnsNames, func(data string) error { return copyData(data, v.seed()) })
	if err != nil {
		return nil, err
	}
	if err := s.takeTokens(v.admit); err != nil {
		return nil, errors.Join(fmt.Errorf("attach PostgreSQL server %s: %w", name, err), s.Delete())
	}
	s.volume = v.name
	if v.writer == nil {
		v.writer = s
		return s, nil
	}
	if err := os.WriteFile(s.signal(), nil, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("attach PostgreSQL server %s: %w", name, err), s.Delete())
	}
	return s, nil
}

// signal is the file that makes a server a standby.
func (s *Server) signal() string { return filepath.Join(s.data(), "standby.signal") }

func (s *Server) follows() bool {
	_, err := os.Stat(s.signal())
	return err == nil
}

// Promote makes s the volume's writer, and the writer a reader. Neither may run: they change places on the data, so nothing
// that was written is lost, and no standby ever has to be wound back.
func (v *Volume) Promote(s *Server) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if s == v.writer {
		return nil
	}
	if err := exchange(v.writer, s); err != nil {
		return fmt.Errorf("promote PostgreSQL server %s: %w", s.name, err)
	}
	v.writer = s
	return nil
}

func exchange(a, b *Server) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.cmd != nil || b.cmd != nil {
		return errors.New("a server that runs cannot change its data")
	}
	aside := filepath.Join(a.dir, "aside")
	return errors.Join(os.Rename(a.data(), aside), os.Rename(b.data(), a.data()), os.Rename(aside, b.data()))
}
