package link

import (
	"errors"
	"net"

	"github.com/cim-go/cim/proto"
)

// maxLate is how many bytes are read and thrown away after Close, in the hope
// that the peer reads our goodbye meanwhile.
const maxLate = 1 << 20

// receive takes bytes that came, and may change them. An error ends the link. After
// errTLS, the engine has to put TLS under it.
func (l *Link) receive(b []byte) error {
	if !l.isOpen() {
		return l.discard(len(b))
	}
	if l.loggedIn {
		l.since.Store(l.server.clock.Load())
	}
	err := l.in.push(l, b)
	var coded *proto.Error
	if !errors.As(err, &coded) {
		return err
	}
	l.server.config.Logger.Debug("link refused", "link", l.id, "peer", l.RemoteAddr(), "code", coded.Code)
	l.Close(coded.Code, coded.Message)
	return nil
}

// discard throws away what comes after Close.
func (l *Link) discard(n int) error {
	l.late += int32(n)
	if l.late > maxLate {
		return net.ErrClosed
	}
	return nil
}
