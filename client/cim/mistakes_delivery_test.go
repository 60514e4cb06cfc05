package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/proto"
)

// CIM answered "success" when no message was delivered or kept. Here 9000 means stored,
// and 7000 means stored for later. A message that was not stored has another code.
func TestSuccessIsSaidOnlyOfWhatIsKept(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{})
	alice := cimRegister(t, s.url, "alice")
	bob := cimRegister(t, s.url, "bob")
	if code := privately(t, s.url, alice, 99, "to nobody"); code != "3000" {
		t.Errorf("message to nobody: %s, want 3000", code)
	}
	if code := privately(t, s.url, alice, bob, "for later"); code != "7000" {
		t.Errorf("message to somebody offline: %s, want 7000", code)
	}
	body := fmt.Sprintf(`{"userId":%d,"msg":"now or never","cmd":"MESSAGE"}`, bob)
	for _, st := range s.nodes {
		if code := cimCode(t, "http://"+st.member.HTTP+proto.PathCIMPush, body, nil); code != "7000" {
			t.Errorf("push to somebody who is not there: %s, want 7000", code)
		}
	}
	at := s.connectCIM("bob")
	if code := privately(t, s.url, alice, bob, "now"); code != "9000" {
		t.Errorf("message to somebody online: %s, want 9000", code)
	}
	if got := at.texts(2); !slices.Equal(got, []string{"alice: for later", "alice: now"}) {
		t.Errorf("was shown %q: what was answered 7000 and 9000, and nothing else", got)
	}
	ours := login(t, s.url, proto.LoginRequest{Name: "carol", Device: "phone"})
	s.redis.Close()
	status, answer := call(t, http.MethodPost, s.url+"/p2pRoute", "",
		fmt.Appendf(nil, `{"userId":%d,"receiveUserId":%d,"msg":"lost?"}`, alice, bob))
	if status != http.StatusServiceUnavailable || strings.Contains(string(answer), `"9000"`) {
		t.Errorf("message while the store is away: %d %s", status, answer)
	}
	message := proto.SendMessage{ID: "1", To: bob, Text: "lost?"}
	if code := post(t, s.url+proto.PathSend, ours.Token, message, nil); code.Retry() != proto.RetryLater {
		t.Errorf("message while the store is away: %v, want one to come back later with", code)
	}
}

// CIM marked waiting messages delivered before the receiver had them, showed them under
// the name of the first sender, and did not fetch them after a reconnect. Here they are
// shown until they are acknowledged, one frame per sender, and the client need not ask.
func TestWaitingMessagesAreShownUntilTheyWereTaken(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{})
	alice, bob, carol := cimRegister(t, s.url, "alice"), cimRegister(t, s.url, "bob"), cimRegister(t, s.url, "carol")
	for _, m := range []struct {
		from int64
		text string
	}{{bob, "one"}, {bob, "two"}, {carol, "three"}, {bob, "four"}} {
		if code := privately(t, s.url, m.from, alice, m.text); code != "7000" {
			t.Fatalf("message to somebody offline: %s", code)
		}
	}
	want := []string{"bob: one", "bob: two", "carol: three", "bob: four"}
	for life := range 2 { // the first ends before anything proved that it was taken
		c := s.connectCIM("alice")
		if got := c.texts(4); !slices.Equal(got, want) {
			t.Fatalf("connection %d was shown %q, want %q", life+1, got, want)
		}
		if life == 0 {
			c.conn.(*net.TCPConn).SetLinger(0) // resets the connection
			c.conn.Close()
			s.offline(alice)
			continue
		}
		eventually(t, "the cursor is behind what was taken", func() bool {
			c.quiet()
			return s.cursor(alice) == 4+1 // the log's genesis is the first entry
		})
		c.conn.Close()
		s.offline(alice)
	}
	if code := privately(t, s.url, carol, alice, "five"); code != "7000" {
		t.Fatalf("message to somebody offline: %s", code)
	}
	c := s.connectCIM("alice")
	if got := c.texts(1); got[0] != "carol: five" {
		t.Errorf("after what was taken: %q, want what came since", got)
	}
	c.quiet()
}

