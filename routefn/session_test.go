package routefn

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// The rules of a session, each told as the story that made it.

func TestUnusedLoginDisplacesNobody(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	w.login(proto.LoginRequest{Name: "alice", Device: "phone"})
	if got := w.live(alice.User, "phone"); got != alice.Number {
		t.Fatalf("live is %d after a login that nobody used, want %d", got, alice.Number)
	}
	w.flush()
	if kicks := alice.node.kicks(); len(kicks) != 0 {
		t.Fatalf("kicked by a login that nobody used: %v", kicks)
	}
}

func TestNewConnectionDisplacesOldOneAndTellsIt(t *testing.T) {
	w := newWorld(t, nil)
	old := w.connect("alice", "phone")
	next := w.connect("alice", "phone")
	w.flush()
	kicks := old.node.kicks()
	if len(kicks) != 1 || kicks[0].Number != old.Number || kicks[0].Code != int32(proto.Replaced) ||
		kicks[0].User != old.User || kicks[0].Device != "phone" {
		t.Fatalf("kicks of the displaced connection: %v", kicks)
	}
	if got := w.live(old.User, "phone"); got != next.Number {
		t.Fatalf("live is %d, want %d", got, next.Number)
	}
}

func TestOtherDeviceIsNotDisplaced(t *testing.T) {
	w := newWorld(t, nil)
	phone := w.connect("alice", "phone")
	desk := w.connect("alice", "desk")
	w.flush()
	if got := w.live(phone.User, "phone"); got != phone.Number {
		t.Fatalf("phone's live number is %d, want %d", got, phone.Number)
	}
	if len(phone.node.kicks())+len(desk.node.kicks()) != 0 {
		t.Fatal("a connection of another device was kicked")
	}
}

// A user who comes with ever more devices has the oldest connection ended, for good:
// no two devices displace each other for ever.
func TestDeviceForWhichThereIsNoRoomIsToldSo(t *testing.T) {
	w := newWorld(t, nil)
	oldest := w.connect("alice", "device-0")
	for i := range 32 {
		w.connect("alice", fmt.Sprint("device-", i+1))
	}
	w.flush()
	kicks := oldest.node.kicks()
	if len(kicks) != 1 || kicks[0].Number != oldest.Number || proto.Code(kicks[0].Code) != proto.Crowded ||
		proto.Code(kicks[0].Code).Retry() != proto.RetryNever {
		t.Fatalf("kicks of the oldest connection: %v", kicks)
	}
	// Its node missed that: reconciliation says it once more.
	var answer proto.ReconcileAnswer
	w.node(proto.PathNodeReconcile, &proto.ReconcileRequest{Origin: oldest.node.origin, Held: []*proto.Held{
		{User: oldest.User, Device: "device-0", Number: oldest.Number},
	}}, &answer)
	if d := answer.Differences; len(d) != 1 || d[0].Verdict != proto.Verdict_DISPLACED || proto.Code(d[0].Code) != proto.Crowded {
		t.Errorf("reconciliation tells %v", d)
	}
}

func TestTicketUsedTwiceIsOneConnection(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	again := w.report(alice.node, w.opening(alice.LoginAnswer))[0]
	if again.Code != 0 || again.Number != alice.Number {
		t.Fatalf("the report that was repeated: %v", again)
	}
	w.flush()
	if kicks := alice.node.kicks(); len(kicks) != 0 {
		t.Fatalf("a repeated report kicked %v", kicks)
	}
}

func TestTicketIsWorthlessAfterItsGoodbye(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	w.close(alice.node, alice.session)
	late := w.report(alice.node, w.opening(alice.LoginAnswer))[0]
	if proto.Code(late.Code) != proto.SessionUnknown {
		t.Fatalf("opened after it was closed: %v", late)
	}
}

