package stream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"
)

// ErrClosed is returned by calls on a Client that was closed.
var ErrClosed = errors.New("stream: client is closed")

// errGone is the end of a connection that nobody calls on any more.
var errGone = errors.New("stream: connection is not used any more")

// ClientConfig configures a Client.
type ClientConfig struct {
	Dial      func(ctx context.Context) (net.Conn, error) // required; see Dialer
	MaxAnswer int                                         // bytes of one answer's body; 0: 16 MiB

	WriteTimeout time.Duration // of one write, after which the connection is given up; 0: 5 s
	IdleTimeout  time.Duration // a connection without calls is closed after it; 0: 90 s
	MaxAge       time.Duration // after it, give or take a fifth, calls go to a new connection; 0: 5 min
	// Again is how long ErrRefused is answered without asking; 0: 1 min. One that
	// offers no streams seldom begins to.
	Again time.Duration
}

func (c ClientConfig) withDefaults() ClientConfig {
	def := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	def(&c.WriteTimeout, 5*time.Second)
	def(&c.IdleTimeout, 90*time.Second)
	def(&c.MaxAge, 5*time.Minute)
	def(&c.Again, time.Minute)
	if c.MaxAnswer == 0 {
		c.MaxAnswer = 16 << 20
	}
	return c
}

// Answer is what came back.
type Answer struct {
	Status     int           // as of HTTP
	RetryAfter time.Duration // zero: none was said
	Body       []byte        // the caller's
}

// Client makes calls to one server. It is safe for concurrent use.
type Client struct {
	config ClientConfig

	mu      sync.Mutex
	conn    *conn         // takes new calls; nil: none
	dialing chan struct{} // closed when the dial in progress has ended; nil: none is
	lastErr error         // of the last dial
	refused time.Time     // until then the server offers no streams
	closed  bool
	alive   map[*conn]bool // also those that take no new calls
	readers sync.WaitGroup
}

// NewClient returns a client that connects when it is first called. It panics
// without Dial, a programmer's mistake.
func NewClient(c ClientConfig) *Client {
	if c.Dial == nil {
		panic("stream: no Dial")
	}
	return &Client{config: c.withDefaults(), alive: make(map[*conn]bool)}
}

// Call makes one call and blocks until it is answered or ctx ends. Any error but one
// that wraps ErrRefused leaves open whether it was carried out. A connection that
// said nothing since a call that ran out of time is given up.
func (c *Client) Call(ctx context.Context, path string, body []byte) (*Answer, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("stream: path of %d bytes", len(path))
	}
	for {
		conn, err := c.connected(ctx)
		if err != nil {
			return nil, err
		}
		answer, err := conn.call(ctx, path, body)
		if !errors.Is(err, errGone) { // it ended before it took the call
			return answer, err
		}
	}
}

// connected returns the connection for new calls, and opens one if need be. One
// caller dials, others wait for what becomes of it.
func (c *Client) connected(ctx context.Context) (*conn, error) {
	for waited := false; ; waited = true {
		c.mu.Lock()
		now := time.Now()
		switch {
		case c.closed:
			c.mu.Unlock()
			return nil, ErrClosed
		case now.Before(c.refused):
			c.mu.Unlock()
			return nil, ErrRefused
		case c.conn != nil && c.conn.fresh(now):
			conn := c.conn
			c.mu.Unlock()
			return conn, nil
		case c.dialing == nil && waited && c.lastErr != nil:
			err := c.lastErr
			c.mu.Unlock()
			return nil, err
		case c.dialing == nil:
			c.dialing = make(chan struct{})
			c.mu.Unlock()
			c.dial(ctx)
			waited = true
			continue
		}
		dialing := c.dialing
		c.mu.Unlock()
		select {
		case <-dialing:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// dial replaces the connection, and lets who waits for it go on.
func (c *Client) dial(ctx context.Context) {
	raw, err := c.config.Dial(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.dialing)
	c.dialing, c.lastErr = nil, err
	if errors.Is(err, ErrRefused) {
		c.refused = time.Now().Add(c.config.Again)
	}
	if err != nil {
		return
	}
	if c.closed {
		_ = raw.Close()
		return
	}
	if c.conn != nil {
		c.conn.retire()
	}
	age := c.config.MaxAge*4/5 + rand.N(c.config.MaxAge*2/5+1)
	conn := newConn(raw, &c.config, time.Now().Add(age))
	c.conn = conn
	c.alive[conn] = true
	c.readers.Go(func() {
		conn.read()
		c.mu.Lock()
		delete(c.alive, conn)
		c.mu.Unlock()
	})
}

// Close ends all calls and blocks until nothing of the client runs.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	alive := slices.Collect(maps.Keys(c.alive))
	c.mu.Unlock()
	for _, conn := range alive {
		conn.fail(ErrClosed)
	}
	c.readers.Wait()
}
