package link

import (
	"errors"

	"github.com/cim-go/cim/proto"
)

// framer cuts a byte stream into length-prefixed frames. It keeps only the part
// of a frame that has come, so that a length costs its sender bytes, not us.
type framer struct {
	link *Link
	part []byte // nil between frames
}

func (f *framer) push(b []byte) error {
	if f.part != nil {
		f.part = append(f.part, b...)
		b = f.part
	}
	whole := len(b)
	for len(b) > 0 {
		body, taken, err := proto.Split(b, f.link.server.config.MaxFrame)
		if err != nil {
			return codeOf(err)
		}
		if taken == 0 {
			f.keep(b, whole)
			return nil
		}
		if err := f.link.frame(body, false); err != nil {
			return err
		}
		b = b[taken:]
	}
	f.part = nil
	return nil
}

// keep copies the part b of a frame, unless it is what is kept already: a frame
// that comes byte by byte is not copied every time.
func (f *framer) keep(b []byte, whole int) {
	if f.part == nil || len(b) < whole {
		f.part = append([]byte(nil), b...)
	}
}

// frame decodes one message and hands it to the owner.
func (l *Link) frame(body []byte, json bool) error {
	f := new(proto.Frame)
	if err := decode(f, body, json); err != nil {
		return codeOf(err)
	}
	l.server.metrics.received(f.Cmd)
	if !l.loggedIn.Load() {
		if err := l.first(f); err != nil {
			return err
		}
	}
	if l.isOpen() {
		l.handler.Handle(f)
	}
	return nil
}

func decode(f *proto.Frame, body []byte, json bool) error {
	if json {
		return f.UnmarshalJSON(body)
	}
	return f.Unmarshal(body)
}

// first judges the first frame: it must be a login, and it shows whether the
// peer is one of ours or CIM's.
func (l *Link) first(f *proto.Frame) error {
	l.mu.Lock()
	if f.Ticket != "" || f.Cmd >= proto.Command_LOGIN_ANSWER {
		l.ours = true
	}
	l.mu.Unlock()
	if f.Cmd != proto.Command_LOGIN_REQUEST {
		return proto.Err(proto.NotLogin, "")
	}
	l.loggedIn.Store(true)
	return nil
}

// codeOf returns the error with the code a peer is told.
func codeOf(err error) error {
	code := proto.BadFrame
	if errors.Is(err, proto.ErrFrameTooLong) {
		code = proto.FrameTooLong
	}
	return proto.Err(code, "")
}
