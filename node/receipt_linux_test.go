package node

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
)

// overTCP starts a node for CIM clients over TCP, on each engine. Its route keeps
// their cursor.
func overTCP(t *testing.T, f func(t *testing.T, w *town)) {
	for _, e := range []link.Engine{link.EnginePortable, link.EngineEpoll} {
		t.Run(e.String(), func(t *testing.T) {
			t.Parallel()
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			w := start(t, func(c *Config) {
				c.CIM.Open, c.Clients, c.Port.Engine, c.Now = true, ln, e, time.Now
				c.Drain.Elsewhere = func() bool { return true }
			})
			number := int64(1000)
			w.route.set(func(s *script) {
				s.opening = func(*proto.Opening) *proto.Opened {
					acked := s.ackings()[proto.Inbox]
					s.mu.Lock()
					defer s.mu.Unlock()
					number++
					o := &proto.Opened{Number: number, Newest: []*proto.Mark{s.newestLocked(proto.Inbox)}}
					if acked > 0 {
						e := s.logs[proto.Inbox][acked-1]
						o.Cursors = []*proto.Mark{{Log: proto.Inbox, Epoch: epoch, Number: acked, Key: e.Key}}
					}
					return o
				}
			})
			f(t, w)
		})
	}
}

// sessionOf waits for the only connection to be open.
func (w *town) sessionOf(t *testing.T, number int64) (s *session) {
	t.Helper()
	wait.Until(t, "the client is here", func() bool {
		for _, p := range w.hub.Peers(1) {
			if p.Current().Number == number && p.at() == open {
				s = p
			}
		}
		return s != nil
	})
	return s
}

// says stores and pushes texts.
func (w *town) says(t *testing.T, number int64, texts ...string) {
	t.Helper()
	for _, text := range texts {
		stored := w.route.store(t, proto.Inbox, 2, 1, text)
		w.Push(push(&proto.PushItem{User: 1, Numbers: []int64{number}, Stored: stored}))
	}
}

func (w *town) cursorGets(t *testing.T, to int64) {
	t.Helper()
	wait.Until(t, fmt.Sprint("the cursor gets to ", to), func() bool { return w.route.ackings()[proto.Inbox] == to })
}

func (w *town) receivedGets(t *testing.T, to int64) {
	t.Helper()
	wait.Until(t, fmt.Sprint("the client's system is reported to have received ", to), func() bool { return w.route.received()[proto.Inbox] == to })
}

// staysAt waits for the connection's end, and then fails if the cursor is elsewhere.
func (w *town) staysAt(t *testing.T, at int64) {
	t.Helper()
	wait.Until(t, "the node sees the client go", func() bool { return slices.Contains(w.route.closings(), 1001) })
	time.Sleep(time.Second / 2) // a node waits less; too short a rest hides a fault, and makes none
	if got := w.route.ackings()[proto.Inbox]; got != at {
		t.Errorf("the cursor is at %d, want %d", got, at)
	}
}

// noted waits until a ping would acknowledge whatever the peer's TCP has.
func (s *session) noted(t *testing.T) {
	t.Helper()
	wait.Until(t, "the peer's TCP has everything, and two ticks saw it", func() bool {
		at := s.catchUp.Status()
		return at.Proven == at.Written
	})
}

// A client stands still with unread bytes in its kernel's buffer, for however long, and
// is killed. Afterwards it is shown these messages again.
func TestCIMCursorStaysBeforeWhatAKilledClientHadNotRead(t *testing.T) {
	overTCP(t, func(t *testing.T, w *town) {
		c := w.client(t)
		s := w.sessionOf(t, 1001)
		w.says(t, 1001, "1", "2")
		c.prints(t, "1", "2")
		s.noted(t)
		c.does(t, "ping")
		w.cursorGets(t, 2)

		c.stop(t)
		var unread []string
		for i := range 50 {
			unread = append(unread, fmt.Sprint("unread-", i))
		}
		w.says(t, 1001, unread...)
		s.noted(t)
		w.receivedGets(t, 52)
		c.prints(t, "1", "2")
		c.signal(t, syscall.SIGKILL)
		w.staysAt(t, 2)
		w.client(t).prints(t, unread...)
	})
}

