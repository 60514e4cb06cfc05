package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/client/history"
	"github.com/cim-go/cim/proto"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func expect(t *testing.T, c *Client, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if got := receive(c); got != want {
			t.Fatalf("received %q, want %q", got, want)
		}
	}
}

func TestPushedMessagesAreReceivedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.store(proto.Inbox, "waited")
		c := connect(t, k.config())
		k.say(proto.Inbox, "one")
		expect(t, c, "waited", "one")
		k.say(proto.Everyone, "to all")
		expect(t, c, "to all")
		if u := c.Self(); u.User != alice || u.Name != "alice" || !c.State().Connected() {
			t.Errorf("self %v, state %v", u, c.State())
		}
	})
}

func TestOvertakenPushWaitsForTheMissingOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.store(proto.Inbox, "zero")
		c := connect(t, k.config())
		expect(t, c, "zero")
		pulls := len(k.pulls)
		one, two := k.store(proto.Inbox, "one"), k.store(proto.Inbox, "two")
		k.push(two)
		time.Sleep(earlyWait / 2)
		k.push(one)
		k.push(two)
		expect(t, c, "one", "two")
		time.Sleep(time.Second)
		if len(k.pulls) != pulls {
			t.Errorf("%d pulls although nothing was missing", len(k.pulls)-pulls)
		}
	})
}

func TestLostPushIsReadFromTheRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		k.store(proto.Inbox, "lost")
		k.say(proto.Inbox, "came")
		expect(t, c, "lost", "came")
		k.store(proto.Everyone, "lost too")
		k.tellNewest()
		expect(t, c, "lost too")
	})
}

func TestLongBacklogIsReadInPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		for n := range 3 * queueMax {
			k.store(proto.Inbox, fmt.Sprint(n))
		}
		c := connect(t, k.config())
		time.Sleep(time.Second)
		c.mu.Lock()
		waiting := len(c.in.queue)
		c.mu.Unlock()
		if waiting > queueMax {
			t.Errorf("%d wait, want at most %d", waiting, queueMax)
		}
		for n := range 3 * queueMax {
			expect(t, c, fmt.Sprint(n))
		}
	})
}

func TestOwnMessageIsKeptAndNotShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		cfg := k.config()
		cfg.History = history.NewMemory()
		c := connect(t, cfg)
		k.store(proto.Inbox, "before")
		r, err := c.Send(t.Context(), bob, "mine")
		if err != nil {
			t.Fatal(err)
		}
		k.say(proto.Inbox, "after")
		expect(t, c, "before", "after")
		if !cfg.History.Has(proto.Key(alice, r.ID)) {
			t.Error("the own message is not in the history")
		}
		if got := cfg.History.Positions(proto.Inbox)[1]; got != r.At {
			t.Errorf("own message kept at %v, want %v", got, r.At)
		}
	})
}

// A client that only sends keeps its messages without anybody calling Receive.
func TestOwnMessageIsKeptWhenSendReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		cfg := k.config()
		cfg.History = history.NewMemory()
		c := connect(t, cfg)
		time.Sleep(time.Second) // past the genesis entries
		for range 3 {
			r, err := c.SendEveryone(t.Context(), "mine")
			if err != nil {
				t.Fatal(err)
			}
			if !cfg.History.Has(proto.Key(alice, r.ID)) {
				t.Error("not kept")
			}
		}
	})
}

func TestMessageOfOtherDeviceIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		k.mu.Lock()
		m := k.acceptLocked(&proto.Frame{Id: "phone-1", To: bob, ReqMsg: "from my phone"})
		k.mu.Unlock()
		k.push(m)
		got, err := c.Receive(t.Context())
		if err != nil || got.From != alice || got.To != bob {
			t.Errorf("received %v, %v", got, err)
		}
	})
}

func TestLostAnswerIsSentAgainWithTheSameID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		first := true
		k.onSend = func(*proto.Frame) fate {
			lost := first
			first = false
			return fate{loseAnswer: lost}
		}
		c := connect(t, k.config())
		r, err := c.SendMessage(t.Context(), Outgoing{ID: "once", To: bob, Text: "hi"})
		if err != nil || r.ID != "once" {
			t.Fatalf("receipt %v, %v", r, err)
		}
		if len(k.sends) != 2 || k.sends[0].Again || !k.sends[1].Again || k.sends[1].Id != "once" {
			t.Errorf("sent %v", k.sends)
		}
		if n := len(k.logs[proto.Inbox].entries); n != 2 {
			t.Errorf("%d entries, want genesis and one message", n)
		}
	})
}

