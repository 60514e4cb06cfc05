package redistest

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
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

// ErrNotInstalled is returned when there is no redis-server to start.
var ErrNotInstalled = errors.New("redis-server is not installed: install it, or use the embedded store or a server that runs already")

const (
	startTime = time.Minute      // how long a server may take to answer after its start; if the process ends before, the start fails at once
	pingTime  = time.Second      // how long one answer may take
	stopTime  = 20 * time.Second // how long a server may take to end after Stop, before it is killed
	tries     = 5                // how many ports are tried, because another process may take a free port first
)

// Config of one server.
type Config struct {
	Program string   // path of a server program compatible with redis-server, such as valkey-server; empty: redis-server
	Dir     string   // working directory, with the log; made if it does not exist
	Port    int      // zero: a free one
	Persist bool     // keep the data in an append-only file in Dir; false: data end with the process
	Args    []string // further arguments of redis-server, such as "--maxmemory-policy", "allkeys-lru"
	Clock   *Clock   // nil: the machine's clock
	TLS     *TLS     // nil: no TLS

	// Password is the password that clients and replicas must send, without white space;
	// empty: none. The server reads it from its standard input, so that no list of
	// processes shows it. A Sentinel requires none from its clients.
	Password string

	sentinel string // path of a Sentinel's configuration; empty: the server is no Sentinel
}

// Server is a redis-server that was started. Its methods are for one goroutine
// at a time.
type Server struct {
	// Set by Redis.
	addr     string
	command  []string
	clock    *Clock
	tls      *TLS
	password string // empty: there is none, or the server is a Sentinel
	log      string // path
	dir      string // folder of the data
	persists bool

	// These belong to the present or latest process.
	process *os.Process
	done    chan struct{} // closed when the process has ended
}

