package stream

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// errFrame is returned for bytes that are not a frame. It ends the stream.
var errFrame = errors.New("stream: malformed frame")

// maxHead is the largest number of bytes of a frame before its body: length, id, two
// numbers, and the path.
const maxHead = 4*binary.MaxVarintLen64 + maxPath

const maxPath = 255 // bytes

// appendCall appends the fields of a call that precede its body.
func appendCall(b []byte, id, timeLeft uint64, path string) []byte {
	b = binary.AppendUvarint(b, id)
	b = binary.AppendUvarint(b, timeLeft)
	b = binary.AppendUvarint(b, uint64(len(path)))
	return append(b, path...)
}

func appendAnswer(b []byte, id uint64, status int, retryAfter uint64) []byte {
	b = binary.AppendUvarint(b, id)
	if id == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(status))
	return binary.AppendUvarint(b, retryAfter)
}

// fields reads the fields of a frame one after another.
type fields struct {
	rest []byte
	bad  bool // one of the fields could not be read
}

func (f *fields) number() uint64 {
	v, n := binary.Uvarint(f.rest)
	if n <= 0 {
		f.bad = true
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

func (f *fields) text(limit uint64) string {
	n := f.number()
	if f.bad || n > limit || n > uint64(len(f.rest)) {
		f.bad = true
		return ""
	}
	s := string(f.rest[:n])
	f.rest = f.rest[n:]
	return s
}

// buffers is a pool for frames that were read and for answers.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxPooled is the largest size of a buffer in the pool, in bytes. A longer one is left
// to the garbage collector.
const maxPooled = 256 << 10

func release(b *[]byte) {
	if cap(*b) <= maxPooled {
		buffers.Put(b)
	}
}

// readFrame blocks until it has read a frame, whose body may have at most limit bytes.
// The frame is in a buffer of the pool, which the caller releases.
func readFrame(r *bufio.Reader, limit int) (*[]byte, error) {
	size, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	if size == 0 || size > uint64(limit+maxHead) {
		return nil, fmt.Errorf("%w of %d bytes", errFrame, size)
	}
	b := buffers.Get().(*[]byte)
	if *b, err = fill(r, (*b)[:0], int(size)); err != nil {
		release(b)
		return nil, err
	}
	return b, nil
}

// step bounds how much memory is allocated before the bytes of a frame have come.
const step = 64 << 10

// fill reads n bytes and appends them to b. b grows as the bytes come.
func fill(r *bufio.Reader, b []byte, n int) ([]byte, error) {
	for n > 0 {
		part := min(n, max(step, cap(b)-len(b)))
		at := len(b)
		if cap(b)-at < part {
			b = append(b, make([]byte, part)...)
		}
		b = b[:at+part]
		if _, err := io.ReadFull(r, b[at:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return b, err
		}
		n -= part
	}
	return b, nil
}
