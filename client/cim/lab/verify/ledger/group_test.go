package ledger

import (
	"slices"
	"testing"
)

// circle is the group of the tests.
const circle int64 = 100

func asks(kind Kind, user int64, change string) Record {
	return Record{Kind: kind, User: user, Group: circle, Change: change}
}

func at(number int64) *Place { return &Place{Log: circle, Epoch: "e", Number: number} }

// toCircle is a message of alice's phone to the group, accepted at a place.
func toCircle(id string, number int64) book {
	s := Record{Kind: Sent, User: alice, Device: "phone", Process: 1, ID: id, Group: circle, Text: text(id)}
	a := told(Accepted, id)
	a.At = at(number)
	return book{s, a}
}

// sees is what a device is shown of the group: a message of alice, or somebody's
// joining or leaving.
func sees(user int64, device, id string, number int64) Record {
	return Record{Kind: Shown, User: user, Device: device, ID: id, From: alice, Group: circle, Text: text(id), At: at(number)}
}

func seesTurn(user int64, device string, who int64, change string, number int64) Record {
	return Record{Kind: Shown, User: user, Device: device, ID: change + "-1", From: who, Group: circle, Change: change, At: at(number)}
}

// circleBook is a group of alice and bob. She writes a, carol joins, she writes b,
// bob leaves, she writes c.
func circleBook() book {
	b := append(joined(), asks(Asked, alice, Join), asks(Asked, bob, Join), asks(Done, alice, Join), asks(Done, bob, Join))
	b = append(b, toCircle("a", 4)...)
	b = append(b, asks(Asked, carol, Join), asks(Done, carol, Join))
	b = append(b, toCircle("b", 6)...)
	b = append(b, asks(Asked, bob, Leave), asks(Done, bob, Leave))
	b = append(b, toCircle("c", 8)...)
	return append(b,
		seesTurn(alice, "phone", alice, Join, 2), seesTurn(alice, "phone", bob, Join, 3),
		seesTurn(alice, "phone", carol, Join, 5), seesTurn(alice, "phone", bob, Leave, 7),
		seesTurn(alice, "laptop", alice, Join, 2), seesTurn(alice, "laptop", bob, Join, 3), sees(alice, "laptop", "a", 4),
		seesTurn(alice, "laptop", carol, Join, 5), sees(alice, "laptop", "b", 6), seesTurn(alice, "laptop", bob, Leave, 7),
		sees(alice, "laptop", "c", 8),
		seesTurn(bob, "phone", bob, Join, 3), sees(bob, "phone", "a", 4), seesTurn(bob, "phone", carol, Join, 5),
		sees(bob, "phone", "b", 6), seesTurn(bob, "phone", bob, Leave, 7),
		seesTurn(carol, "phone", carol, Join, 5), sees(carol, "phone", "b", 6), seesTurn(carol, "phone", bob, Leave, 7),
		sees(carol, "phone", "c", 8))
}

func (b book) findTurn(user int64, device string, who int64, change string) int {
	return slices.IndexFunc(b, func(r Record) bool {
		return r.Kind == Shown && r.User == user && r.Device == device && r.From == who && r.Change == change
	})
}

func TestGoodGroupPasses(t *testing.T) {
	v := judge(circleBook())
	if got := v.Traffic[Grouped]; v.Violations() != 0 || got.Sent != 3 || got.Accepted != 3 || got.Shown != 7 || len(got.Deliveries) != 7 {
		t.Errorf("%v: %v; %+v", v.Kinds, v.Examples, got)
	}
}

