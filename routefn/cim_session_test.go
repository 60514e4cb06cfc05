package routefn

import (
	"fmt"
	"testing"

	"github.com/cim-go/cim/proto"
)

func TestSecondCIMConnectionIsRejectedWhileTheFirstIsThere(t *testing.T) {
	w := newWorld(t, nil)
	n1, n2 := w.nodes["n1"], w.nodes["n2"]
	user, first := w.connectCIM("alice", n1)
	if first.Code != 0 || first.Number == 0 {
		t.Fatalf("first connection: %v", first)
	}
	if o := w.report(n2, cimOpening(user, "alice"))[0]; proto.Code(o.Code) != proto.Rejected {
		t.Fatalf("second connection: %v, want rejected", o)
	}
	n1.leave(first.Number) // the node crashed, and nobody reported the end
	o := w.report(n2, cimOpening(user, "alice"))[0]
	if o.Code != 0 || w.live(user, proto.CIMDevice) != o.Number {
		t.Fatalf("connection after the first is gone: %v", o)
	}
}

func TestLateCIMCloseKeepsNewConnection(t *testing.T) {
	w := newWorld(t, nil)
	n1, n2 := w.nodes["n1"], w.nodes["n2"]
	user, first := w.connectCIM("alice", n1)
	n1.leave(first.Number)
	second := w.report(n2, cimOpening(user, "alice"))[0]
	w.close(n1, &proto.Session{User: user, Name: "alice", Device: proto.CIMDevice, Number: first.Number})
	if got := w.live(user, proto.CIMDevice); got != second.Number {
		t.Fatalf("live is %d after a late goodbye of the old one, want %d", got, second.Number)
	}
}

func TestCIMOfflineTouchesOnlyItsDevice(t *testing.T) {
	w := newWorld(t, nil)
	phone := w.connect("alice", "phone")
	_, cim := w.connectCIM("alice", w.nodes["n1"])
	w.cim("/offLine", `{"userId":`+id(phone.User)+`,"msg":"off"}`)
	if w.live(phone.User, proto.CIMDevice) != 0 || w.live(phone.User, "phone") != phone.Number {
		t.Fatal("offLine closed another device, or not its own")
	}
	w.flush()
	if kicks := w.nodes["n1"].kicks(); len(kicks) != 1 || kicks[0].Number != cim.Number || kicks[0].Code != int32(proto.LoggedOut) {
		t.Fatalf("kicks: %v", kicks)
	}
}

func TestCIMConnectionHasNoProof(t *testing.T) {
	w := newWorld(t, nil)
	o := cimOpening(w.register("alice"), "alice")
	o.Session.Proof = []byte("of something else")
	if got := w.report(w.nodes["n1"], o)[0]; proto.Code(got.Code) != proto.Unauthorized {
		t.Fatalf("a CIM connection with a proof: %v", got)
	}
}

// The messages that a CIM client had read when its connection ended count although its
// /offLine came first. For other devices, a closed number moves no cursor, whatever a
// node reports.
func TestCIMConnectionThatEndedMovesItsCursor(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	bob := w.register("bob")
	w.send(alice.Token, proto.SendMessage{ID: "1", To: bob, Text: "hi"})
	note := w.send(alice.Token, proto.SendMessage{ID: "2", To: alice.User, Text: "note"}).At
	opening := cimOpening(bob, "bob")
	opened := w.report(w.nodes["n1"], opening)[0]
	opening.Session.Number = opened.Number
	at := opened.Newest[0].Position()
	w.cim("/offLine", fmt.Sprintf(`{"userId":%d}`, bob))
	ended := func(s *proto.Session, at proto.Position) {
		t.Helper()
		w.node(proto.PathNodeReport, &proto.ReportRequest{
			Origin: w.nodes["n1"].origin,
			Acked:  []*proto.Acking{{Session: s, Cursors: []*proto.Mark{at.Mark()}, Ended: true}},
		}, new(proto.ReportAnswer))
	}
	ended(opening.Session, at)
	if got := cursorOf(w.report(w.nodes["n1"], cimOpening(bob, "bob"))[0], proto.Inbox); got.Number != at.Number {
		t.Errorf("the cursor is at %+v, want %+v", got, at)
	}

	w.close(alice.node, alice.session)
	ended(alice.session, note)
	if got := cursorOf(w.connect("alice", "phone").opened, proto.Inbox); got.Number != 0 {
		t.Errorf("a closed number moved the cursor to %+v", got)
	}
}

