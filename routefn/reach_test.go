package routefn

import (
	"net"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/stream"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/nodes"
)

// ownedBy registers users until n of them land on the node, and returns the names of
// these.
func (w *world) ownedBy(node string, n int) (names []string) {
	w.t.Helper()
	for i := 0; len(names) < n; i++ {
		name := node + "-user-" + strconv.Itoa(i)
		if owner, _ := w.table.Current().Ring().Owner(w.register(name)); owner == node {
			names = append(names, name)
		}
	}
	return names
}

func (w *world) landsOn(name string) string {
	w.t.Helper()
	return w.login(proto.LoginRequest{Name: name, Device: "phone"}).Node.ID
}

func (w *world) allLandOn(node string, names []string) {
	w.t.Helper()
	for _, name := range names {
		if got := w.landsOn(name); got != node {
			w.t.Errorf("%s lands on %s, want %s", name, got, node)
		}
	}
}

// restart makes the node answer again, at the same address.
func (n *fakeNode) restart(t *testing.T) {
	t.Helper()
	var l net.Listener
	wait.Until(t, "the address is free", func() (ok bool) {
		var err error
		l, err = net.Listen("tcp", n.origin.Address)
		return err == nil
	})
	n.streams = stream.NewServer(stream.ServerConfig{Handle: n.handle})
	n.server = httptest.NewUnstartedServer(n)
	_ = n.server.Listener.Close()
	n.server.Listener = counted{l, &n.accepted}
	n.server.Start()
}

// counted is a listener that counts the connections that it takes.
type counted struct {
	net.Listener
	accepted *atomic.Int64
}

func (c counted) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.accepted.Add(1)
	}
	return conn, err
}

// For some seconds after a node was killed, the members still list it. Meanwhile no
// login names it, and the users of other nodes stay where they are. Once it answers
// again, it gets its own users back.
func TestLoginsNameNoNodeThatWasKilled(t *testing.T) {
	for name, change := range map[string]func(*Config){"server": nil, "function": func(c *Config) { c.PlainHop = true }} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, change)
			first, second := w.ownedBy("n1", 5), w.ownedBy("n2", 5)
			w.allLandOn("n1", first)
			w.allLandOn("n2", second)
			dead := w.nodes["n1"]
			dead.stop()
			if name == "function" { // its knowledge about the node may be a second old
				wait.Within(t, nodes.ProbeEvery, "the dead node is named no more", func() bool { return w.landsOn(first[0]) == "n2" })
			}
			w.allLandOn("n2", first)
			w.allLandOn("n2", second)
			dead.restart(t)
			wait.Within(t, nodes.ProbeEvery, "the node that answers again is named", func() bool { return w.landsOn(first[0]) == "n1" })
			w.allLandOn("n1", first)
			w.allLandOn("n2", second)
		})
	}
}

// A node that is slow or paused keeps its users: a single timeout does not count.
func TestOneTimeoutLosesNoUsers(t *testing.T) {
	w := newWorld(t, nil)
	users := w.ownedBy("n1", 1)
	node := w.nodes["n1"]
	node.stop()
	slow, err := net.Listen("tcp", node.origin.Address) // it takes connections and does not answer
	if err != nil {
		t.Fatal(err)
	}
	if got := w.landsOn(users[0]); got != "n1" {
		t.Errorf("after one time-out the user lands on %s", got)
	}
	if got := w.landsOn(users[0]); got != "n2" {
		t.Errorf("after two in a row the user lands on %s", got)
	}
	slow.Close()
	node.restart(t)
	wait.Within(t, nodes.ProbeEvery, "the node that answers again is named", func() bool { return w.landsOn(users[0]) == "n1" })
}

// If no node can be reached, perhaps the route is cut off. Then logins name the same
// node as always.
func TestLoginNamesTheOwnerWhenNoneCanBeReached(t *testing.T) {
	w := newWorld(t, nil)
	users := w.ownedBy("n1", 1)
	for _, n := range w.nodes {
		n.stop()
	}
	w.allLandOn("n1", users)
}

// If one node cannot be reached and the client asks to avoid the other one, the login
// names the other one.
func TestNodeToAvoidIsBetterThanADeadOne(t *testing.T) {
	w := newWorld(t, nil)
	users := w.ownedBy("n2", 1)
	w.nodes["n2"].stop()
	l := w.login(proto.LoginRequest{Name: users[0], Device: "phone", Avoid: []string{"n1"}})
	if l.Node.ID != "n1" {
		t.Errorf("the user lands on %s, which is dead", l.Node.ID)
	}
}

func TestDrainMovesNobodyToADeadNode(t *testing.T) {
	w := newWorld(t, nil)
	w.addNode("n3")
	alice := w.connect("alice", "phone")
	var dead, alive *fakeNode
	for _, n := range w.nodes {
		switch {
		case n == alice.node:
		case dead == nil:
			dead = n
		default:
			alive = n
		}
	}
	dead.stop()
	for range 10 {
		if m := w.move(alice); m.Node != alive.origin.Node {
			t.Errorf("moved to %q, %v", m.Node, proto.Code(m.Code))
		}
	}
}

// A login does not cost the node a connection. The stream shows that the node can be
// reached, or one connection per second does.
func TestLoginsShareWhatTheyLearnOfANode(t *testing.T) {
	for name, change := range map[string]func(*Config){"server": nil, "function": func(c *Config) { c.PlainHop = true }} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, change)
			users := w.ownedBy("n1", 1)
			node := w.nodes["n1"]
			node.stop()
			node.restart(t)
			before := node.accepted.Load()
			begun := time.Now()
			for range 30 {
				w.landsOn(users[0])
			}
			opened := node.accepted.Load() - before
			if most := 1 + int64(time.Since(begun)/nodes.ProbeEvery); opened > most {
				t.Errorf("%d connections for 30 logins, want %d at most", opened, most)
			}
		})
	}
}
