package benchwire

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cim-go/cim/proto"
)

func body(t interface{ Fatal(...any) }, frame []byte) []byte {
	b, taken, err := proto.Split(frame, proto.MaxFrame)
	if err != nil || taken != len(frame) {
		t.Fatal(taken, err)
	}
	return b
}

// The decoder by hand reads the same as package proto.
func TestHeadAgreesWithProto(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &proto.Frame{
			ReqMsg:    rapid.StringN(0, 40, -1).Draw(t, "text"),
			RequestId: rapid.Int64().Draw(t, "user"),
			Cmd:       proto.Command(rapid.IntRange(0, 30).Draw(t, "cmd")),
			Id:        rapid.StringN(0, 20, -1).Draw(t, "id"),
			From:      rapid.Int64().Draw(t, "from"), FromName: "alice",
			To: rapid.Int64().Draw(t, "to"), Group: rapid.Int64().Draw(t, "group"),
			Time: 1795308780273, Prev: "1/x", Code: int32(rapid.IntRange(0, 4300).Draw(t, "code")),
			At:     &proto.Mark{Log: 1, Epoch: rapid.Uint64().Draw(t, "epoch"), Number: rapid.Int64().Draw(t, "place"), Key: "1/x"},
			Newest: []*proto.Mark{{Log: 7, Number: 9}},
		}
		frame, err := proto.AppendFrame(nil, f)
		if err != nil {
			t.Fatal(err)
		}
		h, err := Parse(body(t, frame))
		if err != nil {
			t.Fatal(err)
		}
		if h.Cmd != f.Cmd || h.Code != proto.Code(f.Code) || h.User != f.RequestId || h.From != f.From || h.To != f.To ||
			h.Group != f.Group || h.Place != f.At.Number || string(h.ID) != f.Id || string(h.Text) != f.ReqMsg {
			t.Errorf("%+v of %v", h, f)
		}
	})
}

func TestAnyBytesAreReadOrRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOf(rapid.Byte()).Draw(t, "b")
		_, _ = Parse(b)
		_, _, _ = SplitSocket(b)
		_, _ = Upgraded(b)
	})
}

func TestALetterBearsItsNumber(t *testing.T) {
	tag := NewTag()
	letter := NewLetter(tag, 42, 0, 128)
	for _, number := range []int{0, 1, 0xabc, 1<<32 - 1} {
		var f proto.Frame
		if err := f.Unmarshal(body(t, letter.Frame(number))); err != nil {
			t.Fatal(err)
		}
		if f.Cmd != proto.Command_SEND || f.To != 42 || len(f.ReqMsg) != 128 || !proto.ValidID(f.Id) {
			t.Errorf("%v", &f)
		}
		h, err := Parse(body(t, letter.Frame(number)))
		if err != nil {
			t.Fatal(err)
		}
		if string(h.ID) != tag.ID(number) {
			t.Errorf("id %q, want %q", h.ID, tag.ID(number))
		}
		if n, ok := h.Number(&tag); !ok || n != number {
			t.Errorf("%d is read as %d, %v", number, n, ok)
		}
		other := Tag([]byte("somebody"))
		if n, ok := h.Number(&other); ok {
			t.Errorf("another run's message is number %d of this one", n)
		}
	}
}

func TestAPushIsAMessage(t *testing.T) {
	for _, place := range []int64{0, 77} {
		h := Head{To: 2, ID: []byte("id-1"), Text: []byte("hi")}
		var f proto.Frame
		if err := f.Unmarshal(body(t, AppendPush(nil, &h, 1, place))); err != nil {
			t.Fatal(err)
		}
		if f.Cmd != proto.Command_MESSAGE || f.From != 1 || f.To != 2 || f.Id != "id-1" || f.ReqMsg != "hi" || f.GetAt().GetNumber() != place {
			t.Errorf("%v", &f)
		}
	}
}

func TestWebSocketFramesAreCutOneByOne(t *testing.T) {
	for _, size := range []int{0, 5, 125, 126, 3000} {
		b := []byte{finalBinary, byte(size)}
		if size >= length16 {
			b = binary.BigEndian.AppendUint16([]byte{finalBinary, length16}, uint16(size))
		}
		b = append(b, strings.Repeat("y", size)...)
		for cut := range len(b) {
			if _, taken, err := SplitSocket(b[:cut]); taken != 0 || err != nil {
				t.Fatalf("%d of %d bytes: %d taken, %v", cut, len(b), taken, err)
			}
		}
		got, taken, err := SplitSocket(append(b, "next"...))
		if err != nil || taken != len(b) || !bytes.Equal(got, b[len(b)-size:]) {
			t.Errorf("size %d: %d taken, %v", size, taken, err)
		}
	}
	if _, taken, err := SplitSocket([]byte{0x89, 0}); taken != 2 || err != nil {
		t.Errorf("a ping: %d taken, %v", taken, err)
	}
	if _, _, err := SplitSocket([]byte{finalBinary, masked}); err == nil {
		t.Error("a masked frame of a server is taken")
	}
}