func TestCloseBeforeOpenInOneBatchLeavesNothingOpen(t *testing.T) {
	w := newWorld(t, nil)
	w.register("alice")
	l := w.login(proto.LoginRequest{Name: "alice", Device: "phone"})
	o, n := w.opening(l), w.nodes[l.Node.ID]
	var answer proto.ReportAnswer
	w.node(proto.PathNodeReport, &proto.ReportRequest{
		Origin: n.origin, Opened: []*proto.Opening{o}, Closed: []*proto.Closing{{Session: o.Session}},
	}, &answer)
	if code := proto.Code(answer.Opened[0].Code); code != proto.SessionUnknown {
		t.Fatalf("code %v for a connection that is over", code)
	}
	if got := w.live(l.User, "phone"); got != 0 {
		t.Fatalf("live is %d, want none", got)
	}
}

func TestLateCloseKeepsNewSession(t *testing.T) {
	w := newWorld(t, nil)
	old := w.connect("alice", "phone")
	next := w.connect("alice", "phone")
	w.close(old.node, old.session)
	w.close(old.node, old.session)
	if got := w.live(old.User, "phone"); got != next.Number {
		t.Fatalf("live is %d after a late close of the old one, want %d", got, next.Number)
	}
}

func TestSlowerOfTwoLoginsIsToldItWasReplaced(t *testing.T) {
	w := newWorld(t, nil)
	w.register("alice")
	first := w.login(proto.LoginRequest{Name: "alice", Device: "phone"})
	second := w.login(proto.LoginRequest{Name: "alice", Device: "phone"})
	if first.Number >= second.Number {
		t.Fatalf("numbers %d and %d do not rise", first.Number, second.Number)
	}
	if o := w.report(w.nodes[second.Node.ID], w.opening(second))[0]; o.Code != 0 {
		t.Fatalf("the later login: %v", o)
	}
	if o := w.report(w.nodes[first.Node.ID], w.opening(first))[0]; proto.Code(o.Code) != proto.Replaced {
		t.Fatalf("the earlier login, which came second: %v", o)
	}
	if got := w.live(first.User, "phone"); got != second.Number {
		t.Fatalf("live is %d, want %d", got, second.Number)
	}
}

func TestRejectedWhileTheConnectionIsThere(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	q := proto.LoginRequest{Name: "alice", Device: "phone", Repeat: proto.RepeatReject}
	if code := w.post(proto.PathLogin, "", q, nil); code != proto.Rejected {
		t.Fatalf("repeat login: %v, want rejected", code)
	}
	alice.node.leave(alice.Number)
	next := w.login(q)
	if displaces := w.opening(next).Displaces; displaces != alice.Number {
		t.Fatalf("the ticket displaces %d, want only %d, which was looked for", displaces, alice.Number)
	}
	if o := w.report(w.nodes[next.Node.ID], w.opening(next))[0]; o.Code != 0 {
		t.Fatalf("login after the connection is gone: %v", o)
	}
}

func TestTicketOfRejectingLoginDisplacesOnlyWhatItNames(t *testing.T) {
	w := newWorld(t, nil)
	w.register("alice")
	q := proto.LoginRequest{Name: "alice", Device: "phone", Repeat: proto.RepeatReject}
	first, second := w.login(q), w.login(q) // nobody is there: both may come in
	if o := w.report(w.nodes[first.Node.ID], w.opening(first))[0]; o.Code != 0 {
		t.Fatalf("the first to connect: %v", o)
	}
	if o := w.report(w.nodes[second.Node.ID], w.opening(second))[0]; proto.Code(o.Code) != proto.Rejected {
		t.Fatalf("the second to connect: %v, want rejected", o)
	}
	if got := w.live(first.User, "phone"); got != first.Number {
		t.Fatalf("live is %d, want %d", got, first.Number)
	}
}

// A failover forgets a connection, and another login of its device is let in. The one
// that was there first may come back, unless repeated logins replace.
func TestConnectionThatAFailoverForgotMayComeBackWhereRepeatsAreRejected(t *testing.T) {
	for repeat, want := range map[string]proto.Code{proto.RepeatReject: proto.SessionUnknown, proto.RepeatReplace: proto.OK} {
		t.Run(repeat, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.Repeat = repeat })
			alice := w.connect("alice", "phone")
			w.redisDo("HDEL", fmt.Sprintf("cim:{%d}:h", alice.User), "live")
			w.connect("alice", "phone")
			var answer proto.ReconcileAnswer
			w.node(proto.PathNodeReconcile, &proto.ReconcileRequest{Origin: alice.node.origin, Held: []*proto.Held{
				{User: alice.User, Device: "phone", Number: alice.Number},
			}}, &answer)
			if d := answer.Differences; len(d) != 1 || d[0].Verdict != proto.Verdict_DISPLACED || proto.Code(d[0].Code) != want {
				t.Errorf("reconciliation tells %v, want code %v", d, want)
			}
			back := w.login(proto.LoginRequest{Token: alice.Token, Device: "phone"})
			if o := w.report(w.nodes[back.Node.ID], w.opening(back))[0]; o.Code != 0 {
				t.Errorf("it came back with its token: %v", o)
			}
		})
	}
}

