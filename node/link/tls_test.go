package link

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/cim-go/cim/proto"
)

func TestTLSAndPlainShareThePort(t *testing.T) {
	onPlainEngines(t, func(t *testing.T, e Engine) {
		server, client := certified()
		w := onTCP(t, Config{Engine: e, TLS: server})

		secure, err := tls.Dial("tcp", w.addr, client)
		if err != nil {
			t.Fatal(err)
		}
		defer secure.Close()
		r := <-w.accepted
		write(t, secure, ourLogin)
		<-r.frames
		r.link.Close(proto.Replaced, "")
		if kick := read(t, secure); proto.Code(kick.Code) != proto.Replaced {
			t.Errorf("got %v", kick)
		}

		web := &http.Client{Transport: &http.Transport{TLSClientConfig: client}}
		defer web.CloseIdleConnections()
		socket := dialSocket(t, "wss://"+w.addr+proto.PathSocket, &websocket.DialOptions{HTTPClient: web})
		r = <-w.accepted
		if err := socket.Write(t.Context(), websocket.MessageBinary, encodeBinary(t, ourLogin)); err != nil {
			t.Fatal(err)
		}
		<-r.frames

		w.login(t, ourLogin)
		// 0x16 is a TLS record's first byte, and the length of this login.
		twentyTwo := &proto.Frame{RequestId: 7, ReqMsg: strings.Repeat("x", 18)}
		if b := framed(t, twentyTwo); b[0] != 0x16 {
			t.Fatalf("the login has length %#x", b[0])
		}
		w.login(t, twentyTwo)
	})
}

// A client of ours learns the reason, before its ticket reaches the owner. So does a
// peer that requests a WebSocket. A CIM client is told nothing, because it would not
// understand it.
func TestPlainPeersAreRefusedWhereOnlyTLSIsTaken(t *testing.T) {
	onPlainEngines(t, func(t *testing.T, e Engine) {
		server, client := certified()
		w := onTCP(t, Config{Engine: e, TLS: server, TLSOnly: true})

		plain := w.dial()
		login := framed(t, ourLogin)
		for _, part := range [][]byte{login[:3], login[3:]} {
			if _, err := plain.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		kick := read(t, plain)
		if proto.Code(kick.Code) != proto.NeedsTLS || !strings.Contains(kick.ReqMsg, "-tls-only") {
			t.Errorf("got %v", kick)
		}
		wantEnd(t, plain)
		noFrame(t, <-w.accepted)

		cim := w.dial()
		write(t, cim, &proto.Frame{RequestId: 7, ReqMsg: "alice"})
		wantEnd(t, cim)
		noFrame(t, <-w.accepted)

		answer, err := http.Get("http://" + w.addr + proto.PathSocket)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if b, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusForbidden || !strings.Contains(string(b), "-tls-only") {
			t.Errorf("%d %s", answer.StatusCode, b)
		}
		noFrame(t, <-w.accepted)

		secure, err := tls.Dial("tcp", w.addr, client)
		if err != nil {
			t.Fatal(err)
		}
		defer secure.Close()
		write(t, secure, ourLogin)
		<-(<-w.accepted).frames
	})
}

// noFrame fails if the owner of a link got a frame.
func noFrame(t *testing.T, r *recorder) {
	t.Helper()
	select {
	case f := <-r.frames:
		t.Errorf("the owner got %v", f)
	default:
	}
}
