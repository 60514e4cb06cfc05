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

// A message that was accepted just before a primary was lost may be lost with it, and
// is counted. That does not hold for earlier or later messages, nor if a replica had
// it.
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

// A delayed message that was scheduled long after its sender first tried is due late,
// too. So it may stand where a lost entry stood, and may be lost itself. A message that
// was scheduled at once, long before, may not.
func TestDelayedMessageIsDueFromWhenItWasScheduled(t *testing.T) {
	e := sent("e", bob)
	e.Delay = 8 * time.Second.Microseconds()
	start := slices.Concat(when(0, joined()...), when(30, e))
	setBack := when(60, Record{Kind: Broken, Fault: "store-older", Restored: true, Tail: 5 * time.Second.Microseconds()})
	a := when(58, sent("a", bob), told(Accepted, "a"), shown(bob, "phone", "a", bob, 1), shown(alice, "laptop", "a", bob, 1))
	instead := when(78, shown(bob, "phone", "e", bob, 1), shown(alice, "laptop", "e", bob, 1), shown(alice, "phone", "e", bob, 1))
	v := judged(start, a, setBack, when(70, told(Accepted, "e")), instead)
	expect(t, v, "")
	if v := judged(start, when(31, told(Accepted, "e")), a, setBack, instead); v.Kinds["log order"] != 2 {
		t.Errorf("scheduled long before the loss, and shown instead of what was lost: %v", v.Kinds)
	}
	for accepted, want := range map[float64]string{40: "", 31: "lost"} {
		v := judged(start, when(accepted, told(Accepted, "e")), setBack)
		expect(t, v, want)
		if (v.LostWithPrimary == 1) != (want == "") {
			t.Errorf("accepted at %v s: %d lost with the store", accepted, v.LostWithPrimary)
		}
	}
}

// The clock of the store is ahead, so a delayed message is sent before its time. Then
// the store loses its tail. Its entries are stored again, and the message is sent
// behind them.
func TestDelayedMessageThatWasSentTooEarlyIsLostWithTheTail(t *testing.T) {
	e := sent("e", bob)
	e.Delay = 8 * time.Second.Microseconds()
	start := slices.Concat(when(0, joined()...), when(50, e), when(51, told(Accepted, "e")))
	skew := when(54, Record{Kind: Broken, Fault: "clock-skew"})
	early := when(55, shown(bob, "phone", "e", bob, 1), shown(alice, "laptop", "e", bob, 1))
	setBack := when(56, Record{Kind: Broken, Fault: "store-older", Restored: true, Tail: 3 * time.Second.Microseconds()})
	a := when(57, sent("a", bob), told(Accepted, "a"), shown(bob, "phone", "a", bob, 1), shown(alice, "laptop", "a", bob, 1), shown(alice, "phone", "e", bob, 2))
	expect(t, judged(start, skew, early, setBack, a), "")
	if v := judged(start, early, setBack, a); v.Kinds["disagree"] == 0 {
		t.Errorf("without a clock that was off: %v", v.Kinds)
	}
}

// A store that is set back loses that a delayed message was sent: its sender may still take
// back what somebody was shown. By a clock that is ahead, there is time enough for that.
func TestMessageThatWasShownIsTakenBackBehindALoss(t *testing.T) {
	e := sent("e", bob)
	e.Delay = 8 * time.Second.Microseconds()
	start := slices.Concat(when(0, joined()...), when(50, e), when(51, told(Accepted, "e")))
	skew := when(52, Record{Kind: Broken, Fault: "clock-skew"})
	setBack := Record{Kind: Broken, Fault: "store-older", Restored: true, Tail: 3 * time.Second.Microseconds()}
	show := shown(bob, "phone", "e", bob, 1)
	takeBack := func(asked, answered float64) book {
		return slices.Concat(when(asked, told(TakesBack, "e")), when(answered, told(TakenBack, "e")))
	}
	for name, test := range map[string]struct {
		book book
		want string
	}{
		"sent too early":            {slices.Concat(start, skew, when(54, show), when(56, setBack), takeBack(57, 58)), ""},
		"sent in time":              {slices.Concat(start, when(58.5, show), when(59, setBack), takeBack(59.5, 60)), ""},
		"shown a moment after":      {slices.Concat(start, skew, when(56, setBack), when(57, show), takeBack(57, 58)), ""},
		"nothing was lost":          {slices.Concat(start, skew, when(54, show), takeBack(57, 58)), "cancelled"},
		"shown before the tail":     {slices.Concat(start, skew, when(52.5, show), when(56, setBack), takeBack(57, 58)), "cancelled"},
		"shown long after":          {slices.Concat(start, skew, when(56, setBack), takeBack(57, 58), when(60, show)), "cancelled"},
		"taken back long before":    {slices.Concat(start, skew, takeBack(51.5, 52), when(54, show), when(56, setBack)), "cancelled"},
		"a failover of a replica's": {slices.Concat(start, book{{Kind: Begun, Ack: AckReplica}}, skew, when(54, show), when(56, primaryLost()), takeBack(57, 58)), "cancelled"},
	} {
		t.Run(name, func(t *testing.T) { expect(t, judged(test.book), test.want) })
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

// Bob was shown a leaving that was lost with a primary, and then left again at a lower
// number. That number does not say when bob was a member.
func TestLeavingThatWasLostIsNoStrangers(t *testing.T) {
	joining := seesTurn(alice, "phone", alice, Join, 2)
	also := joining
	also.Device = "laptop"
	story := func(kind Kind, audit ...Record) Verdict {
		lost := primaryLost()
		lost.Kind = kind
		return judged(when(0, joined()...),
			when(1, asks(Asked, alice, Join), asks(Done, alice, Join), asks(Asked, bob, Join), asks(Done, bob, Join),
				asks(Asked, carol, Join), asks(Done, carol, Join), joining, also),
			when(27, asks(Asked, carol, Leave)), when(28, seesTurn(bob, "phone", carol, Leave, 9)), when(29, lost),
			when(30, asks(Asked, bob, Leave)),
			when(31, asks(Done, bob, Leave), seesTurn(bob, "phone", bob, Leave, 8), seesTurn(alice, "phone", bob, Leave, 8), seesTurn(alice, "laptop", bob, Leave, 8)),
			audit)
	}
	stands := when(1001, Record{Kind: Stands, Group: circle, From: carol, ID: "leave-1", Change: Leave, At: at(9)})
	expect(t, story(Broken), "")
	if v := story(Missed); v.Kinds["stranger"] == 0 {
		t.Errorf("without a failover the judge says %v", v.Kinds)
	}
	if v := story(Broken, stands...); v.Kinds["stranger"] == 0 {
		t.Errorf("of a leaving that is there in the end the judge says %v", v.Kinds)
	}
}
