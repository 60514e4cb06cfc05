package watch

import (
	"bytes"
	"encoding/hex"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/cim-go/cim/routefn/keyseal"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/storetest"
)

// secrets are the keys of a Seal, which a test changes.
type secrets [][]byte

func secret(n byte) []byte { return bytes.Repeat([]byte{n}, 32) }

// sealing returns a Watch with these keys that has not looked yet.
func (k *secrets) sealing(db *op.DB, stay bool) *Watch {
	return Sealed(db, keyseal.New(func() [][]byte { return *k }), stay, slog.New(slog.DiscardHandler))
}

// sealed returns a Watch that has looked once.
func (k *secrets) sealed(t testing.TB, db *op.DB) *Watch {
	t.Helper()
	w := k.sealing(db, false)
	look(t, w)
	return w
}

// shown returns all that the store shows of route keys.
func shown(t testing.TB, db *op.DB) string {
	t.Helper()
	o := op.Read(routeKey, []any{"hgetall", routeKey}, []any{"hgetall", knownKeys})
	plain := op.Read(routeKey, []any{"get", routeKey})
	db.Run(t.Context(), "key", o, plain)
	var all []string
	for _, r := range append(o.Reply, plain.Reply...) {
		list, ok := r.([]any)
		if !ok {
			list = []any{r}
		}
		for _, v := range list {
			all = append(all, op.Text(v))
		}
	}
	return strings.Join(all, " ")
}

func TestStoreShowsNothingOfASealedKey(t *testing.T) {
	each(t, func(t *testing.T, db *op.DB) {
		k := secrets{secret(1)}
		first, second := k.sealed(t, db), k.sealed(t, db)
		key := first.Keys()[0]
		if !slices.Equal(first.Keys(), second.Keys()) || !first.Sealed() {
			t.Errorf("two routes have %v and %v", first.Keys(), second.Keys())
		}
		text := shown(t, db)
		if strings.Contains(text, key) || strings.Contains(text, string(first.RouteKeys()[0])) || !strings.Contains(text, keyseal.Name(first.RouteKeys()[0])) {
			t.Errorf("the store shows %q", text)
		}
		if found := look(t, first); found {
			t.Error("a store that goes on lost something")
		}
	})
}

// Keys that are in the clear are sealed at the first look, those of before too. The same
// keys stay in use, and no loss is found. A Watch without a key fails from then on.
func TestPlainKeysAreSealedInPlace(t *testing.T) {
	each(t, func(t *testing.T, db *op.DB) {
		plain := watch(t, db)
		earlier := hex.EncodeToString(secret(9))
		if o := op.Write(knownKeys, []any{"hset", knownKeys, earlier, storeClock(t, db)}); true {
			db.Run(t.Context(), "key", o)
		}
		look(t, plain)
		k := secrets{secret(1)}
		w := k.sealed(t, db)
		if keys := w.Keys(); len(keys) != 2 || keys[0] != plain.Keys()[0] || keys[1] != earlier {
			t.Errorf("sealed %v, were %v", keys, plain.Keys())
		}
		for _, key := range plain.Keys() {
			if text := shown(t, db); strings.Contains(text, key) {
				t.Errorf("the store still shows a key: %s", text)
			}
		}
		before := plain.Keys()
		if _, err := plain.Look(t.Context()); !errors.Is(err, keyseal.ErrNoKey) || !slices.Equal(plain.Keys(), before) {
			t.Errorf("without a key: %v, keys %v", err, plain.Keys())
		}
		if _, err := New(db, true).Look(t.Context()); !errors.Is(err, keyseal.ErrNoKey) {
			t.Errorf("a start without a key: %v", err)
		}
		look(t, w)
		if _, recently := w.Lost(); recently {
			t.Error("sealing counts as a loss")
		}
	})
}

func TestSealedKeyOpensWithAnyOfTheKeysAndIsSealedAgainUnderTheFirst(t *testing.T) {
	each(t, func(t *testing.T, db *op.DB) {
		old, both := secrets{secret(1)}, secrets{secret(1)}
		running, other := both.sealed(t, db), old.sealed(t, db)
		key := running.Keys()[0]
		none := secrets{secret(2)}
		if _, err := none.sealing(db, false).Look(t.Context()); !errors.Is(err, keyseal.ErrOtherKey) {
			t.Fatalf("with another key: %v", err)
		}
		both = secrets{secret(1), secret(2)}
		look(t, running)
		both = secrets{secret(2), secret(1)}
		look(t, running)
		if w := none.sealed(t, db); w.Keys()[0] != key {
			t.Errorf("sealed again: %v, want %s", w.Keys(), key)
		}
		look(t, other) // it has the old key alone, and goes on with the route key that it knows
		// A route whose keys are changed later does not seal it under the old one.
		old = secrets{secret(1), secret(2)}
		look(t, other)
		none.sealed(t, db)
		if keys := other.Keys(); keys[0] != key || len(keys) != 1 {
			t.Errorf("it has %v", keys)
		}
	})
}

