package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/ring"
)

// DefaultRoot is the directory of CIM's servers.
const DefaultRoot = "/cim"

const (
	retryAfter  = time.Second // after an error, and while there is no session
	askEvery    = time.Second // between two calls of Config.Takes
	redialAfter = time.Minute // after this time without a session, the client is closed and made again
)

// Config configures a Publisher or a Follower. Servers is required.
type Config struct {
	Servers []string      // host:port, or host for port 2181; see ParseServers
	Root    string        // absolute path; empty is DefaultRoot
	Session time.Duration // how long ZooKeeper waits for a silent client; 0 is 6 s
	Keys    *ring.Keys    // nil: a cluster without a key

	// Takes reports whether CIM's routes may send users to a Publisher's node. The
	// Publisher calls it about once per second. It must not block. nil: the node takes
	// users while it serves.
	Takes func() bool

	// Auth is "user:password" of ZooKeeper's digest scheme. Then only this user may write
	// under Root, and everybody may read. Empty: everybody may write, as CIM's own
	// servers need it.
	Auth string

	Logger     *slog.Logger          // nil: no logs
	Registerer prometheus.Registerer // nil: no metrics are registered

	dial zk.Dialer // for tests; nil is net.DialTimeout
}

// standby returns the directory of nodes that CIM's routes must not find.
func (c Config) standby() string { return c.Root + "-standby" }

