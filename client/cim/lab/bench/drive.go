package bench

import (
	"context"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/loadclients"
)

// traffic is what the clients send to each other, with the counts of what arrives.
type traffic interface {
	loadclients.Traffic
	// tick sends what is due and returns how long until more is.
	tick(now time.Duration) time.Duration
	// begin starts the measured time. Counts and latencies start again from zero; the
	// checks of deliveries go on.
	begin()
	// stop ends the sending.
	stop()
	// owed returns how many deliveries and answers have not come yet.
	owed() int
	// verdict returns the outcome of all messages.
	verdict() Check
}

const (
	// drainTime bounds the wait for missing deliveries and answers after the last message
	// was sent.
	drainTime = 10 * time.Second
	// never is the wait of a traffic in which nothing is due at any time.
	never = time.Hour
	// connectAtOnce is how many clients connect at a time.
	connectAtOnce = 128
)

// drive lets the traffic run and returns what the system used in the measured
// time. It then waits until everything that was sent has come.
func (b *bench) drive(ctx context.Context, s system, clients *loadclients.Pool, t traffic) (usage, error) {
	if err := drive(ctx, clients, t, clients.Now()+b.WarmUp); err != nil {
		return usage{}, err
	}
	watch, err := startWatch(s.processes())
	if err != nil {
		return usage{}, err
	}
	t.begin()
	taken := b.profiles.take(ctx, b.Profile, b.profiled, b.Duration)
	if err := drive(ctx, clients, t, clients.Now()+b.Duration); err != nil {
		return usage{}, err
	}
	used, err := watch.read()
	if err != nil {
		return usage{}, err
	}
	t.stop()
	if err := drain(ctx, clients, t); err != nil {
		return usage{}, err
	}
	return used, taken()
}

func drive(ctx context.Context, clients *loadclients.Pool, t traffic, until time.Duration) error {
	for {
		now := clients.Now()
		if now >= until {
			return nil
		}
		if err := clients.Poll(ctx, min(t.tick(now), until-now)); err != nil {
			return err
		}
	}
}

// drain returns when every message has arrived, or after drainTime. Messages that are
// missing then are lost.
func drain(ctx context.Context, clients *loadclients.Pool, t traffic) error {
	for until := clients.Now() + drainTime; t.owed() > 0 && clients.Now() < until; {
		if err := clients.Poll(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// pace says when the next of a steady stream is due.
type pace struct {
	every time.Duration
	next  time.Duration
}

func newPace(perSecond float64) pace {
	return pace{every: time.Duration(float64(time.Second) / perSecond)}
}

// due reports whether a message is due and, if so, moves on to the next. A late message
// does not move the others: behind a slow server, latency counts from when a message
// should have been sent.
func (p *pace) due(now time.Duration) (at time.Duration, ok bool) {
	if p.next == 0 {
		p.next = now
	}
	if p.next > now {
		return 0, false
	}
	at = p.next
	p.next += p.every
	return at, true
}
