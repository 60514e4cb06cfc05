package main

import (
	"bufio"
	"context"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/node"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// The rules of sessions hold on the whole system. Connected users are shown the
// messages sent to them, whatever happens to logins, reports and their answers.

func TestUnusedLoginsCostNobodyAnything(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{})
	alice := connect(t, []string{s.url}, "alice")
	l := login(t, s.url, proto.LoginRequest{Name: "bob", Device: "phone"})
	bob := enter(t, l)
	for i := range 5 {
		for range 3 {
			login(t, s.url, proto.LoginRequest{Name: "bob", Device: "phone"})
		}
		send(t, alice, l.User, strconv.Itoa(i))
		if got := bob.message(); got != strconv.Itoa(i) {
			t.Fatalf("was shown %q, want %d", got, i)
		}
	}
	if live := s.recorded(l.User, "phone"); live == nil || live.Number != l.Number {
		t.Errorf("the record says %+v, want number %d", live, l.Number)
	}
}

func TestLateTicketDisplacesNobody(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{})
	alice := connect(t, []string{s.url}, "alice")
	early := login(t, s.url, proto.LoginRequest{Name: "bob", Device: "phone"})
	l := login(t, s.url, proto.LoginRequest{Name: "bob", Device: "phone"})
	bob := enter(t, l)
	if code := use(t, early).kicked(); code != proto.Replaced {
		t.Errorf("the earlier ticket was answered with %v, want replaced", code)
	}
	send(t, alice, l.User, "still there?")
	if got := bob.message(); got != "still there?" {
		t.Errorf("was shown %q", got)
	}
}

// A ticket is used again by a client that did not see the first answer.
func TestTicketUsedTwiceKeepsItsUserConnected(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{})
	alice := connect(t, []string{s.url}, "alice")
	l := login(t, s.url, proto.LoginRequest{Name: "bob", Device: "phone"})
	first := enter(t, l)
	second := enter(t, l)
	if code := first.kicked(); code != proto.Replaced {
		t.Errorf("the first connection was told %v", code)
	}
	send(t, alice, l.User, "still there?")
	if got := second.message(); got != "still there?" {
		t.Errorf("was shown %q", got)
	}
	second.conn.Close()
	eventually(t, "the number is closed", func() bool { return s.recorded(l.User, "phone") == nil })
	if code := use(t, l).kicked(); code != proto.SessionUnknown {
		t.Errorf("the ticket after its goodbye: %v, want session-unknown", code)
	}
}

// The first connection of a ticket ends while the second waits to be confirmed:
// its goodbye must not close the number that both have.
func TestEndOfTheFirstKeepsTheSecondOfATicket(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{nodes: 1})
	alice := connect(t, []string{s.url}, "alice")
	l := login(t, s.url, proto.LoginRequest{Name: "bob", Device: "phone"})
	first := enter(t, l)
	gate := make(chan struct{})
	s.nodes[0].uplink.set(func(_ context.Context, request any, call func() error) error {
		if _, ok := request.(*proto.ReportRequest); ok {
			<-gate
		}
		return call()
	})
	second := use(t, l)
	eventually(t, "both are there", func() bool { return s.nodes[0].Connections() == 3 })
	first.conn.Close()
	eventually(t, "the first is gone", func() bool { return s.nodes[0].Connections() == 2 })
	close(gate)
	if f := second.next(); f.Cmd != proto.Command_LOGIN_ANSWER || f.Code != 0 {
		t.Fatalf("the second was answered with %v", f)
	}
	// Reports go one after another: this one comes after any goodbye.
	enter(t, login(t, s.url, proto.LoginRequest{Name: "carol", Device: "phone"}))
	if live := s.recorded(l.User, "phone"); live == nil || live.Number != l.Number {
		t.Fatalf("the record says %+v, want number %d", live, l.Number)
	}
	send(t, alice, l.User, "still there?")
	if got := second.message(); got != "still there?" {
		t.Errorf("was shown %q", got)
	}
}

