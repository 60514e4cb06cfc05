package ledger

import (
	"slices"
	"testing"
	"time"
)

// when gives records a time in seconds.
func when(seconds float64, records ...Record) (b book) {
	for _, r := range records {
		r.Time = int64(seconds * 1e6)
		b = append(b, r)
	}
	return b
}

// judged is the verdict on records that have their times, and are quiet at second
// 1,000.
func judged(parts ...book) Verdict {
	j := NewJudge()
	for _, r := range slices.Concat(parts...) {
		j.Hear(r)
	}
	j.Hear(Record{Kind: Quiet, Time: 1000 * time.Second.Microseconds()})
	return j.Verdict()
}

// expect fails unless the verdict has violations of one kind only, or none.
func expect(t *testing.T, v Verdict, want string) {
	t.Helper()
	if want == "" && v.Violations() > 0 || want != "" && (v.Kinds[want] == 0 || len(v.Kinds) > 1) {
		t.Errorf("the judge says %v, not %q: %q", v.Kinds, want, v.Examples)
	}
}

func connected(user int64, device, node string) Record {
	return Record{Kind: Back, User: user, Device: device, Node: node}
}

func broken(fault, note string) Record { return Record{Kind: Broken, Fault: fault, Note: note} }
func healed(fault, note string) Record { return Record{Kind: Healed, Fault: fault, Note: note} }

func TestDeliveryMarkIsTrue(t *testing.T) {
	mark := Record{Kind: Marked, User: alice, Device: "phone", ID: "a", To: bob}
	send := when(1, sent("a", bob), told(Accepted, "a"))
	show := func(seconds float64) book {
		return when(seconds, shown(bob, "phone", "a", bob, 1), shown(alice, "laptop", "a", bob, 1))
	}
	for name, test := range map[string]struct {
		book book
		want string
	}{
		"of what was shown":             {slices.Concat(send, show(2), when(3, mark)), ""},
		"written down a moment later":   {slices.Concat(send, when(2, mark), show(2.5)), ""},
		"long before it was shown":      {slices.Concat(send, when(2, mark), show(10)), "mark"},
		"of what was never sent":        {when(2, mark), "mark"},
		"of what was sent to carol":     {slices.Concat(send, show(2), when(3, Record{Kind: Marked, User: alice, Device: "phone", ID: "a", To: carol})), "mark"},
		"of what only its sender shows": {slices.Concat(send, when(2, mark, shown(alice, "laptop", "a", bob, 1)), when(20, shown(bob, "phone", "a", bob, 1))), "mark"},
	} {
		t.Run(name, func(t *testing.T) { expect(t, judged(when(0, joined()...), test.book), test.want) })
	}
}

func TestNothingIsReadableAfterLogout(t *testing.T) {
	kiosk := func(kind Kind, code string) Record {
		return Record{Kind: kind, User: alice, Device: "kiosk", Code: code, Note: "pull"}
	}
	lost := Record{Kind: Broken, Fault: "redis-failover", Tail: 10_000_000}
	for name, test := range map[string]struct {
		book book
		want string
	}{
		"refused":                   {when(1, kiosk(LoggedIn, ""), kiosk(LoggedOut, ""), kiosk(Tried, "401")), ""},
		"served":                    {when(1, kiosk(LoggedIn, ""), kiosk(LoggedOut, ""), kiosk(Tried, Served)), "readable"},
		"logged in again":           {when(1, kiosk(LoggedOut, ""), kiosk(LoggedIn, ""), kiosk(Tried, Served)), ""},
		"its primary was lost":      {slices.Concat(when(1, kiosk(LoggedOut, "")), when(5, lost), when(6, kiosk(Tried, Served))), ""},
		"lost long after":           {slices.Concat(when(1, kiosk(LoggedOut, "")), when(50, lost), when(60, kiosk(Tried, Served))), "readable"},
		"told so after the loss":    {slices.Concat(when(1, kiosk(LoggedIn, "")), when(2, lost), when(3, kiosk(LoggedOut, ""), kiosk(Tried, Served))), ""},
		"logged in after the loss":  {slices.Concat(when(1, lost), when(2, kiosk(LoggedIn, ""), kiosk(LoggedOut, ""), kiosk(Tried, Served))), "readable"},
		"logged out after the loss": {slices.Concat(when(1, lost), when(2, kiosk(LoggedOut, ""), kiosk(Tried, Served))), "readable"},
	} {
		t.Run(name, func(t *testing.T) { expect(t, judged(when(0, joined()...), test.book), test.want) })
	}
}

