package ledger

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Users of the tests: alice has two devices, bob and carol one each.
const (
	alice int64 = iota + 1
	bob
	carol
)

// book is a ledger in the making.
type book []Record

func joined() book {
	return book{
		{Kind: Begun, Note: "test"},
		{Kind: Joined, User: alice, Device: "phone"}, {Kind: Joined, User: alice, Device: "laptop"},
		{Kind: Joined, User: bob, Device: "phone"}, {Kind: Joined, User: carol, Device: "phone"},
	}
}

func text(id string) string { return "text of " + id }

func sent(id string, to int64) Record {
	r := Record{Kind: Sent, User: alice, Device: "phone", Process: 1, ID: id, To: to, Text: text(id)}
	if to == 0 {
		r.Group = Everyone
	}
	return r
}

func told(kind Kind, id string) Record {
	return Record{Kind: kind, User: alice, Device: "phone", ID: id}
}

func shown(user int64, device, id string, to, number int64) Record {
	r := sent(id, to)
	r.Kind, r.From, r.User, r.Device = Shown, alice, user, device
	r.At = &Place{Log: r.Group, Epoch: "e", Number: number}
	return r
}

// good has three private messages of alice to bob, a, b and c, and one to
// everyone, d, all accepted and shown as promised.
func good() book {
	b := joined()
	private := []string{"a", "b", "c"}
	for _, id := range private {
		b = append(b, sent(id, bob), told(Accepted, id))
	}
	b = append(b, sent("d", 0), told(Accepted, "d"))
	for i, id := range private {
		n := int64(i + 1)
		b = append(b, shown(bob, "phone", id, bob, n), shown(alice, "laptop", id, bob, 10+n))
	}
	b = append(b, shown(bob, "phone", "d", 0, 1), shown(carol, "phone", "d", 0, 1), shown(alice, "laptop", "d", 0, 1))
	return append(b, Record{Kind: Quiet})
}

// judge hears a book, a record each microsecond.
func judge(b book) Verdict {
	j := NewJudge()
	for i, r := range b {
		r.Time = int64(i)
		j.Hear(r)
	}
	return settled(j)
}

// settled is the verdict when all is quiet in the end, long after.
func settled(j *Judge) Verdict {
	if j.quiet == 0 {
		j.Hear(Record{Kind: Quiet, Time: j.verdict.Lasted + time.Hour.Microseconds()})
	}
	return j.Verdict()
}

// find returns where the record is that shows id to the user's device.
func (b book) find(user int64, device, id string) int {
	return slices.IndexFunc(b, func(r Record) bool {
		return r.Kind == Shown && r.User == user && r.Device == device && r.ID == id
	})
}

func (b book) with(records ...Record) book { return append(slices.Clone(b), records...) }

func (b book) without(i int) book { return slices.Delete(slices.Clone(b), i, i+1) }

// swapped changes what is shown at two places.
func (b book) swapped(i, k int) book {
	b = slices.Clone(b)
	b[i].ID, b[k].ID = b[k].ID, b[i].ID
	b[i].Text, b[k].Text = b[k].Text, b[i].Text
	return b
}

func TestGoodLedgerPasses(t *testing.T) {
	v := judge(good())
	if v.Violations() != 0 || v.Sent != 4 || v.Accepted != 4 || v.Shown != 9 || v.Devices != 4 || v.Users != 3 {
		t.Errorf("%+v", v)
	}
}

