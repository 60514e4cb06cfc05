package record

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/limit"
)

// halfway is a route that has claimed the id of a message, and stands still before it stores
// the message.
type halfway struct {
	s      *Store
	now    int64
	drafts []*draft
}

func pausedAfterClaim(t testing.TB, s *Store, m Message) *halfway {
	t.Helper()
	now, err := s.Time(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h := &halfway{s, now, []*draft{newDraft(&m, now)}}
	s.claim(t.Context(), h.drafts, now)
	if err := h.drafts[0].err[receiverCopy]; err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *halfway) goOn(t testing.TB) Appended {
	t.Helper()
	a := h.s.appendClaimed(t.Context(), h.drafts, h.now)[0]
	if a.Err != nil {
		t.Fatal(a.Err)
	}
	return a
}

// whoms are the receivers of the tests here.
var whoms = []string{"bob", "herself", "club", "everyone"}

// A route dies after it has claimed an id. The repetition is stored, once.
func TestClaimWithoutMessageIsStoredLater(t *testing.T) {
	eachTwo(t, Config{}, Config{}, func(t *testing.T, one, other *Store) {
		c := newCast(t, other)
		for _, whom := range whoms {
			m := c.to(whom, "m"+whom, "one")
			m.Claim = true
			pausedAfterClaim(t, one, m)
			first, err := c.send("http", m)
			if err != nil {
				t.Fatalf("%s: %v", whom, err)
			}
			before := c.logs()
			if again, err := c.send("http", m); err != nil || again != first || c.logs() != before {
				t.Errorf("%s: it stands at %d, %v, and stood at %d", whom, again, err, first)
			}
		}
	})
}

// Two routes have the same message, and the one that has claimed its id stores it last. Both
// answer with the place of the earlier entry, and no text stands twice.
func TestRouteThatWasOvertakenStoresNothingTwice(t *testing.T) {
	for name, warm := range map[string]bool{"by a script": false, "by a transaction": true} {
		for _, how := range []string{"http", "again"} {
			t.Run(name+", "+how, func(t *testing.T) {
				eachTwo(t, Config{}, Config{}, func(t *testing.T, one, other *Store) {
					c := newCast(t, other)
					if warm {
						stored(t, one, private(c.alice, c.bob, "warm"), private(c.alice, c.alice, "warm2"))
					}
					for _, whom := range whoms {
						m := c.to(whom, "m"+whom, "one")
						m.Claim = true
						paused := pausedAfterClaim(t, one, m)
						at, err := c.send(how, m)
						if err != nil {
							t.Fatal(err)
						}
						before := c.logs()
						if a := paused.goOn(t); a.Copies[0].Stored.At.Number != at || !a.Repeated {
							t.Errorf("%s: it stands at %d, and at %d", whom, at, a.Copies[0].Stored.At.Number)
						}
						if after := c.logs(); after != before {
							t.Errorf("%s: the logs are %s and were %s", whom, after, before)
						}
					}
				})
			})
		}
	}
}

// A first try of a connection reaches the store after its repetition.
func TestFirstTryAfterItsRepetitionStandsOnce(t *testing.T) {
	eachTwo(t, Config{}, Config{}, func(t *testing.T, one, other *Store) {
		c := newCast(t, other)
		stored(t, one, private(c.alice, c.bob, "warm"))
		for _, whom := range whoms {
			m := c.to(whom, "m"+whom, "one")
			at, err := c.send("again", m)
			if err != nil {
				t.Fatal(err)
			}
			before := c.logs()
			if a := stored(t, one, m)[0]; a.Copies[0].Stored.At.Number != at || !a.Repeated {
				t.Errorf("%s: it stands at %d, and at %d", whom, at, a.Copies[0].Stored.At.Number)
			}
			m.Text = "two"
			if a := one.Append(t.Context(), []Message{m})[0]; !errors.Is(a.Err, ErrIDReused) {
				t.Errorf("%s: another message: %v", whom, a.Err)
			}
			if after := c.logs(); after != before {
				t.Errorf("%s: the logs are %s and were %s", whom, after, before)
			}
		}
	})
}

// The logs have the message, and its id is forgotten, because a first try of a connection
// notes its id in another slot. A repetition that is marked Again finds it. After that, its
// id is known again, and when the message was stored.
func TestMessageWithoutClaimIsFoundAgain(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		c := newCast(t, s)
		for _, whom := range whoms {
			at, err := c.send("first", c.to(whom, "m"+whom, "one"))
			if err != nil {
				t.Fatal(err)
			}
			forgetIDs(t, s, c.alice)
			before := c.logs()
			for _, how := range []string{"again", "http"} {
				if again, err := c.send(how, c.to(whom, "m"+whom, "one")); err != nil || again != at || c.logs() != before {
					t.Errorf("%s, %s: it stands at %d, %v, and stood at %d", whom, how, again, err, at)
				}
			}
		}
	})
}

// A message over HTTP takes no script, however long its logs are.
func TestClaimedMessageIsStoredWithoutAScript(t *testing.T) {
	for name, limits := range map[string]limit.Limits{"off": {}, "default": limit.Default()} {
		t.Run(name, func(t *testing.T) {
			each(t, Config{Limits: limits}, func(t *testing.T, s *Store) {
				c := newCast(t, s)
				stored(t, s, c.to("bob", "warm", "one"), private(c.bob, c.alice, "warm"))
				drafts := make([]*draft, 3)
				now := s.Now()
				for i := range drafts {
					m := c.to("bob", fmt.Sprint("m", i), "one")
					m.Claim = true
					drafts[i] = newDraft(&m, now)
				}
				s.claim(t.Context(), drafts, now)
				s.appendClaimed(t.Context(), drafts, now)
				for _, d := range drafts {
					if d.look || d.answer().Err != nil {
						t.Errorf("%s is searched for: %v", d.key, d.answer().Err)
					}
				}
				wantKeys(t, inbox(t, s, c.bob)[2:], proto.Key(c.alice, "m0"), proto.Key(c.alice, "m1"), proto.Key(c.alice, "m2"))
			})
		})
	}
}

// A token that does not count any more stores nothing, and leaves no claim.
func TestVoidPassClaimsNothing(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		c := newCast(t, s)
		phone := login(t, s, c.alice, "phone", "n1", 0)
		m := c.to("bob", "m", "one")
		m.Claim, m.Pass = true, &Pass{User: c.alice, Device: "phone", Number: phone.Number, Expires: s.Now() + 60_000}
		stored(t, s, m)
		if _, err := s.Logout(t.Context(), c.alice, "phone", nil); err != nil {
			t.Fatal(err)
		}
		m.ID = "n"
		if a := s.Append(t.Context(), []Message{m})[0]; !errors.Is(a.Err, ErrVoid) {
			t.Errorf("after a logout: %v", a.Err)
		}
		if _, err := c.send("http", c.to("carol", "n", "another")); err != nil {
			t.Errorf("the id is taken: %v", err)
		}
		wantKeys(t, inbox(t, s, c.bob), proto.Key(c.alice, "m"))
	})
}

// Claims of earlier releases are in the store, so the hash of a content must never change.
func TestHashOfAContentStays(t *testing.T) {
	for _, m := range []Message{private(1, 23, "a"), toGroup(Account{User: 1}, 45, "b"), {Text: strings.Repeat("€", 100)}} {
		sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %s", m.To, m.Group, m.Text))
		if want := binary.BigEndian.Uint64(sum[:]); m.content() != want {
			t.Errorf("%v: %x, want %x", m, m.content(), want)
		}
	}
}
