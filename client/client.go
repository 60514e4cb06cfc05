package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/cim-go/cim/proto"
)

// ErrClosed is returned after Close or Logout.
var ErrClosed = errors.New("the client is closed")

// Client is one account on one device, connected. Its methods may be called
// concurrently. Make it with Connect, end it with Close.
type Client struct {
	// Set by Connect, read by all.
	cfg     Config
	account account
	cancel  context.CancelFunc
	slots   chan struct{} // one taken by each message in the outbox
	wake    chan struct{} // of size 1: there may be something to write
	pull    chan struct{} // of size 1: there may be something to read from the route
	ready   chan struct{} // closed at the first live connection
	stopped chan struct{} // closed when err is set
	wg      sync.WaitGroup

	// Owned by the goroutine that keeps the connection.
	avoid   avoidList
	since   time.Time // of the present connection, or the latest
	refused int       // how often in a row a login was told to come again

	delivering sync.Mutex // held from taking a delivery to having kept it

	// Guarded by mu.
	mu       sync.Mutex
	self     User
	state    State
	err      error // why the client stopped; nil while it runs
	events   []Event
	happened bell // rung for every event
	arrived  bell // rung for every delivery
	in       inbox
	out      outbox
	acks     acks
	marks    []mark // the latest ones that were told
}

// Connect logs in and blocks until the first connection is live, trying again
// while a retry may help. It returns an error when ctx ends before that, or at
// once for a reason that no retry changes: such an error wraps a *proto.Error.
// ctx bounds only Connect itself.
func Connect(ctx context.Context, cfg Config) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	lifetime, cancel := context.WithCancel(context.Background())
	c := &Client{
		cfg:     cfg,
		account: account{cfg, newRoutes(cfg)},
		cancel:  cancel,
		slots:   make(chan struct{}, outboxMax),
		wake:    make(chan struct{}, 1),
		pull:    make(chan struct{}, 1),
		ready:   make(chan struct{}),
		stopped: make(chan struct{}),
		in:      inbox{logs: make(map[int64]*follower), sent: make(map[string]bool)},
		acks:    acks{shown: make(map[int64]proto.Position)},
	}
	c.wg.Go(func() { c.run(lifetime) })
	c.wg.Go(func() { c.pullGaps(lifetime) })
	select {
	case <-c.ready:
		return c, nil
	case <-c.stopped:
		err = c.Err()
	case <-ctx.Done():
		err = errors.Join(ctx.Err(), c.State().Err)
	}
	c.Close()
	return nil, fmt.Errorf("connect: %w", err)
}

// Self returns the account.
func (c *Client) Self() User {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.self
}

// Device returns the device's name.
func (c *Client) Device() string { return c.cfg.Device }

// Token returns the route's latest token of this device. It spares the password
// at the next Connect, for days. Keep it like a password.
func (c *Client) Token() string { return c.account.routes.bearer() }

// Err returns why the client stopped, or nil while it runs.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close acknowledges what was shown, closes the connection and waits until
// everything the client started has ended, some seconds at most. Sends that wait
// return an error. The history is the caller's to close, after this. Closing
// twice is fine; the error is always nil.
func (c *Client) Close() error {
	c.stop(ErrClosed)
	c.wg.Wait()
	c.delivering.Lock() // nothing is kept after Close has returned
	defer c.delivering.Unlock()
	return nil
}

// Logout ends the device's session and makes its token useless, then closes the
// client, even when the route could not be told.
func (c *Client) Logout(ctx context.Context) error {
	var out proto.LogoutAnswer
	err := c.account.routes.call(ctx, http.MethodPost, proto.PathLogout, proto.LogoutRequest{}, &out)
	if err := c.Close(); err != nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("log out: %w", err)
	}
	return nil
}

// stop makes err the reason why the client ends, unless there is one already,
// and lets everything end.
func (c *Client) stop(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
		c.state = State{Err: err, Stopped: true}
		for _, p := range c.out.list {
			if !p.abandoned {
				p.failLocked(err)
			}
		}
		c.out = outbox{}
		c.tellLocked(Stopped{err})
		c.arrived.ring()
		close(c.stopped)
	}
	c.mu.Unlock()
	c.cancel()
}

// poke wakes whoever waits at a channel of size 1.
func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// pause waits for d, or returns false when ctx ends.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
