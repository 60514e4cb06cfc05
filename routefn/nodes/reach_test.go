package nodes

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/cim-go/cim/proto"
)

// A push whose connection is refused makes a node unreachable, even if it was reachable
// a moment ago.
func TestRefusedPushIsEnough(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var tokens Tokens
	tokens.Set("a token")
	n := New(Config{HTTP: new(http.Client), Tokens: &tokens, Log: slog.New(slog.DiscardHandler), Plain: true})
	address := l.Addr().String()
	if !n.Reachable(t.Context(), address) {
		t.Fatal("a node that takes connections is unreachable")
	}
	l.Close()
	if _, err := n.Push(t.Context(), address, &proto.PushRequest{Boot: 1}); err == nil {
		t.Fatal("the push was not refused")
	}
	if known := n.contacts.nodes[address]; known == nil || known.down.IsZero() {
		t.Errorf("the node is known as %+v", known)
	}
}

func TestTimeoutsCountOnlyIfNothingCameBetween(t *testing.T) {
	var c contacts
	note := func(err error) bool { return c.note("n", wallClock(), err) }
	late := context.DeadlineExceeded
	for i, step := range []struct {
		err  error
		want bool
	}{{late, true}, {nil, true}, {late, true}, {late, false}, {nil, true}, {late, true}} {
		if got := note(step.err); got != step.want {
			t.Errorf("step %d: reachable is %v", i, got)
		}
	}
	begun := wallClock()
	for range 5 { // five logins that waited for one try
		c = contacts{}
		for range 5 {
			if !c.note("n", begun, late) {
				t.Error("one time-out that five waited for counts as several")
			}
		}
	}
}