// Redis starts a server and blocks until it answers, for a minute at most. The end of ctx
// stops only the start, and not a server that has started. The caller stops the server.
func Redis(ctx context.Context, cfg Config) (*Server, error) {
	path, err := exec.LookPath(cmp.Or(cfg.Program, "redis-server"))
	if err != nil {
		return nil, ErrNotInstalled
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for range tries {
		var s *Server
		if s, err = start(ctx, path, cfg); err == nil {
			return s, nil
		}
		if cfg.Port != 0 || ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("start redis-server: %w", err)
}

func start(ctx context.Context, path string, cfg Config) (*Server, error) {
	port := cfg.Port
	if port == 0 {
		var err error
		if port, err = ports.Take(); err != nil {
			return nil, fmt.Errorf("start redis-server: %w", err)
		}
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make its folder: %w", err)
	}
	log := filepath.Join(cfg.Dir, fmt.Sprintf("redis-%d.log", port))
	s := &Server{
		addr:     net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		command:  append([]string{path}, arguments(cfg, port, log)...),
		clock:    cfg.Clock,
		tls:      cfg.TLS,
		password: cfg.Password,
		log:      log,
		dir:      cfg.Dir,
		persists: cfg.Persist,
	}
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Restart stops the server if it runs, and starts it again at the same address, with its
// persisted data. It blocks until the server has loaded the data and answers, for a
// minute at most. The end of ctx stops only the start.
func (s *Server) Restart(ctx context.Context) error {
	s.Stop()
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := s.run(ctx); err != nil {
		return fmt.Errorf("restart redis-server: %w", err)
	}
	return nil
}

// run starts a process and blocks until it answers.
func (s *Server) run(ctx context.Context) error {
	cmd := exec.Command(s.command[0], s.command[1:]...)
	cmd.SysProcAttr = endWithParent()
	cmd.Env = append(os.Environ(), s.clock.environment()...)
	if s.password != "" {
		cmd.Stdin = strings.NewReader("requirepass " + s.password + "\nmasterauth " + s.password + "\n")
	}
	if err := s.launch(cmd); err != nil {
		return err
	}
	if err := s.awaitAnswer(ctx); err != nil {
		s.Kill()
		return fmt.Errorf("%w; its log ends %q", err, lastLine(s.log))
	}
	return nil
}

func arguments(cfg Config, port int, log string) []string {
	if cfg.sentinel != "" { // a Sentinel has no data, and no options about data
		args := []string{cfg.sentinel, "--sentinel", "--bind", "127.0.0.1", "--dir", cfg.Dir, "--logfile", log}
		return append(args, cfg.TLS.ports(port)...)
	}
	appendonly := "no"
	if cfg.Persist {
		appendonly = "yes"
	}
	args := append(cfg.TLS.ports(port),
		"--bind", "127.0.0.1", "--dir", cfg.Dir, "--logfile", log, "--daemonize", "no",
		"--save", "", "--appendonly", appendonly,
	)
	args = append(args, cfg.Args...)
	if cfg.Password != "" {
		args = append(args, "-") // "-" makes the server also read options from its standard input
	}
	return args
}

// launch starts the process, and waits for its end in a goroutine. The goroutine keeps
// its thread, because the kernel ends a process with the thread that started it.
func (s *Server) launch(cmd *exec.Cmd) error {
	started, done := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // the server's log says how it ended
			close(done)
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.process, s.done = cmd.Process, done
	return nil
}

// awaitAnswer blocks until the server answers, the server ends, or ctx ends.
func (s *Server) awaitAnswer(ctx context.Context) error {
	return await(ctx, func() error {
		select {
		case <-s.done:
			return errEnded
		default:
			return s.ping(ctx, s.process.Pid)
		}
	})
}

// ping returns nil if the process pid answers at the server's address. It checks the
// process, because another program may have taken the port.
func (s *Server) ping(ctx context.Context, pid int) error {
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	conn, err := s.tls.dial(ctx, s.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	login := ""
	if s.password != "" {
		login = "AUTH " + s.password + "\r\n"
	}
	if _, err := conn.Write([]byte(login + "PING\r\nINFO server\r\n")); err != nil {
		return err
	}
	lines := bufio.NewScanner(conn)
	if login != "" && (!lines.Scan() || lines.Text() != "+OK") {
		return fmt.Errorf("it answered %q to its password", lines.Text())
	}
	if !lines.Scan() || lines.Text() != "+PONG" {
		return fmt.Errorf("it answered %q", lines.Text())
	}
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "process_id:"); ok {
			if id != strconv.Itoa(pid) {
				return errors.New("another server has the port")
			}
			return nil
		}
	}
	return errors.New("it does not report its process id")
}

// errEnded means that the process has ended by itself.
var errEnded = errors.New("it ended at once")

// await calls ready every 20 ms until it returns nil or errEnded, or ctx ends.
func await(ctx context.Context, ready func() error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil || errors.Is(err, errEnded) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// Addr returns host:port.
func (s *Server) Addr() string { return s.addr }

// URL returns the URL of the server for record.Config. It has the password.
func (s *Server) URL() string { return s.tls.url("redis", s.password, s.addr, "") }

// Running reports whether the process exists. It also returns true for a paused one.
func (s *Server) Running() bool {
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// PID returns the process id.
func (s *Server) PID() int { return s.process.Pid }

// Stop makes the server save its data and end, and blocks until it has ended. After 20
// seconds, Stop kills the server. If the system has no signals, it kills the server at
// once. Calling it again does nothing.
func (s *Server) Stop() {
	if s.process.Signal(syscall.SIGTERM) != nil { // it has ended, or there are no signals
		s.Kill()
		return
	}
	select {
	case <-s.done:
	case <-time.After(stopTime):
		s.Kill()
	}
}

// Kill ends the server without giving it time to save, as a crash does, and blocks until
// it has ended. Calling it again does nothing.
func (s *Server) Kill() {
	_ = s.process.Kill()
	<-s.done
}

// Pause makes the server stand still until Resume. If the system has no signals, the
// error wraps errors.ErrUnsupported.
func (s *Server) Pause() error { return s.signal("pause", pause) }

// Resume undoes Pause.
func (s *Server) Resume() error { return s.signal("resume", resume) }

func (s *Server) signal(what string, send func(*os.Process) error) error {
	if err := send(s.process); err != nil {
		return fmt.Errorf("%s redis-server at %s: %w", what, s.addr, err)
	}
	return nil
}

// lastLine returns the last line of a file, or nothing if it cannot be read.
func lastLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}
