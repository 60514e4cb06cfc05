package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/cim-go/cim/proto"
)

// Connect logs in and blocks until the first connection is live. It retries while a retry
// may help, and returns an error if ctx ends first. If a retry cannot help, Connect
// returns the error at once. If a route or node refused, that error wraps a *proto.Error.
// After Connect has returned a Client, the end of ctx does not end it.
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
		in:      inbox{logs: make(map[int64]*followed), sent: make(map[string]bool)},
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

// Close acknowledges all messages that were shown, and closes the connection. It waits
// until all goroutines of the client have ended, for some seconds at most. Sends that
// wait return an error. After Close has returned, nothing is written to the history any
// more, and the caller must close the history. Closing twice is fine. The error is always
// nil.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop(ErrClosed)
	c.wg.Wait()
	c.delivering.Lock() // waits for a write to the history that has begun
	defer c.delivering.Unlock()
	return nil
}

// Logout ends the device's session and makes its token void. Then it closes the client.
// If no route could be reached, it closes the client all the same and returns the
// error.
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
