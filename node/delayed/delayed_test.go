package delayed

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/proto"
)

// poller records when it was called. It answers with next, or fails.
type poller struct {
	mu    sync.Mutex
	calls []time.Time
	next  int64 // ms
	err   error
}

func (p *poller) Poll(context.Context, bool) (*proto.FireAnswer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, time.Now())
	if p.err != nil {
		return nil, p.err
	}
	return &proto.FireAnswer{Next: p.next}, nil
}

// count waits for the duration d and returns how many calls came in it.
func (p *poller) count(d time.Duration) int {
	p.mu.Lock()
	before := len(p.calls)
	p.mu.Unlock()
	time.Sleep(d)
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.calls) - before
}

func run(t *testing.T, p *poller) *Schedule {
	s := New(Config{
		Poller: p, Failed: prometheus.NewCounter(prometheus.CounterOpts{}), Logger: slog.New(slog.DiscardHandler),
	})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	return s
}

func TestRouteIsCalledWhenItSaid(t *testing.T) {
	for name, tt := range map[string]struct {
		next      int64 // ms
		low, most int   // calls in a minute
	}{
		"in 10 s":     {10_000, 5, 6},
		"at once":     {0, 60 * 3, 60 * 20}, // soonest and spread bound it
		"in an hour":  {3_600_000, 1, 2},    // latest bounds it
		"in the past": {-5, 60 * 3, 60 * 20},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &poller{next: tt.next}
				run(t, p)
				time.Sleep(time.Second + spread) // the first call
				if n := p.count(time.Minute); n < tt.low || n > tt.most {
					t.Errorf("%d calls in a minute, want %d to %d", n, tt.low, tt.most)
				}
			})
		})
	}
}

func TestPushBringsTheNextCallForward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &poller{next: 30_000}
		s := run(t, p)
		time.Sleep(time.Second + spread)
		s.Due(2_000)
		if early := p.count(2*time.Second - time.Millisecond); early != 0 {
			t.Errorf("%d calls before the message is due", early)
		}
		if n := p.count(spread + time.Millisecond); n != 1 {
			t.Errorf("%d calls when it is due, want 1", n)
		}
		s.Soon()
		if n := p.count(time.Second); n != 1 {
			t.Errorf("%d calls within a second, want 1", n)
		}
	})
}

func TestCallsAreFewWhileNoRouteAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &poller{err: errors.New("away")}
		run(t, p)
		time.Sleep(5 * time.Second)
		if n := p.count(time.Minute); n < 45 || n > 120 {
			t.Errorf("%d calls in a minute", n)
		}
	})
}
