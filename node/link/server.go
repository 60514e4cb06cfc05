package link

import (
	"context"
	"errors"
	"fmt"
	"net"
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
	clock   atomic.Int64 // ms since start, advanced by the sweep

	readers sync.WaitGroup
	writers sync.WaitGroup
}

// NewServer fills the defaults and starts nothing.
func NewServer(c Config) (*Server, error) {
	if c.Accept == nil {
		return nil, errors.New("link: no Accept")
	}
	if c.MaxFrame < 0 || c.OutboxBytes < 0 || c.MaxLinks < 0 {
		return nil, errors.New("link: a limit is negative")
	}
	c = c.withDefaults()
	s := &Server{config: c, metrics: newMetrics(c.Registerer), start: time.Now()}
	return s, nil
}

// Run accepts links from ln and blocks until ctx ends or ln fails. It then
// closes ln, says GoingAway on every link, and returns when all have ended,
// which takes Config.Linger and a second at most.
func (s *Server) Run(ctx context.Context, ln net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var accepting, sweeping sync.WaitGroup
	var failed error
	accepting.Go(func() {
		defer stop()
		failed = s.accept(ctx, ln)
	})
	ended := make(chan struct{})
	sweeping.Go(func() { s.sweepUntil(ended) })

	<-ctx.Done()
	_ = ln.Close()
	accepting.Wait()
	s.list.each(func(l *Link) { l.Close(proto.GoingAway, "") })
	s.readers.Wait() // the sweep aborts what lingers
	s.writers.Wait()
	close(ended)
	sweeping.Wait()
	return failed
}

// accept returns nil when ctx has ended.
func (s *Server) accept(ctx context.Context, ln net.Listener) error {
	for pause := time.Duration(0); ; {
		conn, err := ln.Accept()
		switch {
		case err == nil:
			pause = 0
			s.take(conn)
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
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

// take makes a link of a connection and starts its reader.
func (s *Server) take(conn net.Conn) {
	if s.config.MaxLinks > 0 && s.list.len() >= s.config.MaxLinks {
		s.metrics.refused.Inc()
		_ = conn.Close()
		return
	}
	now := s.clock.Load()
	l := &Link{server: s, id: s.nextID.Add(1), raw: conn, conn: conn, opened: now}
	l.flush = l.write
	l.heard.Store(now)
	l.out.limit = s.config.OutboxBytes
	l.source = newSource(conn)
	l.in = &sniffer{link: l, tls: s.config.TLS != nil}
	l.handler = s.config.Accept(l)
	s.list.add(l)
	s.readers.Go(l.read)
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
	l.slot = len(shard.links)
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
