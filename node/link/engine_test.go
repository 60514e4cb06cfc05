package link

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
)

// byHand keeps a server from sweeping by itself, so that its time advances only by
// pass.
func byHand(s *Server) { s.every = time.Hour }

// pass sweeps a server as if the duration d had passed. The server must be swept by
// hand.
func (w *world) pass(d time.Duration) {
	from := w.server.start.Add(time.Duration(w.server.clock.Load()) * time.Millisecond)
	for passed := time.Second; passed <= d; passed += time.Second {
		w.server.sweep(from.Add(passed))
	}
}

// eventually waits for a condition.
var eventually = wait.Until

// dialSlow connects with a small receive buffer.
func (w *world) dialSlow(t testing.TB) net.Conn {
	conn := w.dial()
	if err := tcpOf(conn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	return conn
}

// stuff sends numbered messages until the peer's socket takes nothing more and the
// link lags, and returns the number of the last.
func stuff(t testing.TB, l *Link) (last int64) {
	text := strings.Repeat("x", 1000)
	same, waits := 0, 0
	eventually(t, "the socket takes nothing more", func() bool {
		for range 100 {
			last++
			l.Send(NewPacket(message(last, text)))
		}
		now := l.Queued()
		if same++; now != waits || now == 0 {
			same, waits = 0, now
		}
		return same == 10
	})
	return last
}

func TestTimesOfRealSockets(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e}, byHand)
		conn := w.dial()
		r := <-w.accepted
		eventually(t, "the sweep sees the link", func() bool { return w.server.Len() == 1 })
		w.pass(31 * time.Second)
		wantCode(t, r, proto.LoginTimeout)
		wantEnd(t, conn)

		conn, r = w.login(t, ourLogin)
		w.pass(36 * time.Second)
		wantCode(t, r, proto.Silent)
		if kick := read(t, conn); proto.Code(kick.Code) != proto.Silent {
			t.Errorf("got %v", kick)
		}
		_ = conn.Close()

		conn, r = w.login(t, ourLogin)
		r.link.Close(proto.Replaced, "")
		wantCode(t, r, proto.Replaced)
		read(t, conn) // and it does not close
		w.pass(5 * time.Second)
		eventually(t, "a link that said goodbye ends", func() bool { return w.server.Len() == 0 })
	})
}

func TestStalledRealSocketIsClosed(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e, OutboxBytes: 64 << 10, SilentAfter: 10000 * time.Hour}, byHand)
		conn := w.dialSlow(t)
		r := <-w.accepted
		write(t, conn, ourLogin)
		<-r.frames
		p := NewPacket(message(1, strings.Repeat("x", 10000)))
		eventually(t, "it is closed", func() bool { // first the kernel takes some
			r.link.Send(p)
			w.pass(32 * time.Second)
			return len(r.closed) > 0
		})
		wantCode(t, r, proto.TooSlow)
		eventually(t, "a stalled link ends", func() bool { return w.server.Len() == 0 })
	})
}

func TestSlowReaderOfARealSocketMissesNothingSilently(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e, OutboxBytes: 64 << 10})
		conn, r := w.login(t, ourLogin)
		sent := stuff(t, r.link)
		last, told := int64(0), int64(0)
		from := bufio.NewReader(conn)
		for last < sent && told < sent {
			f, err := proto.ReadFrame(from, 1<<20)
			switch n := f.GetAt().GetNumber(); {
			case err != nil:
				t.Fatal(err)
			case f.Cmd == proto.Command_NEWEST:
				told = f.Newest[0].Number
			case n != last+1 && (n <= last || n > told+1):
				t.Fatalf("message %d after %d, the newest told is %d", n, last, told)
			default:
				last = n
			}
		}
		if told == 0 {
			t.Error("a link that lagged was told no newest place")
		}
		r.link.Send(NewPacket(&proto.Frame{Cmd: proto.Command_PING, ReqMsg: "the last"}))
		r.link.Close(proto.GoingAway, "")
		rest, err := io.ReadAll(from)
		if err != nil || !strings.Contains(string(rest), "the last") {
			t.Errorf("a reader that has caught up got %d bytes, %v", len(rest), err)
		}
	})
}

