package cim

import (
	"context"
	"fmt"
	"time"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/order"
)

// pullOnce reads a page of the log and writes its entries to the link. The parameter
// after is the position that the page follows.
func (f *CatchUp) pullOnce(ctx context.Context, l *clientLog, after proto.Position) (err error) {
	answer, err := f.ask(ctx, after)
	var entries []order.Entry[proto.Message]
	if err == nil {
		entries, err = messagesOf(answer)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err != nil:
		l.follower.Failed()
	case proto.Code(answer.Code) != proto.Diverged:
		var ready []proto.Message
		ready, err = l.follower.Page(nil, entries, answer.Newest.Place())
		l.read, l.later = time.Now(), time.Time{}
		f.paceLocked(l, f.showLocked(l, ready))
	case !l.follower.Diverged(l.known()):
		err = proto.Err(proto.Unavailable, "the log has no beginning")
	}
	if err != nil {
		l.later = time.Now().Add(pullRetry)
	}
	return err
}

// messagesOf returns the messages of an answer. It adds a message at the last place that
// the route has read. A client is not shown this last message.
func messagesOf(answer *proto.PullAnswer) ([]order.Entry[proto.Message], error) {
	if code := proto.Code(answer.Code); code != proto.OK && code != proto.Diverged {
		return nil, proto.Err(code, "")
	}
	entries := make([]order.Entry[proto.Message], 0, len(answer.Entries)+1)
	for _, stored := range answer.Entries {
		m, err := stored.Message()
		if err != nil {
			return nil, fmt.Errorf("read pulled entry: %w", err)
		}
		entries = append(entries, order.Entry[proto.Message]{At: m.At.Place(), Item: m})
	}
	if through := answer.Through; through.GetNumber() > 0 {
		m := proto.Message{At: through.Position(), Kind: proto.Kind_GENESIS}
		entries = append(entries, order.Entry[proto.Message]{At: through.Place(), Item: m})
	}
	return entries, nil
}

func (f *CatchUp) ask(ctx context.Context, after proto.Position) (*proto.PullAnswer, error) {
	return f.config.Puller.Pull(ctx, &proto.PullRequest{
		Session: f.session.Current(), After: after.Mark(), Limit: proto.MaxPull,
	})
}

// CIM's SDK hands each frame to a pool of threads. It drops frames if more than 1,024
// wait there, and the node does not notice that. So after mostFrames pulled frames, a
// client gets frameTime for each of them before the next page.
const (
	mostFrames = 256
	frameTime  = 250 * time.Microsecond
)

// paceLocked delays the next pull of the log if the client needs time for the frames of
// the last pages. The parameter frames is how many the last page had.
func (f *CatchUp) paceLocked(l *clientLog, frames int) {
	l.frames += frames
	now := time.Now()
	if l.frames < mostFrames || !l.due(now) {
		return
	}
	pause := time.Duration(l.frames) * frameTime
	l.frames, l.later = 0, now.Add(pause)
	time.AfterFunc(pause, f.catchUp)
}

// showLocked writes pulled messages, except those that were shown before. It returns how
// many frames it wrote, or zero if the link did not take all.
func (f *CatchUp) showLocked(l *clientLog, ready []proto.Message) (frames int) {
	user := f.session.User()
	seen := make(map[string]bool)
	for _, at := range l.shown {
		seen[at.Key] = true
	}
	shown := func(m proto.Message) bool {
		again := seen[m.At.Key]
		seen[m.At.Key] = true
		return !again && cimShown(m, user)
	}
	for _, r := range cimRuns(ready, user, shown) {
		if r.frame != nil {
			if !f.link.Offer(link.NewPacket(r.frame)) {
				l.again()
				return 0
			}
			frames++
		}
		for _, at := range r.places {
			l.move(at)
		}
	}
	return frames
}