func TestRefusedForNowIsSentAgainBeforeNewerOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		failures := 3
		k.onSend = func(f *proto.Frame) fate { // a node lets nothing pass behind a failed one
			if f.Id == "a" {
				failures--
			}
			if failures >= 0 {
				return fate{code: proto.Unavailable}
			}
			return fate{}
		}
		c := connect(t, k.config())
		var pending []*Pending
		for _, id := range []string{"a", "b", "c"} {
			p, err := c.Enqueue(t.Context(), Outgoing{ID: id, To: bob, Text: id})
			if err != nil {
				t.Fatal(err)
			}
			pending = append(pending, p)
		}
		for n, p := range pending {
			r, err := p.Wait(t.Context())
			if err != nil || r.At.Number != int64(n+2) {
				t.Errorf("%s at %d: %v", p.ID(), r.At.Number, err)
			}
		}
	})
}

func TestRefusedForGoodReturnsTheCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.onSend = func(*proto.Frame) fate { return fate{code: proto.UnknownUser} }
		c := connect(t, k.config())
		if _, err := c.Send(t.Context(), 99, "hi"); codeOf(err) != proto.UnknownUser || errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("send: %v", err)
		}
		for name, m := range map[string]Outgoing{
			"nobody": {Text: "x"}, "both": {To: 1, Group: 1}, "bad id": {ID: "a b", To: 1},
			"not UTF-8": {To: 1, Text: "\xff"}, "too long": {To: 1, Text: strings.Repeat("x", proto.MaxFrame)},
		} {
			if _, err := c.SendMessage(t.Context(), m); codeOf(err).Retry() != proto.RetryNever {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestSendGivenUpIsNotSentAgainAndComesBackIfAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.onSend = func(*proto.Frame) fate { return fate{loseAnswer: true} }
		c := connect(t, k.config())
		time.Sleep(time.Second) // nothing is being read when the message is stored
		k.mu.Lock()
		k.onLogin = func(*session) *proto.Frame { return &proto.Frame{Cmd: proto.Command_KICK, Code: int32(proto.Full)} }
		k.mu.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Send(ctx, bob, "perhaps"); !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("send: %v", err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Send(ctx, bob, "never written"); err == nil || errors.Is(err, ErrOutcomeUnknown) {
			t.Fatalf("send without a connection: %v", err)
		}
		k.mu.Lock()
		k.onLogin = nil
		k.mu.Unlock()
		expect(t, c, "perhaps")
		if len(k.sends) != 1 {
			t.Errorf("%d sends, want 1", len(k.sends))
		}
	})
}

// A node that told messages back takes the first of them that comes again for the
// sign that their sender knows. A repetition that was written before he knew would
// let what follows it pass.
func TestSendGivenUpAndRepeatedIsWrittenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		k.mu.Lock()
		k.mute[c.State().Node.ID] = true
		k.mu.Unlock()
		enqueue := func(id string) *Pending {
			p, err := c.Enqueue(t.Context(), Outgoing{ID: id, To: bob, Text: id})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		pending := []*Pending{enqueue("1")}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.SendMessage(ctx, Outgoing{ID: "2", To: bob, Text: "2"}); !errors.Is(err, ErrOutcomeUnknown) {
			t.Fatalf("send: %v", err)
		}
		pending = append(pending, enqueue("3"), enqueue("2"))
		for _, p := range pending {
			if _, err := p.Wait(t.Context()); err != nil {
				t.Errorf("send %s: %v", p.ID(), err)
			}
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		written := ""
		for _, f := range k.sends {
			if written += f.Id; f.Again {
				written += "again "
			}
		}
		if written != "1231again 2again 3again " {
			t.Errorf("written %q", written)
		}
	})
}

func TestReconnectAvoidsFailedNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.unreachable["node-1"] = true
		c := connect(t, k.config())
		if e := next[Connected](t, c); e.Node.ID != "node-2" {
			t.Errorf("connected to %s", e.Node.ID)
		}
		delete(k.unreachable, "node-1")
		k.kick(proto.OK)
		next[Connected](t, c)
		synctest.Wait()
		last := k.logins[len(k.logins)-1]
		if len(last.Avoid) != 2 || last.Token != "token" || last.Password != "" {
			t.Errorf("login %+v: want both nodes avoided, and no password", last)
		}
		time.Sleep(avoidFor)
		k.kick(proto.Silent)
		next[Connected](t, c)
		synctest.Wait()
		if last := k.logins[len(k.logins)-1]; len(last.Avoid) != 0 {
			t.Errorf("login avoids %v after %s", last.Avoid, avoidFor)
		}
	})
}

func TestReplacedStops(t *testing.T) {
	for _, code := range []proto.Code{proto.Replaced, proto.LoggedOut, 4299} {
		synctest.Test(t, func(t *testing.T) {
			k := newCluster()
			c := connect(t, k.config())
			k.say(proto.Inbox, "last")
			synctest.Wait()
			k.kick(code)
			if e := next[Stopped](t, c); codeOf(e.Err) != code {
				t.Errorf("stopped by %v, want %v", e.Err, code)
			}
			expect(t, c, "last")
			if _, err := c.Receive(t.Context()); codeOf(err) != code {
				t.Errorf("receive: %v", err)
			}
			if _, err := c.Send(t.Context(), bob, "hi"); codeOf(err) != code {
				t.Errorf("send: %v", err)
			}
			time.Sleep(time.Hour)
			if len(k.logins) != 1 {
				t.Errorf("%d logins after %v", len(k.logins), code)
			}
		})
	}
}

func TestConnectReportsWhatNoRetryChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		cfg := k.config()
		cfg.Password = "guess"
		if _, err := Connect(t.Context(), cfg); codeOf(err) != proto.WrongPassword {
			t.Errorf("wrong password: %v", err)
		}
		cfg = k.config()
		cfg.History = history.NewMemory()
		cfg.History.Bind(bob)
		if _, err := Connect(t.Context(), cfg); !errors.Is(err, history.ErrOtherUser) {
			t.Errorf("another user's history: %v", err)
		}
		k.onCall = func(string, []byte) *proto.ErrorAnswer { return &proto.ErrorAnswer{Name: "unreachable"} }
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := Connect(ctx, k.config()); !errors.Is(err, ErrNoRoute) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("no route: %v", err)
		}
		if _, err := Connect(ctx, Config{Routes: []string{"localhost:1"}, Name: "x"}); err == nil {
			t.Error("a route without a scheme is taken")
		}
	})
}

func TestExpiredTokenFallsBackToPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.onCall = func(path string, body []byte) *proto.ErrorAnswer {
			var in proto.LoginRequest
			if path == proto.PathLogin && json.Unmarshal(body, &in) == nil && in.Token == "old" {
				return refuse(proto.Unauthorized)
			}
			return nil
		}
		cfg := k.config()
		cfg.Token = "old"
		if c := connect(t, cfg); c.Token() != "token" {
			t.Errorf("token %q", c.Token())
		}
		cfg.Name, cfg.Password = "", ""
		if _, err := Connect(t.Context(), cfg); codeOf(err) != proto.Unauthorized {
			t.Errorf("without a password: %v", err)
		}
	})
}

func TestNextRouteIsAskedWhenOneFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		cfg := k.config()
		cfg.Routes = []string{"http://broken", "http://route"}
		asked := map[string]int{}
		cfg.HTTP.Transport = hostCounter{k, asked}
		c := connect(t, cfg)
		k.say(proto.Inbox, "hi")
		expect(t, c, "hi")
		if asked["broken"] != 1 || asked["route"] < 2 {
			t.Errorf("asked %v: want the broken route once", asked)
		}
	})
}

