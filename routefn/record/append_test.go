package record

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

// private returns a first-time message.
func private(from, to int64, id string) Message {
	return Message{From: from, FromName: "alice", ID: id, To: to, Text: "text of " + id, Time: time.Now().UnixMilli()}
}

// backdate makes the message one that Take returned so long ago. Only such a message is
// stored with a time other than the present.
func (m *Message) backdate(d time.Duration) { m.Time, m.taken = time.Now().Add(-d).UnixMilli(), true }

// stored appends messages that must all be accepted.
func stored(t testing.TB, s *Store, messages ...Message) []Appended {
	t.Helper()
	answers := s.Append(t.Context(), messages)
	for i, a := range answers {
		if a.Err != nil {
			t.Fatalf("append %s: %v", messages[i].ID, a.Err)
		}
	}
	return answers
}

// inbox returns the keys of a user's inbox. It checks that the numbers are dense, and
// that each entry names the entry before it.
func inbox(t testing.TB, s *Store, user int64) []string {
	t.Helper()
	return keysOf(t, s, user, proto.Inbox)
}

func keysOf(t testing.TB, s *Store, user, log int64) []string {
	t.Helper()
	var keys []string
	var before *proto.Stored
	after := proto.Position{Log: log}
	for {
		p, err := s.Pull(t.Context(), user, after, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range p.Entries {
			if before != nil && (e.At.Number != before.At.Number+1 || e.Prev != before.Key) {
				t.Fatalf("entry %d after %q follows entry %d, %q", e.At.Number, e.Prev, before.At.Number, before.Key)
			}
			before = e
			keys = append(keys, e.Key)
		}
		if p.Through == p.Newest {
			return keys
		}
		after = p.Through
	}
}

func wantKeys(t testing.TB, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Fatalf("log holds %v, want %v", got, want)
	}
}

func TestMessageStandsInBothInboxes(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		for _, id := range []string{"m1", "m2"} { // the second batch takes the one-trip path on a single server
			a := stored(t, s, private(alice, bob, id))[0]
			if len(a.Copies) != 2 || a.Copies[0].User != bob || a.Own().User != alice {
				t.Fatalf("copies are %+v, want bob's then alice's", a.Copies)
			}
		}
		wantKeys(t, inbox(t, s, bob), proto.Key(alice, "m1"), proto.Key(alice, "m2"))
		wantKeys(t, inbox(t, s, alice), proto.Key(alice, "m1"), proto.Key(alice, "m2"))
		p, err := s.Pull(t.Context(), bob, proto.Position{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		m, err := p.Entries[0].Message()
		if err != nil || m.Text != "text of m1" || m.From != alice || m.To != bob || m.Prev != entry.GenesisKey || m.At.Number != 2 {
			t.Fatalf("bob reads %+v, %v", m, err)
		}
	})
}

func TestNoteToOneselfIsStoredOnce(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		if a := stored(t, s, private(alice, alice, "m1"))[0]; len(a.Copies) != 1 {
			t.Fatalf("%d copies", len(a.Copies))
		}
		wantKeys(t, inbox(t, s, alice), proto.Key(alice, "m1"))
	})
}

func TestMessageToNobodyIsInNoLog(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		for _, again := range []bool{false, true} {
			m := private(alice, 4711, "m1")
			m.Again = again
			if a := s.Append(t.Context(), []Message{m})[0]; !errors.Is(a.Err, ErrNoUser) {
				t.Fatalf("error is %v", a.Err)
			}
		}
		wantKeys(t, inbox(t, s, alice))
	})
}

func TestWhatCannotBeStoredIsRefusedAlone(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		bad := map[string]struct {
			m    Message
			want error
		}{
			"no id":          {private(alice, bob, ""), ErrInvalid},
			"line feed":      {private(alice, bob, "a\nb"), ErrInvalid},
			"no UTF-8":       {Message{From: alice, To: bob, ID: "m", Text: "\xff"}, ErrInvalid},
			"no sender":      {private(0, bob, "m"), ErrInvalid},
			"no receiver":    {private(alice, 0, "m"), ErrInvalid},
			"no such group":  {Message{From: alice, Group: 7, ID: "m"}, ErrNoGroup},
			"group, no text": {Message{From: alice, Group: proto.Everyone, ID: " "}, ErrInvalid},
		}
		for name, c := range bad {
			answers := s.Append(t.Context(), []Message{c.m, private(alice, bob, "good"+name[:1]+fmt.Sprint(len(name)))})
			if !errors.Is(answers[0].Err, c.want) || answers[1].Err != nil {
				t.Errorf("%s: %v, %v", name, answers[0].Err, answers[1].Err)
			}
		}
		if got := inbox(t, s, bob); len(got) != len(bad) {
			t.Errorf("bob has %v", got)
		}
	})
}

