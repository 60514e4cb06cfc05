package ledger

import (
	"slices"
	"testing"
)

// The judge checks the store's cursors, pending changes and leases in the end, unless
// the store lost something.
func TestStateOfTheStoreInTheEnd(t *testing.T) {
	start := when(0, append(joined(),
		connected(alice, "phone", "node-1"), connected(alice, "laptop", "node-1"), connected(bob, "phone", "node-2"), connected(carol, "phone", "node-2"),
		sent("a", bob), told(Accepted, "a"), shown(bob, "phone", "a", bob, 2), shown(alice, "laptop", "a", bob, 2))...)
	late := when(998, sent("b", bob), told(Accepted, "b"), shown(bob, "phone", "b", bob, 3), shown(alice, "laptop", "b", bob, 3))
	unseen := when(999, sent("c", bob)) // nobody knows whether it is stored
	cursor := func(user int64, device string, number int64) Record {
		return Record{Kind: Cursor, User: user, Device: device, At: &Place{Epoch: "e", Number: number}}
	}
	stands := func(owner int64, id string, number int64) Record {
		return Record{Kind: Stands, User: owner, ID: id, From: alice, To: bob, At: &Place{Epoch: "e", Number: number}}
	}
	logs := when(1000, stands(alice, "a", 2), stands(bob, "a", 2), stands(alice, "b", 3), stands(bob, "b", 3))
	cursors := func(bobs int64) book {
		return when(1000, cursor(alice, "laptop", 3), cursor(bob, "phone", bobs))
	}
	asked := when(1, asks(Asked, bob, Join))
	done := when(2, asks(Done, bob, Join))
	intent := when(1000, Record{Kind: Intent, User: bob, Group: circle, Change: "join"})
	lease := func(group int64, node string, seconds int64) Record {
		return Record{Kind: Leased, Group: group, Node: node, Lasted: seconds * 1e6}
	}
	leases := when(1000, lease(Everyone, "node-1", 90), lease(Everyone, "node-2", 90))
	emptied := when(500, Record{Kind: Broken, Fault: "store-empty", Empty: true})
	for name, test := range map[string]struct {
		before, after book
		want          string
	}{
		"cursors at the end":                 {nil, cursors(3), ""},
		"a cursor a moment behind":           {nil, cursors(2), ""},
		"a cursor long behind":               {nil, cursors(1), "cursor"},
		"the same of a store that was empty": {emptied, cursors(1), ""},
		"no cursor":                          {nil, cursors(3)[:1], "cursor"},
		"no cursor of a lost connection":     {when(997, Record{Kind: Away, User: bob, Device: "phone"}, connected(bob, "phone", "node-2")), cursors(3)[:1], ""},
		"a cursor of another epoch":          {nil, when(1000, cursor(alice, "laptop", 3), Record{Kind: Cursor, User: bob, Device: "phone", At: &Place{Epoch: "f", Number: 1}}), ""},
		"a cursor beyond the end":            {nil, cursors(4), "cursor"},
		"beyond what was not shown":          {unseen, slices.Concat(when(1000, stands(alice, "c", 4), stands(bob, "c", 4)), cursors(4)), "cursor"},
		"up to what was not shown":           {unseen, slices.Concat(when(1000, stands(alice, "c", 4), stands(bob, "c", 4)), cursors(3)), ""},
		"an intent":                          {slices.Concat(asked, done), intent, "intent"},
		"an intent that somebody waits for":  {asked, intent, ""},
		"an intent of nobody":                {nil, intent, "intent"},
		"leases of those who are connected":  {nil, leases, ""},
		"no lease of a node with users":      {nil, leases[:1], "lease"},
		"a lease that ran out":               {nil, slices.Concat(leases[:1], when(1000, lease(Everyone, "node-2", -1))), "lease"},
		"a lease for ever":                   {nil, slices.Concat(leases, when(1000, lease(Everyone, "node-3", 3600))), "lease"},
		"a lease of a node that is gone":     {nil, slices.Concat(leases, when(1000, lease(Everyone, "node-3", 60))), ""},
		"no lease of a member's group":       {slices.Concat(asked, done), leases, "lease"},
		"a lease of a member's group":        {slices.Concat(asked, done), slices.Concat(leases, when(1000, lease(circle, "node-2", 60))), ""},
	} {
		t.Run(name, func(t *testing.T) {
			j := NewJudge()
			for _, r := range slices.Concat(start, test.before, late, when(1000, Record{Kind: Quiet}), logs, test.after) {
				j.Hear(r)
			}
			expect(t, without(j.Verdict(), "stuck"), test.want)
		})
	}
}

// without is the verdict without one kind of violation.
func without(v Verdict, kind string) Verdict {
	delete(v.Kinds, kind)
	return v
}
