package record

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/routefn/record/redistest"
	"github.com/cim-go/cim/routefn/record/servers"
	"github.com/cim-go/cim/routefn/record/storetest"
)

// shortWait is how long an append waits in tests whose replica is paused for good, and
// longWait in tests whose replica will go on.
const (
	shortWait = 250 * time.Millisecond
	longWait  = 1900 * time.Millisecond
)

// replicated returns a Store that waits for one replica, with its primary and that
// replica.
func replicated(t testing.TB, wait time.Duration) (s *Store, primary, replica *redistest.Server) {
	t.Helper()
	primary = newPrimary(t)
	replica = newReplica(t, primary.Addr())
	return dial(t, Config{URL: primary.URL(), Replicas: 1, ReplicaTimeout: wait}), primary, replica
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
		primary, replica := storetest.Valkey(t), storetest.Valkey(t)
		follow(t, replica, primary.Addr())
		f(t, dial(t, Config{URL: primary.URL(), Replicas: 1, ReplicaTimeout: wait}), primary, replica)
	})
}

// wantUnknown appends a message, and fails the test unless its outcome is unknown.
func wantUnknown(t *testing.T, s *Store, m Message) {
	t.Helper()
	if a := s.Append(t.Context(), []Message{m})[0]; !errors.Is(a.Err, ErrUnknown) || errors.Is(a.Err, ErrUnavailable) {
		t.Fatalf("append %s: %v, want an unknown outcome", m.ID, a.Err)
	}
}

// A message on the primary alone is not accepted, even if the next try finds it there.
// Once a replica has it, it is accepted with its first number.
func TestAcceptedOnlyOnceAReplicaHasIt(t *testing.T) {
	eachReplicated(t, shortWait, func(t *testing.T, s *Store, primary, replica *redistest.Server) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		stored(t, s, private(alice, bob, "warm"))
		resume := pause(t, replica)

		m := private(alice, bob, "1")
		wantUnknown(t, s, m)
		m.Again = true
		wantUnknown(t, s, m)
		other := dial(t, Config{URL: primary.URL(), Replicas: 1, ReplicaTimeout: shortWait}) // a route that has not written the message
		wantUnknown(t, other, m)
		wantKeys(t, inbox(t, dial(t, Config{URL: primary.URL()}), bob), private(alice, bob, "warm").key(), m.key())

		resume()
		a := stored(t, s, m)[0]
		if a.Copies[0].Stored.At.Number != 3 || a.Own().Stored.At.Number != 3 {
			t.Errorf("copies are %+v, want number 3 in both", a.Copies)
		}
		promoted := dial(t, Config{URL: replica.URL()})
		for _, user := range []int64{alice, bob} {
			wantKeys(t, inbox(t, promoted, user), private(alice, bob, "warm").key(), m.key())
		}
	})
}

// WAIT answers for the last write of its connection. So a try that only finds a message
// must write, too.
func TestFindingIsAWrite(t *testing.T) {
	s := dial(t, Config{URL: storetest.Server.URL()})
	flush(t, s)
	alice, bob := register(t, s, "alice"), register(t, s, "bob")
	m := private(alice, bob, "1")
	stored(t, s, m)
	before := changes(t, s)
	m.Again = true
	stored(t, s, m)
	if got := changes(t, s) - before; got != 2 {
		t.Errorf("%d writes, want one a copy", got)
	}
	wantKeys(t, inbox(t, s, bob), m.key())
}

func TestCarryingOutAgainIsAWrite(t *testing.T) {
	s := dial(t, Config{URL: storetest.Server.URL()})
	flush(t, s)
	alice := register(t, s, "alice")
	made := func() int64 {
		t.Helper()
		group, err := s.CreateGroup(t.Context(), NewGroup{Creator: alice, ID: "lunch"})
		if err != nil {
			t.Fatal(err)
		}
		return group
	}
	group := made()
	before := changes(t, s)
	if again := made(); again != group || changes(t, s)-before != 1 {
		t.Errorf("made %d, then %d by %d writes", group, again, changes(t, s)-before)
	}
	join := []Change{{User: alice, Group: group, Name: "alice"}}
	intents := s.intend(t.Context(), join, make([]Changed, 1), []int{0})
	if c := s.finish(t.Context(), intents)[0]; c.Err != nil || !c.Member {
		t.Fatalf("%+v", c)
	}
	before = changes(t, s)
	if c := s.finish(t.Context(), intents)[0]; c.Err != nil || !c.Member || c.Copy != nil {
		t.Fatalf("%+v", c)
	}
	if got := changes(t, s) - before; got != 2 {
		t.Errorf("%d writes, want one in each slot", got)
	}
}