func TestBatchKeepsOrderWhenOneNeedsTheSlowPath(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob, carol := register(t, s, "alice"), register(t, s, "bob"), register(t, s, "carol")
		stored(t, s, private(alice, carol, "warm"), private(alice, bob, "warm2"))
		lose(t, s, bob) // the store has lost bob's log, and this process does not know that
		stored(t, s, private(alice, bob, "1"), private(alice, carol, "2"), private(alice, bob, "3"), private(carol, bob, "4"))

		wantKeys(t, inbox(t, s, bob), key(alice, 1), key(alice, 3), key(carol, 4))
		wantKeys(t, inbox(t, s, alice), proto.Key(alice, "warm"), proto.Key(alice, "warm2"), key(alice, 1), key(alice, 2), key(alice, 3))
	})
}

func key(from int64, id int) string { return proto.Key(from, fmt.Sprint(id)) }

// lose deletes a user's log, as a failover to an older replica does.
func lose(t testing.TB, s *Store, user int64) {
	t.Helper()
	l := logref.Ref{User: user}
	o := op.Write(l.List(), []any{"del", l.List(), l.Hash()})
	s.Run(t.Context(), "append", o)
	if o.Err != nil {
		t.Fatal(o.Err)
	}
}

func TestLostLogBeginsANewEpoch(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		old := stored(t, s, private(alice, bob, "1"))[0].Copies[0].Stored
		lose(t, s, bob)
		renewed := stored(t, s, private(alice, bob, "2"))[0].Copies[0].Stored
		if renewed.At.Epoch == old.At.Epoch || renewed.At.Number != 2 || renewed.Prev != entry.GenesisKey {
			t.Fatalf("after %+v came %+v", old, renewed)
		}
		if _, err := s.Pull(t.Context(), bob, old.At.Position(), 0); !errors.Is(err, ErrDiverged) {
			t.Fatalf("pull from the old epoch: %v", err)
		}
	})
}

func TestLostHashIsMendedWithANewEpoch(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		stored(t, s, private(alice, bob, "1"))
		hash := logref.Ref{User: bob}.Hash()
		s.Run(t.Context(), "append", op.Write(hash, []any{"del", hash}))
		m := private(alice, bob, "2")
		if a := s.Append(t.Context(), []Message{m})[0]; !errors.Is(a.Err, ErrUnknown) {
			t.Fatalf("error is %v", a.Err)
		}
		m.Again = true
		stored(t, s, m)
		wantKeys(t, inbox(t, s, bob), key(alice, 1), key(alice, 2))
		wantKeys(t, inbox(t, s, alice), key(alice, 1), key(alice, 2))
	})
}

func TestSentAgainIsFoundNotRepeated(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		first := stored(t, s, private(alice, bob, "1"))[0]
		for i := range 90 { // more than the first two chunks of the search
			stored(t, s, private(bob, alice, fmt.Sprint("x", i)))
		}
		m := private(alice, bob, "1")
		m.Again = true
		again := stored(t, s, m, private(alice, bob, "2"))
		if again[0].Time != first.Time {
			t.Errorf("time is %d, the entry has %d", again[0].Time, first.Time)
		}
		for i, c := range again[0].Copies {
			f := first.Copies[i].Stored
			if c.Stored.At.Number != f.At.Number || c.Stored.Prev != f.Prev || string(c.Stored.Entry) != string(f.Entry) {
				t.Errorf("copy %d is %+v, was %+v", i, c.Stored, f)
			}
		}
		if got := inbox(t, s, bob); len(got) != 92 || got[91] != key(alice, 2) {
			t.Errorf("bob has %d entries, the last %s", len(got), got[len(got)-1])
		}
	})
}

