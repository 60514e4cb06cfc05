package delayed

import (
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"time"

	"github.com/cim-go/cim/routefn/coalesce"
	"github.com/cim-go/cim/routefn/record"
)

const (
	// takeBatch bounds the messages that are taken at a time. To store that many takes
	// some 10 ms.
	takeBatch = 100
	// sendTime bounds one round over all shards. The next run sends the rest.
	sendTime = time.Second
	// runTimeout bounds one run if the store does not answer. It is shorter than the
	// time for which the node waits for the answer, and much shorter than a lease.
	runTimeout = 2500 * time.Millisecond
)

// A Sender sends delayed messages when they are due. Make it with New; it is safe for
// concurrent use.
type Sender struct {
	cfg    Config
	runs   coalesce.Calls[time.Duration]
	worker worker // used only by the run that is under way
}

// New returns a Sender.
func New(c Config) *Sender {
	return &Sender{cfg: c, worker: worker{store: c.Store, pusher: c.Pusher, log: c.Log, observer: c.Observer, onErased: c.OnErased}}
}

// Run sends the messages that are due, and then does other due work. It returns the time
// until the node should call again. It blocks for 2.5 s at most. The end of ctx does not
// end a run, so that no shard stays leased. Callers that come during a run share the next
// one.
func (s *Sender) Run(ctx context.Context) (next time.Duration, err error) {
	ctx = context.WithoutCancel(ctx)
	return s.runs.Do(func() (time.Duration, error) { return s.run(ctx) })
}

func (s *Sender) run(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	next, err := s.sendDue(ctx)
	if err != nil {
		return next, err
	}
	if s.worker.do(ctx) {
		next = askSoonest
	}
	return next, nil
}

// sendDue sends the messages that are due and returns the time until the node should
// call again.
func (s *Sender) sendDue(ctx context.Context) (time.Duration, error) {
	due, next, err := s.cfg.Store.Shards(ctx)
	if err != nil || len(due) == 0 {
		return nextAsk(next), err
	}
	sent := s.sendShards(ctx, due)
	left, next, err := s.cfg.Store.Shards(ctx)
	switch {
	case sent && (err != nil || len(left) > 0):
		return askSoonest, nil
	case err != nil || len(left) > 0:
		return askAgain, nil
	default:
		return nextAsk(next), nil
	}
}

// sendShards sends the due messages of the given shards, until sendTime is over. It
// reports whether it has sent a message. It takes the shards in random order, so that
// several routes begin at different ones.
func (s *Sender) sendShards(ctx context.Context, due []int) (sent bool) {
	end := time.Now().Add(sendTime)
	mathrand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	holder := rand.Text()
	for _, shard := range due {
		if time.Now().After(end) {
			break
		}
		if s.sendShard(ctx, shard, holder, end) {
			sent = true
		}
	}
	return sent
}

// sendShard sends the due messages of one shard, in order. It begins no batch after the
// time in the parameter end. It reports whether it has sent a message.
func (s *Sender) sendShard(ctx context.Context, shard int, holder string, end time.Time) (sent bool) {
	b := dueBatch{cfg: &s.cfg, failed: make(map[logOf]bool)}
	for {
		taken, err := s.cfg.Store.Take(ctx, shard, holder, b.left, takeBatch)
		if errors.Is(err, record.ErrHeld) {
			return sent
		}
		if err == nil {
			if len(taken) == 0 {
				return sent // Take has released the lease
			}
			var n int
			n, err = b.send(ctx, taken)
			sent = sent || n > 0
		}
		if err != nil || time.Now().After(end) {
			if err != nil {
				s.cfg.Log.Warn("delayed messages are left for later", "err", err)
			}
			if err := s.cfg.Store.Release(ctx, shard, holder); err != nil {
				s.cfg.Log.Debug("shard stays leased", "err", err)
			}
			return sent
		}
	}
}
