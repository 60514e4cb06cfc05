package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
	"github.com/cim-go/cim/proto/sourceip"
)

// Server accepts links and looks after them. Make it with NewServer. Run starts and ends
// all goroutines.
type Server struct {
	config  Config
	metrics *metrics
	list    list
	nextID  atomic.Uint64
	start   time.Time
	every   time.Duration // between two sweeps
	clock   atomic.Int64  // ms since start, advanced by the sweep
	silent  atomic.Int64  // how many links have sent no first frame, also of those that are closing

	strangers strangers

	links   sync.WaitGroup
	writers sync.WaitGroup // goroutines of streams
	running atomic.Pointer[engine]
}

// engine accepts the connections of a listener and carries their links.
type engine interface {
	// accept blocks until it has made a link of the next connection. It returns the
	// errors of the listener.
	accept() error
	// cork implements Server.Cork.
	cork() (uncork func())
	// stop closes the listener, which ends accept.
	stop()
	// end releases everything. It is called when no link is left.
	end()
}

// NewServer returns a Server with the defaults filled in. It starts nothing.
func NewServer(c Config) (*Server, error) {
	if c.Accept == nil {
		return nil, errors.New("link: Accept is missing")
	}
	if c.TLSOnly && c.TLS == nil {
		return nil, errors.New("link: TLSOnly needs TLS")
	}
	if c.Engine == EngineEpoll && !hasEpoll {
		return nil, errors.New("link: the epoll engine needs Linux")
	}
	if c.MaxFrame < 0 || c.OutboxBytes < 0 || c.MaxLinks < 0 || c.LoginSlots < 0 {
		return nil, errors.New("link: a limit is negative")
	}
	c = c.withDefaults()
	s := &Server{config: c, metrics: newMetrics(c.Registerer), start: time.Now(), every: sweepEvery}
	s.strangers.limiter = sourceip.NewLimiter(c.PerAddress)
	return s, nil
}

// Run accepts links from ln and blocks until ctx ends or ln fails. Then it closes ln,
// sends GoingAway on every link, and returns when all have ended. This takes
// Config.Linger and a second at most.
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
	s.links.Wait() // the sweep aborts links that linger
	s.writers.Wait()
	close(ended)
	sweeping.Wait()
	return failed
}

// engine returns the engine for the connections of ln. Only connections of TCP have
// descriptors to poll. Those of a listener in memory, and those that a listener wraps,
// do not.
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

// accept accepts connections until ctx ends, and then returns nil. It returns an error
// if the listener is closed.
func (s *Server) accept(ctx context.Context, e engine) error {
	for failures := 0; ; {
		err := e.accept()
		switch {
		case err == nil:
			failures = 0
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed):
			return fmt.Errorf("accept links: %w", err)
		default: // there are no descriptors left, or the peer has gone already
			pause := retry.Delay(failures, 5*time.Millisecond, time.Second, 1)
			failures++
			s.config.Logger.Warn("accept failed", "err", err, "dur", pause)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pause):
			}
		}
	}
}

// Cork holds back writes to idle links until uncork is called. An owner calls it before
// it queues packets to many links, so that all packets for a link go out in one write.
// The owner must not wait for anything before it calls uncork.
func (s *Server) Cork() (uncork func()) {
	if e := s.running.Load(); e != nil {
		return (*e).cork()
	}
	return func() {}
}

// refuses reports whether the number of links has reached its limit, so that the next
// one must be refused. If so, it counts the refusal.
func (s *Server) refuses() bool {
	full := s.config.MaxLinks > 0 && s.list.len() >= s.config.MaxLinks
	if full {
		s.metrics.refused.Inc()
	}
	return full
}

// newLink returns a new link of a peer at this address. The caller sets its wire and
// then calls admit.
func (s *Server) newLink(from netip.Addr) *Link {
	l := &Link{server: s, id: s.nextID.Add(1)}
	l.since.Store(s.clock.Load())
	l.in = &sniffer{tls: s.config.TLS != nil, only: s.config.TLSOnly}
	if s.config.Proxies.Trust(from) {
		l.in = &proxied{next: l.in}
	}
	return l
}

// admit gives a link its owner and adds it to the list. From then on the link may be
// used. When the link has ended, the engine must call the method
// left.
func (s *Server) admit(l *Link) {
	l.handler = s.config.Accept(l)
	s.links.Add(1)
	s.silent.Add(1)
	s.list.add(l)
}

// left removes a link that has ended: no goroutine reads it, writes it or calls it any
// more.
func (s *Server) left(l *Link) {
	l.mu.Lock()
	silent := !l.loggedIn
	l.mu.Unlock()
	if silent {
		s.silent.Add(-1)
	}
	s.strangers.leave(l.id)
	s.list.remove(l)
	s.links.Done()
}

// Len returns the number of links, including those that have not logged in or are
// closing.
func (s *Server) Len() int { return s.list.len() }

// list has all links. A shard's lock is held only to add, remove or copy links.
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

// each calls f for every link that is in the list during the whole call, and perhaps
// for others. No lock is held while f runs.
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
