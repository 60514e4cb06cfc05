package record

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
)

// enter enters a node for a group and returns the answer, which must not be an error.
func enter(t testing.TB, s *Store, lease Lease, group int64, users ...int64) Entered {
	t.Helper()
	e := s.EnterNode(t.Context(), lease, []Entering{{Group: group, Users: users}})[0]
	if e.Err != nil {
		t.Fatal(e.Err)
	}
	return e
}

func TestEveryoneIsOneLogPushedToLeasedNodes(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		lease := Lease{Node: "n1", Boot: 1 << 63, Addr: "10.0.0.1:8081"}
		at := enter(t, s, lease, proto.Everyone).Newest
		if at.Number != 1 || at.Log != proto.Everyone || at.Epoch == 0 {
			t.Fatalf("entered at %+v", at)
		}
		for i, again := range []bool{false, false, true, true} {
			m := Message{From: alice, Group: proto.Everyone, ID: fmt.Sprint(min(i, 2)), Time: time.Now().UnixMilli(), Again: again}
			a := stored(t, s, m)[0]
			c := a.Own()
			if len(a.Copies) != 1 || c.User != 0 || len(c.Nodes) != 1 || c.Nodes[0] != lease {
				t.Fatalf("copies are %+v", a.Copies)
			}
			if want := int64(min(i, 2) + 2); c.Stored.At.Number != want || c.Stored.At.Log != proto.Everyone {
				t.Fatalf("message %d stands at %v, want %d", i, c.Stored.At, want)
			}
		}
		wantKeys(t, keysOf(t, s, alice, proto.Everyone), key(alice, 0), key(alice, 1), key(alice, 2))
		for _, e := range s.EnterNode(t.Context(), lease, []Entering{{Group: proto.Everyone}, {Group: 9}}) {
			if e.Newest.Log != proto.Everyone && !errors.Is(e.Err, ErrNoGroup) {
				t.Errorf("group 9: %v", e.Err)
			}
		}
	})
}

func TestLeasesAreRenewedAndRunOut(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		enter := func(node string, boot uint64) Lease {
			t.Helper()
			l := Lease{Node: node, Boot: boot, Addr: node + ":8081"}
			enter(t, s, l, proto.Everyone)
			return l
		}
		sent := 0
		wantNodes := func(want ...Lease) {
			t.Helper()
			for _, again := range []bool{false, true} {
				sent++
				m := Message{From: alice, Group: proto.Everyone, ID: fmt.Sprint(sent), Again: again}
				if got := stored(t, s, m)[0].Own().Nodes; fmt.Sprint(got) != fmt.Sprint(want) {
					t.Fatalf("nodes are %v, want %v", got, want)
				}
			}
		}
		n1 := enter("n1", 1)
		n2 := enter("n2", 2)
		wantNodes(n1, n2)
		n1 = enter("n1", 3) // renewed by a later boot
		wantNodes(n1, n2)

		all := logref.Ref{Group: proto.Everyone}
		write := func(hash, field, value string) {
			t.Helper()
			o := op.Write(hash, []any{"hset", hash, field, value})
			if s.Run(t.Context(), "enter", o); o.Err != nil {
				t.Fatal(o.Err)
			}
		}
		for _, node := range []string{"n1", "n2", "n9"} { // n9 died, and the leases of the others have expired
			write(all.Leases(), node, leaseValue(Lease{Boot: 3, Addr: node + ":8081"}, storeClock(t, s)-1))
		}
		wantNodes()
		if e := s.RenewNode(t.Context(), n1, []int64{proto.Everyone})[0]; e.Err != nil {
			t.Fatal(e.Err)
		}
		wantNodes(n1)
		left := readLeases(all)
		s.Run(t.Context(), "look", left)
		var ends []int64
		for _, end := range rows.LeasesIn(rows.LeaseLines("", left.Reply[0])) {
			ends = append(ends, end)
		}
		if len(ends) != 1 {
			t.Errorf("%d leases are kept, want that of n1 alone", len(ends))
		}
		if least := storeClock(t, s) + leaseTime.Milliseconds() - time.Minute.Milliseconds(); ends[0] < least {
			t.Error("the lease runs for less than a minute")
		}
	})
}

// leaseValue returns what the store keeps of a lease.
func leaseValue(l Lease, end int64) string {
	return rows.BootText(l.Boot) + "\t" + l.Addr + "\t" + strconv.FormatInt(end, 10)
}

