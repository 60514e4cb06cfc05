package process

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/proto/sourceip"
)

// guarded serves requests behind g until the test ends. A request to /token proves who
// its client is. Each request is answered with the address from which it came.
func guarded(t *testing.T, g *Guard) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		err := Serve(ctx, g.Listen(ln), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				sourceip.Proved(r.Context())
			}
			fmt.Fprint(w, g.Proxies.Client(r))
		}))
		if err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); serving.Wait() })
	return ln.Addr().String()
}

// get asks over a connection that stays open, and returns the answer's body, or nothing
// if the connection was closed.
func get(t *testing.T, at, before, path string) (net.Conn, string) {
	t.Helper()
	conn, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "%sGET %s HTTP/1.1\r\nHost: x\r\n\r\n", before, path)
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return conn, ""
	}
	b, _ := io.ReadAll(r.Body)
	return conn, string(b)
}

func TestGuardBoundsStrangersAlone(t *testing.T) {
	g := &Guard{PerAddress: 2}
	at := guarded(t, g)
	for range 5 {
		if _, from := get(t, at, "", "/token"); from != "127.0.0.1" {
			t.Errorf("with a token: %q", from)
		}
	}
	first, _ := get(t, at, "", "/")
	get(t, at, "", "/")
	if _, from := get(t, at, "", "/"); from != "" {
		t.Error("one stranger too many is served")
	}
	if g.Crowded() != 1 {
		t.Errorf("%d were closed", g.Crowded())
	}
	time.Sleep(time.Second) // a place is safe as long
	if _, from := get(t, at, "", "/"); from == "" {
		t.Error("a stranger that stays keeps another one out")
	}
	if b, _ := io.ReadAll(first); len(b) > 0 {
		t.Errorf("it was sent %q", b)
	}
}

func TestGuardBelievesProxies(t *testing.T) {
	g := &Guard{PerAddress: 1, Proxies: sourceip.Proxies{netip.MustParsePrefix("127.0.0.1/32")}}
	at := guarded(t, g)
	for _, c := range []struct{ before, want string }{
		{"PROXY TCP4 198.51.100.7 192.0.2.1 5 443\r\n", "198.51.100.7"},
		{"PROXY TCP6 2001:db8::7 2001:db8::1 5 443\r\n", "2001:db8::7"},
		{"", "127.0.0.1"},
	} {
		if _, from := get(t, at, c.before, "/"); from != c.want {
			t.Errorf("%q: comes from %q", c.before, from)
		}
	}
}

func TestGuardLimitsWhereOthersCanConnect(t *testing.T) {
	for args, want := range map[string][2]int{"": {0, 256}, "-1": {0, 0}, "7": {7, 7}} {
		var g Guard
		fs := flag.NewFlagSet("x", flag.ContinueOnError)
		g.Flags(fs)
		if args != "" {
			if err := fs.Set("per-address", args); err != nil {
				t.Fatal(err)
			}
		}
		if got := [2]int{g.Most("127.0.0.1:80"), g.Most("[::]:80")}; got != want {
			t.Errorf("%q: %v, want %v", args, got, want)
		}
	}
}
