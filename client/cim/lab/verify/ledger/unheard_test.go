package ledger

import (
	"slices"
	"testing"
)

// Faults may keep the routes from telling a node that somebody joined and that they left
// again. Then the node never knew of it, and the user's devices there miss all of it. If
// it could be told of one of the two, or had time to find it, they miss nothing.
func TestMembershipThatANodeNeverHeardOfMayBeMissed(t *testing.T) {
	const link = " and 127.0.0.1:1 behind a bad link"
	bad := func(seconds float64, node string) book { return when(seconds, broken("lossy-net", node+link)) }
	good := func(seconds float64) book { return when(seconds, healed("lossy-net", "node-1"+link)) }
	killed := func(seconds float64, route string) book { return when(seconds, broken("route-kill", route)) }
	both := func(who int64, change string, number int64) []Record {
		return []Record{seesTurn(alice, "phone", who, change, number), seesTurn(alice, "laptop", who, change, number)}
	}
	start := slices.Concat(when(0, joined()...), when(0.5, connected(carol, "phone", "node-1")),
		when(1, asks(Asked, alice, Join), asks(Done, alice, Join)), when(1, both(alice, Join, 2)...))
	join := slices.Concat(when(11, asks(Asked, carol, Join)), when(12, both(carol, Join, 5)...), when(12, asks(Done, carol, Join)))
	message := slices.Concat(when(13, toCircle("b", 6)...), when(13, sees(alice, "laptop", "b", 6)))
	leaveAt := func(seconds float64) book {
		return slices.Concat(when(seconds, asks(Asked, carol, Leave)), when(seconds+1, both(carol, Leave, 7)...), when(seconds+1, asks(Done, carol, Leave)))
	}
	sawJoining := when(12, seesTurn(carol, "phone", carol, Join, 5))
	for name, test := range map[string]struct {
		book book
		want string
	}{
		"nothing was broken":         {slices.Concat(join, message, leaveAt(14)), "lost"},
		"its node's link was bad":    {slices.Concat(bad(10, "node-1"), join, message, leaveAt(14)), ""},
		"another node's link was":    {slices.Concat(bad(10, "node-2"), join, message, leaveAt(14)), "lost"},
		"good again at the leaving":  {slices.Concat(bad(10, "node-1"), join, message, good(13.5), leaveAt(14)), "lost"},
		"bad at the leaving alone":   {slices.Concat(join, message, bad(13.5, "node-1"), leaveAt(14)), "lost"},
		"routes were killed at both": {slices.Concat(killed(11, "route-1"), join, message, killed(14, "route-2"), leaveAt(14)), ""},
		"it was shown the joining":   {slices.Concat(bad(10, "node-1"), join, sawJoining, message, leaveAt(14)), "lost"},
		"half a minute was quiet":    {slices.Concat(bad(10, "node-1"), join, message, good(20), bad(99, "node-1"), leaveAt(100)), "lost"},
	} {
		t.Run(name, func(t *testing.T) { expect(t, judged(start, test.book), test.want) })
	}
}
