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

// pullOnce asks for what follows a position and writes it.
func (f *cimFeed) pullOnce(ctx context.Context, i int, after proto.Position) (outcome, error) {
	s := f.session
	ctx, cancel := context.WithTimeout(ctx, s.node.config.CallTimeout)
	defer cancel()
	answer, err := s.node.config.Route.Pull(ctx, &proto.PullRequest{
		Origin: s.node.origin, Session: s.current(), After: after.Mark(), Limit: pullLimit,
	})
	if err != nil {
		return stopped, err
	}
	switch code := proto.Code(answer.Code); code {
	case proto.OK:
	case proto.Diverged:
		// The store lost a tail and gave its numbers again. Nothing here knows
		// where that began, and once too often is better than not at all.
		f.wrote(i, proto.Position{Log: after.Log})
		return unfinished, nil
	default:
		return stopped, proto.Err(code, "")
	}
	messages := make([]proto.Message, len(answer.Entries))
	for j, stored := range answer.Entries {
		if messages[j], err = stored.Message(); err != nil {
			return stopped, fmt.Errorf("read pulled entry: %w", err)
		}
	}
	return f.show(i, messages, answer.Newest), nil
}

// show writes pulled messages.
func (f *cimFeed) show(i int, messages []proto.Message, newest *proto.Mark) outcome {
	for _, r := range cimRuns(messages, f.session.entry.User()) {
		if r.frame != nil && !f.session.link.Offer(link.NewPacket(r.frame)) {
			return stopped
		}
		f.wrote(i, r.last)
	}
	if len(messages) == 0 || newest == nil || messages[len(messages)-1].At.Number >= newest.Number {
		return finished
	}
	return unfinished
}

func (f *cimFeed) wrote(i int, at proto.Position) {
	f.mu.Lock()
	f.logs[i].last = at
	f.mu.Unlock()
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
