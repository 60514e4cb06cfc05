package records

import (
	"encoding/binary"
	"slices"
)

const (
	headSize  = 5              // bytes of a record's head
	maxRecord = 16<<10 + 2<<10 // bytes of the longest record of any version, without its head
)

// cut finds where records end in a stream of bytes, by their heads.
type cut struct {
	have uint8  // bytes of the record's head; headSize: all
	left uint16 // bytes of the record after its head that are missing, if have is headSize
}

// next returns how many bytes at the beginning of b belong to the current record.
func (c *cut) next(b []byte) (n int) {
	for ; c.have < headSize; n++ {
		if n == len(b) {
			return n
		}
		c.left = c.left<<8 | uint16(b[n]) // the last two bytes of the head are the length
		c.have++
	}
	rest := min(int(c.left), len(b)-n)
	c.left -= uint16(rest)
	if c.left == 0 {
		c.have = 0
	}
	return n + rest
}

// pass follows all records in b.
func (c *cut) pass(b []byte) {
	for len(b) > 0 {
		b = b[c.next(b):]
	}
}

// Begun reports whether b, the first bytes of a connection, has a whole record. It also
// returns true if the record is so long that TLS refuses it.
func Begun(b []byte) bool {
	if len(b) < headSize {
		return false
	}
	n := int(binary.BigEndian.Uint16(b[headSize-2:]))
	return n > maxRecord || len(b) >= headSize+n
}

// split returns the first bytes of a connection, but divides the first record into four.
// TLS allows that, and it saves memory. crypto/tls keeps two buffers for good: one for
// the longest record, and one for the longest message of the handshake, which is in the
// first record. With a record of 1,500 bytes, the buffers have 2,048 and 1,536 bytes.
// With four records, they have 576 and 1,536. The four parts are equal, so that the
// second buffer, which doubles as it grows, becomes full.
func split(b []byte) []byte {
	if !Begun(b) {
		return b
	}
	n := int(binary.BigEndian.Uint16(b[headSize-2:]))
	if n < 4 || len(b) < headSize+n {
		return b
	}
	all := make([]byte, 0, len(b)+3*headSize)
	for part := range slices.Chunk(b[headSize:headSize+n], (n+3)/4) {
		all = append(all, b[:headSize-2]...)
		all = binary.BigEndian.AppendUint16(all, uint16(len(part)))
		all = append(all, part...)
	}
	return append(all, b[headSize+n:]...)
}
