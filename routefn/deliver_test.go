package routefn

import (
	"testing"

	"github.com/cim-go/cim/routefn/record"
)

// Numbers are the store's clock in milliseconds: two users who log in together
// have the same one, and a message from one to the other must not be taken for
// the sender's own copy.
func TestReceiverWithTheSendersNumberIsPushedTo(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	by := sender{user: alice.User, name: "alice", device: "phone", number: bob.Number}
	if _, err := w.route.send(t.Context(), by, []record.Message{{ID: "m1", To: bob.User, Text: "hi"}}); err != nil {
		t.Fatal(err)
	}
	w.flush()
	pushed := false
	for _, item := range bob.node.items() {
		if item.User == bob.User {
			pushed = item.Except == 0
		}
	}
	if !pushed {
		t.Fatalf("pushed %v, want an item for bob that leaves nobody out", bob.node.items())
	}
}
