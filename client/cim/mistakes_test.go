package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/up"
	"github.com/cim-go/cim/node"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn"
	redis "github.com/cim-go/cim/routefn/record/spawn"
)

// Each test of this file tells the story of a mistake that users of CIM
// suffered from, on the whole system. The rooms' own tests tell the details.

// A server of CIM crashed, the login state stayed behind, and the user was told
// "repeat login" for ever. Here a crash leaves a record, too, but nobody believes
// it before the node that it names was asked.
func TestCrashLocksNobodyOut(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t, up.Config{})
	route := cluster.RouteURLs()[0]
	user := cimRegister(t, route, "alice")
	at, code := cimLoginAt(t, route, user, "alice")
	if code != "9000" {
		t.Fatalf("first login: %s", code)
	}
	alice := dialCIM(t, at.client(), user, "alice")
	within(t, patience, "the second login is a repeat login", func() bool {
		_, code := cimLoginAt(t, route, user, "alice")
		return code == "5000"
	})
	victim := nodeAt(t, cluster, at.client())
	bob := landOn(t, route, victim.ID)

	victim.Kill()
	alice.ended(patience)
	took := within(t, patience, "CIM's user is back on another node", func() bool {
		at, code := cimLoginAt(t, route, user, "alice")
		if code != "9000" {
			t.Fatalf("login after the crash: %s, want 9000 whatever the record says", code)
		}
		next, err := tryCIM(t, at.client(), user, "alice") // CIM cannot say which node it failed to reach
		alice = next
		return err == nil
	})
	t.Logf("back %v after the crash", took)
	again := login(t, route, proto.LoginRequest{
		Name: bob.Name, Device: bob.Device, Repeat: proto.RepeatReject, Avoid: []string{victim.ID},
	})
	enter(t, again)
	within(t, patience, "the new connection is the one that is written to", func() bool {
		return privately(t, route, again.User, user, "welcome back") == "9000"
	})
	if got := alice.texts(1); got[0] != bob.Name+": welcome back" {
		t.Errorf("was shown %q", got)
	}
}

func nodeAt(t *testing.T, c *up.Cluster, client string) *up.Node {
	t.Helper()
	for _, n := range c.Nodes() {
		if n.Client == client {
			return n
		}
	}
	t.Fatalf("no node takes clients at %s", client)
	return nil
}

// landOn connects a device that rejects repeat logins on a certain node.
func landOn(t *testing.T, route, id string) proto.LoginAnswer {
	t.Helper()
	for i := range 100 {
		l := login(t, route, proto.LoginRequest{Name: fmt.Sprintf("bob-%d", i), Device: "phone", Repeat: proto.RepeatReject})
		if l.Node.ID == id {
			enter(t, l)
			return l
		}
	}
	t.Fatalf("of 100 users nobody landed on %s", id)
	return proto.LoginAnswer{}
}

// CIM's route wrote down a server before anybody was connected to it, and when
// the client then fell back to another one, messages went to the first. Here only
// the node that holds the connection makes the record.
func TestRecordNamesTheNodeThatHoldsTheConnection(t *testing.T) {
	t.Parallel()
	for name, full := range map[string]bool{"unreachable": false, "full": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, plan{nodes: 3, node: func(c *node.Config) {
				if full && c.ID == "node-1" {
					c.Capacity = 1
				}
			}})
			alice := connect(t, []string{s.url}, "alice")
			if full {
				fill(t, s, "node-1")
			}
			fellBack := 0
			for i := 0; i < 20 && fellBack == 0; i++ {
				fellBack = s.connectAround(t, alice, fmt.Sprintf("bob-%d", i), full)
			}
			if fellBack == 0 {
				t.Fatal("of 20 users nobody had to fall back")
			}
		})
	}
}

// fill takes the only place on a node.
func fill(t *testing.T, s *system, id string) {
	t.Helper()
	for i := 0; s.station(id).Connections() == 0; i++ {
		if l := login(t, s.url, proto.LoginRequest{Name: fmt.Sprintf("carol-%d", i), Device: "phone"}); l.Node.ID == id {
			enter(t, l)
		}
	}
}

