package record

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	// routeKey names the secret that all routes share unless they are told one: string
	// cim:{key}, no time to live. Whoever finds none puts back the one that it had.
	routeKey = "cim:{key}"
	// knownKeys names what is known of it: hash, see key.lua.
	knownKeys = routeKey + ":known"
	// routeKeyBytes is the strength of that secret.
	routeKeyBytes = 32

	// marks is how many marks there are, strings cim:{sN}:mark. They are spread over
	// the slots, so that each master of a Cluster is likely to have some: a master that
	// comes back empty or older shows by them.
	marks = 16
	// markEvery is the age from which on a mark is moved, in ms by the store's clock.
	markEvery = 10_000
	// markBack is by how much a mark has gone back when its server is an older one. A
	// failover loses less, and a server's clock that is set back by more is no harm.
	markBack = 5_000

	// SettleTime is for how long after a loss what is missing may be there again soon:
	// nodes ask what keys there are, and report what they hold, within 30 s.
	SettleTime = 35 * time.Second
)

func markKey(i int) string { return "cim:{s" + strconv.Itoa(i) + "}:mark" }

// Watch looks whether the store is the one it was: with the keys that routes share, and
// with what was written to it. It is safe for concurrent use.
type Watch struct {
	s     *Store
	keyed bool

	mu   sync.Mutex
	at   time.Time    // of the latest look
	seen [marks]int64 // the marks, as they were seen last; zero: never
	keys []string     // in hexadecimal, the one to make things with first
	lost fresh        // of the latest loss
	made fresh        // of the key that was made because there was none
}

// fresh is a moment that the store keeps, and until when it counts as recent.
type fresh struct {
	at    int64     // ms by the store's clock; zero: never
	until time.Time // by the clock of this process, which does not jump; zero: it is long ago
}

// learn takes in what the store has now, by a look that began at asked, when the store's
// clock was at now. What changed after an earlier look is news, whatever that clock did
// meanwhile; a first look has nothing else to go by.
func (f *fresh) learn(at, now int64, first bool, asked time.Time) {
	if at == 0 || at == f.at {
		f.at = at
		return
	}
	age := time.Duration(0)
	if first && at < now {
		age = min(time.Duration(now-at)*time.Millisecond, SettleTime)
	}
	f.at, f.until = at, asked.Add(SettleTime-age)
}

func (f *fresh) recent() bool { return time.Now().Before(f.until) }

// Watch returns one that has not looked yet. With keyed it takes part in the route key
// that is kept in the store.
func (s *Store) Watch(keyed bool) *Watch {
	return &Watch{s: s, keyed: keyed}
}

// Look looks once. It makes the route key if there is none, puts back the one it knows
// if the store has lost it, and takes over another that the store has: see Keys. It
// reports whether this call was the first of all routes' to find that the store lost
// something. With an error, which is the store's, everything stays as it was.
func (w *Watch) Look(ctx context.Context) (found bool, err error) {
	asked := time.Now()
	ops := make([]*op, marks)
	for i := range ops {
		ops[i] = readOf(markKey(i), []any{"get", markKey(i)})
	}
	keys := w.Keys()
	answer := w.keyOp(keys, false)
	w.s.run(ctx, "key", append(ops, answer)...)
	if answer.err != nil {
		return false, fmt.Errorf("look at the store: %w", answer.err)
	}
	now := integer(answer.reply[2])
	lost, stale := w.compare(ops, now)
	if lost {
		answer = w.keyOp(keys, true)
		w.s.run(ctx, "key", answer)
		if answer.err != nil {
			return false, fmt.Errorf("look at the store: %w", answer.err)
		}
	}
	w.s.run(ctx, "key", stale...) // what fails is moved by the next look
	return text(answer.reply[5]) == "1", w.take(answer, asked)
}

func (w *Watch) keyOp(keys []string, lost bool) *op {
	args := []any{"0", ""}
	if lost {
		args[0] = "1"
	}
	if w.keyed {
		fresh := make([]byte, routeKeyBytes)
		rand.Read(fresh) // never fails, see crypto/rand
		args[1] = hex.EncodeToString(fresh)
		for i, key := range keys {
			if i == 0 {
				args[1] = key
			}
			args = append(args, key)
		}
	}
	return &op{key: routeKey, script: keyScript, keys: []string{routeKey, knownKeys}, args: args, write: true}
}

// compare reports whether a mark is gone or has gone back, and returns what moves those
// that are old. It notes the marks as they are.
func (w *Watch) compare(ops []*op, now int64) (lost bool, stale []*op) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range marks {
		o := ops[i]
		if o.err != nil {
			continue
		}
		shown := integer(o.reply[0])
		lost = lost || w.seen[i] > 0 && shown < w.seen[i]-markBack
		w.seen[i] = shown
		if age := now - shown; age > markEvery || age < -markEvery {
			key := markKey(i)
			stale = append(stale, &op{key: key, script: markScript, keys: []string{key}, write: true})
		}
	}
	return lost, stale
}

// take reads the answer of key.lua.
func (w *Watch) take(o *op, asked time.Time) error {
	keys := []string{text(o.reply[1])}
	for _, r := range o.reply[6:] {
		keys = append(keys, text(r))
	}
	if !w.keyed {
		keys = nil
	}
	for _, key := range keys {
		if b, err := hex.DecodeString(key); err != nil || len(b) != routeKeyBytes {
			return fmt.Errorf("%s does not hold a key", routeKey)
		}
	}
	now, since, lost := integer(o.reply[2]), integer(o.reply[3]), integer(o.reply[4])
	w.mu.Lock()
	defer w.mu.Unlock()
	if asked.Before(w.at) {
		return nil
	}
	first := w.at.IsZero()
	w.at = asked
	w.lost.learn(lost, now, first, asked)
	w.made.learn(since, now, first, asked)
	for _, key := range w.keys { // what this process made things with counts as long as it lives
		if len(keys) > 0 && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	w.keys = keys
	return nil
}

// Keys returns the route keys as the latest look found them, in hexadecimal: all things
// are to be made with the first, and what any of them made is good. It is empty unless
// the Watch is keyed.
func (w *Watch) Keys() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.keys)
}

// RouteKeys is Keys as bytes.
func (w *Watch) RouteKeys() [][]byte {
	var list [][]byte
	for _, key := range w.Keys() {
		b, _ := hex.DecodeString(key) // looked at by take
		list = append(list, b)
	}
	return list
}

// Lost returns when the store lost something, in ms by its clock, zero for never, and
// whether that is less than SettleTime ago: then what is missing may be there again soon.
func (w *Watch) Lost() (when int64, recently bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost.at, w.lost.recent()
}

// Settled reports whether the keys are those that all routes know. They are not for
// SettleTime after a loss, and after the store had none: another route may have made
// things with a key that it has not told yet. A store for one machine ends with its
// routes, so that its first key is settled at once.
func (w *Watch) Settled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.lost.recent() && (w.s.embedded || !w.made.recent())
}
