package link

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"net"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
)

// starts returns functions that each begin a connection in one of the possible ways, up
// to the login.
func starts(t *testing.T, w *world, trust *tls.Config) map[string]func() net.Conn {
	upgraded := func(conn net.Conn) net.Conn {
		head := "GET " + proto.PathSocket + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
		if _, err := conn.Write([]byte(head)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 0, 512)
		for one := make([]byte, 1); !bytes.HasSuffix(b, []byte("\r\n\r\n")); b = append(b, one[0]) {
			if _, err := conn.Read(one); err != nil {
				t.Fatal(err)
			}
		}
		return conn
	}
	secure := func() net.Conn {
		conn := tls.Client(w.dial(), trust)
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	return map[string]func() net.Conn{
		"tcp":               w.dial,
		"websocket":         func() net.Conn { return upgraded(w.dial()) },
		"tls":               secure,
		"websocket on tls":  func() net.Conn { return upgraded(secure()) },
		"half a handshake":  func() net.Conn { c := w.dial(); _, _ = c.Write([]byte{0x16, 0x03, 0x01}); return c },
		"part of a request": func() net.Conn { c := w.dial(); _, _ = c.Write([]byte("GET ")); return c },
	}
}

// timedOut fails unless the sweep has closed the link for want of a login.
func timedOut(t *testing.T, r *recorder) {
	t.Helper()
	if len(r.closed) == 0 {
		t.Fatal("not closed")
	}
	wantCode(t, r, proto.LoginTimeout)
}

// A peer may take long to log in while few others have not logged in. If they become
// many after it came, it has less time.
func TestLoginTimeIsShortWhileManyHaveNotLoggedIn(t *testing.T) {
	onPlainEngines(t, func(t *testing.T, e Engine) {
		server, client := certified()
		w := onTCP(t, Config{Engine: e, LoginSlots: 12, TLS: server}, byHand)
		silent := func(n int64) {
			t.Helper()
			eventually(t, "the links without a login are counted", func() bool { return w.server.silent.Load() == n })
		}
		for name, start := range starts(t, w, client) {
			t.Run(name, func(t *testing.T) {
				silent(0)
				slow := start()
				defer func() { _ = slow.Close() }()
				r := <-w.accepted
				silent(1)
				eventually(t, "its answer is written", func() bool { return r.link.Queued() == 0 })
				w.pass(29 * time.Second) // alone, it has half a minute
				if len(r.closed) > 0 {
					t.Fatalf("closed with %v", <-r.closed)
				}
				w.pass(2 * time.Second)
				timedOut(t, r)
				_ = slow.Close()
				silent(0)

				slow = start()
				r = <-w.accepted
				eventually(t, "its answer is written", func() bool { return r.link.Queued() == 0 })
				w.pass(7 * time.Second)
				second := w.dial()
				<-w.accepted
				silent(2)
				w.pass(time.Second) // two are less than a quarter of twelve
				if len(r.closed) > 0 {
					t.Fatalf("closed with %v", <-r.closed)
				}
				third := w.dial()
				late := <-w.accepted
				silent(3)
				w.pass(time.Second)
				timedOut(t, r)
				if len(late.closed) > 0 {
					t.Errorf("one that has just come was closed with %v", <-late.closed)
				}
				for _, conn := range []net.Conn{slow, second, third} {
					_ = conn.Close()
				}
				silent(0)
			})
		}
	})
}

// A link that has logged in takes no slot. A single configured time limit still holds
// for both phases of a login.
func TestLoginTimeThatIsSetHoldsAlways(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e, LoginTimeout: 8 * time.Second, LoginSlots: 4}, byHand)
		w.login(t, ourLogin)
		if n := w.server.silent.Load(); n != 0 {
			t.Errorf("%d links are taken for such that have not logged in", n)
		}
		w.dial()
		r := <-w.accepted
		eventually(t, "the link is counted", func() bool { return w.server.silent.Load() == 1 })
		w.pass(7 * time.Second)
		if len(r.closed) > 0 {
			t.Fatalf("closed with %v", <-r.closed)
		}
		w.pass(2 * time.Second)
		timedOut(t, r)
	})
}

// Before its login a link may not send frames as long as those of others.
func TestFirstFrameIsShort(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e})
		for name, first := range map[string][]byte{
			"tcp":       binary.AppendUvarint(nil, maxFirst+1),
			"websocket": clientFrame(bitFin|opBinary, make([]byte, maxFirst+1))[:14],
		} {
			conn := starts(t, w, nil)[name]()
			r := <-w.accepted
			if _, err := conn.Write(first); err != nil { // its length only
				t.Fatal(err)
			}
			wantCode(t, r, proto.FrameTooLong)
		}
	})
}
