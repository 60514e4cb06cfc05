package link

import (
	"bytes"
	"errors"
	"net/http"

	"github.com/cim-go/cim/node/link/records"
	"github.com/cim-go/cim/proto"
)

// errTLS means that the engine has to put TLS under the link. The sniffer has the bytes
// that were read so far.
var errTLS = errors.New("peer speaks TLS")

// startTLS is how a TLS connection begins: a handshake record, version 3.x.
var startTLS = []byte{0x16, 0x03}

// startsHTTP are the methods of HTTP. GET may lead to a WebSocket. The others come from
// monitoring tools or by mistake, and get an answer.
var startsHTTP = [][]byte{
	[]byte("GET "), []byte("HEAD "), []byte("OPTIONS "), []byte("POST "), []byte("PUT "), []byte("PATCH "), []byte("DELETE "),
}

// sniffer finds the peer's protocol by the first bytes. No frame begins like TLS or HTTP,
// because the second byte of a frame is a field's tag. In TLS that byte is 0x03, the tag
// of a field with the number 0, which no field has. The second byte of an HTTP method is
// E, A, O, P or U. As tags, E and A are field 8, which CIM's message does not have. O has
// a wire type that does not exist. P and U are field 10, and the bytes of HTTP that
// follow them do not fit that field.
type sniffer struct {
	tls  bool // TLS is allowed
	only bool // only TLS is allowed
	head []byte
}

func (s *sniffer) push(l *Link, b []byte) error {
	s.head = append(s.head, b...)
	if s.tls && begins(s.head, startTLS) {
		if !records.Begun(s.head) { // a peer that is slow costs nothing more
			return nil
		}
		return errTLS
	}
	for _, start := range startsHTTP {
		if begins(s.head, start) {
			if len(s.head) < len(start) {
				return nil
			}
			if s.only {
				return l.reject(http.StatusForbidden, proto.NeedsTLS)
			}
			l.in = new(upgrader)
			return l.in.push(l, s.head)
		}
	}
	l.in = framer{}
	if s.only {
		l.in = new(refuser)
	}
	return l.in.push(l, s.head)
}

// refuser reads the first frame of a plain peer where only TLS is allowed, and refuses
// the link. It does not check the ticket. It only looks whether there is one. A peer
// without a ticket is not one of our clients, and does not understand the refusal.
type refuser struct {
	part []byte
}

func (r *refuser) push(l *Link, b []byte) error {
	r.part = append(r.part, b...)
	body, taken, err := proto.Split(r.part, l.mostFrame())
	if err != nil {
		return codeOf(err)
	}
	if taken == 0 {
		return nil
	}
	f, err := decode(body, false)
	if err != nil {
		return codeOf(err)
	}
	l.mu.Lock()
	l.ours = f.Ticket != ""
	l.mu.Unlock()
	return proto.Err(proto.NeedsTLS, "")
}

// begins reports whether b begins with the pattern. If b is shorter, it compares as
// many bytes as b has.
func begins(b, pattern []byte) bool {
	n := min(len(b), len(pattern))
	return bytes.Equal(b[:n], pattern[:n])
}
