package routefn

import (
	"fmt"
	"testing"

	"github.com/cim-go/cim/proto"
)

// These are tests of the rules for sessions.

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

// If a user connects more and more devices, the oldest connection ends, and its client
// is told not to come back. So no two devices displace each other for ever.
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
	// If the node missed that, it learns it by reconciliation.
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
	first, second := w.login(q), w.login(q) // the device is not connected, so both logins may get a ticket
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

// A failover forgets a connection, and another login of its device is admitted. Where
// repeated logins are rejected, the first connection's client may come back.
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
	w.login(proto.LoginRequest{Name: "alice", Device: "phone"}) // if the node does not answer in 300 ms, the connection counts as gone
}

func TestTokenDisplacesItsOwnDevice(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Repeat = proto.RepeatReject })
	alice := w.connect("alice", "phone")
	back := w.login(proto.LoginRequest{Token: alice.Token, Device: "phone", Repeat: proto.RepeatReject})
	if o := w.report(w.nodes[back.Node.ID], w.opening(back))[0]; o.Code != 0 {
		t.Fatalf("the user who came back with a token: %v", o)
	}
	if code := w.post(proto.PathLogin, "", proto.LoginRequest{Token: alice.Token, Device: "desk"}, nil); code != proto.Unauthorized {
		t.Fatalf("token at another device: %v, want unauthorized", code)
	}
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