// A late showing is a violation unless something was in the way: a fault and the time
// after it, a missing connection, or a machine that stood still.
func TestWhatComesTooLateIsSeen(t *testing.T) {
	online := when(0, append(joined(), connected(bob, "phone", "node-1"), connected(alice, "laptop", "node-1"), connected(alice, "phone", "node-1"))...)
	run := func(seconds float64, between ...book) book {
		return slices.Concat(when(1, sent("a", bob), told(Accepted, "a"), shown(alice, "laptop", "a", bob, 1)),
			slices.Concat(between...), when(seconds, shown(bob, "phone", "a", bob, 1)))
	}
	later := func(seconds float64, between ...book) book {
		m := sent("a", bob)
		m.Delay = 5_000_000
		show := []Record{shown(bob, "phone", "a", bob, 1), shown(alice, "laptop", "a", bob, 1), shown(alice, "phone", "a", bob, 1)}
		return slices.Concat(when(95, m, told(Accepted, "a")), slices.Concat(between...), when(seconds, show...))
	}
	// One device was shown it in time, and the others only then.
	after := func(seconds float64, between ...book) book {
		b := later(101, between...)
		return slices.Concat(b[:len(b)-2], when(seconds, b[len(b)-2], b[len(b)-1]))
	}
	stalled := func(seconds, lasted float64) book {
		return when(seconds, Record{Kind: Stalled, Lasted: int64(lasted * 1e6)})
	}
	for name, test := range map[string]struct {
		book book
		want string
	}{
		"reconciled":               {run(30), ""},
		"never looked for":         {run(40), "late"},
		"while a route was down":   {run(40, when(2, broken("route-kill", "r")), when(15, healed("route-kill", "r"))), ""},
		"a route down long before": {run(80, when(2, broken("route-kill", "r")), when(15, healed("route-kill", "r"))), "late"},
		"another device is slow": {run(40, when(2, Record{Kind: Broken, Fault: "slow-reader", User: carol, Device: "phone"}),
			when(20, healed("slow-reader", ""))), "late"},
		"it is slow itself": {run(40, when(2, Record{Kind: Broken, Fault: "slow-reader", User: bob, Device: "phone"}),
			when(20, healed("slow-reader", ""))), ""},
		"without a connection":    {run(60, when(2, Record{Kind: Away, User: bob, Device: "phone"}), when(55, connected(bob, "phone", "node-2"))), ""},
		"nobody had time":         {run(40, stalled(30, 10)), ""},
		"somebody had":            {run(50, stalled(30, 10)), "late"},
		"cut at once, long ago":   {run(60, when(2, Record{Kind: Broken, Fault: "mass-reconnect", Over: true})), "late"},
		"cut at once, just now":   {run(40, when(8, Record{Kind: Broken, Fault: "mass-reconnect", Over: true})), ""},
		"delayed, in time":        {later(101), ""},
		"delayed, late":           {later(106), "late"},
		"delayed, who sent died":  {later(108, when(98, broken("route-kill", "r")), when(99, healed("route-kill", "r"))), ""},
		"delayed, and much later": {later(150, when(98, broken("route-kill", "r")), when(99, healed("route-kill", "r"))), "late"},
		"delayed, read later":     {after(130), ""},
		"delayed, read too late":  {after(140), "late"},
		"delayed, a clock jumped": {later(130, when(98, broken("clock-skew", "r")), when(99, healed("clock-skew", "r"))), ""},
	} {
		t.Run(name, func(t *testing.T) { expect(t, judged(online, test.book), test.want) })
	}
}

func TestPausedNodeIsLeft(t *testing.T) {
	start := when(0, append(joined(), connected(bob, "phone", "node-2"))...)
	pause := when(10, broken("node-pause", "node-2 paused"))
	resume := when(30, healed("node-pause", "node-2 paused"))
	for name, test := range map[string]struct {
		book book
		want string
	}{
		"left":             {slices.Concat(pause, when(24, connected(bob, "phone", "node-1")), resume), ""},
		"lost":             {slices.Concat(pause, when(24, Record{Kind: Away, User: bob, Device: "phone"}), resume), ""},
		"stayed":           {slices.Concat(pause, resume), "held"},
		"a short pause":    {slices.Concat(pause, when(20, healed("node-pause", "node-2 paused"))), ""},
		"of another node":  {slices.Concat(when(10, broken("node-pause", "node-1 paused")), when(30, healed("node-pause", "node-1 paused"))), ""},
		"nobody had time":  {slices.Concat(pause, when(28, Record{Kind: Stalled, Lasted: 5_000_000}), resume), ""},
		"connected before": {slices.Concat(when(5, connected(bob, "phone", "node-1")), pause, resume), ""},
	} {
		t.Run(name, func(t *testing.T) { expect(t, judged(start, test.book), test.want) })
	}
}

