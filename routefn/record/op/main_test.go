package op

import (
	"cmp"
	"os"
	"testing"

	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/record/redistest"
	"github.com/cim-go/cim/routefn/record/servers"
	"github.com/cim-go/cim/routefn/record/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// at returns a Config with the URL of a store.
func at(url string) Config { return Config{Config: servers.Config{URL: url}} }

// dial opens a store. On a busy machine a connection may take longer than a second.
func dial(t testing.TB, cfg Config) *DB {
	t.Helper()
	cfg.DialTimeout = cmp.Or(cfg.DialTimeout, wait.Limit)
	d, err := Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// push returns an op that appends a value to a list of these tests.
func push(key, value string) *Op {
	key = "cim:{" + key + "}:l"
	return Write(key, []any{"rpush", key, value})
}

// values returns the list to which push appends.
func values(t testing.TB, d *DB, key string) []any {
	t.Helper()
	key = "cim:{" + key + "}:l"
	o := Read(key, []any{"lrange", key, 0, -1})
	if d.Run(t.Context(), "pull", o); o.Err != nil {
		t.Fatal(o.Err)
	}
	list, _ := o.Reply[0].([]any)
	return list
}

// accept appends a value, and returns when replicas have it.
func accept(t testing.TB, d *DB, key, value string) {
	t.Helper()
	o := push(key, value)
	if d.Accept(t.Context(), "append", o); o.Err != nil {
		t.Fatal(o.Err)
	}
}

// eventually blocks until a condition holds.
var eventually = wait.Until

// clientOf returns the client by which d reaches its only server.
func clientOf(d *DB) servers.One { return d.Topology.(servers.One) }

// spawned starts a redis-server for one test.
func spawned(t testing.TB, args ...string) *redistest.Server { return storetest.Start(t, args...) }
