package link

import (
	"net"
	"testing"
	"testing/synctest"

	"github.com/cim-go/cim/proto"
)

// lateConn returns from its writes only when gate is closed.
type lateConn struct {
	net.Conn
	gate chan struct{}
}

func (c *lateConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	<-c.gate
	return n, err
}

// asking returns a function that makes recorders which ask what their peers had read.
func asking(accepted chan *recorder) func(*Link) Handler {
	return func(l *Link) Handler {
		r := &recorder{link: l, frames: make(chan *proto.Frame, 1), closed: make(chan proto.Code, 1), read: make(chan bool, 1)}
		accepted <- r
		return r
	}
}

// A peer may read bytes and close before the writer has recorded that it wrote them.
func TestPeerThatIsFasterThanOurWriterHasReadEverything(t *testing.T) {
	for name, all := range map[string]bool{"it read all": true, "it read a part": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
				accepted := make(chan *recorder, 1)
				serveWith(t, Config{}, ln, asking(accepted))
				peer, ours := net.Pipe()
				late := &lateConn{Conn: ours, gate: make(chan struct{})}
				ln.conns <- late
				write(t, peer, cimLogin)
				r := <-accepted
				r.link.Send(NewPacket(message(1, "hi")))
				if all {
					read(t, peer)
				} else if _, err := peer.Read(make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
				_ = peer.Close()
				wantCode(t, r, proto.OK)
				synctest.Wait()
				close(late.gate)
				if got := <-r.read; got != all {
					t.Errorf("the peer has read everything: %v", got)
				}
			})
		})
	}
}
