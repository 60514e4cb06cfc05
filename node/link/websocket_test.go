package link

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	gproto "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/node/link/ws"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/browser"
)

func dialSocket(t *testing.T, url string, o *websocket.DialOptions) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(1 << 20)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// dialSocket connects to the server, with TLS if its peers speak TLS.
func (w *world) dialSocket(t *testing.T, o *websocket.DialOptions) *websocket.Conn {
	t.Helper()
	if !w.secure {
		return dialSocket(t, "ws://"+w.addr+proto.PathSocket, o)
	}
	_, client := certified()
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: client}}
	t.Cleanup(web.CloseIdleConnections)
	if o == nil {
		o = new(websocket.DialOptions)
	}
	o.HTTPClient = web
	return dialSocket(t, "wss://"+w.addr+proto.PathSocket, o)
}

func encodeBinary(t *testing.T, f *proto.Frame) []byte {
	t.Helper()
	b, err := gproto.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWebSocketCarriesBinaryFrames(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e})
		for name, protocols := range map[string][]string{
			"named": {"other", proto.SubprotocolBinary}, "none named": nil,
		} {
			conn := w.dialSocket(t, &websocket.DialOptions{Subprotocols: protocols})
			r := <-w.accepted
			if len(protocols) > 0 && conn.Subprotocol() != proto.SubprotocolBinary {
				t.Errorf("%s: subprotocol %q", name, conn.Subprotocol())
			}
			for _, size := range []int{0, 100, 126, 1000, 60000} {
				f := &proto.Frame{Ticket: "t", ReqMsg: strings.Repeat("x", size)}
				if err := conn.Write(t.Context(), websocket.MessageBinary, encodeBinary(t, f)); err != nil {
					t.Fatal(err)
				}
				if got := <-r.frames; got.ReqMsg != f.ReqMsg {
					t.Errorf("%s: a text of %d bytes arrived as %d", name, size, len(got.ReqMsg))
				}
				r.link.Send(NewPacket(f))
				kind, b, err := conn.Read(t.Context())
				if err != nil || kind != websocket.MessageBinary || !bytes.Equal(b, encodeBinary(t, f)) {
					t.Errorf("%s: read %v, %d bytes, %v", name, kind, len(b), err)
				}
			}
		}
	})
}

func TestWebSocketCarriesJSON(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e})
		conn := w.dialSocket(t, &websocket.DialOptions{Subprotocols: []string{proto.SubprotocolJSON}})
		r := <-w.accepted
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(`{"cmd":"login-request","ticket":"t"}`)); err != nil {
			t.Fatal(err)
		}
		if f := <-r.frames; f.Ticket != "t" {
			t.Errorf("got %v", f)
		}
		r.link.Send(NewPacket(message(3, "你好")))
		kind, b, err := conn.Read(t.Context())
		if err != nil || kind != websocket.MessageText || !strings.Contains(string(b), `"text":"你好"`) {
			t.Errorf("read %v %s %v", kind, b, err)
		}
		for _, bad := range []string{`{"cmd":"login-request"`, `{"cmd":"nonsense"}`} {
			conn := w.dialSocket(t, &websocket.DialOptions{Subprotocols: []string{proto.SubprotocolJSON}})
			r := <-w.accepted
			if err := conn.Write(t.Context(), websocket.MessageText, []byte(bad)); err != nil {
				t.Fatal(err)
			}
			wantCode(t, r, proto.BadFrame)
			if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusCode(proto.BadFrame) {
				t.Errorf("%s: %v", bad, err)
			}
		}
	})
}

func TestWebSocketCloseHasTheCode(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e})
		conn := w.dialSocket(t, nil)
		r := <-w.accepted
		r.link.Close(proto.Full, strings.Repeat("满", 100))
		_, _, err := conn.Read(t.Context())
		if websocket.CloseStatus(err) != websocket.StatusCode(proto.Full) {
			t.Errorf("got %v", err)
		}
	})
}

func TestWebSocketPingAndGoodbyeOfTheClient(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e})
		conn := w.dialSocket(t, nil)
		r := <-w.accepted
		ctx := conn.CloseRead(t.Context())
		if err := conn.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(websocket.StatusNormalClosure, "bye"); err != nil {
			t.Error(err)
		}
		wantCode(t, r, proto.OK)
		<-ctx.Done()
	})
}

