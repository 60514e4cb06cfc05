package record

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/recent"
	"github.com/cim-go/cim/routefn/record/storetest"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	// Each property runs on three stores, of which one runs scripts slowly. 40 rounds
	// take seconds, and the default of 100 half a minute. A flag overrides this.
	if err := flag.Set("rapid.checks", "40"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	flag.Parse()
	return storetest.Main(m)
}

// each runs a test on every kind of store, which it empties first.
func each(t *testing.T, cfg Config, f func(*testing.T, *Store)) {
	eachTwo(t, cfg, cfg, func(t *testing.T, s, _ *Store) { f(t, s) })
}

// eachTwo runs a test with two Stores, which may have different configurations, on
// every kind of store, which it empties first.
func eachTwo(t *testing.T, one, other Config, f func(t *testing.T, one, other *Store)) {
	storetest.Each(t, func(t *testing.T, url string) {
		one.URL, one.AllowEmbedded = url, true
		other.URL, other.AllowEmbedded = url, true
		s := dial(t, one)
		flush(t, s)
		f(t, s, dial(t, other))
	})
}

// dial opens a store. On a busy machine a connection may take longer than a second.
func dial(t testing.TB, cfg Config) *Store {
	t.Helper()
	cfg.DialTimeout = cmp.Or(cfg.DialTimeout, wait.Limit)
	s, err := Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// flush empties the store, as if the primary had lost its disk.
func flush(t testing.TB, s *Store) {
	t.Helper()
	storetest.Flush(t, s.Topology)
	s.inboxes, s.replicated, s.budgets = recent.Cache[int64, occupancy]{}, recent.Cache[logref.Ref, proto.Position]{}, recent.Cache[int64, budget]{}
	s.pairs, s.newcomers = recent.Cache[pair, struct{}]{}, recent.Cache[int64, int64]{}
	s.refused = recent.Cache[pair, struct{}]{}
	s.noPulls, s.starts = recent.Cache[int64, int64]{}, recent.Cache[int64, proto.Position]{}
	s.Accounts = accounts.New(s.DB, inboxes{s})
}

// register makes an account and returns its user.
func register(t testing.TB, s *Store, name string) int64 {
	t.Helper()
	acc, created, err := s.Register(t.Context(), name, "")
	if err != nil || !created {
		t.Fatalf("register %s: created %v, %v", name, created, err)
	}
	return acc.User
}

// Helpers of other packages, by the names that the tests use.
var (
	eventually   = wait.Until
	spawned      = storetest.Start
	clientOf     = storetest.Client
	newPrimary   = storetest.Primary
	newReplica   = storetest.Replica
	follow       = storetest.Follow
	awaitReplica = storetest.AwaitReplica
	pause        = storetest.Pause
)

// nameKey and idKey return the keys of package accounts.
func nameKey(name string) string { return "cim:name:" + name }
func idKey(user int64) string    { return fmt.Sprint("cim:id:", user) }

// forgetIDs makes the store forget which ids a user has used.
func forgetIDs(t testing.TB, s *Store, user int64) {
	t.Helper()
	if err := (remains{s}).forgetIDs(t.Context(), user); err != nil {
		t.Fatal(err)
	}
}
