package benchwire

import (
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/cim-go/cim/proto"
)

// AppendPush appends the frame, with its length, that pushes a sent message to a receiver.
// The frame is as long as the one that a node would send. The parameter place is the
// message's number in the log. If it is zero, the frame has no number.
func AppendPush(b []byte, h *Head, from, place int64) []byte {
	var buf [512]byte
	m := buf[:0]
	m = protowire.AppendTag(m, fieldText, protowire.BytesType)
	m = protowire.AppendBytes(m, h.Text)
	m = appendNumber(m, fieldCmd, uint64(proto.Command_MESSAGE))
	m = protowire.AppendTag(m, fieldID, protowire.BytesType)
	m = protowire.AppendBytes(m, h.ID)
	m = appendNumber(m, fieldFrom, uint64(from))
	if h.To != 0 {
		m = appendNumber(m, fieldTo, uint64(h.To))
	} else {
		m = appendNumber(m, fieldGroup, uint64(h.Group))
	}
	if place > 0 {
		var mark [16]byte
		m = protowire.AppendTag(m, fieldAt, protowire.BytesType)
		m = protowire.AppendBytes(m, appendNumber(mark[:0], fieldMarkNumber, uint64(place)))
	}
	return append(binary.AppendUvarint(b, uint64(len(m))), m...)
}

func appendNumber(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

// LoginAnswer returns the answer that opens a connection.
func LoginAnswer() []byte {
	return mustEncode(&proto.Frame{Cmd: proto.Command_LOGIN_ANSWER, Number: 1, PingSeconds: 10})
}
