package proto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"
)

// MaxFrame is the default limit of an encoded frame in bytes, without its
// length prefix.
const MaxFrame = 64 << 10

// CIM's clients may hold a connection without a ticket (open mode). Their one
// device has this name.
const CIMDevice = "cim"

// Everyone is the group that every user belongs to.
const Everyone int64 = 1

// MaxUser is the largest user id: browsers read ids as JSON numbers.
const MaxUser int64 = 1<<53 - 1

var (
	// ErrFrameTooLong is returned when a frame's declared length is above the
	// limit. Nothing of the frame was read beyond its prefix.
	ErrFrameTooLong = errors.New("frame is longer than the limit")
	// ErrBadFrame is returned for a length prefix or a message that cannot be
	// decoded. The stream cannot be resynchronised after it.
	ErrBadFrame = errors.New("frame cannot be decoded")
)

// AppendFrame appends the frame with its varint32 length prefix to b and
// returns the extended slice. It fails only for text that is not UTF-8.
func AppendFrame(b []byte, f *Frame) ([]byte, error) {
	size := proto.Size(f)
	b = binary.AppendUvarint(b, uint64(size))
	out, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(b, f)
	if err != nil {
		return b, fmt.Errorf("encode frame: %w", err)
	}
	return out, nil
}

// Split cuts the first frame off b: it returns the encoded message, without its
// prefix and sharing b's memory, and how many bytes of b it took. Zero taken and
// no error means that more bytes are needed. A length is judged before a byte of
// the body is waited for.
func Split(b []byte, limit int) (body []byte, taken int, err error) {
	size, n := binary.Uvarint(b)
	switch {
	case n == 0 && len(b) < binary.MaxVarintLen32:
		return nil, 0, nil
	case n <= 0 || n > binary.MaxVarintLen32:
		return nil, 0, ErrBadFrame
	case size > uint64(limit):
		return nil, 0, ErrFrameTooLong
	case len(b)-n < int(size):
		return nil, 0, nil
	}
	return b[n : n+int(size)], n + int(size), nil
}

// Unmarshal decodes one encoded message into f. The frame shares no memory with
// b. The error wraps ErrBadFrame.
func (f *Frame) Unmarshal(b []byte) error {
	if err := proto.Unmarshal(b, f); err != nil {
		return fmt.Errorf("%w: %v", ErrBadFrame, err)
	}
	return nil
}

// ByteReader is what ReadFrame needs: a buffered reader.
type ByteReader interface {
	io.Reader
	io.ByteReader
}

// ReadFrame blocks until a whole frame is read. It returns io.EOF when the
// stream ends between frames and io.ErrUnexpectedEOF inside one, and allocates
// no more than limit bytes whatever the prefix says.
func ReadFrame(r ByteReader, limit int) (*Frame, error) {
	size, err := readPrefix(r)
	if err != nil {
		return nil, err
	}
	if size > uint64(limit) {
		return nil, ErrFrameTooLong
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	f := new(Frame)
	if err := f.Unmarshal(body); err != nil {
		return nil, err
	}
	return f, nil
}

func readPrefix(r io.ByteReader) (uint64, error) {
	var size uint64
	for i := range binary.MaxVarintLen32 {
		b, err := r.ReadByte()
		if err != nil {
			if i > 0 && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		size |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			return size, nil
		}
	}
	return 0, ErrBadFrame
}
