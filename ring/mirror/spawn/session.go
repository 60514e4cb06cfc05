package spawn

import (
	"context"
	"fmt"
	"os"
	"path"
	"time"

	"github.com/go-zookeeper/zk"
)

// Pause stops the server in its tracks until Resume: it takes connections and
// answers nobody. After a pause that is longer than their time-out, the sessions
// have expired. The error wraps errors.ErrUnsupported where the system has no
// signals.
func (s *Server) Pause() error { return s.signal("pause", pause) }

// Resume undoes Pause.
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

// askTime is how long a question to the server may take.
const askTime = 5 * time.Second

// Owners returns the sessions to which the children of root belong, by their
// names; none if root is not there.
func (s *Server) Owners(ctx context.Context, root string) (map[string]int64, error) {
	conn, _, err := zk.Connect([]string{s.Addr()}, askTime, zk.WithLogInfo(false), zk.WithLogger(quiet{}))
	if err != nil {
		return nil, fmt.Errorf("connect to ZooKeeper: %w", err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	defer context.AfterFunc(ctx, conn.Close)() // a request would wait for a server that is away
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

// quiet drops what the library says: it comes back as an error, too.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
