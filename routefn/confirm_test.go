package routefn

import (
	"net/url"
	"slices"
	"strconv"
	"testing"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
)

// marks returns the delivery marks that the node was pushed.
func (n *fakeNode) marks() (list []*proto.PushItem) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, q := range n.pushed {
		for _, item := range q.Items {
			if item.Delivered != nil {
				list = append(list, item)
			}
		}
	}
	return list
}

// showed reports, as the connection's node does, that its device has shown messages.
func (w *world) showed(c connection, session *proto.Session, keys ...string) {
	w.t.Helper()
	w.node(proto.PathNodeReport, &proto.ReportRequest{Origin: c.node.origin, Acked: []*proto.Acking{
		{Session: session, Cursors: []*proto.Mark{c.opened.Newest[0]}, Shown: keys},
	}}, new(proto.ReportAnswer))
	w.flush()
}

func (w *world) marks() (list []*proto.PushItem) {
	return append(w.nodes["n1"].marks(), w.nodes["n2"].marks()...)
}

func TestSenderIsToldThatHisMessageWasShown(t *testing.T) {
	w := newWorld(t, nil)
	alice, laptop, bob := w.connect("alice", "phone"), w.connect("alice", "laptop"), w.connect("bob", "phone")
	w.sendsTo(alice, bob, 3)
	w.connectCIM("alice", w.nodes["n1"]) // a CIM client, which understands no marks
	w.showed(bob, bob.session, proto.Key(alice.User, "1"), proto.Key(alice.User, "2"))
	var told []int64
	for _, item := range w.marks() {
		want := &proto.Delivered{To: bob.User, Time: item.Delivered.Time, Ids: []string{"1", "2"}}
		if item.User != alice.User || !pb.Equal(item.Delivered, want) || item.Delivered.Time == 0 {
			t.Errorf("pushed %v", item)
		}
		told = append(told, item.Numbers...)
	}
	slices.Sort(told)
	if want := []int64{alice.Number, laptop.Number}; !slices.Equal(told, want) {
		t.Errorf("sessions %v were told, want %v", told, want)
	}

	code := w.post(proto.PathAck, bob.Token, proto.AckPositions{
		Number: bob.Number, Cursors: proto.Positions(bob.opened.Newest[:1]), Shown: []string{proto.Key(alice.User, "3")},
	}, nil)
	w.flush()
	if marks := w.marks(); code != proto.OK || marks[len(marks)-1].Delivered.Ids[0] != "3" {
		t.Errorf("over HTTP: %v, pushed %v", code, marks)
	}
}

// sendsTo sends messages with the ids 1 to n, and returns their keys.
func (w *world) sendsTo(from, to connection, n int) (keys []string) {
	w.t.Helper()
	for i := range n {
		m := proto.SendMessage{ID: strconv.Itoa(i + 1), To: to.User, Text: "hi", Confirm: true}
		keys = append(keys, w.send(from.Token, m).At.Key)
	}
	return keys
}

// Users can claim that they were shown what was sent to them, and nothing else.
func TestMarkIsOfAMessageToWhoGivesIt(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob, carol := w.connect("alice", "phone"), w.connect("bob", "phone"), w.connect("carol", "phone")
	key := w.sendsTo(alice, bob, 1)[0]
	var madeUp []string
	for i := range proto.MaxShown {
		madeUp = append(madeUp, proto.Key(alice.User, strconv.Itoa(1000+i)))
	}
	w.showed(carol, carol.session, key)
	w.showed(carol, carol.session, madeUp...)
	w.showed(bob, bob.session, madeUp...)
	if marks := w.marks(); len(marks) != 0 {
		t.Errorf("of messages that nobody sent to them, they pushed %v", marks)
	}
	forged := pb.CloneOf(carol.session)
	forged.User, forged.Name = bob.User, "bob"
	w.showed(carol, forged, key)
	if marks := w.marks(); len(marks) != 0 {
		t.Errorf("a session without a proof pushed %v", marks)
	}
	w.showed(bob, bob.session, append(madeUp[:3:3], key)...)
	if marks := w.marks(); len(marks) != 1 || marks[0].User != alice.User || !slices.Equal(marks[0].Delivered.Ids, []string{"1"}) {
		t.Errorf("pushed %v", marks)
	}
}

func TestSenderWhoIsAwayIsToldNothing(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	w.sendsTo(alice, bob, 1)
	w.close(alice.node, alice.session)
	many := []string{
		proto.Key(alice.User, "1"), proto.Key(alice.User+1000, "1"), proto.Key(bob.User, "own"), proto.Key(0, "genesis"),
		proto.Key(alice.User, "a\nb"), "no key", "",
	}
	w.showed(bob, bob.session, many...)
	if marks := w.marks(); len(marks) != 0 {
		t.Errorf("pushed %v", marks)
	}
}

