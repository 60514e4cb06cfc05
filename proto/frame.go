package proto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"
)

// MaxText is the default limit of a message's text in bytes of UTF-8.
//
// CIM has no limit. Neither its frame decoder (Netty's ProtobufVarint32FrameDecoder) nor
// its route checks a length, and texts of 60,000 bytes and more arrive. Without a limit
// one sender could fill every queue. This limit is the largest number of 16 bits.
const MaxText = 1<<16 - 1

// MaxFrame is the default limit of an encoded frame in bytes, without its length prefix.
// It is large enough for a text of MaxText in JSON, where a quote or a line feed takes
// two bytes.
const MaxFrame = 2*MaxText + 4<<10

// CIMDevice is the only device of a CIM client. CIM has no devices. In open mode its
// clients may connect without a ticket.
const CIMDevice = "cim"

// Everyone is the group that every user belongs to.
const Everyone int64 = 1

// MaxUser is the largest user id. Browsers read ids as JSON numbers, which are exact up
// to this one.
const MaxUser int64 = 1<<53 - 1

// RandomUser is the smallest id that a new user gets. Ids from there on are random.
// Smaller ids come from CIM and from earlier releases. They are the time of the
// registration, in ms since 1970.
const RandomUser int64 = 1 << 44

var (
	// ErrFrameTooLong is returned if a frame's length prefix is above the limit. Only
	// the prefix was read.
	ErrFrameTooLong = errors.New("frame is longer than the limit")
	// ErrBadFrame is returned for a length prefix or a message that cannot be
	// decoded. The stream cannot be resynchronised after it.
	ErrBadFrame = errors.New("frame cannot be decoded")
)

// AppendFrame appends the frame with its varint32 length prefix to b and returns the
// extended slice. It returns an error only for a text that is not UTF-8, and then b is
// unchanged. It checks no limit, because the reader does that.
func AppendFrame(b []byte, f *Frame) ([]byte, error) {
	size := proto.Size(f)
	out := binary.AppendUvarint(b, uint64(size))
	out, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(out, f)
	if err != nil {
		return b, fmt.Errorf("encode frame: %w", err)
	}
	return out, nil
}

// Split returns the first frame of b, without its prefix, and the number of bytes in b
// that the prefix and the frame take. The body shares b's memory. If taken is zero and
// there is no error, more bytes are needed. Split checks the length before the body has
// come. The parameter limit is in bytes and not negative. Errors are ErrBadFrame and
// ErrFrameTooLong.
//
// A prefix of more than five bytes gives ErrBadFrame. A prefix may have more bytes than
// its number needs, as everywhere in protobuf. The single byte 0x00 is an empty frame,
// which decodes as a CIM login of user 0. The caller must refuse that.
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

// Unmarshal decodes one message without its prefix into f, and replaces everything in
// f. The frame shares no memory with b. The error wraps ErrBadFrame.
//
// A decoded frame may need more memory than b. A hostile frame with very many empty texts
// or marks needs 40 times as much (TestDecodedFrameIsBounded).
func (f *Frame) Unmarshal(b []byte) error {
	if err := proto.Unmarshal(b, f); err != nil {
		return fmt.Errorf("%w: %v", ErrBadFrame, err)
	}
	return nil
}

// ByteReader is a buffered reader, for ReadFrame.
type ByteReader interface {
	io.Reader
	io.ByteReader
}

// ReadFrame blocks until it has read a whole frame, and reads no byte beyond it. It
// checks frames as Split and Unmarshal do. It returns io.EOF if the stream ends between
// frames, io.ErrUnexpectedEOF if it ends inside a frame, and the reader's own error
// otherwise. Before the body has arrived it allocates at most limit bytes.
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

// readPrefix reads byte by byte, so that it reads nothing after the prefix.
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
