package link

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/cim-go/cim/proto"
)

// Opcodes of RFC 6455, section 5.2.
const (
	opContinue = 0x0
	opText     = 0x1
	opBinary   = 0x2
	opClose    = 0x8
	opPing     = 0x9
	opPong     = 0xA
)

const (
	bitFin     = 0x80
	bitsRSV    = 0x70
	bitMask    = 0x80
	isControl  = 0x08
	maxControl = 125 // bytes of a control frame's payload
)

// header is the head of a WebSocket frame.
type header struct {
	fin    bool
	op     byte
	length int
	mask   [4]byte
}

// parseHeader reads a client's frame header. Zero taken and no error means that
// more bytes are needed. A client's frame is masked, uses no extension, and
// states its length in the shortest form.
func parseHeader(b []byte, limit int) (h header, taken int, err error) {
	if len(b) < 2 {
		return h, 0, nil
	}
	h = header{fin: b[0]&bitFin != 0, op: b[0] & 0x0f}
	if b[0]&bitsRSV != 0 || b[1]&bitMask == 0 {
		return h, 0, proto.Err(proto.BadFrame, "")
	}
	length, n, ok := payloadLength(b)
	switch {
	case !ok:
		return h, 0, proto.Err(proto.BadFrame, "")
	case n == 0:
		return h, 0, nil
	case h.op&isControl != 0 && (length > maxControl || !h.fin):
		return h, 0, proto.Err(proto.BadFrame, "")
	case length > uint64(limit):
		return h, 0, proto.Err(proto.FrameTooLong, "")
	case len(b) < n+4:
		return h, 0, nil
	}
	h.length = int(length)
	copy(h.mask[:], b[n:])
	return h, n + 4, nil
}

// payloadLength returns the length and where the mask begins; zero: not all of
// it has come.
func payloadLength(b []byte) (length uint64, at int, ok bool) {
	switch short := b[1] &^ bitMask; {
	case short < 126:
		return uint64(short), 2, true
	case short == 126:
		if len(b) < 4 {
			return 0, 0, true
		}
		length = uint64(binary.BigEndian.Uint16(b[2:]))
		return length, 4, length > maxControl
	default:
		if len(b) < 10 {
			return 0, 0, true
		}
		length = binary.BigEndian.Uint64(b[2:])
		return length, 10, length > 0xffff && length>>63 == 0
	}
}

// unmask applies the mask to b, which begins at offset in the payload.
func unmask(b []byte, mask [4]byte, offset int) {
	for i := range b {
		b[i] ^= mask[(offset+i)&3]
	}
}

// appendMessage appends a whole unfragmented message of ours.
func appendMessage(b []byte, op byte, payload []byte) []byte {
	b = append(b, bitFin|op)
	switch n := len(payload); {
	case n <= maxControl:
		b = append(b, byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, payload...)
}

// appendClose appends a close frame with as much of the sentence as fits.
func appendClose(b []byte, code uint16, sentence string) []byte {
	for len(sentence) > maxControl-2 {
		_, last := utf8.DecodeLastRuneInString(sentence)
		sentence = sentence[:len(sentence)-last]
	}
	return appendMessage(b, opClose, append(binary.BigEndian.AppendUint16(nil, code), sentence...))
}
