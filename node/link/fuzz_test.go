package link

import (
	"slices"
	"testing"

	gproto "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
)

// sameInSteps fails if cutting a stream elsewhere changes what comes out of it.
func sameInSteps(t *testing.T, in func() input, stream []byte, step int) {
	whole := feedTo(t, in(), stream, max(1, len(stream)))
	cut := feedTo(t, in(), stream, step)
	if whole.code() != cut.code() {
		t.Errorf("whole: %v; in steps of %d: %v", whole.err, step, cut.err)
	}
	same := func(a, b *proto.Frame) bool { return gproto.Equal(a, b) }
	if !slices.EqualFunc(whole.frames, cut.frames, same) {
		t.Errorf("whole: %d frames; in steps of %d: %d", len(whole.frames), step, len(cut.frames))
	}
}

func FuzzFrames(f *testing.F) {
	login := framed(f, ourLogin)
	f.Add(append(slices.Clone(login), login...), uint8(1))
	f.Add([]byte{0, 0, 0}, uint8(2))
	f.Add([]byte{0x16, 3, 1}, uint8(1))
	f.Fuzz(func(t *testing.T, stream []byte, step uint8) {
		sameInSteps(t, func() input { return new(sniffer) }, stream, int(step)+1)
	})
}

func FuzzUpgrade(f *testing.F) {
	for _, head := range []string{
		"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: cim.v1.json\r\nOrigin: https://chat.example.org\r\n\r\n",
		"HEAD /ws HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /ws HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		"GET http://x/ws HTTP/1.0\r\n\r\n",
	} {
		f.Add([]byte(head), uint8(7))
	}
	f.Fuzz(func(t *testing.T, stream []byte, step uint8) {
		sameInSteps(t, func() input { return new(upgrader) }, stream, int(step)+1)
	})
}

func FuzzWebSocket(f *testing.F) {
	body, err := gproto.Marshal(ourLogin)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(clientFrame(bitFin|opBinary, body), false, uint8(1))
	f.Add(append(clientFrame(opText, []byte(`{"cmd":"login-`)), clientFrame(bitFin|opContinue, []byte(`request"}`))...), true, uint8(3))
	f.Add(clientFrame(bitFin|opClose, []byte{3, 232}), false, uint8(2))
	f.Fuzz(func(t *testing.T, stream []byte, json bool, step uint8) {
		sameInSteps(t, func() input { return messenger{json: json} }, stream, int(step)+1)
	})
}
