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

// CIMDevice is the one device of a CIM client, which knows no devices and may
// hold a connection without a ticket in open mode.
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
// returns the extended slice. It fails only for text that is not UTF-8, and then
// returns b as it was. It checks no limit: that is the reader's to refuse.
func AppendFrame(b []byte, f *Frame) ([]byte, error) {
	size := proto.Size(f)
	out := binary.AppendUvarint(b, uint64(size))
	out, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(out, f)
	if err != nil {
		return b, fmt.Errorf("encode frame: %w", err)
	}
	return out, nil
}

// Split cuts the first frame off b: it returns the encoded message, without its
// prefix and sharing b's memory, and how many bytes of b it took. Zero taken and
// no error means that more bytes are needed. A length is judged before a byte of
// the body is waited for. The limit is in bytes and not negative.
//
// A prefix that has not ended after five bytes is ErrBadFrame. One that is longer
// than its number needs is fine, as it is everywhere in protobuf. An empty frame,
// the single byte 0x00, is a frame: it decodes as a CIM login of user 0, which is
// the caller's to refuse.
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
	end := n + int(size)
	return b[n:end:end], end, nil
}

// Unmarshal decodes one encoded message, without its prefix, into f in place of
// what f held. The frame shares no memory with b. The error wraps ErrBadFrame.
//
// A decoded frame can be larger than b: a hostile one, full of empty texts or
// marks, costs 40 times its encoding (TestDecodedFrameIsBounded).
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

// ReadFrame blocks until a whole frame is read and takes no byte beyond it. It
// judges frames as Split and Unmarshal do. It returns io.EOF when the stream ends
// between frames, io.ErrUnexpectedEOF when it ends inside one, and the reader's
// own error otherwise. Until the body has arrived it allocates no more than limit
// bytes, whatever the prefix says.
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

// readPrefix reads byte by byte, so that nothing after the prefix is taken.
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
