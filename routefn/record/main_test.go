package record

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/record/embedded"
	"github.com/cim-go/cim/routefn/record/recent"
	"github.com/cim-go/cim/routefn/record/redistest"
)

// backends are the stores on which the tests run. On a machine without redis-server the
// tests fail, and are not skipped.
var backends struct {
	embedded *embedded.Server
	server   *redistest.Server
	cluster  *redistest.Cluster
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	// Each property runs on three stores, of which one runs scripts slowly. 40 rounds
	// take seconds, and the default of 100 half a minute. A flag overrides this.
	if err := flag.Set("rapid.checks", "40"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	flag.Parse()
	dir, err := os.MkdirTemp("", "record")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := startBackends(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	backends.embedded.Close()
	backends.server.Stop()
	backends.cluster.Stop()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func startBackends(dir string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), wait.Limit)
	defer cancel()
	if backends.embedded, err = embedded.Start("127.0.0.1:0"); err != nil {
		return err
	}
	if backends.server, err = redistest.Redis(ctx, redistest.Config{Dir: dir}); err != nil {
		return err
	}
	backends.cluster, err = redistest.NewCluster(ctx, filepath.Join(dir, "cluster"), 3)
	if err != nil {
		backends.server.Stop()
	}
	return err
}

// each runs a test on every kind of store, which it empties first.
func each(t *testing.T, cfg Config, f func(*testing.T, *Store)) {
	eachTwo(t, cfg, cfg, func(t *testing.T, s, _ *Store) { f(t, s) })
}

// eachTwo runs a test with two Stores, which may have different configurations, on
// every kind of store, which it empties first.
func eachTwo(t *testing.T, one, other Config, f func(t *testing.T, one, other *Store)) {
	for name, url := range map[string]string{
		"embedded": backends.embedded.URL(),
		"server":   backends.server.URL(),
		"cluster":  backends.cluster.URL(),
	} {
		t.Run(name, func(t *testing.T) {
			one.URL, one.AllowEmbedded = url, true
			other.URL, other.AllowEmbedded = url, true
			s := dial(t, one)
			flush(t, s)
			f(t, s, dial(t, other))
		})
	}
}

func dial(t testing.TB, cfg Config) *Store {
	t.Helper()
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
	err := s.topology.Each(t.Context(), func(ctx context.Context, c *redis.Client) error {
		return c.FlushAll(ctx).Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	s.inboxes, s.replicated, s.budgets = recent.Cache[int64, struct{}]{}, recent.Cache[logRef, proto.Position]{}, recent.Cache[int64, int64]{}
	s.pairs, s.newcomers = recent.Cache[pair, struct{}]{}, recent.Cache[int64, int64]{}
	s.noPulls, s.starts = recent.Cache[int64, int64]{}, recent.Cache[int64, proto.Position]{}
	s.met = recent.Cache[[sha256.Size]byte, struct{}]{}
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

// eventually blocks until a condition holds.
var eventually = wait.Until