// CIM's SDK closes its connection and asks for /offLine. A program that builds the next
// client as soon as that is answered is shown nothing again.
func TestCIMClientThatClosesAndComesBackAtOnceIsShownNothingAgain(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{})
	alice, bob := cimRegister(t, s.url, "alice"), cimRegister(t, s.url, "bob")
	for life := range 5 {
		c := s.connectCIM("alice")
		text := strconv.Itoa(life)
		if code := privately(t, s.url, bob, alice, text); code != "9000" {
			t.Fatalf("message: %s", code)
		}
		if got := c.texts(1); got[0] != "bob: "+text {
			t.Errorf("connection %d was shown %q", life+1, got)
		}
		c.conn.Close()
		s.offline(alice)
	}
}

// offline does what CIM's client does when it has lost its connection.
func (s *system) offline(user int64) {
	s.t.Helper()
	if code := cimCode(s.t, s.url+"/offLine", fmt.Sprintf(`{"userId":%d,"msg":"offLine"}`, user), nil); code != "9000" {
		s.t.Fatalf("offLine: %s", code)
	}
}

// cursor returns how far the inbox of a CIM client was acknowledged.
func (s *system) cursor(user int64) int64 {
	s.t.Helper()
	cursors, err := s.store.Cursors(s.t.Context(), user)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, at := range cursors[proto.CIMDevice] {
		if at.Log == proto.Inbox {
			return at.Number
		}
	}
	return 0
}

// A message to everyone walked the whole key space, made one HTTP call a user,
// one after another, and ended at the first server that was dead. Here it is one
// push a node, and a node that stands still delays nobody.
func TestMessageToEveryoneIsOnePushANode(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t, up.Config{})
	crowd := newCrowd(t, cluster.RouteURLs(), 24, "every")
	everyone := func() {
		t.Helper()
		if _, err := crowd.writer.SendEveryone(t.Context(), strconv.FormatInt(crowd.sent.Load(), 10)); err != nil {
			t.Fatal(err)
		}
		crowd.sent.Add(1)
	}
	route := cluster.RouteURLs()[0]
	before := metric(t, route, `cim_route_pushes_total{outcome="done"}`)
	const messages = 5
	for range messages {
		everyone()
	}
	eventually(t, "everybody is shown everything", crowd.caughtUp)
	if pushes := metric(t, route, `cim_route_pushes_total{outcome="done"}`) - before; pushes > messages*3 {
		t.Errorf("%d messages to everyone took %v pushes to 3 nodes with 24 users", messages, pushes)
	}

	victim := cluster.Node(other(crowd))
	if err := victim.Pause(); err != nil {
		t.Fatal(err)
	}
	for range messages {
		everyone()
	}
	took := within(t, 2*time.Second, "those on the other nodes are shown everything", func() bool {
		return !slices.ContainsFunc(crowd.readers, func(r *reader) bool {
			return r.State().Node.ID != victim.ID && r.next.Load() < crowd.sent.Load()
		})
	})
	t.Logf("shown on the other nodes %v after %s stood still", took, victim.ID)
	if err := victim.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "those on the node that stood still are shown everything", crowd.caughtUp)
}

// other returns a node with readers on it that does not hold the writer.
func other(c *crowd) string {
	for _, r := range c.readers {
		if id := r.State().Node.ID; id != c.writer.State().Node.ID {
			return id
		}
	}
	c.t.Fatal("everybody is on the writer's node")
	return ""
}

// metric returns the value of a metric of a program, or -1 if it has none.
func metric(t *testing.T, url, name string) float64 {
	t.Helper()
	status, b := call(t, http.MethodGet, url+proto.PathMetrics, "", nil)
	if status != http.StatusOK {
		t.Fatalf("metrics: %d", status)
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			return v
		}
	}
	return -1
}