// Reading stops while the owner holds the link, and goes on where it stopped.
func TestHeldRealSocketIsReadLater(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e}, byHand)
		conn, r := w.login(t, ourLogin)
		for range 20 {
			r.link.Hold(true)
			write(t, conn, &proto.Frame{Cmd: proto.Command_SEND, Id: "1"}, &proto.Frame{Cmd: proto.Command_SEND, Id: "2"})
			w.pass(40 * time.Second) // the link is not silent but not listened to, or was heard
			r.link.Hold(false)
			if a, b := <-r.frames, <-r.frames; a.Id != "1" || b.Id != "2" {
				t.Fatalf("got %v, %v", a, b)
			}
		}
		if len(r.closed) > 0 {
			t.Errorf("closed with %v", <-r.closed)
		}
	})
}

func TestResetByPeerClosesItsLink(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e})
		conn, r := w.login(t, ourLogin)
		r.link.Hold(true)
		if err := tcpOf(conn).SetLinger(0); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		r.link.Hold(false)
		wantCode(t, r, proto.OK)
		eventually(t, "a reset link ends", func() bool { return w.server.Len() == 0 })
		if at := r.link.RemoteAddr(); at == nil {
			t.Error("an ended link has no address at all")
		}
	})
}

func TestRemoteAddrIsThePeers(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e})
		conn, r := w.login(t, ourLogin)
		if got, want := r.link.RemoteAddr().String(), conn.LocalAddr().String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// TestNoLinkGetsWhatIsAnothers closes connections from both ends at random moments.
// Meanwhile others write, read and hold them and request their addresses. So the
// numbers of descriptors are reused all the time. Each peer must get only what was sent
// to it.
func TestNoLinkGetsWhatIsAnothers(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		before := descriptors(t)
		t.Run("churn", func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			s := serveWith(t, Config{Engine: e, Linger: time.Second}, ln, func(l *Link) Handler { return &echo{link: l} })
			var peers sync.WaitGroup
			for i := range 8 {
				peers.Go(func() {
					for j := range 60 {
						if err := visit(e, ln.Addr().String(), fmt.Sprintf("%d-%d.", i, j)); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			peers.Wait()
			eventually(t, "all links end", func() bool { return s.Len() == 0 })
		})
		eventually(t, "all descriptors are closed", func() bool { return descriptors(t) <= before })
	})
}

// echo is a handler that answers a login's ticket many times and may go at any
// time.
type echo struct {
	link *Link
}

func (e *echo) Tick(time.Time)     {}
func (e *echo) Closed(proto.Code)  {}
func (e *echo) Ending() func(bool) { return nil }
func (e *echo) Handle(f *proto.Frame) {
	p := NewPacket(&proto.Frame{Cmd: proto.Command_PING, ReqMsg: f.Ticket})
	go func() {
		for range 50 {
			e.link.Send(p)
			e.link.Hold(rand.N(2) == 0)
			_ = e.link.RemoteAddr()
			if rand.N(100) == 0 {
				e.link.Close(proto.GoingAway, f.Ticket)
			}
			if rand.N(100) == 0 {
				e.link.abort(proto.OK)
			}
		}
		e.link.Hold(false)
	}()
}

// visit logs in, reads some frames and goes, politely or not.
func visit(e Engine, addr, name string) error {
	conn, err := dialAs(e, addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	login, err := proto.AppendFrame(nil, &proto.Frame{Cmd: proto.Command_LOGIN_REQUEST, Ticket: name})
	if err != nil {
		return err
	}
	if _, err := conn.Write(login); err != nil {
		return nil
	}
	for range rand.N(50) {
		f, err := proto.ReadFrame(byteReader{conn}, 1000)
		if err != nil {
			return nil // it was closed
		}
		if f.ReqMsg != name {
			return fmt.Errorf("%s got what was sent to %s", name, f.ReqMsg)
		}
	}
	if rand.N(2) == 0 {
		return tcpOf(conn).SetLinger(0)
	}
	return nil
}

// descriptors returns how many descriptors this process has, or zero if the system does
// not say.
func descriptors(t testing.TB) int {
	if runtime.GOOS != "linux" {
		return 0
	}
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestSendToARealSocketAllocatesNothing(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e})
		conn, r := w.login(t, ourLogin)
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		p := NewPacket(message(1, "hi"))
		send := func() {
			r.link.Send(p)
			for !idle(r.link) {
				runtime.Gosched()
			}
		}
		for range 100 {
			send()
		}
		most := 0.0
		if poolsForget {
			most = 3
		}
		if n := testing.AllocsPerRun(1000, send); n > most {
			t.Errorf("a Send and its write allocate %v times", n)
		}
	})
}
