package main

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/node"
	"github.com/cim-go/cim/proto"
)

// The tests of the mistakes files tell each the story of a mistake that users of
// CIM suffered from, on the whole system. The rooms' own tests tell the details.

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
	eventually(t, "the second login is a repeat login", func() bool {
		_, code := cimLoginAt(t, route, user, "alice")
		return code == "5000"
	})
	victim := nodeAt(t, cluster, at.client())
	bob := landOn(t, route, victim.ID)

	victim.Kill()
	alice.ended(patience)
	begun := time.Now()
	eventually(t, "CIM's user is back on another node", func() bool {
		at, code := cimLoginAt(t, route, user, "alice")
		if code != "9000" {
			t.Fatalf("login after the crash: %s, want 9000 whatever the record says", code)
		}
		next, err := tryCIM(t, at.client(), user, "alice") // CIM cannot say which node it failed to reach
		alice = next
		return err == nil
	})
	t.Logf("back %v after the crash", time.Since(begun))
	again := login(t, route, proto.LoginRequest{
		Name: bob.Name, Device: bob.Device, Repeat: proto.RepeatReject, Avoid: []string{victim.ID},
	})
	enter(t, again)
	eventually(t, "the new connection is the one that is written to", func() bool {
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
					c.Limits.Capacity = 1
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

// connectAround connects a user who does not reach the first node they are sent to,
// or finds it full, and looks at the record at every step. It returns how many
// nodes they were sent to in vain.
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
		eventually(t, "the node has seen it go", func() bool {
			_, code := cimLoginAt(t, s.url, first.user, "carol")
			return code == "9000"
		})
		other := s.nodes[0]
		if other.member.ID == old.Node {
			other = s.nodes[1]
		}
		second := dialCIM(t, other.member.Client, first.user, "carol")
		eventually(t, "the new connection is recorded", func() bool {
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
