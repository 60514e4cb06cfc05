package record

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/dedup"
	"github.com/cim-go/cim/routefn/record/logref"
)

// Every implementation that searches for repetitions must pass this suite.
func TestRepeats(t *testing.T) { conformRepeats(t, each) }

// conformRepeats has tests of messages whose ids come again. It runs them by the
// function on, on every kind of store.
func conformRepeats(t *testing.T, on func(*testing.T, Config, func(*testing.T, *Store))) {
	t.Run("an id stands for one message", func(t *testing.T) { on(t, Config{}, idStandsForOneMessage) })
	t.Run("an id is known for a day", func(t *testing.T) { on(t, Config{}, knownForADay) })
	t.Run("too long ago", func(t *testing.T) { on(t, Config{}, tooLongAgo) })
	t.Run("the latest ids are known", func(t *testing.T) { on(t, Config{IDs: dedup.Config{Most: 40}}, latestAreKnown) })
	t.Run("what was trimmed is not stored again", func(t *testing.T) { on(t, Config{Retention: Retention{Count: 1}}, trimmedIsNotStoredAgain) })
	t.Run("across epochs", func(t *testing.T) { on(t, Config{}, otherEpoch) })
	t.Run("what was refused stands for nothing", func(t *testing.T) { on(t, Config{}, refusedStandsForNothing) })
	t.Run("two in one call", func(t *testing.T) { on(t, Config{}, twins) })
	t.Run("two in one call while a node enters", func(t *testing.T) { on(t, Config{}, twinsToEveryone) })
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

// send sends a message in the way that how names. It is a first try, a repetition, or comes
// over HTTP. Or it is a delayed message that stays pending, or one that is fired. It returns the number of
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
	m.Again, m.Claim = how == "again", how == "http"
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
	read := func(user, log int64) {
		p, err := c.s.Pull(c.Context(), user, proto.Position{Log: log}, 0)
		if err != nil && !errors.Is(err, ErrNoGroup) {
			c.Fatal(err)
		}
		for _, e := range p.Entries {
			all = append(all, e.Key)
		}
	}
	for _, user := range []int64{c.alice, c.bob, c.carol} {
		read(user, proto.Inbox)
	}
	for _, group := range []int64{c.club, c.team, proto.Everyone} {
		read(c.alice, group)
	}
	return strings.Join(all, " ")
}

