package link

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	proxyproto "github.com/pires/go-proxyproto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/sourceip"
)

// dialFrom connects from one of the addresses that the loopback network has.
func dialFrom(t *testing.T, w *world, from string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Only peers that have proved nothing count against their address, and other addresses
// are not hurt.
func TestStrangersOfOneAddressAreBounded(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e, PerAddress: 2})
		var in []*recorder
		for range 4 { // logging in proves nothing before the owner says so
			_, r := w.login(t, ourLogin)
			r.link.Proved()
			in = append(in, r)
		}
		w.login(t, ourLogin)
		w.dial()
		<-w.accepted
		wantEnd(t, w.dial())
		conn := dialFrom(t, w, "127.0.0.2")
		r := <-w.accepted
		write(t, conn, ourLogin)
		<-r.frames
		for _, r := range in {
			if !r.link.isOpen() {
				t.Error("a peer that had proved itself was closed")
			}
		}
	})
}

// A peer that leaves makes room, and a peer that proves nothing for a second is closed
// for the next one.
func TestStrangerGivesWayToTheNext(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e, PerAddress: 2})
		first := w.dial()
		slow := <-w.accepted
		w.dial()
		young := <-w.accepted
		wantEnd(t, w.dial())
		_ = first.Close()
		wantCode(t, slow, proto.OK)
		for w.server.strangers.limiter.Held() > 1 { // what ends is counted off on its loop
			time.Sleep(time.Millisecond)
		}
		w.dial()
		<-w.accepted
		time.Sleep(time.Second) // the patience of a place; the two that are there are older then
		w.login(t, ourLogin)
		wantCode(t, young, proto.LoginTimeout)
	})
}

func TestPlacesAreGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inMemory(t, Config{PerAddress: 100})
		for i := range 20 {
			conn := w.dial()
			r := <-w.accepted
			if i%2 == 0 {
				write(t, conn, ourLogin)
				<-r.frames
				r.link.Proved()
			}
			_ = conn.Close()
			<-r.closed
		}
		synctest.Wait()
		if n, kept := w.server.strangers.limiter.Held(), len(w.server.strangers.of); n != 0 || kept != 0 {
			t.Errorf("%d places and %d links are left", n, kept)
		}
	})
}

// headers returns PROXY headers that name a client, in each form, which a proxy sends
// before the client's bytes.
func headers(t *testing.T, client string) map[string][]byte {
	t.Helper()
	h := map[string][]byte{}
	for name, version := range map[string]byte{"version 1": 1, "version 2": 2} {
		from := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(client))
		b, err := proxyproto.HeaderProxyFromAddrs(version, from, &net.TCPAddr{IP: from.IP, Port: 443}).Format()
		if err != nil {
			t.Fatal(err)
		}
		h[name] = b
	}
	return h
}

func TestClientBehindAProxyCountsAsItself(t *testing.T) {
	onPlainEngines(t, func(t *testing.T, e Engine) {
		proxies := sourceip.Proxies{netip.MustParsePrefix("127.0.0.1/32")}
		w := onTCP(t, Config{Engine: e, PerAddress: 1, Proxies: proxies})
		login := framed(t, ourLogin)
		for _, client := range []string{"198.51.100.1:5", "[2001:db8::1]:5"} {
			for name, head := range headers(t, client) {
				for step := 1; step < 1000; step *= 7 { // in pieces, and with the login behind it
					conn := w.dial()
					r := <-w.accepted
					for b := append(head[:len(head):len(head)], login...); len(b) > 0; {
						n := min(step, len(b))
						if _, err := conn.Write(b[:n]); err != nil {
							t.Fatal(err)
						}
						b = b[n:]
					}
					<-r.frames
					if got, want := w.server.strangers.from(r.link.id), netip.MustParseAddrPort(client).Addr(); got != want {
						t.Errorf("%s: comes from %v, want %v", name, got, want)
					}
					other := w.dial() // the same client holds its one place
					second := <-w.accepted
					_, _ = other.Write(head)
					<-second.closed
					wantEnd(t, other)
					r.link.Proved()
				}
			}
		}
		w.login(t, ourLogin) // the proxy itself, a check of health say, is no stranger
		w.login(t, ourLogin)
	})
}

func TestClientBehindAProxyOfRequestsCountsAsItself(t *testing.T) {
	w := onTCP(t, Config{PerAddress: 1, Proxies: sourceip.Proxies{netip.MustParsePrefix("127.0.0.0/8")}})
	dial := func(via string) error {
		conn, _, err := websocket.Dial(t.Context(), "ws://"+w.addr+proto.PathSocket,
			&websocket.DialOptions{HTTPHeader: http.Header{"X-Forwarded-For": {via}}})
		<-w.accepted
		if err == nil {
			t.Cleanup(func() { _ = conn.CloseNow() })
		}
		return err
	}
	for _, via := range []string{"198.51.100.1", "192.0.2.9, 198.51.100.2"} {
		if err := dial(via); err != nil {
			t.Errorf("%s: %v", via, err)
		}
		if dial(via) == nil {
			t.Errorf("%s: came twice", via)
		}
	}
}

// A peer that is no proxy cannot name another address.
func TestNobodyElseIsBelieved(t *testing.T) {
	onPlainEngines(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e, PerAddress: 1, Proxies: sourceip.Proxies{netip.MustParsePrefix("192.0.2.1/32")}})
		for name, head := range headers(t, "198.51.100.1:5") {
			conn := w.dial()
			r := <-w.accepted
			_, _ = conn.Write(append(head, make([]byte, 100)...)) // as a frame it has a length, which it fills
			if code := <-r.closed; code.Retry() != proto.RetryNever {
				t.Errorf("%s: closed with %v", name, code)
			}
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
			for w.server.Len() > 0 {
				time.Sleep(time.Millisecond)
			}
		}
	})
}

func TestBrokenProxyHeaderIsRefused(t *testing.T) {
	proxies := sourceip.Proxies{netip.MustParsePrefix("127.0.0.0/8")}
	long := make([]byte, 16+5000)
	copy(long, "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x13\x88")
	for name, b := range map[string][]byte{
		"no addresses":       []byte("PROXY TCP4\r\n"),
		"bad address":        []byte("PROXY TCP4 a b 1 2\r\n"),
		"line without end":   []byte("PROXY TCP4 198.51.100.1 " + string(make([]byte, 107))),
		"long second form":   long,
		"unknown version":    []byte("\r\n\r\n\x00\r\nQUIT\n\x31\x11\x00\x0c198510012345"),
		"short second form":  []byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x02xx"),
		"long line with end": append([]byte("PROXY TCP4 "+string(make([]byte, 107))), "\r\n"...),
	} {
		w := onTCP(t, Config{PerAddress: 1, Proxies: proxies})
		conn := w.dial()
		r := <-w.accepted
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
		select {
		case code := <-r.closed:
			if code != proto.BadFrame {
				t.Errorf("%s: closed with %v", name, code)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s: not closed", name)
		}
	}
}

func FuzzProxied(f *testing.F) {
	f.Add([]byte("PROXY TCP4 198.51.100.1 198.51.100.2 5 443\r\n"), 3)
	f.Add([]byte("\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"), 7)
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), 1)
	f.Fuzz(func(t *testing.T, b []byte, step int) {
		if step < 1 || step > 1000 {
			return
		}
		feedTo(t, &proxied{next: &sniffer{}}, b, step)
	})
}
