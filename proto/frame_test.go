package proto

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// anyFrame draws frames with every kind of field and of any size up to some KiB.
var anyFrame = rapid.Custom(func(t *rapid.T) *Frame {
	mark := rapid.Custom(func(t *rapid.T) *Mark {
		return &Mark{
			Log: rapid.Int64().Draw(t, "log"), Epoch: rapid.Uint64().Draw(t, "epoch"),
			Number: rapid.Int64().Draw(t, "number"), Key: rapid.String().Draw(t, "key"),
		}
	})
	command := rapid.SampledFrom([]Command{
		Command_LOGIN_REQUEST, Command_MESSAGE, Command_PING, Command_OFFLINE, Command_LOGIN_ANSWER, Command_SEND,
		Command_SEND_ANSWER, Command_ACK, Command_NEWEST, Command_REDIRECT, Command_KICK, Command_ERROR,
		Command_DELIVERED,
	})
	f := &Frame{
		Cmd: command.Draw(t, "cmd"), ReqMsg: rapid.StringN(0, -1, 3000).Draw(t, "text"), Ticket: rapid.String().Draw(t, "ticket"),
		Id: rapid.String().Draw(t, "id"), From: rapid.Int64().Draw(t, "from"), FromName: rapid.String().Draw(t, "name"),
		To: rapid.Int64().Draw(t, "to"), Group: rapid.Int64().Draw(t, "group"), Time: rapid.Int64().Draw(t, "time"),
		Prev: rapid.String().Draw(t, "prev"), Again: rapid.Bool().Draw(t, "again"), Code: rapid.Int32().Draw(t, "code"),
		Newest:  rapid.SliceOfN(mark, 0, 5).Draw(t, "newest"),
		Cursors: rapid.SliceOfN(mark, 0, 5).Draw(t, "cursors"),
		Number:  rapid.Int64().Draw(t, "session"), PingSeconds: rapid.Int32().Draw(t, "ping"),
		NodeAddress: rapid.String().Draw(t, "address"), Node: rapid.String().Draw(t, "node"), Tls: rapid.Bool().Draw(t, "tls"), NodePath: rapid.String().Draw(t, "path"),
		Kind: Kind(rapid.Int32().Draw(t, "kind")), By: rapid.Int64().Draw(t, "by"),
		Confirm: rapid.Bool().Draw(t, "confirm"), Shown: rapid.SliceOfN(rapid.String(), 0, 4).Draw(t, "shown"),
	}
	if rapid.Bool().Draw(t, "has position") {
		f.At = mark.Draw(t, "at")
	}
	return f
})

// anyCIMFrame draws frames with the fields that have no JSON form.
var anyCIMFrame = rapid.Custom(func(t *rapid.T) *Frame {
	f := anyFrame.Draw(t, "frame")
	f.RequestId = rapid.Int64().Draw(t, "request")
	f.Properties = rapid.MapOfN(rapid.String(), rapid.String(), 0, 4).Draw(t, "properties")
	f.BatchReqMsg = rapid.SliceOfN(rapid.String(), 0, 4).Draw(t, "batch")
	return f
})

func encode(t interface{ Fatal(...any) }, frames ...*Frame) []byte {
	var stream []byte
	for _, f := range frames {
		var err error
		if stream, err = AppendFrame(stream, f); err != nil {
			t.Fatal(err)
		}
	}
	return stream
}

func TestFramesSurviveHoweverTheStreamIsCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		frames := rapid.SliceOfN(anyCIMFrame, 1, 6).Draw(t, "frames")
		stream := encode(t, frames...)

		var buffer []byte
		next := 0
		for len(stream) > 0 {
			n := rapid.IntRange(1, len(stream)).Draw(t, "piece")
			buffer, stream = append(buffer, stream[:n]...), stream[n:]
			for {
				body, taken, err := Split(buffer, MaxFrame)
				if err != nil {
					t.Fatal(err)
				}
				if taken == 0 {
					break
				}
				var f Frame
				if err := f.Unmarshal(body); err != nil {
					t.Fatal(err)
				}
				if !proto.Equal(&f, frames[next]) {
					t.Fatalf("frame %d is %v, want %v", next, &f, frames[next])
				}
				buffer = buffer[taken:]
				next++
			}
		}
		if next != len(frames) || len(buffer) != 0 {
			t.Fatalf("%d of %d frames, %d bytes left", next, len(frames), len(buffer))
		}
	})
}

