package record

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
)

// Every implementation that searches for repetitions must pass this suite.
func TestRepeats(t *testing.T) { conformRepeats(t, each) }

// conformRepeats has tests of messages whose ids come again. It runs them by the
// function on, on every kind of store.
func conformRepeats(t *testing.T, on func(*testing.T, Config, func(*testing.T, *Store))) {
	t.Run("an id stands for one message", func(t *testing.T) { on(t, Config{}, idStandsForOneMessage) })
	t.Run("what ended long ago is not known", func(t *testing.T) { on(t, Config{}, windowEnds) })
	t.Run("what was trimmed is not known", func(t *testing.T) { on(t, Config{Retention: Retention{Count: 1}}, trimmedIsNew) })
	t.Run("across epochs", func(t *testing.T) { on(t, Config{}, otherEpoch) })
	t.Run("what was refused stands for nothing", func(t *testing.T) { on(t, Config{}, refusedStandsForNothing) })
	t.Run("two in one call", func(t *testing.T) { on(t, Config{}, twins) })
}

// cast has the users and groups of a test.
type cast struct {
	*testing.T
	s                 *Store
	alice, bob, carol int64
	club, team        int64 // groups that alice belongs to
}

func newCast(t *testing.T, s *Store) *cast {
	a := Account{User: register(t, s, "alice"), Name: "alice"}
	c := &cast{T: t, s: s, alice: a.User, bob: register(t, s, "bob"), carol: register(t, s, "carol")}
	for i, id := range []*int64{&c.club, &c.team} {
		group, err := s.CreateGroup(t.Context(), NewGroup{Creator: a.User, ID: fmt.Sprint(i)})
		if err != nil {
			t.Fatal(err)
		}
		*id = group
		change(t, s, a, group, false)
	}
	return c
}

// to returns a message from alice to the user or group that whom names.
func (c *cast) to(whom, id, text string) Message {
	m := private(c.alice, 0, id)
	m.Text = text
	switch whom {
	case "bob":
		m.To = c.bob
	case "carol":
		m.To = c.carol
	case "herself":
		m.To = c.alice
	case "club":
		m.Group = c.club
	case "team":
		m.Group = c.team
	case "everyone":
		m.Group = proto.Everyone
	}
	return m
}

// send sends a message in the way that how names: as a first try, as a repetition, as a
// delayed message that stays pending, or as one that is fired. It returns the number of
// the receiver's copy; zero: there is none yet.
func (c *cast) send(how string, m Message) (int64, error) {
	c.Helper()
	switch how {
	case "pending":
		_, err := c.s.Schedule(c.Context(), Scheduling{Message: m, After: time.Hour.Milliseconds()})
		return 0, err
	case "fired":
		if _, err := c.s.Schedule(c.Context(), Scheduling{Message: m}); err != nil {
			return 0, err
		}
		fire(c.T, c.s, c.alice, "n1")
		return 0, nil
	}
	m.Again = how == "again"
	a := c.s.Append(c.Context(), []Message{m})[0]
	if a.Err != nil {
		return 0, a.Err
	}
	return a.Copies[0].Stored.At.Number, nil
}

// logs returns the entries of all logs as one text.
func (c *cast) logs() string {
	c.Helper()
	var all []string
	for _, user := range []int64{c.alice, c.bob, c.carol} {
		all = append(all, keysOf(c, c.s, user, proto.Inbox)...)
	}
	for _, group := range []int64{c.club, c.team, proto.Everyone} {
		p, err := c.s.Pull(c.Context(), c.alice, proto.Position{Log: group}, 0)
		if err != nil && !errors.Is(err, ErrNoGroup) {
			c.Fatal(err)
		}
		for _, e := range p.Entries {
			all = append(all, e.Key)
		}
	}
	return strings.Join(all, " ")
}

// inReach reports whether it is promised that the second message with an id is found to
// differ from the first one. A first try to a group leaves a trace only in the log of
// that group.
func inReach(first, whom, second, other string) bool {
	group := whom == "club" || whom == "everyone"
	return first != "first" || !group || whom == other && second == "again"
}

func idStandsForOneMessage(t *testing.T, s *Store) {
	c := newCast(t, s)
	if _, err := c.send("first", c.to("everyone", "warm", "warm")); err != nil { // makes the log of everyone
		t.Fatal(err)
	}
	n := 0
	for _, first := range []string{"first", "again", "pending", "fired"} {
		for _, whom := range []string{"bob", "herself", "club", "everyone"} {
			for _, second := range []string{"again", "pending"} {
				for _, other := range []string{"bob", "carol", "herself", "club", "team", "everyone"} {
					n++
					c.onceMore(fmt.Sprint("m", n), first, whom, second, other)
				}
			}
		}
	}
}