// For routes of an earlier version, a plain key stays plain as long as that is asked for.
func TestPlainKeyStaysIfAsked(t *testing.T) {
	each(t, func(t *testing.T, db *op.DB) {
		k := secrets{secret(1)}
		w := k.sealing(db, true)
		look(t, w)
		plain := watch(t, db)
		look(t, w)
		if w.Sealed() || !slices.Equal(w.Keys(), plain.Keys()) {
			t.Errorf("sealed %t, %v and %v", w.Sealed(), w.Keys(), plain.Keys())
		}
		k.sealed(t, db)
		look(t, w)
		if !w.Sealed() || !slices.Equal(w.Keys(), plain.Keys()) {
			t.Errorf("after another route sealed it: sealed %t, %v", w.Sealed(), w.Keys())
		}
	})
}

// A loss is healed as with plain keys, also if a route of an earlier version puts back its
// plain key first.
func TestSealedKeyOutlivesTheStore(t *testing.T) {
	each(t, func(t *testing.T, db *op.DB) {
		plain := watch(t, db)
		k := secrets{secret(1)}
		w := k.sealed(t, db)
		key := w.Keys()[0]
		storetest.Flush(t, db.Topology)
		if found := look(t, w); !found || w.Keys()[0] != key {
			t.Errorf("found %t, has %v", found, w.Keys())
		}
		storetest.Flush(t, db.Topology)
		look(t, plain)
		look(t, w)
		if fresh := k.sealed(t, db); fresh.Keys()[0] != key || strings.Contains(shown(t, db), key) {
			t.Errorf("a route that starts has %v, the store shows %q", fresh.Keys(), shown(t, db))
		}
		storetest.Flush(t, db.Topology)
		made := k.sealed(t, db).Keys()[0]
		look(t, w)
		if keys := w.Keys(); keys[0] != made || !slices.Contains(keys, key) {
			t.Errorf("after another route made a key: %v, want %s and %s", keys, made, key)
		}
		if fresh := k.sealed(t, db); !slices.Equal(fresh.Keys(), w.Keys()) {
			t.Errorf("a route that starts has %v, want %v", fresh.Keys(), w.Keys())
		}
	})
}

// The keys of all routes are changed before any of them looks again. They go on, and seal
// the route key under the new key, so that a route that starts can open it.
func TestRoutesThatSlippedPastTheOldKeySealAgain(t *testing.T) {
	each(t, func(t *testing.T, db *op.DB) {
		k := secrets{secret(1)}
		w := k.sealed(t, db)
		key := w.Keys()[0]
		k = secrets{secret(2)}
		look(t, w)
		fresh := secrets{secret(2)}
		if got := fresh.sealed(t, db).Keys()[0]; got != key {
			t.Errorf("a route that starts has %s, want %s", got, key)
		}
	})
}

// Boxes that were damaged, or stand under another name, are refused.
func TestDamagedBoxIsNoKey(t *testing.T) {
	each(t, func(t *testing.T, db *op.DB) {
		k := secrets{secret(1)}
		w := k.sealed(t, db)
		name := keyseal.Name(w.RouteKeys()[0])
		o := op.Write(routeKey, []any{"hset", routeKey, name, "1.AAAA"})
		if db.Run(t.Context(), "key", o); o.Err != nil {
			t.Fatal(o.Err)
		}
		if _, err := k.sealing(db, false).Look(t.Context()); !errors.Is(err, keyseal.ErrOtherKey) {
			t.Errorf("damaged: %v", err)
		}
		if found := look(t, w); found {
			t.Error("a route that knows the key does not go on with it")
		}
		o = op.Write(routeKey, []any{"hdel", routeKey, name})
		if db.Run(t.Context(), "key", o); o.Err != nil {
			t.Fatal(o.Err)
		}
		if _, err := k.sealing(db, false).Look(t.Context()); !errors.Is(err, keyseal.ErrMalformed) {
			t.Errorf("gone: %v", err)
		}
		look(t, w) // it puts its box back
		k.sealed(t, db)
	})
}
