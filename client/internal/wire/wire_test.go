package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/tlsfile"
	"github.com/cim-go/cim/proto/tlsfile/localca"
	"github.com/coder/websocket"
	pb "google.golang.org/protobuf/proto"
)

// echo answers every frame with itself until it is told to kick.
func echo(f *proto.Frame) (*proto.Frame, bool) {
	if f.ReqMsg == "kick" {
		return &proto.Frame{Cmd: proto.Command_KICK, Code: int32(proto.GoingAway)}, false
	}
	return f, true
}

// socketNode is a node's WebSocket side, which kicks by close code.
func socketNode(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{proto.SubprotocolBinary}})
	if err != nil || r.URL.Path != proto.PathSocket || c.Subprotocol() != proto.SubprotocolBinary {
		return
	}
	defer c.CloseNow()
	c.SetReadLimit(MaxFrame)
	for {
		_, b, err := c.Read(r.Context())
		if err != nil {
			return
		}
		f := new(proto.Frame)
		if f.Unmarshal(b) != nil {
			return
		}
		if f.ReqMsg == "kick" {
			c.Close(websocket.StatusCode(proto.GoingAway), "leaving")
			return
		}
		c.Write(r.Context(), websocket.MessageBinary, b)
	}
}

// streamNode is a node's TCP side.
func streamNode(t *testing.T, l net.Listener) {
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for {
					f, err := proto.ReadFrame(in, MaxFrame)
					if err != nil {
						return
					}
					f, more := echo(f)
					b, _ := proto.AppendFrame(nil, f)
					if _, err := conn.Write(b); err != nil || !more {
						return
					}
				}
			}()
		}
	}()
	t.Cleanup(func() { l.Close() })
}

func TestFramesTravelOverEveryTransport(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(socketNode))
	defer web.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(socketNode))
	defer secure.Close()
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	streamNode(t, plain)
	private, err := tls.Listen("tcp", "127.0.0.1:0", secure.TLS)
	if err != nil {
		t.Fatal(err)
	}
	streamNode(t, private)
	trust := secure.Client().Transport.(*http.Transport).TLSClientConfig
	for name, tt := range map[string]struct {
		socket bool
		node   proto.Node
	}{
		"TCP":              {false, proto.Node{Address: plain.Addr().String()}},
		"TLS":              {false, proto.Node{Address: private.Addr().String(), TLS: true}},
		"WebSocket":        {true, proto.Node{Address: web.Listener.Addr().String()}},
		"secure WebSocket": {true, proto.Node{Address: secure.Listener.Addr().String(), TLS: true}},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := Dialer{Dial: dial, TLS: trust, WebSocket: tt.socket, WriteTimeout: time.Minute}.Connect(t.Context(), tt.node)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			exchange(t, w)
		})
	}
}

func exchange(t *testing.T, w Wire) {
	t.Helper()
	frames := []*proto.Frame{
		{Cmd: proto.Command_SEND, Id: "1", ReqMsg: "你好"},
		{Cmd: proto.Command_SEND, Id: "2", ReqMsg: strings.Repeat("x", WriteChunk)},
		{Cmd: proto.Command_PING},
		{Cmd: proto.Command_SEND, ReqMsg: "kick"},
	}
	go w.Write(frames...)
	for _, want := range frames[:3] {
		if got, err := w.Read(); err != nil || !pb.Equal(got, want) {
			t.Fatalf("read %v, %v", got, err)
		}
	}
	f, err := w.Read()
	var coded *proto.Error
	if !(errors.As(err, &coded) && coded.Code == proto.GoingAway) && proto.Code(f.GetCode()) != proto.GoingAway {
		t.Errorf("read %v, %v: want the code", f, err)
	}
}

// A session is resumed at another node that shares the keys of tickets, if the certificate
// is valid for it, too.
func TestSessionIsResumedAtAnotherNode(t *testing.T) {
	ca, err := localca.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	roots, err := tlsfile.Roots(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	resumed := make(chan bool, 1)
	serve := func(host string, names ...string) string {
		cert, key, err := ca.Issue("node-"+host, names...)
		if err != nil {
			t.Fatal(err)
		}
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		config := &tls.Config{Certificates: []tls.Certificate{pair}}
		config.SetSessionTicketKeys([][32]byte{{1}})
		config.VerifyConnection = func(c tls.ConnectionState) error {
			resumed <- c.DidResume
			return nil
		}
		private, err := tls.Listen("tcp", host+":0", config)
		if err != nil {
			t.Fatal(err)
		}
		streamNode(t, private)
		return private.Addr().String()
	}
	first, second := serve("127.0.0.1", "127.0.0.1", "127.0.0.2"), serve("127.0.0.2", "127.0.0.1", "127.0.0.2")
	other := serve("127.0.0.3", "127.0.0.3")
	trust := &tls.Config{RootCAs: roots, ClientSessionCache: new(Sessions)}
	for i, c := range []struct {
		node string
		want bool
	}{{first, false}, {second, true}, {first, true}, {other, false}, {other, true}, {first, false}} {
		w, err := Dialer{Dial: dial, TLS: trust, WriteTimeout: time.Minute}.Connect(t.Context(), proto.Node{Address: c.node, TLS: true})
		if err != nil {
			t.Fatal(err)
		}
		exchange(t, w)
		w.Close()
		if got := <-resumed; got != c.want {
			t.Errorf("connection %d: resumed %v", i, got)
		}
	}
}

func TestUntrustedNodeIsNotTalkedTo(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.HandlerFunc(socketNode))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of what is wanted here
	secure.StartTLS()
	defer secure.Close()
	node := proto.Node{ID: "node-1", Address: secure.Listener.Addr().String(), TLS: true}
	for _, socket := range []bool{false, true} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		d := Dialer{Dial: dial, WebSocket: socket, WriteTimeout: time.Minute}
		if _, err := d.Connect(ctx, node); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("WebSocket %v: %v", socket, err)
		}
	}
}

func dial(ctx context.Context, node proto.Node) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", node.Address)
}
