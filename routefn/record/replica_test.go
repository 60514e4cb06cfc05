package record

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/routefn/record/redistest"
)

// newPrimary starts a server to which replicas connect without delay.
func newPrimary(t testing.TB) *redistest.Server { return newServer(t, "redis-server") }

func newServer(t testing.TB, program string) *redistest.Server {
	t.Helper()
	server, err := redistest.Redis(t.Context(), redistest.Config{Program: program, Dir: t.TempDir(), Args: []string{"--repl-diskless-sync-delay", "0"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// newReplica starts a replica of the server at addr, and blocks until it has caught up.
func newReplica(t testing.TB, addr string) *redistest.Server {
	t.Helper()
	replica := newPrimary(t) // it may have to be a primary if the primary dies
	follow(t, replica, addr)
	return replica
}

// eachReplicated runs a test on each kind of server, with one replica for which the
// Store waits. The servers disagree about WAIT. Behind a read, Redis 7.0 waits for all
// earlier writes and Valkey for none. In a transaction, Redis answers that no replica
// has the write and Valkey that all have.
func eachReplicated(t *testing.T, wait time.Duration, f func(t *testing.T, s *Store, primary, replica *redistest.Server)) {
	t.Run("redis", func(t *testing.T) {
		s, primary, replica := replicated(t, wait)
		f(t, s, primary, replica)
	})
	t.Run("valkey", func(t *testing.T) {
		program := valkey(t)
		primary, replica := newServer(t, program), newServer(t, program)
		follow(t, replica, primary.Addr())
		f(t, dial(t, Config{URL: primary.URL(), Replicas: 1, ReplicaTimeout: wait}), primary, replica)
	})
}

// valkey returns the path of a valkey-server.
func valkey(t testing.TB) string {
	t.Helper()
	program := os.Getenv("CIM_TEST_VALKEY")
	if program == "" {
		t.Fatal("CIM_TEST_VALKEY does not name a valkey-server: .ci/servers prints where it is")
	}
	return program
}

// follow makes server a replica of the server at addr, and blocks until it has caught
// up.
func follow(t testing.TB, server *redistest.Server, addr string) {
	t.Helper()
	host, port, _ := strings.Cut(addr, ":")
	if err := clientOf(t, server.Addr()).ReplicaOf(t.Context(), host, port).Err(); err != nil {
		t.Fatal(err)
	}
	awaitReplica(t, addr)
}

// awaitReplica blocks until a write to the server at addr is on a replica. It writes
// only after the server has a replica. Before its first replica, a server does not
// count offsets, and WAIT counts any replica that comes.
func awaitReplica(t testing.TB, addr string) {
	t.Helper()
	c, n := clientOf(t, addr), 0
	eventually(t, "replica is seen", func() bool {
		return strings.Contains(c.Info(t.Context(), "replication").Val(), "state=online")
	})
	eventually(t, "replica has what the primary has", func() bool {
		p := c.Pipeline()
		n++ // in a Cluster, until the key is in a slot of this server
		set := p.Set(t.Context(), fmt.Sprint(n), "", 0)
		wait := p.Do(t.Context(), "wait", 1, 100)
		_, _ = p.Exec(t.Context()) // its error is also in one of them
		return set.Err() == nil && wait.Val() == int64(1)
	})
}

// clientOf returns another client than the Store's.
func clientOf(t testing.TB, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, DisableIdentity: true, MaxRetries: -1})
	t.Cleanup(func() { c.Close() })
	return c
}

// pause makes the server's process stand still, and returns a function that lets it go
// on. It also goes on when the test ends, because a paused process cannot be stopped.
func pause(t testing.TB, server *redistest.Server) (resume func()) {
	t.Helper()
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	resume = sync.OnceFunc(func() {
		if err := server.Resume(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(resume)
	return resume
}
