package scan

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/servers"
	"github.com/cim-go/cim/routefn/record/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// users is how many keys the tests write: more than one SCAN looks at.
const users = 3 * Count

// each runs a test on every kind of store, with the keys of users from 1 on, and keys that
// only look like those.
func each(t *testing.T, f func(*testing.T, servers.Topology)) {
	storetest.Each(t, func(t *testing.T, url string) {
		db, err := op.Dial(t.Context(), op.Config{Config: servers.Config{URL: url, ReadTimeout: wait.Limit}, AllowEmbedded: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		storetest.Flush(t, db.Topology)
		ops := make([]*op.Op, 0, users)
		for _, key := range []string{"cim:id:007", "cim:id:0", "cim:id:-3", "cim:id:5x", "cim:id:99999999999999999999"} {
			ops = append(ops, op.Write(key, []any{"set", key, ""}))
		}
		for user := range users {
			key := fmt.Sprint("cim:id:", user+1)
			ops = append(ops, op.Write(key, []any{"set", key, ""}))
		}
		for some := range slices.Chunk(ops, 100) {
			db.Run(t.Context(), "test", some...)
			for _, o := range some {
				if o.Err != nil {
					t.Fatal(o.Err)
				}
			}
		}
		f(t, db.Topology)
	})
}

func TestEachIDIsListedOnce(t *testing.T) {
	each(t, func(t *testing.T, at servers.Topology) {
		ids, err := IDs(t.Context(), at, "cim:id:", "")
		if err != nil || len(ids) != users || ids[0] != 1 || ids[users-1] != users {
			t.Fatalf("%d ids, %v", len(ids), err)
		}
		if !slices.IsSorted(ids) {
			t.Error("they are not in ascending order")
		}
	})
}

func TestStepsReachAllKeys(t *testing.T) {
	each(t, func(t *testing.T, at servers.Topology) {
		seen := make(map[string]bool)
		for place := ""; place != End; {
			var err error
			place, err = Step(t.Context(), at, place, "cim:id:*", 0, func(keys []string) error { // no time: one SCAN
				for _, key := range keys {
					seen[key] = true
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(seen) != users+5 {
			t.Errorf("%d keys, want %d", len(seen), users+5)
		}
	})
}

// A place counts only while the masters are the same, and a step that failed is done again.
func TestStepBeginsWhereItShould(t *testing.T) {
	each(t, func(t *testing.T, at servers.Topology) {
		var first, again []string
		keep := func(to *[]string) func([]string) error {
			return func(keys []string) error { *to = keys; return nil }
		}
		place, err := Step(t.Context(), at, "", "cim:id:*", 0, keep(&first))
		if err != nil {
			t.Fatal(err)
		}
		if place == End { // the embedded store lists all keys by one SCAN
			return
		}
		_, rest, _ := strings.Cut(place, " ")
		for _, other := range []string{"of another kind", "0 " + rest} {
			if got, err := Step(t.Context(), at, other, "cim:id:*", 0, keep(&again)); err != nil || got != place || !slices.Equal(again, first) {
				t.Errorf("from %q to %q, %v, want %q", other, got, err, place)
			}
		}
		failed := errors.New("not now")
		if got, err := Step(t.Context(), at, place, "cim:id:*", time.Second, func([]string) error { return failed }); !errors.Is(err, failed) || got != place {
			t.Errorf("a step that failed went from %q to %q, %v", place, got, err)
		}
	})
}
