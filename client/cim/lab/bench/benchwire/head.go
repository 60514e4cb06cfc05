package benchwire

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/cim-go/cim/proto"
)

// Fields of cim.proto that a benchmark looks at.
const (
	fieldText  = 1
	fieldUser  = 2 // request_id
	fieldCmd   = 3
	fieldID    = 17
	fieldFrom  = 18
	fieldTo    = 20
	fieldGroup = 21
	fieldAt    = 23
	fieldCode  = 26

	fieldMarkNumber = 3 // of the mark at fieldAt
)

// Head has those parts of a frame that a benchmark looks at. Its bytes share the frame's
// memory.
type Head struct {
	Cmd   proto.Command
	Code  proto.Code
	User  int64 // of CIM's login
	From  int64
	To    int64
	Group int64
	Place int64 // number in the log; zero: the frame does not have it
	ID    []byte
	Text  []byte
}

// Parse reads the head of an encoded message, without its length. The error wraps
// proto.ErrBadFrame.
func Parse(b []byte) (h Head, err error) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return h, fmt.Errorf("%w: %w", proto.ErrBadFrame, protowire.ParseError(n))
		}
		b = b[n:]
		switch typ {
		case protowire.VarintType:
			var v uint64
			if v, n = protowire.ConsumeVarint(b); n >= 0 {
				h.number(num, v)
			}
		case protowire.BytesType:
			var v []byte
			if v, n = protowire.ConsumeBytes(b); n >= 0 {
				h.bytes(num, v)
			}
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return h, fmt.Errorf("%w: %w", proto.ErrBadFrame, protowire.ParseError(n))
		}
		b = b[n:]
	}
	return h, nil
}

func (h *Head) number(num protowire.Number, v uint64) {
	switch num {
	case fieldUser:
		h.User = int64(v)
	case fieldCmd:
		h.Cmd = proto.Command(v)
	case fieldFrom:
		h.From = int64(v)
	case fieldTo:
		h.To = int64(v)
	case fieldGroup:
		h.Group = int64(v)
	case fieldCode:
		h.Code = proto.Code(v)
	}
}

func (h *Head) bytes(num protowire.Number, v []byte) {
	switch num {
	case fieldText:
		h.Text = v
	case fieldID:
		h.ID = v
	case fieldAt:
		h.Place = markNumber(v)
	}
}

// markNumber returns the number of an encoded mark, or zero if it has none.
func markNumber(b []byte) int64 {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return 0
		}
		b = b[n:]
		if num == fieldMarkNumber && typ == protowire.VarintType {
			v, _ := protowire.ConsumeVarint(b)
			return int64(v)
		}
		if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
			return 0
		}
		b = b[n:]
	}
	return 0
}

// Number returns the number of a message of this run, or false for any other message.
func (h *Head) Number(tag *Tag) (n int, ok bool) { return tag.number(h.ID) }