// A client that closes with bytes in its kernel's buffer is shown them afterwards. That
// holds even if it closes in two steps, of which the first does not show the unread
// bytes, and stands still or is killed between them.
func TestCIMCursorStaysBeforeWhatAClientClosedOver(t *testing.T) {
	for _, way := range []string{"close", "close in two steps", "close half", "silence"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			overTCP(t, func(t *testing.T, w *town) {
				c := w.client(t)
				s := w.sessionOf(t, 1001)
				c.does(t, "read no more")
				c.prints(t, "deaf")
				w.says(t, 1001, "1") // it is reading
				c.prints(t, "deaf", "1")
				w.says(t, 1001, "unread")
				s.noted(t)
				if way == "silence" { // closed for it, a client proves nothing by how it ends
					s.link.Close(proto.Silent, "")
					c.does(t, "close in two steps")
				} else {
					c.does(t, way)
				}
				w.staysAt(t, 0)
				w.client(t).prints(t, "1", "unread")
			})
		})
	}
}

// A client that ends its sending with unread bytes is reported to have read what its
// system had some time before. That counts if it logs out. A client that closes at once
// or is killed did not end its sending, and nothing is reported.
func TestCIMReadIsReportedOfAClientThatEndedItsSending(t *testing.T) {
	for way, reported := range map[string]bool{"close in two steps": true, "close half": true, "close": false, "killed": false} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			overTCP(t, func(t *testing.T, w *town) {
				c := w.client(t)
				s := w.sessionOf(t, 1001)
				w.says(t, 1001, "1")
				c.prints(t, "1")
				s.noted(t)
				c.does(t, "read no more")
				c.prints(t, "1", "deaf")
				w.says(t, 1001, "2")
				c.prints(t, "1", "deaf", "2")
				w.says(t, 1001, "unread")
				w.receivedGets(t, 3)
				if way == "killed" {
					c.signal(t, syscall.SIGKILL)
				} else {
					c.does(t, way)
				}
				w.staysAt(t, 0)
				if got := w.route.left()[proto.Inbox]; (got > 0) != reported {
					t.Errorf("reported to have read %d", got)
				}
			})
		})
	}
}

// While a client reads and does not ping, the node reports once a second what the
// client's system has received. That counts if the node is killed.
func TestCIMReceivedIsReportedWithoutAPing(t *testing.T) {
	overTCP(t, func(t *testing.T, w *town) {
		c := w.client(t)
		s := w.sessionOf(t, 1001)
		for _, text := range []string{"1", "2"} {
			w.says(t, 1001, text)
			w.receivedGets(t, int64(text[0]-'0'))
		}
		s.noted(t)
		c.does(t, "ping")
		w.cursorGets(t, 2)
		reports := w.route.reported()
		time.Sleep(2500 * time.Millisecond) // two ticks, at which there is nothing new
		if n := w.route.reported(); n != reports {
			t.Errorf("%d reports of nothing new", n-reports)
		}
	})
}

// A connection that ends in order needs no ping: its client is shown nothing again.
func TestCIMIsNotShownAgainWhatItReadBeforeAnEndInOrder(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, w *town, c *client){
		"close":              func(t *testing.T, _ *town, c *client) { c.does(t, "close") },
		"close in two steps": func(t *testing.T, _ *town, c *client) { c.does(t, "close in two steps") },
		"killed":             func(t *testing.T, _ *town, c *client) { c.signal(t, syscall.SIGKILL) },
		"logged out": func(t *testing.T, w *town, _ *client) {
			w.Push(&proto.PushRequest{Boot: 77, Kicks: []*proto.Kick{{
				User: 1, Device: proto.CIMDevice, Number: 1001, Code: int32(proto.LoggedOut),
			}}})
		},
		"drain": func(_ *testing.T, w *town, _ *client) { w.Drain() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overTCP(t, func(t *testing.T, w *town) {
				c := w.client(t)
				w.sessionOf(t, 1001)
				w.says(t, 1001, "1", "2", "3")
				c.prints(t, "1", "2", "3")
				end(t, w, c)
				w.cursorGets(t, 3)
				wait.Until(t, "the end is reported", func() bool { return slices.Contains(w.route.closings(), 1001) })
				if name == "drain" {
					return
				}
				w.route.store(t, proto.Inbox, 2, 1, "4")
				w.client(t).prints(t, "4")
			})
		})
	}
}