func TestPausedNodeIsLeftWithin15Seconds(t *testing.T) {
	for name, send := range map[string]bool{"idle": false, "sending": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newCluster()
				c := connect(t, k.config())
				next[Connected](t, c)
				time.Sleep(35 * time.Second)
				synctest.Wait()
				if k.pings < 3 || !c.State().Connected() {
					t.Fatalf("%d pings in 35 s, connected: %v", k.pings, c.State().Connected())
				}
				k.mu.Lock()
				k.mute["node-1"] = true
				k.mu.Unlock()
				paused := time.Now()
				if send {
					for range 20 {
						c.Enqueue(t.Context(), Outgoing{To: bob, Text: "anybody?"})
						time.Sleep(500 * time.Millisecond)
					}
				}
				if e := next[Disconnected](t, c); !errors.Is(e.Err, errSilent) || e.RetryIn != 0 {
					t.Errorf("disconnected: %v", e)
				}
				if took := time.Since(paused); took > 15*time.Second {
					t.Errorf("left after %v", took)
				}
				if e := next[Connected](t, c); e.Node.ID != "node-2" {
					t.Errorf("went to %s", e.Node.ID)
				}
			})
		})
	}
}

func TestAcksAreRareAndTellWhatWasShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c, err := Connect(t.Context(), k.config())
		if err != nil {
			t.Fatal(err)
		}
		for n := range 100 {
			k.say(proto.Inbox, fmt.Sprint(n))
			expect(t, c, fmt.Sprint(n))
			time.Sleep(300 * time.Millisecond)
		}
		k.say(proto.Inbox, "not shown")
		k.say(proto.Inbox, "not shown either")
		synctest.Wait()
		expect(t, c, "not shown")
		c.Close()
		synctest.Wait()
		for n := 1; n < len(k.acks)-1; n++ {
			if gap := k.acks[n].at.Sub(k.acks[n-1].at); gap < ackInterval {
				t.Errorf("acks %v apart", gap)
			}
		}
		if n := len(k.acks); n < 6 || n > 8 {
			t.Errorf("%d acks in 30 s", n)
		}
		last := k.acks[len(k.acks)-1].cursors
		inbox := k.logs[proto.Inbox].entries
		if last[0] != inbox[len(inbox)-2].At {
			t.Errorf("last ack %v, want what was shown last", last)
		}
	})
}

func TestCursorIsWhereAClientWithoutHistoryBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.store(proto.Inbox, "seen")
		k.cursors = []proto.Position{k.logs[0].newest(0)}
		k.store(proto.Inbox, "new")
		k.store(proto.Everyone, "before my time")
		c := connect(t, k.config())
		expect(t, c, "new")
		k.say(proto.Everyone, "in my time")
		expect(t, c, "in my time")
	})
}

func TestTrimmedMessagesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		cfg := k.config()
		cfg.History = history.NewMemory()
		c := connect(t, cfg)
		k.say(proto.Inbox, "one")
		expect(t, c, "one")
		c.Close()
		for n := range 10 {
			k.store(proto.Inbox, fmt.Sprint(n))
		}
		l := k.logs[proto.Inbox]
		l.entries, l.trimmed = l.entries[8:], 8
		c = connect(t, cfg)
		expect(t, c, "6", "7", "8", "9")
		if e := next[Trimmed](t, c); e.From != 3 || e.To != 8 || e.Log != proto.Inbox {
			t.Errorf("%+v", e)
		}
	})
}

// A failover may lose the tail of a log and give its numbers again.
func TestDivergedLogIsResumedFromWhatBothKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		for n := range 10 {
			k.say(proto.Inbox, fmt.Sprint(n))
			expect(t, c, fmt.Sprint(n))
		}
		k.mu.Lock()
		k.logs[proto.Inbox].entries = k.logs[proto.Inbox].entries[:6] // up to "4"
		k.mu.Unlock()
		k.say(proto.Inbox, "new 5") // its number was "5", which was shown
		k.say(proto.Inbox, "new 6")
		expect(t, c, "new 5", "new 6")
		k.mu.Lock()
		*k.logs[proto.Inbox] = storedLog{epoch: 0xc}
		k.mu.Unlock()
		k.say(proto.Inbox, "another log")
		k.say(proto.Inbox, "goes on")
		expect(t, c, "another log", "goes on")
	})
}

