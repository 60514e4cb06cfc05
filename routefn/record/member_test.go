package record

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/storetest"
	"github.com/cim-go/cim/routefn/role"
)

// group makes a group of its users, the first of whom is its creator.
func group(t testing.TB, s *Store, users ...Account) int64 {
	t.Helper()
	creator := int64(4711)
	if len(users) > 0 {
		creator = users[0].User
	}
	id, err := s.CreateGroup(t.Context(), NewGroup{Creator: creator, ID: t.Name(), Name: "friends"})
	if err != nil || id <= proto.Everyone || id > proto.MaxUser {
		t.Fatalf("group %d, %v", id, err)
	}
	for _, u := range users {
		change(t, s, u, id, false)
	}
	return id
}

func account(t testing.TB, s *Store, name string) Account {
	return Account{User: register(t, s, name), Name: name}
}

// change makes the user join or leave, and fails the test if that is refused.
func change(t testing.TB, s *Store, u Account, group int64, leave bool) Changed {
	t.Helper()
	c := s.ChangeGroups(t.Context(), []Change{{User: u.User, Name: u.Name, Group: group, Leave: leave}})[0]
	if c.Err != nil || c.Member == leave {
		t.Fatalf("change of %s: %+v", u.Name, c)
	}
	return c
}

func toGroup(from Account, group int64, id string) Message {
	return Message{From: from.User, FromName: from.Name, Group: group, ID: id, Text: id, Time: 5}
}

// shownOf returns what a user reads in the log of a group: texts, "+name" for a
// joining, and "-name" for a leaving.
func shownOf(t testing.TB, s *Store, user, group int64) string {
	t.Helper()
	p, err := s.Pull(t.Context(), user, proto.Position{Log: group}, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range p.Entries {
		m, err := e.Message()
		if err != nil {
			t.Fatal(err)
		}
		switch m.Kind {
		case proto.Kind_JOIN:
			m.Text = "+" + m.FromName
		case proto.Kind_LEAVE:
			m.Text = "-" + m.FromName
		}
		list = append(list, m.Text)
	}
	return strings.Join(list, " ")
}

func listed(t testing.TB, s *Store, user int64) []int64 {
	t.Helper()
	groups, err := s.Groups(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]int64, len(groups))
	for i, g := range groups {
		ids[i] = g.Group
	}
	return ids
}

func TestJoiningAndLeavingHaveTheirPlaceInTheLog(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := account(t, s, "alice"), account(t, s, "bob")
		g := group(t, s, alice)
		lease := Lease{Node: "n1", Boot: 7, Addr: "n1:8081"}
		enter(t, s, lease, g, alice.User)
		stored(t, s, toGroup(alice, g, "before"))
		login(t, s, bob.User, "phone", "n2", 0)
		joined := change(t, s, bob, g, false)
		if c := joined.Copy; c == nil || c.User != 0 || c.Stored.At.Number != 4 || c.Stored.At.Log != g || !slices.Equal(c.Nodes, []Lease{lease}) {
			t.Fatalf("joined with %+v", joined.Copy)
		}
		if len(joined.Sessions) != 1 || joined.Sessions[0].Node != "n2" {
			t.Errorf("to be told: %v", joined.Sessions)
		}
		if again := change(t, s, bob, g, false); again.Copy != nil || again.Sessions != nil {
			t.Errorf("joined again with %+v", again)
		}
		stored(t, s, toGroup(bob, g, "hi"))
		change(t, s, bob, g, true)
		if again := change(t, s, bob, g, true); again.Copy != nil {
			t.Errorf("left again with %+v", again)
		}
		stored(t, s, toGroup(alice, g, "after"))
		if got := shownOf(t, s, alice.User, g); got != "+alice before +bob hi -bob after" {
			t.Errorf("alice reads %q", got)
		}
		if got := listed(t, s, bob.User); len(got) != 0 {
			t.Errorf("bob's groups are %v", got)
		}
		if got, err := s.Groups(t.Context(), alice.User); err != nil || len(got) != 1 || got[0] != (Group{Group: g, Name: "friends", Members: 1, Creator: alice.User, Owner: alice.User, Role: role.Owner}) {
			t.Errorf("alice's groups are %v, %v", got, err)
		}
	})
}

