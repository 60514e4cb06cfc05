package storetest

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/record/redistest"
)

// Start starts a redis-server with further arguments for one test.
func Start(t testing.TB, args ...string) *redistest.Server {
	t.Helper()
	return startProgram(t, "redis-server", args...)
}

func startProgram(t testing.TB, program string, args ...string) *redistest.Server {
	t.Helper()
	server, err := redistest.Redis(t.Context(), redistest.Config{Program: program, Dir: t.TempDir(), Args: args})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// Primary starts a redis-server that sends everything to its replicas at once.
func Primary(t testing.TB) *redistest.Server {
	t.Helper()
	return primaryOf(t, "redis-server")
}

func primaryOf(t testing.TB, program string) *redistest.Server {
	t.Helper()
	return startProgram(t, program, "--repl-diskless-sync-delay", "0")
}

// Replica starts a replica of the server at addr, and blocks until it has caught up.
func Replica(t testing.TB, addr string) *redistest.Server {
	t.Helper()
	replica := Primary(t) // it starts as a primary, because it may become one if its primary dies
	Follow(t, replica, addr)
	return replica
}

// Valkey starts a server of Valkey, for a test that must pass there, too. It sends
// everything to its replicas at once.
func Valkey(t testing.TB) *redistest.Server {
	t.Helper()
	program := os.Getenv("CIM_TEST_VALKEY")
	if program == "" {
		t.Fatal("CIM_TEST_VALKEY does not name a valkey-server: .ci/servers prints where it is")
	}
	return primaryOf(t, program)
}

// Follow makes server a replica of the server at addr, and blocks until it has caught
// up.
func Follow(t testing.TB, server *redistest.Server, addr string) {
	t.Helper()
	host, port, _ := strings.Cut(addr, ":")
	if err := Client(t, server.Addr()).ReplicaOf(t.Context(), host, port).Err(); err != nil {
		t.Fatal(err)
	}
	AwaitReplica(t, addr)
}

// AwaitReplica blocks until a write to the server at addr is on a replica. It writes only
// after the server has a replica. The reason is that a server does not count written
// bytes before it has its first replica. After such a write, WAIT would count any new
// replica, even one without the write.
func AwaitReplica(t testing.TB, addr string) {
	t.Helper()
	c, n := Client(t, addr), 0
	wait.Until(t, "replica is seen", func() bool {
		return strings.Contains(c.Info(t.Context(), "replication").Val(), "state=online")
	})
	wait.Until(t, "replica has what the primary has", func() bool {
		p := c.Pipeline()
		n++ // in a Cluster, try keys until one is in a slot of this server
		set := p.Set(t.Context(), fmt.Sprint(n), "", 0)
		waited := p.Do(t.Context(), "wait", 1, 100)
		_, _ = p.Exec(t.Context()) // the error is also in one of the answers
		return set.Err() == nil && waited.Val() == int64(1)
	})
}

// Client returns a client of the server at addr that has nothing to do with the code
// under test.
func Client(t testing.TB, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, DisableIdentity: true, MaxRetries: -1})
	t.Cleanup(func() { c.Close() })
	return c
}

// Pause makes the server's process stand still, and returns a function that resumes it.
// It also resumes the process when the test ends, because a paused process cannot be
// stopped.
func Pause(t testing.TB, server *redistest.Server) (resume func()) {
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