// Every way in which the promise can be broken is seen, and called by its name.
func TestEachViolationIsSeen(t *testing.T) {
	g := good()
	changed := func(i int, change func(*Record)) book {
		b := slices.Clone(g)
		change(&b[i])
		return b
	}
	toBob := g.find(bob, "phone", "b")
	tests := map[string]struct {
		book book
		want string
	}{
		"a loss":                                 {g.without(toBob), "lost"},
		"a loss of one of everyone":              {g.without(g.find(carol, "phone", "d")), "lost"},
		"a loss of the sender's own copy":        {g.without(g.find(alice, "laptop", "c")), "lost"},
		"a double":                               {g.with(shown(bob, "phone", "b", bob, 9)), "twice"},
		"a double of one of everyone":            {g.with(shown(carol, "phone", "d", 0, 2)), "twice"},
		"a swap":                                 {g.swapped(toBob, g.find(bob, "phone", "c")), "sender order"},
		"a swap against the log":                 {changed(toBob, func(r *Record) { r.At = &Place{Epoch: "e", Number: 0} }), "log order"},
		"a foreigner":                            {g.with(shown(carol, "phone", "b", bob, 1)), "stranger"},
		"one who never joined":                   {g.with(shown(carol, "tablet", "d", 0, 1)), "stranger"},
		"an invention":                           {g.with(shown(bob, "phone", "x", bob, 9)), "invented"},
		"another text":                           {changed(toBob, func(r *Record) { r.Text = "other" }), "invented"},
		"another receiver":                       {changed(toBob, func(r *Record) { r.To = carol }), "invented"},
		"an answer to nothing":                   {g.with(told(Accepted, "x")), "invented"},
		"another place of one log":               {changed(g.find(carol, "phone", "d"), func(r *Record) { r.At = &Place{Log: Everyone, Epoch: "e", Number: 2} }), "disagree"},
		"another log":                            {changed(toBob, func(r *Record) { r.At = &Place{Log: Everyone, Epoch: "e", Number: 2} }), "disagree"},
		"a refused one that is shown":            {g.with(sent("e", bob), told(Refused, "e"), shown(bob, "phone", "e", bob, 9)), "refused"},
		"an own one in the process it is from":   {g.with(shown(alice, "phone", "b", bob, 1)), "echo"},
		"an unknown one that only some saw":      {g.with(sent("e", 0), told(Unknown, "e"), shown(bob, "phone", "e", 0, 9)), "disagree"},
		"an unknown one that is shown twice":     {g.with(sent("e", bob), told(Unknown, "e"), shown(bob, "phone", "e", bob, 9), shown(bob, "phone", "e", bob, 10)), "twice"},
		"an epoch that was left":                 {g.with(epochs("e1", "e2", "e1")...), "log order"},
		"a client that gave up":                  {g.with(Record{Kind: Stopped, User: bob, Device: "phone"}), "stopped"},
		"a send without an answer":               {g.with(sent("e", bob), Record{Kind: Quiet}), "stuck"},
		"accepted at last, behind what is later": {g.with(sent("e", bob), told(Unknown, "e"), sent("e", bob), told(Accepted, "e"), sent("f", bob), told(Accepted, "f"), shown(bob, "phone", "f", bob, 9), shown(bob, "phone", "e", bob, 10), shown(alice, "laptop", "e", bob, 20), shown(alice, "laptop", "f", bob, 21)), "sender order"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			v := judge(test.book)
			if v.Kinds[test.want] == 0 {
				t.Errorf("the judge says %v, not %q", v.Kinds, test.want)
			}
		})
	}
}

// A message that is stored twice and shown at both places is found in the end, unless the
// store lost its log since.
func TestMessageAtTwoPlacesOfALostLogMayHaveStoodThereTwice(t *testing.T) {
	g := good()
	there := slices.Clone(g)
	there[g.find(carol, "phone", "d")].At = &Place{Log: Everyone, Epoch: "e", Number: 2}
	pause := Record{Kind: Broken, Fault: "route-pause"}
	emptied := Record{Kind: Broken, Fault: "store-empty", Empty: true}
	inTheEnd := func(epoch string) book {
		return book{{Kind: Quiet}, {Kind: Stands, Group: Everyone, From: alice, ID: "d", At: &Place{Log: Everyone, Epoch: epoch, Number: 1}}}
	}
	for name, test := range map[string]struct {
		book book
		want bool
	}{
		"the log is there":         {slices.Concat(book{pause}, there, inTheEnd("e")), true},
		"the log was lost":         {slices.Concat(book{pause}, there, book{emptied}, inTheEnd("f")), false},
		"and nobody came back":     {slices.Concat(book{pause}, there, book{emptied, {Kind: Quiet}}), false},
		"nothing could hold it up": {slices.Concat(there, book{emptied}, inTheEnd("f")), true},
	} {
		if v := judge(test.book); (v.Kinds["disagree"] > 0) != test.want {
			t.Errorf("%s: %v, want disagree: %v", name, v.Kinds, test.want)
		}
	}
}

// epochs shows carol a message in each of the epochs.
func epochs(names ...string) book {
	var b book
	for i, name := range names {
		id := fmt.Sprint("x", i)
		r := shown(carol, "phone", id, carol, int64(i+1))
		r.At.Epoch = name
		b = append(b, sent(id, carol), told(Accepted, id), r)
	}
	return b
}

