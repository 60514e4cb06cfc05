package client

import (
	"slices"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/order"
)

// learn handles the ends of logs that a node has reported (newest). It starts to follow
// each log that is not followed yet, from the history's position. A log that the history
// does not have is followed from its cursor.
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

// finish makes the client read the logs of groups that the user has left. The parameter
// newest has the ends of logs from the login answer. A group that the user has left is
// missing there, although this device follows its log or has a cursor in it. The client
// reads this log up to the leaving, because the user may read all entries before that.
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
			f.Doubt()
		}
	}
	poke(c.pull)
}

func (c *Client) observe(end proto.Position) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.in.logs[end.Log]; ok {
		f.Observe(end.Place())
	}
}

// take handles a pushed message.
func (c *Client) take(m *proto.Message) {
	before := proto.Position{Log: m.At.Log, Epoch: m.At.Epoch, Number: m.At.Number - 1, Key: m.Prev}
	if c.ownJoining(m) { // the user may read nothing before their joining
		c.follow(m.At.Log, before, before)
	}
	c.follow(m.At.Log, proto.Position{}, before)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pushLocked(m)
}

// follow starts to follow a log, unless it is followed already. It starts after the last
// position in the history. If the history has none, it starts after the parameter cursor,
// the device's acknowledged position. Without a cursor, it starts at the oldest message
// that the route returns. In a group, that is the user's joining. Only the log of everyone
// then starts at its end, which is the parameter end.
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
	start := order.Start(places(kept), cursor.Place(), end.Place(), log == proto.Everyone)
	c.in.logs[log] = &followed{Follower: order.New[delivery](start...)}
	if len(kept) == 0 && len(start) > 0 { // keep the start, so that the next process starts here, too
		c.queueLocked(append(c.in.queue, delivery{at: proto.At(log, start[0])}))
	}
}

// ownJoining reports whether the message is the user's own joining of a group.
func (c *Client) ownJoining(m *proto.Message) bool {
	return m.Kind == proto.Kind_JOIN && m.From == c.Self().User
}

// pushLocked offers a message to its log's follower.
func (c *Client) pushLocked(m *proto.Message) {
	f, ok := c.in.logs[m.At.Log]
	if !ok {
		return // m answers a send into a log that the node has not reported yet
	}
	if c.in.room() == 0 {
		f.Doubt() // the queue is full, so the log is read when there is room
		return
	}
	c.queueLocked(f.Push(c.in.queue, c.entryLocked(m)))
	if _, due := f.due(time.Now()); due {
		poke(c.pull)
	}
}

// ownLocked reports whether this client sent the message. Such a message is not shown.
func (c *Client) ownLocked(m proto.Message) bool {
	return m.From == c.self.User && c.in.sent[m.ID]
}

// queueLocked replaces the queue by the list in the parameter longer, which begins with
// the queue's entries.
func (c *Client) queueLocked(longer []delivery) {
	if len(longer) > len(c.in.queue) {
		c.in.queue = longer
		c.arrived.ring()
	}
}

// entryLocked returns a message as an entry of its log.
func (c *Client) entryLocked(m *proto.Message) order.Entry[delivery] {
	d := delivery{at: m.At, message: m, own: c.ownLocked(*m)}
	d.at.Key = m.Key()
	if !m.Kind.Shown() {
		d.message = nil
	}
	return order.Entry[delivery]{At: d.at.Place(), Prev: m.Prev, Size: len(m.Text), Item: d}
}

// entriesLocked returns a page's messages and, at the end, an entry without a message.
// That entry has the position up to which the route has read.
func (c *Client) entriesLocked(page *proto.PulledMessages) []order.Entry[delivery] {
	list := make([]order.Entry[delivery], 0, len(page.Messages)+1)
	for i := range page.Messages {
		list = append(list, c.entryLocked(&page.Messages[i]))
	}
	if page.Through.Number > 0 {
		list = append(list, order.Entry[delivery]{At: page.Through.Place(), Item: delivery{at: page.Through}})
	}
	return list
}
