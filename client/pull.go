package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

// pullPage is how many messages one call to a route reads.
const pullPage = 200

// pullGaps reads from the route the entries that were not pushed, one log at a time,
// until ctx ends.
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

// pullPaced reads a page of the log. After a failure it pauses. The parameter row points
// to the count of failures in a row. It returns false if reading has to stop.
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
	return retry.Sleep(ctx, delay)
}

// nextGap returns the log to read next, and when. The result due is false while no entry
// is missing, and while the queue is more than half full.
func (c *Client) nextGap() (log int64, at time.Time, due bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.in.room() < queueMax/2 {
		return 0, time.Time{}, false
	}
	var behind int64 // if several logs are due at the same time, the one that lacks the fewest entries is read first
	now := time.Now()
	for l, f := range c.in.logs {
		if t, ok := f.due(now); ok && (!due || t.Before(at) || t.Equal(at) && f.behind() < behind) {
			log, at, due, behind = l, t, true, f.behind()
		}
	}
	return log, at, due
}

// pullOnce reads the page that follows the last entry of a log. The parameter row is how
// many reads in a row have failed before.
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

// diverged makes the next read start at an earlier position of the history, one that
// the log may have, too.
func (c *Client) diverged(f *followed, log int64) error {
	known := places(c.cfg.History.Positions(log))
	c.mu.Lock()
	defer c.mu.Unlock()
	if !f.Diverged(known) {
		return fmt.Errorf("read log %d: %w", log, proto.Err(proto.Unavailable, "the log has no beginning"))
	}
	return nil
}

// forget stops following the log of a group that the user does not belong to any more.
func (c *Client) forget(f *followed, log int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.Refused() {
		delete(c.in.logs, log)
		delete(c.acks.shown, log)
	}
}

func (c *Client) page(ctx context.Context, m manner, after proto.Position) (*proto.PulledMessages, error) {
	page := new(pulled)
	in := proto.PullMessages{After: after, Limit: pullPage}
	err := c.account.callAs(ctx, m, http.MethodPost, proto.PathPull, in, page)
	if page.unreadable != nil {
		c.cfg.Logger.Error("messages cannot be read, and are left out", "err", page.unreadable)
	}
	return &page.PulledMessages, err
}

// pulled is a page. Routes of earlier versions answer in JSON, which a client reads three
// times as slowly as protobuf.
type pulled struct {
	proto.PulledMessages
	unreadable error // names the entries that cannot be read
}

func (*pulled) accepts() string { return proto.ContentProtobuf }

func (p *pulled) read(h http.Header, body []byte) error {
	if h.Get("Content-Type") != proto.ContentProtobuf {
		return json.Unmarshal(body, &p.PulledMessages)
	}
	page := new(proto.Page)
	if err := pb.Unmarshal(body, page); err != nil {
		return err
	}
	p.PulledMessages, p.unreadable = page.Pulled()
	return nil
}

// received handles a page; the parameter after is the position that it follows.
func (c *Client) received(f *followed, after proto.Position, page *proto.PulledMessages) error {
	// A user who left and joined again may not read the messages in between. So those
	// messages are not reported as trimmed.
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

// trimmed returns the range of numbers that were removed from the log before this page
// was read. The parameter after is the position that the page follows. If that is the
// beginning of the log, no message counts as missed.
func trimmed(after proto.Position, page *proto.PulledMessages) (from, to int64, ok bool) {
	return after.Number + 1, page.Oldest - 1, after.Number > 0 && page.Oldest > after.Number+1
}
