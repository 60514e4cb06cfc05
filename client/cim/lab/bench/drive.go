package bench

import (
	"context"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/loadclients"
)

// traffic sends the messages of the clients and counts the deliveries.
type traffic interface {
	loadclients.Traffic
	// tick sends the messages that are due, and returns the time until the next one is
	// due.
	tick(now time.Duration) time.Duration
	// begin starts the measured time. Counts and latencies start again from zero. The
	// checks of deliveries continue.
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
	// never is the time that tick returns if no message will become due.
	never = time.Hour
	// settleTime is how long clients wait after their logins before the first message. A
	// node begins to push to a session a moment after the login answer. Before that
	// moment, the node only reports the end of a log, and a client of the SDK would pull.
	// The bench's clients never pull.
	settleTime = 250 * time.Millisecond
	// connectAtOnce is how many clients connect at a time.
	connectAtOnce = 128
)

// seat connects clients that will get messages, and returns when the nodes push to all of
// them.
func seat(ctx context.Context, clients *loadclients.Pool, seats []loadclients.Seat) error {
	if err := clients.Connect(ctx, seats, connectAtOnce); err != nil {
		return err
	}
	for until := clients.Now() + settleTime; clients.Now() < until; {
		if err := clients.Poll(ctx, until-clients.Now()); err != nil {
			return err
		}
	}
	return nil
}

// drive runs the traffic and returns what the system used in the measured time. Before it
// returns, it waits until everything that was sent has arrived.
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
// still missing count as lost.
func drain(ctx context.Context, clients *loadclients.Pool, t traffic) error {
	for until := clients.Now() + drainTime; t.owed() > 0 && clients.Now() < until; {
		if err := clients.Poll(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// pace has the time at which the next message of a steady stream is due.
type pace struct {
	every time.Duration
	next  time.Duration
}

func newPace(perSecond float64) pace {
	return pace{every: time.Duration(float64(time.Second) / perSecond)}
}

// due reports whether a message is due. If so, it returns the time since when the message
// is due, and moves on to the next one. A late message does not move the times of the
// others. The reason is that latency must count from the time at which a message should
// have been sent.
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