func TestDeadNodeLocksNobodyOut(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Repeat = proto.RepeatReject })
	alice := w.connect("alice", "phone")
	alice.node.stop()
	next := w.login(proto.LoginRequest{Name: "alice", Device: "phone", Avoid: []string{alice.Node.ID}})
	if next.Node.ID == alice.Node.ID {
		t.Fatalf("sent back to %s, which was to be avoided", next.Node.ID)
	}
	if o := w.report(w.nodes[next.Node.ID], w.opening(next))[0]; o.Code != 0 {
		t.Fatalf("login after the crash: %v", o)
	}
}

func TestPausedNodeLocksNobodyOut(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Repeat = proto.RepeatReject })
	alice := w.connect("alice", "phone")
	alice.node.pause()
	w.login(proto.LoginRequest{Name: "alice", Device: "phone"}) // no answer in 300 ms means no
}

func TestTokenDisplacesItsOwnDevice(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Repeat = proto.RepeatReject })
	alice := w.connect("alice", "phone")
	back := w.login(proto.LoginRequest{Token: alice.Token, Device: "phone", Repeat: proto.RepeatReject})
	if o := w.report(w.nodes[back.Node.ID], w.opening(back))[0]; o.Code != 0 {
		t.Fatalf("who came back with his token: %v", o)
	}
	if code := w.post(proto.PathLogin, "", proto.LoginRequest{Token: alice.Token, Device: "desk"}, nil); code != proto.Unauthorized {
		t.Fatalf("token at another device: %v, want unauthorized", code)
	}
}

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
	n1.leave(first.Number) // it crashed, and nobody said goodbye
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
	if n := testutil.ToFloat64(w.route.metrics.unproven); n != 4 {
		t.Fatalf("counted %v", n)
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

// A CIM route keeps accounts in a form of its own: its users are unknown here
// until they connect, and must be able to write and to be written to then.
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

func cursorOf(o *proto.Opened, log int64) proto.Position {
	for _, c := range proto.Positions(o.Cursors) {
		if c.Log == log {
			return c
		}
	}
	return proto.Position{}
}

func TestLogoutClosesAndKicks(t *testing.T) {
	w := newWorld(t, nil)
	phone, desk := w.connect("alice", "phone"), w.connect("alice", "desk")
	if code := w.post(proto.PathLogout, desk.Token, proto.LogoutRequest{Device: "phone"}, nil); code != proto.OK {
		t.Fatal(code)
	}
	if w.live(phone.User, "phone") != 0 || w.live(phone.User, "desk") != desk.Number {
		t.Fatal("logout closed another device, or not the one it named")
	}
	for range 2 { // twice is fine
		if code := w.post(proto.PathLogout, desk.Token, proto.LogoutRequest{}, nil); code != proto.OK {
			t.Fatal(code)
		}
	}
	w.flush()
	kicks := append(w.nodes["n1"].kicks(), w.nodes["n2"].kicks()...)
	if len(kicks) != 2 || kicks[0].Code != int32(proto.LoggedOut) {
		t.Fatalf("kicks: %v", kicks)
	}
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

// A connection of CIM's has no number to be known by when the answer that gave it
// one was lost.
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

// A store that lost everything is told of two connections of a device by their nodes. It
// cannot know which one has a client behind it, and sends neither away for good.
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
			if err := w.route.keeper.look(); err != nil {
				t.Fatal(err)
			}
			w.redisDo("FLUSHALL")
			if err := w.route.keeper.look(); err != nil {
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
