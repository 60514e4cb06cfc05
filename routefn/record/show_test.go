package record

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/redistest"
	"github.com/cim-go/cim/routefn/record/servers"
)

// reader is a device of bob's, with its session and its node's lease.
type reader struct {
	bob     int64
	session Session
	at      proto.Position // position in its inbox
	lease   Lease
}

// reads has all methods by which entries are shown. Each returns the key of the newest
// entry that it shows, or nothing.
var reads = map[string]func(context.Context, *Store, reader) (string, error){
	"pull": func(ctx context.Context, s *Store, r reader) (string, error) {
		return lastOf(s.Pull(ctx, r.bob, proto.Position{}, 0))
	},
	"pull of the rest": func(ctx context.Context, s *Store, r reader) (string, error) {
		return lastOf(s.Pull(ctx, r.bob, r.at, 0))
	},
	"pull for all": func(ctx context.Context, s *Store, r reader) (string, error) {
		return lastOf(s.PullForAll(ctx, r.bob, proto.Position{Log: proto.Everyone}, 0))
	},
	"reconcile": func(ctx context.Context, s *Store, r reader) (string, error) {
		held := Held{User: r.bob, Device: r.session.Device, Number: r.session.Number, Newest: r.at}
		different, err := s.Reconcile(ctx, []Held{held}, r.session.Node, r.session.Boot)
		if err != nil || len(different) == 0 {
			return "", err
		}
		return different[0].Newest.Key, nil
	},
	"open": func(ctx context.Context, s *Store, r reader) (string, error) {
		o := s.OpenSessions(ctx, []Opening{{User: r.bob, Number: r.session.Number, Session: r.session}})[0]
		return o.Newest.Key, o.Err
	},
	"enter": func(ctx context.Context, s *Store, r reader) (string, error) {
		e := s.EnterNode(ctx, r.lease, []Entering{{Group: proto.Everyone}})[0]
		return e.Newest.Key, e.Err
	},
	"renew": func(ctx context.Context, s *Store, r reader) (string, error) {
		e := s.RenewNode(ctx, r.lease, []int64{proto.Everyone})[0]
		return e.Newest.Key, e.Err
	},
	"find": func(ctx context.Context, s *Store, r reader) (string, error) {
		for _, id := range []string{"new", "old"} {
			at, err := s.Find(ctx, r.bob, "1:"+id)
			if err != nil || at.Number > 0 {
				return at.Key, err
			}
		}
		return "", nil
	},
}

func lastOf(p Pulled, err error) (string, error) {
	if err != nil || len(p.Entries) == 0 {
		return "", err
	}
	last := p.Entries[len(p.Entries)-1].Key
	if p.Newest.Key != last || p.Through != p.Newest {
		return "", fmt.Errorf("the last entry is %s, the end %+v, read through %+v", last, p.Newest, p.Through)
	}
	return last, nil
}

// No method shows an entry that only the primary has. A route that knows earlier
// entries to be replicated still shows those. A route that has just started returns an
// error.
func TestNothingIsShownBeforeAReplicaHasIt(t *testing.T) {
	eachReplicated(t, shortWait, func(t *testing.T, s *Store, primary, replica *redistest.Server) {
		const alice = 1
		if err := s.Adopt(t.Context(), alice, "alice", false); err != nil {
			t.Fatal(err)
		}
		r := reader{bob: register(t, s, "bob"), lease: Lease{Node: "n1", Boot: 7, Addr: "a:1"}}
		r.session = login(t, s, r.bob, "phone", "n1", 0)
		toEveryone := func(id string) Message {
			return Message{From: alice, FromName: "alice", ID: id, Group: proto.Everyone, Text: id}
		}
		enter(t, s, r.lease, proto.Everyone)
		r.at = stored(t, s, private(alice, r.bob, "old"), toEveryone("old"))[0].Copies[0].Stored.At.Position()
		fresh := func() *Store {
			return dial(t, Config{URL: primary.URL(), Replicas: 1, ReplicaTimeout: shortWait})
		}
		resume := pause(t, replica)
		wantUnknown(t, s, private(alice, r.bob, "new"))
		wantUnknown(t, s, toEveryone("new"))

		wantAll := func(what string, s *Store, want func(name, got string, err error) bool) {
			t.Helper()
			var all sync.WaitGroup
			for name, read := range reads {
				all.Go(func() {
					if got, err := read(t.Context(), s, r); !want(name, got, err) {
						t.Errorf("%s, %s: it tells of %q, %v", what, name, got, err)
					}
				})
			}
			all.Wait()
		}
		wantAll("replica away, a route that was there before", s, func(name, got string, err error) bool {
			if name == "find" { // it asks for just the entry that no replica has
				return errors.Is(err, ErrUnavailable)
			}
			if name == "pull of the rest" || name == "reconcile" {
				return got == "" && err == nil
			}
			return got == "1:old" && err == nil
		})
		wantAll("replica away, a route that has just started", fresh(), func(name, got string, err error) bool {
			if name == "reconcile" { // there is no difference that may be shown
				return got == "" && err == nil
			}
			return errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrUnknown)
		})
		resume()
		for what, s := range map[string]*Store{"a route that was there before": s, "a route that has just started": fresh()} {
			for name, read := range reads {
				eventually(t, "with its replica there, "+what+" tells all by "+name, func() bool { // this may take longer than shortWait
					got, err := read(t.Context(), s, r)
					return got == "1:new" && err == nil
				})
			}
		}
	})
}

