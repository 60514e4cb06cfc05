package ws

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"github.com/cim-go/cim/proto"
)

// Opcodes of frames: RFC 6455, section 5.2.
const (
	Continue = 0x0
	Text     = 0x1
	Binary   = 0x2
	Close    = 0x8
	Ping     = 0x9
	Pong     = 0xA
)

const (
	bitFin     = 0x80
	bitsRSV    = 0x70
	bitMask    = 0x80
	isControl  = 0x08
	maxControl = 125 // the largest payload of a control frame, in bytes
)

// Header is the head of a frame.
type Header struct {
	Fin    bool
	Op     byte
	Length int // bytes of the payload
	Mask   [4]byte
}

// ParseHeader reads a client's frame header from the beginning of b. The result taken is
// the header's length. If taken is zero and there is no error, more bytes are needed. A
// client's frame must be masked, use no extension, and state its length in the shortest
// form. The error is a *proto.Error with the code BadFrame, or FrameTooLong if the
// payload has more than limit bytes.
func ParseHeader(b []byte, limit int) (h Header, taken int, err error) {
	if len(b) < 2 {
		return h, 0, nil
	}
	h = Header{Fin: b[0]&bitFin != 0, Op: b[0] & 0x0f}
	if b[0]&bitsRSV != 0 || b[1]&bitMask == 0 {
		return h, 0, proto.Err(proto.BadFrame, "")
	}
	length, n, ok := payloadLength(b)
	switch {
	case !ok:
		return h, 0, proto.Err(proto.BadFrame, "")
	case n == 0:
		return h, 0, nil
	case h.Op&isControl != 0 && (length > maxControl || !h.Fin):
		return h, 0, proto.Err(proto.BadFrame, "")
	case length > uint64(limit):
		return h, 0, proto.Err(proto.FrameTooLong, "")
	case len(b) < n+4:
		return h, 0, nil
	}
	h.Length = int(length)
	copy(h.Mask[:], b[n:])
	return h, n + 4, nil
}

// payloadLength returns the length of the payload, and the offset of the mask. The
// offset is zero if the header is incomplete.
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

// Unmask applies the mask to b, which begins at this offset of the payload. It works on
// eight bytes at a time. One byte at a time took five times as long for 300 bytes.
func Unmask(b []byte, mask [4]byte, offset int) {
	key := bits.RotateLeft32(binary.LittleEndian.Uint32(mask[:]), -8*(offset&3))
	for wide := uint64(key)<<32 | uint64(key); len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
	}
	for i := range b {
		b[i] ^= byte(key >> (8 * (i & 3)))
	}
}

// AppendMessage appends a message of a server in one frame, without a mask.
func AppendMessage(b []byte, op byte, payload []byte) []byte {
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

// validClose reports whether a close frame may have this payload. It must be empty, or
// a code and a reason in UTF-8 (RFC 6455, section 5.5.1).
func validClose(payload []byte) bool {
	if len(payload) < 2 {
		return len(payload) == 0
	}
	return mayClose(binary.BigEndian.Uint16(payload)) && utf8.Valid(payload[2:])
}

// mayClose reports whether a peer may send the code in a close frame. The other codes
// are reserved, must never be sent, or are not assigned (RFC 6455, section 7.4; 1012 to
// 1014 were registered later).
func mayClose(code uint16) bool {
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014:
		return true
	}
	return code >= 3000 && code <= 4999
}

// AppendClose appends a close frame with as much of the sentence as fits.
func AppendClose(b []byte, code uint16, sentence string) []byte {
	for len(sentence) > maxControl-2 {
		_, last := utf8.DecodeLastRuneInString(sentence)
		sentence = sentence[:len(sentence)-last]
	}
	return AppendMessage(b, Close, append(binary.BigEndian.AppendUint16(nil, code), sentence...))
}
