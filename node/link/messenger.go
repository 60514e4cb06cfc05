package link

import (
	"github.com/cim-go/cim/node/link/ws"
	"github.com/cim-go/cim/proto"
)

// messenger cuts a byte stream into WebSocket messages. Each message has one frame of our
// protocol. Between messages it keeps nothing. While a message is incomplete, a value of
// the type fragments replaces the messenger.
type messenger struct {
	json bool // messages are text with JSON; otherwise they are binary
}

func (m messenger) push(l *Link, b []byte) error {
	begun := fragments{ws.Assembler{Text: m.json}}
	if err := begun.Take(socketOf{l}, b); err != nil {
		return err
	}
	if !begun.Empty() {
		kept := begun
		l.in = &kept
	}
	return nil
}

// fragments is a messenger that has only a part of a message.
type fragments struct{ ws.Assembler }

func (m *fragments) push(l *Link, b []byte) error {
	err := m.Take(socketOf{l}, b)
	if err == nil && m.Empty() {
		l.in = messenger{json: m.Text}
	}
	return err
}

// socketOf makes a link the receiver of WebSocket messages. It implements ws.Receiver.
type socketOf struct{ l *Link }

func (s socketOf) Most() int { return s.l.mostFrame() }

func (s socketOf) Message(payload []byte, text bool) error { return s.l.frame(payload, text) }

// Control answers a ping with a pong, and a close with a close of the same code.
func (s socketOf) Control(op byte, payload []byte) error {
	l := s.l
	switch op {
	case ws.Ping:
		l.mu.Lock()
		if l.state == stateOpen {
			l.addLocked(ws.AppendMessage(nil, ws.Pong, payload), soon)
		}
		l.mu.Unlock()
	case ws.Close:
		code := payload[:min(2, len(payload))]
		l.closeWith(proto.OK, func() []byte { return ws.AppendMessage(nil, ws.Close, code) })
	}
	return nil
}
