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
	// routeKey names the secret that all routes share unless one is configured. It is
	// a string, cim:{key}, without a time to live. A route that finds none stores the
	// one that it had.
	routeKey = "cim:{key}"
	// knownKeys names the hash with the history of the secret, see key.lua.
	knownKeys = routeKey + ":known"
	// routeKeyBytes is the strength of that secret.
	routeKeyBytes = 32

	// marks is how many marks there are, strings cim:{sN}:mark. They are spread over
	// the slots, so that each master of a Cluster is likely to have some. They show if
	// a master comes back empty or older.
	marks = 16
	// markEvery is the age from which on a mark is moved, in ms by the store's clock.
	markEvery = 10_000
	// If a mark has gone back by markBack or more, its server came back older. A
	// failover loses less. It does no harm if a server's clock is set back by more.
	markBack = 5_000

	// SettleTime is how long after a loss the missing data may still come back. Nodes
	// read the keys and report their sessions within 30 s.
	SettleTime = 35 * time.Second
)

func markKey(i int) string { return "cim:{s" + strconv.Itoa(i) + "}:mark" }

// Watch checks whether the store has lost something. It checks the keys that routes
// share, and marks that were written to the store. It is safe for concurrent use.
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

// fresh is a moment that the store keeps, with the time until which it counts as
// recent.
type fresh struct {
	at    int64     // ms by the store's clock; zero: never
	until time.Time // by the clock of this process, which does not jump; zero: it is long ago
}

// learn takes at, the time that a look has read. The look began at asked, when the
// store's clock was at now. If at has changed since an earlier look, it is recent, even
// if the store's clock was set meanwhile. The first look can only compare at with now.
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

// Watch returns a Watch that has not looked yet. With keyed, it also reads and restores
// the route key in the store.
func (s *Store) Watch(keyed bool) *Watch {
	return &Watch{s: s, keyed: keyed}
}

// Look checks the store once. It makes the route key if there is none. If the store
// has lost the key, it stores the one it knows. If the store has another key, it uses
// that one: see Keys. It reports whether this call was the first of all routes to
// find a loss. If the store fails, Look returns its error and changes nothing.
func (w *Watch) Look(ctx context.Context) (found bool, err error) {
	asked := time.Now()
	ops, shown := w.s.readMarks()
	keys := w.Keys()
	answer := w.keyOp(keys, false)
	w.s.run(ctx, "key", append(ops, answer)...)
	if answer.err != nil {
		return false, fmt.Errorf("look at the store: %w", answer.err)
	}
	now := integer(answer.reply[2])
	lost, old := w.compare(shown, now)
	if lost {
		answer = w.keyOp(keys, true)
		w.s.run(ctx, "key", answer)
		if answer.err != nil {
			return false, fmt.Errorf("look at the store: %w", answer.err)
		}
	}
	w.s.moveMarks(ctx, old)
	return text(answer.reply[5]) == "1", w.take(answer, asked)
}

// readMarks returns ops that read the marks. It is one op if one server has all of
// them. After they were run, shown returns a mark, or false if its server did not
// answer.
func (s *Store) readMarks() (ops []*op, shown func(i int) (int64, bool)) {
	if s.topology.single() {
		get := []any{"mget"}
		for i := range marks {
			get = append(get, markKey(i))
		}
		all := readOf(markKey(0), get)
		return []*op{all}, func(i int) (int64, bool) {
			if all.err != nil {
				return 0, false
			}
			values, _ := all.reply[0].([]any)
			return integer(values[i]), true
		}
	}
	for i := range marks {
		ops = append(ops, readOf(markKey(i), []any{"get", markKey(i)}))
	}
	return ops, func(i int) (int64, bool) {
		if ops[i].err != nil {
			return 0, false
		}
		return integer(ops[i].reply[0]), true
	}
}

func (w *Watch) keyOp(keys []string, lost bool) *op {
	args := []any{lost, ""}
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

// compare reports whether a mark is gone or has gone back. It returns the keys of
// marks that are old, and remembers the marks as they are.
func (w *Watch) compare(mark func(i int) (int64, bool), now int64) (lost bool, old []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range marks {
		shown, ok := mark(i)
		if !ok {
			continue
		}
		lost = lost || w.seen[i] > 0 && shown < w.seen[i]-markBack
		w.seen[i] = shown
		if age := now - shown; age > markEvery || age < -markEvery {
			old = append(old, markKey(i))
		}
	}
	return lost, old
}

// moveMarks moves the marks with these keys. On one server it moves all at once. If a
// move fails, the mark is moved after the next look.
func (s *Store) moveMarks(ctx context.Context, old []string) {
	each := 1
	if s.topology.single() {
		each = marks
	}
	var ops []*op
	for keys := range slices.Chunk(old, each) {
		ops = append(ops, &op{key: keys[0], script: markScript, keys: keys, write: true})
	}
	s.run(ctx, "key", ops...)
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
	for _, key := range w.keys { // the keys that this process has used count as long as it lives
		if len(keys) > 0 && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	w.keys = keys
	return nil
}

// Keys returns the route keys that the latest look found, in hexadecimal. New tokens
// and the like are made with the first one. Those made with any of the keys are
// valid. It is empty unless the Watch is keyed.
func (w *Watch) Keys() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.keys)
}

// RouteKeys returns Keys as bytes.
func (w *Watch) RouteKeys() [][]byte {
	var list [][]byte
	for _, key := range w.Keys() {
		b, _ := hex.DecodeString(key) // looked at by take
		list = append(list, b)
	}
	return list
}

// Lost returns the time at which the store last lost something, in ms by its clock, or
// zero for never. It also reports whether that is less than SettleTime ago, so that
// lost data may still come back.
func (w *Watch) Lost() (when int64, recently bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost.at, w.lost.recent()
}

// Settled reports whether the keys are those that all routes know. For SettleTime after
// a loss, or after the store had no key, they are not. Another route may have used a
// key that it has not stored yet. A store for one machine ends with its routes, so that
// its first key is settled at once.
func (w *Watch) Settled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.lost.recent() && (w.s.embedded || !w.made.recent())
}