func TestReadFrameReadsOneFrameAfterAnother(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		frames := rapid.SliceOfN(anyCIMFrame, 0, 6).Draw(t, "frames")
		r := bufio.NewReaderSize(iotest.OneByteReader(bytes.NewReader(encode(t, frames...))), 16)
		for i, want := range frames {
			got, err := ReadFrame(r, MaxFrame)
			if err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(got, want) {
				t.Fatalf("frame %d is %v, want %v", i, got, want)
			}
		}
		if _, err := ReadFrame(r, MaxFrame); err != io.EOF {
			t.Fatalf("at the end: %v, want io.EOF itself", err)
		}
	})
}

func TestReadFrameTakesNoByteBeyondTheFrame(t *testing.T) {
	r := bytes.NewReader(append(encode(t, &Frame{ReqMsg: "alice", RequestId: 42}), "rest"...))
	if _, err := ReadFrame(r, MaxFrame); err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(r); string(rest) != "rest" {
		t.Errorf("what is left is %q", rest)
	}
}

func TestTornFrameIsAnUnexpectedEnd(t *testing.T) {
	stream := encode(t, &Frame{ReqMsg: strings.Repeat("x", 300)})
	for n := 1; n < len(stream); n++ {
		if _, err := ReadFrame(bytes.NewReader(stream[:n]), MaxFrame); err != io.ErrUnexpectedEOF {
			t.Fatalf("after %d of %d bytes: %v", n, len(stream), err)
		}
		if _, taken, err := Split(stream[:n], MaxFrame); taken != 0 || err != nil {
			t.Fatalf("after %d of %d bytes: took %d, %v", n, len(stream), taken, err)
		}
	}
}

func TestReaderErrorIsPassedOn(t *testing.T) {
	broken := errors.New("broken")
	for _, head := range [][]byte{nil, {0x80}, {9, 'x'}} {
		r := bufio.NewReader(io.MultiReader(bytes.NewReader(head), iotest.ErrReader(broken)))
		if _, err := ReadFrame(r, MaxFrame); !errors.Is(err, broken) {
			t.Errorf("after % x: %v", head, err)
		}
	}
}

// TestPrefixIsJudgedAtOnce reads prefixes without a body. A wrong prefix must give an
// error before any body comes.
func TestPrefixIsJudgedAtOnce(t *testing.T) {
	const limit = 1000
	tests := map[string]struct {
		prefix []byte
		want   error
	}{
		"nothing yet":                     {nil, nil},
		"begun":                           {[]byte{0x80}, nil},
		"four bytes and not ended":        {[]byte{0xff, 0xff, 0xff, 0xff}, nil},
		"as long as the limit":            {binary.AppendUvarint(nil, limit), nil},
		"one above the limit":             {binary.AppendUvarint(nil, limit+1), ErrFrameTooLong},
		"4 GiB":                           {binary.AppendUvarint(nil, math.MaxUint32), ErrFrameTooLong},
		"more than 32 bits in five bytes": {[]byte{0xff, 0xff, 0xff, 0xff, 0x7f}, ErrFrameTooLong},
		"five bytes and not ended":        {[]byte{0x80, 0x80, 0x80, 0x80, 0x80}, ErrBadFrame},
		"six bytes that say zero":         {[]byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, ErrBadFrame},
		"ten bytes that say zero":         {append(bytes.Repeat([]byte{0x80}, 9), 0), ErrBadFrame},
		"more bytes than 64 bits have":    {bytes.Repeat([]byte{0xff}, 11), ErrBadFrame},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			body, taken, err := Split(tc.prefix, limit)
			if !errors.Is(err, tc.want) || taken != 0 || body != nil {
				t.Errorf("Split: took %d, %v, want %v", taken, err, tc.want)
			}
			r := bytes.NewReader(append(tc.prefix, make([]byte, limit/2)...))
			_, err = ReadFrame(r, limit)
			switch {
			case tc.want != nil && !errors.Is(err, tc.want):
				t.Errorf("ReadFrame: %v, want %v", err, tc.want)
			case tc.want != nil && r.Len() < limit/2:
				t.Errorf("ReadFrame took %d bytes beyond the prefix", limit/2-r.Len())
			}
		})
	}
}

func TestLongerPrefixThanNeededIsFine(t *testing.T) {
	for _, prefix := range [][]byte{{2}, {0x82, 0x00}, {0x82, 0x80, 0x80, 0x80, 0x00}} {
		b := append(prefix, 0x18, 0x02)
		body, taken, err := Split(b, MaxFrame)
		if err != nil || taken != len(b) || !bytes.Equal(body, []byte{0x18, 0x02}) {
			t.Errorf("% x: body % x, took %d, %v", b, body, taken, err)
		}
	}
}