func idStandsForOneMessage(t *testing.T, s *Store) {
	c := newCast(t, s)
	if _, err := c.send("first", c.to("everyone", "warm", "warm")); err != nil { // makes the log of everyone
		t.Fatal(err)
	}
	n := 0
	for _, first := range []string{"first", "again", "http", "pending", "fired"} {
		for _, whom := range []string{"bob", "herself", "club", "everyone"} {
			for _, second := range []string{"again", "http", "pending"} {
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
	if _, err := c.send(second, c.to(other, id, "two")); !errors.Is(err, ErrIDReused) {
		c.Errorf("%s, another text: %v", story, err)
	}
	if _, err := c.send(second, c.to(other, id, "one")); (whom == other) != (err == nil) || err != nil && !errors.Is(err, ErrIDReused) {
		c.Errorf("%s, the same text: %v", story, err)
	}
	if whom == other && second != "pending" && first != "pending" {
		again, err := c.send(second, c.to(whom, id, "one"))
		if err != nil || at != 0 && again != at {
			c.Errorf("%s, the same: it stands at %d, %v, and stood at %d", story, again, err, at)
		}
	}
	if after := c.logs(); after != before && !(first == "pending" && whom == other) {
		c.Errorf("%s: the logs are %s and were %s", story, after, before)
	}
}

func knownForADay(t *testing.T, s *Store) {
	c := newCast(t, s)
	m := c.to("bob", "m", "one")
	m.backdate(23 * time.Hour)
	stored(t, s, m)
	var between []Message // more than a search from the end reads
	for i := range 1500 {
		x := private(c.alice, c.bob, fmt.Sprint("x", i))
		x.backdate(23*time.Hour - time.Duration(i)*time.Second)
		between = append(between, x)
	}
	stored(t, s, between...)
	for _, how := range []string{"again", "http"} {
		if at, err := c.send(how, c.to("bob", "m", "one")); err != nil || at != 2 {
			t.Errorf("%s: a day later it stands at %d, %v", how, at, err)
		}
		if _, err := c.send(how, c.to("bob", "m", "two")); !errors.Is(err, ErrIDReused) {
			t.Errorf("%s: another text: %v", how, err)
		}
	}
	wantCount(t, len(inbox(t, s, c.bob)), 1501)
	wantCount(t, len(inbox(t, s, c.alice)), 1501)
}

// A message that was first tried longer ago than ids are remembered is not stored, and one
// that was tried lately is.
func tooLongAgo(t *testing.T, s *Store) {
	c := newCast(t, s)
	now, err := s.Time(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for ago, want := range map[time.Duration]error{25 * time.Hour: ErrForgotten, 23 * time.Hour: nil, -time.Hour: nil} {
		m := c.to("bob", fmt.Sprint("m", ago), "one")
		m.First = now - ago.Milliseconds()
		before := c.logs()
		if _, err := c.send("http", m); !errors.Is(err, want) {
			t.Errorf("tried %v ago: %v, want %v", ago, err, want)
		}
		if want != nil && c.logs() != before {
			t.Errorf("tried %v ago: it is stored", ago)
		}
	}
	m := c.to("bob", "m25h0m0s", "one") // what was refused stands for nothing
	if _, err := c.send("http", m); err != nil {
		t.Error(err)
	}
}

// The bound is small here. Of the latest ids as many are known, and of an older message is
// said that it is not.
func latestAreKnown(t *testing.T, s *Store) {
	c := newCast(t, s)
	begun, err := s.Time(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []Message
	for i := range 400 {
		m := c.to("bob", fmt.Sprint("m", i), "one")
		if _, err := c.send("http", m); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	for i := len(all) - 40; i < len(all); i++ {
		if at, err := c.send("http", all[i]); err != nil || at != int64(i+2) {
			t.Errorf("%s stands at %d, %v", all[i].ID, at, err)
		}
	}
	old := all[0]
	old.First = begun
	if at, err := c.send("http", old); !errors.Is(err, ErrForgotten) {
		t.Errorf("what may be forgotten is stored at %d, %v", at, err)
	}
	wantCount(t, len(inbox(t, s, c.bob)), len(all))
}

// A message whose id is known is not stored again after its logs were shortened.
func trimmedIsNotStoredAgain(t *testing.T, s *Store) {
	c := newCast(t, s)
	first := stored(t, s, c.to("bob", "m", "one"))[0].Own().Stored.At.Number
	stored(t, s, private(c.carol, c.bob, "x"))
	s.trim(t.Context(), []logref.Ref{{User: c.bob}})
	m := c.to("bob", "m", "one")
	m.Again = true
	if a := stored(t, s, m)[0]; !a.Repeated || a.Own().User != c.alice || a.Own().Stored.At.Number != first {
		t.Errorf("the own copy shows it: %+v", a)
	}
	stored(t, s, private(c.carol, c.alice, "y"))
	s.trim(t.Context(), []logref.Ref{{User: c.alice}})
	before := c.logs()
	if _, err := c.send("again", c.to("bob", "m", "two")); !errors.Is(err, ErrIDReused) {
		t.Errorf("another text: %v", err)
	}
	for _, how := range []string{"again", "http"} {
		if at, err := c.send(how, c.to("bob", "m", "one")); !errors.Is(err, ErrForgotten) {
			t.Errorf("%s: stored at %d, %v", how, at, err)
		}
	}
	if after := c.logs(); after != before {
		t.Errorf("the logs are %s and were %s", after, before)
	}
}

func wantCount(t testing.TB, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("%d entries, want %d", got, want)
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

// First tries are searched for while nodes enter, also among those of the same call. If one
// were missed, its second entry would lose the text later, but keep its place.
func twinsToEveryone(t *testing.T, s *Store) {
	alice := register(t, s, "alice")
	send := func(ids ...string) (numbers []int64) {
		t.Helper()
		messages := make([]Message, len(ids))
		for i, id := range ids {
			messages[i] = Message{From: alice, FromName: "alice", Group: proto.Everyone, ID: id, Text: id}
		}
		for i, a := range s.Append(t.Context(), messages) {
			if a.Err != nil {
				t.Fatalf("%s: %v", ids[i], a.Err)
			}
			numbers = append(numbers, a.Own().Stored.At.Number)
		}
		return numbers
	}
	first := send("a")[0]
	s.EnterNode(t.Context(), Lease{Node: "n1", Boot: 1, Addr: "a"}, []Entering{{Group: proto.Everyone}})
	want := []int64{first, first + 1, first + 2, first + 1, first + 3}
	if got := send("a", "b", "c", "b", "d"); !slices.Equal(got, want) {
		t.Errorf("they stand at %v, want %v", got, want)
	}
}
