package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/cim-go/cim/proto"
)

// pullPage is how many messages are read at a time.
const pullPage = 200

// errNoProgress is when a route says that there is more and does not tell what.
var errNoProgress = errors.New("the route told nothing of what it says is there")

// pullGaps reads from the route what was not pushed, one log at a time, until ctx
// ends.
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

// pullPaced reads a page and pauses after a failure; row counts those in a row.
// It returns false when there is no going on.
func (c *Client) pullPaced(ctx context.Context, log int64, row *int) bool {
	err := c.pullOnce(ctx, log, *row)
	if ctx.Err() != nil {
		return false
	}
	if err == nil {
		*row = 0
		return true
	}
	delay, again := c.retryDelay(err, atOnce+*row)
	*row++
	c.cfg.Logger.Warn("cannot read log", "log", log, "err", err, "retry", delay)
	if !again {
		c.stop(err)
		return false
	}
	c.mu.Lock()
	c.in.logs[log].doubt = true
	c.mu.Unlock()
	return pause(ctx, delay)
}

// nextGap returns the log that is to be read next, and when. It is false while
// nothing is missing, the application has enough to do, or nobody is logged in.
func (c *Client) nextGap() (log int64, at time.Time, due bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.in.room() < queueMax/2 {
		return 0, time.Time{}, false
	}
	var behind int64 // a log with many old pages is not before one that lacks a few entries
	for l, f := range c.in.logs {
		if t, ok := f.due(); ok && (!due || t.Before(at) || t.Equal(at) && f.behind() < behind) {
			log, at, due, behind = l, t, true, f.behind()
		}
	}
	return log, at, due
}

// forget stops following a log that the user does not belong to any more. If
// something was heard of it since the route was asked, he may have joined again
// meanwhile: then it is asked once more.
func (c *Client) forget(f *follower, heard int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.heard != heard {
		f.doubt = true
		return
	}
	delete(c.in.logs, f.last.Log)
	delete(c.acks.shown, f.last.Log)
}

// pullOnce reads one page behind the last entry of a log, after so many failures.
func (c *Client) pullOnce(ctx context.Context, log int64, row int) error {
	c.mu.Lock()
	f := c.in.logs[log]
	f.doubt = false
	after, heard := f.last, f.heard
	m := manner{refused: row, backlog: f.behind() > pullPage}
	c.mu.Unlock()

	page, err := c.page(ctx, m, after)
	if codeOf(err) == proto.Diverged {
		after, page, err = c.resume(ctx, m, after)
	}
	switch codeOf(err) {
	case proto.NotMember, proto.UnknownGroup:
		c.forget(f, heard)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read log %d after %d: %w", log, after.Number, err)
	}
	c.received(f, after, page)
	if len(page.Messages) == 0 && page.Through.Number <= after.Number && page.Newest.Number > after.Number {
		return errNoProgress
	}
	return nil
}

func (c *Client) page(ctx context.Context, m manner, after proto.Position) (*proto.PulledMessages, error) {
	page := new(proto.PulledMessages)
	in := proto.PullMessages{After: after, Limit: pullPage}
	return page, c.account.callAs(ctx, m, http.MethodPost, proto.PathPull, in, page)
}

// resume finds the last point that both the history and the log know, after the
// log lost its tail, goes back to it, and reads the page behind it.
func (c *Client) resume(ctx context.Context, m manner, lost proto.Position) (proto.Position, *proto.PulledMessages, error) {
	for _, after := range resumePoints(lost, c.cfg.History.Positions(lost.Log)) {
		page, err := c.page(ctx, m, after)
		if codeOf(err) == proto.Diverged {
			continue
		}
		if err != nil {
			return after, nil, err
		}
		c.cfg.Logger.Warn("log lost its tail", "log", lost.Log, "had", lost.Number, "resumed", after.Number)
		c.mu.Lock()
		c.in.logs[lost.Log].rewind(after)
		c.mu.Unlock()
		return after, page, nil
	}
	return lost, nil, proto.Err(proto.Unavailable, "the log has no beginning")
}

// resumePoints returns where to try to resume: of the positions, newest first,
// ever wider apart, so that a long loss takes few tries and what is read twice is
// at most what was lost; then the earliest known, and the very beginning.
func resumePoints(lost proto.Position, positions []proto.Position) []proto.Position {
	positions = slices.DeleteFunc(positions, func(p proto.Position) bool { return p == lost })
	var points []proto.Position
	for i, step := 0, 1; i < len(positions); i, step = i+step, 2*step {
		points = append(points, positions[i])
	}
	if n := len(positions); n > 0 && points[len(points)-1] != positions[n-1] {
		points = append(points, positions[n-1])
	}
	return append(points, proto.Position{Log: lost.Log})
}

// received takes in a page that was read after a position.
func (c *Client) received(f *follower, after proto.Position, page *proto.PulledMessages) {
	// Who joined again was not to read what was written while he was no member.
	rejoined := len(page.Messages) > 0 && c.ownJoining(&page.Messages[0])
	c.mu.Lock()
	defer c.mu.Unlock()
	if from, to, ok := trimmed(after, page); ok && !rejoined {
		c.tellLocked(Trimmed{Log: after.Log, From: from, To: to})
	}
	c.queueLocked(f.read(page, c.ownLocked, time.Now())...)
}

// trimmed returns the numbers that were removed behind a position before they
// could be read. A log that is read from its beginning has missed nothing.
func trimmed(after proto.Position, page *proto.PulledMessages) (from, to int64, ok bool) {
	return after.Number + 1, page.Oldest - 1, after.Number > 0 && page.Oldest > after.Number+1
}
