package link

import (
	"io"
	"net"
	"testing"

	"github.com/cim-go/cim/node/link/tcp"
	"github.com/cim-go/cim/proto"
)

// lateListener accepts connections that return late from their writes.
type lateListener struct {
	net.Listener
	gate chan struct{}
}

func (ln lateListener) Accept() (net.Conn, error) {
	conn, err := ln.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return lateSocket{conn.(*net.TCPConn), &lateConn{conn, ln.gate}}, nil
}

type lateSocket struct {
	*net.TCPConn
	late *lateConn
}

func (s lateSocket) Write(b []byte) (int, error) { return s.late.Write(b) }

func TestPeerThatIsFasterThanOurWriterHasReadEverythingOverTCP(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	late := lateListener{ln, make(chan struct{})}
	accepted := make(chan *recorder, 1)
	serveWith(t, Config{Engine: EnginePortable}, late, asking(accepted))
	peer, r := logIn(t, ln, accepted)
	r.link.Send(NewPacket(message(1, "hi")))
	read(t, peer)
	_ = peer.Close()
	wantCode(t, r, proto.OK)
	close(late.gate)
	if !<-r.read {
		t.Error("the peer has not read everything")
	}
}

// The test is the writer of its link: it writes, and records that only after the peer has
// closed the connection.
func TestPeerThatIsFasterThanALoopHasReadEverything(t *testing.T) {
	for name, all := range map[string]bool{"the socket took all": true, "the socket took a part": false} {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			accepted := make(chan *recorder, 1)
			serveWith(t, Config{Engine: EngineEpoll}, ln, asking(accepted))
			peer, r := logIn(t, ln, accepted)

			l, p := r.link, r.link.wire.(*loop)
			l.mu.Lock()
			l.writing = true // so that no goroutine of the loop writes
			l.mu.Unlock()
			l.Send(NewPacket(message(1, "hi")))
			b, _, fd := p.begin(l, new([chunk]byte))
			part := b
			if !all {
				part = b[:len(b)-1]
			}
			n, err := tcp.TryWrite(fd, part)
			if err != nil || n != len(part) {
				t.Fatalf("wrote %d, %v", n, err)
			}
			if _, err := io.ReadFull(peer, make([]byte, n)); err != nil {
				t.Fatal(err)
			}
			_ = peer.Close()
			wantCode(t, r, proto.OK)
			p.record(l, n, len(b), nil)
			if got := <-r.read; got != all {
				t.Errorf("the peer has read everything: %v", got)
			}
		})
	}
}

// logIn connects to ln as a CIM client.
func logIn(t *testing.T, ln net.Listener, accepted chan *recorder) (net.Conn, *recorder) {
	t.Helper()
	peer, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peer.Close() })
	r := <-accepted
	write(t, peer, cimLogin)
	<-r.frames
	return peer, r
}
