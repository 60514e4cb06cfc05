package link

import (
	"bytes"
	"errors"
)

// input is a state of the push parser: it takes bytes as they come and keeps
// what is not complete. It may change b, and keeps nothing of it. An error that
// is a *proto.Error closes the link with its code. Inputs belong to the reader;
// one that keeps nothing is shared by all links.
type input interface {
	push(l *Link, b []byte) error
}

// errTLS asks the engine to put TLS under the link; the bytes read so far are
// the sniffer's.
var errTLS = errors.New("peer speaks TLS")

// startTLS is a handshake record, version 3.x.
var startTLS = []byte{0x16, 0x03}

// startsHTTP are the methods of HTTP. GET may lead to a WebSocket; the others are
// those of instruments and mistakes, which get an answer.
var startsHTTP = [][]byte{
	[]byte("GET "), []byte("HEAD "), []byte("OPTIONS "), []byte("POST "), []byte("PUT "), []byte("PATCH "), []byte("DELETE "),
}

// sniffer tells by the first bytes what the peer speaks. No frame begins like
// the other two: its second byte is a field's tag, and 0x03 is tag 0, while 'E'
// and 'A' are field 8, which CIM's message does not have, 'O' is no type, and what
// follows 'P' and 'U', of field 10, cannot.
type sniffer struct {
	tls  bool // TLS may come
	head []byte
}

func (s *sniffer) push(l *Link, b []byte) error {
	s.head = append(s.head, b...)
	switch {
	case s.tls && begins(s.head, startTLS):
		if len(s.head) < len(startTLS) {
			return nil
		}
		return errTLS
	}
	for _, start := range startsHTTP {
		if begins(s.head, start) {
			if len(s.head) < len(start) {
				return nil
			}
			l.in = new(upgrader)
			return l.in.push(l, s.head)
		}
	}
	l.in = framer{}
	return l.in.push(l, s.head)
}

// begins reports whether b begins with the pattern, as far as b goes.
func begins(b, pattern []byte) bool {
	n := min(len(b), len(pattern))
	return bytes.Equal(b[:n], pattern[:n])
}
