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
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/ring"
)

// DefaultRoot is where CIM's servers stand.
const DefaultRoot = "/cim"

const (
	retryAfter  = time.Second // after an error, and while there is no session
	checkEvery  = time.Minute // when nothing has changed, as far as the watches say
	redialAfter = time.Minute // without a session
)

// Config says where ZooKeeper is. Servers is needed.
type Config struct {
	Servers []string      // host:port, or host for port 2181; see ParseServers
	Root    string        // absolute path; empty is DefaultRoot
	Session time.Duration // how long ZooKeeper waits for a silent client; 0 is 6 s
	Keys    *ring.Keys    // nil: a cluster without a key

	Logger     *slog.Logger          // nil is silent
	Registerer prometheus.Registerer // nil is none

	dial zk.Dialer // for tests; nil is net.DialTimeout
}

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

// A worker is what keep does over a connection.
type worker interface {
	// event takes note of what ZooKeeper says. It is called by go-zookeeper's
	// goroutines and must not wait.
	event(zk.Event)
	// sync brings both sides together. It is called when there is a session and
	// something may have changed, and returns when to call it again in any case.
	sync(*zk.Conn) (again time.Duration, err error)
	// away is called when sync cannot be: there is no session.
	away()
	// changed returns a channel that is closed when our side has changed since
	// sync or away was last called; nil if it does not change.
	changed() <-chan struct{}
	// rekeyed is called when the keys have changed, and sync after it.
	rekeyed()
}

// keep has w do its work until ctx ends, through lost connections, expired
// sessions and absent servers.
func (c Config) keep(ctx context.Context, w worker) {
	said := sayer{log: c.Logger}
	for ctx.Err() == nil {
		l, err := c.connect(w)
		said.warn(err)
		if err != nil {
			w.away()
			sleep(ctx, 5*retryAfter)
			continue
		}
		l.serve(ctx, c, w)
		l.close()
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// A line is a client of go-zookeeper that can be closed for good.
type line struct {
	zk     *zk.Conn
	events <-chan zk.Event // closed when go-zookeeper's goroutines have ended
	woken  chan struct{}   // cap 1: an event has come

	mu     sync.Mutex
	socket net.Conn // guarded by mu; the last one
	closed bool     // guarded by mu
}

func (c Config) connect(w worker) (*line, error) {
	l := &line{woken: make(chan struct{}, 1)}
	dial := func(network, addr string, timeout time.Duration) (net.Conn, error) {
		conn, err := dialAny(c.dial, network, addr, timeout)
		if err != nil {
			return nil, err
		}
		return impatient{conn, c.Session}, l.hold(conn)
	}
	onEvent := func(e zk.Event) {
		w.event(e)
		select {
		case l.woken <- struct{}{}:
		default: // it has not seen the last one yet
		}
	}
	var err error
	l.zk, l.events, err = zk.Connect(c.Servers, c.Session, zk.WithHostProvider(new(names)), zk.WithDialer(dial), zk.WithEventCallback(onEvent),
		zk.WithLogger(logger{c.Logger}), zk.WithMaxBufferSize(16<<20))
	if err != nil {
		return nil, fmt.Errorf("connect to ZooKeeper: %w", err)
	}
	return l, nil
}

// impatient is a socket that waits no longer for an answer than a session lasts:
// go-zookeeper gives a server that takes connections and answers nothing, such as
// one that is just starting, ten times as long until it tries the next.
type impatient struct {
	net.Conn
	most time.Duration
}

// SetReadDeadline implements net.Conn.
func (c impatient) SetReadDeadline(t time.Time) error {
	if latest := time.Now().Add(c.most); t.After(latest) {
		t = latest
	}
	return c.Conn.SetReadDeadline(t)
}

// hold keeps the socket at hand for close.
func (l *line) hold(conn net.Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = conn.Close()
		return net.ErrClosed
	}
	l.socket = conn
	return nil
}

// close says goodbye, which ends the session and its ephemeral nodes, and waits
// until all goroutines of the client have ended: at most some 3 s.
func (l *line) close() {
	l.zk.Close()
	l.mu.Lock()
	l.closed = true
	if l.socket != nil {
		_ = l.socket.Close() // go-zookeeper may read from it for as long as a session lasts
	}
	l.mu.Unlock()
	for range l.events {
	}
}

// serve calls w as long as there is, or soon may be, a session.
func (l *line) serve(ctx context.Context, c Config, w worker) {
	// A request may wait for long; the end of ctx ends it.
	defer context.AfterFunc(ctx, l.zk.Close)()
	said := sayer{log: c.Logger}
	timer := time.NewTimer(0)
	defer timer.Stop()
	rekeyed := c.Keys.Changed()
	for last := time.Now(); ; {
		select {
		case <-rekeyed:
			rekeyed = c.Keys.Changed()
			w.rekeyed()
		case <-ctx.Done():
			return
		case <-l.woken:
		case <-w.changed():
		case <-timer.C:
		}
		again, err := retryAfter, error(nil)
		if l.zk.State() == zk.StateHasSession {
			last = time.Now()
			again, err = w.sync(l.zk)
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
		if said.warn(err); err != nil {
			again = retryAfter
		}
		timer.Reset(again)
	}
}

var errNoSession = errors.New("no session with ZooKeeper")

// A sayer logs an error once, until there is none or another.
type sayer struct {
	log  *slog.Logger
	last string
}

func (s *sayer) warn(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != s.last {
		s.log.Warn("ZooKeeper is not as it should be", "err", err)
	}
	s.last = text
}

// ensure makes the persistent path p if it is missing.
func ensure(conn *zk.Conn, p string) error {
	_, err := conn.Create(p, nil, 0, zk.WorldACL(zk.PermAll))
	if errors.Is(err, zk.ErrNoNode) {
		if err := ensure(conn, path.Dir(p)); err != nil {
			return err
		}
		_, err = conn.Create(p, nil, 0, zk.WorldACL(zk.PermAll))
	}
	if err != nil && !errors.Is(err, zk.ErrNodeExists) {
		return fmt.Errorf("create %s: %w", p, err)
	}
	return nil
}

// logger passes on what go-zookeeper says: for debugging, because what matters
// of it shows in what keep and its workers log.
type logger struct{ log *slog.Logger }

func (l logger) Printf(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("zk", "text", fmt.Sprintf(format, args...))
	}
}
