package crowd

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// CIM's commands.
const (
	cimLogin = 0
	cimPing  = 2
)

// cimFrame has the fields that CIM's client reads of a frame. This file encodes frames by
// itself. If it used the project's own code, a mistake there would be on both sides, and
// nobody would notice it.
type cimFrame struct {
	cmd        uint64
	texts      []string // the text of a live push, or the texts of messages that waited
	properties map[string]string
}

// cimRequest returns a frame of CIM's client. Default values are left out.
func cimRequest(text string, user int64, cmd uint64) []byte {
	var body []byte
	body = protowire.AppendString(protowire.AppendTag(body, 1, protowire.BytesType), text)
	body = protowire.AppendVarint(protowire.AppendTag(body, 2, protowire.VarintType), uint64(user))
	if cmd != cimLogin {
		body = protowire.AppendVarint(protowire.AppendTag(body, 3, protowire.VarintType), cmd)
	}
	return protowire.AppendBytes(nil, body)
}

// cutFrame returns the first frame of the bytes that were read, and the bytes after it. If
// there is no whole frame, the result ok is false, and the result rest has all bytes.
func cutFrame(read []byte) (frame, rest []byte, ok bool) {
	frame, n := protowire.ConsumeBytes(read)
	if n < 0 {
		return nil, read, false // after a wrong length the client finds no further frame, so it stays silent until the connection ends
	}
	return frame, read[n:], true
}

// readCIM decodes a frame and skips the fields that CIM does not know.
func readCIM(b []byte) (f cimFrame, err error) {
	f.properties = make(map[string]string)
	err = eachField(b, func(n protowire.Number, number uint64, text []byte) error {
		switch n {
		case 1, 5:
			if len(text) > 0 {
				f.texts = append(f.texts, string(text))
			}
		case 3:
			f.cmd = number
		case 4:
			var pair [3]string // by field
			err := eachField(text, func(n protowire.Number, _ uint64, text []byte) error {
				pair[min(n, 3)%3] = string(text)
				return nil
			})
			f.properties[pair[1]] = pair[2]
			return err
		}
		return nil
	})
	return f, err
}

// eachField calls the function each for every field of a message. It passes varints as
// numbers and bytes as texts.
func eachField(b []byte, each func(n protowire.Number, number uint64, text []byte) error) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return fmt.Errorf("read frame: %w", protowire.ParseError(size))
		}
		value := b[size:]
		length := protowire.ConsumeFieldValue(n, kind, value)
		if length < 0 {
			return fmt.Errorf("read frame: %w", protowire.ParseError(length))
		}
		var number uint64
		var text []byte
		switch kind {
		case protowire.VarintType:
			number, _ = protowire.ConsumeVarint(value)
		case protowire.BytesType:
			text, _ = protowire.ConsumeBytes(value)
		}
		if err := each(n, number, text); err != nil {
			return err
		}
		b = value[length:]
	}
	return nil
}
