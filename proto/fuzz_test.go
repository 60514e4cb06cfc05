package proto

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"google.golang.org/protobuf/proto"
)

// FuzzSplit holds Split and ReadFrame against each other: they must judge every
// stream alike.
func FuzzSplit(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed, uint16(1000))
	}
	for _, seed := range [][]byte{{}, {0}, {0x80}, {0xff, 0xff, 0xff, 0xff, 0x0f}, bytes.Repeat([]byte{0x80}, 6)} {
		f.Add(seed, uint16(10))
	}
	f.Fuzz(func(t *testing.T, b []byte, limit uint16) {
		body, taken, err := Split(b, int(limit))
		if taken < 0 || taken > len(b) || len(body) > int(limit) || len(body) > taken {
			t.Fatalf("body of %d, took %d of %d", len(body), taken, len(b))
		}
		r := bytes.NewReader(b)
		read, readErr := ReadFrame(r, int(limit))
		switch {
		case err != nil:
			if readErr != err {
				t.Fatalf("Split: %v, ReadFrame: %v", err, readErr)
			}
		case taken == 0:
			if readErr != io.EOF && readErr != io.ErrUnexpectedEOF {
				t.Fatalf("Split wants more, ReadFrame: %v", readErr)
			}
		default:
			var f Frame
			if err := f.Unmarshal(body); (err == nil) != (readErr == nil) || err == nil && !proto.Equal(&f, read) {
				t.Fatalf("Split: %v, %v, ReadFrame: %v, %v", &f, err, read, readErr)
			}
			if len(b)-r.Len() != taken {
				t.Fatalf("Split took %d, ReadFrame %d", taken, len(b)-r.Len())
			}
		}
	})
}

// FuzzReadFrame decodes random bytes. An accepted frame must be the same after it was
// encoded and decoded again. If its command has a name, it must be encodable in JSON.
func FuzzReadFrame(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := ReadFrame(bytes.NewReader(b), MaxFrame)
		if err != nil {
			return
		}
		again, err := ReadFrame(bytes.NewReader(encode(t, frame)), 2*MaxFrame)
		if err != nil || !proto.Equal(again, frame) {
			t.Fatalf("%v became %v, %v", frame, again, err)
		}
		text, err := AppendJSON(nil, frame)
		if err != nil {
			return
		}
		if err := new(Frame).UnmarshalJSON(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	})
}

func FuzzFrameJSON(f *testing.F) {
	for _, tc := range ourFrames {
		f.Add([]byte(tc.json))
	}
	f.Add([]byte(`{"cmd":"send","text":"\ud83d"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var frame Frame
		if err := frame.UnmarshalJSON(b); err != nil {
			if !errors.Is(err, ErrBadFrame) {
				t.Fatalf("%v is no ErrBadFrame", err)
			}
			return
		}
		text, err := AppendJSON(nil, &frame)
		if err != nil {
			t.Fatal(err)
		}
		var again Frame
		if err := again.UnmarshalJSON(text); err != nil || !proto.Equal(&again, &frame) {
			t.Fatalf("%v became %v, %v", &frame, &again, err)
		}
		// The binary form holds it as well.
		binary, err := ReadFrame(bytes.NewReader(encode(t, &frame)), 2*len(b)+64)
		if err != nil || !proto.Equal(binary, &frame) {
			t.Fatalf("%v became %v, %v", &frame, binary, err)
		}
	})
}

func FuzzStored(f *testing.F) {
	b, err := EncodeStored(Key(42, "a1"), &Entry{FromName: "alice", To: 43, Time: 1700000000000, Text: "hi"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("42:a1\n"))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		key, entry, err := SplitStored(b)
		if err != nil {
			return
		}
		if whole := append(append([]byte(key), '\n'), entry...); !bytes.Equal(whole, b) {
			t.Fatalf("%q was split into %q and %q", b, key, entry)
		}
		m, err := (&Stored{Key: key, Entry: entry}).Message()
		if err != nil {
			return
		}
		if m.Key() != key || m.At.Key != key {
			t.Fatalf("key %q became %q and %q", key, m.Key(), m.At.Key)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	for _, seed := range []string{"", ":", "42:a1", "-1:a:b", "+1:x", "00:x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if from, id, err := ParseKey(key); err == nil && Key(from, id) != key {
			t.Fatalf("%q was read as %d, %q", key, from, id)
		}
	})
}

// seeds are the golden frames.
func seeds(f *testing.F) (list [][]byte) {
	for _, tc := range cimFrames {
		list = append(list, encode(f, tc.frame))
	}
	for _, tc := range ourFrames {
		list = append(list, encode(f, tc.frame))
	}
	return list
}
