package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
)

func TestFirstFrameMustBeLogin(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e})
		conn := w.dial()
		r := <-w.accepted
		write(t, conn, &proto.Frame{Cmd: proto.Command_SEND, Id: "1"})
		wantCode(t, r, proto.NotLogin)
		kick := read(t, conn)
		if kick.Cmd != proto.Command_KICK || proto.Code(kick.Code) != proto.NotLogin || kick.ReqMsg == "" {
			t.Errorf("got %v, want a KICK that says NotLogin", kick)
		}
		wantEnd(t, conn)
	})
}

func TestStrangerGetsNoGoodbye(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e})
		for name, first := range map[string][]byte{
			"a ping":                  framed(t, &proto.Frame{Cmd: proto.Command_PING}),
			"bytes that are no frame": {3, 0xff, 0xff, 0xff},
			"an endless length":       bytes.Repeat([]byte{0xff}, 6),
			"a method of nobody's":    []byte("BREW / HTTP/1.1\r\n\r\n" + strings.Repeat("x", 100)),
		} {
			conn := w.dial()
			r := <-w.accepted
			if _, err := conn.Write(first); err != nil {
				t.Fatal(err)
			}
			if code := <-r.closed; code.Retry() != proto.RetryNever {
				t.Errorf("%s: closed with %v", name, code)
			}
			wantEnd(t, conn)
		}
	})
}

func TestFrameOverLimitIsRefusedByItsLength(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e, MaxFrame: 100})
		conn, r := w.login(t, ourLogin)
		if _, err := conn.Write([]byte{101}); err != nil { // its length only
			t.Fatal(err)
		}
		wantCode(t, r, proto.FrameTooLong)
		if kick := read(t, conn); proto.Code(kick.Code) != proto.FrameTooLong {
			t.Errorf("got %v", kick)
		}
	})
}

func TestFrameOfTheLimitComesThrough(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e})
		conn, r := w.login(t, ourLogin)
		f := &proto.Frame{Cmd: proto.Command_SEND, Id: "1", ReqMsg: strings.Repeat("x", proto.MaxFrame-10)}
		write(t, conn, f, f)
		for range 2 {
			if got := <-r.frames; got.ReqMsg != f.ReqMsg {
				t.Errorf("text of %d bytes arrived as %d", len(f.ReqMsg), len(got.ReqMsg))
			}
		}
	})
}

func TestBadFrameAfterLogin(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e})
		conn, r := w.login(t, ourLogin)
		if _, err := conn.Write([]byte{2, 0x18, 0xff}); err != nil {
			t.Fatal(err)
		}
		wantCode(t, r, proto.BadFrame)
		if kick := read(t, conn); proto.Code(kick.Code) != proto.BadFrame {
			t.Errorf("got %v", kick)
		}
	})
}

// An empty frame is one zero byte and decodes as a login of user 0; it is for
// the owner to refuse.
func TestEmptyFrameIsALogin(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e})
		conn := w.dial()
		r := <-w.accepted
		if _, err := conn.Write([]byte{0}); err != nil {
			t.Fatal(err)
		}
		if f := <-r.frames; f.Cmd != proto.Command_LOGIN_REQUEST || f.RequestId != 0 {
			t.Errorf("got %v", f)
		}
	})
}

func TestGoodbyeComesAfterWhatWaits(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e})
		conn, r := w.login(t, ourLogin)
		for n := range int64(100) {
			r.link.Send(NewPacket(message(n+1, "hi")))
		}
		r.link.Close(proto.Replaced, "")
		r.link.Close(proto.GoingAway, "the second call changes nothing")
		r.link.Send(NewPacket(message(101, "too late")))
		for n := range int64(100) {
			if f := read(t, conn); f.At.GetNumber() != n+1 {
				t.Fatalf("got %v, want message %d", f, n+1)
			}
		}
		if kick := read(t, conn); proto.Code(kick.Code) != proto.Replaced {
			t.Errorf("got %v, want Replaced", kick)
		}
		wantEnd(t, conn)
		wantCode(t, r, proto.Replaced)
	})
}

// A socket closed with unread bytes is reset, which takes the goodbye away from
// a peer that had not read it yet.
func TestGoodbyeSurvivesWhatThePeerStillSends(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e})
		conn, r := w.login(t, ourLogin)
		r.link.Close(proto.GoingAway, "")
		for range 50 {
			write(t, conn, &proto.Frame{Cmd: proto.Command_SEND, ReqMsg: strings.Repeat("x", 1000)})
		}
		if kick := read(t, conn); proto.Code(kick.Code) != proto.GoingAway {
			t.Errorf("got %v", kick)
		}
	})
}

func TestCIMGetsNoGoodbye(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e})
		conn, r := w.login(t, cimLogin)
		r.link.Close(proto.GoingAway, "")
		wantEnd(t, conn)
	})
}

func TestPeerThatGoesClosesItsLink(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e})
		conn, r := w.login(t, ourLogin)
		_ = conn.Close()
		wantCode(t, r, proto.OK)
	})
}

func TestPeerWithoutLoginIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inMemory(t, Config{})
		start := time.Now()
		conn := w.dial()
		r := <-w.accepted
		wantCode(t, r, proto.LoginTimeout)
		if took := time.Since(start); took < 30*time.Second || took > 32*time.Second {
			t.Errorf("closed after %v", took)
		}
		wantEnd(t, conn)
	})
}

func TestSilentPeerIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inMemory(t, Config{})
		start := time.Now()
		conn, r := w.login(t, ourLogin)
		time.Sleep(30 * time.Second)
		write(t, conn, &proto.Frame{Cmd: proto.Command_PING})
		<-r.frames
		if kick := read(t, conn); proto.Code(kick.Code) != proto.Silent {
			t.Errorf("got %v", kick)
		}
		wantCode(t, r, proto.Silent)
		if took := time.Since(start); took < 62*time.Second || took > 66*time.Second {
			t.Errorf("closed after %v", took)
		}
	})
}

func TestStalledSocketIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inMemory(t, Config{})
		start := time.Now()
		_, r := w.login(t, ourLogin)
		r.link.Send(NewPacket(message(1, "nobody reads this")))
		wantCode(t, r, proto.TooSlow)
		if took := time.Since(start); took < 30*time.Second || took > 33*time.Second {
			t.Errorf("closed after %v", took)
		}
	})
}

// A reader that is slow but takes something in time is not given up, however much
// waits for it.
func TestSlowSocketIsNotClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inMemory(t, Config{SilentAfter: time.Hour})
		conn, r := w.login(t, ourLogin)
		for n := range int64(1000) {
			r.link.Send(NewPacket(message(n+1, strings.Repeat("x", 1000))))
		}
		for range 10 {
			time.Sleep(25 * time.Second)
			if _, err := io.CopyN(io.Discard, conn, chunk); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case code := <-r.closed:
			t.Errorf("closed with %v", code)
		default:
		}
	})
}

func TestGoodbyeThatNobodyReadsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inMemory(t, Config{})
		_, r := w.login(t, ourLogin)
		r.link.Close(proto.Replaced, "")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := w.server.Len(); n != 0 {
			t.Errorf("%d links are left", n)
		}
	})
}

func TestHeldLinkIsNotReadAndNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inMemory(t, Config{})
		conn, r := w.login(t, ourLogin)
		synctest.Wait()
		r.link.Hold(true)
		// The reader is within a read already: that one frame still comes.
		write(t, conn, &proto.Frame{Cmd: proto.Command_PING})
		<-r.frames
		written := make(chan struct{})
		ping := framed(t, &proto.Frame{Cmd: proto.Command_PING})
		go func() {
			defer close(written)
			_, _ = conn.Write(ping)
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		select {
		case <-written:
			t.Error("a held link was read")
		case code := <-r.closed:
			t.Errorf("a held link was closed with %v", code)
		default:
		}
		r.link.Hold(false)
		<-r.frames
		<-written
	})
}

// A link whose outbox is full is not read, so that what it asks for cannot fill
// memory.
func TestFullOutboxStopsReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inMemory(t, Config{OutboxBytes: 1000})
		conn, r := w.login(t, ourLogin)
		synctest.Wait()
		for range 5 {
			r.link.Send(NewPacket(&proto.Frame{Cmd: proto.Command_SEND_ANSWER, ReqMsg: strings.Repeat("x", 300)}))
		}
		write(t, conn, &proto.Frame{Cmd: proto.Command_PING}) // within a read already
		<-r.frames
		ping := framed(t, &proto.Frame{Cmd: proto.Command_PING})
		go func() { _, _ = conn.Write(ping) }()
		synctest.Wait()
		if len(r.frames) != 0 {
			t.Fatal("a link with a full outbox was read")
		}
		for range 5 {
			read(t, conn)
		}
		<-r.frames
	})
}

func TestPauseOfOursClosesNobody(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e})
		_, r := w.login(t, ourLogin)
		w.server.sweep(time.Now().Add(time.Hour))
		w.server.sweep(time.Now().Add(time.Hour + time.Second))
		select {
		case code := <-r.closed:
			t.Errorf("closed with %v", code)
		default:
		}
	})
}

func TestLinksAboveTheLimitAreClosedAtOnce(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e, MaxLinks: 1})
		w.login(t, ourLogin)
		wantEnd(t, w.dial())
	})
}

func TestRunSaysGoingAway(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		accepted := make(chan *recorder, 1)
		c := overTLS(Config{Engine: e})
		c.Accept = func(l *Link) Handler {
			r := &recorder{link: l, frames: make(chan *proto.Frame, 9), closed: make(chan proto.Code, 1)}
			accepted <- r
			return r
		}
		s, err := NewServer(c)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx, ln) }()
		conn, err := dialAs(e, ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		r := <-accepted
		write(t, conn, ourLogin)
		<-r.frames
		cancel()
		if kick := read(t, conn); proto.Code(kick.Code) != proto.GoingAway {
			t.Errorf("got %v", kick)
		}
		_ = conn.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestRunFailsWithItsListener(t *testing.T) {
	ln := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	s, err := NewServer(Config{Accept: func(*Link) Handler { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	if err := s.Run(t.Context(), ln); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run returned %v", err)
	}
}
