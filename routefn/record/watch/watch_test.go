package watch

import (
	"os"
	"slices"
	"testing"

	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/servers"
	"github.com/cim-go/cim/routefn/record/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// each runs a test on every kind of store, which it empties first.
func each(t *testing.T, f func(*testing.T, *op.DB)) {
	storetest.Each(t, func(t *testing.T, url string) {
		db, err := op.Dial(t.Context(), op.Config{Config: servers.Config{URL: url}, AllowEmbedded: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		storetest.Flush(t, db.Topology)
		f(t, db)
	})
}

// storeClock returns the time of the store in ms.
func storeClock(t testing.TB, db *op.DB) int64 {
	t.Helper()
	o := op.Read(routeKey, []any{"time"})
	if db.Run(t.Context(), "clock", o); o.Err != nil {
		t.Fatal(o.Err)
	}
	return op.ClockMs(o.Reply[0])
}

func TestRoutesOnOneStoreShareTheirKey(t *testing.T) {
	each(t, func(t *testing.T, db *op.DB) {
		first, second := watch(t, db), watch(t, db)
		if keys := first.RouteKeys(); len(keys) != 1 || len(keys[0]) != routeKeyBytes {
			t.Fatalf("keys %x", keys)
		}
		if !slices.Equal(first.Keys(), second.Keys()) {
			t.Errorf("the second route has other keys: %v and %v", first.Keys(), second.Keys())
		}
	})
}

// watch returns a keyed Watch that has looked once.
func watch(t testing.TB, db *op.DB) *Watch {
	t.Helper()
	w := New(db, true)
	look(t, w)
	return w
}

func look(t testing.TB, w *Watch) (found bool) {
	t.Helper()
	found, err := w.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A route that runs during a loss of the store puts back the keys that it knows, even
// if another route has started meanwhile and stored a new key. Afterwards all routes
// use the same key, and know all keys.
func TestKeysOutliveTheStore(t *testing.T) {
	each(t, func(t *testing.T, db *op.DB) {
		old := watch(t, db)
		before := old.Keys()[0]
		storetest.Flush(t, db.Topology)
		if found := look(t, old); !found || old.Keys()[0] != before {
			t.Errorf("the first to look found the loss: %v, and has %v", found, old.Keys())
		}
		fresh := watch(t, db)
		if fresh.Keys()[0] != before || fresh.Settled() {
			t.Errorf("a route that starts then: %v, settled %v", fresh.Keys(), fresh.Settled())
		}
		storetest.Flush(t, db.Topology)
		first := watch(t, db)
		made := first.Keys()[0]
		if first.Settled() != db.Embedded {
			t.Error("a route that made a key believes that it knows all")
		}
		for _, w := range []*Watch{old, fresh} {
			if found := look(t, w); found != (w == old) {
				t.Errorf("a further route found the loss: %v", found)
			}
		}
		look(t, first)
		for _, w := range []*Watch{first, old, fresh} {
			if keys := w.Keys(); keys[0] != made || !slices.Contains(keys, before) {
				t.Errorf("has %v, want %s and %s", keys, made, before)
			}
			if _, recently := w.Lost(); !recently {
				t.Error("does not know of the loss")
			}
		}
	})
}

// Marks show that a store came back older, whatever its key is.
func TestOlderStoreIsFound(t *testing.T) {
	each(t, func(t *testing.T, db *op.DB) {
		w := New(db, false)
		if found := look(t, w); found {
			t.Error("a new store lost something")
		}
		if found := look(t, w); found {
			t.Error("a store that goes on lost something")
		}
		key := markKey(3)
		o := op.Write(key, []any{"set", key, storeClock(t, db) - 2*markEvery})
		if db.Run(t.Context(), "key", o); o.Err != nil {
			t.Fatal(o.Err)
		}
		if found := look(t, w); !found {
			t.Error("a mark went back, and nothing was found")
		}
		if _, recently := w.Lost(); !recently || len(w.Keys()) > 0 {
			t.Errorf("recently %v, keys %v", recently, w.Keys())
		}
		if found := look(t, w); found {
			t.Error("the same loss was found twice")
		}
		if _, recently := New(db, false).Lost(); recently {
			t.Error("known without a look")
		}
	})
}

// A route that learns of a loss counts it as recent, even if the store's clock jumps.
// Only a route that has just started must believe the clock, unless that shows a time
// before the loss.
func TestLossIsRecentWhateverTheStoresClockDoes(t *testing.T) {
	each(t, func(t *testing.T, db *op.DB) {
		w := watch(t, db)
		const hour = 3600 * 1000
		for _, test := range []struct {
			off   int64
			fresh bool
		}{{-hour, false}, {hour, true}} {
			o := op.Write(knownKeys, []any{"hset", knownKeys, "lost", storeClock(t, db) + test.off})
			if db.Run(t.Context(), "key", o); o.Err != nil {
				t.Fatal(o.Err)
			}
			look(t, w)
			if _, recently := w.Lost(); !recently || w.Settled() {
				t.Errorf("off by %d ms: recently %v, settled %v", test.off, recently, w.Settled())
			}
			if _, recently := watch(t, db).Lost(); recently != test.fresh {
				t.Errorf("off by %d ms: to a route that starts it is recent: %v", test.off, recently)
			}
		}
	})
}