func TestDelayedMessagesKeepTheirOrder(t *testing.T) {
	later := func(id string, delay int64) book {
		m := sent(id, bob)
		m.Delay = delay * 1e6
		return book{m, told(Accepted, id)}
	}
	show := func(ids ...string) (b book) {
		for i, id := range ids {
			for _, d := range []device{{bob, "phone"}, {alice, "laptop"}, {alice, "phone"}} {
				b = append(b, shown(d.user, d.name, id, bob, int64(i+1)))
			}
		}
		return b
	}
	both := slices.Concat(when(0, joined()...), when(1, later("a", 5)...), when(2, later("b", 9)...))
	pause := slices.Concat(when(4, broken("route-pause", "r")), when(13.5, healed("route-pause", "r")))
	short := slices.Concat(when(4, broken("route-pause", "r")), when(9, healed("route-pause", "r")))
	for name, test := range map[string]struct {
		book book
		want string
	}{
		"in order":          {when(11.5, show("a", "b")...), ""},
		"swapped":           {when(11.5, show("b", "a")...), "delayed order"},
		"while one stood":   {slices.Concat(pause, when(14, show("b", "a")...)), ""},
		"shorter than that": {slices.Concat(short, when(11.5, show("b", "a")...)), "delayed order"},
	} {
		t.Run(name, func(t *testing.T) {
			v := judged(both, test.book)
			delete(v.Kinds, "late")
			expect(t, v, test.want)
		})
	}
	// Both were due within the time that scheduling took.
	near := slices.Concat(when(0, joined()...), when(1, later("a", 5)[0]), when(1.1, later("b", 5)[0]), when(2, told(Accepted, "a"), told(Accepted, "b")), when(7.1, show("b", "a")...))
	expect(t, judged(near), "")
}

func TestMessageStandsBehindItsSendersJoining(t *testing.T) {
	const group = 77
	asked := func(kind Kind, change string) Record {
		return Record{Kind: kind, User: alice, Group: group, Change: change}
	}
	turn := func(change string, number int64) (b book) {
		for _, device := range []string{"phone", "laptop"} {
			b = append(b, Record{Kind: Shown, User: alice, Device: device, ID: change, From: alice, Group: group, Change: change, At: &Place{Log: group, Epoch: "e", Number: number}})
		}
		return b
	}
	message := func(number int64) book {
		m := Record{Kind: Sent, User: alice, Device: "phone", Process: 1, ID: "a", Group: group, Text: text("a")}
		ok, show := told(Accepted, "a"), m
		ok.At = &Place{Log: group, Epoch: "e", Number: number}
		show.Kind, show.From, show.Device, show.At = Shown, alice, "laptop", ok.At
		return book{m, ok, show}
	}
	joins := when(1, asked(Asked, Join), asked(Done, Join))
	for name, test := range map[string]struct {
		book book
		want string
	}{
		"behind": {slices.Concat(joins, when(2, turn(Join, 3)...), when(3, message(4)...)), ""},
		"before": {slices.Concat(joins, when(3, message(2)...), when(4, turn(Join, 3)...)), "joining order"},
		"before the leaving": {slices.Concat(joins, when(2, turn(Join, 3)...), when(3, message(4)...),
			when(5, asked(Asked, Leave), asked(Done, Leave)), when(6, turn(Leave, 5)...)), ""},
		"behind the leaving": {slices.Concat(joins, when(2, turn(Join, 3)...), when(3, message(6)...),
			when(5, asked(Asked, Leave), asked(Done, Leave)), when(6, turn(Leave, 5)...)), "joining order"},
		"lost, and then the leaving": {slices.Concat(joins, when(2, turn(Join, 3)...), when(3, message(6)...),
			when(4, Record{Kind: Broken, Fault: "store-older", Restored: true, Tail: 1_500_000}),
			when(5, asked(Asked, Leave), asked(Done, Leave)), when(6, turn(Leave, 5)...)), ""},
		"set back, but not so far": {slices.Concat(joins, when(2, turn(Join, 3)...), when(3, message(6)...),
			when(4, Record{Kind: Broken, Fault: "store-older", Restored: true, Tail: 500_000}),
			when(5, asked(Asked, Leave), asked(Done, Leave)), when(6, turn(Leave, 5)...)), "joining order"},
	} {
		t.Run(name, func(t *testing.T) {
			v := judged(when(0, joined()...), test.book)
			for _, kind := range []string{"log order", "stranger", "lost"} { // follow from the same fault
				if test.want != "" {
					delete(v.Kinds, kind)
				}
			}
			expect(t, v, test.want)
		})
	}
}