func TestOnlyMembersSend(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := account(t, s, "alice"), account(t, s, "bob")
		g := group(t, s, alice)
		for _, again := range []bool{false, true} {
			stranger := toGroup(bob, g, "no")
			stranger.Again = again
			answers := s.Append(t.Context(), []Message{stranger, toGroup(alice, g, fmt.Sprint(again)), stranger})
			if !errors.Is(answers[0].Err, ErrNotMember) || answers[1].Err != nil || !errors.Is(answers[2].Err, ErrNotMember) {
				t.Errorf("again %v: %+v", again, answers)
			}
		}
		change(t, s, bob, g, false)
		stored(t, s, toGroup(bob, g, "yes"))
		change(t, s, bob, g, true)
		for _, again := range []bool{false, true} { // a network may deliver a first try twice, too
			repeated := toGroup(bob, g, "yes")
			repeated.Again = again
			answers := s.Append(t.Context(), []Message{repeated, toGroup(bob, g, "late")})
			if answers[0].Err != nil || answers[0].Own().Stored.At.Number != 6 || !errors.Is(answers[1].Err, ErrNotMember) {
				t.Errorf("having left, again %v: %+v", again, answers)
			}
		}
		if got := shownOf(t, s, alice.User, g); got != "+alice false true +bob yes -bob" {
			t.Errorf("alice reads %q", got)
		}
	})
}

func TestNewcomerReadsFromTheJoiningOn(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := account(t, s, "alice"), account(t, s, "bob")
		g := group(t, s, alice)
		stored(t, s, toGroup(alice, g, "1"), toGroup(alice, g, "2"))
		if _, err := s.Pull(t.Context(), bob.User, proto.Position{Log: g}, 0); !errors.Is(err, ErrNotMember) {
			t.Errorf("a stranger pulls: %v", err)
		}
		change(t, s, bob, g, false)
		stored(t, s, toGroup(alice, g, "3"))
		if got := shownOf(t, s, bob.User, g); got != "+bob 3" {
			t.Errorf("bob reads %q", got)
		}
		p, err := s.Pull(t.Context(), bob.User, proto.Position{Log: g}, 1)
		if err != nil || p.Oldest != 5 || p.Newest.Number != 6 || p.Through.Number != 5 || p.Entries[0].Prev != proto.Key(alice.User, "2") {
			t.Errorf("bob's first page is %+v, %v", p, err)
		}
		if p, err = s.PullForAll(t.Context(), bob.User, proto.Position{Log: g}, 0); err != nil || len(p.Entries) != 5 {
			t.Errorf("for all there are %d entries, %v", len(p.Entries), err)
		}
		e := enter(t, s, Lease{Node: "n1", Boot: 1, Addr: "n1:1"}, g, bob.User, alice.User, 99)
		if !slices.Equal(e.Joined, []int64{5, 2, 0}) || e.Newest.Number != 6 {
			t.Errorf("entered with %+v", e)
		}
	})
}

