package egress

import (
	"context"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/cim-go/cim/proto/tlsfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOnlyPublicAddressesAreCalled(t *testing.T) {
	for address, want := range map[string]bool{
		"93.184.216.34": true, "2606:2800:220:1:248:1893:25c8:1946": true, "::ffff:93.184.216.34": true, "64:ff9b::93.184.216.34": true,
		"127.0.0.1": false, "::1": false, "::ffff:127.0.0.1": false, "::127.0.0.1": false, "64:ff9b::127.0.0.1": false, "64:ff9b::10.0.0.1": false,
		"0.0.0.0": false, "::": false, "0.1.2.3": false,
		"10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false, "fd00::1": false,
		"169.254.169.254": false, "fe80::1": false, "fd00:ec2::254": false, "100.100.100.200": false, "192.0.0.192": false, // metadata services
		"224.0.0.1": false, "ff02::1": false, "255.255.255.255": false, "240.0.0.1": false,
		"100.64.0.1": false, "198.18.0.1": false, "2002:7f00:1::": false, "2001:0:7f00:1::": false, "fec0::1": false,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is public: %v", address, got)
		}
	}
}

// server serves handler over TLS on loopback, and returns its URL and what trusts it.
func server(t *testing.T, handler http.HandlerFunc) (at string, trust *tlsfile.Trust) {
	t.Helper()
	s := httptest.NewTLSServer(handler)
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	trust, err := tlsfile.LoadTrust(ca, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s.URL, trust
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func TestPrivateAddressNeedsLeave(t *testing.T) {
	calls := 0
	at, trust := server(t, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		_, _ = w.Write([]byte("keys"))
	})
	if _, err := New(Config{TLS: trust}).Get(t.Context(), at); !errors.Is(err, ErrForbidden) {
		t.Errorf("without leave: %v", err)
	}
	if _, err := New(Config{TLS: trust}).Get(t.Context(), strings.Replace(at, "127.0.0.1", "localhost", 1)); !errors.Is(err, ErrForbidden) {
		t.Errorf("by its name: %v", err)
	}
	if calls != 0 {
		t.Errorf("called %d times without leave", calls)
	}
	body, err := New(Config{TLS: trust, Allow: loopback}).Get(t.Context(), at)
	if err != nil || string(body) != "keys" {
		t.Errorf("with leave: %q, %v", body, err)
	}
	if _, err := New(Config{Allow: loopback}).Get(t.Context(), at); err == nil {
		t.Error("a certificate of an unknown authority was accepted")
	}
}

func TestURLsAreHTTPS(t *testing.T) {
	c := New(Config{Allow: loopback})
	for _, at := range []string{"http://example.org/keys", "file:///etc/passwd", "https://", "https:///keys", "//example.org", "https://alice:secret@example.org/", ""} {
		if _, err := c.Get(t.Context(), at); !errors.Is(err, ErrForbidden) {
			t.Errorf("%q: %v", at, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error tells the password: %v", at, err)
		}
	}
}

func TestAnswersAreBounded(t *testing.T) {
	at, trust := server(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/most":
			_, _ = w.Write(make([]byte, MaxAnswer))
		case "/large":
			_, _ = w.Write(make([]byte, 10<<20))
		case "/elsewhere":
			http.Redirect(w, r, "/most", http.StatusFound)
		case "/same":
			http.Redirect(w, r, "/most", http.StatusTemporaryRedirect)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	c := New(Config{TLS: trust, Allow: loopback})
	if body, err := c.Get(t.Context(), at+"/most"); err != nil || len(body) != MaxAnswer {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	for _, path := range []string{"/large", "/elsewhere", "/same", "/missing"} {
		if body, err := c.Get(t.Context(), at+path); err == nil {
			t.Errorf("%s: %d bytes and no error", path, len(body))
		}
	}
}

// A name may have a public address and a private one. Then nothing is called.
func TestOnePrivateAddressForbidsAll(t *testing.T) {
	d := dialer{find: func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("::ffff:127.0.0.1")}, nil
	}}
	if conn, err := d.dial(t.Context(), "tcp", "example.org:443"); !errors.Is(err, ErrForbidden) {
		if err == nil {
			conn.Close()
		}
		t.Errorf("%v", err)
	}
}

// The connection goes to the address that was checked, and the name is not resolved again.
func TestConnectionGoesToTheAddressThatWasChecked(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	asked := 0
	d := dialer{allow: loopback, find: func(context.Context, string) ([]netip.Addr, error) {
		asked++
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}}
	conn, err := d.dial(t.Context(), "tcp", net.JoinHostPort("nowhere.invalid", port))
	if err != nil || asked != 1 {
		t.Fatalf("resolved %d times, %v", asked, err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}
