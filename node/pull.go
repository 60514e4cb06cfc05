package node

import (
	"context"
	"fmt"
	"sync"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
)

// outcome of one request of a pull.
type outcome int

const (
	finished   outcome = iota // the log's end was reached
	unfinished                // there is more
	stopped                   // the link takes no more for now
)

// pullOnce asks for what follows a position and writes it. If the log lost its tail
// and gave its numbers again, it goes on from the last point that both know.
func (f *cimFeed) pullOnce(ctx context.Context, i int, after proto.Position) (outcome, error) {
	answer, err := f.ask(ctx, after)
	if err == nil && proto.Code(answer.Code) == proto.Diverged {
		after, answer, err = f.resume(ctx, i, after)
	}
	if err != nil {
		return stopped, err
	}
	if code := proto.Code(answer.Code); code != proto.OK {
		return stopped, proto.Err(code, "")
	}
	messages := make([]proto.Message, len(answer.Entries))
	for j, stored := range answer.Entries {
		if messages[j], err = stored.Message(); err != nil {
			return stopped, fmt.Errorf("read pulled entry: %w", err)
		}
	}
	return f.show(i, after, messages, answer), nil
}

func (f *cimFeed) ask(ctx context.Context, after proto.Position) (*proto.PullAnswer, error) {
	s := f.session
	ctx, cancel := context.WithTimeout(ctx, s.node.config.CallTimeout)
	defer cancel()
	return s.node.config.Route.Pull(ctx, &proto.PullRequest{
		Origin: s.node.origin, Session: s.current(), After: after.Mark(), Limit: pullLimit,
	})
}

// resume finds the last point that was shown and that the log knows, goes back to it,
// and returns it with what stands behind it.
func (f *cimFeed) resume(ctx context.Context, i int, lost proto.Position) (proto.Position, *proto.PullAnswer, error) {
	f.mu.Lock()
	points := f.logs[i].points(lost)
	f.mu.Unlock()
	for _, after := range points {
		answer, err := f.ask(ctx, after)
		if err != nil {
			return lost, nil, err
		}
		if proto.Code(answer.Code) == proto.Diverged {
			continue
		}
		if proto.Code(answer.Code) == proto.OK {
			f.wrote(i, after)
		}
		return after, answer, nil
	}
	return lost, nil, proto.Err(proto.Unavailable, "the log has no beginning")
}

// show writes pulled messages, but those that were shown before.
func (f *cimFeed) show(i int, after proto.Position, messages []proto.Message, answer *proto.PullAnswer) outcome {
	user := f.session.entry.User()
	shown := f.fresh(i)
	for _, r := range cimRuns(messages, user, func(m proto.Message) bool { return shown(m.At.Key) && cimShown(m, user) }) {
		if r.frame != nil && !f.session.link.Offer(link.NewPacket(r.frame)) {
			return stopped
		}
		f.wrote(i, r.places...)
	}
	through := after
	if n := len(messages); n > 0 {
		through = messages[n-1].At
	}
	if told := answer.Through.Position(); told.Number > through.Number {
		through = told
		f.wrote(i, through)
	}
	switch newest := answer.Newest; {
	case newest.GetNumber() > through.Number && through != after:
		return unfinished
	case f.lacks(i, newest):
		return stopped
	}
	return finished
}

// fresh returns a test for keys that were not shown lately, which is true once for
// each.
func (f *cimFeed) fresh(i int) func(key string) bool {
	seen := make(map[string]bool)
	f.mu.Lock()
	for _, at := range f.logs[i].shown {
		seen[at.Key] = true
	}
	f.mu.Unlock()
	return func(key string) bool {
		again := seen[key]
		seen[key] = true
		return !again
	}
}

// lacks reports whether the log should be read again, since it ended before what was
// pushed: a route may have asked a replica that was late.
func (f *cimFeed) lacks(i int, newest *proto.Mark) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := &f.logs[i]
	if newest == nil || l.pushed.Number <= newest.Number || uint64(l.pushed.Epoch) != newest.Epoch {
		return false
	}
	l.lacking++
	return l.lacking < maxLacking
}

func (f *cimFeed) wrote(i int, places ...proto.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, at := range places {
		f.logs[i].move(at)
	}
}

// pullers is how many pull at a time: enough to keep a route busy, too few
// to drown it when all CIM clients come back at once.
const pullers = 8

// puller runs the pulls of feeds and relays in the order they asked. Each is in it
// once at most, so its queue is bounded by the connections and their groups.
type puller struct {
	mu    sync.Mutex
	ready *sync.Cond
	queue []pulling
	ended bool
}

// pulling is what pulls when its turn comes.
type pulling interface{ pull(ctx context.Context) }

func newPuller() *puller {
	p := new(puller)
	p.ready = sync.NewCond(&p.mu)
	return p
}

func (p *puller) add(next pulling) {
	p.mu.Lock()
	p.queue = append(p.queue, next)
	p.mu.Unlock()
	p.ready.Signal()
}

// run pulls until ctx ends.
func (p *puller) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		p.mu.Lock()
		p.ended = true
		p.mu.Unlock()
		p.ready.Broadcast()
	})
	defer stop()
	var workers sync.WaitGroup
	for range pullers {
		workers.Go(func() {
			for next := p.next(); next != nil; next = p.next() {
				next.pull(ctx)
			}
		})
	}
	workers.Wait()
}

// next waits for who pulls next; nil says that there will be none.
func (p *puller) next() pulling {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) == 0 && !p.ended {
		p.ready.Wait()
	}
	if p.ended {
		return nil
	}
	f := p.queue[0]
	p.queue[0] = nil
	p.queue = p.queue[1:]
	return f
}
