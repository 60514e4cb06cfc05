package ledger

import (
	"slices"
	"testing"
)

// withCIM has a CIM client of bob's, too.
func withCIM() book {
	return append(joined(), Record{Kind: Joined, User: bob, Device: "cim", CIM: true})
}

func toCIM(connection int, id string) Record {
	return Record{Kind: Shown, User: bob, Device: "cim", Process: connection, From: alice, Text: text(id)}
}

// elsewhere are private messages of alice's to bob, shown to all but the CIM client;
// everyoneIs is one to everyone.
func elsewhere(ids ...string) (b book) {
	for i, id := range ids {
		n := int64(i + 1)
		b = append(b, sent(id, bob), told(Accepted, id), shown(bob, "phone", id, bob, n), shown(alice, "laptop", id, bob, 10+n))
	}
	return b
}

func everyoneIs(id string, number int64) book {
	b := book{sent(id, 0), told(Accepted, id)}
	for _, d := range []device{{bob, "phone"}, {carol, "phone"}, {alice, "laptop"}} {
		b = append(b, shown(d.user, d.name, id, 0, number))
	}
	return b
}

// inBobs has the messages in bob's inbox, at the numbers.
func inBobs(id string, numbers ...int64) (b book) {
	for _, n := range numbers {
		b = append(b, Record{Kind: Stands, User: bob, From: alice, ID: id, To: bob, At: &Place{Epoch: "e", Number: n}})
	}
	return b
}

