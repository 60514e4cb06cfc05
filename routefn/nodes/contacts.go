package nodes

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// ProbeEvery is how long a node without a stream counts as reachable after it has
	// accepted a connection. It is also the pause before an unreachable node is tried
	// again.
	ProbeEvery = time.Second
	// maxLate is how many tries in a row must time out before a node counts as
	// unreachable. So a node that was slow only once keeps its users.
	maxLate = 2
	// lateTogether is the longest time between two timeouts that still count as two in a row.
	lateTogether = 10 * time.Second
)

// forgetAfter is how long an unused stream or contact is kept. Nodes come and go, so
// streams and contacts are not kept for ever. The connection of an unused stream ends
// earlier by itself.
const forgetAfter = 10 * time.Minute

// contacts remembers which nodes can be reached. The zero contacts is ready.
//
// A node counts as unreachable at once if it refuses a connection, or if there is no
// network route to its host. It also counts as unreachable after two timeouts in a row.
// If a connection only ends, the node is tried again.
type contacts struct {
	log *slog.Logger // nil is silent

	mu    sync.Mutex
	nodes map[string]*contact // by address
}

// contact is what the route knows of one node. Its times are by the wall clock, because
// the monotonic clock of a frozen process may stand still.
type contact struct {
	down    time.Time // when the node was found unreachable; zero: it is reachable
	seen    time.Time // when the node last took a connection; only of a node without a stream
	late    int       // how many tries in a row timed out
	lateAt  time.Time // when the last of these timed out
	probing bool      // a try is under way
}

// within reports whether the time then is before the time now, by less than d.
func within(now, then time.Time, d time.Duration) bool {
	return !then.IsZero() && now.Sub(then) < d && !now.Before(then)
}

// definite reports whether err proves that no node is at the address.
func definite(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH)
}

// timedOut reports whether the error is a timeout.
func timedOut(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// wallClock returns the time without the monotonic clock.
func wallClock() time.Time { return time.Now().Round(0) }

// mayAsk reports whether the caller may call the node at address. If so, the caller
// must call the method asked afterwards. An unreachable node is tried once a second, by
// one caller.
func (c *contacts) mayAsk(address string) bool {
	now := wallClock()
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.nodes[address]
	if known == nil || known.down.IsZero() {
		return true
	}
	if known.probing || within(now, known.down, ProbeEvery) {
		return false
	}
	known.probing = true
	return true
}

// asked records that a call which mayAsk had allowed has ended.
func (c *contacts) asked(address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.nodes[address]; known != nil {
		known.probing = false
	}
}

// note records err, the result of a try to reach the node at address. The parameter begun
// is the time when the try began. The result tells whether the node counts as reachable
// now.
func (c *contacts) note(address string, begun time.Time, err error) bool {
	now := wallClock()
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.nodes[address]
	if err == nil {
		if known != nil {
			if !known.down.IsZero() {
				c.report(slog.LevelInfo, "node is reachable again", address, nil)
			}
			known.down, known.late, known.lateAt = time.Time{}, 0, time.Time{}
		}
		return true
	}
	known = c.getLocked(address, now)
	switch {
	case definite(err):
		c.lostLocked(known, address, now, err)
		return false
	case begun.Before(known.lateAt): // several callers waited for the same try, which must count only once
	case within(now, known.lateAt, lateTogether):
		known.late, known.lateAt = known.late+1, now
	default:
		known.late, known.lateAt = 1, now
	}
	if known.late >= maxLate || !known.down.IsZero() {
		c.lostLocked(known, address, now, err)
		return false
	}
	return true
}

// lostLocked marks a node as unreachable. The caller holds mu.
func (c *contacts) lostLocked(known *contact, address string, now time.Time, err error) {
	if known.down.IsZero() {
		c.report(slog.LevelWarn, "node is unreachable: logins go to others", address, err)
	}
	known.down, known.seen = now, time.Time{}
}

func (c *contacts) report(level slog.Level, what, address string, err error) {
	if c.log == nil {
		return
	}
	args := []any{"node", address}
	if err != nil {
		args = append(args, "err", err)
	}
	c.log.Log(context.Background(), level, what, args...)
}

// getLocked returns the contact of an address. If it makes a new contact, it also
// forgets old ones. The caller holds mu.
func (c *contacts) getLocked(address string, now time.Time) *contact {
	if c.nodes == nil {
		c.nodes = make(map[string]*contact)
	}
	known := c.nodes[address]
	if known != nil {
		return known
	}
	for other, k := range c.nodes {
		if !k.probing && !within(now, k.down, forgetAfter) && !within(now, k.lateAt, forgetAfter) && !within(now, k.seen, forgetAfter) {
			delete(c.nodes, other)
		}
	}
	known = new(contact)
	c.nodes[address] = known
	return known
}

// The method failed records the error of a call for which mayAsk was not called. The error
// counts only if it proves that no node is at the address.
func (c *contacts) failed(address string, err error) {
	if definite(err) {
		c.note(address, wallClock(), err)
	}
}

// saw records that a node without a stream took a connection.
func (c *contacts) saw(address string) {
	now := wallClock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.getLocked(address, now).seen = now
}

func (c *contacts) seenLately(address string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.nodes[address]
	return known != nil && known.down.IsZero() && within(wallClock(), known.seen, ProbeEvery)
}
