package link

import (
	"unicode/utf8"

	"github.com/cim-go/cim/proto"
)

// messenger cuts a byte stream into WebSocket messages, one frame of ours each,
// and answers control frames. It keeps only what has come of a header, of a
// control frame and of a message.
type messenger struct {
	link *Link
	json bool // messages are text, else binary

	head   []byte // part of a header; empty while a payload is read
	now    header // the frame whose payload is read
	left   int    // bytes of it that have not come
	inside bool   // a header was read, its payload is not complete

	control []byte // payload of the control frame that is read
	message []byte // payloads of the message so far
	begun   bool   // a fragment of a message came, the last did not
}

func (m *messenger) push(b []byte) error {
	for len(b) > 0 || m.inside && m.left == 0 {
		var err error
		if m.inside {
			b, err = m.payload(b)
		} else {
			b, err = m.begin(b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// begin reads a header.
func (m *messenger) begin(b []byte) ([]byte, error) {
	had := len(m.head)
	look := b
	if had > 0 {
		m.head = append(m.head, b[:min(len(b), maxHeader)]...)
		look = m.head
	}
	h, taken, err := parseHeader(look, m.link.server.config.MaxFrame)
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
	if err := m.fits(h); err != nil {
		return nil, err
	}
	m.now, m.left, m.inside = h, h.length, true
	return b[taken-had:], nil
}

// maxHeader is the most bytes of a client's frame header.
const maxHeader = 14

// fits checks the frame against the message that it begins or goes on with.
func (m *messenger) fits(h header) error {
	want := byte(opBinary)
	if m.json {
		want = opText
	}
	switch h.op {
	case opClose, opPing, opPong:
		return nil
	case opContinue:
		if !m.begun {
			return proto.Err(proto.BadFrame, "")
		}
		if len(m.message)+h.length > m.link.server.config.MaxFrame {
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

// payload reads of the current frame what b has of it. A message that lies in b
// as a whole is decoded where it is.
func (m *messenger) payload(b []byte) ([]byte, error) {
	n := min(m.left, len(b))
	part, rest := b[:n], b[n:]
	unmask(part, m.now.mask, m.now.length-m.left)
	m.left -= n
	switch {
	case m.now.op&isControl != 0:
		m.control = append(m.control, part...)
	case m.left == 0 && m.now.fin && len(m.message) == 0:
		m.inside, m.begun = false, false
		return rest, m.complete(part)
	default:
		m.message = append(m.message, part...)
	}
	if m.left > 0 {
		return rest, nil
	}
	m.inside = false
	if m.now.op&isControl != 0 {
		payload := m.control
		m.control = nil
		return rest, m.answer(payload)
	}
	m.begun = !m.now.fin
	if m.begun {
		return rest, nil
	}
	whole := m.message
	m.message = nil
	return rest, m.complete(whole)
}

func (m *messenger) complete(message []byte) error {
	if m.json && !utf8.Valid(message) {
		return proto.Err(proto.BadFrame, "")
	}
	return m.link.frame(message, m.json)
}

// answer reacts to a control frame: a ping gets its pong, a close its echo.
func (m *messenger) answer(payload []byte) error {
	switch m.now.op {
	case opPing:
		m.link.mu.Lock()
		if m.link.state == stateOpen {
			m.link.addLocked(appendMessage(nil, opPong, payload))
		}
		m.link.mu.Unlock()
	case opClose:
		if len(payload) > 2 {
			payload = payload[:2]
		}
		m.link.closeWith(proto.OK, func() []byte { return appendMessage(nil, opClose, payload) })
	}
	return nil
}
