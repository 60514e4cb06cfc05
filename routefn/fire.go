package routefn

import (
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

const (
	// fireBatch bounds what is taken at a time: it is stored in some 10 ms.
	fireBatch = 100
	// fireTime bounds one look at all shards; what is left is there at the next one.
	fireTime = time.Second
	// workBatch and workTime bound the other work of one time: a message that becomes due
	// meanwhile is late by as much.
	workBatch = 100
	workTime  = 200 * time.Millisecond
	// fireLimit bounds it if the store does not answer. It ends before the node gives
	// the call up, and long before a lease does.
	fireLimit = 2500 * time.Millisecond
)

// fire sends what is due, then does other work that is due, and returns when to ask
// again.
func (rt *Route) fire(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, fireLimit)
	defer cancel()
	next, err := rt.fireMessages(ctx)
	if err != nil {
		return next, err
	}
	if rt.work.do(ctx) {
		next = askSoonest
	}
	return next, nil
}

// fireMessages sends what is due and returns when to ask again.
func (rt *Route) fireMessages(ctx context.Context) (time.Duration, error) {
	due, next, err := rt.cfg.Store.Shards(ctx)
	if err != nil || len(due) == 0 {
		return nextAsk(next), err
	}
	fired := rt.fireShards(ctx, due)
	left, next, err := rt.cfg.Store.Shards(ctx)
	switch {
	case fired && (err != nil || len(left) > 0):
		return askSoonest, nil
	case err != nil || len(left) > 0:
		return askAgain, nil
	default:
		return nextAsk(next), nil
	}
}

// nextAsk is when to ask again if messages are due in wait; negative: none is.
func nextAsk(wait time.Duration) time.Duration {
	if wait < 0 {
		return askLatest
	}
	return min(max(wait, askSoonest), askLatest)
}

// fireShards sends what is due in shards, as much as there is time for. It reports
// whether it sent any.
func (rt *Route) fireShards(ctx context.Context, due []int) (fired bool) {
	end := time.Now().Add(fireTime)
	// Several routes begin at different shards.
	mathrand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	holder := rand.Text()
	for _, shard := range due {
		if time.Now().After(end) {
			break
		}
		if rt.fireShard(ctx, shard, holder, end) {
			fired = true
		}
	}
	return fired
}

// fireShard sends what is due in one shard, in order, until end. It reports
// whether it sent any.
func (rt *Route) fireShard(ctx context.Context, shard int, holder string, end time.Time) (fired bool) {
	v := volley{route: rt, failed: make(map[logOf]bool)}
	for {
		taken, err := rt.cfg.Store.Take(ctx, shard, holder, v.left, fireBatch)
		if errors.Is(err, record.ErrHeld) {
			return fired
		}
		if err == nil {
			if len(taken) == 0 {
				return fired // and the lease was given back
			}
			var n int
			n, err = v.fire(ctx, taken)
			fired = fired || n > 0
		}
		if err != nil || time.Now().After(end) {
			if err != nil {
				rt.cfg.Logger.Warn("delayed messages are left for later", "err", err)
			}
			if err := rt.cfg.Store.Release(ctx, shard, holder); err != nil {
				rt.cfg.Logger.Debug("shard stays leased", "err", err)
			}
			return fired
		}
	}
}

// A logOf names a log that a message goes to.
type logOf struct{ user, group int64 }

func logsOf(m *record.Message) [2]logOf {
	if m.Group != 0 {
		return [2]logOf{{group: m.Group}, {group: m.Group}}
	}
	return [2]logOf{{user: m.To}, {user: m.From}}
}

// A volley is the sending of what is due in one shard. What cannot be stored is
// left, and so is all behind it for the same logs, which would overtake it; the rest
// goes on.
type volley struct {
	route  *Route
	failed map[logOf]bool
	left   int // of those that are due, counted from the first
}

// fire sends one batch and returns how many were sent. After an error, which says
// that it is not known what is still there, the volley is over.
func (v *volley) fire(ctx context.Context, taken []record.Delayed) (sent int, err error) {
	var tried []record.Delayed
	var messages []record.Message
	for _, d := range taken {
		if logs := logsOf(&d.Message); v.failed[logs[0]] || v.failed[logs[1]] {
			continue
		}
		tried = append(tried, d)
		messages = append(messages, d.Message)
	}
	if len(tried) == 0 {
		v.left += len(taken)
		return 0, nil
	}
	var done []record.Finishing
	for i, a := range v.route.store(ctx, messages) {
		if code, over := v.settle(&tried[i], &a); over {
			done = append(done, record.Finishing{Delayed: tried[i], Code: code})
		}
	}
	v.left += len(taken) - len(done)
	for i, err := range v.route.cfg.Store.Finish(ctx, done) {
		if err != nil {
			return sent, err
		}
		if done[i].Code == proto.OK {
			sent++
		}
		v.route.metrics.delayed(done[i].Code, done[i].Late)
	}
	return sent, nil
}

// settle pushes what was stored, and reports whether the message is over: stored,
// or dropped with a code.
func (v *volley) settle(d *record.Delayed, a *record.Appended) (code proto.Code, over bool) {
	switch {
	case a.Err == nil:
		// He who scheduled it is told of it by this on all his devices.
		v.route.deliver(sender{user: d.From, name: d.FromName}, a)
		return proto.OK, true
	case mayRetry(a.Err):
		for _, log := range logsOf(&d.Message) {
			v.failed[log] = true
		}
		v.route.metrics.delayedLeft.Inc()
		return proto.OK, false
	default:
		code = v.route.asError(a.Err).Code
		v.route.cfg.Logger.Info("delayed message dropped", "user", d.From, "code", code.String(), "err", a.Err)
		return code, true
	}
}
