package ws

import "github.com/cim-go/cim/proto"

// Receiver gets the messages and control frames of an Assembler. If a method returns an
// error, Take returns it at once.
type Receiver interface {
	// Most returns how many bytes the peer's next message may have.
	Most() int
	// Message gets a whole message. text is the Assembler's field Text. The bytes are
	// valid until the method returns.
	Message(payload []byte, text bool) error
	// Control gets a control frame; op is Close, Ping or Pong. The payload of a Close
	// was checked: it is empty, or a code and a reason.
	Control(op byte, payload []byte) error
}

// Assembler cuts a stream of bytes into messages and control frames. It keeps the bytes
// of a header, of a control frame, or of a message's fragments that have come so far.
// If Empty returns true, it keeps nothing, and a new Assembler may take the next bytes.
// It is for one goroutine at a time.
type Assembler struct {
	Text bool // messages are text; otherwise they are binary

	head   []byte // part of a header; empty while a payload is read
	now    Header // the frame whose payload is read
	left   int    // how many bytes of that payload have not come
	inside bool   // a header was read, and its payload is not complete

	control []byte // payload of the control frame that is read
	content []byte // payloads of the message so far
	begun   bool   // a fragment of a message came, but not the last one
}

// Empty reports whether the next byte begins a frame and a message.
func (m *Assembler) Empty() bool { return !m.inside && !m.begun && len(m.head) == 0 }

// Take handles the bytes b that came, and may change them. It calls the Receiver for
// each message and control frame that is complete. Its error is that of the receiver,
// or a *proto.Error.
func (m *Assembler) Take(to Receiver, b []byte) error {
	for len(b) > 0 || m.inside && m.left == 0 {
		var err error
		if m.inside {
			b, err = m.payload(to, b)
		} else {
			b, err = m.begin(to, b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// begin reads a header.
func (m *Assembler) begin(to Receiver, b []byte) ([]byte, error) {
	had := len(m.head)
	look := b
	if had > 0 {
		m.head = append(m.head, b[:min(len(b), maxHeader)]...)
		look = m.head
	}
	h, taken, err := ParseHeader(look, to.Most())
	if err != nil {
		return nil, err
	}
	if taken == 0 {
		if had == 0 {
			m.head = append(m.head, b...)
		}
		return nil, nil
	}
	m.head = m.head[:0]
	if err := m.fits(to, h); err != nil {
		return nil, err
	}
	m.now, m.left, m.inside = h, h.Length, true
	return b[taken-had:], nil
}

// maxHeader is the length of the longest frame header of a client.
const maxHeader = 14

// fits checks whether the frame with the header h may come now, given the fragments of
// the message so far. It returns an error if the frame's type is wrong, or the message
// would be too long.
func (m *Assembler) fits(to Receiver, h Header) error {
	want := byte(Binary)
	if m.Text {
		want = Text
	}
	switch h.Op {
	case Close, Ping, Pong:
		return nil
	case Continue:
		if !m.begun {
			return proto.Err(proto.BadFrame, "")
		}
		if len(m.content)+h.Length > to.Most() {
			return proto.Err(proto.FrameTooLong, "")
		}
		return nil
	case want:
		if m.begun {
			return proto.Err(proto.BadFrame, "")
		}
		return nil
	default:
		return proto.Err(proto.BadFrame, "")
	}
}

// payload reads the part of the current payload that b has, and returns the rest of b.
// If b has a whole message, that is decoded in place.
func (m *Assembler) payload(to Receiver, b []byte) ([]byte, error) {
	n := min(m.left, len(b))
	part, rest := b[:n], b[n:]
	Unmask(part, m.now.Mask, m.now.Length-m.left)
	m.left -= n
	switch {
	case m.now.Op&isControl != 0:
		m.control = append(m.control, part...)
	case m.left == 0 && m.now.Fin && len(m.content) == 0:
		m.inside, m.begun = false, false
		return rest, to.Message(part, m.Text)
	default:
		m.content = append(m.content, part...)
	}
	if m.left > 0 {
		return rest, nil
	}
	m.inside = false
	if m.now.Op&isControl != 0 {
		payload := m.control
		m.control = nil
		if m.now.Op == Close && !validClose(payload) {
			return nil, proto.Err(proto.BadFrame, "")
		}
		return rest, to.Control(m.now.Op, payload)
	}
	m.begun = !m.now.Fin
	if m.begun {
		return rest, nil
	}
	whole := m.content
	m.content = nil
	return rest, to.Message(whole, m.Text)
}