// Every shown message stands in a log, whatever answer its sender got. It may be
// missing only where logs are short and trimmed.
func TestWhatWasShownStandsInALog(t *testing.T) {
	stands := func(user int64, id string, number int64) Record {
		return Record{Kind: Stands, User: user, ID: id, From: alice, To: bob, At: &Place{Epoch: "e", Number: number}}
	}
	unknown := when(1, sent("a", bob), told(Unknown, "a"), shown(bob, "phone", "a", bob, 1), sent("b", bob), told(Accepted, "b"),
		shown(bob, "phone", "b", bob, 2), shown(alice, "laptop", "b", bob, 1))
	both := when(1001, stands(bob, "a", 1), stands(bob, "b", 2), stands(alice, "b", 1))
	gone := both.without(0)
	accepted := both.without(1)
	run := func(keep int, audit book, more ...Record) Verdict {
		start := when(0, joined()...)
		start[0].Keep = keep
		j := NewJudge()
		for _, r := range slices.Concat(start, unknown, when(2, more...), when(1000, Record{Kind: Quiet}), audit) {
			j.Hear(r)
		}
		return j.Verdict()
	}
	expect(t, run(0, both), "")
	expect(t, run(0, gone), "nowhere")
	expect(t, run(0, accepted), "nowhere")
	expect(t, run(2, gone), "nowhere")
	expect(t, run(1, gone), "")
	expect(t, run(0, gone, Record{Kind: Broken, Fault: "store-empty", Empty: true}), "")
	expect(t, run(0, nil), "") // no log was read
}

func TestTrimmedTellsTheTruth(t *testing.T) {
	told := Record{Kind: Trimmed, User: bob, Device: "phone", First: 1, At: &Place{Number: 2}}
	stands := Record{Kind: Stands, User: bob, ID: "a", From: alice, To: bob, At: &Place{Epoch: "e", Number: 2}}
	beyond := stands
	beyond.At = &Place{Epoch: "e", Number: 3}
	send := when(1, sent("a", bob), when(1, Record{Kind: Unknown, User: alice, Device: "phone", ID: "a"})[0])
	for name, test := range map[string]struct {
		keep int
		book book
		want string
	}{
		"a log with room":     {0, slices.Concat(when(2, told), when(3, beyond)), "trimmed"},
		"a full log":          {1, slices.Concat(when(2, told), when(3, beyond)), ""},
		"what stands":         {1, slices.Concat(when(2, told), when(3, stands)), "trimmed"},
		"of a store set back": {0, slices.Concat(when(1.5, Record{Kind: Broken, Fault: "store-older", Restored: true, Tail: 1}), when(2, told)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			start := when(0, joined()...)
			start[0].Keep = test.keep
			expect(t, judged(start, send, test.book), test.want)
		})
	}
}

func TestProcessesThatHoldTooMuchAreSeen(t *testing.T) {
	holds := func(goroutines int, memory int64) Record {
		return Record{Kind: Process, Held: &Held{Name: "node-1", Goroutines: goroutines, Memory: memory}}
	}
	start := when(0, joined()...)
	expect(t, judged(start, when(1, holds(100, 20<<20))), "")
	expect(t, judged(start, when(1, holds(4000, 20<<20))), "goroutines")
	expect(t, judged(start, when(1, holds(100, 900<<20))), "memory")
}