// Every way in which a group can break the promise is seen, and called by its
// name.
func TestEachViolationInAGroupIsSeen(t *testing.T) {
	g := circleBook()
	toBob, toCarol := g.find(bob, "phone", "b"), g.find(carol, "phone", "b")
	refused := told(Refused, "d")
	refused.Code = NotMember
	byBob := Record{Kind: Sent, User: bob, Device: "phone", Process: 1, ID: "x", Group: circle, Text: "x"}
	taken := Record{Kind: Accepted, User: bob, Device: "phone", ID: "x", At: at(9)}
	placeless := toCircle("d", 9)
	placeless[1].At = nil
	tests := map[string]struct {
		book book
		want string
	}{
		"a loss":                                {g.without(toBob), "lost"},
		"a loss of the sender's own copy":       {g.without(g.find(alice, "laptop", "b")), "lost"},
		"a loss that nobody saw":                {g.with(toCircle("d", 9)...), "lost"},
		"a joining that a member is not shown":  {g.without(g.findTurn(bob, "phone", carol, Join)), "lost"},
		"the own leaving that is not shown":     {g.without(g.findTurn(bob, "phone", bob, Leave)), "lost"},
		"a double":                              {g.with(sees(carol, "phone", "c", 10)), "twice"},
		"a double of a joining":                 {g.with(seesTurn(carol, "phone", carol, Join, 9)), "twice"},
		"a swap":                                {g.swapped(toCarol, g.find(carol, "phone", "c")), "sender order"},
		"a swap against the log":                {swapPlaces(g, toCarol, g.find(carol, "phone", "c")), "log order"},
		"an order that two members disagree on": {moved(g, toBob, 60), "disagree"},
		"a place that is another message's":     {moved(g, g.findAnswer("b"), 8), "disagree"},
		"a foreigner":                           {g.with(sees(carol, "phone", "a", 4)), "stranger"},
		"one after leaving":                     {g.with(sees(bob, "phone", "c", 8)), "stranger"},
		"one after leaving, who saw no leaving": {g.without(g.findTurn(bob, "phone", bob, Leave)).with(sees(bob, "phone", "c", 8)), "stranger"},
		"a turn after leaving":                  {g.with(asks(Asked, bob, Join), seesTurn(bob, "phone", alice, Leave, 12)), "invented"},
		"a sender who had left":                 {g.with(byBob, taken), "stranger"},
		"a member who was turned away":          {g.with(toCircle("d", 9)[0], refused), "turned away"},
		"a place that is not told":              {g.with(placeless...), "lost"},
		"an invention":                          {g.with(sees(carol, "phone", "x", 9)), "invented"},
		"a joining that nobody asked for":       {g.with(seesTurn(alice, "phone", carol, Leave, 9)), "invented"},
		"an answer that nobody asked for":       {g.with(asks(Done, bob, Join)), "invented"},
		"a hole before the leaving": {g.without(toBob).with(
			Record{Kind: Away, User: bob, Device: "phone"}), "lost"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if v := judge(test.book); v.Kinds[test.want] == 0 {
				t.Errorf("the judge says %v, not %q", v.Kinds, test.want)
			}
		})
	}
}

// findAnswer returns where alice is told that id is accepted.
func (b book) findAnswer(id string) int {
	return slices.IndexFunc(b, func(r Record) bool { return r.Kind == Accepted && r.ID == id })
}

// moved shows what stands at i at another place of its log.
func moved(b book, i int, number int64) book {
	b = slices.Clone(b)
	b[i].At = at(number)
	return b
}

// swapPlaces exchanges two records.
func swapPlaces(b book, i, k int) book {
	b = slices.Clone(b)
	b[i], b[k] = b[k], b[i]
	return b
}

// Showings that groups do not promise are no violation.
func TestWhatIsNotPromisedInGroupsPasses(t *testing.T) {
	g := circleBook()
	away := Record{Kind: Away, User: bob, Device: "phone"}
	tail := g.without(g.findTurn(bob, "phone", bob, Leave))
	tail = tail.without(tail.find(bob, "phone", "b"))
	tests := map[string]book{
		"everybody goes home": g.with(Record{Kind: Quiet}, away),
		"the end of a group that was left while the device was away": tail.with(away),
		"the end of a group whose leaving took its time":             slow(tail).with(away),
		"the end of a group that was left and joined again":          tail.with(asks(Asked, bob, Join), asks(Done, bob, Join)),
		"shown again to a device that lost what it kept": g.with(Record{Kind: Forgot, User: carol, Device: "phone"},
			sees(carol, "phone", "b", 6), seesTurn(carol, "phone", bob, Leave, 7), sees(carol, "phone", "c", 8)),
		"shown before the joining is told":    early(g),
		"unknown to somebody who leaves then": g.with(toCircle("d", 9)[0], asks(Asked, carol, Leave), told(Unknown, "d")),
		"refused to who left": g.with(
			Record{Kind: Sent, User: bob, Device: "phone", Process: 1, ID: "x", Group: circle, Text: "x"},
			Record{Kind: Refused, User: bob, Device: "phone", ID: "x", Code: NotMember}),
	}
	for name, b := range tests {
		t.Run(name, func(t *testing.T) {
			if v := judge(b); v.Violations() != 0 {
				t.Error(v.Examples)
			}
		})
	}
	for _, b := range []book{tail, tail.with(Record{Kind: Quiet}, away)} {
		if v := judge(b); v.Kinds["lost"] != 2 {
			t.Errorf("a device that was there need not be shown the end: %v", v.Kinds)
		}
	}
}

