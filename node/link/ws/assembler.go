package link

import "github.com/cim-go/cim/proto"

// messenger cuts a byte stream into WebSocket messages, one frame of ours each,
// and answers control frames. Between messages it keeps nothing. While a message is
// incomplete, a fragments takes its place.
type messenger struct {
	json bool // messages are text, else binary
}

func (m messenger) push(l *Link, b []byte) error {
	begun := fragments{json: m.json}
	if err := begun.take(l, b); err != nil {
		return err
	}
	if !begun.nothing() {
		kept := begun
		l.in = &kept
	}
	return nil
}

// fragments is the state of a messenger that has only a part of a message between two
// reads. It has the bytes so far of a header, of a control frame, or of a message's
// fragments.
type fragments struct {
	json bool

	head   []byte // part of a header; empty while a payload is read
	now    header // the frame whose payload is read
	left   int    // bytes of it that have not come
	inside bool   // a header was read, its payload is not complete

	control []byte // payload of the control frame that is read
	content []byte // payloads of the message so far
	begun   bool   // a fragment of a message came, the last did not
}

func (m *fragments) push(l *Link, b []byte) error {
	err := m.take(l, b)
	if err == nil && m.nothing() {
		l.in = messenger{json: m.json}
	}
	return err
}

// nothing reports whether the next byte begins a frame and a message.
func (m *fragments) nothing() bool { return !m.inside && !m.begun && len(m.head) == 0 }

func (m *fragments) take(l *Link, b []byte) error {
	for len(b) > 0 || m.inside && m.left == 0 {
		var err error
		if m.inside {
			b, err = m.payload(l, b)
		} else {
			b, err = m.begin(l, b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// begin reads a header.
func (m *fragments) begin(l *Link, b []byte) ([]byte, error) {
	had := len(m.head)
	look := b
	if had > 0 {
		m.head = append(m.head, b[:min(len(b), maxHeader)]...)
		look = m.head
	}
	h, taken, err := parseHeader(look, l.mostFrame())
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
	if err := m.fits(l, h); err != nil {
		return nil, err
	}
	m.now, m.left, m.inside = h, h.length, true
	return b[taken-had:], nil
}

// maxHeader is the most bytes of a client's frame header.
const maxHeader = 14

// fits checks the frame against the message that it begins or goes on with.
func (m *fragments) fits(l *Link, h header) error {
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
		if len(m.content)+h.length > l.mostFrame() {
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

// payload reads the part of the current frame that b has. A message that is in b as a
// whole is decoded in place.
func (m *fragments) payload(l *Link, b []byte) ([]byte, error) {
	n := min(m.left, len(b))
	part, rest := b[:n], b[n:]
	unmask(part, m.now.mask, m.now.length-m.left)
	m.left -= n
	switch {
	case m.now.op&isControl != 0:
		m.control = append(m.control, part...)
	case m.left == 0 && m.now.fin && len(m.content) == 0:
		m.inside, m.begun = false, false
		return rest, l.frame(part, m.json)
	default:
		m.content = append(m.content, part...)
	}
	if m.left > 0 {
		return rest, nil
	}
	m.inside = false
	if m.now.op&isControl != 0 {
		payload := m.control
		m.control = nil
		return rest, m.answer(l, payload)
	}
	m.begun = !m.now.fin
	if m.begun {
		return rest, nil
	}
	whole := m.content
	m.content = nil
	return rest, l.frame(whole, m.json)
}

// answer answers a control frame. A ping gets its pong, and a valid close gets the same
// code.
func (m *fragments) answer(l *Link, payload []byte) error {
	switch m.now.op {
	case opPing:
		l.mu.Lock()
		if l.state == stateOpen {
			l.addLocked(appendMessage(nil, opPong, payload), soon)
		}
		l.mu.Unlock()
	case opClose:
		if !validClose(payload) {
			return proto.Err(proto.BadFrame, "")
		}
		code := payload[:min(2, len(payload))]
		l.closeWith(proto.OK, func() []byte { return appendMessage(nil, opClose, code) })
	}
	return nil
}