// connectAround connects a user who does not reach the first node he is sent to,
// or finds it full, and looks at the record at every step. It returns how many
// nodes he was sent to in vain.
func (s *system) connectAround(t *testing.T, alice *client.Client, name string, full bool) int {
	t.Helper()
	user := cimRegister(t, s.url, name)
	var tries []string
	bob, err := client.Connect(t.Context(), client.Config{
		Routes: []string{s.url}, Name: name, Device: "test",
		Dial: func(ctx context.Context, n proto.Node) (net.Conn, error) {
			if live := s.recorded(user, "test"); live != nil {
				t.Errorf("on the way to %s the record says %s", n.ID, live.Node)
			}
			tries = append(tries, n.ID)
			if !full && len(tries) == 1 {
				return nil, errLost
			}
			return new(net.Dialer).DialContext(ctx, "tcp", n.Address)
		},
	})
	if err != nil {
		t.Fatalf("connect %s: %v", name, err)
	}
	defer bob.Close()
	at := tries[len(tries)-1]
	live := s.recorded(user, "test")
	if live == nil || live.Node != at || live.Boot != s.station(at).member.Boot || bob.State().Node.ID != at {
		t.Fatalf("%s is connected to %s, the record says %+v", name, at, live)
	}
	send(t, alice, user, "hi")
	if got := shown(t, bob, 1); got[0] != "hi" {
		t.Errorf("was shown %q", got)
	}
	return len(tries) - 1
}

// The goodbye of an old connection ran late and deleted the record of the new
// one: the user was connected and was sent nothing. Here a goodbye closes its own
// number.
func TestLateGoodbyeKeepsTheNewConnection(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{})
	alice := connect(t, []string{s.url}, "alice")

	t.Run("ours", func(t *testing.T) {
		old := login(t, s.url, proto.LoginRequest{Name: "bob", Device: "phone"})
		first := enter(t, old)
		release, arrived := s.station(old.Node.ID).uplink.holdClosings()
		first.conn.Close()
		next := login(t, s.url, proto.LoginRequest{Name: "bob", Device: "phone", Avoid: []string{old.Node.ID}})
		second := enter(t, next)
		release()
		waitFor(t, arrived, "the late goodbye")
		if live := s.recorded(old.User, "phone"); live == nil || live.Number != next.Number || live.Node != next.Node.ID {
			t.Fatalf("the record says %+v, want number %d on %s", live, next.Number, next.Node.ID)
		}
		send(t, alice, old.User, "still there?")
		if got := second.message(); got != "still there?" {
			t.Errorf("was shown %q", got)
		}
	})

	t.Run("CIM's", func(t *testing.T) {
		first := s.connectCIM("carol")
		old := s.recorded(first.user, "cim")
		release, arrived := s.station(old.Node).uplink.holdClosings()
		first.conn.Close()
		within(t, patience, "the node has seen it go", func() bool {
			_, code := cimLoginAt(t, s.url, first.user, "carol")
			return code == "9000"
		})
		other := s.nodes[0]
		if other.member.ID == old.Node {
			other = s.nodes[1]
		}
		second := dialCIM(t, other.member.Client, first.user, "carol")
		within(t, patience, "the new connection is recorded", func() bool {
			live := s.recorded(first.user, "cim")
			return live != nil && live.Node == other.member.ID
		})
		release()
		waitFor(t, arrived, "the late goodbye")
		if code := privately(t, s.url, alice.Self().User, first.user, "still there?"); code != "9000" {
			t.Fatalf("message answered with %s: the route thinks that nobody is there", code)
		}
		if got := second.texts(1); got[0] != "alice: still there?" {
			t.Errorf("was shown %q", got)
		}
	})
}

func waitFor(t *testing.T, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("not within %v: %s", patience, what)
	}
}

