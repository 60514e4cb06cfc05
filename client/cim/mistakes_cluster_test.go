package main

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/record/redistest"
)

// CIM: one server of four got half the users, because it had two virtual nodes per
// server, on a ring that every login rebuilt while others read it. One release sent all
// users to the last server. Here four nodes share evenly, and returning users land
// where they were. A fifth node takes only its own share, while users log in all the
// time.
func TestUsersAreSpreadAndStay(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{nodes: 4})
	const users = 200
	ids := make([]int64, users)
	landed := make([]string, users)
	everybody(users, func(i int) {
		ids[i] = cimRegister(t, s.url, "user-"+strconv.Itoa(i))
		landed[i] = s.landing(t, ids[i], i)
	})
	counts := make(map[string]int)
	for _, address := range landed {
		counts[address]++
	}
	fair := users / 4.0
	for _, st := range s.nodes { // 5.7 standard deviations of a fair draw
		if n := counts[st.member.Client]; math.Abs(float64(n)-fair) > 35 {
			t.Errorf("%s got %d users of %d", st.member.ID, n, users)
		}
	}

	four := s.members()
	reached := httptest.NewServer(http.NotFoundHandler()) // or logins would pass over it
	defer reached.Close()
	fifth := ring.Member{
		ID: "node-5", Boot: 5, Client: "127.0.0.1:1", HTTP: reached.Listener.Addr().String(), Weight: 1000, State: ring.Serving,
	}
	stop := make(chan struct{})
	var changing sync.WaitGroup
	changing.Go(func() {
		for come := true; ; come = !come {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
			if come {
				s.table.Set(append(slices.Clone(four), fifth))
			} else {
				s.table.Set(four)
			}
		}
	})
	var moved atomic.Int64
	everybody(users, func(i int) {
		switch now := s.landing(t, ids[i], i); now {
		case landed[i]:
		case fifth.Client:
			moved.Add(1)
		default:
			t.Errorf("user %d moved from %s to %s, neither of which came or went", ids[i], landed[i], now)
		}
	})
	close(stop)
	changing.Wait()
	if n := moved.Load(); n > users*3/10 {
		t.Errorf("%d of %d users moved to the fifth node, which owns a fifth of them", n, users)
	}
}

func (s *system) landing(t *testing.T, user int64, i int) string {
	at, code := cimLoginAt(t, s.url, user, "user-"+strconv.Itoa(i))
	if code != "9000" {
		t.Errorf("login of user %d: %s", user, code)
	}
	return at.client()
}

// everybody calls f for 0 to n-1, eight at a time.
func everybody(n int, f func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	all.Wait()
}

// After a ZooKeeper session had expired, a live server was registered no more,
// for good. Here a node stands still until its session has ended, and is back in
// the registry when it goes on.
func TestExpiredSessionRegistersAgain(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t, up.Config{Nodes: 2, ZK: "spawn"})
	registry := zooKeeper(t, cluster.ZK())
	eventually(t, "ZooKeeper lists two", func() bool { return listed(registry) == 2 })
	sleeper := cluster.Nodes()[1]
	if err := sleeper.Pause(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ZooKeeper has ended its session", func() bool { return listed(registry) == 1 })
	if err := sleeper.Resume(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	eventually(t, "ZooKeeper lists two again", func() bool { return listed(registry) == 2 })
	t.Logf("registered again %v after it went on", time.Since(begun))
}

// Scripts made their keys inside, so that they could not run on Redis Cluster.
// Here everything does; the store's own tests look at each script.
func TestEverythingRunsOnRedisCluster(t *testing.T) {
	t.Parallel()
	store, err := redistest.NewCluster(t.Context(), t.TempDir(), 3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Stop() })
	cluster := startCluster(t, up.Config{Nodes: 2, Redis: store.URL()})
	route := cluster.RouteURLs()[0]
	crowd := newCrowd(t, cluster.RouteURLs(), 12, "slot") // inboxes all over the slots
	for range 3 {
		crowd.round()
	}
	if _, err := crowd.writer.SendEveryone(t.Context(), "3"); err != nil {
		t.Fatal(err)
	}
	crowd.sent.Add(1)
	eventually(t, "everybody is shown everything", crowd.caughtUp)
	user, writer := cimRegister(t, route, "alice"), crowd.writer.Self()
	if code := privately(t, route, writer.User, user, "waits"); code != "7000" {
		t.Fatalf("message to somebody offline: %s", code)
	}
	at, code := cimLoginAt(t, route, user, "alice")
	if code != "9000" {
		t.Fatalf("login: %s", code)
	}
	alice := dialCIM(t, at.client(), user, "alice")
	if got := alice.texts(1); got[0] != writer.Name+": waits" {
		t.Errorf("was shown %q", got)
	}
	if code := cimCode(t, route+"/offLine", fmt.Sprintf(`{"userId":%d}`, user), nil); code != "9000" {
		t.Errorf("offLine: %s", code)
	}
	alice.ended(patience)
}
