package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

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

// engine returns the engine for the connections of ln. Only connections of a TCP listener
// have descriptors that epoll can watch. Those of a listener in memory, or of a listener
// that wraps another one, do not.
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
