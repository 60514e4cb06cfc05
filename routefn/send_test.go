package routefn

import (
	"slices"
	"strings"
	"testing"

	"github.com/cim-go/cim/proto"
)

func (w *world) send(token string, q proto.SendMessage) proto.SendReceipt {
	w.t.Helper()
	var answer proto.SendReceipt
	if code := w.post(proto.PathSend, token, q, &answer); code != proto.OK {
		w.t.Fatalf("send %+v: %v", q, code)
	}
	return answer
}

func (w *world) pull(token string, after proto.Position) proto.PulledMessages {
	w.t.Helper()
	var answer proto.PulledMessages
	if code := w.post(proto.PathPull, token, proto.PullMessages{After: after}, &answer); code != proto.OK {
		w.t.Fatalf("pull after %+v: %v", after, code)
	}
	return answer
}

func TestSentMessageIsPushedToReceiverAndOwnOtherDevices(t *testing.T) {
	w := newWorld(t, nil)
	phone, desk, bob := w.connect("alice", "phone"), w.connect("alice", "desk"), w.connect("bob", "phone")
	receipt := w.send(phone.Token, proto.SendMessage{ID: "m1", To: bob.User, Text: "hi"})
	w.flush()
	pushed := make(map[int64]*proto.PushItem)
	for _, n := range w.nodes {
		for _, item := range n.items() {
			for _, number := range item.Numbers {
				pushed[number] = item
			}
		}
	}
	if pushed[bob.Number] == nil || pushed[desk.Number] == nil || pushed[phone.Number] != nil {
		t.Fatalf("pushed %v, want to %d and %d and not to %d", pushed, bob.Number, desk.Number, phone.Number)
	}
	m, err := pushed[bob.Number].Stored.Message()
	if err != nil || m.Text != "hi" || m.From != phone.User || m.FromName != "alice" || m.To != bob.User || m.ID != "m1" {
		t.Fatalf("bob was pushed %+v, %v", m, err)
	}
	if own := pushed[desk.Number].Stored.At.Position(); own.Number != receipt.At.Number || own.Epoch != receipt.At.Epoch {
		t.Fatalf("own copy at %+v, receipt says %+v", own, receipt.At)
	}
	if receipt.At.Key != proto.Key(phone.User, "m1") || receipt.ID != "m1" || receipt.Time == 0 {
		t.Fatalf("receipt %+v", receipt)
	}
}

func TestRepeatedSendIsStoredOnceAndPushedAgain(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	q := proto.SendMessage{ID: "m1", To: bob.User, Text: "hi"}
	first, second := w.send(alice.Token, q), w.send(alice.Token, q)
	if first != second {
		t.Fatalf("receipts %+v and %+v differ", first, second)
	}
	w.flush()
	if got := w.pull(bob.Token, proto.Position{}).Messages; len(got) != 1 {
		t.Fatalf("bob has %d messages, want 1", len(got))
	}
	if items := bob.node.items(); len(items) != 2 {
		t.Fatalf("pushed %d times, want 2", len(items))
	}
}

func TestNoteToOneselfIsOneMessageForTheOtherDevices(t *testing.T) {
	w := newWorld(t, nil)
	phone, desk := w.connect("alice", "phone"), w.connect("alice", "desk")
	w.send(phone.Token, proto.SendMessage{ID: "m1", To: phone.User, Text: "milk"})
	w.flush()
	var numbers []int64
	for _, n := range w.nodes {
		for _, item := range n.items() {
			numbers = append(numbers, item.Numbers...)
		}
	}
	if len(numbers) != 1 || numbers[0] != desk.Number {
		t.Fatalf("pushed to %v, want the desk's %d only", numbers, desk.Number)
	}
	if got := w.pull(phone.Token, proto.Position{}).Messages; len(got) != 1 {
		t.Fatalf("%d messages in the inbox, want 1", len(got))
	}
}

func TestGroupMessageIsPushedOnceANode(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	for _, n := range w.nodes { // both nodes hold members
		user := w.register("carol of " + n.origin.Node)
		w.report(n, cimOpening(user, "carol of "+n.origin.Node))
	}
	w.send(alice.Token, proto.SendMessage{ID: "m1", Group: proto.Everyone, Text: "hello all"})
	w.flush()
	for id, n := range w.nodes {
		items := n.items()
		if len(items) != 1 || items[0].User != 0 || items[0].Stored.At.Log != proto.Everyone {
			t.Errorf("%s was pushed %v, want one item of the group", id, items)
		}
	}
}