func TestSentAgainCompletesWhatIsMissing(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		m := private(alice, bob, "1")
		before := time.Now().Add(-time.Second).UnixMilli()
		half := batchesOf([]*draft{newDraft(&m, before)}, receiverCopy)
		s.store(t.Context(), nil, half) // as a route that dies after it has stored the receiver's copy
		m.Again = true
		a := stored(t, s, m)[0]
		wantKeys(t, inbox(t, s, bob), key(alice, 1))
		wantKeys(t, inbox(t, s, alice), key(alice, 1))
		if a.Time != before || string(a.Own().Stored.Entry) != string(a.Copies[0].Stored.Entry) {
			t.Errorf("the copies differ: %+v", a)
		}
	})
}

// An id may be forgotten, although its message was stored. Then a message that is marked
// Again is searched for, for five minutes back.
func TestSearchEndsAtEntriesTooOld(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		old := private(alice, bob, "old")
		old.backdate(time.Hour)
		stored(t, s, old)
		for i := range 20 {
			m := private(alice, bob, fmt.Sprint(i))
			m.backdate(time.Hour)
			stored(t, s, m)
		}
		old.Again, old.taken = true, false
		forgetIDs(t, s, alice)
		stored(t, s, old)
		if got := inbox(t, s, bob); len(got) != 22 {
			t.Errorf("%d entries: an hour was searched", len(got))
		}
	})
}

func TestCopiesNameTheLiveSessions(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		phone := login(t, s, bob, "phone", "n1", 0)
		laptop := login(t, s, bob, "laptop 2", "n2", 0)
		for _, again := range []bool{false, true} {
			m := private(alice, bob, fmt.Sprint("m", again))
			m.Again = again
			got := stored(t, s, m)[0].Copies[0].Sessions
			if len(got) != 2 || got[0] != phone || got[1] != laptop {
				t.Errorf("again %v: sessions are %+v, want %+v and %+v", again, got, phone, laptop)
			}
		}
	})
}

// The next try must search for a message that is in only one of its two logs.
func TestHalfStoredIsUnknown(t *testing.T) {
	m := private(1, 2, "1")
	for name, c := range map[string]struct {
		err  [copies]error
		copy [copies]*Copy
		want error
	}{
		"in both":             {copy: [copies]*Copy{{}, {}}},
		"in none":             {err: [copies]error{ErrUnavailable, ErrUnavailable}, want: ErrUnavailable},
		"receiver's only":     {copy: [copies]*Copy{{}}, err: [copies]error{ownCopy: ErrUnavailable}, want: ErrUnknown},
		"sender's only":       {copy: [copies]*Copy{nil, {}}, err: [copies]error{ErrUnavailable}, want: ErrUnknown},
		"sender's perhaps":    {err: [copies]error{ErrUnavailable, ErrUnknown}, want: ErrUnknown},
		"receiver is nobody":  {err: [copies]error{ErrNoUser}, want: ErrNoUser},
		"receiver was nobody": {copy: [copies]*Copy{nil, {}}, err: [copies]error{ErrNoUser}, want: ErrNoUser},
	} {
		d := newDraft(&m, time.Now().UnixMilli())
		d.err, d.copy = c.err, c.copy
		if a := d.answer(); !errors.Is(a.Err, c.want) || (a.Err == nil) != (len(a.Copies) == 2) {
			t.Errorf("%s: %v, want %v", name, a.Err, c.want)
		}
	}
}

// If the receiver has the message and the store has lost the sender, the message is not
// refused for good.
func TestLostSenderLeavesTheOutcomeUnknown(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		l := logref.Ref{User: alice}
		for _, key := range []string{l.List(), l.Hash(), nameKey("alice"), idKey(alice)} {
			o := op.Write(key, []any{"del", key})
			if s.Run(t.Context(), "account", o); o.Err != nil {
				t.Fatal(o.Err)
			}
		}
		s.inboxes.Drop(alice)
		m := private(alice, bob, "m1")
		m.Again = true
		a := s.Append(t.Context(), []Message{m})[0]
		if !errors.Is(a.Err, ErrUnknown) || !errors.Is(a.Err, ErrNoUser) {
			t.Errorf("got %v, want an unknown outcome that says why", a.Err)
		}
		if err := s.Adopt(t.Context(), alice, "alice", false); err != nil {
			t.Fatal(err)
		}
		if a := s.Append(t.Context(), []Message{m})[0]; a.Err != nil || len(a.Copies) != 2 || a.Copies[0].Stored.At.Number != 2 {
			t.Errorf("once the sender is there again: %+v", a)
		}
	})
}