func TestMoveKeepsSendingAndReceiving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		next[Connected](t, c)
		old := k.sessions()[0]
		k.mu.Lock()
		k.onLogin = func(*session) *proto.Frame { // the route displaces the old connection first
			old.out.put(&proto.Frame{Cmd: proto.Command_KICK, Code: int32(proto.Replaced)})
			old.out.close()
			return nil
		}
		k.mu.Unlock()
		k.tell(&proto.Frame{Cmd: proto.Command_REDIRECT, Node: "node-2", NodeAddress: "node-2:1", Ticket: "another"})
		if _, err := c.Send(t.Context(), bob, "meanwhile"); err != nil {
			t.Error(err)
		}
		if e := next[Connected](t, c); !e.Moved || e.Node != (proto.Node{ID: "node-2", Address: "node-2:1"}) {
			t.Errorf("%+v", e)
		}
		k.say(proto.Inbox, "over there")
		expect(t, c, "over there")
		if len(k.logins) != 1 {
			t.Errorf("%d logins, want the first only", len(k.logins))
		}
	})
}

func TestFailedMoveLogsInAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		next[Connected](t, c)
		k.mu.Lock()
		k.unreachable["node-9"] = true
		k.mu.Unlock()
		k.tell(&proto.Frame{Cmd: proto.Command_REDIRECT, Node: "node-9", NodeAddress: "node-9:1", Ticket: "another"})
		synctest.Wait()
		if !c.State().Connected() {
			t.Error("the old connection was left")
		}
		k.kick(proto.GoingAway)
		if e := next[Connected](t, c); e.Node.ID != "node-2" {
			t.Errorf("went to %s", e.Node.ID)
		}
	})
}

// The new node opened the session and its answer was lost: what displaces the old
// connection is this very client.
func TestReplacedByItsOwnFailedMoveComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		next[Connected](t, c)
		k.mu.Lock()
		k.onLogin = func(s *session) *proto.Frame {
			k.onLogin = nil
			s.out.close()
			return &proto.Frame{Cmd: proto.Command_PING}
		}
		k.mu.Unlock()
		k.tell(&proto.Frame{Cmd: proto.Command_REDIRECT, Node: "node-2", NodeAddress: "node-2:1", Ticket: "another"})
		synctest.Wait()
		k.kick(proto.Replaced)
		next[Connected](t, c)
		if _, err := c.Send(t.Context(), bob, "still here"); err != nil {
			t.Error(err)
		}
	})
}

func TestFailedHistoryLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		cfg := k.config()
		h := &failing{Memory: history.NewMemory()}
		cfg.History = h
		c := connect(t, cfg)
		k.say(proto.Inbox, "one")
		h.err = errors.New("disk is full")
		if _, err := c.Receive(t.Context()); !errors.Is(err, h.err) {
			t.Errorf("receive: %v", err)
		}
		h.err = nil
		expect(t, c, "one")
	})
}

type failing struct {
	*history.Memory
	err error
}

func (h *failing) Append(at proto.Position, m *proto.Message) error {
	if h.err != nil {
		return h.err
	}
	return h.Memory.Append(at, m)
}

func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.mute["node-1"] = true
		c := connect(t, k.config())
		p, err := c.Enqueue(t.Context(), Outgoing{To: bob, Text: "no answer"})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := errors.Join(c.Close(), c.Close()); err != nil {
			t.Error(err)
		}
		if _, err := p.Wait(t.Context()); !errors.Is(err, ErrClosed) || !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("wait: %v", err)
		}
		if _, err := c.Receive(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("receive: %v", err)
		}
		if _, err := c.Send(t.Context(), bob, "hi"); !errors.Is(err, ErrClosed) {
			t.Errorf("send: %v", err)
		}
		for range c.Events(t.Context()) { // ends by itself
		}
	})
}

func TestPeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		if u, err := Register(t.Context(), k.config()); err != nil || u.User != alice {
			t.Errorf("register: %v, %v", u, err)
		}
		c := connect(t, k.config())
		var names []string
		for u, err := range c.Online(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, u.Name)
		}
		if fmt.Sprint(names) != "[bob alice]" {
			t.Errorf("online: %v", names)
		}
		if u, err := c.UserByName(t.Context(), "bob"); err != nil || u.User != bob {
			t.Errorf("user: %v, %v", u, err)
		}
		if u, err := c.UserByID(t.Context(), bob); err != nil || u.Name != "bob" {
			t.Errorf("user: %v, %v", u, err)
		}
		if err := c.Logout(t.Context()); err != nil || !errors.Is(c.Err(), ErrClosed) {
			t.Errorf("log out: %v, %v", err, c.Err())
		}
	})
}
