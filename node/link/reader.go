package link

import (
	"errors"
	"net"

	"github.com/cim-go/cim/proto"
)

// maxLate bounds the bytes that are read and discarded after Close. They are read so
// that the peer can read our goodbye meanwhile.
const maxLate = 1 << 20

// receive handles the bytes that came, and may change them. An error ends the link,
// except errTLS, after which the engine has to put TLS under the link.
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

// discard counts n bytes that came after Close. It returns an error if they are too
// many.
func (l *Link) discard(n int) error {
	l.late += int32(n)
	if l.late > maxLate {
		return net.ErrClosed
	}
	return nil
}
