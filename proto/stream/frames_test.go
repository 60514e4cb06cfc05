package stream

import (
	"errors"
	"net"
	"strings"
	"testing"
)

func TestMalformedFramesEndTheStream(t *testing.T) {
	for name, sent := range map[string]string{
		"no fields":      "\x01\x80",
		"empty":          "\x00",
		"id zero":        "\x03\x00\x00\x00",
		"path too long":  "\x04\x01\x00\x7fx",
		"frame too long": string([]byte{0xff, 0xff, 0xff, 0xff, 0x0f}),
	} {
		t.Run(name, func(t *testing.T) {
			s := NewServer(ServerConfig{Handle: echo, MaxBody: 1000})
			ours, theirs := net.Pipe()
			ended := make(chan error, 1)
			go func() { ended <- s.serve(t.Context(), theirs) }()
			_, _ = ours.Write([]byte(sent))
			if err := <-ended; !errors.Is(err, errFrame) {
				t.Errorf("ended with %v", err)
			}
			_ = ours.Close()
		})
	}
}

// A length that is only claimed costs no memory.
func TestClaimedLengthAllocatesLittle(t *testing.T) {
	allocated := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			r := readerOf(pretend{strings.NewReader("\xff\xff\xff\x07abc")})
			if _, err := readFrame(r, 16<<20); err == nil {
				b.Fatal("half a frame was read")
			}
		}
	}).AllocedBytesPerOp()
	if allocated > 4*step {
		t.Errorf("%d bytes for a claim", allocated)
	}
}

type pretend struct{ *strings.Reader }

func FuzzServe(f *testing.F) {
	f.Add([]byte("\x05\x01\x00\x02/xhello"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		s := NewServer(ServerConfig{Handle: echo, MaxBody: 1000})
		_ = s.read(readerOf(pretend{strings.NewReader(string(sent))}), func(b *[]byte, c incoming) {
			if len(c.body) > 1000+maxHead || len(c.path) > maxPath {
				t.Errorf("%d bytes of body, %d of path", len(c.body), len(c.path))
			}
			release(b)
		})
	})
}