// A CIM client is shown everything at least once, in the order of its logs, and again
// only on another connection.
func TestCIMClientIsShownAllInOrderAndAgainOnlyBehindAReconnect(t *testing.T) {
	ab := slices.Concat(withCIM(), elsewhere("a", "b"))
	emptied := Record{Kind: Broken, Fault: "store-empty", Empty: true}
	for name, test := range map[string]struct {
		book book
		want string
	}{
		"all, once":                          {ab.with(toCIM(1, "a"), toCIM(1, "b")), ""},
		"again from the cursor on":           {ab.with(toCIM(1, "a"), toCIM(1, "b"), toCIM(2, "a"), toCIM(2, "b")), ""},
		"from the cursor on, and one behind": {ab.with(toCIM(1, "a"), toCIM(2, "a"), toCIM(2, "b")), ""},
		"one is missing":                     {ab.with(toCIM(1, "a")), "lost"},
		"a cursor that passed one over":      {ab.with(toCIM(1, "b"), toCIM(2, "b")), "lost"},
		"one of everyone is missing":         {slices.Concat(withCIM(), everyoneIs("d", 1)), "lost"},
		"one of everyone, behind a loss":     {slices.Concat(withCIM(), book{emptied}, everyoneIs("d", 1)), "lost"},
		"one of everyone":                    {slices.Concat(withCIM(), everyoneIs("d", 1)).with(toCIM(1, "d")), ""},
		"again on one connection":            {ab.with(toCIM(1, "a"), toCIM(1, "b"), toCIM(1, "b")), "twice"},
		"the other way round": {slices.Concat(withCIM(), book{sent("a", bob), told(Unknown, "a"), shown(bob, "phone", "a", bob, 1), shown(alice, "laptop", "a", bob, 1),
			sent("b", bob), told(Accepted, "b"), shown(bob, "phone", "b", bob, 2), shown(alice, "laptop", "b", bob, 2), toCIM(1, "b"), toCIM(1, "a")}), "log order"},
		"against its sender's order":       {ab.with(toCIM(1, "b"), toCIM(2, "a")), "sender order"},
		"the first behind the last, again": {ab.with(toCIM(1, "a"), toCIM(1, "b"), toCIM(2, "b"), toCIM(2, "a")), "log order"},
		"logs have no order among them":    {slices.Concat(ab, everyoneIs("d", 1)).with(toCIM(1, "d"), toCIM(1, "a"), toCIM(1, "b")), ""},
		"an invention":                     {ab.with(toCIM(1, "a"), toCIM(1, "b"), toCIM(1, "x")), "invented"},
		"one that is carol's": {slices.Concat(withCIM(), book{sent("a", carol), told(Accepted, "a"), shown(carol, "phone", "a", carol, 1),
			shown(alice, "laptop", "a", carol, 1), toCIM(1, "a")}), "stranger"},
		"a refused one":                  {ab.with(toCIM(1, "a"), toCIM(1, "b"), sent("e", bob), told(Refused, "e"), toCIM(1, "e")), "refused"},
		"an unknown one that others saw": {slices.Concat(withCIM(), book{sent("a", bob), told(Unknown, "a"), shown(bob, "phone", "a", bob, 1)}), "disagree"},
		"what was sent before it joined": {slices.Concat(joined(), elsewhere("a"), withCIM()[5:]), ""},
		"stands twice, is shown twice": {slices.Concat(withCIM(), book{sent("a", bob), told(Unknown, "a"), sent("a", bob), told(Accepted, "a"),
			shown(bob, "phone", "a", bob, 1), shown(alice, "laptop", "a", bob, 1), toCIM(1, "a"), toCIM(1, "a")}, inBobs("a", 1, 2)), ""},
		"stands once, is shown twice": {slices.Concat(withCIM(), book{sent("a", bob), told(Unknown, "a"), sent("a", bob), told(Accepted, "a"),
			shown(bob, "phone", "a", bob, 1), shown(alice, "laptop", "a", bob, 1), toCIM(1, "a"), toCIM(1, "a")}, inBobs("a", 1)), "twice"},
		"stood twice, which nobody looked up": {slices.Concat(book{{Kind: Broken, Fault: "repeat-proxy"}}, ab).with(toCIM(1, "a"), toCIM(1, "a"), toCIM(1, "b")), ""},
		"stood twice, which the store lost": {slices.Concat(book{{Kind: Broken, Fault: "repeat-proxy"}}, ab).with(toCIM(1, "a"), toCIM(1, "a"), toCIM(1, "b"), emptied,
			Record{Kind: Stands, User: bob, From: alice, ID: "b", To: bob, At: &Place{Epoch: "e", Number: 2}}), ""},
		"a log that began anew": {ab.with(toCIM(1, "a"), toCIM(1, "b"), emptied, toCIM(1, "a"), toCIM(1, "b")), ""},
	} {
		t.Run(name, func(t *testing.T) { expect(t, judge(test.book), test.want) })
	}
}