func (c Config) withDefaults() (Config, error) {
	if len(c.Servers) == 0 {
		return c, errors.New("no ZooKeeper server")
	}
	servers, err := ParseServers(strings.Join(c.Servers, ","))
	if err != nil {
		return c, err
	}
	c.Servers = servers
	if c.Root == "" {
		c.Root = DefaultRoot
	}
	if !strings.HasPrefix(c.Root, "/") || path.Clean(c.Root) != c.Root || c.Root == "/" {
		return c, fmt.Errorf("root %q: want an absolute path without a slash at its end", c.Root)
	}
	if user, password, ok := strings.Cut(c.Auth, ":"); c.Auth != "" && (!ok || user == "" || password == "") {
		return c, errors.New("rights in ZooKeeper: want user:password")
	}
	if c.Session <= 0 {
		c.Session = 6 * time.Second
	}
	if c.Keys == nil {
		c.Keys = ring.NewKeys()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.dial == nil {
		c.dial = net.DialTimeout
	}
	return c, nil
}

// A worker keeps ZooKeeper and this process in sync over a session.
type worker interface {
	// event records a watch's event. go-zookeeper's goroutines call it. It must not
	// block.
	event(zk.Event)
	// sync makes the entries in ZooKeeper and this process equal. It is called when there
	// is a session and one side may have changed. It returns when to call it again if
	// nothing changes before.
	sync(*zk.Conn) (again time.Duration, err error)
	// away is called instead of sync when there is no session.
	away()
	// changed returns a channel, or nil if the worker only reads. The channel is closed
	// when the worker has got something to write after the last call of sync or away.
	changed() <-chan struct{}
	// reread makes the next sync read and write everything again. It is called when the
	// keys have changed.
	reread()
	// resumes reports whether the worker keeps its session when its connection is lost.
	// A worker that sets watches must not, see errResumed.
	resumes() bool
}

// keep runs w until ctx ends. It reconnects after lost connections, expired sessions and
// outages of the servers.
func (c Config) keep(ctx context.Context, w worker) {
	errs := errorLog{log: c.Logger}
	var closing sync.WaitGroup
	defer closing.Wait()
	for ctx.Err() == nil {
		s, err := c.connect(w)
		errs.warn(err)
		if err != nil {
			w.away()
			sleep(ctx, 5*retryAfter)
			continue
		}
		s.serve(ctx, c, w)
		closing.Go(s.close)
		w.away()
		sleep(ctx, retryAfter)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// A session is a client of go-zookeeper whose close waits for all of its goroutines.
type session struct {
	zk     *zk.Conn
	known  bool            // owned by serve: the server has got our user, see identify
	events <-chan zk.Event // closed when go-zookeeper's goroutines have ended
	woken  chan struct{}   // cap 1: the worker got an event

	mu     sync.Mutex
	socket net.Conn // guarded by mu; of the latest connection
	closed bool     // guarded by mu

	joined atomic.Bool   // true after the first connection of the session
	lost   chan struct{} // cap 1: has a value when a worker that does not resume has lost its connection
}

// errResumed refuses a second connection for the session of a worker that sets watches.
// On such a connection go-zookeeper (1.0.4) sets its watches again. It sends the number
// of the last change that it knows, and the server reports only later changes. But
// go-zookeeper reads that number without a lock. So the reply to a request that waited
// for the connection may raise the number first. Then the server does not report the
// changes in between.
var errResumed = errors.New("a lost connection ends this session")

func (c Config) connect(w worker) (*session, error) {
	s := &session{woken: make(chan struct{}, 1), lost: make(chan struct{}, 1)}
	dial := func(network, addr string, timeout time.Duration) (net.Conn, error) {
		if !w.resumes() && s.joined.Load() {
			select {
			case s.lost <- struct{}{}:
			default:
			}
			return nil, errResumed
		}
		conn, err := dialAny(c.dial, network, addr, timeout)
		if err != nil {
			return nil, err
		}
		return deadlineConn{conn, c.Session}, s.setSocket(conn)
	}
	onEvent := func(e zk.Event) {
		if e.State == zk.StateHasSession {
			s.joined.Store(true)
		}
		w.event(e)
		select {
		case s.woken <- struct{}{}:
		default: // serve has not received the previous signal yet
		}
	}
	var err error
	s.zk, s.events, err = zk.Connect(c.Servers, c.Session, zk.WithHostProvider(new(names)), zk.WithDialer(dial), zk.WithEventCallback(onEvent),
		zk.WithLogger(logger{c.Logger}), zk.WithMaxBufferSize(16<<20))
	if err != nil {
		return nil, fmt.Errorf("connect to ZooKeeper: %w", err)
	}
	return s, nil
}

// deadlineConn limits read deadlines to the session's time-out. go-zookeeper itself
// waits ten times as long for a server that takes connections and does not answer, such
// as one that is starting.
type deadlineConn struct {
	net.Conn
	most time.Duration
}

// SetReadDeadline implements net.Conn.
func (c deadlineConn) SetReadDeadline(t time.Time) error {
	if latest := time.Now().Add(c.most); t.After(latest) {
		t = latest
	}
	return c.Conn.SetReadDeadline(t)
}

// setSocket stores the socket for close. If the session is closed already, it closes
// the socket and returns net.ErrClosed.
func (s *session) setSocket(conn net.Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close()
		return net.ErrClosed
	}
	s.socket = conn
	return nil
}

// close ends the session at the server, and so deletes its ephemeral nodes. It blocks
// until all goroutines of the client have ended, for up to 3 s.
func (s *session) close() {
	s.zk.Close()
	s.mu.Lock()
	s.closed = true
	if s.socket != nil {
		_ = s.socket.Close() // otherwise go-zookeeper may read until the read deadline
	}
	s.mu.Unlock()
	for range s.events {
	}
}

// identify sends the user of Config.Auth to the server, once. The library go-zookeeper
// repeats that over later connections.
func (s *session) identify(auth string) error {
	if auth == "" || s.known {
		return nil
	}
	if err := s.zk.AddAuth("digest", []byte(auth)); err != nil {
		return fmt.Errorf("identify: %w", err)
	}
	s.known = true
	return nil
}

// serve calls w's methods until ctx ends, until there was no session for redialAfter, or
// until w has lost its connection and does not resume.
func (s *session) serve(ctx context.Context, c Config, w worker) {
	// A request may block for long. The end of ctx ends it.
	defer context.AfterFunc(ctx, s.zk.Close)()
	errs := errorLog{log: c.Logger}
	timer := time.NewTimer(0)
	defer timer.Stop()
	rekeyed := c.Keys.Changed()
	for last := time.Now(); ; {
		select {
		case <-rekeyed:
			rekeyed = c.Keys.Changed()
			w.reread()
		case <-ctx.Done():
			return
		case <-s.lost:
			return
		case <-s.woken:
		case <-w.changed():
		case <-timer.C:
		}
		again, err := retryAfter, error(nil)
		if s.zk.State() == zk.StateHasSession {
			last = time.Now()
			if err = s.identify(c.Auth); err == nil {
				again, err = w.sync(s.zk)
			}
		} else {
			w.away()
			if out := time.Since(last); out > redialAfter {
				return
			} else if out > c.Session {
				err = errNoSession
			}
		}
		if ctx.Err() != nil {
			return
		}
		if errs.warn(err); err != nil {
			again = retryAfter
		}
		timer.Reset(again)
	}
}

var errNoSession = errors.New("no session with ZooKeeper")

// An errorLog logs an error unless the previous call had the same one.
type errorLog struct {
	log  *slog.Logger
	last string
}

func (s *errorLog) warn(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != s.last {
		s.log.Warn("ZooKeeper failed", "err", err)
	}
	s.last = text
}

// rights returns the access rights of the entries that a Publisher writes.
func (c Config) rights() []zk.ACL {
	user, password, ok := strings.Cut(c.Auth, ":")
	if !ok {
		return zk.WorldACL(zk.PermAll)
	}
	return append(zk.DigestACL(zk.PermAll, user, password), zk.WorldACL(zk.PermRead)...)
}

// ensure creates the persistent path p, with these access rights, if it is missing.
func ensure(conn *zk.Conn, p string, rights []zk.ACL) error {
	_, err := conn.Create(p, nil, 0, rights)
	if errors.Is(err, zk.ErrNoNode) {
		if err := ensure(conn, path.Dir(p), rights); err != nil {
			return err
		}
		_, err = conn.Create(p, nil, 0, rights)
	}
	if err != nil && !errors.Is(err, zk.ErrNodeExists) {
		return fmt.Errorf("create %s: %w", p, err)
	}
	return nil
}

// logger logs go-zookeeper's messages for debugging. keep and its workers log the
// important events themselves.
type logger struct{ log *slog.Logger }

func (l logger) Printf(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("ZooKeeper client", "text", fmt.Sprintf(format, args...))
	}
}
