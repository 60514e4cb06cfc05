package link

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/pires/go-proxyproto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/sourceip"
)

// errCrowded ends a link without a goodbye, because its address has too many links
// already.
var errCrowded = errors.New("too many connections of one address that have not logged in")

// The PROXY protocol begins with one of these (HAProxy's proxy-protocol.txt, sections
// 2.1 and 2.2). No frame begins so, because a frame with these bytes would be shorter
// than its first field.
var startsProxy = [][]byte{[]byte("PROXY "), []byte("\r\n\r\n\x00\r\nQUIT\n")}

const (
	maxProxyV1 = 107       // bytes, including the line end; section 2.1
	headV2     = 16        // bytes before the addresses; section 2.2
	maxProxyV2 = 4<<10 - 1 // bytes; addresses take 36, and proxies add little
)

// proxied is the input of a link that comes from a proxy. A PROXY header may stand
// before everything else.
type proxied struct {
	next input
	head []byte
}

func (p *proxied) push(l *Link, b []byte) error {
	p.head = append(p.head, b...)
	for i, start := range startsProxy {
		if !begins(p.head, start) {
			continue
		}
		n, err := lengthOf(p.head, i == 1)
		if err != nil || n == 0 || len(p.head) < n {
			return err
		}
		return p.named(l, n)
	}
	l.in = p.next
	return l.in.push(l, p.head)
}

// lengthOf returns the length of the PROXY header that head begins with, or zero if it
// is not known yet. The error has the code BadFrame.
func lengthOf(head []byte, version2 bool) (int, error) {
	if version2 {
		if len(head) < headV2 {
			return 0, nil
		}
		return atMost(maxProxyV2, headV2+int(binary.BigEndian.Uint16(head[headV2-2:])))
	}
	if end := bytes.Index(head, []byte("\r\n")); end >= 0 {
		return atMost(maxProxyV1, end+2)
	}
	if len(head) < maxProxyV1 {
		return 0, nil
	}
	return atMost(maxProxyV1, len(head)+1)
}

func atMost(most, n int) (int, error) {
	if n > most {
		return 0, proto.Err(proto.BadFrame, "The PROXY header is too long.")
	}
	return n, nil
}

// named reads a PROXY header from the first n bytes, and continues with the rest. If
// the header names no client (UNKNOWN, LOCAL), the link is one of the proxy itself, for
// example a health check.
func (p *proxied) named(l *Link, n int) error {
	h, err := proxyproto.Read(bufio.NewReader(bytes.NewReader(p.head[:n])))
	if err != nil {
		return proto.Err(proto.BadFrame, "The PROXY header cannot be read.")
	}
	if client := sourceip.Addr(h.SourceAddr); h.Command.IsProxy() && client.IsValid() {
		if err := l.behind(client); err != nil {
			return err
		}
	}
	l.in = p.next
	if rest := p.head[n:]; len(rest) > 0 {
		return l.in.push(l, rest)
	}
	return nil
}