// One server of four got half the users, for two virtual nodes a server, on a
// ring that every login rebuilt while others read it; one release sent everybody
// to the last server. Here four nodes share evenly, whoever comes back lands
// where he was, and a fifth node takes only what is its own, with logins all the
// while.
func TestUsersAreSpreadAndStay(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{nodes: 4})
	const users = 200
	ids := make([]int64, users)
	landed := make([]string, users)
	everybody(users, func(i int) {
		ids[i] = cimRegister(t, s.url, "user-"+strconv.Itoa(i))
		landed[i] = s.landing(t, ids[i], i)
	})
	counts := make(map[string]int)
	for _, address := range landed {
		counts[address]++
	}
	fair := users / 4.0
	for _, st := range s.nodes { // 5.7 standard deviations of a fair draw
		if n := counts[st.member.Client]; math.Abs(float64(n)-fair) > 35 {
			t.Errorf("%s got %d users of %d", st.member.ID, n, users)
		}
	}

	four := s.members()
	fifth := ring.Member{
		ID: "node-5", Boot: 5, Client: "127.0.0.1:1", HTTP: "127.0.0.1:2", Weight: 1000, State: ring.Serving,
	}
	stop := make(chan struct{})
	var changing sync.WaitGroup
	changing.Go(func() {
		for come := true; ; come = !come {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
			if come {
				s.table.Set(append(slices.Clone(four), fifth))
			} else {
				s.table.Set(four)
			}
		}
	})
	var moved atomic.Int64
	everybody(users, func(i int) {
		switch now := s.landing(t, ids[i], i); now {
		case landed[i]:
		case fifth.Client:
			moved.Add(1)
		default:
			t.Errorf("user %d moved from %s to %s, neither of which came or went", ids[i], landed[i], now)
		}
	})
	close(stop)
	changing.Wait()
	if n := moved.Load(); n > users*3/10 {
		t.Errorf("%d of %d users moved to the fifth node, which owns a fifth of them", n, users)
	}
}

func (s *system) landing(t *testing.T, user int64, i int) string {
	at, code := cimLoginAt(t, s.url, user, "user-"+strconv.Itoa(i))
	if code != "9000" {
		t.Errorf("login of user %d: %s", user, code)
	}
	return at.client()
}

// everybody calls f for 0 to n-1, eight at a time.
func everybody(n int, f func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	all.Wait()
}

// CIM answered "success" when nothing was delivered and nothing was kept. Here
// 9000 is said of what is stored and 7000 of what is stored for later; what is
// nowhere has another code.
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

// What waited offline was marked delivered before anyone had received it, came
// under the name of the first message's sender, and was not fetched after a
// reconnect. Here it is shown until it was taken, a frame for each sender, and
// nobody has to ask.
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
			c.conn.Close()
			s.offline(alice)
			continue
		}
		within(t, patience, "the cursor is behind what was taken", func() bool {
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
	cursors, err := s.store.Cursors(s.t.Context(), user, proto.CIMDevice)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, at := range cursors {
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
	within(t, patience, "everybody is shown everything", crowd.caughtUp)
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
	within(t, patience, "those on the node that stood still are shown everything", crowd.caughtUp)
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

// After a ZooKeeper session had expired, a live server was registered no more,
// for good. Here a node stands still until its session has ended, and is back in
// the registry when it goes on.
func TestExpiredSessionRegistersAgain(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t, up.Config{Nodes: 2, ZK: "spawn"})
	registry := zooKeeper(t, cluster.ZK())
	within(t, patience, "ZooKeeper lists two", func() bool { return listed(registry) == 2 })
	sleeper := cluster.Nodes()[1]
	if err := sleeper.Pause(); err != nil {
		t.Fatal(err)
	}
	within(t, 2*patience, "ZooKeeper has ended its session", func() bool { return listed(registry) == 1 })
	if err := sleeper.Resume(); err != nil {
		t.Fatal(err)
	}
	took := within(t, patience, "ZooKeeper lists two again", func() bool { return listed(registry) == 2 })
	t.Logf("registered again %v after it went on", took)
}

// A client that died before its first ping was never evicted.
func TestClientThatNeverPingsIsEvictedAndForgotten(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{node: func(c *node.Config) { c.PingEvery = time.Second }}) // silence is 3.3 s then
	dead, alive := s.connectCIM("alice"), s.connectCIM("bob")
	stop := make(chan struct{})
	var pinging sync.WaitGroup
	pinging.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Second):
				alive.ping()
			}
		}
	})
	dead.ended(patience)
	within(t, patience, "its record is closed", func() bool { return s.recorded(dead.user, "cim") == nil })
	close(stop)
	pinging.Wait()
	if s.recorded(alive.user, "cim") == nil {
		t.Error("the client that pings was evicted, too")
	}
}

