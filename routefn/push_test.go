package routefn

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/nodes"
	"github.com/cim-go/cim/routefn/push"
)

func TestGoneSessionIsClosed(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	bob.node.leave(bob.Number)
	w.send(alice.Token, proto.SendMessage{ID: "1", To: bob.User, Text: "are you there?"})
	w.flush()
	if got := w.live(bob.User, "phone"); got != 0 {
		t.Fatalf("live is %d, and the node said that it is gone", got)
	}
	if n := testutil.ToFloat64(w.route.metrics.Gone); n != 1 {
		t.Fatalf("counted %v", n)
	}
}

func TestRestartedNodeHoldsNothingOfBefore(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	bob.node.mu.Lock()
	bob.node.origin.Boot += 100
	bob.node.mu.Unlock()
	w.send(alice.Token, proto.SendMessage{ID: "1", To: bob.User, Text: "hi"})
	w.flush()
	if got := w.live(bob.User, "phone"); got != 0 {
		t.Fatalf("live is %d at a node that was started again", got)
	}
}

func TestPausedNodeDelaysNobody(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	for _, n := range w.nodes {
		n.pause()
	}
	start := time.Now()
	for _, id := range []string{"1", "2", "3", "4", "5"} {
		w.send(alice.Token, proto.SendMessage{ID: id, To: bob.User, Text: "hi"})
	}
	if took := time.Since(start); took > 5*nodes.Timeout { // the time if the sends waited for each other
		t.Fatalf("five sends took %v with the nodes paused", took)
	}
	w.flush() // the push times out, and the pushes behind it are dropped
	if got := w.live(bob.User, "phone"); got != bob.Number {
		t.Fatal("a paused node's session was closed")
	}
	if failed := testutil.ToFloat64(w.route.metrics.Outcomes.WithLabelValues(string(push.Failed))); failed == 0 {
		t.Fatal("no push failed")
	}
	bob.node.mu.Lock()
	defer bob.node.mu.Unlock()
	if bob.node.mostBusy > 1 {
		t.Fatalf("%d requests in flight at one node", bob.node.mostBusy)
	}
}
