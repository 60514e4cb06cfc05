package record

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
)

// enter enters a node for a group and returns the answer, which must be good.
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
		wantNodes(n2, n1)

		hash := logRef{group: proto.Everyone}.hash()
		line := fmt.Sprintf("n9\t%s\tn9:8081\t%d", bootText(9), storeClock(t, s)-1)
		s.run(t.Context(), "enter", writeTo(hash, []any{"hset", hash, "nodes", line}))
		wantNodes()
		n1 = enter("n1", 3)
		wantNodes(n1)
		o := readOf(hash, []any{"hget", hash, "nodes"})
		s.run(t.Context(), "enter", o)
		if kept := parseLeases(text(o.reply[0]), 0); len(kept) != 1 {
			t.Errorf("leases kept are %v", kept)
		}
		if ends := parseLeases(text(o.reply[0]), storeClock(t, s)+leaseTime.Milliseconds()-time.Minute.Milliseconds()); len(ends) != 1 {
			t.Error("the lease runs for less than a minute")
		}
	})
}