func TestWhoLeftReadsNothingWrittenAfter(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := account(t, s, "alice"), account(t, s, "bob")
		g := group(t, s, alice, bob)
		stored(t, s, toGroup(alice, g, "1"))
		end := change(t, s, bob, g, true).Copy.Stored
		stored(t, s, toGroup(alice, g, "secret"))
		if got := shownOf(t, s, bob.User, g); got != "+bob 1 -bob" {
			t.Errorf("bob reads %q", got)
		}
		p, err := s.Pull(t.Context(), bob.User, proto.Position{Log: g}, 0)
		if err != nil || p.Newest.Number != end.At.Number || p.Newest.Key != end.Key {
			t.Errorf("to bob the log ends at %+v, %v", p.Newest, err)
		}
		for _, after := range []proto.Position{p.Newest, {Log: g, Epoch: p.Epoch, Number: p.Newest.Number + 1}} {
			if p, err := s.Pull(t.Context(), bob.User, after, 0); !errors.Is(err, ErrNotMember) || len(p.Entries) != 0 {
				t.Errorf("behind %d bob reads %v, %v", after.Number, p.Entries, err)
			}
		}
		if _, err := s.PullForAll(t.Context(), bob.User, proto.Position{Log: g}, 0); !errors.Is(err, ErrNotMember) {
			t.Errorf("for all: %v", err)
		}
		if e := s.EnterNode(t.Context(), Lease{Node: "n1", Addr: "n1:1"}, []Entering{{Group: g, Users: []int64{bob.User}}})[0]; !errors.Is(e.Err, ErrNotMember) {
			t.Errorf("entered for bob: %+v", e)
		}
		if c := stored(t, s, toGroup(alice, g, "2"))[0].Own(); len(c.Nodes) != 0 {
			t.Errorf("pushed to %v", c.Nodes)
		}
		change(t, s, bob, g, false) // bob never reads messages that came while bob was not a member
		if got := shownOf(t, s, bob.User, g); got != "+bob" {
			t.Errorf("back again bob reads %q", got)
		}
		if p, err := s.Pull(t.Context(), bob.User, p.Newest, 0); err != nil || len(p.Entries) != 1 {
			t.Errorf("and behind the leaving %+v, %v", p, err)
		}
	})
}

func TestChangesThatCannotBeAreRefused(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := account(t, s, "alice")
		g := group(t, s)
		for want, c := range map[error]Change{
			ErrInvalid: {User: alice.User, Name: "alice", Group: proto.Everyone},
			ErrNoGroup: {User: alice.User, Name: "alice", Group: 4711},
			ErrNoUser:  {User: 4711, Name: "nobody", Group: g},
		} {
			if got := s.ChangeGroups(t.Context(), []Change{c})[0]; !errors.Is(got.Err, want) || got.Copy != nil {
				t.Errorf("%v: %+v", want, got)
			}
		}
		hash := logref.Ref{User: alice.User}.Hash()
		o := op.Read(hash, []any{"hget", hash, "intents"})
		if s.Run(t.Context(), "groups", o); o.Err != nil || op.Text(o.Reply[0]) != "" {
			t.Errorf("intents are left: %q, %v", op.Text(o.Reply[0]), o.Err)
		}
		full := make([]string, proto.MaxGroups)
		for i := range full {
			full[i] = fmt.Sprint(100 + i)
		}
		s.Run(t.Context(), "groups", op.Write(hash, []any{"hset", hash, "groups", strings.Join(full, "\n")}))
		if got := s.ChangeGroups(t.Context(), []Change{{User: alice.User, Name: "alice", Group: g}})[0]; !errors.Is(got.Err, ErrTooManyGroups) {
			t.Errorf("the %dth group: %v", proto.MaxGroups+1, got.Err)
		}
		if got := listed(t, s, alice.User); len(got) != 0 { // the groups do not have alice as a member
			t.Errorf("alice's groups are %v", got)
		}
		for want, id := range map[error]int64{ErrNotMember: g, ErrNoGroup: 4711} {
			if _, err := s.Members(t.Context(), alice.User, id, 0, 10); !errors.Is(err, want) {
				t.Errorf("members of %d: %v", id, err)
			}
		}
	})
}

func TestLeaseIsRenewedOnlyWhereThereIsOne(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := account(t, s, "alice")
		g := group(t, s, alice)
		lease := Lease{Node: "n1", Boot: 7, Addr: "n1:1"}
		if e := s.RenewNode(t.Context(), lease, []int64{g})[0]; !errors.Is(e.Err, ErrNotMember) {
			t.Errorf("renewed without a lease: %+v", e)
		}
		enter(t, s, lease, g, alice.User)
		for _, e := range s.RenewNode(t.Context(), lease, []int64{g, 4711}) {
			if e.Newest.Number != 2 && !errors.Is(e.Err, ErrNotMember) {
				t.Errorf("renewed to %+v", e)
			}
		}
		lease.Boot++ // the node has started again and holds nobody
		if e := s.RenewNode(t.Context(), lease, []int64{g})[0]; !errors.Is(e.Err, ErrNotMember) {
			t.Errorf("renewed for another boot: %+v", e)
		}
	})
}

