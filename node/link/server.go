package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cim-go/cim/proto"
)

// Server accepts links and looks after them. Make it with NewServer; Run starts
// and ends everything.
type Server struct {
	config  Config
	metrics *metrics
	list    list
	nextID  atomic.Uint64
	start   time.Time
	every   time.Duration // from sweep to sweep
	clock   atomic.Int64  // ms since start, advanced by the sweep

	links   sync.WaitGroup
	writers sync.WaitGroup // goroutines of streams
	running atomic.Pointer[engine]
}

// engine accepts the connections of a listener and carries their links.
type engine interface {
	// accept blocks until it has made a link of the next connection. The error
	// is one of the listener's.
	accept() error
	// gather implements Server.Gather.
	gather() (done func())
	// stop closes the listener, which ends accept.
	stop()
	// end releases everything, when no link is left.
	end()
}

// NewServer fills the defaults and starts nothing.
func NewServer(c Config) (*Server, error) {
	if c.Accept == nil {
		return nil, errors.New("link: no Accept")
	}
	if c.Engine == EngineEpoll && !hasEpoll {
		return nil, errors.New("link: the epoll engine needs Linux")
	}
	if c.MaxFrame < 0 || c.OutboxBytes < 0 || c.MaxLinks < 0 {
		return nil, errors.New("link: a limit is negative")
	}
	c = c.withDefaults()
	s := &Server{config: c, metrics: newMetrics(c.Registerer), start: time.Now(), every: sweepEvery}
	return s, nil
}

// Run accepts links from ln and blocks until ctx ends or ln fails. It then
// closes ln, says GoingAway on every link, and returns when all have ended,
// which takes Config.Linger and a second at most.
func (s *Server) Run(ctx context.Context, ln net.Listener) error {
	e, err := s.engine(ln)
	if err != nil {
		_ = ln.Close()
		return fmt.Errorf("accept links: %w", err)
	}
	s.running.Store(&e)
	defer e.end()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var accepting, sweeping sync.WaitGroup
	var failed error
	accepting.Go(func() {
		defer stop()
		failed = s.accept(ctx, e)
	})
	ended := make(chan struct{})
	sweeping.Go(func() { s.sweepUntil(ended) })

	<-ctx.Done()
	e.stop()
	accepting.Wait()
	s.list.each(func(l *Link) { l.Close(proto.GoingAway, "") })
	s.links.Wait() // the sweep aborts what lingers
	s.writers.Wait()
	close(ended)
	sweeping.Wait()
	return failed
}

// engine returns what carries the connections of ln. One in memory, or one that
// wraps what it accepts, has no descriptors to poll.
func (s *Server) engine(ln net.Listener) (engine, error) {
	tcp, ok := ln.(*net.TCPListener)
	switch {
	case s.config.Engine == EnginePortable || !hasEpoll:
	case ok:
		return newEpoll(s, tcp)
	case s.config.Engine == EngineEpoll:
		return nil, fmt.Errorf("the epoll engine cannot take a %T", ln)
	}
	return &portable{server: s, ln: ln}, nil
}

// accept returns nil when ctx has ended.
func (s *Server) accept(ctx context.Context, e engine) error {
	for pause := time.Duration(0); ; {
		err := e.accept()
		switch {
		case err == nil:
			pause = 0
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed):
			return fmt.Errorf("accept links: %w", err)
		default: // out of descriptors, or the peer was gone before we came
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.config.Logger.Warn("accept failed", "err", err, "dur", pause)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pause):
			}
		}
	}
}

// Gather holds back the writing to links that nothing waits on until the function
// that it returns is called, for an owner that queues more than one packet to
// many links: what comes for a link meanwhile goes out in one write. The owner
// must not wait for anything in between.
func (s *Server) Gather() (done func()) {
	if e := s.running.Load(); e != nil {
		return (*e).gather()
	}
	return func() {}
}

// refuses reports whether there are as many links as may be, and counts that the
// next one is refused for it.
func (s *Server) refuses() bool {
	full := s.config.MaxLinks > 0 && s.list.len() >= s.config.MaxLinks
	if full {
		s.metrics.refused.Inc()
	}
	return full
}

// newLink returns a link that needs a wire and its place among the others.
func (s *Server) newLink() *Link {
	l := &Link{server: s, id: s.nextID.Add(1)}
	l.since.Store(s.clock.Load())
	l.in = &sniffer{tls: s.config.TLS != nil}
	return l
}

// admit gives a link its owner. From then on anybody may use it; the engine tells
// by left when it has ended.
func (s *Server) admit(l *Link) {
	l.handler = s.config.Accept(l)
	s.links.Add(1)
	s.list.add(l)
}

// left is the end of a link: nothing reads, writes or calls it any more.
func (s *Server) left(l *Link) {
	s.list.remove(l)
	s.links.Done()
}

// Len returns how many links there are, also those that have not logged in or
// say goodbye.
func (s *Server) Len() int { return s.list.len() }

// list holds all links. A shard's lock is held for appending and copying only.
type list struct {
	count  atomic.Int64
	shards [64]struct {
		mu    sync.Mutex
		links []*Link
	}
}

func (s *list) len() int { return int(s.count.Load()) }

func (s *list) add(l *Link) {
	shard := &s.shards[l.id%uint64(len(s.shards))]
	shard.mu.Lock()
	l.slot = int32(len(shard.links))
	shard.links = append(shard.links, l)
	shard.mu.Unlock()
	s.count.Add(1)
}

func (s *list) remove(l *Link) {
	shard := &s.shards[l.id%uint64(len(s.shards))]
	shard.mu.Lock()
	end := len(shard.links) - 1
	shard.links[l.slot] = shard.links[end]
	shard.links[l.slot].slot = l.slot
	shard.links[end] = nil
	shard.links = shard.links[:end]
	shard.mu.Unlock()
	s.count.Add(-1)
}

// each calls f for every link that is there all the time, without a lock held.
func (s *list) each(f func(*Link)) {
	var copied []*Link
	for i := range s.shards {
		shard := &s.shards[i]
		shard.mu.Lock()
		copied = append(copied[:0], shard.links...)
		shard.mu.Unlock()
		for _, l := range copied {
			f(l)
		}
	}
}
