package benchwire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"

	"github.com/cim-go/cim/proto"
)

// Upgrade returns the request that makes a connection a WebSocket. It has the same key
// each time. The key protects only caches, and none are used here.
func Upgrade(host string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
		proto.PathSocket, host, proto.SubprotocolBinary)
}

// Upgraded reads the answer to Upgrade from the beginning of b. If it returns zero, more
// bytes are needed.
func Upgraded(b []byte) (taken int, err error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, nil
	}
	want := fmt.Appendf(nil, "HTTP/1.1 %d ", http.StatusSwitchingProtocols)
	if !bytes.HasPrefix(b, want) {
		line, _, _ := bytes.Cut(b, []byte("\r\n"))
		return 0, fmt.Errorf("no WebSocket: %q", line)
	}
	return end + 4, nil
}

// Bits of a WebSocket frame's first two bytes: RFC 6455, section 5.2.
const (
	finalBinary = 0x82
	masked      = 0x80
	opcode      = 0x0f
	opBinary    = 0x02
	length16    = 126
	length64    = 127
)

// Socket returns the WebSocket frame with which a client sends a frame of our protocol.
// The parameter frame includes its length. The mask is zero, which leaves the bytes as
// they are. A mask protects only proxies, and none are used here.
func Socket(frame []byte) []byte {
	_, n := binary.Uvarint(frame)
	body := frame[n:]
	b := []byte{finalBinary, masked | byte(len(body))}
	if len(body) >= length16 {
		b = binary.BigEndian.AppendUint16([]byte{finalBinary, masked | length16}, uint16(len(body)))
	}
	return append(append(b, 0, 0, 0, 0), body...)
}

// SplitSocket does what proto.Split does, for bytes that a server sends over a WebSocket.
// A frame that is not binary has an empty body.
func SplitSocket(b []byte) (body []byte, taken int, err error) {
	if len(b) < 2 {
		return nil, 0, nil
	}
	size, at := int(b[1]), 2
	switch {
	case b[1]&masked != 0 || size == length64:
		return nil, 0, fmt.Errorf("%w: no server's WebSocket frame of less than 64 KiB", proto.ErrBadFrame)
	case size == length16:
		if len(b) < 4 {
			return nil, 0, nil
		}
		size, at = int(binary.BigEndian.Uint16(b[2:])), 4
	}
	if len(b) < at+size {
		return nil, 0, nil
	}
	if b[0]&opcode != opBinary {
		return nil, at + size, nil
	}
	return b[at : at+size], at + size, nil
}
