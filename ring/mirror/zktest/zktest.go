// Package zktest runs a private ZooKeeper server as a child process. It is for tests, and
// for a whole cluster on one machine. The server listens on loopback only, keeps its data
// in a given directory, and is not part of an ensemble.
//
// A Server has one goroutine, which ends when the process has ended.
package zktest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cim-go/cim/proto/ports"
)

// ErrNotInstalled means that this machine has no java or no ZooKeeper. The error of Start
// wraps it.
var ErrNotInstalled = errors.New("java or ZooKeeper is not installed")

// stopPatience is how long Stop waits before it kills the process.
const stopPatience = 20 * time.Second

// Config has the server's directory and port.
type Config struct {
	Dir  string // for its data, its configuration and its log; created if missing
	Port int    // on 127.0.0.1; 0 takes a free one
}

// A Server is a ZooKeeper process. Its methods are for one goroutine at a time.
type Server struct {
	dir  string
	port int
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// Start starts a server. It blocks until the server answers, which takes about a second,
// or ctx ends. The server outlives ctx, so call Stop. On Linux it dies with this process.
func Start(ctx context.Context, c Config) (*Server, error) {
	s := &Server{dir: c.Dir, port: c.Port}
	if s.port == 0 {
		var err error
		if s.port, err = ports.Take(); err != nil {
			return nil, fmt.Errorf("start ZooKeeper: %w", err)
		}
	}
	if err := s.Restart(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Addr returns the server's host:port, which never changes.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Restart stops the server if it runs, and starts it again with its port and its data. It
// blocks as Start does.
func (s *Server) Restart(ctx context.Context) error {
	s.Stop()
	if err := s.start(); err != nil {
		return fmt.Errorf("start ZooKeeper: %w", err)
	}
	if err := s.wait(ctx); err != nil {
		s.Kill()
		return fmt.Errorf("start ZooKeeper: %w%s", err, s.lastWords())
	}
	return nil
}

// Stop terminates the server and blocks until it has ended. It kills the server after 20
// s, or at once if the system has no signals. It does nothing if the server does not run.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

// Kill kills the server, as in a crash, and blocks until it has ended.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

func (s *Server) end(sig os.Signal) {
	if s.cmd == nil {
		return
	}
	if s.cmd.Process.Signal(sig) != nil { // it has ended, or the system has no signals
		_ = s.cmd.Process.Kill()
	}
	select {
	case <-s.done:
	case <-time.After(stopPatience):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
	s.cmd = nil
}

func (s *Server) start() error {
	java, err := exec.LookPath("java")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotInstalled, err)
	}
	classes, err := classPath(os.Getenv("ZOOKEEPER_HOME"))
	if err != nil {
		return err
	}
	config, err := s.writeConfig()
	if err != nil {
		return err
	}
	log, err := os.Create(s.logPath())
	if err != nil {
		return err
	}
	defer log.Close() // the child has a descriptor of its own
	s.cmd = exec.Command(java,
		"-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", // small, and quick to start
		"-Dzookeeper.forceSync=no", // the data need not survive a crash of the machine
		"-cp", classes, "org.apache.zookeeper.server.ZooKeeperServerMain", config)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = dieWithParent()
	s.done = make(chan struct{})
	started := make(chan error)
	go func(cmd *exec.Cmd, done chan struct{}) {
		// Linux kills the child when the thread that started it ends, so this goroutine
		// keeps its thread. It unlocks the thread at the end. Otherwise Go would end the
		// thread, and Linux would kill all other children that were started from it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // the server's log has the reason
		}
		close(done)
	}(s.cmd, s.done)
	if err := <-started; err != nil {
		s.cmd = nil
		return err
	}
	return nil
}

// classPath returns where java finds ZooKeeper's jars. The directory home has those of a
// distribution. If home is empty, Debian's jar is used, which refers to the others.
func classPath(home string) (string, error) {
	if home != "" {
		if jars, _ := filepath.Glob(filepath.Join(home, "lib", "zookeeper-*.jar")); len(jars) > 0 {
			return filepath.Join(home, "lib", "*"), nil // java expands the wildcard
		}
		return "", fmt.Errorf("%w: no lib/zookeeper-*.jar in %s", ErrNotInstalled, home)
	}
	const debian = "/usr/share/java/zookeeper.jar"
	if _, err := os.Stat(debian); err != nil {
		return "", fmt.Errorf("%w: %w; install the package zookeeper or set ZOOKEEPER_HOME", ErrNotInstalled, err)
	}
	return debian, nil
}

// writeConfig creates the directory and the configuration file. With a tick of 200 ms,
// sessions may have a time-out from 0.4 s, and the server expires them every 200 ms.
func (s *Server) writeConfig() (path string, err error) {
	data, err := filepath.Abs(filepath.Join(s.dir, "data"))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", err
	}
	path = filepath.Join(s.dir, "zoo.cfg")
	text := fmt.Sprintf(`dataDir=%s
clientPort=%d
clientPortAddress=127.0.0.1
tickTime=200
maxSessionTimeout=60000
admin.enableServer=false
4lw.commands.whitelist=srvr
`, filepath.ToSlash(data), s.port) // in this file a backslash is an escape
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// wait blocks until the server answers or has ended, or ctx ends.
func (s *Server) wait(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !s.answers() {
		select {
		case <-s.done:
			return errors.New("the server ended at once")
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// answers reports whether the server accepts sessions. Before it does, it already accepts
// connections and reports that it is healthy. Such a connection may never get a session.
func (s *Server) answers() bool {
	conn, err := net.DialTimeout("tcp", s.Addr(), time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := io.WriteString(conn, "srvr"); err != nil {
		return false
	}
	answer, _ := io.ReadAll(io.LimitReader(conn, 4096))
	return strings.Contains(string(answer), "Mode: standalone")
}

func (s *Server) logPath() string { return filepath.Join(s.dir, "zookeeper.log") }

// lastWords returns the end of the server's log, for an error.
func (s *Server) lastWords() string {
	b, err := os.ReadFile(s.logPath())
	text := strings.TrimSpace(string(b[max(0, len(b)-500):]))
	if err != nil || text == "" {
		return ""
	}
	return "; its log ends: " + text
}