// changes returns how many changes the server has sent to its replicas.
func changes(t *testing.T, s *Store) int {
	t.Helper()
	info, err := s.Topology.(servers.One).Info(t.Context(), "persistence").Result()
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(servers.InfoField(info, "rdb_changes_since_last_save"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Four senders write. The replica is cut off, and a while later the primary dies. The
// replica has all messages that were accepted, in each sender's order.
func TestPromotedReplicaHasAllThatWasAccepted(t *testing.T) {
	primary := newPrimary(t)
	link := newProxy(t, primary.Addr())
	replica := newReplica(t, link.listener.Addr().String())
	s := dial(t, Config{URL: primary.URL(), Replicas: 1, ReplicaTimeout: shortWait})
	bob := register(t, s, "bob")
	const senders, each, before = 4, 500, 50
	accepted := make([][]string, senders)
	var all, warm sync.WaitGroup
	warm.Add(senders)
	for i := range senders {
		from := register(t, s, fmt.Sprint("sender", i))
		all.Go(func() {
			ready := sync.OnceFunc(warm.Done)
			defer ready()
			for n := range each {
				m := private(from, bob, fmt.Sprint(n))
				if s.Append(t.Context(), []Message{m})[0].Err != nil {
					return
				}
				accepted[i] = append(accepted[i], m.key())
				if n == before {
					ready()
				}
			}
		})
	}
	warm.Wait()
	link.listener.Close()
	link.cut()
	all.Wait()
	primary.Kill()
	if err := clientOf(t, replica.Addr()).ReplicaOf(t.Context(), "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	promoted := dial(t, Config{URL: replica.URL()})
	place := make(map[string]int)
	for i, key := range inbox(t, promoted, bob) {
		place[key] = i + 1
	}
	for i, keys := range accepted {
		last := 0
		for n, key := range keys {
			at := place[key]
			if at <= last {
				t.Fatalf("message %d of sender %d, of %d accepted, is at place %d after place %d", n, i, len(keys), at, last)
			}
			last = at
		}
	}
}

// A primary that has become a replica takes no write. If it becomes a replica while an
// append waits, the outcome of the append is unknown.
func TestDemotedPrimaryAcceptsNothing(t *testing.T) {
	s, primary, replica := replicated(t, longWait)
	alice, bob := register(t, s, "alice"), register(t, s, "bob")
	stored(t, s, private(alice, bob, "warm"))
	c := clientOf(t, primary.Addr())
	resume := pause(t, replica)
	var unknown error
	var waits sync.WaitGroup
	waits.Go(func() {
		unknown = s.Append(t.Context(), []Message{private(alice, bob, "1")})[0].Err
	})
	eventually(t, "it waits", func() bool {
		return servers.InfoField(c.Info(t.Context(), "clients").Val(), "blocked_clients") == "1"
	})
	if err := c.ReplicaOf(t.Context(), "127.0.0.1", "1").Err(); err != nil {
		t.Fatal(err)
	}
	waits.Wait()
	if !errors.Is(unknown, ErrUnknown) {
		t.Errorf("while it waited: %v", unknown)
	}
	resume()
	for _, again := range []bool{false, true} {
		m := private(alice, bob, "2")
		m.Again = again
		eventually(t, "it says that it takes no write", func() bool { // it may also close the connection of the append that waited
			a := s.Append(t.Context(), []Message{m})[0]
			if a.Err == nil {
				t.Fatal("it took a write")
			}
			return errors.Is(a.Err, ErrUnavailable)
		})
	}
	if err := c.ReplicaOf(t.Context(), "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	follow(t, replica, primary.Addr())
	stored(t, s, private(alice, bob, "3"))
}
