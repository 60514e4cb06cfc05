package tcp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/cim-go/cim/proto/wait"
)

// pair returns both ends of a connection over loopback.
func pair(t *testing.T) (ours, peer *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dialed, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = dialed.Close()
		_ = accepted.Close()
	})
	return accepted.(*net.TCPConn), dialed.(*net.TCPConn)
}

// reset closes a connection so that its other end gets a reset.
func reset(t *testing.T, c *net.TCPConn) {
	t.Helper()
	if err := errors.Join(c.SetLinger(0), c.Close()); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, c net.Conn, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

// readAll reads n bytes.
func readAll(t *testing.T, c net.Conn, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	_ = c.SetReadDeadline(time.Now().Add(wait.Limit))
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	return b
}

// next reads from a source until n bytes came.
func next(t *testing.T, s Source, n int) []byte {
	t.Helper()
	var got []byte
	for len(got) < n {
		b, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b...)
		s.Done()
	}
	return got
}

func TestSourceReadsUntilTheEndOfSending(t *testing.T) {
	memory, theirs := net.Pipe()
	t.Cleanup(func() { _ = memory.Close() })
	ours, peer := pair(t)
	for name, c := range map[string]struct {
		ours, peer net.Conn
	}{"socket": {ours, peer}, "in memory": {memory, theirs}} {
		t.Run(name, func(t *testing.T) {
			s := NewSource(c.ours)
			sent := bytes.Repeat([]byte("0123456789"), 5*Chunk/10)
			go func() {
				_, _ = c.peer.Write(sent[:3])
				_, _ = c.peer.Write(sent[3:])
				_ = c.peer.Close()
			}()
			if got := next(t, s, len(sent)); !bytes.Equal(got, sent) {
				t.Error("other bytes came")
			}
			for range 2 {
				if b, err := s.Next(); err != io.EOF {
					t.Errorf("got %q, %v after the end", b, err)
				}
			}
		})
	}
}

func TestSourceReturnsTheErrorOfAReset(t *testing.T) {
	ours, peer := pair(t)
	s := NewSource(ours)
	reset(t, peer)
	if b, err := s.Next(); err == nil || err == io.EOF {
		t.Errorf("got %q, %v", b, err)
	}
}

// A source that waits ends when its connection is closed. A closed connection gives a
// source, too.
func TestSourceEndsWithItsConnection(t *testing.T) {
	ours, _ := pair(t)
	s := NewSource(ours)
	ended := make(chan error, 1)
	go func() {
		_, err := s.Next()
		ended <- err
	}()
	if err := ours.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("it ended with %v", err)
	}
	if _, err := NewSource(ours).Next(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a source of a closed connection ended with %v", err)
	}
}

func TestReplayReadsItsHeadFirst(t *testing.T) {
	ours, peer := pair(t)
	write(t, peer, []byte("tail"))
	r := &Replay{Conn: ours, Head: []byte("head")}
	for _, want := range []string{"hea", "d", "tai", "l"} {
		b := make([]byte, 3)
		_ = ours.SetReadDeadline(time.Now().Add(wait.Limit))
		if n, err := r.Read(b); err != nil || string(b[:n]) != want {
			t.Fatalf("read %q, %v, want %q", b[:n], err, want)
		}
	}
}