func TestManyGroupsAreEnteredAtOnce(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := account(t, s, "alice"), account(t, s, "bob")
		lease := Lease{Node: "n1", Boot: 1, Addr: "n1:1"}
		const own = enteredAtOnce + 2
		var asked []Entering
		for i := range own {
			g, err := s.CreateGroup(t.Context(), NewGroup{Creator: alice.User, ID: fmt.Sprint(i)})
			if err != nil {
				t.Fatal(err)
			}
			change(t, s, alice, g, false)
			asked = append(asked, Entering{Group: g, Users: []int64{alice.User}})
		}
		const strangers = 2100 // more than one HMGET of a script reads
		for i := range strangers {
			asked[0].Users = append(asked[0].Users, int64(1+i))
		}
		slices.Reverse(asked[0].Users)
		foreign := group(t, s, bob)
		asked = slices.Insert(asked, own/2, Entering{Group: foreign, Users: []int64{alice.User}}, Entering{Group: 9, Users: []int64{alice.User}})
		for i, e := range s.EnterNode(t.Context(), lease, asked) {
			want := error(nil)
			switch asked[i].Group {
			case foreign:
				want = ErrNotMember
			case 9:
				want = ErrNoGroup
			}
			if !errors.Is(e.Err, want) {
				t.Errorf("group %d of %d: %v, want %v", i, len(asked), e.Err, want)
			}
			if want != nil {
				continue
			}
			if last := len(e.Joined) - 1; len(e.Joined) != len(asked[i].Users) || e.Joined[last] == 0 || slices.Max(append(e.Joined[:last], 0)) > 0 {
				t.Errorf("group %d: joined at %v, want the last user alone", i, e.Joined)
			}
			if renewed := s.RenewNode(t.Context(), lease, []int64{asked[i].Group})[0]; renewed.Err != nil || renewed.Newest != e.Newest || e.Newest.Number != 2 {
				t.Errorf("group %d ends at %v, and is renewed to %+v", i, e.Newest, renewed)
			}
		}
		if e := s.RenewNode(t.Context(), lease, []int64{foreign})[0]; !errors.Is(e.Err, ErrNotMember) {
			t.Errorf("the node got a lease of a group without members there: %+v", e)
		}
	})
}

// A route of an earlier release kept leases as one text. Its leases count until they
// expire, and a node that it entered may renew. Then the text is removed.
func TestLeasesOfAnEarlierReleaseAreTakenOver(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := account(t, s, "alice")
		g := group(t, s, alice)
		n1, n2 := Lease{Node: "n1", Boot: 1, Addr: "n1:1"}, Lease{Node: "n2", Boot: 2, Addr: "n2:1"}
		l := logref.Ref{Group: g}
		old := func(end int64) {
			line := func(l Lease) string { return l.Node + "\t" + leaseValue(l, end) }
			o := op.Write(l.Hash(), []any{"hset", l.Hash(), logref.TextOfLeases, line(n1) + "\n" + line(n2)})
			if s.Run(t.Context(), "enter", o); o.Err != nil {
				t.Fatal(o.Err)
			}
		}
		old(storeClock(t, s) + 60_000)
		if c := stored(t, s, toGroup(alice, g, "1"))[0].Own(); !slices.Equal(c.Nodes, []Lease{n1, n2}) {
			t.Errorf("pushed to %v", c.Nodes)
		}
		if e := s.RenewNode(t.Context(), n1, []int64{g})[0]; e.Err != nil || e.Newest.Number != 3 {
			t.Errorf("renewed to %+v", e)
		}
		n1.Boot++ // the node has started again: its new lease counts, and not the older line
		enter(t, s, n1, g, alice.User)
		if c := stored(t, s, toGroup(alice, g, "2"))[0].Own(); !slices.Equal(c.Nodes, []Lease{n1, n2}) {
			t.Errorf("pushed to %v", c.Nodes)
		}
		old(storeClock(t, s) - 1)
		if e := s.RenewNode(t.Context(), n1, []int64{g})[0]; e.Err != nil {
			t.Error(e.Err)
		}
		left := readLeases(l)
		if s.Run(t.Context(), "look", left); op.Text(left.Reply[1]) != "" {
			t.Errorf("the text is still there: %q", left.Reply[1])
		}
	})
}

// A group that a node holds costs only a lookup. The answer is the node's own position
// if that is in the same log and no user of the request joined behind it.
func TestNodeThatHoldsAGroupIsNotEnteredAgain(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob, carol := account(t, s, "alice"), account(t, s, "bob"), account(t, s, "carol")
		g := group(t, s, alice, bob)
		lease := Lease{Node: "n1", Boot: 7, Addr: "n1:1"}
		known := enter(t, s, lease, g, alice.User).Newest
		stored(t, s, toGroup(alice, g, "1"))
		ask := func(known proto.Position, users ...int64) Entered {
			t.Helper()
			return s.EnterNode(t.Context(), lease, []Entering{{Group: g, Users: users, Known: known}})[0]
		}
		if e := ask(known, alice.User, carol.User, bob.User); e.Err != nil || !e.Held || e.Newest != known ||
			e.Joined[0] == 0 || e.Joined[1] != 0 || e.Joined[2] == 0 {
			t.Errorf("of what it holds the node was told %+v", e)
		}
		if e := ask(known, carol.User); !errors.Is(e.Err, ErrNotMember) {
			t.Errorf("for a stranger: %+v", e)
		}
		change(t, s, carol, g, false)
		if e := ask(known, alice.User, carol.User); e.Err != nil || e.Held || e.Newest.Number != known.Number+2 {
			t.Errorf("carol joined at %d, and the node was told %+v", known.Number+2, e)
		}
		known.Epoch++
		if e := ask(known, alice.User); e.Err != nil || e.Held {
			t.Errorf("of another log the node was told %+v", e)
		}
	})
}