// A store that comes back older or empty loses what it was told, whatever accepted
// means, and nothing that was accepted afterwards.
func TestLossOfTheStoreIsAnnounced(t *testing.T) {
	empty := Record{Kind: Broken, Fault: "store-empty", Empty: true}
	older := Record{Kind: Broken, Fault: "store-older", Restored: true, Tail: 5_000_000}
	send := when(10, sent("a", bob), told(Accepted, "a"))
	for name, test := range map[string]struct {
		book book
		lost int
		want string
	}{
		"empty, sent before":     {slices.Concat(send, when(100, empty)), 1, ""},
		"empty, sent after":      {slices.Concat(when(5, empty), send), 0, "lost"},
		"older, just before":     {slices.Concat(send, when(13, older)), 1, ""},
		"older, long before":     {slices.Concat(send, when(100, older)), 0, "lost"},
		"older, sent afterwards": {slices.Concat(when(5, older), send), 0, "lost"},
	} {
		t.Run(name, func(t *testing.T) {
			start := when(0, joined()...)
			start[0].Ack = AckReplica
			v := judged(start, test.book)
			if expect(t, v, test.want); v.LostWithPrimary != test.lost {
				t.Errorf("%d are lost with the store", v.LostWithPrimary)
			}
		})
	}
}

func TestStoreHasOneSessionForEachConnection(t *testing.T) {
	start := when(0, append(joined(), connected(bob, "phone", "node-1"), Record{Kind: Away, User: carol, Device: "phone"})...)
	session := func(user int64, device, node string) Record {
		return Record{Kind: Session, User: user, Device: device, Node: node}
	}
	all := []Record{session(alice, "phone", ""), session(alice, "laptop", ""), session(bob, "phone", "node-1")}
	logout := Record{Kind: LoggedOut, User: alice, Device: "kiosk"}
	for name, test := range map[string]struct {
		book book
		want string
	}{
		"one each":             {when(1001, all...), ""},
		"nobody looked":        {nil, ""},
		"none":                 {when(1001, all[:2]...), "no session"},
		"of one who is away":   {when(1001, append(all, session(carol, "phone", "node-1"))...), "ghost"},
		"at another node":      {when(1001, append(all[:2:2], session(bob, "phone", "node-2"))...), "ghost"},
		"before it moved":      {append(when(1001, all...), when(1002, connected(bob, "phone", "node-2"))...), ""},
		"two":                  {when(1001, append(all, all[0])...), "ghost"},
		"after a logout":       {when(1001, append([]Record{logout, session(alice, "kiosk", "node-1")}, all...)...), "ghost"},
		"of a device not here": {when(1001, append(all, session(alice, "kiosk", "node-1"))...), ""},
	} {
		t.Run(name, func(t *testing.T) {
			j := NewJudge()
			for _, r := range slices.Concat(start, when(1000, Record{Kind: Quiet}), test.book) {
				j.Hear(r)
			}
			expect(t, j.Verdict(), test.want)
		})
	}
}

func TestDelayedMessageThatWaitsForEverIsSeen(t *testing.T) {
	m := sent("a", bob)
	m.Delay = 5_000_000
	waits := Record{Kind: Waits, User: alice, ID: "a"}
	taken := when(1, m, told(Accepted, "a"), told(TakesBack, "a")) // it may be sent or not
	for seconds, want := range map[float64]string{15: "", 60: "left over"} {
		expect(t, judged(when(0, joined()...), taken, when(seconds, waits)), want)
	}
	late := slices.Concat(when(1, m), when(50, told(Accepted, "a"), told(TakesBack, "a")))
	for seconds, want := range map[float64]string{60: "", 80: "left over"} {
		expect(t, judged(when(0, joined()...), late, when(seconds, waits)), want)
	}
	unknown := when(1, m, told(Unknown, "a"))
	expect(t, judged(when(0, joined()...), unknown, when(60, waits)), "left over")
}

// A store that had lost the sender or the group refuses messages that it may have
// stored and shown before. They do not stand in a log in the end.
func TestRefusedAfterALossMayHaveBeenShown(t *testing.T) {
	empty := Record{Kind: Broken, Fault: "store-empty", Empty: true}
	try := when(1, sent("a", bob), shown(bob, "phone", "a", bob, 1), shown(alice, "laptop", "a", bob, 1))
	refused := when(3, told(Refused, "a"))
	stands := when(4, Record{Kind: Stands, User: bob, ID: "a", From: alice, To: bob, At: &Place{Epoch: "e", Number: 1}})
	start := when(0, joined()...)
	expect(t, judged(start, try, when(2, empty), refused), "")
	expect(t, judged(start, try, when(2, empty), refused, stands), "refused")
	expect(t, judged(start, try, refused), "refused")
	expect(t, judged(start, when(0.5, empty), try, refused), "refused")
}
