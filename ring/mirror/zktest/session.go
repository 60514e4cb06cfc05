package zktest

import (
	"context"
	"fmt"
	"os"
	"path"
	"time"

	"github.com/go-zookeeper/zk"
)

// Pause suspends the server's process until Resume. The server then accepts connections
// but does not answer. Sessions expire if the pause is longer than their time-out. The
// error wraps errors.ErrUnsupported if the system has no signals.
func (s *Server) Pause() error { return s.signal("pause", pause) }

// Resume ends a pause.
func (s *Server) Resume() error { return s.signal("resume", resume) }

func (s *Server) signal(what string, send func(*os.Process) error) error {
	if s.cmd == nil {
		return fmt.Errorf("%s ZooKeeper: it does not run", what)
	}
	if err := send(s.cmd.Process); err != nil {
		return fmt.Errorf("%s ZooKeeper: %w", what, err)
	}
	return nil
}

// askTime bounds a request to the server.
const askTime = 5 * time.Second

// Owners returns the sessions that own the children of root, by the children's names. It
// returns none if root does not exist. It blocks for up to 5 s.
func (s *Server) Owners(ctx context.Context, root string) (map[string]int64, error) {
	conn, _, err := zk.Connect([]string{s.Addr()}, askTime, zk.WithLogInfo(false), zk.WithLogger(quiet{}))
	if err != nil {
		return nil, fmt.Errorf("connect to ZooKeeper: %w", err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	defer context.AfterFunc(ctx, conn.Close)() // otherwise a request would block while the server is down
	names, _, err := conn.Children(root)
	if err == zk.ErrNoNode {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", root, err)
	}
	owners := make(map[string]int64)
	for _, name := range names {
		_, stat, err := conn.Exists(path.Join(root, name))
		if err != nil {
			return nil, fmt.Errorf("look at %s: %w", name, err)
		}
		if stat != nil && stat.EphemeralOwner != 0 {
			owners[name] = stat.EphemeralOwner
		}
	}
	return owners, nil
}

// quiet drops the library's log lines, because the library also returns its errors.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