// Many connections of one device at once: one stays, it is the recorded one, and
// each of the others is told that it was replaced.
func TestRacedLoginsLeaveOneConnection(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{nodes: 3})
	alice := connect(t, []string{s.url}, "alice")
	var user int64
	tickets := make([]proto.LoginAnswer, 30)
	for i := range tickets {
		avoid := []string{s.nodes[i%3].member.ID} // so that they meet on all nodes
		tickets[i] = login(t, s.url, proto.LoginRequest{Name: "bob", Device: "phone", Avoid: avoid})
		user = tickets[i].User
	}
	var racing sync.WaitGroup
	var told atomic.Int64
	winner := make(chan string, len(tickets))
	for _, l := range tickets {
		conn, err := net.Dial("tcp", l.Node.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		racing.Go(func() {
			switch text, code := race(conn, l.Ticket); {
			case code == proto.Replaced:
				told.Add(1)
			case code == proto.OK:
				winner <- strconv.FormatInt(l.Number, 10) + " was shown " + text
			default:
				t.Errorf("number %d was told %v", l.Number, code)
			}
		})
	}
	eventually(t, "all but one are told", func() bool { return told.Load() == int64(len(tickets)-1) })
	send(t, alice, user, "the winner")
	racing.Wait()
	last := strconv.FormatInt(tickets[len(tickets)-1].Number, 10)
	if got := <-winner; got != last+" was shown the winner" {
		t.Errorf("%s, want %s, the highest number", got, last)
	}
	if live := s.recorded(user, "phone"); live == nil || strconv.FormatInt(live.Number, 10) != last {
		t.Errorf("the record says %+v, want number %s", live, last)
	}
}

// race shows a ticket and reads until a message or a goodbye.
func race(conn net.Conn, ticket string) (text string, code proto.Code) {
	b, err := proto.AppendFrame(nil, &proto.Frame{Ticket: ticket})
	if err != nil {
		return "", proto.BadFrame
	}
	if _, err := conn.Write(b); err != nil {
		return "", proto.Unknown
	}
	for in := bufio.NewReader(conn); ; {
		switch f, err := proto.ReadFrame(in, 1<<20); {
		case err != nil:
			return "", proto.Unknown
		case f.Cmd == proto.Command_KICK:
			return "", proto.Code(f.Code)
		case f.Cmd == proto.Command_MESSAGE:
			return f.ReqMsg, proto.OK
		}
	}
}

// loseAnswer lets the first report that opens a connection through to the route
// and loses its answer.
func (u *uplink) loseAnswer() {
	var lost atomic.Bool
	u.set(func(_ context.Context, request any, call func() error) error {
		err := call()
		if report, ok := request.(*proto.ReportRequest); ok && len(report.Opened) > 0 && lost.CompareAndSwap(false, true) {
			return errLost
		}
		return err
	})
}

func TestOpeningIsRepeatedWhenItsAnswerIsLost(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{nodes: 1})
	alice := connect(t, []string{s.url}, "alice")
	t.Run("ours", func(t *testing.T) {
		s.nodes[0].uplink.loseAnswer()
		l := login(t, s.url, proto.LoginRequest{Name: "bob", Device: "phone", Repeat: proto.RepeatReject})
		bob := enter(t, l)
		send(t, alice, l.User, "hi")
		if got := bob.message(); got != "hi" {
			t.Errorf("was shown %q", got)
		}
	})
	t.Run("CIM's", func(t *testing.T) {
		s.nodes[0].uplink.loseAnswer()
		zs := s.connectCIM("zs")
		send(t, alice, zs.user, "hi")
		if got := zs.texts(1); got[0] != "alice: hi" {
			t.Errorf("was shown %q", got)
		}
	})
}

