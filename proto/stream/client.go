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

// ErrClosed is returned by calls on a Client after Close.
var ErrClosed = errors.New("stream: client is closed")

// errRetired is the error of a connection that takes no new calls.
var errRetired = errors.New("stream: connection takes no new calls")

// ClientConfig configures a Client.
type ClientConfig struct {
	Dial      func(ctx context.Context) (net.Conn, error) // required; see Dialer
	MaxAnswer int                                         // bytes of one answer's body; 0: 16 MiB

	WriteTimeout time.Duration // if a write takes longer, the connection is closed; 0: 5 s
	IdleTimeout  time.Duration // a connection without calls is closed after this time; 0: 90 s
	MaxAge       time.Duration // calls use a new connection after this time, plus or minus a fifth; 0: 5 min
	// After the server has offered no streams, calls return ErrRefused without a new
	// request. Again is how long they do so; 0: 1 min. Such a server seldom begins to
	// offer streams.
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

// Answer is the answer to a call.
type Answer struct {
	Status     int           // an HTTP status
	RetryAfter time.Duration // how long to wait before a retry; zero: the answer has none
	Body       []byte        // owned by the caller
}

// Client makes calls to one server. It is safe for concurrent use.
type Client struct {
	config ClientConfig

	mu      sync.Mutex
	conn    *conn         // takes new calls; nil: none
	dialing chan struct{} // closed when the dial in progress has ended; nil: no dial is in progress
	lastErr error         // error of the last dial
	refused time.Time     // until this time, calls return ErrRefused
	closed  bool
	alive   map[*conn]bool // open connections, also those that take no new calls
	readers sync.WaitGroup
}

// NewClient returns a client that connects at its first call. It panics if c.Dial is
// nil.
func NewClient(c ClientConfig) *Client {
	if c.Dial == nil {
		panic("stream: no Dial")
	}
	return &Client{config: c.withDefaults(), alive: make(map[*conn]bool)}
}

// Call makes one call and blocks until the answer comes or ctx ends. After an error
// that wraps ErrRefused the call was not carried out. After any other error it may have
// been. If a call's deadline passes, and no answer of any call has come since that call
// began, Call closes the connection.
func (c *Client) Call(ctx context.Context, path string, body []byte) (*Answer, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("stream: path has %d bytes, want at most %d", len(path), maxPath)
	}
	for {
		conn, err := c.connected(ctx)
		if err != nil {
			return nil, err
		}
		answer, err := conn.call(ctx, path, body)
		if !errors.Is(err, errRetired) { // after errRetired, the call is tried on another connection
			return answer, err
		}
	}
}

// Connect opens a connection if there is none, and blocks until it is open or ctx ends.
// It does not test an open connection, because a process that has ended has closed its
// connections.
func (c *Client) Connect(ctx context.Context) error {
	_, err := c.connected(ctx)
	return err
}

// connected returns the connection for new calls, and opens one if there is none. One
// caller dials, and the others wait for its result.
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

// dial opens a new connection, and wakes the callers that wait for it.
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

// Close ends all calls with ErrClosed and blocks until the client's goroutines have ended.
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