func TestCursorsAreKeptForOwnGroupsOnly(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := account(t, s, "alice")
		g := group(t, s, alice)
		number := login(t, s, alice.User, "phone", "n1", 0).Number
		ack := func(n int64) []proto.Position {
			t.Helper()
			a := Acking{User: alice.User, Device: "phone", Number: number, Cursors: []proto.Position{
				{Log: g, Epoch: 1, Number: n, Key: "1:x"}, {Log: g + 1, Epoch: 1, Number: n},
			}}
			if err := s.Ack(t.Context(), []Acking{a})[0]; err != nil {
				t.Fatal(err)
			}
			cursors, err := s.Cursors(t.Context(), alice.User)
			if err != nil {
				t.Fatal(err)
			}
			return cursors["phone"]
		}
		if got := ack(2); len(got) != 1 || got[0] != (proto.Position{Log: g, Epoch: 1, Number: 2, Key: "1:x"}) {
			t.Errorf("cursors are %v", got)
		}
		change(t, s, alice, g, true)
		if got := ack(3); len(got) != 1 || got[0].Number != 2 { // there was nothing to write
			t.Errorf("having left, cursors are %v", got)
		}
	})
}

// crowd makes n accounts at once, which is faster than one by one, and returns changes
// by which they join the group.
func crowd(t testing.TB, s *Store, group int64, n int) []Change {
	t.Helper()
	changes := make([]Change, n)
	var ops []*op.Op
	for i := range changes {
		name, user := fmt.Sprint("member", i), int64(1000+i)
		changes[i] = Change{User: user, Name: name, Group: group}
		account := fmt.Sprintf(`{"id":%d}`, user)
		ops = append(ops, op.Write(idKey(user), []any{"set", idKey(user), name}), op.Write(nameKey(name), []any{"set", nameKey(name), account}))
	}
	s.Run(t.Context(), "register", ops...)
	return changes
}

// A send to ten thousand members costs no more than a send to a few. The members are
// listed page by page.
func TestTenThousandMembers(t *testing.T) {
	s := dial(t, Config{URL: storetest.Server.URL(), Retention: Retention{Count: 20_000}})
	flush(t, s)
	alice := account(t, s, "alice")
	g := group(t, s, alice)
	const n = 10_000
	changes := crowd(t, s, g, n-1)
	for i, c := range s.ChangeGroups(t.Context(), changes) {
		if c.Err != nil || c.Copy.Stored.At.Number != int64(i+3) {
			t.Fatalf("%d joined: %+v", i, c)
		}
	}
	var seen []int64
	for after := int64(0); ; after = seen[len(seen)-1] {
		page, err := s.Members(t.Context(), alice.User, g, after, 1000)
		if err != nil || page.Total != n {
			t.Fatalf("page of %d members: %v", page.Total, err)
		}
		for _, u := range page.Users {
			seen = append(seen, u.User)
		}
		if len(page.Users) < 1000 {
			break
		}
	}
	if len(slices.Compact(seen)) != n || !slices.IsSorted(seen) {
		t.Errorf("%d members listed", len(seen))
	}
	users := make([]int64, 500)
	for i := range users {
		users[i] = changes[i].User
	}
	e := enter(t, s, Lease{Node: "n1", Boot: 1, Addr: "n1:1"}, g, users...)
	if slices.Contains(e.Joined, 0) {
		t.Error("a member is not known as one")
	}
	for i := range 100 {
		c := stored(t, s, toGroup(Account{User: changes[i].User, Name: changes[i].Name}, g, "hi"))[0].Own()
		if c.Stored.At.Number != int64(n+2+i) || len(c.Nodes) != 1 {
			t.Fatalf("message %d stands at %v for %v", i, c.Stored.At, c.Nodes)
		}
	}
}