// Showings that are not promised are no violation.
func TestWhatIsNotPromisedPasses(t *testing.T) {
	g := good()
	tests := map[string]book{
		"unknown and shown to nobody": g.with(sent("e", bob), told(Unknown, "e")),
		"unknown and shown to all": g.with(sent("e", bob), told(Unknown, "e"),
			shown(bob, "phone", "e", bob, 9), shown(alice, "laptop", "e", bob, 20)),
		"unknown and in the receiver's log alone": g.with(sent("e", bob), told(Unknown, "e"), shown(bob, "phone", "e", bob, 9)),
		"unknown and shown to its sender": g.with(sent("e", bob), told(Unknown, "e"),
			shown(bob, "phone", "e", bob, 9), shown(alice, "laptop", "e", bob, 20), shown(alice, "phone", "e", bob, 20)),
		"unknown and out of turn": g.with(sent("e", bob), told(Unknown, "e"), sent("f", bob), told(Accepted, "f"),
			shown(bob, "phone", "f", bob, 9), shown(bob, "phone", "e", bob, 10),
			shown(alice, "laptop", "f", bob, 20), shown(alice, "laptop", "e", bob, 21)),
		"sent again behind what was sent meanwhile": g.with(sent("e", bob), told(Unknown, "e"), sent("f", bob), told(Accepted, "f"),
			sent("e", bob), told(Accepted, "e"), shown(bob, "phone", "f", bob, 9), shown(bob, "phone", "e", bob, 10),
			shown(alice, "laptop", "f", bob, 20), shown(alice, "laptop", "e", bob, 21)),
		"shown before its sender is told": g.with(sent("e", bob), shown(bob, "phone", "e", bob, 9),
			shown(alice, "laptop", "e", bob, 20), told(Accepted, "e")),
		"an own one, in the next process": g.with(func() Record {
			r := shown(alice, "phone", "c", bob, 13)
			r.Process = 2
			return r
		}()),
		"a newcomer who is not shown what was before": g.with(Record{Kind: Joined, User: carol, Device: "laptop"}),
	}
	for name, b := range tests {
		t.Run(name, func(t *testing.T) {
			if v := judge(b); v.Violations() != 0 {
				t.Error(v.Examples)
			}
		})
	}
}

// A ledger that keeps the promise passes, for any messages and any order in which
// devices are shown their logs. If one record is removed, repeated or swapped with its
// neighbour, the ledger fails.
func TestAnyLossDoubleOrSwapIsSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := keptPromise(t)
		if v := judge(b); v.Violations() != 0 {
			t.Fatalf("%v: %v", v.Kinds, v.Examples)
		}
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
		if v := judge(b.without(i)); v.Kinds["lost"] != 1 {
			t.Errorf("one loss: %v", v.Kinds)
		}
		if v := judge(b.with(b[i])); v.Kinds["twice"] != 1 {
			t.Errorf("one double: %v", v.Kinds)
		}
		for _, k := range showings {
			if k > i && b[k].User == b[i].User && b[k].Device == b[i].Device && b[k].Group == b[i].Group {
				if v := judge(b.swapped(i, k)); v.Violations() == 0 && b[k].To == b[i].To {
					t.Errorf("a swap of %s and %s passed", b[i].ID, b[k].ID)
				}
				break
			}
		}
	})
}

// keptPromise is a run in which alice sends and everything goes well.
func keptPromise(t *rapid.T) book {
	b := joined()
	type reading struct {
		user   int64
		device string
	}
	owed := map[reading][]Record{}
	logs := map[Place]int64{} // numbers given so far, by owner in Number
	owe := func(user int64, device, id string, to int64) {
		owed[reading{user, device}] = append(owed[reading{user, device}], shown(user, device, id, to, 0))
	}
	for i := range rapid.IntRange(1, 12).Draw(t, "messages") {
		id := fmt.Sprint("m", i)
		to := rapid.SampledFrom([]int64{0, bob, carol}).Draw(t, "to")
		b = append(b, sent(id, to), told(Accepted, id))
		owe(alice, "laptop", id, to)
		if to != carol {
			owe(bob, "phone", id, to)
		}
		if to != bob {
			owe(carol, "phone", id, to)
		}
	}
	readings := slices.SortedFunc(maps.Keys(owed), func(a, b reading) int { return int(a.user - b.user) })
	for len(readings) > 0 {
		i := rapid.IntRange(0, len(readings)-1).Draw(t, "who")
		r := owed[readings[i]][0]
		log := Place{Log: r.Group, Epoch: r.Device, Number: r.User}
		logs[log]++
		r.At = &Place{Log: r.Group, Epoch: "e", Number: logs[log]}
		b = append(b, r)
		if owed[readings[i]] = owed[readings[i]][1:]; len(owed[readings[i]]) == 0 {
			readings = slices.Delete(readings, i, i+1)
		}
	}
	return b
}

func TestLedgerReadsAsItWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.jsonl")
	var heard book
	w, err := Create(path, func(r Record) { heard = append(heard, r) })
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range good() {
		w.Write(r)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var read book
	if err := Read(file, func(r Record) { read = append(read, r) }); err != nil {
		t.Fatal(err)
	}
	if a, b := fmt.Sprint(judge(heard)), fmt.Sprint(judge(read)); len(read) != len(good()) || a != b {
		t.Errorf("heard %s\nread  %s", a, b)
	}
}

func TestDamagedLedgerIsToldByItsLine(t *testing.T) {
	for damaged, want := range map[string]string{
		"":                        "empty",
		"{\"kind\":\"begun\"}\nx": "line 2",
		"{\"kind\":1}":            "line 1",
	} {
		err := Read(strings.NewReader(damaged), func(Record) {})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", damaged, err)
		}
	}
}
