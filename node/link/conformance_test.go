package link

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/cim-go/cim/proto"
)

// sample has the bytes that a WebSocket client sends after its login, and the outcome
// that they must have.
type sample struct {
	name    string
	json    bool
	sent    []byte
	frames  []string // texts of the frames that the owner gets
	answers []string // "pong PAYLOAD" and "close CODE REASON", as the client reads them
}

// TestWebSocketConformance plays every sample over a socket in one write. After each
// sample the client closes with 1000, and a connection that survived answers that
// close.
func TestWebSocketConformance(t *testing.T) {
	all := samples(t)
	if len(all) < 250 {
		t.Fatalf("%d samples, want 250 or more", len(all))
	}
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e})
		for _, s := range all {
			s.check(t, w.play(t, s))
		}
	})
}

// TestWebSocketConformanceInSteps plays every sample as reads of a few bytes, without a
// socket, so that each cut is exact.
func TestWebSocketConformanceInSteps(t *testing.T) {
	for _, s := range samples(t) {
		for _, step := range []int{1, 2, 7, 1000} {
			if step < 7 && len(s.sent) > 8<<10 {
				continue
			}
			s.name = fmt.Sprintf("%s, in steps of %d", s.name, step)
			s.check(t, playSteps(t, s, step))
		}
	}
}

// outcome is the outcome of a sample.
type outcome struct {
	frames, answers []string
}

func (s sample) check(t *testing.T, got outcome) {
	t.Helper()
	want := s.answers
	if len(want) == 0 || !strings.HasPrefix(want[len(want)-1], "close") {
		want = append(slices.Clone(want), "close 1000")
	}
	if !slices.Equal(got.frames, s.frames) {
		t.Errorf("%s: frames %.300q, want %.300q", s.name, got.frames, s.frames)
	}
	if !slices.Equal(got.answers, want) {
		t.Errorf("%s: answers %.300q, want %.300q", s.name, got.answers, want)
	}
}

// stream returns the bytes of the login, the sample and the close.
func (s sample) stream(t *testing.T) []byte {
	login := clientFrame(bitFin|opBinary, encodeBinary(t, ourLogin))
	if s.json {
		login = clientFrame(bitFin|opText, []byte(`{"cmd":"login-request","ticket":"t"}`))
	}
	return slices.Concat(login, s.sent, closing(1000, ""))
}

func (w *world) play(t *testing.T, s sample) (got outcome) {
	conn := w.dial()
	defer conn.Close()
	r := <-w.accepted
	protocol := proto.SubprotocolBinary
	if s.json {
		protocol = proto.SubprotocolJSON
	}
	head := "GET " + proto.PathSocket + " HTTP/1.1\r\nHost: node\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " + protocol + "\r\n\r\n"
	if _, err := conn.Write(append([]byte(head), s.stream(t)...)); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	_, b, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok {
		t.Fatalf("%s: no answer to the handshake", s.name)
	}
	<-r.closed
	<-r.frames // the login
	for len(r.frames) > 0 {
		got.frames = append(got.frames, (<-r.frames).ReqMsg)
	}
	got.answers = answersIn(t, b)
	return got
}

func playSteps(t *testing.T, s sample, step int) (got outcome) {
	server, err := NewServer(Config{Accept: func(*Link) Handler { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	owner := &collector{fed: new(fed)}
	l := server.newLink(netip.Addr{})
	w := newStream(l, &sink{done: make(chan struct{})})
	w.start = server.writers.Done
	l.wire, l.in, l.form, l.handler = w, messenger{json: s.json}, formBinary, owner
	for part := range slices.Chunk(s.stream(t), step) {
		if err := l.receive(part); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range owner.fed.frames[1:] {
		got.frames = append(got.frames, f.ReqMsg)
	}
	got.answers = answersIn(t, l.out.Next(make([]byte, 0, 1<<20), 0))
	return got
}

// answersIn reads a server's frames, which are whole and not masked.
func answersIn(t *testing.T, b []byte) (answers []string) {
	t.Helper()
	for r := bufio.NewReader(bytes.NewReader(b)); ; {
		var head [2]byte
		if _, err := io.ReadFull(r, head[:]); err == io.EOF {
			return answers
		}
		payload := make([]byte, head[1])
		if _, err := io.ReadFull(r, payload); err != nil || head[1] > maxControl {
			t.Fatalf("not a server's control frame: % x", b)
		}
		switch {
		case head[0] == bitFin|opPong:
			answers = append(answers, "pong "+string(payload))
		case head[0] == bitFin|opClose && len(payload) == 0:
			answers = append(answers, "close")
		case head[0] == bitFin|opClose:
			answer := fmt.Sprintf("close %d %s", binary.BigEndian.Uint16(payload), payload[2:])
			answers = append(answers, strings.TrimSpace(answer))
		default:
			t.Fatalf("unexpected answer % x", b)
		}
	}
}

// Frames of a client.

// Outcomes.