func TestWebSocketRefusals(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		pages, err := browser.New(browser.Config{Loopback: true, Hosts: []string{"x"}, Origins: []string{"https://chat.example.org"}})
		if err != nil {
			t.Fatal(err)
		}
		w := onTCP(t, Config{Engine: e, Pages: pages})
		good := "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://chat.example.org\r\n\r\n"
		for name, c := range map[string]struct {
			change, to string
			status     int
		}{
			"as it should be":   {"", "", 101},
			"another path":      {"/ws", "/", 404},
			"no upgrade":        {"Upgrade: WebSocket\r\n", "", 426},
			"version 8":         {": 13", ": 8", 426},
			"no key":            {"dGhlIHNhbXBsZSBub25jZQ==", "", 400},
			"another origin":    {"https://chat", "https://evil", 403},
			"another host":      {"Host: x", "Host: rebound.example", 403},
			"other protocols":   {"\r\n\r\n", "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", 400},
			"no request at all": {"HTTP/1.1", "", 400},
			"a head too long":   {"\r\n\r\n", strings.Repeat("x", maxHead), 431},
		} {
			conn := w.dial()
			r := <-w.accepted
			if _, err := io.WriteString(conn, strings.Replace(good, c.change, c.to, 1)); err != nil {
				t.Fatal(err)
			}
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || answer.StatusCode != c.status {
				t.Errorf("%s: %v %v, want %d", name, answer, err, c.status)
				continue
			}
			if c.status != 101 {
				<-r.closed
				continue
			}
			if got := answer.Header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
				t.Errorf("accept key %q, want RFC 6455's", got)
			}
		}
	})
}

// The bits of a frame's first two bytes and the opcodes, as RFC 6455 (section 5.2) has them.
const (
	bitFin     = 0x80
	bitMask    = 0x80
	opContinue = ws.Continue
	opText     = ws.Text
	opBinary   = ws.Binary
	opClose    = ws.Close
	opPing     = ws.Ping
	opPong     = ws.Pong
	maxControl = 125 // bytes of a control frame's payload
)

// clientFrame is a masked frame.
func clientFrame(first byte, payload []byte) []byte {
	b := ws.AppendMessage(nil, 0, payload)
	head := len(b) - len(payload)
	mask := [4]byte{1, 2, 3, 4}
	out := append([]byte{first}, b[1:head]...)
	out[1] |= bitMask
	out = append(out, mask[:]...)
	ws.Unmask(b[head:], mask, 0)
	return append(out, b[head:]...)
}

func TestWebSocketFragmentsAndControlFramesBetween(t *testing.T) {
	body := encodeBinary(t, ourLogin)
	stream := clientFrame(opBinary, body[:1])
	stream = append(stream, clientFrame(bitFin|opPing, []byte("p"))...)
	stream = append(stream, clientFrame(opContinue, nil)...)
	stream = append(stream, clientFrame(bitFin|opContinue, body[1:])...)
	for step := 1; step <= len(stream); step++ {
		got := feed(t, false, stream, step)
		if len(got.frames) != 1 || got.frames[0].Ticket != "t" || got.err != nil {
			t.Fatalf("in steps of %d: %d frames, %v", step, len(got.frames), got.err)
		}
	}
}

