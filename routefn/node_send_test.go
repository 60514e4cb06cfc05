package routefn

import (
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
)

// The store lost something that the node does not know of yet. Messages that the node
// sends again are refused until it knows, because it must first send earlier messages
// again, which may be lost.
func TestWhatIsHandedOnAgainWaitsUntilTheNodeHasHeardOfALoss(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	none := int64(0)
	hand := func(id string, again bool, lost *int64) *proto.SendAnswer {
		t.Helper()
		var answer proto.SendAnswer
		w.node(proto.PathNodeSend, &proto.SendRequest{Origin: alice.node.origin, Lost: lost, Items: []*proto.SendItem{
			{Session: alice.session, Id: id, To: bob.User, Text: id, Again: again},
		}}, &answer)
		return &answer
	}
	stored := func(name string, a *proto.SendAnswer) {
		t.Helper()
		if a.Lost != 0 || a.Items[0].Code != 0 {
			t.Errorf("%s: %v", name, a)
		}
	}
	stored("before", hand("before", true, &none))
	if err := w.route.check.Look(); err != nil {
		t.Fatal(err)
	}
	w.redisDo("FLUSHALL")
	alice, bob = w.connect("alice", "phone"), w.connect("bob", "phone") // the same users as before
	time.Sleep(200 * time.Millisecond)                                  // so that the route looks at the store again
	refused := hand("again", true, &none)
	if code := proto.Code(refused.Items[0].Code); refused.Lost == 0 || code.Retry() != proto.RetryLater {
		t.Errorf("a message that was handed on before is answered %v", refused)
	}
	w.wantInbox(bob.Token)
	stored("a first try", hand("first", false, &none))
	stored("of a node of an earlier release", hand("earlier", true, nil))
	stored("of a node that has heard", hand("again", true, &refused.Lost))
	w.wantInbox(bob.Token, "first", "earlier", "again")
}
