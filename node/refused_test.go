package node

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
)

// A route is away for longer than a message may wait. Later messages, which the sender
// wrote before it got the refusal, reach the node when the route is back. They must not
// overtake the message that is sent again.
func TestWhatWasWrittenBehindARefusedMessageDoesNotOvertakeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		back := w.route.goAway()
		p := w.login(t, 1, 5)
		p.write(t, send("a"))
		wantAnswer(t, p, "a", proto.Unknown)
		back()
		p.write(t, send("b"), send("c"))
		wantAnswer(t, p, "b", proto.Unknown)
		wantAnswer(t, p, "c", proto.Unknown)
		for _, id := range []string{"a", "b", "c", "d"} {
			p.write(t, send(id))
		}
		for _, id := range []string{"a", "b", "c", "d"} {
			wantAnswer(t, p, id, proto.OK)
		}
	})
}

// If a sender gives up a refused message, its next message is refused, too. The node
// accepts that one when it is sent again.
func TestRefusedMessageMayBeGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		back := w.route.goAway()
		p := w.login(t, 1, 5)
		p.write(t, send("a"))
		wantAnswer(t, p, "a", proto.Unknown)
		back()
		p.write(t, send("b"))
		wantAnswer(t, p, "b", proto.Unknown)
		p.write(t, send("b"), send("c"))
		wantAnswer(t, p, "b", proto.OK)
		wantAnswer(t, p, "c", proto.OK)
	})
}

// However many refused messages a sender has given up, the node accepts its next
// message when that is sent again.
func TestMoreGivenUpThanAreRememberedLeavesNobodyDeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, back := refusedSender(t)
		for i := range 10 * 1024 {
			id := fmt.Sprint("given-up-", i)
			p.write(t, send(id))
			wantAnswer(t, p, id, proto.Unknown)
		}
		back()
		p.write(t, send("b"))
		wantAnswer(t, p, "b", proto.Unknown)
		p.write(t, send("b"), send("c"))
		wantAnswer(t, p, "b", proto.OK)
		wantAnswer(t, p, "c", proto.OK)
	})
}

// A sender that reads no answers is refused at full speed, but not for long: its
// connection ends.
func TestFloodOfRefusedMessagesEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := refusedSender(t)
		for i := range 17 * 1024 {
			p.write(t, send(fmt.Sprint("more-", i)))
			if f := p.next(t); f.Cmd == proto.Command_KICK {
				if proto.Code(f.Code) != proto.Unavailable || i < 16*1024 {
					t.Errorf("after %d messages it is kicked: %v", i, proto.Code(f.Code))
				}
				return
			}
		}
		t.Error("it goes on")
	})
}

// A sender that gave up all refused messages says by Heard that it knows of the
// refusals.
func TestSenderThatHeardAllAnswersIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, back := refusedSender(t)
		back()
		p.write(t, send("b"))
		wantAnswer(t, p, "b", proto.Unknown)
		c := send("c")
		c.Heard = true
		p.write(t, c, send("d"))
		wantAnswer(t, p, "c", proto.OK)
		wantAnswer(t, p, "d", proto.OK)
	})
}

// If a sender neither sends a message again nor says that it knows, the node closes its
// connection. On its next connection, no message of this one can be in the way.
func TestSenderThatNeverSendsAgainComesAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, back := refusedSender(t)
		back()
		for i := range 2 {
			id := fmt.Sprint("soon-", i)
			p.write(t, send(id))
			wantAnswer(t, p, id, proto.Unknown)
			time.Sleep(1500 * time.Millisecond) // half of what a sender may go on without a sign
		}
		time.Sleep(time.Second)
		p.write(t, send("later"))
		if f := p.next(t); f.Cmd != proto.Command_KICK || proto.Code(f.Code) != proto.Unavailable {
			t.Errorf("got %v, want to be told to come again", f)
		}
	})
}

// refusedSender returns a peer whose message "a" was answered Unknown, and a function
// that makes its route answer again.
func refusedSender(t *testing.T) (p *peer, back func()) {
	w := start(t, nil)
	w.route.set(func(s *script) { s.send = func(*proto.SendRequest) (*proto.SendAnswer, error) { return nil, errAway } })
	p = w.login(t, 1, 5)
	p.write(t, send("a"))
	wantAnswer(t, p, "a", proto.Unknown)
	return p, func() {
		w.route.set(func(s *script) {
			s.send = func(r *proto.SendRequest) (*proto.SendAnswer, error) { return accepted(r), nil }
		})
	}
}

func wantAnswer(t *testing.T, p *peer, id string, code proto.Code) {
	t.Helper()
	if f := p.next(t); f.Cmd != proto.Command_SEND_ANSWER || f.Id != id || proto.Code(f.Code) != code {
		t.Errorf("got %v, want %v for %s", f, code, id)
	}
}

// goAway makes the route refuse messages as one that cannot be reached. The function that
// it returns brings the route back, and it takes all messages.
func (r *script) goAway() (back func()) {
	away := true
	r.set(func(s *script) {
		s.send = func(r *proto.SendRequest) (*proto.SendAnswer, error) {
			if away {
				return nil, errAway
			}
			return accepted(r), nil
		}
	})
	return func() { r.set(func(*script) { away = false }) }
}