// Two messages of one sender changed places, because they were sent
// asynchronously and came through a pool of callbacks. Here their order holds
// although answers of the route are lost, requests to it fail, and messages are
// sent again.
func TestOrderOfASenderHoldsWhateverIsLost(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{})
	routes := []string{s.url}
	alice, bob := connect(t, routes, "alice"), connect(t, routes, "bob")
	carol := s.connectCIM("carol")
	var calls atomic.Int64
	for _, st := range s.nodes {
		st.uplink.set(func(_ context.Context, request any, call func() error) error {
			if _, ok := request.(*proto.SendRequest); !ok {
				return call()
			}
			switch calls.Add(1) % 5 {
			case 1:
				return errLost // never arrived
			case 3:
				if err := call(); err != nil {
					return err
				}
				return errLost // stored, and nobody knows
			}
			return call()
		})
	}
	const messages, window = 300, 10
	var want, wantCarol []string
	var pending []*client.Pending
	for i := range messages {
		out := client.Outgoing{To: bob.Self().User, Text: strconv.Itoa(i)}
		if i%3 == 1 {
			out = client.Outgoing{Group: proto.Everyone, Text: out.Text}
			wantCarol = append(wantCarol, "alice: "+out.Text)
		} else {
			want = append(want, out.Text)
		}
		p, err := alice.Enqueue(t.Context(), out)
		if err != nil {
			t.Fatal(err)
		}
		pending = append(pending, p)
		if i < window { // many requests, rather than a few large ones
			continue
		}
		if _, err := pending[i-window].Wait(t.Context()); err != nil {
			t.Fatalf("not accepted: %v", err)
		}
	}
	for _, p := range pending {
		if _, err := p.Wait(t.Context()); err != nil {
			t.Fatalf("not accepted: %v", err)
		}
	}
	var private, group []string
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for range messages {
		m, err := bob.Receive(ctx)
		if err != nil {
			t.Fatalf("bob was shown %d of %d: %v", len(private)+len(group), messages, err)
		}
		if m.Group != 0 {
			group = append(group, "alice: "+m.Text)
		} else {
			private = append(private, m.Text)
		}
	}
	if !slices.Equal(private, want) || !slices.Equal(group, wantCarol) {
		t.Errorf("bob was shown %q and %q", private, group)
	}
	if got := carol.texts(len(wantCarol)); !slices.Equal(got, wantCarol) {
		t.Errorf("carol was shown %q", got)
	}
	if calls.Load() < 20 {
		t.Errorf("only %d requests were made: nothing was lost", calls.Load())
	}
}

// A message under an id that its sender used for another one was answered as if it
// were stored, and was nowhere. A client that counts from 1 again after it was
// installed anew is told so, over its connection, too.
func TestIDThatIsUsedAgainIsSaidToBe(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	installed := func(name, device string) *client.Client {
		cfg := client.Config{Routes: []string{s.url}, Name: name, Device: device}
		if _, err := client.Register(ctx, cfg); err != nil {
			t.Fatal(err)
		}
		c, err := client.Connect(ctx, cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	send := func(c *client.Client, id string, to int64, text string, want error) {
		t.Helper()
		if _, err := c.SendMessage(ctx, client.Outgoing{ID: id, To: to, Text: text}); !errors.Is(err, want) {
			t.Errorf("%s to %d under the id %s: %v, want %v", text, to, id, err, want)
		}
	}
	reused := proto.Err(proto.IDReused, "")
	bob, carol := installed("bob", "phone").Self().User, installed("carol", "phone").Self().User
	first := installed("alice", "phone")
	send(first, "1", bob, "one", nil)
	send(first, "2", bob, "two", nil)
	send(first, "3", bob, "three", nil)
	send(first, "3", bob, "four", reused)
	send(first, "3", carol, "three", reused)

	again := installed("alice", "tablet")
	send(again, "1", bob, "one of the new installation", reused)
	send(again, "2", carol, "two", reused)
	send(again, "3", bob, "three", nil) // a repetition
	send(again, "4", carol, "four", nil)
}