// CIM's SDK logs out on one thread while another closes the connection, in two steps, over
// what it has not read. The node gives it time to do so, and writes nothing more if much waits.
// In both cases, the client is shown afterwards what it had not read.
func TestCIMLogoutBeforeTheEndProvesNothing(t *testing.T) {
	logout := &proto.PushRequest{Boot: 77, Kicks: []*proto.Kick{{
		User: 1, Device: proto.CIMDevice, Number: 1001, Code: int32(proto.LoggedOut),
	}}}
	overTCP(t, func(t *testing.T, w *town) {
		c := w.client(t)
		s := w.sessionOf(t, 1001)
		w.says(t, 1001, "1")
		c.prints(t, "1")
		c.stop(t)
		long := strings.Repeat("x", 20<<10)
		for n := 0; s.link.Queued() <= len(long); n++ {
			w.says(t, 1001, fmt.Sprint(long, n))
		}
		w.Push(logout)
		if n := s.link.Queued(); n != 0 {
			t.Errorf("%d bytes wait for a client that logged out", n)
		}
		w.says(t, 1001, "2")
		c.signal(t, syscall.SIGCONT) // it reads to the end
		w.staysAt(t, 0)
		if slices.Contains(c.printed(), "2") {
			t.Error("a client that had logged out was sent a message")
		}
	})
}

// The process of a client that logs out may get no processor for a while. Then its end comes
// long after the logout, over what it has not read. It is shown that afterwards.
func TestCIMLogoutLongBeforeTheEndProvesNothing(t *testing.T) {
	overTCP(t, func(t *testing.T, w *town) {
		c := w.client(t)
		w.sessionOf(t, 1001)
		w.says(t, 1001, "1")
		c.prints(t, "1")
		c.does(t, "read no more")
		c.prints(t, "1", "deaf")
		w.says(t, 1001, "2")
		c.prints(t, "1", "deaf", "2")
		w.says(t, 1001, "unread")
		w.receivedGets(t, 3)
		w.Push(&proto.PushRequest{Boot: 77, Kicks: []*proto.Kick{{
			User: 1, Device: proto.CIMDevice, Number: 1001, Code: int32(proto.LoggedOut),
		}}})
		time.Sleep(5 * leaveTime)
		c.does(t, "close in two steps")
		w.staysAt(t, 0)
	})
}

// A client that logged out and ends nothing is closed by the node a moment later. A client
// that ends its connection in that moment has read what it was sent.
func TestCIMLogoutGivesTheClientTimeToEnd(t *testing.T) {
	for _, ends := range []bool{true, false} {
		t.Run(fmt.Sprint("the client ends it: ", ends), inBubble(func(t *testing.T) {
			w := start(t, inOpenMode)
			p := w.cim(t, 1)
			cimOf(w, 1)
			w.says(t, 1001, "1")
			if f := p.next(t); f.ReqMsg != "1" {
				t.Fatalf("got %v", f)
			}
			w.Push(&proto.PushRequest{Boot: 77, Kicks: []*proto.Kick{{
				User: 1, Device: proto.CIMDevice, Number: 1001, Code: int32(proto.LoggedOut),
			}}})
			time.Sleep(longLeaveTime - time.Millisecond)
			p.quiet(t)
			if ends {
				_ = p.conn.Close()
			}
			time.Sleep(2 * time.Millisecond)
			p.ended(t)
			time.Sleep(time.Second)
			if got := w.route.ackings()[proto.Inbox]; ends != (got == 1) {
				t.Errorf("the cursor is at %d", got)
			}
		}))
	}
}