func TestWebSocketBreaches(t *testing.T) {
	body := encodeBinary(t, ourLogin)
	unmasked := ws.AppendMessage(nil, opBinary, body)
	longForm := append([]byte{bitFin | opBinary, bitMask | 126, 0, 5, 0, 0, 0, 0}, 1, 2, 3, 4, 5)
	for name, c := range map[string]struct {
		stream []byte
		json   bool
		code   proto.Code
	}{
		"not masked":                 {unmasked, false, proto.BadFrame},
		"reserved bit":               {clientFrame(bitFin|0x40|opBinary, body), false, proto.BadFrame},
		"unknown opcode":             {clientFrame(bitFin|3, body), false, proto.BadFrame},
		"text for binary":            {clientFrame(bitFin|opText, body), false, proto.BadFrame},
		"binary for text":            {clientFrame(bitFin|opBinary, body), true, proto.BadFrame},
		"no UTF-8":                   {clientFrame(bitFin|opText, []byte("{\"cmd\":\"ping\",\"text\":\"\xff\"}")), true, proto.BadFrame},
		"continues nothing":          {clientFrame(bitFin|opContinue, body), false, proto.BadFrame},
		"a second first fragment":    {append(clientFrame(opBinary, body), clientFrame(opBinary, body)...), false, proto.BadFrame},
		"ping in fragments":          {clientFrame(opPing, nil), false, proto.BadFrame},
		"long ping":                  {clientFrame(bitFin|opPing, make([]byte, 126)), false, proto.BadFrame},
		"length in a longer form":    {longForm, false, proto.BadFrame},
		"too long":                   {clientFrame(bitFin|opBinary, make([]byte, proto.MaxFrame+1))[:14], false, proto.FrameTooLong},
		"too long in fragments":      {append(clientFrame(opBinary, make([]byte, proto.MaxFrame)), clientFrame(bitFin|opContinue, body)...), false, proto.FrameTooLong},
		"too long for any int":       {[]byte{bitFin | opBinary, bitMask | 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, false, proto.BadFrame},
		"a first frame not a login":  {clientFrame(bitFin|opText, []byte(`{"cmd":"ping"}`)), true, proto.NotLogin},
		"a message that is no frame": {clientFrame(bitFin|opBinary, []byte{0xff}), false, proto.BadFrame},
	} {
		if got := feed(t, c.json, c.stream, len(c.stream)); got.code() != c.code {
			t.Errorf("%s: %v, want %v", name, got.err, c.code)
		}
	}
}

// fed has the frames and the error that an input made of a stream.
type fed struct {
	frames []*proto.Frame
	err    error
}

func (f fed) code() proto.Code {
	if e, ok := f.err.(*proto.Error); ok {
		return e.Code
	}
	return proto.OK
}

func (f *fed) Handle(frame *proto.Frame) { f.frames = append(f.frames, frame) }

// feed pushes the stream to a WebSocket input in steps of some bytes.
func feed(t testing.TB, json bool, stream []byte, step int) fed {
	return feedTo(t, messenger{json: json}, stream, step)
}

// feeding is the server of all streams that are fed to an input. To make its metrics takes
// longer than most streams do, and fuzzing feeds many.
var feeding = sync.OnceValues(func() (*Server, error) {
	return NewServer(Config{Accept: func(*Link) Handler { return nil }})
})

func feedTo(t testing.TB, in input, stream []byte, step int) fed {
	s, err := feeding()
	if err != nil {
		t.Fatal(err)
	}
	var got fed
	l := s.newLink(netip.Addr{})
	w := newStream(l, &sink{done: make(chan struct{})})
	w.start = s.writers.Done
	l.wire, l.in, l.handler = w, in, &collector{fed: &got}
	for b := bytes.Clone(stream); len(b) > 0 && got.err == nil; {
		n := min(step, len(b))
		got.err = l.in.push(l, b[:n:n])
		b = b[n:]
	}
	return got
}

type collector struct {
	recorder
	*fed
}

func (c *collector) Handle(f *proto.Frame) { c.fed.Handle(f) }
func (c *collector) Closed(proto.Code)     {}
func (c *collector) Ending() func(bool)    { return nil }

// Monitoring tools send other methods. A server that waited for a frame would not
// answer them until the time for a login is over.
func TestOtherMethodsAreAnsweredAtOnce(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e})
		for request, want := range map[string]int{
			"HEAD " + proto.PathSocket: http.StatusUpgradeRequired, "HEAD /": http.StatusNotFound,
			"OPTIONS *": http.StatusMethodNotAllowed, "OPTIONS " + proto.PathSocket: http.StatusMethodNotAllowed,
			"POST /": http.StatusMethodNotAllowed, "PUT /": http.StatusMethodNotAllowed,
			"PATCH /": http.StatusMethodNotAllowed, "DELETE /": http.StatusMethodNotAllowed,
			"GET /": http.StatusNotFound,
		} {
			conn := w.dial()
			<-w.accepted
			method, _, _ := strings.Cut(request, " ")
			for _, part := range []string{request[:1], request[1:] + " HTTP/1.1\r\n", "Host: node\r\n\r\n"} {
				if _, err := conn.Write([]byte(part)); err != nil {
					t.Fatal(err)
				}
			}
			b, err := io.ReadAll(conn)
			if err != nil {
				t.Fatal(err)
			}
			in := bufio.NewReader(bytes.NewReader(b))
			answer, err := http.ReadResponse(in, &http.Request{Method: method})
			if err != nil || answer.StatusCode != want || want == http.StatusMethodNotAllowed && answer.Header.Get("Allow") == "" {
				t.Errorf("%s: %q, %v, want %d", request, b, err, want)
				continue
			}
			body, _ := io.ReadAll(answer.Body)
			if rest, _ := io.ReadAll(in); (method == http.MethodHead) != (len(body) == 0) || len(rest) > 0 {
				t.Errorf("%s: body %q, and then %q", request, body, rest)
			}
		}
	})
}