func TestKeysOfOneAcknowledgementAreBounded(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	w.showed(bob, bob.session, w.sendsTo(alice, bob, proto.MaxShown+50)...)
	if marks := w.marks(); len(marks) != 1 || len(marks[0].Delivered.Ids) != proto.MaxShown {
		t.Errorf("%d marks", len(marks))
	}
}

func TestWishForAMarkIsStoredWithTheMessage(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	w.send(alice.Token, proto.SendMessage{ID: "1", To: bob.User, Text: "hi", Confirm: true})
	w.send(alice.Token, proto.SendMessage{ID: "2", To: bob.User, Text: "hi"})
	var sent proto.SendAnswer
	w.node(proto.PathNodeSend, &proto.SendRequest{Origin: alice.node.origin, Items: []*proto.SendItem{
		{Session: alice.session, Id: "3", To: bob.User, Text: "hi", Confirm: true},
		{Session: alice.session, Id: "4", Group: proto.Everyone, Text: "hi", Confirm: true},
	}}, &sent)
	if code := proto.Code(sent.Items[1].Code); code != proto.Invalid {
		t.Errorf("a mark for a group's message: %v", code)
	}
	if code := w.post(proto.PathSchedule, alice.Token, proto.ScheduleMessage{ID: "5", To: bob.User, Text: "hi", After: 1, Confirm: true}, nil); code != proto.OK {
		t.Fatalf("schedule: %v", code)
	}
	pulled := w.pulled(bob.Token, 4)
	for i, want := range []bool{true, false, true, true} {
		if pulled[i].Confirm != want {
			t.Errorf("message %s asks for a mark: %v", pulled[i].ID, !want)
		}
	}
}

// pulled has due messages sent until the inbox has n messages, and returns these.
func (w *world) pulled(token string, n int) []proto.Message {
	w.t.Helper()
	for {
		var page proto.PulledMessages
		if code := w.post(proto.PathPull, token, proto.PullMessages{}, &page); code != proto.OK {
			w.t.Fatalf("pull: %v", code)
		}
		if len(page.Messages) >= n {
			return page.Messages
		}
		w.node(proto.PathNodeFire, &proto.FireRequest{Origin: w.nodes["n1"].origin}, new(proto.FireAnswer))
	}
}

func TestDeliveredIsWhatADeviceAcknowledged(t *testing.T) {
	w := newWorld(t, nil)
	alice, phone, laptop := w.connect("alice", "phone"), w.connect("bob", "phone"), w.connect("bob", "laptop")
	for _, id := range []string{"1", "2", "3"} {
		w.send(alice.Token, proto.SendMessage{ID: id, To: phone.User, Text: id})
	}
	ask := func(token string, to int64, id string) (a proto.DeliveredAnswer, code proto.Code) {
		t.Helper()
		q := url.Values{"id": {id}, "to": {strconv.FormatInt(to, 10)}}
		code = w.get(proto.PathDelivered+"?"+q.Encode(), token, &a)
		return a, code
	}
	var page proto.PulledMessages
	w.post(proto.PathPull, phone.Token, proto.PullMessages{}, &page)
	for c, at := range map[*connection]proto.Position{&phone: page.Messages[0].At, &laptop: page.Messages[1].At} {
		if code := w.post(proto.PathAck, c.Token, proto.AckPositions{Number: c.Number, Cursors: []proto.Position{at}}, nil); code != proto.OK {
			t.Fatalf("ack: %v", code)
		}
	}
	for id, want := range map[string]proto.DeliveredAnswer{
		"1": {Found: true, Delivered: true}, "2": {Found: true, Delivered: true}, "3": {Found: true}, "4": {},
	} {
		if got, code := ask(alice.Token, phone.User, id); got != want || code != proto.OK {
			t.Errorf("message %s: %+v, %v, want %+v", id, got, code, want)
		}
	}
	if got, code := ask(phone.Token, phone.User, "1"); got.Found || code != proto.OK {
		t.Errorf("somebody else's message: %+v, %v", got, code)
	}
	if got, code := ask(alice.Token, phone.User+1000, "1"); got.Found || code != proto.OK {
		t.Errorf("of nobody: %+v, %v", got, code)
	}
	for _, bad := range []struct {
		token, id string
		to        int64
		want      proto.Code
	}{{"", "1", 1, proto.Unauthorized}, {alice.Token, "a b", 1, proto.Invalid}, {alice.Token, "1", 0, proto.Invalid}} {
		if _, code := ask(bad.token, bad.to, bad.id); code != bad.want {
			t.Errorf("%+v: %v", bad, code)
		}
	}
}
