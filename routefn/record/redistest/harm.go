package redistest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cim-go/cim/proto/ports"
)

// Fill makes the server behave as if its memory were full. Until Drain, it answers OOM
// to commands that need memory.
func (s *Server) Fill(ctx context.Context) error { return s.set(ctx, "maxmemory", "1") }

// Drain undoes Fill.
func (s *Server) Drain(ctx context.Context) error { return s.set(ctx, "maxmemory", "0") }

// lacking is a number of replicas that is higher than in any test.
const lacking = "99"

// Lack makes the server answer NOREPLICAS to writes, until Suffice.
func (s *Server) Lack(ctx context.Context) error {
	return s.set(ctx, "min-replicas-to-write", lacking)
}

// Suffice undoes Lack.
func (s *Server) Suffice(ctx context.Context) error { return s.set(ctx, "min-replicas-to-write", "0") }

func (s *Server) set(ctx context.Context, name, value string) error {
	if err := s.ask(ctx, "config", "set", name, value).Err(); err != nil {
		return fmt.Errorf("set %s of redis-server at %s: %w", name, s.addr, err)
	}
	return nil
}

// Demote makes the server the replica of a server that does not exist. Until Promote,
// it keeps its data, answers reads, and answers READONLY to writes.
func (s *Server) Demote(ctx context.Context) error {
	port, err := ports.Take()
	if err == nil {
		err = s.ask(ctx, "replicaof", "127.0.0.1", port).Err()
	}
	if err != nil {
		return fmt.Errorf("demote redis-server at %s: %w", s.addr, err)
	}
	return nil
}

// Promote undoes Demote.
func (s *Server) Promote(ctx context.Context) error {
	if err := s.ask(ctx, "replicaof", "no", "one").Err(); err != nil {
		return fmt.Errorf("promote redis-server at %s: %w", s.addr, err)
	}
	return nil
}

// ErrKeepsNothing is returned for a server without Config.Persist.
var ErrKeepsNothing = errors.New("the server keeps nothing")

// appendOnly is the folder of the append-only file, in the server's folder.
const appendOnly = "appendonlydir"

// Backup copies the persisted data of a running server to dir, like a snapshot of its
// disk. If the copy ends in the middle of a command, a server that loads it leaves that
// command out.
func (s *Server) Backup(dir string) error {
	from := filepath.Join(s.dir, appendOnly)
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("back redis-server up: %w", err)
	}
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		return fmt.Errorf("back redis-server at %s up: %w", s.addr, err)
	}
	return nil
}

// Lose kills the server, and replaces its persisted data by the copy that Backup has
// made in dir. If dir is empty, it only deletes the data. Restart starts the server
// with the new data.
func (s *Server) Lose(dir string) error {
	if !s.persists {
		return ErrKeepsNothing
	}
	s.Kill()
	kept := filepath.Join(s.dir, appendOnly)
	err := os.RemoveAll(kept)
	if err == nil && dir != "" {
		err = os.CopyFS(kept, os.DirFS(dir))
	}
	if err != nil {
		return fmt.Errorf("replace data of redis-server at %s: %w", s.addr, err)
	}
	return nil
}
