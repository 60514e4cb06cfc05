package watch

import (
	"context"
	"embed"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cim-go/cim/routefn/record/op"
)

const (
	// routeKey is the key of the secret that all routes share unless secrets are
	// configured. A route that finds no secret there stores the one that it knows.
	routeKey = "cim:{key}"
	// knownKeys is the key of the hash with the history of the secret, see key.lua.
	knownKeys = routeKey + ":known"
	// routeKeyBytes is the length of that secret.
	routeKeyBytes = 32

	// marks is how many marks there are. A mark is a string with the time at which it was
	// written. If a mark is gone or has gone back, its master came back empty or older.
	// Marks are spread over the slots, so that each master of a Cluster is likely to have
	// some.
	marks = 16
	// When a mark is markEvery old, a look sets it to the present time, in ms by the
	// store's clock.
	markEvery = 10_000
	// If a mark has gone back by more than markBack ms, its server counts as having come
	// back older. A server that has lost the last change of a mark shows a time that is
	// more than markEvery earlier. Smaller steps back come from clocks that differ. If a
	// server's clock is set back by more than markEvery, Watch reports a loss that did
	// not happen, which does no harm.
	markBack = 5_000

	// SettleTime is how long after a loss the lost data may still come back. Nodes read
	// the keys and report their sessions within 30 s.
	SettleTime = 35 * time.Second
)

//go:embed lua/*.lua
var folder embed.FS

var (
	lua        = op.Library{folder, op.Lua}
	keyScript  = lua.Load("clock", "plain", "key")
	sealScript = lua.Load("plain", "seal")
	markScript = lua.Load("clock", "mark")
)

func markKey(i int) string { return "cim:{s" + strconv.Itoa(i) + "}:mark" }

// Watch notices whether the store has lost something. For that it reads the keys that
// routes share, and marks in the store. A look is one call of the method Look. A Watch is
// safe for concurrent use.
type Watch struct {
	db    *op.DB
	keyed bool
	vault vault

	mu   sync.Mutex
	at   time.Time    // when the latest look began
	seen [marks]int64 // the marks at the latest look; zero: the look did not see this mark
	keys []string     // keys in hexadecimal; new tokens are made with the first one
	lost fresh        // when the latest loss was found
	made fresh        // when a route made a key because there was none
}

// fresh is a time that the store keeps, with the end of the period in which it counts
// as recent.
type fresh struct {
	at    int64     // ms by the store's clock; zero: never
	until time.Time // end of the period, by the monotonic clock of this process; zero: it is over
}

// learn records a time (at) that a look has read from the store. The parameter asked is
// when the look began, and now is the store's clock at that look. If the time differs
// from that of the last look, it counts as recent, even if the store's clock was set
// meanwhile. The first look has nothing to compare with. Then learn computes from the
// argument now how long ago the time was.
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

// New returns a Watch of the store of db. Call its method Look. If keyed is set, Look
// also reads and restores the route key, which the store keeps in the clear.
func New(db *op.DB, keyed bool) *Watch { return &Watch{db: db, keyed: keyed} }

// Look looks at the store once. If the store has no route key, Look stores the key that
// it knows, or a new one if it knows none. If the store has another key, Look uses that
// one from then on (see Keys). The result found is true if this look has found a loss,
// and no look of any route has found that loss before. If the store fails, or its route
// key cannot be opened (keyseal.ErrKey), Look returns an error and learns nothing.
func (w *Watch) Look(ctx context.Context) (found bool, err error) {
	asked := time.Now()
	ops, shown := w.readMarks()
	answer, err := w.ask(ctx, false, ops...)
	if err != nil {
		return false, fmt.Errorf("look at the store: %w", err)
	}
	now := op.Integer(answer.Reply[2])
	lost, old := w.compare(shown, now)
	if lost {
		if answer, err = w.ask(ctx, true); err != nil {
			return false, fmt.Errorf("look at the store: %w", err)
		}
	}
	w.moveMarks(ctx, old)
	return op.Text(answer.Reply[5]) == "1", w.take(ctx, answer, asked)
}

// readMarks returns ops that read the marks: one op, if one server has all of them. The
// result shown is a function. After the ops were run, it returns the mark i, or false if
// the server of that mark did not answer.
func (w *Watch) readMarks() (ops []*op.Op, shown func(i int) (int64, bool)) {
	if w.db.Topology.Single() {
		get := []any{"mget"}
		for i := range marks {
			get = append(get, markKey(i))
		}
		all := op.Read(markKey(0), get)
		return []*op.Op{all}, func(i int) (int64, bool) {
			if all.Err != nil {
				return 0, false
			}
			values, _ := all.Reply[0].([]any)
			return op.Integer(values[i]), true
		}
	}
	for i := range marks {
		ops = append(ops, op.Read(markKey(i), []any{"get", markKey(i)}))
	}
	return ops, func(i int) (int64, bool) {
		if ops[i].Err != nil {
			return 0, false
		}
		return op.Integer(ops[i].Reply[0]), true
	}
}

// compare compares the marks with the latest look, and remembers them. The parameter mark
// is a function that returns the mark i. The result lost is true if any mark is gone or
// has gone back. The result old has the keys of the marks that must be moved.
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

// moveMarks sets the marks with the keys in old to the present time. On one server it
// does so by one op. If that fails, the next look tries again.
func (w *Watch) moveMarks(ctx context.Context, old []string) {
	each := 1
	if w.db.Topology.Single() {
		each = marks
	}
	var ops []*op.Op
	for keys := range slices.Chunk(old, each) {
		ops = append(ops, &op.Op{Key: keys[0], Script: markScript, Keys: keys, Write: true})
	}
	w.db.Run(ctx, "key", ops...)
}

// take reads the answer of key.lua.
func (w *Watch) take(ctx context.Context, o *op.Op, asked time.Time) error {
	keys, err := w.open(ctx, o)
	if err != nil {
		return err
	}
	now, since, lost := op.Integer(o.Reply[2]), op.Integer(o.Reply[3]), op.Integer(o.Reply[4])
	w.mu.Lock()
	defer w.mu.Unlock()
	if asked.Before(w.at) {
		return nil
	}
	first := w.at.IsZero()
	w.at = asked
	w.lost.learn(lost, now, first, asked)
	w.made.learn(since, now, first, asked)
	for _, key := range w.keys { // a key that this process has used stays valid as long as the process lives
		if len(keys) > 0 && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	w.keys = keys
	return nil
}

// Keys returns the route keys that the latest look found, in hexadecimal. New tokens
// and tickets are made with the first key. Tokens and tickets that were made with any
// of the keys are valid. If the Watch is not keyed, there are none.
func (w *Watch) Keys() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.keys)
}

// RouteKeys returns the keys of Keys, decoded.
func (w *Watch) RouteKeys() [][]byte {
	var list [][]byte
	for _, key := range w.Keys() {
		b, _ := hex.DecodeString(key) // take has checked it
		list = append(list, b)
	}
	return list
}

// Lost returns the time when the latest loss was found, in ms by the store's clock, or
// zero if there was none. If that is less than SettleTime ago, lost data may still come
// back, and the result recently is true.
func (w *Watch) Lost() (when int64, recently bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost.at, w.lost.recent()
}

// Settled reports whether Keys has every key that any route uses. It returns false for
// SettleTime after a loss, or after a route had to make a key. Another route may then
// have used a key that it has not stored yet. An embedded store ends with its routes,
// so its first key is settled at once.
func (w *Watch) Settled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.lost.recent() && (w.db.Embedded || !w.made.recent())
}
