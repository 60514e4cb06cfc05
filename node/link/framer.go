package link

import (
	"bytes"
	"errors"

	"github.com/cim-go/cim/proto"
)

// framer cuts a byte stream into length-prefixed frames. Between frames it keeps nothing.
// While a frame is incomplete, a value of the type partial replaces the framer.
type framer struct{}

func (framer) push(l *Link, b []byte) error {
	rest, err := l.frames(b)
	if err == nil && len(rest) > 0 {
		l.in = &partial{part: bytes.Clone(rest)}
	}
	return err
}

// partial is a framer that has the beginning of a frame. It allocates memory for the
// bytes that have arrived, not for the announced length. So a peer gets no memory by
// announcing a long frame.
type partial struct {
	part []byte
}

func (p *partial) push(l *Link, b []byte) error {
	p.part = append(p.part, b...)
	rest, err := l.frames(p.part)
	switch {
	case err != nil:
		return err
	case len(rest) == 0:
		l.in = framer{}
	case len(rest) < len(p.part): // rest belongs to another frame: copy it, so that the bytes of this frame can be freed
		p.part = bytes.Clone(rest)
	}
	return nil
}

// frames decodes all complete frames at the beginning of b and hands them to the owner.
// It returns the rest of b.
func (l *Link) frames(b []byte) (rest []byte, err error) {
	for len(b) > 0 {
		body, taken, err := proto.Split(b, l.mostFrame())
		if err != nil {
			return nil, codeOf(err)
		}
		if taken == 0 {
			break
		}
		if err := l.frame(body, false); err != nil {
			return nil, err
		}
		b = b[taken:]
	}
	return b, nil
}

// maxFirst bounds the first frame in bytes. It is a login, which has some hundred
// bytes. So a peer that has not logged in gets no memory for a long frame.
const maxFirst = 16 << 10

// mostFrame is how many bytes the peer's next frame may have.
func (l *Link) mostFrame() int {
	if l.loggedIn {
		return l.server.config.MaxFrame
	}
	return min(maxFirst, l.server.config.MaxFrame)
}

// frame decodes one message and hands it to the owner.
func (l *Link) frame(body []byte, json bool) error {
	f, err := decode(body, json)
	if err != nil {
		return codeOf(err)
	}
	l.server.metrics.received(f.Cmd)
	if !l.loggedIn {
		if err := l.first(f); err != nil {
			return err
		}
	}
	if l.isOpen() {
		l.handler.Handle(f)
	}
	return nil
}

// Idle connections send mostly pings, so all links share one decoded ping.
var (
	ping     = &proto.Frame{Cmd: proto.Command_PING}
	pingBody = func() string {
		b, err := proto.AppendFrame(nil, ping)
		if err != nil {
			panic(err) // a programmer's mistake
		}
		return string(b[1:]) // without its length
	}()
)

// decode decodes a message. The frame may be shared, so nobody may change it.
func decode(body []byte, json bool) (*proto.Frame, error) {
	if !json && string(body) == pingBody {
		return ping, nil
	}
	f := new(proto.Frame)
	if json {
		return f, f.UnmarshalJSON(body)
	}
	return f, f.Unmarshal(body)
}

// first checks the first frame, which must be a login. The frame shows whether the peer
// speaks our protocol or CIM's.
func (l *Link) first(f *proto.Frame) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.Ticket != "" || f.Cmd >= proto.Command_LOGIN_ANSWER {
		l.ours = true
	}
	if f.Cmd != proto.Command_LOGIN_REQUEST {
		return proto.Err(proto.NotLogin, "")
	}
	l.loggedIn = true
	l.server.silent.Add(-1)
	l.since.Store(l.server.clock.Load())
	return nil
}

// codeOf returns the error with the code that is sent to the peer.
func codeOf(err error) error {
	code := proto.BadFrame
	if errors.Is(err, proto.ErrFrameTooLong) {
		code = proto.FrameTooLong
	}
	return proto.Err(code, "")
}
