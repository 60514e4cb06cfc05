// Package delayed makes routes send the delayed messages that are due.
//
// A route runs only while it answers a call, so it cannot wait for a time. Nodes wait
// instead. Every node calls a route when something is due. The first of these calls may
// come from any node, and the routes send each message once. Each answer tells the node
// when to call next. If a message becomes due earlier, a route tells the node by a push.
//
// Schedule.Run is one goroutine, which ends with its context. One mutex guards the time
// of the next call. Nothing is called under it.
package delayed

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/node/routes"
	"github.com/cim-go/cim/proto"
)

// The shortest and the longest wait for the next call, whatever the route answers.
const (
	soonest = 50 * time.Millisecond
	latest  = 30 * time.Second
)

const (
	// longestPause is the longest pause while no route answers.
	longestPause = time.Second
	// Nodes that got the same time for the next call spread their calls over this
	// duration. The first of these calls sends all messages that are due.
	spread = 250 * time.Millisecond
)

// Poller calls a route.
type Poller interface {
	// Poll makes a route send the delayed messages that are due. The answer says when
	// to call next. If keys is true, Poll only reads the keys of tickets.
	Poll(ctx context.Context, keys bool) (*proto.FireAnswer, error)
}

// Config of a Schedule. All fields are required.
type Config struct {
	Poller Poller
	Failed prometheus.Counter // counts calls without an answer
	Logger *slog.Logger
}

// Schedule calls a route when delayed messages are due. It is safe for concurrent use.
type Schedule struct {
	config Config
	wake   chan struct{} // of size 1: the time of the next call is earlier than before

	mu sync.Mutex
	at time.Time // of the next call
}

// New starts nothing. The first call is made within a second, at a random time, so that
// nodes that start together do not call together.
func New(c Config) *Schedule {
	return &Schedule{config: c, wake: make(chan struct{}, 1), at: time.Now().Add(rand.N(time.Second))}
}

// Due handles the notice of a route that a message is due in ms milliseconds.
func (s *Schedule) Due(ms int64) {
	s.sooner(time.Duration(min(ms, latest.Milliseconds())) * time.Millisecond)
}

// Soon makes the node call a route within a second. It is called when members have
// gone, because perhaps only they knew of some messages.
func (s *Schedule) Soon() { s.sooner(rand.N(time.Second - spread)) }

// sooner sets the time of the next call to now plus wait plus a random part of spread.
// If the next call is earlier already, sooner changes nothing.
func (s *Schedule) sooner(wait time.Duration) {
	at := time.Now().Add(wait + rand.N(spread))
	s.mu.Lock()
	earlier := at.Before(s.at)
	if earlier {
		s.at = at
	}
	s.mu.Unlock()
	if !earlier {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// next returns the time of the next call.
func (s *Schedule) next() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

// begin sets the time of the next call to the latest possible one. It is called before a
// call, so that sooner accepts any time that comes during the call.
func (s *Schedule) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = time.Now().Add(latest + spread)
}

// wait blocks until the time of the next call, or until ctx ends.
func (s *Schedule) wait(ctx context.Context) {
	for {
		at := s.next()
		if !time.Now().Before(at) {
			return
		}
		timer := time.NewTimer(time.Until(at))
		select {
		case <-timer.C:
		case <-s.wake:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// Run calls a route each time that something is due, until ctx ends.
func (s *Schedule) Run(ctx context.Context) {
	retries := routes.Backoff{Most: longestPause}
	for {
		s.wait(ctx)
		if ctx.Err() != nil {
			return
		}
		s.begin()
		answer, err := s.config.Poller.Poll(ctx, false)
		if err == nil {
			retries.Reset()
			next := time.Duration(answer.GetNext()) * time.Millisecond
			s.sooner(min(max(next, soonest), latest))
			continue
		}
		if !retries.Failing() { // logged once, and not for each failure
			s.config.Logger.Warn("no route sends delayed messages", "err", err)
		}
		s.config.Failed.Inc()
		s.sooner(time.Until(retries.Next(err)))
	}
}