func TestBadMessagesAreRefused(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.register("bob")
	flipped := []byte(alice.Token)
	flipped[len(flipped)/2] ^= 1
	for name, c := range map[string]struct {
		token string
		q     any
		want  proto.Code
	}{
		"no token":            {"", proto.SendMessage{ID: "1", To: bob, Text: "x"}, proto.Unauthorized},
		"flipped bit":         {string(flipped), proto.SendMessage{ID: "1", To: bob, Text: "x"}, proto.Unauthorized},
		"ticket for a token":  {alice.Ticket, proto.SendMessage{ID: "1", To: bob, Text: "x"}, proto.Unauthorized},
		"empty text":          {alice.Token, proto.SendMessage{ID: "1", To: bob}, proto.Invalid},
		"no id":               {alice.Token, proto.SendMessage{To: bob, Text: "x"}, proto.Invalid},
		"id with a line feed": {alice.Token, proto.SendMessage{ID: "1\n2", To: bob, Text: "x"}, proto.Invalid},
		"id too long":         {alice.Token, proto.SendMessage{ID: strings.Repeat("1", 65), To: bob, Text: "x"}, proto.Invalid},
		"no receiver":         {alice.Token, proto.SendMessage{ID: "1", Text: "x"}, proto.Invalid},
		"two receivers":       {alice.Token, proto.SendMessage{ID: "1", To: bob, Group: 1, Text: "x"}, proto.Invalid},
		"negative receiver":   {alice.Token, proto.SendMessage{ID: "1", To: -bob, Text: "x"}, proto.Invalid},
		"negative group":      {alice.Token, proto.SendMessage{ID: "1", Group: -1, Text: "x"}, proto.Invalid},
		"unknown receiver":    {alice.Token, proto.SendMessage{ID: "1", To: bob + 4711, Text: "x"}, proto.UnknownUser},
		"unknown group":       {alice.Token, proto.SendMessage{ID: "1", Group: 4711, Text: "x"}, proto.UnknownGroup},
		"text too long":       {alice.Token, proto.SendMessage{ID: "1", To: bob, Text: strings.Repeat("x", proto.MaxText+1)}, proto.TooLarge},
		"text of 1 MB":        {alice.Token, proto.SendMessage{ID: "1", To: bob, Text: strings.Repeat("x", 1<<20)}, proto.TooLarge},
		"not UTF-8":           {alice.Token, `{"id":"1","to":` + id(bob) + `,"text":"` + "\xff" + `"}`, proto.Invalid},
		"unknown field":       {alice.Token, `{"id":"1","to":` + id(bob) + `,"text":"x","urgent":true}`, proto.Invalid},
		"two values":          {alice.Token, `{"id":"1","to":` + id(bob) + `,"text":"x"}{}`, proto.Invalid},
		"receiver as text":    {alice.Token, `{"id":"1","to":"` + id(bob) + `","text":"x"}`, proto.Invalid},
		"empty body":          {alice.Token, ``, proto.Invalid},
		"no JSON":             {alice.Token, `<xml/>`, proto.Invalid},
	} {
		if got := w.post(proto.PathSend, c.token, c.q, nil); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if got := w.pull(alice.Token, proto.Position{}).Messages; len(got) != 0 {
		t.Fatalf("stored %d of the refused messages", len(got))
	}
}

func TestTextOfEveryLengthUpToTheLimitIsTaken(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	// In this text, JSON takes six bytes for each byte, which is the most.
	w.send(alice.Token, proto.SendMessage{ID: "1", To: alice.User, Text: strings.Repeat("\x01", proto.MaxText)})
}

func TestPullGoesOnWhereItEnded(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	for _, id := range []string{"1", "2", "3"} {
		w.send(alice.Token, proto.SendMessage{ID: id, To: alice.User, Text: "note " + id})
	}
	var got []string
	var after proto.Position
	for {
		var answer proto.PulledMessages
		if code := w.post(proto.PathPull, alice.Token, proto.PullMessages{After: after, Limit: 2}, &answer); code != proto.OK {
			t.Fatal(code)
		}
		for _, m := range answer.Messages {
			got = append(got, m.ID)
		}
		if answer.Through == answer.Newest {
			break
		}
		after = answer.Through
	}
	if strings.Join(got, "") != "123" {
		t.Fatalf("pulled %v", got)
	}
	strange := after
	strange.Epoch++
	if strange.Number == 0 {
		strange = w.pull(alice.Token, proto.Position{}).Newest
		strange.Epoch++
	}
	if code := w.post(proto.PathPull, alice.Token, proto.PullMessages{After: strange}, nil); code != proto.Diverged {
		t.Fatalf("position of another epoch: %v, want diverged", code)
	}
	for _, q := range []proto.PullMessages{{Limit: -1}, {Limit: proto.MaxPull + 1}, {After: proto.Position{Log: -1}}} {
		if code := w.post(proto.PathPull, alice.Token, q, nil); code != proto.Invalid {
			t.Errorf("%+v: %v, want invalid", q, code)
		}
	}
}

func TestAckMovesTheCursorOfTheDevice(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	receipt := w.send(alice.Token, proto.SendMessage{ID: "1", To: alice.User, Text: "note"})
	q := proto.AckPositions{Number: alice.Number, Cursors: []proto.Position{receipt.At}}
	if code := w.post(proto.PathAck, alice.Token, q, nil); code != proto.OK {
		t.Fatal(code)
	}
	again := w.connect("alice", "phone")
	if got := cursorOf(again.opened, proto.Inbox); got != receipt.At {
		t.Fatalf("cursor %+v, want %+v", got, receipt.At)
	}
	for name, q := range map[string]proto.AckPositions{
		"no number":   {Cursors: q.Cursors},
		"no position": {Number: 1},
		"number zero": {Number: 1, Cursors: []proto.Position{{}}},
	} {
		if code := w.post(proto.PathAck, alice.Token, q, nil); code != proto.Invalid {
			t.Errorf("%s: %v, want invalid", name, code)
		}
	}
}

func TestAckOfANodeMovesTheCursorBeforeItsGoodbye(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	at := w.send(alice.Token, proto.SendMessage{ID: "1", To: alice.User, Text: "note"}).At
	w.node(proto.PathNodeReport, &proto.ReportRequest{
		Origin: alice.node.origin,
		Acked:  []*proto.Acking{{Session: alice.session, Cursors: []*proto.Mark{at.Mark()}}},
		Closed: []*proto.Closing{{Session: alice.session}},
	}, new(proto.ReportAnswer))
	if got := cursorOf(w.connect("alice", "phone").opened, proto.Inbox); got != at {
		t.Fatalf("cursor %+v, want %+v", got, at)
	}
}

func TestNodeSendAnswersEachItemForItself(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	forged := &proto.Session{User: bob.User, Name: "bob", Device: "phone", Number: bob.Number, Proof: alice.session.Proof}
	q := &proto.SendRequest{Origin: alice.node.origin, Items: []*proto.SendItem{
		{Session: alice.session, Id: "1", To: bob.User, Text: "one"},
		{Session: forged, Id: "2", To: alice.User, Text: "forged"},
		{Session: alice.session, Id: "3", To: bob.User},
		{Session: alice.session, Id: "4", To: bob.User + 4711, Text: "to nobody"},
		{Session: alice.session, Id: "1", To: bob.User, Text: "one", Again: true},
		{Session: alice.session, Id: "5", Group: proto.Everyone, Text: "two"},
		{},
	}}
	var answer proto.SendAnswer
	w.node(proto.PathNodeSend, q, &answer)
	want := []proto.Code{proto.OK, proto.Unauthorized, proto.Invalid, proto.UnknownUser, proto.OK, proto.OK, proto.Invalid}
	for i, r := range answer.Items {
		if proto.Code(r.Code) != want[i] {
			t.Errorf("item %d: %v, want %v", i, r, want[i])
		}
	}
	if a, b := answer.Items[0].At.GetNumber(), answer.Items[4].At.GetNumber(); a == 0 || a != b {
		t.Errorf("the repeated item stands at %d, the first try at %d", b, a)
	}
	if got := w.pull(bob.Token, proto.Position{}).Messages; len(got) != 1 {
		t.Errorf("bob has %d messages, want 1", len(got))
	}
	w.flush()
	for _, n := range w.nodes {
		for _, item := range n.items() {
			own := item.User != bob.User // an item with alice's copy, or with a group's message
			if own && item.Except != alice.Number || slices.Contains(item.Numbers, alice.Number) {
				t.Errorf("pushed to the connection it came by: %v", item)
			}
		}
	}
}

func TestNodePullReadsForItsConnection(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	w.send(alice.Token, proto.SendMessage{ID: "1", To: bob.User, Text: "hi"})
	q := &proto.PullRequest{Origin: bob.node.origin, Session: bob.session, After: &proto.Mark{}}
	var answer proto.PullAnswer
	w.node(proto.PathNodePull, q, &answer)
	if answer.Code != 0 || len(answer.Entries) != 1 || answer.Entries[0].Key != proto.Key(alice.User, "1") || answer.Newest.GetNumber() != answer.Entries[0].At.Number {
		t.Fatalf("pulled %v", &answer)
	}
	if at := answer.Entries[0].At; answer.Through.GetNumber() != at.Number || answer.Through.GetKey() != answer.Entries[0].Key {
		t.Fatalf("looked at all up to %v, want %v", answer.Through, at)
	}
	q.Session = alice.session
	q.Session.User = bob.User
	w.node(proto.PathNodePull, q, &answer)
	if proto.Code(answer.Code) != proto.Unauthorized || len(answer.Entries) != 0 {
		t.Fatalf("another's inbox: %v", &answer)
	}
}

func TestReconcileNamesWhatDiffers(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	w.connect("alice", "phone") // displaces
	w.send(alice.Token, proto.SendMessage{ID: "1", To: bob.User, Text: "hi"})
	held := func(c connection) *proto.Held {
		return &proto.Held{User: c.User, Device: "phone", Number: c.Number, Newest: c.opened.Newest[0]}
	}
	q := &proto.ReconcileRequest{Origin: alice.node.origin, Held: []*proto.Held{held(alice), {}}, Groups: true}
	var answer proto.ReconcileAnswer
	w.node(proto.PathNodeReconcile, q, &answer)
	if len(answer.Differences) != 1 || answer.Differences[0].Verdict != proto.Verdict_DISPLACED || answer.Differences[0].Number != alice.Number {
		t.Errorf("of alice: %v", &answer)
	}
	if len(answer.Groups) != 1 || answer.Groups[0].Log != proto.Everyone {
		t.Errorf("groups: %v", answer.Groups)
	}
	q = &proto.ReconcileRequest{Origin: bob.node.origin, Held: []*proto.Held{held(bob)}}
	w.node(proto.PathNodeReconcile, q, &answer)
	if len(answer.Differences) != 1 || answer.Differences[0].Verdict != proto.Verdict_BEHIND || answer.Differences[0].Newest.GetNumber() != 2 {
		t.Errorf("of bob: %v", &answer)
	}
}

// An app counts its messages from 1 again after it was installed anew. Its new messages
// are not taken for the old ones without an error.
func TestIDUsedAgainIsRefusedAndTheFirstStands(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob, carol := w.connect("alice", "phone"), w.connect("bob", "phone"), w.connect("carol", "phone")
	club := w.createGroup(alice.Token, proto.CreateGroup{ID: "club", Members: []int64{bob.User}})
	team := w.createGroup(alice.Token, proto.CreateGroup{ID: "team"})
	others := []proto.SendMessage{
		{To: bob.User, Text: "second"}, {To: carol.User, Text: "first"}, {To: alice.User, Text: "first"},
		{Group: club, Text: "second"}, {Group: team, Text: "first"}, {Group: proto.Everyone, Text: "second"},
	}
	for id, first := range map[string]proto.SendMessage{
		"private": {To: bob.User, Text: "first"}, "club": {Group: club, Text: "first"}, "everyone": {Group: proto.Everyone, Text: "first"},
	} {
		first.ID = id
		receipt := w.send(alice.Token, first)
		w.flush()
		pushed := len(bob.node.items())
		for _, q := range others {
			q.ID = id
			if code := w.post(proto.PathSend, alice.Token, q, nil); code != proto.IDReused {
				t.Errorf("%+v after %+v: %v", q, first, code)
			}
			later := proto.ScheduleMessage{ID: id, To: q.To, Group: q.Group, Text: q.Text, After: 1000}
			if code := w.post(proto.PathSchedule, alice.Token, later, nil); code != proto.IDReused {
				t.Errorf("%+v after %+v: %v", later, first, code)
			}
		}
		w.flush()
		if now := len(bob.node.items()); now != pushed {
			t.Errorf("%s was pushed %d times more, though nothing was sent again", id, now-pushed)
		}
		if again := w.send(alice.Token, first); again != receipt {
			t.Errorf("the first itself, sent again: %+v, was %+v", again, receipt)
		}
	}
	if got := w.pull(carol.Token, proto.Position{}).Messages; len(got) != 0 {
		t.Errorf("carol has %+v", got)
	}
}

func TestIDOfADelayedMessageIsRefusedForAnother(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob, carol := w.connect("alice", "phone"), w.connect("bob", "phone"), w.connect("carol", "phone")
	first := proto.ScheduleMessage{ID: "m", To: bob.User, Text: "first", After: 3_600_000}
	stands := w.schedule(alice.Token, first)
	for _, q := range []proto.ScheduleMessage{{To: bob.User, Text: "second"}, {To: carol.User, Text: "first"}} {
		q.ID, q.After = "m", first.After
		if code := w.post(proto.PathSchedule, alice.Token, q, nil); code != proto.IDReused {
			t.Errorf("scheduled %+v: %v", q, code)
		}
		if code := w.post(proto.PathSend, alice.Token, proto.SendMessage{ID: "m", To: q.To, Text: q.Text}, nil); code != proto.IDReused {
			t.Errorf("sent %+v: %v", q, code)
		}
	}
	if again := w.schedule(alice.Token, first); again != stands {
		t.Errorf("the first itself, scheduled again: %+v, was %+v", again, stands)
	}
}
