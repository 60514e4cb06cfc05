package proto

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
)

// push is what most frames are: a private message with a text of 128 bytes.
func push() *Frame {
	return Message{
		ID: "4f3a9c0d1e2b", From: 1700000000042, FromName: "alice", To: 1700000000043,
		Text: strings.Repeat("x", 128), Time: 1700000000000,
		At: Position{Epoch: 0x1f2e3d4c5b6a7988, Number: 12345}, Prev: "1700000000043:77aa00ff1122",
	}.Frame()
}

func TestEncodingIntoABufferWithRoomAllocatesNothing(t *testing.T) {
	f, b := push(), make([]byte, 0, 1024)
	pin(t, "AppendFrame", 0, func() { b, _ = AppendFrame(b[:0], f) })
	pin(t, "Split", 0, func() { _, _, _ = Split(b, MaxFrame) })
	pin(t, "ValidID", 0, func() { _ = ValidID(f.Id) })
	pin(t, "Code", 0, func() { _, _, _ = Full.Retry(), Full.String(), Full.HTTPStatus() })
}

// TestDecodingAllocatesOncePerField: the mark and four texts.
func TestDecodingAllocatesOncePerField(t *testing.T) {
	b, err := AppendFrame(nil, push())
	if err != nil {
		t.Fatal(err)
	}
	body, _, err := Split(b, MaxFrame)
	if err != nil {
		t.Fatal(err)
	}
	var f Frame
	pin(t, "Unmarshal", 5, func() { _ = f.Unmarshal(body) })

	r := bytes.NewReader(b)
	pin(t, "ReadFrame", 7, func() { // the frame and the body beside
		r.Reset(b)
		_, _ = ReadFrame(r, MaxFrame)
	})
}

func pin(t *testing.T, what string, want float64, f func()) {
	t.Helper()
	if got := testing.AllocsPerRun(100, f); got != want {
		t.Errorf("%s allocates %v times, want %v", what, got, want)
	}
}

func BenchmarkAppendFrame(b *testing.B) {
	f, buffer := push(), make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buffer, _ = AppendFrame(buffer[:0], f)
	}
	b.SetBytes(int64(len(buffer)))
}

func BenchmarkUnmarshal(b *testing.B) {
	stream := encode(b, push())
	body, _, err := Split(stream, MaxFrame)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	var f Frame
	for b.Loop() {
		_ = f.Unmarshal(body)
	}
}

func BenchmarkReadFrame(b *testing.B) {
	stream := encode(b, push())
	source := bytes.NewReader(stream)
	r := bufio.NewReader(source)
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		source.Reset(stream)
		r.Reset(source)
		if _, err := ReadFrame(r, MaxFrame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	f, buffer := push(), make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buffer, _ = AppendJSON(buffer[:0], f)
	}
}

func BenchmarkUnmarshalJSON(b *testing.B) {
	text, err := AppendJSON(nil, push())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var f Frame
	for b.Loop() {
		_ = f.UnmarshalJSON(text)
	}
}

// BenchmarkReadPage reads a page of 500 messages, as a client does that comes back.
func BenchmarkReadPage(b *testing.B) {
	end := Position{Epoch: 7, Number: 500}
	page := NewPage(end, end, 1, storedEntries(b, 500))
	messages, err := page.Pulled()
	if err != nil {
		b.Fatal(err)
	}
	text, err := json.Marshal(messages)
	if err != nil {
		b.Fatal(err)
	}
	bytes, err := proto.Marshal(page)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("json", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			var got PulledMessages
			_ = json.Unmarshal(text, &got)
		}
	})
	b.Run("protobuf", func(b *testing.B) {
		b.SetBytes(int64(len(bytes)))
		b.ReportAllocs()
		for b.Loop() {
			var got Page
			_ = proto.Unmarshal(bytes, &got)
			_, _ = got.Pulled()
		}
	})
}

func BenchmarkWritePage(b *testing.B) {
	end := Position{Epoch: 7, Number: 500}
	page := NewPage(end, end, 1, storedEntries(b, 500))
	b.Run("json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			messages, _ := page.Pulled()
			b.SetBytes(int64(len(messages.AppendJSON(nil))))
		}
	})
	b.Run("protobuf", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			bytes, _ := proto.Marshal(page)
			b.SetBytes(int64(len(bytes)))
		}
	})
}