// Anyone could log in as anyone. Where accounts have passwords, no frame gets a
// connection in that a route did not let in, and CIM's calls, which trust whatever
// id they are told, do not exist.
func TestNobodyLogsInAsSomebodyElse(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{
		route: func(c *routefn.Config) { c.Auth = routefn.AuthPassword },
		node:  func(c *node.Config) { c.Open = false },
	})
	secret := proto.RegisterRequest{Name: "alice", Password: "a secret"}
	var alice proto.RegisterAnswer
	if code := post(t, s.url+proto.PathRegister, "", secret, &alice); code != proto.OK {
		t.Fatal(code)
	}
	if code := post(t, s.url+proto.PathRegister, "", proto.RegisterRequest{Name: "alice", Password: "a guess"}, nil); code != proto.NameTaken {
		t.Errorf("her name with another password: %v", code)
	}
	if code := post(t, s.url+proto.PathLogin, "", proto.LoginRequest{Name: "alice", Password: "a guess", Device: "phone"}, nil); code != proto.WrongPassword {
		t.Errorf("login with another password: %v", code)
	}
	if status, _ := call(t, http.MethodPost, s.url+"/login", "", fmt.Appendf(nil, `{"userId":%d,"userName":"alice"}`, alice.User)); status != http.StatusNotFound {
		t.Errorf("CIM's login: %d", status)
	}
	dialCIM(t, s.nodes[0].member.Client, alice.User, "alice").ended(patience)

	var own proto.LoginAnswer
	if code := post(t, s.url+proto.PathLogin, "", proto.LoginRequest{Name: "alice", Password: "a secret", Device: "phone"}, &own); code != proto.OK {
		t.Fatal(code)
	}
	forged := own
	forged.Ticket = flipped(own.Ticket)
	if code := use(t, forged).kicked(); code != proto.BadTicket {
		t.Errorf("ticket with a flipped bit: %v", code)
	}
	for _, st := range s.nodes {
		if st.member.ID != own.Node.ID {
			elsewhere := own
			elsewhere.Node.Address = st.member.Client
			if code := use(t, elsewhere).kicked(); code != proto.WrongNode {
				t.Errorf("ticket at another node: %v", code)
			}
		}
		if n := st.Connections(); n != 0 {
			t.Errorf("%d strangers are on %s", n, st.member.ID)
		}
	}
	enter(t, own)
}

// flipped changes one bit in the middle of a ticket, which stays text.
func flipped(ticket string) string {
	b := []byte(ticket)
	b[len(b)/2] ^= 1
	return string(b)
}

// Frames had no size limit.
func TestLengthBuysNoMemory(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{nodes: 1})
	alice := s.connectCIM("alice")
	for _, prefix := range []string{"\xff\xff\xff\xff\x07", "\x81\x80\x04"} { // 2 GB; 64 KiB and one
		for _, first := range []string{string(cimBytes("bob", 1, cimLogin)), ""} {
			conn, err := net.Dial("tcp", s.nodes[0].member.Client)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write([]byte(first + prefix)); err != nil {
				t.Fatal(err)
			}
			if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			if n, err := conn.Read(make([]byte, 100)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("frame of length %x: %d bytes, %v, want the end", prefix, n, err)
			}
		}
	}
	alice.quiet()
}

