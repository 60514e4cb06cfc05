//go:build linux

package evloop

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/cim-go/cim/proto/wait"
)

// echo is both ends: accepted connections echo, and dialled ones collect.
type echo struct {
	opened int
	got    bytes.Buffer
	closed []error
	chunk  int // how many bytes the collector takes at a time; 0: all
}

func (e *echo) Opened(*Conn) { e.opened++ }

func (e *echo) Read(c *Conn, b []byte) int {
	if c.Owner == nil {
		c.Send(b)
		return len(b)
	}
	n := len(b)
	if e.chunk > 0 {
		n -= n % e.chunk
	}
	e.got.Write(b[:n])
	return n
}

func (e *echo) Closed(_ *Conn, err error) { e.closed = append(e.closed, err) }

func start(t *testing.T, e *echo) (l *Loop, address string) {
	t.Helper()
	l, err := New(e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	at, err := l.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	return l, at.String()
}

// poll goes round until done.
func poll(t *testing.T, l *Loop, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(wait.Limit); !done(); {
		if time.Now().After(deadline) {
			t.Fatal("it does not come to an end")
		}
		if err := l.Poll(10 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

// More than the sockets take at once: writes are cut anywhere, and go on.
func TestBytesArriveInOrderWhateverTheSocketsTake(t *testing.T) {
	for _, chunk := range []int{0, 7} {
		e := &echo{chunk: chunk}
		l, address := start(t, e)
		c, err := l.Dial(address, "client")
		if err != nil {
			t.Fatal(err)
		}
		var sent bytes.Buffer
		for i := range 700_000 {
			b := []byte{byte(i), byte(i >> 8), byte(i >> 16), 1, 2, 3, 4}
			sent.Write(b)
			c.Send(b)
		}
		poll(t, l, func() bool { return e.got.Len() == sent.Len() })
		if !bytes.Equal(e.got.Bytes(), sent.Bytes()) || c.Waiting() > 0 || e.opened != 2 {
			t.Errorf("taken by %d: other bytes, or %d wait, or %d opened", chunk, c.Waiting(), e.opened)
		}
	}
}

func TestAWaitIsAsLongAsItWasAsked(t *testing.T) {
	l, _ := start(t, new(echo))
	begun := time.Now()
	for range 10 {
		if err := l.Poll(300 * time.Microsecond); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(begun); took < 3*time.Millisecond {
		t.Errorf("ten times 300 us took %v", took)
	}
}

// A wait that is computed from a deadline may be negative, when the deadline has just
// passed.
func TestAWaitThatIsOverIsNone(t *testing.T) {
	l, _ := start(t, new(echo))
	for _, wait := range []time.Duration{0, -1, -time.Hour} {
		if err := l.Poll(wait); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEndsAreTold(t *testing.T) {
	e := new(echo)
	l, address := start(t, e)
	peer, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	poll(t, l, func() bool { return e.opened == 1 })
	peer.Close()
	poll(t, l, func() bool { return len(e.closed) == 1 })
	if !errors.Is(e.closed[0], io.EOF) {
		t.Errorf("closed with %v", e.closed[0])
	}

	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	deaf.Close()
	if _, err := l.Dial(deaf.Addr().String(), "client"); err == nil {
		poll(t, l, func() bool { return len(e.closed) == 2 })
	}
}

func TestAClosedConnectionIsSentNothing(t *testing.T) {
	e := new(echo)
	l, address := start(t, e)
	c, err := l.Dial(address, "client")
	if err != nil {
		t.Fatal(err)
	}
	poll(t, l, func() bool { return e.opened == 2 })
	c.Send([]byte("never"))
	c.Close()
	c.Send([]byte("never"))
	c.Close()
	poll(t, l, func() bool { return len(e.closed) == 1 }) // the other end
	if e.got.Len() > 0 {
		t.Errorf("got %q", e.got.Bytes())
	}
}

// A loop that is closed twice leaves alone what got its descriptors meanwhile.
func TestCloseTwiceClosesNothingElse(t *testing.T) {
	l, err := New(&echo{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Listen(0); err != nil {
		t.Fatal(err)
	}
	l.Close()
	for range 2 {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		l.Close()
		if _, err := w.WriteString("x"); err != nil {
			t.Errorf("a pipe was closed: %v", err)
		}
	}
}
