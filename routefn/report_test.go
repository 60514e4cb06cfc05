package routefn

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/proto/wait"
)

func TestReportWithoutProofOpensNothing(t *testing.T) {
	w := newWorld(t, nil)
	w.register("alice")
	l := w.login(proto.LoginRequest{Name: "alice", Device: "phone"})
	other := w.nodes["n1"]
	if l.Node.ID == "n1" {
		other = w.nodes["n2"]
	}
	flipped := w.opening(l)
	flipped.Session.Proof[0] ^= 1
	renamed := w.opening(l)
	renamed.Session.Name = "bob"
	empty := w.opening(l)
	empty.Session.Proof = nil
	for name, o := range map[string]*proto.Opening{"flipped bit": flipped, "another name": renamed, "no proof": empty, "no session": {}} {
		opened := w.report(w.nodes[l.Node.ID], o)[0]
		if opened.Code == 0 || proto.Code(opened.Code).Retry() != proto.RetryNever {
			t.Errorf("%s: %v", name, opened)
		}
	}
	if o := w.report(other, w.opening(l))[0]; proto.Code(o.Code) != proto.Unauthorized {
		t.Errorf("ticket of another node: %v", o)
	}
	if got := w.live(l.User, "phone"); got != 0 {
		t.Fatalf("live is %d, want none", got)
	}
}

func TestReportWithoutProofClosesAndMovesNothing(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	at := w.send(alice.Token, proto.SendMessage{ID: "1", To: alice.User, Text: "note"}).At
	forged := &proto.Session{User: alice.User, Name: "alice", Device: "phone", Number: alice.Number, Proof: []byte("made up by a node")}
	w.node(proto.PathNodeReport, &proto.ReportRequest{
		Origin: alice.node.origin,
		Closed: []*proto.Closing{{Session: forged}, {}},
		Acked:  []*proto.Acking{{Session: forged, Cursors: []*proto.Mark{at.Mark()}}, {}},
	}, new(proto.ReportAnswer))
	if got := w.live(alice.User, "phone"); got != alice.Number {
		t.Fatalf("live is %d, want %d", got, alice.Number)
	}
	if got := cursorOf(w.connect("alice", "phone").opened, proto.Inbox); got != (proto.Position{}) {
		t.Fatalf("cursor moved to %+v", got)
	}
	if n := testutil.ToFloat64(w.route.metrics.Unproven); n != 4 {
		t.Fatalf("counted %v", n)
	}
}

func TestNewcomerStartsAtTheNewestOfEveryone(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	var sent proto.SendReceipt
	if code := w.post(proto.PathSend, alice.Token, proto.SendMessage{ID: "1", Group: proto.Everyone, Text: "before"}, &sent); code != proto.OK {
		t.Fatal(code)
	}
	bob := w.connect("bob", "phone")
	cursor := cursorOf(bob.opened, proto.Everyone)
	if cursor.Number != sent.At.Number || cursor.Epoch != sent.At.Epoch {
		t.Fatalf("cursor %+v, want where the group ended, %+v", cursor, sent.At)
	}
	if code := w.post(proto.PathSend, alice.Token, proto.SendMessage{ID: "2", Group: proto.Everyone, Text: "between"}, nil); code != proto.OK {
		t.Fatal(code)
	}
	w.close(bob.node, bob.session)
	if back := cursorOf(w.connect("bob", "phone").opened, proto.Everyone); back != cursor {
		t.Fatalf("cursor %+v at the second login, want the first one's %+v", back, cursor)
	}
}

