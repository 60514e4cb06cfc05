//go:build linux

package loadclients

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/benchwire"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/tlsfile"
	"github.com/cim-go/cim/proto/tlsfile/localca"
	"github.com/cim-go/cim/proto/wait"
)

// secureNode is a node that speaks TLS. It returns with its address what its clients
// trust.
func secureNode(t *testing.T, answer func(f *proto.Frame) []byte) (address string, trust *tls.Config) {
	t.Helper()
	ca, err := localca.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := ca.Issue("node", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	roots, err := tlsfile.Roots(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, listener, answer)
	return listener.Addr().String(), &tls.Config{RootCAs: roots}
}

func secureSeats(address string, n int, trust *tls.Config) []Seat {
	list := seats(address, n)
	for i := range list {
		list[i].TLS = trust
	}
	return list
}

// Answers are as long as several records, and cut where records are.
func TestClientsSpeakTLS(t *testing.T) {
	long := strings.Repeat("x", 40_000)
	push, err := proto.AppendFrame(nil, &proto.Frame{Cmd: proto.Command_MESSAGE, Id: "first", ReqMsg: long})
	if err != nil {
		t.Fatal(err)
	}
	address, trust := secureNode(t, func(f *proto.Frame) []byte {
		if f.Cmd == proto.Command_PING {
			return push
		}
		return append(benchwire.LoginAnswer(), push...)
	})
	trust.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	h := start(t)
	if err := h.pool.Connect(t.Context(), secureSeats(address, 20, trust), 3); err != nil {
		t.Fatal(err)
	}
	for _, c := range h.pool.Clients() {
		c.Send(benchwire.Ping())
	}
	for ctx := wait.Context(t); len(h.ids) < 40; {
		if err := h.pool.Poll(ctx, time.Second); err != nil {
			t.Fatalf("after %d messages: %v", len(h.ids), err)
		}
	}
	if last := h.pool.Clients()[19].secure.tls.ConnectionState(); !last.DidResume {
		t.Error("a later client does not resume the session of an earlier one")
	}
}

func TestClientWithoutTrustFailsThePool(t *testing.T) {
	address, _ := secureNode(t, func(*proto.Frame) []byte { return benchwire.LoginAnswer() })
	h := start(t)
	err := h.pool.Connect(wait.Context(t), secureSeats(address, 1, new(tls.Config)), 1)
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v", err)
	}
}

// A handshake that nobody answers ends with the pool.
func TestCloseEndsHandshakes(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	h := start(t)
	if err := h.pool.dial(secureSeats(listener.Addr().String(), 1, new(tls.Config))[0]); err != nil {
		t.Fatal(err)
	}
	c := h.pool.Clients()[0]
	h.pool.Close()
	if more, ok := c.secure.proceed(); ok {
		t.Errorf("the handshake goes on: %v", more)
	}
	h.pool.Close()
}
