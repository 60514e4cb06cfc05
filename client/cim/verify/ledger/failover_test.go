package ledger

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// tail is how far back a primary of these tests takes things with it.
const tail = 10 * time.Second

// timed judges records that have times of their own, in seconds.
func timed(ack string, b book, at map[int]int64) Verdict {
	j := NewJudge()
	now := int64(0)
	for i, r := range b {
		if t, ok := at[i]; ok {
			now = t * time.Second.Microseconds()
		}
		if r.Kind == Begun {
			r.Ack = ack
		}
		r.Time = now
		j.Hear(r)
		now++
	}
	return settled(j)
}

func primaryLost() Record {
	return Record{Kind: Broken, Fault: "redis-failover", Note: "primary lost", Tail: tail.Microseconds()}
}

// failedOver is the good ledger, accepted at second 100, with a primary that is
// lost after so many seconds, and one message, late, to bob afterwards.
func failedOver(ack string, after int64, change func(book) book) Verdict {
	b := change(good())
	at := map[int]int64{0: 100, len(b): 100 + after}
	b = b.with(primaryLost(), sent("late", bob), told(Accepted, "late"),
		shown(bob, "phone", "late", bob, 4), shown(alice, "laptop", "late", bob, 14))
	return timed(ack, b, at)
}

func drop(user int64, device, id string) func(book) book {
	return func(b book) book { return b.without(b.find(user, device, id)) }
}

// What was accepted just before a primary was lost may be lost with it, and is
// counted; not before that, not after, and not if a replica had it.
func TestOnlyTheTailIsLostWithItsPrimary(t *testing.T) {
	tests := map[string]struct {
		ack   string
		after int64
		lost  int
	}{
		"in the tail":               {"primary", 5, 1},
		"before the tail":           {"primary", 11, 0},
		"in the tail of a replica":  {AckReplica, 5, 0},
		"in a ledger without a say": {"", 5, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			v := failedOver(test.ack, test.after, drop(bob, "phone", "c"))
			if v.LostWithPrimary != test.lost || v.Kinds["lost"] != 1-test.lost {
				t.Errorf("%d lost with the primary, violations %v", v.LostWithPrimary, v.Kinds)
			}
			v = failedOver(test.ack, test.after, func(b book) book {
				return b.without(b.find(carol, "phone", "d"))
			})
			if v.LostWithPrimary != test.lost || v.LostSeen != test.lost {
				t.Errorf("of one that only some saw: %+v", v)
			}
		})
	}
}

func TestLossAfterTheFailoverIsAViolation(t *testing.T) {
	b := joined().with(primaryLost())
	g := append(slices.Clone(b), good()[len(joined()):]...)
	v := timed("primary", g.without(g.find(bob, "phone", "c")), map[int]int64{len(b): 1})
	if v.Kinds["lost"] != 1 || v.LostWithPrimary != 0 {
		t.Errorf("%d lost with the primary, violations %v", v.LostWithPrimary, v.Kinds)
	}
}

// A double or a swap is a violation whatever became of a primary.
func TestDoubleAndSwapInATailAreViolations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := keptPromise(t)
		var showings []int
		for i, r := range b {
			if r.Kind == Shown {
				showings = append(showings, i)
			}
		}
		if len(showings) == 0 {
			return
		}
		i := rapid.SampledFrom(showings).Draw(t, "victim")
		// The primary is lost when some or all was shown.
		when := rapid.IntRange(0, len(b)).Draw(t, "when")
		with := func(b book) book { return slices.Insert(slices.Clone(b), min(when, len(b)), primaryLost()) }
		if v := timed("primary", with(b), nil); v.Violations() != 0 {
			t.Fatalf("%v: %v", v.Kinds, v.Examples)
		}
		if v := timed("primary", with(b.with(b[i])), nil); v.Kinds["twice"] != 1 {
			t.Errorf("one double: %v", v.Kinds)
		}
		for _, k := range showings {
			if k > i && b[k].User == b[i].User && b[k].Device == b[i].Device && b[k].Group == b[i].Group && b[k].To == b[i].To {
				if v := timed("primary", with(b.swapped(i, k)), nil); v.Violations() == 0 {
					t.Errorf("a swap of %s and %s passed", b[i].ID, b[k].ID)
				}
				break
			}
		}
	})
}

// A number of the lost tail is given again: bob, who was shown what is gone, is
// shown what stands there now. Without a failover that is a violation.
func TestNumbersOfALostTailAreUsedAgain(t *testing.T) {
	again := func(b book) book {
		return b.with(sent("e", bob), told(Accepted, "e"), shown(bob, "phone", "e", bob, 3), shown(alice, "laptop", "e", bob, 13))
	}
	whole := good()
	lost := whole.with(primaryLost())
	v := timed("primary", again(lost), nil)
	if v.Violations() != 0 {
		t.Errorf("after a failover: %v", v.Examples)
	}
	if v := timed("primary", again(whole), nil); v.Kinds["log order"] == 0 {
		t.Errorf("without one: %v", v.Kinds)
	}
	if v := timed(AckReplica, again(lost), nil); v.Kinds["log order"] == 0 {
		t.Errorf("accepted on replicas: %v", v.Kinds)
	}
	if v := timed("primary", again(lost), map[int]int64{len(whole): 60}); v.Kinds["log order"] == 0 {
		t.Errorf("when all that was accepted long ago: %v", v.Kinds)
	}
}

// A leaving that was asked for long ago and stored just before the store was set back is
// lost with the rest, and its number given again.
func TestLateLeavingIsLostWithTheTail(t *testing.T) {
	const group = 7
	asked := func(user int64, kind Kind, change string) Record {
		return Record{Kind: kind, User: user, Group: group, Change: change}
	}
	at := &Place{Log: group, Epoch: "e", Number: 5}
	left := Record{Kind: Shown, User: alice, Device: "phone", From: bob, ID: "leave-1", Group: group, Change: Leave, At: at}
	came := Record{Kind: Shown, User: alice, Device: "phone", From: alice, ID: "join-1", Group: group, Change: Join, At: &Place{Log: group, Epoch: "e", Number: 2}}
	also := came
	also.Device = "laptop"
	m := Record{Kind: Sent, User: alice, Device: "phone", Process: 1, ID: "m", Group: group, Text: "x"}
	again := m
	again.Kind, again.From, again.Device, again.At = Shown, alice, "laptop", at
	story := func(setBack Record) Verdict {
		return judged(when(0, joined()...),
			when(1, asked(alice, Asked, Join), asked(alice, Done, Join), asked(bob, Asked, Join), asked(bob, Done, Join), came, also),
			when(2, asked(bob, Asked, Leave)), when(28, left), when(30, setBack), when(32, m),
			when(33, Record{Kind: Accepted, User: alice, Device: "phone", ID: "m", At: at}, again))
	}
	expect(t, story(Record{Kind: Broken, Fault: "store-older", Restored: true, Tail: 4_000_000}), "")
	if v := story(Record{Kind: Broken, Fault: "store-older", Restored: true, Tail: 1_000_000}); v.Kinds["disagree"] == 0 {
		t.Errorf("of a leaving before the tail the judge says %v", v.Kinds)
	}
}