func TestCIMConnectionNeedsOpenMode(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Auth = AuthPassword })
	if o := w.report(w.nodes["n1"], cimOpening(1, "alice"))[0]; proto.Code(o.Code) != proto.Unauthorized {
		t.Fatalf("a connection without a ticket: %v", o)
	}
}

func TestCIMConnectionMustMatchItsAccount(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.register("alice")
	answers := w.report(w.nodes["n1"], cimOpening(alice, "bob"), cimOpening(0, "alice"), cimOpening(alice+12345, "alice"), cimOpening(alice, ""), cimOpening(alice, "alice"))
	want := []proto.Code{proto.WrongPassword, proto.Invalid, proto.WrongPassword, proto.WrongPassword, proto.OK}
	for i, o := range answers {
		if proto.Code(o.Code) != want[i] {
			t.Errorf("opening %d: %v, want %v", i, o, want[i])
		}
	}
}

// A CIM route keeps accounts in its own form, so its users are unknown here until they
// connect. After that they must be able to send and to receive.
func TestCIMConnectionOfAForeignAccountIsAdopted(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	const bob = 1547028929407
	for range 2 {
		if o := w.report(w.nodes["n1"], cimOpening(bob, "bob"))[0]; proto.Code(o.Code) != proto.OK && proto.Code(o.Code) != proto.Rejected {
			t.Fatalf("a user of a CIM route: %v", o)
		}
	}
	w.send(alice.Token, proto.SendMessage{ID: "1", To: bob, Text: "hi"})
	if o := w.report(w.nodes["n1"], cimOpening(bob, "carol"))[0]; proto.Code(o.Code) != proto.WrongPassword {
		t.Errorf("another name for the same id: %v", o)
	}
	if o := w.report(w.nodes["n1"], cimOpening(bob+1, "bob"))[0]; proto.Code(o.Code) != proto.WrongPassword {
		t.Errorf("another id for the same name: %v", o)
	}
}

// If the first answer to a CIM connection's opening is lost, the node does not know its
// number, and reports it again without one.
func TestCIMConnectionDoesNotRejectItself(t *testing.T) {
	w := newWorld(t, nil)
	n1, n2 := w.nodes["n1"], w.nodes["n2"]
	user, lost := w.connectCIM("alice", n1)
	again := cimOpening(user, "alice")
	again.Again = true
	if o := w.report(n2, again)[0]; proto.Code(o.Code) != proto.Rejected {
		t.Fatalf("repeated opening of another node's connection: %v, want rejected", o)
	}
	o := w.report(n1, again)[0]
	if o.Code != 0 || o.Number <= lost.Number || w.live(user, proto.CIMDevice) != o.Number {
		t.Fatalf("repeated opening: %v, want a number above %d", o, lost.Number)
	}
}

// CIM's own routes refuse repeated logins, and a node with such routes says so in its
// report. A connection that they have let in displaces the earlier one, at this node or
// at another.
func TestCIMConnectionThatCIMsRouteLetInReplaces(t *testing.T) {
	w := newWorld(t, nil)
	user, first := w.connectCIM("alice", w.nodes["n1"])
	w.nodes["n1"].mu.Lock()
	w.nodes["n1"].here[first.Number] = true
	w.nodes["n1"].mu.Unlock()
	opening := cimOpening(user, "alice")
	if got := proto.Code(w.report(w.nodes["n2"], opening)[0].Code); got != proto.Rejected {
		t.Errorf("before our routes: %v, want rejected", got)
	}
	opening.Replaces = true
	opened := w.report(w.nodes["n2"], opening)[0]
	if opened.Code != int32(proto.OK) || opened.Number <= first.Number {
		t.Fatalf("before CIM's routes: %v after %v", opened, first)
	}
	w.flush()
	kicks := w.nodes["n1"].kicks()
	if len(kicks) != 1 || kicks[0].Number != first.Number || proto.Code(kicks[0].Code) != proto.Replaced {
		t.Errorf("the node that was left is told %v", kicks)
	}
}