// Bob reads while m1 is on the primary alone, and the primary dies. The messages that
// bob was shown are in the log, in the same order.
func TestWhatWasShownKeepsItsPlaceWhenThePrimaryDies(t *testing.T) {
	eachReplicated(t, shortWait, func(t *testing.T, s *Store, primary, replica *redistest.Server) {
		alice, bob, carol := register(t, s, "alice"), register(t, s, "bob"), register(t, s, "carol")
		m0, m1, m2 := private(alice, bob, "0"), private(alice, bob, "1"), private(carol, bob, "2")
		stored(t, s, m0)
		c := clientOf(t, replica.Addr())
		if err := c.ReplicaOf(t.Context(), "127.0.0.1", "1").Err(); err != nil { // the replica gets no more writes
			t.Fatal(err)
		}
		wantUnknown(t, s, m1)
		page, err := s.Pull(t.Context(), bob, proto.Position{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		shown := keysIn(page)
		primary.Kill()
		if err := c.ReplicaOf(t.Context(), "NO", "ONE").Err(); err != nil {
			t.Fatal(err)
		}
		promoted := dial(t, Config{URL: replica.URL()})
		stored(t, promoted, m2)
		m1.Again = true
		stored(t, promoted, m1)
		rest, err := promoted.Pull(t.Context(), bob, page.Through, 0)
		if err != nil {
			t.Fatalf("the reader is shown %v and cannot go on: %v", shown, err)
		}
		wantKeys(t, append(shown, keysIn(rest)...), m0.key(), m2.key(), m1.key())
	})
}

func keysIn(p Pulled) (keys []string) {
	for _, e := range p.Entries {
		keys = append(keys, e.Key)
	}
	return keys
}

// A failover happens between the read and the check that waits for replicas. Entries
// that were read from the old primary, and that its replicas lack, are not shown.
func TestWhatTheNewPrimaryLacksIsNotShown(t *testing.T) {
	eachReplicated(t, shortWait, func(t *testing.T, s *Store, primary, replica *redistest.Server) {
		alice, bob, carol := register(t, s, "alice"), register(t, s, "bob"), register(t, s, "carol")
		m1, m2 := private(alice, bob, "1"), private(carol, bob, "2")
		stored(t, s, private(alice, bob, "0"))
		if err := clientOf(t, replica.Addr()).ReplicaOf(t.Context(), "NO", "ONE").Err(); err != nil {
			t.Fatal(err)
		}
		old, l := dial(t, Config{URL: primary.URL()}), logref.Ref{User: bob}
		stored(t, old, m1, m2)
		read, err := old.read(t.Context(), l, proto.Position{}, 10, pullBytes, "", "0")
		if err != nil {
			t.Fatal(err)
		}
		follow(t, primary, replica.Addr())
		now := dial(t, Config{URL: replica.URL(), Replicas: 1, ReplicaTimeout: longWait})
		stored(t, dial(t, Config{URL: replica.URL()}), private(carol, bob, "0"), m2) // m2 is the last entry of both logs, with the same number
		err = now.show(t.Context(), []showing{{log: l, newest: read.Newest, entries: read.Entries}})[0]
		if !errors.Is(err, ErrUnavailable) || !errors.Is(err, errGone) {
			t.Errorf("of the entries %v it says %v", keysIn(read), err)
		}
	})
}

// An entry that lost its text stands among others. Those are shown.
func TestEntriesAroundARecalledOneAreShown(t *testing.T) {
	eachReplicated(t, longWait, func(t *testing.T, s *Store, primary, _ *redistest.Server) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		var at []proto.Position
		for i := range 5 {
			at = append(at, stored(t, s, private(alice, bob, fmt.Sprint(i)))[0].Copies[0].Stored.At.Position())
		}
		l := logref.Ref{User: bob}
		for _, i := range []int{2, 4} {
			recall := l.Script(recallScript, 0, proto.Key(alice, fmt.Sprint(i)))
			if s.Accept(t.Context(), "append", recall); recall.Err != nil {
				t.Fatal(recall.Err)
			}
		}
		p, err := dial(t, Config{URL: primary.URL(), Replicas: 1, ReplicaTimeout: longWait}).Pull(t.Context(), bob, proto.Position{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{proto.Key(alice, "0"), proto.Key(alice, "1"), proto.Key(alice, "3")}
		if got := keysIn(p); !slices.Equal(got, want) || p.Through.Number != at[4].Number {
			t.Errorf("the log has %v through %+v, want %v", got, p.Through, want)
		}
	})
}

// All reads that come while another one waits share the next WAIT. Entries that are
// known to be replicated need no WAIT: the route has checked their log since its last
// entry.
func TestReadsUnderWayShareOneWait(t *testing.T) {
	eachReplicated(t, longWait, func(t *testing.T, s *Store, primary, replica *redistest.Server) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		for i := range 5 {
			stored(t, s, private(alice, bob, fmt.Sprint(i)))
		}
		c := clientOf(t, primary.Addr())
		waits := func() string {
			t.Helper()
			calls, _, _ := strings.Cut(servers.InfoField(c.Info(t.Context(), "commandstats").Val(), "cmdstat_wait"), ",")
			if err := c.ConfigResetStat(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			return calls
		}
		reads := func() int { // calls of scripts
			calls := servers.InfoField(c.Info(t.Context(), "commandstats").Val(), "cmdstat_evalsha")
			calls, _, _ = strings.Cut(strings.TrimPrefix(calls, "calls="), ",")
			n, _ := strconv.Atoi(calls)
			return n
		}
		waits()
		pull := func(s *Store, after proto.Position) proto.Position {
			p, err := s.Pull(t.Context(), bob, after, 0)
			if err != nil {
				t.Error(err)
			}
			return p.Through
		}
		end := pull(s, proto.Position{})
		pull(dial(t, Config{URL: primary.URL(), Replicas: 1}), end)
		if got := waits(); got != "calls=1" { // the one by which Dial tries it
			t.Errorf("what is known took %s of WAIT", got)
		}
		pull(dial(t, Config{URL: primary.URL(), Replicas: 1}), proto.Position{}) // so that the server knows the script
		other := dial(t, Config{URL: primary.URL(), Replicas: 1, ReplicaTimeout: longWait})
		waits()
		resume := pause(t, replica)
		var all sync.WaitGroup
		for range 21 {
			all.Go(func() { pull(other, proto.Position{}) })
		}
		eventually(t, "all have read, and one waits", func() bool { return reads() >= 22 })
		resume()
		all.Wait()
		switch got := waits(); got { // one or two that read last may have come too late for the second WAIT
		case "calls=1", "calls=2", "calls=3", "calls=4":
		default:
			t.Errorf("21 pulls took %s of WAIT, want two", got)
		}
	})
}

// A store whose memory is full takes no writes, and still shows its entries.
func TestFullStoreWithReplicasIsRead(t *testing.T) {
	eachReplicated(t, longWait, func(t *testing.T, s *Store, primary, _ *redistest.Server) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		m := private(alice, bob, "1")
		stored(t, s, m)
		other := dial(t, Config{URL: primary.URL(), Replicas: 1, ReplicaTimeout: longWait})
		fill(t, clientOf(t, primary.Addr()))
		if a := s.Append(t.Context(), []Message{private(alice, bob, "2")})[0]; !errors.Is(a.Err, ErrUnavailable) {
			t.Fatalf("the store is not full: %v", a.Err)
		}
		wantKeys(t, inbox(t, other, bob), m.key())
	})
}

// fill fills the memory of a server.
func fill(t *testing.T, c *redis.Client) {
	t.Helper()
	if err := c.Set(t.Context(), "ballast", strings.Repeat("x", 8<<20), 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := c.ConfigSet(t.Context(), "maxmemory", "4mb").Err(); err != nil {
		t.Fatal(err)
	}
}
