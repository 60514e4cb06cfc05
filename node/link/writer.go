package link

import (
	"github.com/cim-go/cim/proto"
)

// nextLocked returns the bytes to write next. A NEWEST frame for missed places goes
// first. Small frames are copied into one buffer. For frames of the size of chat
// messages, that is cheaper than a system call with a list of buffers.
func (l *Link) nextLocked(room []byte) []byte {
	if missed := l.out.TakeMissed(); len(missed) > 0 {
		b, err := encode(&proto.Frame{Cmd: proto.Command_NEWEST, Newest: missed}, l.form)
		if err == nil { // err is always nil: encoding fails only for a key that is not UTF-8, and the decoder has refused such keys
			l.out.PushNext(b)
		}
	}
	return l.out.Next(room, l.server.clock.Load())
}

// wroteLocked records that the socket took n bytes of those that were offered to it.
func (l *Link) wroteLocked(n int) {
	wasFull := l.out.Full()
	l.out.Wrote(n)
	if wasFull {
		l.resumeLocked()
	}
}
