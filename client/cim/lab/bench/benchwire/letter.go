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

// Tag is what the ids of a run begin with.
type Tag [tagSize]byte

// NewTag returns a tag that no other run has.
func NewTag() Tag {
	var t Tag
	copy(t[:], fmt.Sprintf("%0*x", tagSize, rand.Uint32()))
	return t
}

// Letter is a message that is sent again and again, each time with the next
// number.
type Letter struct {
	frame  []byte // with its length
	digits []byte // of the number, within frame
}

// NewLetter returns one for a user or a group, with a text of so many bytes.
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

// Frame returns the message with a number, ready to be sent. It is valid until
// the next call.
func (l *Letter) Frame(number int) []byte {
	const hex = "0123456789abcdef"
	for i := range l.digits {
		l.digits[i] = hex[number>>(4*(numberSize-1-i))&0xf]
	}
	return l.frame
}

// number reads the number of an id that begins with tag.
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

// Login returns the first frame of a connection. Without a ticket it is CIM's.
func Login(user int64, ticket string) []byte {
	f := &proto.Frame{Cmd: proto.Command_LOGIN_REQUEST, Ticket: ticket}
	if ticket == "" {
		f.RequestId = user
	}
	return mustEncode(f)
}

// Ping returns the frame that keeps a silent connection.
func Ping() []byte { return mustEncode(&proto.Frame{Cmd: proto.Command_PING}) }

func mustEncode(f *proto.Frame) []byte {
	b, err := proto.AppendFrame(nil, f)
	if err != nil {
		panic(err) // only for texts that are not UTF-8, and these are ours
	}
	return b
}
