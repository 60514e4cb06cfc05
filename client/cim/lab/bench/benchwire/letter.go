package benchwire

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/cim-go/cim/proto"
)

const (
	tagSize    = 8
	numberSize = 8 // hex digits
	idSize     = tagSize + numberSize
)

// Tag is the beginning of the ids of all messages of a run.
type Tag [tagSize]byte

// NewTag returns a tag that no other run has.
func NewTag() Tag {
	var t Tag
	copy(t[:], fmt.Sprintf("%0*x", tagSize, rand.Uint32()))
	return t
}

// ID returns the id of a message with a number.
func (t *Tag) ID(number int) string { return fmt.Sprintf("%s%0*x", t[:], numberSize, number) }

// Letter is a message that is sent again and again, each time with the next
// number.
type Letter struct {
	frame  []byte // the encoded frame, with its length
	digits []byte // the digits of the number, within frame
}

// NewLetter returns a Letter to a user or a group. The parameter text is the length of
// its text in bytes.
func NewLetter(tag Tag, to, group int64, text int) *Letter {
	id := string(tag[:]) + strings.Repeat("0", numberSize)
	frame, err := proto.AppendFrame(nil, &proto.Frame{
		Cmd: proto.Command_SEND, Id: id, To: to, Group: group, ReqMsg: strings.Repeat("x", text),
	})
	if err != nil {
		panic(err) // only for texts that are not UTF-8
	}
	at := bytes.LastIndex(frame, []byte(id)) + tagSize
	return &Letter{frame: frame, digits: frame[at : at+numberSize]}
}

// Frame returns the encoded message with a number. The slice is valid until the next
// call.
func (l *Letter) Frame(number int) []byte {
	const hex = "0123456789abcdef"
	for i := range l.digits {
		l.digits[i] = hex[number>>(4*(numberSize-1-i))&0xf]
	}
	return l.frame
}

// number returns the number in an id that begins with tag. It returns false for any other
// id.
func (tag *Tag) number(id []byte) (n int, ok bool) {
	if len(id) != idSize || !bytes.Equal(id[:tagSize], tag[:]) {
		return 0, false
	}
	for _, c := range id[tagSize:] {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | int(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | int(c-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

// Login returns the first frame of a connection. If the ticket is empty, the frame is a
// login of CIM.
func Login(user int64, ticket string) []byte {
	f := &proto.Frame{Cmd: proto.Command_LOGIN_REQUEST, Ticket: ticket}
	if ticket == "" {
		f.RequestId = user
	}
	return mustEncode(f)
}

// Ping returns the frame that keeps a silent connection open.
func Ping() []byte { return mustEncode(&proto.Frame{Cmd: proto.Command_PING}) }

func mustEncode(f *proto.Frame) []byte {
	b, err := proto.AppendFrame(nil, f)
	if err != nil {
		panic(err) // only texts that are not UTF-8 fail, and all texts here are UTF-8
	}
	return b
}
