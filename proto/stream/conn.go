package stream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// conn is one connection of a Client.
type conn struct {
	// Set by newConn.
	raw    net.Conn
	config *ClientConfig
	old    time.Time // from this time on, the connection takes no new calls
	out    writer

	mu      sync.Mutex
	calls   map[uint64]*call // calls without an answer yet, by id
	last    uint64           // id of the latest call
	used    time.Time        // when the latest call began
	heard   uint64           // the value of the field last when the latest answer came
	retired bool             // takes no new calls, and closes after its last call
	err     error            // why the connection has ended
}

// call ends once, by its answer or by the end of its connection.
type call struct {
	answer *Answer
	err    error
	done   chan struct{}
}

func newConn(raw net.Conn, config *ClientConfig, old time.Time) *conn {
	return &conn{
		raw: raw, config: config, old: old, used: time.Now(), calls: make(map[uint64]*call),
		out: writer{conn: raw, timeout: config.WriteTimeout},
	}
}

// fresh reports whether new calls may use this connection.
func (c *conn) fresh(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == nil && !c.retired && now.Before(c.old)
}

func (c *conn) call(ctx context.Context, path string, body []byte) (*Answer, error) {
	waiting := &call{done: make(chan struct{})}
	id, err := c.add(waiting)
	if err != nil {
		return nil, err
	}
	c.send(ctx, id, path, body)
	select {
	case <-waiting.done:
		return waiting.answer, waiting.err
	case <-ctx.Done():
		c.abandon(id, errors.Is(ctx.Err(), context.DeadlineExceeded))
		return nil, ctx.Err()
	}
}

// add gives a call its id. It returns errRetired if the connection takes no new calls.
func (c *conn) add(waiting *call) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.retired {
		return 0, errRetired
	}
	c.last++
	c.calls[c.last] = waiting
	c.used = time.Now()
	return c.last, nil
}

func (c *conn) send(ctx context.Context, id uint64, path string, body []byte) {
	var left uint64
	if deadline, ok := ctx.Deadline(); ok {
		left = uint64(max(1, time.Until(deadline).Milliseconds()))
	}
	var head [maxHead]byte
	c.out.send(appendCall(head[:0], id, left, path), body)
}

// abandon removes a call. If late is true, the call's deadline has passed. If no answer
// of any call has come since the call began, the peer is probably gone. Then abandon
// closes the connection, so that other calls do not wait for the peer.
func (c *conn) abandon(id uint64, late bool) {
	c.mu.Lock()
	delete(c.calls, id)
	silent := c.heard < id
	c.mu.Unlock()
	if late && silent {
		c.fail(fmt.Errorf("stream: no answer: %w", os.ErrDeadlineExceeded))
		return
	}
	c.endIfDone()
}

// retire makes the connection take no new calls and close after its last call.
func (c *conn) retire() {
	c.mu.Lock()
	c.retired = true
	c.mu.Unlock()
	c.endIfDone()
}

func (c *conn) endIfDone() {
	c.mu.Lock()
	done := c.retired && len(c.calls) == 0
	c.mu.Unlock()
	if done {
		c.fail(errRetired)
	}
}

// fail closes the connection and ends all its calls with err.
func (c *conn) fail(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	calls := c.calls
	c.calls = nil
	c.mu.Unlock()
	_ = c.raw.Close()
	for _, waiting := range calls {
		waiting.err = err
		close(waiting.done)
	}
}

// read reads answers until the connection ends.
func (c *conn) read() {
	r := readerOf(c.raw)
	for {
		err := c.readOne(r)
		if errors.Is(err, os.ErrDeadlineExceeded) && c.busy() {
			continue
		}
		if err != nil {
			c.fail(fmt.Errorf("stream: %w", err))
			return
		}
	}
}

// readOne reads one answer. It waits for the first byte for at most IdleTimeout.
func (c *conn) readOne(r *bufio.Reader) error {
	if r.Buffered() == 0 {
		_ = c.raw.SetReadDeadline(time.Now().Add(c.config.IdleTimeout))
		if _, err := r.Peek(1); err != nil {
			return err
		}
		_ = c.raw.SetReadDeadline(time.Time{})
	}
	b, err := readFrame(r, c.config.MaxAnswer)
	if err != nil {
		return err
	}
	defer release(b)
	f := fields{rest: *b}
	id := f.number()
	if id == 0 && !f.bad {
		c.retire()
		return nil
	}
	answer := &Answer{Status: int(f.number()), RetryAfter: time.Duration(f.number()) * time.Millisecond}
	if f.bad {
		return errFrame
	}
	answer.Body = append([]byte(nil), f.rest...)
	c.answered(id, answer)
	return nil
}

// answered ends a call with its answer. It ignores the answer to an abandoned call.
func (c *conn) answered(id uint64, answer *Answer) {
	c.mu.Lock()
	waiting := c.calls[id]
	delete(c.calls, id)
	c.heard = c.last
	c.mu.Unlock()
	if waiting != nil {
		waiting.answer = answer
		close(waiting.done)
	}
	c.endIfDone()
}

// busy reports whether the connection has calls, or had one within IdleTimeout.
func (c *conn) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls) > 0 || time.Since(c.used) < c.config.IdleTimeout
}
