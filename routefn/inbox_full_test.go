package routefn

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record"
)

// newSmallWorld starts a route whose inboxes have 20 places, of which a sender has two.
func newSmallWorld(t *testing.T) *world {
	t.Helper()
	return newStoredWorld(t, record.Config{Limits: limit.Limits{Inboxes: true}, Retention: record.Retention{Count: 20}}, nil)
}

// A full inbox refuses a message over HTTP and over a connection, with a code of its own,
// and takes it when its owner has read.
func TestFullInboxRefusesTheSender(t *testing.T) {
	w := newSmallWorld(t)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	for i := range 2 {
		w.send(alice.Token, proto.SendMessage{ID: fmt.Sprint("m", i), To: bob.User, Text: "hi"})
	}
	body, err := json.Marshal(proto.SendMessage{ID: "m2", To: bob.User, Text: "hi"})
	if err != nil {
		t.Fatal(err)
	}
	status, _, text := w.call("POST", proto.PathSend, alice.Token, "application/json", string(body))
	if status != 429 || !strings.Contains(string(text), fmt.Sprint(int(proto.InboxFull))) || !strings.Contains(string(text), proto.InboxFull.Text()) {
		t.Errorf("status %d, %s", status, text)
	}
	item := &proto.SendItem{Session: alice.session, Id: "m3", To: bob.User, Text: "hi"}
	node := func() proto.Code {
		var answer proto.SendAnswer
		w.node(proto.PathNodeSend, &proto.SendRequest{Origin: alice.node.origin, Items: []*proto.SendItem{item}}, &answer)
		return proto.Code(answer.Items[0].Code)
	}
	if code := node(); code != proto.InboxFull {
		t.Errorf("over a connection: %v", code)
	}
	at := w.pull(bob.Token, proto.Position{}).Newest
	w.pull(bob.Token, at)
	if code := node(); code != proto.OK {
		t.Errorf("over a connection, after bob has read: %v", code)
	}
	w.send(alice.Token, proto.SendMessage{ID: "m2", To: bob.User, Text: "hi"})
	w.wantInbox(bob.Token, "m0", "m1", "m3", "m2")
}

// A delayed message to a full inbox is dropped when it is due, and its sender can see why.
func TestDelayedMessageToAFullInboxIsDropped(t *testing.T) {
	w := newSmallWorld(t)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	for i := range 3 {
		w.due(alice.Token, fmt.Sprint("m", i), bob.User, 0)
	}
	for len(w.scheduled(alice.Token, "").Messages) > 0 {
		w.fire()
	}
	w.wantInbox(bob.Token, "m0", "m1")
	list := w.scheduled(alice.Token, "")
	if len(list.Dropped) != 1 || list.Dropped[0].ID != "m2" || list.Dropped[0].Code != proto.InboxFull {
		t.Errorf("dropped are %+v", list.Dropped)
	}
	if n := testutil.ToFloat64(w.route.metrics.DelayedDropped.WithLabelValues("inbox-full")); n != 1 {
		t.Errorf("%v are counted", n)
	}
}

// CIM's clients do not come again, so that they read why.
func TestCIMClientReadsThatAnInboxIsFull(t *testing.T) {
	w := newSmallWorld(t)
	bob := w.register("bob")
	n := w.nodes["n1"]
	alice, _ := w.connectCIM("alice", n)
	for range 3 {
		w.call("POST", "/p2pRoute", "", "application/json", fmt.Sprintf(`{"userId":%d,"receiveUserId":%d,"msg":"hi"}`, alice, bob))
	}
	list := w.notices(n)
	if len(list) != 1 || !strings.Contains(list[0].Notice, proto.InboxFull.Text()) {
		t.Errorf("alice reads %v", list)
	}
}