// A CIM client's message has no id before it is shown. That is its own from then on.
// Another one is another message, which only something on the way can have made.
func TestWhatACIMClientSendsIsKnownByItsText(t *testing.T) {
	says := Record{Kind: Sent, User: bob, Device: "cim", ID: "cim-1", To: carol, Text: "hi"}
	accepted := Record{Kind: Accepted, User: bob, Device: "cim", ID: "cim-1"}
	unknown := Record{Kind: Unknown, User: bob, Device: "cim", ID: "cim-1"}
	show := func(user int64, id, text string, number int64) Record {
		return Record{Kind: Shown, User: user, Device: "phone", From: bob, To: carol, ID: id, Text: text, At: &Place{Epoch: "e", Number: number}}
	}
	both := func(id string, number int64) book {
		return book{show(bob, id, "hi", number), show(carol, id, "hi", number)}
	}
	repeater := Record{Kind: Broken, Fault: "repeat-proxy"}
	for name, test := range map[string]struct {
		book book
		want string
	}{
		"shown to both sides":            {slices.Concat(book{says, accepted}, both("R1", 1)), ""},
		"not shown to its user's phone":  {book{says, accepted, show(carol, "R1", "hi", 1)}, "lost"},
		"shown to nobody":                {book{says, accepted}, "lost"},
		"never answered, shown to both":  {slices.Concat(book{says, unknown}, both("R1", 1)), ""},
		"another text":                   {book{says, unknown, show(carol, "R1", "ho", 1)}, "invented"},
		"repeated by a proxy":            {slices.Concat(book{repeater, says, accepted}, both("R1", 1), both("R2", 2)), ""},
		"repeated by nobody":             {slices.Concat(book{says, accepted}, both("R1", 1), both("R2", 2)), "doubled"},
		"a repetition that one was told": {slices.Concat(book{repeater, says, accepted}, both("R1", 1), both("R2", 2)[1:]), ""},
		"its first try lacks a copy":     {slices.Concat(book{repeater, says, accepted, show(carol, "R1", "hi", 1), show(bob, "R2", "hi", 1), show(carol, "R2", "hi", 2)}), ""},
		"both tries lack one":            {book{repeater, says, accepted, show(carol, "R1", "hi", 1), show(bob, "R2", "hi", 1)}, "lost"},
		"all tries lack the same":        {book{repeater, says, accepted, show(carol, "R1", "hi", 1), show(carol, "R2", "hi", 2)}, "lost"},
		"shown twice under one id":       {slices.Concat(book{says, accepted}, both("R1", 1), both("R1", 2)[1:]), "twice"},
		"shown to its own connection": {slices.Concat(book{says, accepted}, both("R1", 1),
			book{{Kind: Shown, User: bob, Device: "cim", Process: 1, From: bob, Text: "hi"}}), "echo"},
	} {
		t.Run(name, func(t *testing.T) { expect(t, judge(slices.Concat(withCIM(), test.book)), test.want) })
	}
}