// A device whose cursor was lost with the store is not a newcomer. It is shown all
// messages to everyone since the loss. The same holds for CIM's clients.
func TestDeviceThatTheStoreLostStartsAtTheBeginningOfEveryone(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	carol, _ := w.connectCIM("carol", w.nodes["n1"])
	look := func() {
		t.Helper()
		if err := w.route.check.Look(); err != nil {
			t.Fatal(err)
		}
	}
	look() // makes marks
	look() // sees them
	w.redisDo("FLUSHALL")
	look()
	wait.Until(t, "alice's message is stored", func() bool {
		return w.post(proto.PathSend, alice.Token, proto.SendMessage{ID: "1", Group: proto.Everyone, Text: "since"}, nil) == proto.OK
	})
	l := w.login(proto.LoginRequest{User: bob.User, Name: "bob", Device: "phone"})
	for name, opened := range map[string]*proto.Opened{
		"the phone of bob":   w.report(w.nodes[l.Node.ID], w.opening(l))[0],
		"carol's CIM client": w.report(w.nodes["n1"], cimOpening(carol, "carol"))[0],
	} {
		cursor := cursorOf(opened, proto.Everyone)
		page := w.pull(l.Token, cursor)
		if len(page.Messages) != 1 || page.Messages[0].Text != "since" {
			t.Errorf("%s begins at %+v and reads %+v", name, cursor, page)
		}
	}
	dave := w.connect("dave", "phone")
	if page := w.pull(dave.Token, cursorOf(dave.opened, proto.Everyone)); len(page.Messages) != 0 {
		t.Errorf("a newcomer is shown %+v", page.Messages)
	}
}

func cursorOf(o *proto.Opened, log int64) proto.Position {
	for _, c := range proto.Positions(o.Cursors) {
		if c.Log == log {
			return c
		}
	}
	return proto.Position{}
}

func TestNodeIsToldToReportAgainWhenTheStoreIsAway(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	w.redis.Close()
	for name, q := range map[string]*proto.ReportRequest{
		"opened": {Opened: []*proto.Opening{w.opening(alice.LoginAnswer)}},
		"closed": {Closed: []*proto.Closing{{Session: alice.session}}},
		"acked":  {Acked: []*proto.Acking{{Session: alice.session, Cursors: []*proto.Mark{{Number: 1, Epoch: 1, Key: "1:1"}}}}},
	} {
		q.Origin = alice.node.origin
		body, err := pb.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		status, _, b := w.call(http.MethodPost, proto.PathNodeReport, serviceToken, proto.ContentProtobuf, string(body))
		if status < 500 {
			t.Errorf("%s: %d, %s", name, status, b)
		}
	}
	var answer proto.SendAnswer
	w.node(proto.PathNodeSend, &proto.SendRequest{Origin: alice.node.origin, Items: []*proto.SendItem{
		{Session: alice.session, Id: "1", To: alice.User, Text: "x"},
	}}, &answer)
	if code := proto.Code(answer.Items[0].Code); code.Retry() != proto.RetryLater {
		t.Errorf("sent: %v", code)
	}
}

// After the store lost everything, two nodes report a connection of one device each.
// The store cannot know which one still has a client, so neither client is told not to
// come back.
func TestReportsAfterALossSendNobodyAwayForGood(t *testing.T) {
	for _, latest := range []bool{true, false} {
		t.Run(fmt.Sprint("the newer one last: ", latest), func(t *testing.T) {
			w := newWorld(t, nil)
			older := w.connect("alice", "phone")
			newer := w.connect("alice", "phone")
			w.flush()
			before := len(older.node.kicks())
			again := func(c connection) proto.Code {
				return proto.Code(w.report(c.node, &proto.Opening{Session: c.session, Displaces: token.Any})[0].Code)
			}
			if err := w.route.check.Look(); err != nil {
				t.Fatal(err)
			}
			w.redisDo("FLUSHALL")
			if err := w.route.check.Look(); err != nil {
				t.Fatal(err)
			}
			if !latest {
				again(newer)
				if code := again(older); code == proto.OK || code.Retry() == proto.RetryNever {
					t.Errorf("the older one is told %v", code)
				}
			} else {
				again(older)
				again(newer)
				w.flush()
				kicks := older.node.kicks()[before:]
				if len(kicks) != 1 || proto.Code(kicks[0].Code).Retry() == proto.RetryNever {
					t.Errorf("kicked with %v", kicks)
				}
			}
			var answer proto.ReconcileAnswer
			w.node(proto.PathNodeReconcile, &proto.ReconcileRequest{Origin: older.node.origin, Held: []*proto.Held{
				{User: older.User, Device: "phone", Number: older.Number},
			}}, &answer)
			if d := answer.Differences; len(d) != 1 || d[0].Code == 0 || proto.Code(d[0].Code).Retry() == proto.RetryNever {
				t.Errorf("reconciliation tells %v", d)
			}
		})
	}
}
