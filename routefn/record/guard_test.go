package record

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/contacts"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/storetest"
)

// texts returns the texts of a user's inbox.
func texts(t testing.TB, s *Store, user int64) (list []string) {
	t.Helper()
	p, err := s.Pull(t.Context(), user, proto.Position{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range p.Entries {
		m, err := e.Message()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m.Text)
	}
	return list
}

func wantTexts(t testing.TB, s *Store, user int64, want ...string) {
	t.Helper()
	if got := texts(t, s, user); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the inbox of %d has %q, want %q", user, got, want)
	}
}

// refused sends a message that must be refused with the error want.
func refused(t testing.TB, s *Store, m Message, want error) {
	t.Helper()
	if a := s.Append(t.Context(), []Message{m})[0]; !errors.Is(a.Err, want) || a.Copies != nil {
		t.Errorf("%s: %v with %d copies, want %v", m.ID, a.Err, len(a.Copies), want)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// bob blocks alice at one route. The other one, which knows bob's inbox from before,
// refuses her next message all the same, as does each route later. Neither of them keeps a
// text.
func TestBlockHoldsAtOnceOverAllRoutes(t *testing.T) {
	for name, limits := range map[string]limit.Limits{"no limits": {}, "limits": limit.Default()} {
		t.Run(name, func(t *testing.T) {
			eachTwo(t, Config{Limits: limits}, Config{Limits: limits}, func(t *testing.T, one, other *Store) {
				alice, bob, carol := register(t, one, "alice"), register(t, one, "bob"), register(t, one, "carol")
				for i, s := range []*Store{one, other, one, other} {
					stored(t, s, private(alice, bob, fmt.Sprint(i)))
				}
				must(t, one.Block(t.Context(), bob, alice))
				for i, s := range []*Store{other, one, other, one} {
					m := private(alice, bob, fmt.Sprint("no", i))
					for range 2 {
						refused(t, s, m, ErrBlocked)
						m.Again = true
					}
				}
				stored(t, other, private(bob, alice, "hi"))
				stored(t, other, private(carol, bob, "carol"))
				own := []string{"text of 0", "text of 1", "text of 2", "text of 3", "text of hi"}
				wantTexts(t, one, alice, own...)
				wantTexts(t, one, bob, append(own, "text of carol")...)
				must(t, other.Unblock(t.Context(), bob, alice))
				stored(t, one, private(alice, bob, "again"))
				stored(t, other, private(alice, bob, "again2"))
				wantTexts(t, one, bob, append(own, "text of carol", "text of again", "text of again2")...)
			})
		})
	}
}

// Only the first message after the first block takes places in the lists. Later ones do
// not, because the routes know.
func TestRefusedMessagesTakeNoPlaces(t *testing.T) {
	eachTwo(t, Config{}, Config{}, func(t *testing.T, one, other *Store) {
		alice, bob := register(t, one, "alice"), register(t, one, "bob")
		stored(t, other, private(alice, bob, "warm"))
		must(t, one.Block(t.Context(), bob, alice))
		refused(t, other, private(alice, bob, "first"), ErrBlocked)
		a, b := end(t, one, alice), end(t, one, bob)
		for i := range 3 {
			refused(t, other, private(alice, bob, fmt.Sprint(i)), ErrBlocked)
			refused(t, one, private(alice, bob, fmt.Sprint("one", i)), ErrBlocked)
		}
		if got := end(t, one, bob); got != b {
			t.Errorf("bob's inbox ends at %v, want %v", got, b)
		}
		if got := end(t, one, alice); got.Number > a.Number+1 { // the route one may send one own copy along
			t.Errorf("alice's inbox ends at %v, want %v", got, a)
		}
	})
}

// In one call, a batch to one inbox is judged message by message.
func TestBatchIsJudgedBySender(t *testing.T) {
	eachTwo(t, Config{}, Config{}, func(t *testing.T, one, other *Store) {
		alice, bob, carol := register(t, one, "alice"), register(t, one, "bob"), register(t, one, "carol")
		stored(t, other, private(alice, bob, "warm"))
		must(t, one.Block(t.Context(), bob, alice))
		for round := range 3 {
			list := []Message{
				private(alice, bob, fmt.Sprint("a", round)), private(carol, bob, fmt.Sprint("c", round)),
				private(bob, bob, fmt.Sprint("b", round)), private(alice, carol, fmt.Sprint("ac", round)),
			}
			for i, a := range other.Append(t.Context(), list) {
				if blocked := i == 0; blocked != errors.Is(a.Err, ErrBlocked) || !blocked && a.Err != nil {
					t.Errorf("message %d: %v", i, a.Err)
				}
			}
		}
		wantTexts(t, one, bob, "text of warm", "text of c0", "text of b0", "text of c1", "text of b1", "text of c2", "text of b2")
	})
}

func TestContactsOnly(t *testing.T) {
	eachTwo(t, Config{}, Config{}, func(t *testing.T, one, other *Store) {
		alice, bob, carol := register(t, one, "alice"), register(t, one, "bob"), register(t, one, "carol")
		stored(t, other, private(alice, bob, "warm"))
		befriend(t, one, bob, carol)
		_, err := one.SetConsent(t.Context(), bob, contacts.Consent{Write: proto.ByContacts})
		must(t, err)
		refused(t, other, private(alice, bob, "1"), ErrContactsOnly)
		refused(t, one, private(alice, bob, "2"), ErrContactsOnly)
		stored(t, other, private(carol, bob, "c"), private(bob, bob, "b"), private(bob, alice, "to-alice"))
		must(t, one.Block(t.Context(), bob, carol))
		refused(t, other, private(carol, bob, "3"), ErrBlocked)
		_, err = other.SetConsent(t.Context(), bob, contacts.Consent{Write: proto.ByEveryone})
		must(t, err)
		stored(t, one, private(alice, bob, "4"))
		refused(t, one, private(carol, bob, "5"), ErrBlocked)
		wantTexts(t, one, bob, "text of warm", "text of c", "text of b", "text of to-alice", "text of 4")
	})
}

// The hash of an inbox is lost, or only its list is, or what is needed to count places. The
// block holds, for first tries and repetitions, at routes that know the inbox and at
// others.
func TestBlockOutlivesTheLossOfAnInbox(t *testing.T) {
	lose := map[string]func(context testing.TB, s *Store, bob int64){
		"hash": func(t testing.TB, s *Store, bob int64) { remove(t, s, logref.Ref{User: bob}.Hash()) },
		"list": func(t testing.TB, s *Store, bob int64) { remove(t, s, logref.Ref{User: bob}.List()) },
		"both": func(t testing.TB, s *Store, bob int64) {
			remove(t, s, logref.Ref{User: bob}.Hash())
			remove(t, s, logref.Ref{User: bob}.List())
		},
		"counts": func(t testing.TB, s *Store, bob int64) { remove(t, s, logref.Ref{User: bob}.Counts()) },
		"read": func(t testing.TB, s *Store, bob int64) {
			l := logref.Ref{User: bob}
			o := op.Write(l.Hash(), []any{"hdel", l.Hash(), "read"})
			s.Run(t.Context(), "test", o)
			must(t, o.Err)
		},
		"epoch": func(t testing.TB, s *Store, bob int64) {
			l := logref.Ref{User: bob}
			o := op.Write(l.Hash(), []any{"hdel", l.Hash(), "epoch", "base"})
			s.Run(t.Context(), "test", o)
			must(t, o.Err)
		},
	}
	for name, f := range lose {
		t.Run(name, func(t *testing.T) {
			cfg := bounded(20)
			eachTwo(t, cfg, cfg, func(t *testing.T, one, other *Store) {
				alice, bob, carol := register(t, one, "alice"), register(t, one, "bob"), register(t, one, "carol")
				stored(t, other, private(alice, bob, "warm"))
				befriend(t, one, bob, carol)
				must(t, one.Block(t.Context(), bob, alice))
				f(t, one, bob)
				first := other.Append(t.Context(), []Message{private(alice, bob, "x")})[0].Err
				if !errors.Is(first, ErrBlocked) && !errors.Is(first, ErrUnknown) { // then its node repeats it
					t.Fatalf("first try: %v", first)
				}
				for i, s := range []*Store{other, one} {
					again := private(alice, bob, "x")
					again.Again = true
					refused(t, s, again, ErrBlocked)
					refused(t, s, private(alice, bob, fmt.Sprint("y", i)), ErrBlocked)
				}
				one.trim(t.Context(), []logref.Ref{{User: bob}})
				refused(t, one, private(alice, bob, "z"), ErrBlocked)
				for _, text := range texts(t, one, bob) {
					if text != "text of warm" {
						t.Errorf("the inbox has %q", text)
					}
				}
				r, err := one.Relations(t.Context(), bob)
				must(t, err)
				if len(r) != 2 {
					t.Errorf("bob's relations are %v", r)
				}
				if got, want := markOf(t, one, bob, carol), "contact"; got != want {
					t.Errorf("the mark of carol is %q, want %q", got, want)
				}
			})
		})
	}
}

func remove(t testing.TB, s *Store, key string) {
	t.Helper()
	o := op.Write(key, []any{"del", key})
	s.Run(t.Context(), "test", o)
	must(t, o.Err)
}

func markOf(t testing.TB, s *Store, user, other int64) string {
	t.Helper()
	l := logref.Ref{User: user}
	o := op.Read(l.Hash(), []any{"hget", l.Hash(), fmt.Sprint("k:", other)})
	s.Run(t.Context(), "test", o)
	must(t, o.Err)
	return op.Text(o.Reply[0])
}

// befriend makes two users contacts of each other.
func befriend(t testing.TB, s *Store, a, b int64) {
	t.Helper()
	_, err := s.AskContact(t.Context(), a, b, "")
	must(t, err)
	must(t, s.AcceptContact(t.Context(), b, a))
}

// A private message takes 11 commands, and 24 take two more with limits. So it is if the
// receiver has contacts.
func TestConsentCostsNoCommands(t *testing.T) {
	for want, limits := range map[int]limit.Limits{264: {}, 266: limit.Default()} {
		s := dial(t, Config{URL: storetest.Server.URL(), Limits: limits})
		flush(t, s)
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		befriend(t, s, alice, bob)
		stored(t, s, private(alice, bob, "first"))
		stored(t, s, private(alice, bob, "second"))
		got := storetest.Commands(t, s.Topology, func() {
			for i := range 24 {
				stored(t, s, private(alice, bob, fmt.Sprint(i)))
			}
		})
		if got != want {
			t.Errorf("24 messages take %d commands, want %d", got, want)
		}
	}
}

// Marks are no fields of devices. So an inbox with many of them is not searched for devices
// that are not listed.
func TestMarksAreNoDevices(t *testing.T) {
	s := dial(t, Config{URL: storetest.Server.URL(), Devices: 2})
	flush(t, s)
	scans := func(marks int) int {
		bob := register(t, s, fmt.Sprint("bob", marks))
		for i := range marks {
			must(t, s.Block(t.Context(), bob, int64(1000+i)))
		}
		return storetest.Commands(t, s.Topology, func() { login(t, s, bob, "phone", "n1", 0) })
	}
	scans(2) // loads the scripts
	if one, many := scans(1), scans(80); one != many {
		t.Errorf("a login takes %d commands with one mark, and %d with 80", one, many)
	}
}

// A repetition of a message that was stored before the block gets its position.
func TestRepetitionAcrossABlockIsAccepted(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		m := private(alice, bob, "m")
		m.backdate(time.Minute)
		stored(t, s, m)
		must(t, s.Block(t.Context(), bob, alice))
		m.Again = true
		if a := stored(t, s, m)[0]; !a.Repeated {
			t.Error("the message was stored again")
		}
		wantTexts(t, s, bob, "text of m")
	})
}