// There was no back-pressure: who did not read cost the server memory without
// end. Here he costs his queue, nobody else is delayed, and he misses nothing.
func TestSlowReaderDelaysNobodyAndMissesNothing(t *testing.T) {
	t.Parallel()
	const queue = 16 << 10
	s := newSystem(t, plan{nodes: 1, node: func(c *node.Config) {
		c.OutboxBytes, c.Clients = queue, smallBuffers{c.Clients}
	}})
	routes := []string{s.url}
	alice, bob := connect(t, routes, "alice"), connect(t, routes, "bob")
	cimRegister(t, s.url, "carol")
	gate := make(chan struct{})
	carol, err := client.Connect(t.Context(), client.Config{Routes: routes, Name: "carol", Device: "test",
		Dial: func(ctx context.Context, n proto.Node) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", n.Address)
			if err != nil {
				return nil, err
			}
			return &stalled{Conn: conn, after: 200, gate: gate}, conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer carol.Close()
	const messages = 200
	var want []string
	for i := range messages {
		text := strconv.Itoa(i) + strings.Repeat(" ", 2000)
		want = append(want, text)
		if _, err := alice.SendEveryone(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	if got := shown(t, bob, messages); !slices.Equal(got, want) {
		t.Errorf("bob, who reads, was not shown what was said")
	}
	if lagging := counter(t, s.nodes[0], "cim_node_drops_total", "lagging"); lagging == 0 {
		t.Error("nothing was kept from the queue of a reader that does not read")
	}
	close(gate)
	if got := shown(t, carol, messages); !slices.Equal(got, want) {
		t.Errorf("carol, who reads again, was not shown what was said")
	}
}

// smallBuffers keeps the kernel from holding what a node has written.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return conn, conn.(*net.TCPConn).SetWriteBuffer(4 << 10)
}

// stalled reads some bytes and then nothing more until gate is closed.
type stalled struct {
	net.Conn
	after int // owned by the reader
	gate  chan struct{}
}

func (c *stalled) Read(p []byte) (int, error) {
	if c.after <= 0 {
		<-c.gate
		return c.Conn.Read(p)
	}
	n, err := c.Conn.Read(p[:min(len(p), c.after)])
	c.after -= n
	return n, err
}

// counter returns a metric of a node that has a label with the value.
func counter(t *testing.T, st *station, name, label string) float64 {
	t.Helper()
	families, err := st.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name && len(m.GetLabel()) == 1 && m.GetLabel()[0].GetValue() == label {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("there is no %s of %s", name, label)
	return 0
}

// Scripts made their keys inside, so that they could not run on Redis Cluster.
// Here everything does; the store's own tests look at each script.
func TestEverythingRunsOnRedisCluster(t *testing.T) {
	t.Parallel()
	store, err := redis.NewCluster(t.Context(), t.TempDir(), 3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Stop() })
	cluster := startCluster(t, up.Config{Nodes: 2, Redis: store.URL()})
	route := cluster.RouteURLs()[0]
	crowd := newCrowd(t, cluster.RouteURLs(), 12, "slot") // inboxes all over the slots
	for range 3 {
		crowd.round()
	}
	if _, err := crowd.writer.SendEveryone(t.Context(), "3"); err != nil {
		t.Fatal(err)
	}
	crowd.sent.Add(1)
	within(t, patience, "everybody is shown everything", crowd.caughtUp)
	user, writer := cimRegister(t, route, "alice"), crowd.writer.Self()
	if code := privately(t, route, writer.User, user, "waits"); code != "7000" {
		t.Fatalf("message to somebody offline: %s", code)
	}
	at, code := cimLoginAt(t, route, user, "alice")
	if code != "9000" {
		t.Fatalf("login: %s", code)
	}
	alice := dialCIM(t, at.client(), user, "alice")
	if got := alice.texts(1); got[0] != writer.Name+": waits" {
		t.Errorf("was shown %q", got)
	}
	if code := cimCode(t, route+"/offLine", fmt.Sprintf(`{"userId":%d}`, user), nil); code != "9000" {
		t.Errorf("offLine: %s", code)
	}
	alice.ended(patience)
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
