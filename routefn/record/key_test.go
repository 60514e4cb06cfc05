package record

import (
	"slices"
	"testing"

	"github.com/cim-go/cim/routefn/record/op"
)

func TestRoutesOnOneStoreShareTheirKey(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		first, second := watch(t, s), watch(t, s)
		if keys := first.RouteKeys(); len(keys) != 1 || len(keys[0]) != routeKeyBytes {
			t.Fatalf("keys %x", keys)
		}
		if !slices.Equal(first.Keys(), second.Keys()) {
			t.Errorf("the second route has other keys: %v and %v", first.Keys(), second.Keys())
		}
	})
}

// watch returns a keyed Watch that has looked once.
func watch(t testing.TB, s *Store) *Watch {
	t.Helper()
	w := s.Watch(true)
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
	each(t, Config{}, func(t *testing.T, s *Store) {
		old := watch(t, s)
		before := old.Keys()[0]
		flush(t, s)
		if found := look(t, old); !found || old.Keys()[0] != before {
			t.Errorf("the first to look found the loss: %v, and has %v", found, old.Keys())
		}
		fresh := watch(t, s)
		if fresh.Keys()[0] != before || fresh.Settled() {
			t.Errorf("a route that starts then: %v, settled %v", fresh.Keys(), fresh.Settled())
		}
		flush(t, s)
		first := watch(t, s)
		made := first.Keys()[0]
		if first.Settled() != s.Embedded {
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
	each(t, Config{}, func(t *testing.T, s *Store) {
		w := s.Watch(false)
		if found := look(t, w); found {
			t.Error("a new store lost something")
		}
		if found := look(t, w); found {
			t.Error("a store that goes on lost something")
		}
		key := markKey(3)
		o := op.Write(key, []any{"set", key, storeClock(t, s) - 2*markEvery})
		if s.Run(t.Context(), "key", o); o.Err != nil {
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
		if _, recently := s.Watch(false).Lost(); recently {
			t.Error("known without a look")
		}
	})
}

// A route that learns of a loss counts it as recent, even if the store's clock jumps.
// Only a route that has just started must believe the clock, unless that shows a time
// before the loss.
func TestLossIsRecentWhateverTheStoresClockDoes(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		w := watch(t, s)
		const hour = 3600 * 1000
		for _, test := range []struct {
			off   int64
			fresh bool
		}{{-hour, false}, {hour, true}} {
			o := op.Write(knownKeys, []any{"hset", knownKeys, "lost", storeClock(t, s) + test.off})
			if s.Run(t.Context(), "key", o); o.Err != nil {
				t.Fatal(o.Err)
			}
			look(t, w)
			if _, recently := w.Lost(); !recently || w.Settled() {
				t.Errorf("off by %d ms: recently %v, settled %v", test.off, recently, w.Settled())
			}
			if _, recently := watch(t, s).Lost(); recently != test.fresh {
				t.Errorf("off by %d ms: to a route that starts it is recent: %v", test.off, recently)
			}
		}
	})
}
