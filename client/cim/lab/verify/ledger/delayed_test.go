package ledger

import "testing"

// later is a message of alice's phone to bob that is to be sent 10 us after it was
// scheduled. The records of a book are 1 us apart.
func later(id string) Record {
	r := sent(id, bob)
	r.Delay = earlySlack + 10
	return r
}

// shownLater shows it to everybody it is for, at once or in time.
func shownLater(id string, inTime bool) (b book) {
	for range 12 {
		if inTime {
			b = append(b, Record{Kind: Trimmed})
		}
	}
	return append(b, shown(bob, "phone", id, bob, 9), shown(alice, "laptop", id, bob, 20), shown(alice, "phone", id, bob, 20))
}

func TestDelayedMessagesAreJudged(t *testing.T) {
	took := func(kind Kind) Record { return told(kind, "e") }
	start := joined().with(later("e"), told(Accepted, "e"))
	all := shownLater("e", true)
	tests := map[string]struct {
		book book
		want string // empty: no violation
	}{
		"in time":                             {start.with(all...), ""},
		"too early":                           {start.with(shownLater("e", false)...), "early"},
		"never":                               {start, "lost"},
		"not yet":                             {start.with(Record{Kind: Quiet}), ""},
		"not to the one who scheduled it":     {start.with(all[:len(all)-1]...), "lost"},
		"taken back":                          {start.with(took(TakesBack), took(TakenBack)), ""},
		"taken back and shown":                {start.with(took(TakesBack), took(TakenBack)).with(all...), "cancelled"},
		"taken back too late":                 {start.with(took(TakesBack), took(TooLate)), "lost"},
		"taken back too late and shown":       {start.with(took(TakesBack), took(TooLate)).with(all...), ""},
		"perhaps taken back, and not shown":   {start.with(took(TakesBack)), ""},
		"perhaps taken back, and shown":       {start.with(took(TakesBack)).with(all...), ""},
		"behind what was sent after it":       {start.with(sent("f", bob), told(Accepted, "f"), shown(bob, "phone", "f", bob, 1), shown(alice, "laptop", "f", bob, 1)).with(all...), ""},
		"taken back though never scheduled":   {joined().with(took(TakesBack)), "invented"},
		"scheduled perhaps, and not shown":    {joined().with(later("e"), told(Unknown, "e")), ""},
		"scheduled perhaps, and shown to all": {joined().with(later("e"), told(Unknown, "e")).with(all...), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			v := judge(test.book)
			if test.want == "" && v.Violations() > 0 || test.want != "" && v.Kinds[test.want] == 0 {
				t.Errorf("the judge says %v, not %q", v.Kinds, test.want)
			}
			if got := v.Traffic[Delayed]; test.want == "" && name == "in time" && (got.Accepted != 1 || got.Shown != 3) {
				t.Errorf("counted %+v", got)
			}
		})
	}
}

// A message that was scheduled while the store's clock was off comes when that clock
// says so, which nobody waits for.
func TestScheduledByAClockThatJumpedIsNotLost(t *testing.T) {
	off, back := Record{Kind: Broken, Fault: "clock-skew"}, Record{Kind: Healed, Fault: "clock-skew"}
	schedule := book{later("e"), told(Accepted, "e")}
	for name, test := range map[string]struct {
		book   book
		adrift int
	}{
		"while it was off":  {joined().with(off).with(schedule...).with(back), 1},
		"before":            {joined().with(schedule...).with(off, back), 0},
		"after":             {joined().with(off, back).with(schedule...), 0},
		"and shown to some": {joined().with(off).with(schedule...).with(back, shown(bob, "phone", "e", bob, 9)), 0},
		"not delayed":       {joined().with(off, sent("e", bob), told(Accepted, "e"), back), 0},
	} {
		v := judge(test.book)
		if v.Adrift != test.adrift || (v.Violations() == 0) != (test.adrift > 0) {
			t.Errorf("%s: %d adrift, violations %v", name, v.Adrift, v.Kinds)
		}
	}
}

// That a message was taken back may be lost with a primary, as all else that was
// answered in its last seconds.
func TestTakingBackMayBeLostWithAPrimary(t *testing.T) {
	start := joined().with(later("e"), told(Accepted, "e"), told(TakesBack, "e"), told(TakenBack, "e"))
	for after, want := range map[int64]int{5: 0, 20: 1} {
		at := map[int]int64{0: 100, len(start): 100 + after}
		b := start.with(primaryLost(), shown(bob, "phone", "e", bob, 9), shown(alice, "laptop", "e", bob, 20), shown(alice, "phone", "e", bob, 20))
		if v := timed("primary", b, at); (v.Kinds["cancelled"] > 0) != (want > 0) {
			t.Errorf("%d s after: %v", after, v.Kinds)
		}
		if v := timed(AckReplica, b, at); v.Kinds["cancelled"] == 0 {
			t.Errorf("with replicas, %d s after: %v", after, v.Kinds)
		}
	}
}
