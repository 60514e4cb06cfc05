package verify

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
)

const (
	progressEvery = 5 * time.Second
	settlePoll    = 250 * time.Millisecond
	// calm is how long no message must be shown before the run counts as quiet. A second
	// showing of a message would come within that time.
	calm = 3 * time.Second
	// found is how long devices may take to find all messages in the store. Messages that
	// are not shown within that time were lost with a primary.
	found = 35 * time.Second
)

// watcher reads the ledger while it is written. It shows the progress, and notices when
// everything is quiet. It does not judge.
type watcher struct {
	out   io.Writer
	begun time.Time
	tasks sync.WaitGroup

	// Guarded by mu.
	mu     sync.Mutex
	judge  *ledger.Judge
	counts map[ledger.Kind]int
	broken map[string]bool // what is broken now, without devices
	latest time.Time       // when a message was last shown
}

func newWatcher(out io.Writer) *watcher {
	return &watcher{
		out: out, begun: time.Now(), judge: ledger.NewJudge(),
		counts: make(map[ledger.Kind]int), broken: make(map[string]bool),
	}
}

func (w *watcher) say(format string, args ...any) {
	fmt.Fprintf(w.out, "%6.1f s  %s\n", time.Since(w.begun).Seconds(), fmt.Sprintf(format, args...))
}

func (w *watcher) hear(r ledger.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.judge.Hear(r)
	w.counts[r.Kind]++
	switch r.Kind {
	case ledger.Shown:
		w.latest = time.Now()
	case ledger.Broken:
		if r.Device == "" && !r.Over { // faults of devices are left out, because there are too many
			w.broken[r.Note] = true
		}
	case ledger.Healed:
		delete(w.broken, r.Note)
	}
}

// watch prints a line about the progress from time to time, until ctx ends.
func (w *watcher) watch(ctx context.Context) {
	w.tasks.Go(func() {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				w.progress()
			}
		}
	})
}

func (w *watcher) done() { w.tasks.Wait() }

func (w *watcher) progress() {
	w.mu.Lock()
	n, now := maps.Clone(w.counts), slices.Sorted(maps.Keys(w.broken))
	w.mu.Unlock()
	w.say("sent %d, accepted %d, unknown %d, shown %d, faults %d; now: %s",
		n[ledger.Sent], n[ledger.Accepted], n[ledger.Unknown], n[ledger.Shown], n[ledger.Broken], orNothing(now))
}

func orNothing(list []string) string {
	if len(list) == 0 {
		return "every server is up"
	}
	return strings.Join(list, ", ")
}

// settle waits until every message has an answer, no showing is missing, and nothing more
// is shown. It waits for limit at most.
func (w *watcher) settle(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(settlePoll)
	defer tick.Stop()
	for begun := time.Now(); ; {
		n := w.state()
		waited := time.Since(begun)
		if n.owed == 0 && n.waiting == 0 && n.since >= calm && waited >= calm && (n.perhaps == 0 || waited >= found) {
			w.say("quiet after %v", (waited - calm).Round(100*time.Millisecond))
			return
		}
		select {
		case <-ctx.Done():
			w.say("after %v %d messages are owed and %d have no answer", limit, n.owed, n.waiting)
			return
		case <-tick.C:
		}
	}
}

// state has the numbers of showings and answers that are still missing.
type state struct {
	owed, perhaps int // missing showings, see ledger.Judge.Owed
	waiting       int // messages without an answer
	since         time.Duration
}

func (w *watcher) state() state {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := state{waiting: w.judge.Waiting(), since: time.Since(w.latest)}
	n.owed, n.perhaps = w.judge.Owed()
	return n
}
