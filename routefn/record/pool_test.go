package record

import (
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
)

// A Store sends only pipelines, for which the library would make a second pool.
func TestPoolBoundsAllConnectionsToAServer(t *testing.T) {
	const most, idle = 4, 2
	server := spawned(t)
	s := dial(t, Config{URL: server.URL(), PoolSize: most, MinIdle: idle})
	watch := clientOf(t, server.Addr())
	eventually(t, "idle connections are there", func() bool { return connections(t, watch) >= idle })
	alice, bob := register(t, s, "alice"), register(t, s, "bob")
	stop := make(chan struct{})
	var load sync.WaitGroup
	for range 32 {
		load.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				_, _ = s.Sessions(t.Context(), bob) // this waits for a connection, perhaps in vain
				_ = s.Append(t.Context(), []Message{private(alice, bob, "x")})
				_, _ = s.AccountByName(t.Context(), "alice")
			}
		})
	}
	seen := 0
	for range 100 {
		seen = max(seen, connections(t, watch))
	}
	close(stop)
	load.Wait()
	if seen != most {
		t.Errorf("%d connections at most, want %d", seen, most)
	}
}

// connections returns how many connections the server has, without the one of watch.
func connections(t *testing.T, watch *redis.Client) int {
	t.Helper()
	list, err := watch.ClientList(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(list, "\n") - 1
}