// A second joining may be shown before the first one. The requests are still counted in
// the order of the log: bob left after the first.
func TestSecondJoiningIsShownFirst(t *testing.T) {
	b := append(joined(), asks(Asked, alice, Join), asks(Done, alice, Join))
	for _, change := range []string{Join, Leave, Join} {
		b = append(b, asks(Asked, bob, change), asks(Done, bob, change))
	}
	b = append(b, asks(Asked, carol, Join), asks(Done, carol, Join))
	again := func(user int64, device string) Record {
		r := seesTurn(user, device, bob, Join, 6)
		r.ID = Join + "-2"
		return r
	}
	b = append(b, seesTurn(carol, "phone", carol, Join, 5), again(carol, "phone"), again(bob, "phone"))
	for _, device := range []string{"phone", "laptop"} {
		b = append(b, seesTurn(alice, device, alice, Join, 2), seesTurn(alice, device, bob, Join, 3), seesTurn(alice, device, bob, Leave, 4),
			seesTurn(alice, device, carol, Join, 5), again(alice, device))
	}
	if v := judge(b); v.Violations() != 0 {
		t.Error(v.Examples)
	}
}

// slow has bob ask to leave before alice writes b, which still comes first.
func slow(b book) book {
	sent := slices.IndexFunc(b, func(r Record) bool { return r.Kind == Sent && r.ID == "b" })
	asked := slices.IndexFunc(b, func(r Record) bool { return r.Kind == Asked && r.Change == Leave })
	return slices.Insert(b.without(asked), sent, b[asked])
}

// early tells carol that she joined only after all is over.
func early(b book) book {
	i := slices.IndexFunc(b, func(r Record) bool { return r.Kind == Done && r.User == carol })
	done := b[i]
	return b.without(i).with(done)
}

// Each entry of a log in the end was sent so, and stands there once.
func TestAuditOfALog(t *testing.T) {
	stands := func(user int64, id string, number int64) Record {
		return Record{Kind: Stands, User: user, ID: id, From: alice, To: bob, At: &Place{Epoch: "e", Number: number}}
	}
	g := good().with(stands(bob, "a", 1), stands(bob, "b", 2), stands(bob, "c", 3),
		stands(alice, "a", 11), stands(alice, "b", 12), stands(alice, "c", 13))
	if v := judge(g); v.Violations() != 0 {
		t.Error(v.Examples)
	}
	twice := stands(bob, "a", 4)
	for want, b := range map[string]book{
		"doubled":  g.with(twice),
		"invented": g.with(stands(bob, "x", 4)),
		"disagree": good().with(stands(bob, "c", 2)),
		"refused":  g.with(sent("e", bob), told(Refused, "e"), stands(bob, "e", 4)),
	} {
		if v := judge(b); v.Kinds[want] == 0 {
			t.Errorf("the judge says %v, not %q", v.Kinds, want)
		}
	}
	for fault, want := range map[string]int{"node-pause": 0, "client-flap": 0, "redis-kill": 1} {
		b := append(book{{Kind: Broken, Fault: fault}}, g.with(twice)...)
		if v := judge(b); v.Violations() != want || v.Doubled != 1-want {
			t.Errorf("after %s: %v, %d doubled", fault, v.Examples, v.Doubled)
		}
	}
}

// A place is told to the sender of one message only.
func TestPlaceIsToldOnce(t *testing.T) {
	toldAt := func(id string, number int64) Record {
		r := told(Accepted, id)
		r.At = &Place{Epoch: "e", Number: number}
		return r
	}
	both := func(number int64) book {
		return good().with(sent("e", carol), toldAt("e", 14), sent("f", carol), toldAt("f", number),
			shown(carol, "phone", "e", carol, 1), shown(carol, "phone", "f", carol, 2),
			shown(alice, "laptop", "e", carol, 14), shown(alice, "laptop", "f", carol, 15))
	}
	if v := judge(both(15)); v.Violations() != 0 {
		t.Error(v.Examples)
	}
	for _, number := range []int64{14, 12} { // that of e, that of b
		if v := judge(both(number)); v.Kinds["disagree"] != 1 {
			t.Errorf("told of %d, the judge says %v", number, v.Kinds)
		}
	}
}

// A device that lost everything is shown the entries again, in order, once per life.
func TestALifeHasAnOrderOfItsOwn(t *testing.T) {
	g := good().with(Record{Kind: Forgot, User: bob, Device: "phone"}, shown(bob, "phone", "b", bob, 2))
	if v := judge(g); v.Violations() != 0 || v.Again != 1 {
		t.Errorf("%v, %d again", v.Examples, v.Again)
	}
	for want, b := range map[string]book{
		"twice":        g.with(shown(bob, "phone", "b", bob, 2)),
		"log order":    g.with(shown(bob, "phone", "a", bob, 1)),
		"sender order": g.with(shown(bob, "phone", "a", bob, 3)),
	} {
		if v := judge(b); v.Kinds[want] == 0 {
			t.Errorf("the judge says %v, not %q", v.Kinds, want)
		}
	}
}