// onceMore sends a message, and then other messages with the same id.
func (c *cast) onceMore(id, first, whom, second, other string) {
	c.Helper()
	story := fmt.Sprintf("%s to %s, then %s to %s", first, whom, second, other)
	at, err := c.send(first, c.to(whom, id, "one"))
	if err != nil {
		c.Fatalf("%s: %v", story, err)
	}
	before := c.logs()
	if inReach(first, whom, second, other) {
		if _, err := c.send(second, c.to(other, id, "two")); !errors.Is(err, ErrIDReused) {
			c.Errorf("%s, another text: %v", story, err)
		}
		if _, err := c.send(second, c.to(other, id, "one")); (whom == other) != (err == nil) || err != nil && !errors.Is(err, ErrIDReused) {
			c.Errorf("%s, the same text: %v", story, err)
		}
	}
	if whom == other && second == "again" && first != "pending" {
		again, err := c.send("again", c.to(whom, id, "one"))
		if err != nil || at != 0 && again != at {
			c.Errorf("%s, the same: it stands at %d, %v, and stood at %d", story, again, err, at)
		}
	}
	if after := c.logs(); after != before && !(first == "pending" && whom == other) {
		c.Errorf("%s: the logs are %s and were %s", story, after, before)
	}
}

func windowEnds(t *testing.T, s *Store) {
	c := newCast(t, s)
	for i, second := range []string{"one", "two"} {
		m := c.to("bob", fmt.Sprint("m", i), "one")
		m.backdate(time.Hour)
		stored(t, s, m)
		for j := range 20 { // more than the first chunk of the search
			between := private(c.alice, c.bob, fmt.Sprint(i, "x", j))
			between.backdate(time.Hour)
			stored(t, s, between)
		}
		if at, err := c.send("again", c.to("bob", m.ID, second)); err != nil || at != int64(2+21*(i+1)+i) {
			t.Errorf("an hour later it is stored at %d, %v", at, err)
		}
	}
}

func trimmedIsNew(t *testing.T, s *Store) {
	c := newCast(t, s)
	stored(t, s, c.to("bob", "m", "one"))
	stored(t, s, private(c.carol, c.bob, "x"), private(c.carol, c.alice, "y"))
	s.trim(t.Context(), []logref.Ref{{User: c.bob}, {User: c.alice}})
	if at, err := c.send("again", c.to("bob", "m", "two")); err != nil || at != 4 {
		t.Errorf("it is stored at %d, %v", at, err)
	}
}

func otherEpoch(t *testing.T, s *Store) {
	c := newCast(t, s)
	stored(t, s, c.to("bob", "m", "one"))
	lose(t, s, c.bob)
	if _, err := c.send("again", c.to("bob", "m", "two")); !errors.Is(err, ErrIDReused) {
		t.Errorf("the receiver's log was lost, the sender's has it: %v", err)
	}
	if at, err := c.send("again", c.to("bob", "m", "one")); err != nil || at != 2 {
		t.Errorf("sending again completes what is missing: at %d, %v", at, err)
	}
	wantKeys(t, inbox(t, s, c.alice), proto.Key(c.alice, "m"))
	lose(t, s, c.alice)
	if _, err := c.send("again", c.to("bob", "m", "two")); !errors.Is(err, ErrIDReused) {
		t.Errorf("the sender's log was lost, the receiver's has it: %v", err)
	}
}

func refusedStandsForNothing(t *testing.T, s *Store) {
	c := newCast(t, s)
	nobody, stranger := c.to("", "m", "one"), c.to("club", "m", "one")
	nobody.To, stranger.From = 4711, c.bob
	for _, refused := range []Message{nobody, stranger} {
		if _, err := c.send("again", refused); !errors.Is(err, ErrNoUser) && !errors.Is(err, ErrNotMember) {
			t.Fatalf("refused with %v", err)
		}
		m := private(refused.From, c.carol, "m")
		if _, err := c.send("again", m); err != nil {
			t.Errorf("after what was refused: %v", err)
		}
	}
	far := Scheduling{Message: c.to("bob", "far", "one"), At: 1}
	if _, err := s.Schedule(t.Context(), far); !errors.Is(err, ErrInvalid) {
		t.Fatalf("scheduled for 1970: %v", err)
	}
	if _, err := c.send("pending", c.to("bob", "far", "two")); err != nil {
		t.Errorf("after what was refused: %v", err)
	}
}

func twins(t *testing.T, s *Store) {
	c := newCast(t, s)
	for i, other := range []Message{c.to("bob", "", "two"), c.to("carol", "", "one"), c.to("club", "", "one")} {
		first := c.to("bob", fmt.Sprint("m", i), "one")
		again, reused := first, other
		again.Again, reused.Again, reused.ID = true, true, first.ID
		behind := c.to("carol", fmt.Sprint("n", i), "three")
		a := s.Append(t.Context(), []Message{first, reused, again, behind})
		if !errors.Is(a[1].Err, ErrIDReused) || a[0].Err != nil || a[2].Err != nil || a[3].Err != nil {
			t.Fatalf("%d: %v, %v, %v, %v", i, a[0].Err, a[1].Err, a[2].Err, a[3].Err)
		}
		if a[0].Own().Stored.At.Number != a[2].Own().Stored.At.Number {
			t.Errorf("%d: the first stands twice", i)
		}
	}
	if got := inbox(t, s, c.alice); len(slices.Compact(got)) != 6 {
		t.Errorf("alice has %v", got)
	}
}
