package routefn

import (
	"net/http"
	"slices"
	"testing"
	"time"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/ring"
)

// move asks for a ticket for one connection, as its node does when it drains.
func (w *world) move(c connection, avoid ...string) *proto.Moved {
	w.t.Helper()
	var answer proto.MoveAnswer
	w.node(proto.PathNodeMove, &proto.MoveRequest{
		Origin: c.node.origin, Items: []*proto.MoveItem{{Session: c.session, Avoid: avoid}},
	}, &answer)
	if len(answer.Items) != 1 {
		w.t.Fatalf("%d answers to one item", len(answer.Items))
	}
	return answer.Items[0]
}

// use reports that the ticket was opened at the node that it names.
func (w *world) use(m *proto.Moved) *proto.Opened {
	w.t.Helper()
	return w.report(w.nodes[m.Node], w.opening(proto.LoginAnswer{Ticket: m.Ticket}))[0]
}

func TestMovedSessionDisplacesTheOneItCameFrom(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	moved := w.move(alice)
	if moved.Code != 0 || moved.Node == alice.node.origin.Node {
		t.Fatalf("moved from %s: %v", alice.node.origin.Node, moved)
	}
	if m, _ := w.table.Current().Member(moved.Node); moved.Address != m.Client || moved.Tls != m.TLS {
		t.Errorf("moved to %v, want the addresses of %v", moved, m)
	}
	if got := w.live(alice.User, "phone"); got != alice.Number {
		t.Fatalf("live is %d before the ticket was used, want %d", got, alice.Number)
	}
	opened := w.use(moved)
	if opened.Code != 0 || w.live(alice.User, "phone") != opened.Number {
		t.Fatalf("opened over there: %v", opened)
	}
	w.flush()
	kicks := alice.node.kicks()
	if len(kicks) != 1 || kicks[0].Number != alice.Number || proto.Code(kicks[0].Code) != proto.Replaced {
		t.Errorf("kicks of the old connection: %v", kicks)
	}
}

// A device connects again by itself while its node asks for a ticket. The ticket does
// not displace the newer connection.
func TestMoveDisplacesNoNewerConnection(t *testing.T) {
	w := newWorld(t, nil)
	old := w.connect("alice", "phone")
	moved := w.move(old)
	next := w.connect("alice", "phone")
	if code := proto.Code(w.use(moved).Code); code.Retry() != proto.RetryNever {
		t.Errorf("a ticket for a displaced session was answered with %v", code)
	}
	if got := w.live(old.User, "phone"); got != next.Number {
		t.Errorf("live is %d, want %d", got, next.Number)
	}
	if code := proto.Code(w.move(old).Code); code != proto.SessionUnknown {
		t.Errorf("a displaced session was moved: %v", code)
	}
}

func TestLoggedOutSessionIsNotMoved(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	if code := w.post(proto.PathLogout, alice.Token, proto.LogoutRequest{}, nil); code != proto.OK {
		t.Fatal(code)
	}
	if moved := w.move(alice); proto.Code(moved.Code) != proto.SessionUnknown || moved.Ticket != "" {
		t.Errorf("moved after the logout: %v", moved)
	}
}

func TestMoveNeedsTheProofOfTheSession(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	for name, spoil := range map[string]func(*proto.Session){
		"another user":   func(s *proto.Session) { s.User++ },
		"another device": func(s *proto.Session) { s.Device = "desk" },
		"no proof":       func(s *proto.Session) { s.Proof = nil },
		"CIM's device":   func(s *proto.Session) { s.Device, s.Proof = proto.CIMDevice, nil },
		"no number":      func(s *proto.Session) { s.Number = 0 },
	} {
		c := alice
		c.session = pb.CloneOf(alice.session)
		spoil(c.session)
		if moved := w.move(c); proto.Code(moved.Code).Retry() != proto.RetryNever || moved.Ticket != "" {
			t.Errorf("%s: %v", name, moved)
		}
	}
}

func TestMoveGoesAroundNodesThatWereNotReached(t *testing.T) {
	w := newWorld(t, nil)
	w.addNode("n3")
	alice := w.connect("alice", "phone")
	others := slices.DeleteFunc([]string{"n1", "n2", "n3"}, func(id string) bool { return id == alice.node.origin.Node })
	for range 20 {
		if moved := w.move(alice, others[0]); moved.Node != others[1] {
			t.Fatalf("moved from %s around %s to %v", alice.node.origin.Node, others[0], moved)
		}
		if moved := w.move(alice, others...); !slices.Contains(others, moved.Node) {
			t.Fatalf("moved from %s, having reached nobody, to %v", alice.node.origin.Node, moved)
		}
	}
}

func TestNobodyIsMovedWhereNobodyServes(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	var members []ring.Member
	for _, m := range w.table.Current().Members() {
		if m.ID != alice.node.origin.Node {
			m.State = ring.Draining
		}
		members = append(members, m)
	}
	w.table.Set(members)
	for name, items := range map[string][]*proto.MoveItem{"an item": {{Session: alice.session}}, "a question": nil} {
		body, err := pb.Marshal(&proto.MoveRequest{Origin: alice.node.origin, Items: items})
		if err != nil {
			t.Fatal(err)
		}
		status, _, b := w.call(http.MethodPost, proto.PathNodeMove, serviceToken, proto.ContentProtobuf, string(body))
		if code := w.decode(status, b, nil); code != proto.NoNode {
			t.Errorf("%s: %v", name, code)
		}
	}
}

func TestMovedTicketIsForItsNodeAndTwoMinutes(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.connect("alice", "phone")
	moved := w.move(alice)
	ticket, err := token.NewVerifier(w.issuer.Public()...).Ticket(moved.Ticket)
	if err != nil {
		t.Fatal(err)
	}
	life := time.Until(ticket.Expires)
	if ticket.Node != moved.Node || ticket.Displaces != alice.Number || ticket.Number <= alice.Number ||
		ticket.Name != "alice" || life > token.TicketLife || life < token.TicketLife-time.Minute {
		t.Errorf("ticket %+v, %v", ticket, life)
	}
}
