package client

import (
	"slices"
	"time"

	"github.com/cim-go/cim/proto"
)

// queueMax is how many entries wait for the application. What comes on top stays
// in its log and is read when there is room.
const queueMax = 1024

// inbox is what was received and not yet shown. The client's mu guards it.
type inbox struct {
	logs  map[int64]*follower
	queue []delivery      // in the order in which they are shown
	sent  map[string]bool // ids of own messages that are not in the history yet
}

func (in *inbox) room() int { return max(0, queueMax-len(in.queue)) }

// learn takes in where logs end, and follows those that are new to it from where
// the history, else the cursor, says.
func (c *Client) learn(newest, cursors []proto.Position) {
	for _, end := range newest {
		i := slices.IndexFunc(cursors, func(p proto.Position) bool { return p.Log == end.Log })
		var cursor proto.Position
		if i >= 0 {
			cursor = cursors[i]
		}
		c.follow(end.Log, cursor, end)
		c.observe(end)
	}
	poke(c.pull)
}

// finish reads groups to their end that a login answer names no more, although
// this device follows them, or did: the user left while nobody told it. What was
// written until then is his.
func (c *Client) finish(newest, cursors []proto.Position) {
	named := make(map[int64]bool, len(newest))
	for _, end := range newest {
		named[end.Log] = true
	}
	for _, at := range cursors {
		if at.Log > proto.Everyone && !named[at.Log] {
			c.follow(at.Log, at, proto.Position{})
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for log, f := range c.in.logs {
		if log > proto.Everyone && !named[log] {
			f.doubt = true
		}
	}
	poke(c.pull)
}

func (c *Client) observe(end proto.Position) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.in.logs[end.Log]; ok {
		f.observe(end)
	}
}

// take takes in a message that was pushed.
func (c *Client) take(m *proto.Message) {
	before := proto.Position{Log: m.At.Log, Epoch: m.At.Epoch, Number: m.At.Number - 1, Key: m.Prev}
	if c.ownJoining(m) { // there is nothing for this user before it
		c.follow(m.At.Log, before, before)
	}
	c.follow(m.At.Log, proto.Position{}, before)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pushLocked(m)
}

// follow starts to follow a log, unless that was done. What the history holds
// decides where from, then what the device acknowledged. A log that was never read
// is read from its oldest message, a group's from the user's joining, because the
// route gives him nothing before that; only everyone's begins at end.
func (c *Client) follow(log int64, cursor, end proto.Position) {
	c.mu.Lock()
	_, known := c.in.logs[log]
	c.mu.Unlock()
	if known {
		return
	}
	kept := c.cfg.History.Positions(log)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.in.logs[log]; known {
		return
	}
	start := startOf(log, kept, cursor, end)
	c.in.logs[log] = follow(log, start)
	if len(kept) == 0 && len(start) > 0 {
		c.queueLocked(delivery{at: start[0]}) // the next process goes on from here
	}
}

// startOf returns the positions to follow a log from, newest first.
func startOf(log int64, kept []proto.Position, cursor, end proto.Position) []proto.Position {
	switch {
	case len(kept) > 0:
		return kept
	case cursor.Number > 0:
		return []proto.Position{cursor}
	case log == proto.Everyone && end.Number > 0:
		return []proto.Position{end}
	default:
		return nil
	}
}

// ownJoining reports whether the message says that the user joined a group.
func (c *Client) ownJoining(m *proto.Message) bool {
	return m.Kind == proto.Kind_JOIN && m.From == c.Self().User
}

// pushLocked offers a message to its log's follower.
func (c *Client) pushLocked(m *proto.Message) {
	f, ok := c.in.logs[m.At.Log]
	if !ok {
		return // the answer to a send into a log that the node has not told of: it will
	}
	if c.in.room() == 0 {
		f.doubt = true // read it when there is room
		return
	}
	d := delivery{at: m.At, prev: m.Prev, message: m, own: c.ownLocked(*m)}
	if !m.Kind.Shown() {
		d.message = nil
	}
	c.queueLocked(f.push(d, time.Now())...)
	if _, due := f.due(); due {
		poke(c.pull)
	}
}

// ownLocked reports whether this client sent the message and shall not be shown
// it.
func (c *Client) ownLocked(m proto.Message) bool {
	return m.From == c.self.User && c.in.sent[m.ID]
}

func (c *Client) queueLocked(list ...delivery) {
	if len(list) == 0 {
		return
	}
	c.in.queue = append(c.in.queue, list...)
	c.arrived.ring()
}
