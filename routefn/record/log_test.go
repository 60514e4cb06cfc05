package record

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/storetest"
)

func TestTrimKeepsNumbersAndTheNewest(t *testing.T) {
	each(t, Config{Retention: Retention{Count: 10}}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		var last *proto.Stored
		for i := range 3 * trimEvery {
			next := stored(t, s, private(alice, bob, fmt.Sprint(i)))[0].Copies[0].Stored
			if last != nil && (next.At.Number != last.At.Number+1 || next.Prev != last.Key) {
				t.Fatalf("%v came after %v", next, last)
			}
			last = next
		}
		p, err := s.Pull(t.Context(), bob, proto.Position{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		if kept := p.Newest.Number - p.Oldest + 1; kept < 10 || kept > 10+trimEvery || p.Newest.Number != last.At.Number {
			t.Errorf("kept %d entries up to %d, want 10 to %d up to %d", kept, p.Newest.Number, 10+trimEvery, last.At.Number)
		}
		if p.Entries[0].At.Number != p.Oldest || p.Through != p.Newest {
			t.Errorf("pulled %d entries from %d through %v", len(p.Entries), p.Entries[0].At.Number, p.Through)
		}
		trimmed := proto.Position{Epoch: p.Epoch, Number: 5, Key: "1:gone"}
		if again, err := s.Pull(t.Context(), bob, trimmed, 0); err != nil || again.Oldest != p.Oldest || len(again.Entries) != len(p.Entries) {
			t.Errorf("pull after a trimmed position: %d entries, %v", len(again.Entries), err)
		}
	})
}

func TestTrimDropsWhatIsTooOld(t *testing.T) {
	each(t, Config{Retention: Retention{Age: time.Hour.Milliseconds()}}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		old := make([]Message, 100)
		for i := range old {
			old[i] = private(alice, bob, fmt.Sprint("old", i))
			old[i].backdate(2 * time.Hour)
		}
		l := logref.Ref{User: bob}
		// The genesis entry is made old, because a young one would keep all entries
		// behind it.
		s.Run(t.Context(), "append", op.Write(l.List(), []any{"lset", l.List(), 0, genesisAt(t, old[0].Time)}))
		stored(t, s, old[:30]...)
		stored(t, s, private(alice, bob, "young"))
		s.trim(t.Context(), []logref.Ref{l})
		wantKeys(t, inbox(t, s, bob), proto.Key(alice, "young"))

		stored(t, s, old[30:]...) // past the next multiple of trimEvery
		if got := inbox(t, s, bob); len(got) != 71 {
			t.Errorf("%d entries: an old one behind a young one stays until that goes", len(got))
		}
	})
}

func TestEntryIsFoundWhereItStands(t *testing.T) {
	each(t, Config{Retention: Retention{Count: 10}}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		var at []proto.Position
		for i := range 2 * trimEvery {
			at = append(at, stored(t, s, private(alice, bob, fmt.Sprint(i)))[0].Copies[0].Stored.At.Position())
		}
		for _, want := range at[len(at)-5:] {
			if got, err := s.Find(t.Context(), bob, want.Key); err != nil || got != want {
				t.Errorf("found at %+v, %v, want %+v", got, err, want)
			}
		}
		for what, find := range map[string]struct {
			user int64
			key  string
		}{"a trimmed entry": {bob, at[0].Key}, "somebody else's id": {bob, proto.Key(bob, "1")}, "an entry of nobody": {bob + 1000, at[0].Key}} {
			if got, err := s.Find(t.Context(), find.user, find.key); err != nil || got != (proto.Position{}) {
				t.Errorf("%s is at %+v, %v", what, got, err)
			}
		}
	})
}

func TestTrimLeavesOneEntry(t *testing.T) {
	each(t, Config{Retention: Retention{Age: 1}}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		m := private(alice, bob, "1")
		m.Time, m.taken = 1, true
		stored(t, s, m)
		l := logref.Ref{User: bob}
		s.Run(t.Context(), "append", op.Write(l.List(), []any{"lset", l.List(), 0, genesisAt(t, 1)}))
		for range 2 {
			s.trim(t.Context(), []logref.Ref{l})
			wantKeys(t, inbox(t, s, bob), key(alice, 1))
		}
	})
}

func genesisAt(t testing.TB, ms int64) []byte {
	t.Helper()
	b, err := proto.EncodeStored(entry.GenesisKey, &proto.Entry{Time: ms, Kind: proto.Kind_GENESIS})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPullShowsDivergence(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		second := stored(t, s, private(alice, bob, "1"), private(alice, bob, "2"))[1].Copies[0].Stored
		at := second.At.Position()
		at.Key = second.Key
		noKey, otherKey, above, otherEpoch := at, at, at, at
		noKey.Key, otherKey.Key = "", "1:x"
		above.Number++
		otherEpoch.Epoch++
		for i, c := range []struct {
			at   proto.Position
			want error
		}{{at, nil}, {noKey, nil}, {otherKey, ErrDiverged}, {above, ErrDiverged}, {otherEpoch, ErrDiverged}} {
			p, err := s.Pull(t.Context(), bob, c.at, 0)
			if !errors.Is(err, c.want) || p.Newest != at || p.Oldest != 1 || p.Epoch != at.Epoch {
				t.Errorf("case %d: %+v, %v", i, p, err)
			}
			if err == nil && (p.Through != at || len(p.Entries) != 0) {
				t.Errorf("case %d: through %v with %d entries", i, p.Through, len(p.Entries))
			}
		}
	})
}