// A slot moves to another master while its owner blocks somebody.
func TestBlockWhileASlotMoves(t *testing.T) {
	s := dial(t, Config{URL: storetest.Cluster.URL()})
	flush(t, s)
	alice, bob := register(t, s, "alice"), register(t, s, "bob")
	stored(t, s, private(alice, bob, "warm"))
	must(t, s.Block(t.Context(), bob, alice))
	m := newMove(t, s, logref.Ref{User: bob}, storetest.Cluster)
	t.Cleanup(m.back)
	m.begin(t)
	refused(t, s, private(alice, bob, "1"), ErrBlocked)
	m.migrate(t, m.log.Hash())
	time.AfterFunc(30*time.Millisecond, func() { m.migrate(t, m.log.List()) })
	refused(t, s, private(alice, bob, "2"), ErrBlocked)
	m.migrate(t, m.log.Relations())
	m.migrate(t, m.log.Choosy())
	must(t, s.Unblock(t.Context(), bob, alice))
	stored(t, s, private(alice, bob, "3"))
	m.end(t)
	must(t, s.Block(t.Context(), bob, alice))
	refused(t, s, private(alice, bob, "4"), ErrBlocked)
	wantTexts(t, s, bob, "text of warm", "text of 3")
}

// On Valkey, too, and on a server with a replica, which must have what was recalled.
func TestBlockOnValkey(t *testing.T) {
	server := storetest.Valkey(t)
	s := dial(t, Config{URL: server.URL()})
	other := dial(t, Config{URL: server.URL()})
	alice, bob := register(t, s, "alice"), register(t, s, "bob")
	stored(t, other, private(alice, bob, "warm"))
	must(t, s.Block(t.Context(), bob, alice))
	for i := range 3 {
		refused(t, other, private(alice, bob, fmt.Sprint(i)), ErrBlocked)
	}
	must(t, s.Unblock(t.Context(), bob, alice))
	stored(t, other, private(alice, bob, "3"))
	wantTexts(t, s, bob, "text of warm", "text of 3")
	c := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer c.Close()
	if got := c.HExists(t.Context(), logref.Ref{User: bob}.Hash(), "guard").Val(); got {
		t.Error("the guard stayed")
	}
}