// A CIM client is not shown again what it is known to have read. An orderly end proves
// everything, and an answered ping what came two seconds before. Faults that may keep
// its node from reporting to the store excuse that.
func TestCIMClientIsNotShownAgainWhatItRead(t *testing.T) {
	client := func(kind Kind, connection int) Record {
		return Record{Kind: kind, User: bob, Device: "cim", Process: connection, Node: "node-1"}
	}
	lasting := func(seconds float64, r Record) Record {
		r.Lasted = int64(seconds * 1e6)
		return r
	}
	ended, pinged := client(Ended, 1), lasting(0.1, client(Pinged, 1))
	before := slices.Concat(withCIM(), when(1, client(Back, 1)), when(20, elsewhere("a", "b")...), when(20, toCIM(1, "a"), toCIM(1, "b")))
	again := slices.Concat(when(44, client(Back, 2)), when(45, toCIM(2, "a"), toCIM(2, "b")), inBobs("a", 1), inBobs("b", 2))
	// end is a connection that ends at second 40, as the records say.
	end := func(parts ...book) book {
		return slices.Concat(before, slices.Concat(parts...), when(40, client(Away, 1)), again)
	}
	hit := func(fault, note string, from, to float64) book {
		return slices.Concat(when(from, broken(fault, note)), when(to, healed(fault, note)))
	}
	emptied := Record{Kind: Broken, Fault: "store-empty", Empty: true, Over: true}
	failedOver := Record{Kind: Broken, Fault: "redis-failover", Tail: 1, Over: true}
	ofBob := broken("slow-reader", "slow")
	ofBob.User, ofBob.Device = bob, "cim"
	flap := Record{Kind: Broken, Fault: "client-flap", Note: "torn", User: bob, Device: "cim", Over: true}
	ofCarol := ofBob
	ofCarol.User = carol
	for name, test := range map[string]struct {
		book book
		want string
	}{
		"nobody knows how it ended":                {end(), ""},
		"it ended in order":                        {end(when(40, ended)), "twice"},
		"a ping was answered":                      {end(when(30, pinged)), "twice"},
		"at once":                                  {end(when(24, pinged)), ""},
		"and the connection ended":                 {end(when(38, pinged)), ""},
		"after a moment that nobody saw":           {end(when(26, lasting(4, Record{Kind: Stalled}), pinged)), ""},
		"on the next connection":                   {slices.Concat(end(), when(60, lasting(0.1, client(Pinged, 2)))), ""},
		"an end of the next connection":            {slices.Concat(end(), when(60, client(Ended, 2), client(Away, 2)), when(70, client(Back, 3))), ""},
		"and then shown again":                     {slices.Concat(end(), when(60, client(Ended, 2), client(Away, 2)), when(70, client(Back, 3), toCIM(3, "b"))), "twice"},
		"its node stood still":                     {end(hit("node-pause", "node-1 paused", 39, 41), when(40, ended)), ""},
		"another node stood still":                 {end(hit("node-pause", "node-2 paused", 39, 41), when(40, ended)), "twice"},
		"its node was drained":                     {end(hit("node-drain", "node-1 drained", 39, 41), when(40, ended)), "twice"},
		"its node was killed":                      {end(when(40, ended), hit("node-kill", "node-1 killed", 40.1, 41)), "twice"},
		"the store stood still":                    {end(hit("store-pause", "paused", 39, 41), when(40, ended)), ""},
		"and went on long before":                  {end(hit("store-pause", "paused", 21, 31), when(40, ended)), "twice"},
		"and went on just before":                  {end(hit("store-pause", "paused", 34, 36), when(40, ended)), ""},
		"a route died before":                      {end(hit("route-kill", "route-1 killed", 34, 36), when(40, ended)), "twice"},
		"a route, at the ping":                     {end(hit("route-kill", "route-1 killed", 30.5, 31), when(30, pinged)), ""},
		"a route, long after the ping":             {end(when(30, pinged), hit("route-kill", "route-1 killed", 38, 39)), "twice"},
		"it read slowly":                           {end(when(38, ofBob), when(39, healed("slow-reader", "slow")), when(40, ended)), ""},
		"another client read slowly":               {end(when(38, ofCarol), when(39, healed("slow-reader", "slow")), when(40, ended)), "twice"},
		"killed while it read":                     {slices.Concat(end(), hit("node-kill", "node-1 killed", 40, 42)), "twice"},
		"killed while it read, at once":            {slices.Concat(end(), hit("node-kill", "node-1 killed", 24.5, 26)), ""},
		"another node was killed":                  {slices.Concat(end(), hit("node-kill", "node-2 killed", 40, 42)), ""},
		"killed, and the store stood still before": {slices.Concat(end(), hit("store-pause", "paused", 30, 36), hit("node-kill", "node-1 killed", 40, 42)), ""},
		"killed, and the store stood still after":  {slices.Concat(end(), hit("node-kill", "node-1 killed", 40, 42), hit("store-pause", "paused", 41, 43)), ""},
		"killed, and back at that moment":          {slices.Concat(end(), hit("node-kill", "node-1 killed", 40, 44.5)), ""},
		"killed, and the client was cut before":    {slices.Concat(when(39, flap), end(), hit("node-kill", "node-1 killed", 40, 42)), ""},
		"killed after it read slowly":              {slices.Concat(when(34, ofBob), when(35, healed("slow-reader", "slow")), end(), hit("node-kill", "node-1 killed", 40, 42)), ""},
		"the store lost everything":                {end(when(40, ended), when(43, emptied)), ""},
		"a primary with a replica's word":          {append(book{{Kind: Begun, Ack: AckReplica}}, end(when(40, ended), when(43.5, failedOver))...), ""},
	} {
		t.Run(name, func(t *testing.T) { expect(t, judged(test.book), test.want) })
	}
	v := judged(end(when(30, pinged), when(40, ended)))
	if v.CIMReconnects != 1 || v.CIMByPings != 1 || v.CIMByEnds != 1 {
		t.Errorf("of %d reconnects %d were judged by pings and %d by ends", v.CIMReconnects, v.CIMByPings, v.CIMByEnds)
	}
}