func TestPullIsBounded(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		large := make([]Message, 40)
		for i := range large {
			large[i] = private(alice, bob, fmt.Sprint(i))
			large[i].Text = string(make([]byte, 60<<10))
		}
		stored(t, s, large...)
		p, err := s.Pull(t.Context(), bob, proto.Position{}, 0)
		if err != nil || len(p.Entries) != 18 || p.Through.Number != 19 {
			t.Errorf("1 MiB is %d entries through %v, %v", len(p.Entries), p.Through, err)
		}
		p, err = s.Pull(t.Context(), bob, p.Through, 3)
		if err != nil || len(p.Entries) != 3 || p.Entries[0].Key != key(alice, 18) || p.Entries[0].Prev != key(alice, 17) {
			t.Errorf("then came %d entries, %v", len(p.Entries), err)
		}
		if got := inbox(t, s, bob); len(got) != 40 {
			t.Errorf("%d entries in all", len(got))
		}
		if _, err := s.Pull(t.Context(), 4711, proto.Position{}, 0); !errors.Is(err, ErrNoUser) {
			t.Errorf("inbox of nobody: %v", err)
		}
		if _, err := s.Pull(t.Context(), bob, proto.Position{Log: 7}, 0); !errors.Is(err, ErrNoGroup) {
			t.Errorf("log of no group: %v", err)
		}
	})
}

// For any appends, repetitions, trims and pulls, a log behaves like a slice that loses
// its first elements.
func TestLogIsASliceThatForgetsItsHead(t *testing.T) {
	users := 0
	each(t, Config{Retention: Retention{Count: 5}}, func(t *testing.T, s *Store) {
		rapid.Check(t, func(r *rapid.T) {
			users++
			alice, bob := register(t, s, fmt.Sprint("alice", users)), register(t, s, fmt.Sprint("bob", users))
			keys, base := []string{entry.GenesisKey}, 0 // base is how many were trimmed
			r.Repeat(map[string]func(*rapid.T){
				"append": func(r *rapid.T) {
					batch := make([]Message, rapid.IntRange(1, 5).Draw(r, "n"))
					for i := range batch {
						batch[i] = private(alice, bob, fmt.Sprintf("%d.%d", len(keys), i))
						batch[i].Again = rapid.Bool().Draw(r, "again")
						keys = append(keys, batch[i].key())
					}
					for i, a := range stored(t, s, batch...) {
						want := int64(len(keys) - len(batch) + i + 1)
						if at := a.Copies[0].Stored; at.At.Number != want || at.Prev != keys[want-2] {
							r.Fatalf("%s stands at %d after %s, want %d", at.Key, at.At.Number, at.Prev, want)
						}
					}
				},
				"send again": func(r *rapid.T) {
					i := rapid.IntRange(base, len(keys)-1).Draw(r, "which")
					if i == 0 {
						return
					}
					from, id, err := proto.ParseKey(keys[i])
					if err != nil {
						r.Fatal(err)
					}
					m := private(from, bob, id)
					m.Again = true
					if at := stored(t, s, m)[0].Copies[0].Stored; at.At.Number != int64(i+1) {
						r.Fatalf("%s was found at %d, stands at %d", keys[i], at.At.Number, i+1)
					}
				},
				"trim": func(r *rapid.T) {
					s.trim(t.Context(), []logref.Ref{{User: bob}})
					base = max(base, len(keys)-5)
				},
				"": func(r *rapid.T) {
					p, err := s.Pull(t.Context(), bob, proto.Position{}, 0)
					if err != nil {
						r.Fatal(err)
					}
					// Appends trim by themselves, at a multiple of trimEvery.
					if int(p.Oldest-1) < base || int(p.Newest.Number) != len(keys) || p.Newest.Key != keys[len(keys)-1] {
						r.Fatalf("log is %d to %v, want %d to %d", p.Oldest, p.Newest, base+1, len(keys))
					}
					base = int(p.Oldest - 1)
					for _, e := range p.Entries {
						if e.Key != keys[e.At.Number-1] {
							r.Fatalf("%d is %s, want %s", e.At.Number, e.Key, keys[e.At.Number-1])
						}
					}
				},
			})
		})
	})
}

func (m Message) key() string { return proto.Key(m.From, m.ID) }

// Every key of a log, and so all keys of a script, is in one slot.
func TestKeysOfALogAreInOneSlot(t *testing.T) {
	s := dial(t, Config{URL: storetest.Cluster.URL()})
	slots := make(map[int64]bool)
	for user := range int64(50) {
		l := logref.Ref{User: user + 1}
		slots[slotOf(t, s, l.List())] = true
		if slotOf(t, s, l.List()) != slotOf(t, s, l.Hash()) {
			t.Errorf("%s and %s are in different slots", l.List(), l.Hash())
		}
	}
	if len(slots) < 40 {
		t.Errorf("the logs of 50 users are in %d slots: they must be spread", len(slots))
	}
	if g := (logref.Ref{Group: 1}); slotOf(t, s, g.List()) != slotOf(t, s, g.Hash()) {
		t.Errorf("%s and %s are in different slots", g.List(), g.Hash())
	}
}

func slotOf(t *testing.T, s *Store, key string) int64 {
	t.Helper()
	var slot int64
	c, err := s.Topology.Master(t.Context(), key)
	if err == nil {
		slot, err = c.ClusterKeySlot(t.Context(), key).Result()
	}
	if err != nil {
		t.Fatal(err)
	}
	return slot
}