func TestEmptyFrameIsALoginOfNobody(t *testing.T) {
	f, err := ReadFrame(bytes.NewReader([]byte{0}), 0)
	if err != nil {
		t.Fatal(err)
	}
	if f.Cmd != Command_LOGIN_REQUEST || f.RequestId != 0 || f.ReqMsg != "" {
		t.Errorf("decoded %v", f)
	}
}

// TestBodyOfSplitCannotReachTheNextFrame keeps a caller that appends to a body
// from overwriting what came after it.
func TestBodyOfSplitCannotReachTheNextFrame(t *testing.T) {
	stream := encode(t, &Frame{Cmd: Command_PING}, &Frame{Cmd: Command_ACK})
	body, taken, err := Split(stream, MaxFrame)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(body, 0xff)
	var f Frame
	if next, _, err := Split(stream[taken:], MaxFrame); err != nil || f.Unmarshal(next) != nil || f.Cmd != Command_ACK {
		t.Errorf("the second frame is %v", &f)
	}
}

func TestUnmarshalReplacesAndCopies(t *testing.T) {
	stream := encode(t, &Frame{Cmd: Command_SEND, Id: "a1"})
	f := Frame{ReqMsg: "old", From: 7}
	if err := f.Unmarshal(stream[1:]); err != nil {
		t.Fatal(err)
	}
	clear(stream)
	if want := (&Frame{Cmd: Command_SEND, Id: "a1"}); !proto.Equal(&f, want) {
		t.Errorf("decoded %v, want %v", &f, want)
	}
}

func TestGarbageIsABadFrame(t *testing.T) {
	for name, body := range map[string][]byte{
		"text that is not UTF-8":    {0x0a, 1, 0xff},
		"a field that runs out":     {0x0a, 200, 'x'},
		"the tag zero":              {0x00},
		"a group that is not ended": {0x0b},
		"HTTP":                      []byte("GET / HTTP/1.1\r\n"),
	} {
		if err := new(Frame).Unmarshal(body); !errors.Is(err, ErrBadFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAppendFrameLeavesTheBufferAloneOnError(t *testing.T) {
	b := []byte("before")
	got, err := AppendFrame(b, &Frame{ReqMsg: "\xff"})
	if err == nil || string(got) != "before" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestPrefixBuysNoMemory sends ten thousand prefixes without a body.
func TestPrefixBuysNoMemory(t *testing.T) {
	const limit, times = 1000, 10_000
	for name, tc := range map[string]struct {
		size uint64
		most uint64 // bytes a prefix
	}{
		"4 GiB":     {math.MaxUint32, 256}, // the readers of this test
		"the limit": {limit, limit + 512},
	} {
		prefix := binary.AppendUvarint(nil, tc.size)
		if got := allocated(func() {
			for range times {
				if _, err := ReadFrame(bytes.NewReader(prefix), limit); err == nil {
					t.Fatal("a frame without a body was read")
				}
			}
		}) / times; got > tc.most {
			t.Errorf("%s: a prefix alone makes ReadFrame allocate %d bytes", name, got)
		}
	}
}

// TestDecodedFrameIsBounded has the frames that grow most when decoded.
func TestDecodedFrameIsBounded(t *testing.T) {
	for name, unit := range map[string][]byte{
		"empty marks":      {0xda, 0x01, 0x00},
		"empty texts":      {0x2a, 0x00},
		"empty properties": {0x22, 0x00},
		"unknown fields":   {0xf8, 0x07, 0x00},
	} {
		body := bytes.Repeat(unit, MaxFrame/len(unit))
		var f Frame
		got := allocated(func() {
			if err := f.Unmarshal(body); err != nil {
				t.Error(err)
			}
		})
		t.Logf("%s: %.1f bytes for one", name, float64(got)/float64(len(body)))
		if got > 64*uint64(len(body)) {
			t.Errorf("%s: %d bytes decode into %d", name, len(body), got)
		}
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A text of the longest length fits in a frame, with whatever goes beside it, and in
// JSON if it is all quotes or ends of lines.
func TestLongestTextFitsInAFrame(t *testing.T) {
	for _, c := range []string{"x", "\"", "\n"} {
		f := &Frame{
			Cmd: Command_SEND, Id: strings.Repeat("i", 64), Group: MaxUser, ReqMsg: strings.Repeat(c, MaxText), Again: true,
		}
		b, err := AppendFrame(nil, f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFrame(bytes.NewReader(b), MaxFrame); err != nil {
			t.Errorf("%q: %v", c, err)
		}
		j, err := AppendJSON(nil, f)
		if err != nil {
			t.Fatal(err)
		}
		if len(j) > MaxFrame {
			t.Errorf("%q: %d bytes of JSON, want %d at most", c, len(j), MaxFrame)
		}
	}
}
