package client

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/cim-go/cim/proto"
)

// pullPage is how many messages are read at a time.
const pullPage = 200

// pullGaps reads entries that were not pushed from the route, one log at a time, until
// ctx ends.
func (c *Client) pullGaps(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for row := 0; ; {
		log, at, due := c.nextGap()
		switch wait := time.Until(at); {
		case !due:
			timer.Stop()
		case wait > 0:
			timer.Reset(wait)
		default:
			if !c.pullPaced(ctx, log, &row) {
				return
			}
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-c.pull:
		case <-timer.C:
		}
	}
}

// pullPaced reads a page and pauses after a failure. row counts the failures in a
// row. It returns false if reading has to stop.
func (c *Client) pullPaced(ctx context.Context, log int64, row *int) bool {
	err := c.pullOnce(ctx, log, *row)
	if ctx.Err() != nil {
		return false
	}
	if err == nil {
		*row = 0
		return true
	}
	delay, again := c.delayAfter(err, atOnce+*row)
	*row++
	c.cfg.Logger.Warn("cannot read log", "log", log, "err", err, "retry", delay)
	if !again {
		c.stop(err)
		return false
	}
	c.mu.Lock()
	c.in.logs[log].Failed()
	c.mu.Unlock()
	return pause(ctx, delay)
}

// nextGap returns the log to read next, and when. due is false while no entry is
// missing, while the queue is more than half full, or while the client is not logged
// in.
func (c *Client) nextGap() (log int64, at time.Time, due bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.in.room() < queueMax/2 {
		return 0, time.Time{}, false
	}
	var behind int64 // a log with many old pages is not before one that lacks a few entries
	now := time.Now()
	for l, f := range c.in.logs {
		if t, ok := f.due(now); ok && (!due || t.Before(at) || t.Equal(at) && f.behind() < behind) {
			log, at, due, behind = l, t, true, f.behind()
		}
	}
	return log, at, due
}

// pullOnce reads one page after the last entry of a log. row is the number of
// failures in a row before it.
func (c *Client) pullOnce(ctx context.Context, log int64, row int) error {
	c.mu.Lock()
	f := c.in.logs[log]
	m := manner{refused: row, backlog: f.behind() > pullPage}
	had, after := f.Last(), proto.At(log, f.Ask())
	f.since = time.Time{}
	c.mu.Unlock()

	page, err := c.page(ctx, m, after)
	switch codeOf(err) {
	case proto.Diverged:
		return c.diverged(f, log)
	case proto.NotMember, proto.UnknownGroup:
		c.forget(f, log)
		return nil
	}
	if err == nil {
		if after.Place() != had {
			c.cfg.Logger.Warn("log lost its tail", "log", log, "had", had.Number, "resumed", after.Number)
		}
		err = c.received(f, after, page)
	}
	if err != nil {
		return fmt.Errorf("read log %d after %d: %w", log, after.Number, err)
	}
	return nil
}

// diverged makes the log be read again from an earlier position, which both the history
// and the log may know.
func (c *Client) diverged(f *followed, log int64) error {
	known := places(c.cfg.History.Positions(log))
	c.mu.Lock()
	defer c.mu.Unlock()
	if !f.Diverged(known) {
		return fmt.Errorf("read log %d: %w", log, proto.Err(proto.Unavailable, "the log has no beginning"))
	}
	return nil
}

// forget stops following a log that the user does not belong to any more.
func (c *Client) forget(f *followed, log int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.Refused() {
		delete(c.in.logs, log)
		delete(c.acks.shown, log)
	}
}

func (c *Client) page(ctx context.Context, m manner, after proto.Position) (*proto.PulledMessages, error) {
	page := new(proto.PulledMessages)
	in := proto.PullMessages{After: after, Limit: pullPage}
	return page, c.account.callAs(ctx, m, http.MethodPost, proto.PathPull, in, page)
}

// received takes in a page that was read after a position.
func (c *Client) received(f *followed, after proto.Position, page *proto.PulledMessages) error {
	// A user who joined again may not read the messages between.
	rejoined := len(page.Messages) > 0 && c.ownJoining(&page.Messages[0])
	c.mu.Lock()
	defer c.mu.Unlock()
	if from, to, ok := trimmed(after, page); ok && !rejoined {
		c.tellLocked(Trimmed{Log: after.Log, From: from, To: to})
	}
	queue, err := f.Page(c.in.queue, c.entriesLocked(page), page.Newest.Place())
	c.queueLocked(queue)
	return err
}

// trimmed returns the numbers that were removed behind a position before they
// could be read. A log that is read from its beginning has missed nothing.
func trimmed(after proto.Position, page *proto.PulledMessages) (from, to int64, ok bool) {
	return after.Number + 1, page.Oldest - 1, after.Number > 0 && page.Oldest > after.Number+1
}