// Messages that are sent while a connection waits for its confirmation are kept, and
// never answered "not here".
func TestWhatComesDuringTheHandshakeIsShown(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{nodes: 1})
	alice := connect(t, []string{s.url}, "alice")
	user := cimRegister(t, s.url, "bob")
	gate := make(chan struct{})
	s.nodes[0].uplink.set(func(_ context.Context, request any, call func() error) error {
		err := call()
		if report, ok := request.(*proto.ReportRequest); ok && len(report.Opened) > 0 {
			<-gate // recorded, and the node does not know
		}
		return err
	})
	var connecting sync.WaitGroup
	var bob *client.Client
	connecting.Go(func() {
		c, err := client.Connect(t.Context(), client.Config{Routes: []string{s.url}, Name: "bob", Device: "test"})
		if err != nil {
			t.Errorf("connect: %v", err)
		}
		bob = c
	})
	eventually(t, "the connection is recorded", func() bool { return s.recorded(user, "test") != nil })
	// The answer to a send does not wait for the push: the second sees the first's.
	send(t, alice, user, "one")
	if code := privately(t, s.url, alice.Self().User, user, "two"); code != "9000" {
		t.Errorf("message during the handshake: %s", code)
	}
	close(gate)
	connecting.Wait()
	if bob == nil {
		return
	}
	defer bob.Close()
	if got := shown(t, bob, 2); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("was shown %q", got)
	}
	if s.recorded(user, "test") == nil {
		t.Error("the record was closed during the handshake")
	}
}

func TestRepeatLoginIsRejectedOnlyWhileSomebodyIsThere(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{})
	q := proto.LoginRequest{Name: "bob", Device: "phone", Repeat: proto.RepeatReject}
	l := login(t, s.url, q)
	first := enter(t, l)
	if code := post(t, s.url+proto.PathLogin, "", q, nil); code != proto.Rejected {
		t.Errorf("repeat login: %v", code)
	}
	other := q
	other.Device = "desk"
	enter(t, login(t, s.url, other))
	var own proto.LoginAnswer
	back := proto.LoginRequest{Token: l.Token, Device: "phone", Repeat: proto.RepeatReject}
	if code := post(t, s.url+proto.PathLogin, "", back, &own); code != proto.OK {
		t.Fatalf("login with the device's own token: %v", code)
	}
	second := enter(t, own)
	if code := first.kicked(); code != proto.Replaced {
		t.Errorf("the first was told %v", code)
	}
	release, _ := s.station(own.Node.ID).uplink.holdClosings() // its record stays
	defer release()
	second.conn.Close()
	eventually(t, "a login after it has gone is let in", func() bool {
		return post(t, s.url+proto.PathLogin, "", q, nil) == proto.OK
	})
}

// Reports, pushes and kicks are hints. If one is lost, reconciliation finds that: the
// node goes through everything that it holds.
func TestReconciliationFindsWhatHintsLost(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{nodes: 1, node: func(c *node.Config) { c.Timeouts.Reconcile = 2 * time.Second }})
	bob := connect(t, []string{s.url}, "bob")
	zs := s.connectCIM("zs")
	for _, to := range []int64{bob.Self().User, zs.user} { // by nobody that pushes
		stored := s.store.Append(t.Context(), []record.Message{{
			From: to, FromName: "self", ID: "1", To: to, Text: "unpushed", Time: time.Now().UnixMilli(),
		}})
		if err := stored[0].Err; err != nil {
			t.Fatal(err)
		}
	}
	old := login(t, s.url, proto.LoginRequest{Name: "carol", Device: "phone"})
	carol := enter(t, old)
	next := login(t, s.url, proto.LoginRequest{Name: "carol", Device: "phone"})
	opened := s.store.OpenSessions(t.Context(), []record.Opening{{ // by a route that died before its kick
		User: old.User, Number: next.Number, Displaces: -1,
		Session: record.Session{Device: "phone", Node: "elsewhere", Boot: 1, Addr: "127.0.0.1:1"},
	}})
	if err := opened[0].Err; err != nil {
		t.Fatal(err)
	}
	if got := shown(t, bob, 1); got[0] != "unpushed" {
		t.Errorf("bob was shown %q", got)
	}
	if got := zs.texts(1); got[0] != "self: unpushed" {
		t.Errorf("zs was shown %q", got)
	}
	if code := carol.kicked(); code != proto.Replaced {
		t.Errorf("carol was told %v", code)
	}
}
